package access

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// Kind is how somebody was let in.
type Kind string

// The kinds of grants.
const (
	KindKey         Kind = "key"
	KindToken       Kind = "token"
	KindCertificate Kind = "certificate"
	// KindOpen is everybody's grant in open mode.
	KindOpen Kind = "open"
)

// Grant is what somebody may do. It is shared between requests: do not change it. The zero value allows
// nothing.
type Grant struct {
	// Kind is how he was let in.
	Kind Kind
	// Subject is who: the id of a key, the sub of a token, the name or URI of a certificate.
	Subject string
	// Name is what people call a key or a configured certificate; "" for others.
	Name string
	// Permissions are what may be done.
	Permissions []Permission
	// Stores are the names of the stores in which it may be done, or "*".
	Stores []string
	// Streams are the prefixes that the ids of streams must have, for reading and for writing. Nil is all
	// streams.
	Streams []string
	// Claims are what policies are told of the subject, beside who it is: all claims of a token, those that a key was given.
	Claims map[string]any
	// Expires is from when on it is nothing worth; zero is never.
	Expires time.Time
}

// Who names the subject across kinds, as in "key:3k7m9qaw": for logs, and for the limiter.
func (g *Grant) Who() string { return string(g.Kind) + ":" + g.Subject }

// String is the subject as errors have it.
func (g *Grant) String() string {
	switch {
	case g.Kind == KindOpen:
		return "the open server"
	case g.Name != "":
		return fmt.Sprintf("%s %s (%q)", g.Kind, g.Subject, g.Name)
	}
	return fmt.Sprintf("%s %q", g.Kind, g.Subject)
}

// Has tells whether the permission is among the grant's.
func (g *Grant) Has(perm Permission) bool {
	return slices.Contains(g.Permissions, perm) || slices.Contains(g.Permissions, Everything)
}

// AllowsStore tells whether the store is among the grant's: what a list of stores may show.
func (g *Grant) AllowsStore(store string) bool {
	return slices.Contains(g.Stores, anyStore) || store != "" && slices.Contains(g.Stores, store)
}

// Allows checks that something may be done in a store. An empty name is for what is of no store, such as
// the list of them: then only the permission counts. The error is FORBIDDEN and says what is missing. It
// does not look at streams; see [Grant.CheckStream] and [Grant.Confined].
func (g *Grant) Allows(perm Permission, store string) error {
	if !g.Has(perm) {
		return nacre.Errorf(wire.CodeForbidden, "%s lacks the permission %s, it has %s", g, perm, listed(g.Permissions))
	}
	if store != "" && !g.AllowsStore(store) {
		return nacre.Errorf(wire.CodeForbidden, "%s may not use the store %q, its stores are %s", g, store, listed(g.Stores))
	}
	return nil
}

// Confined tells that the grant is only for streams with certain prefixes: then what reads a whole log, or
// touches more than streams, is not for it.
func (g *Grant) Confined() bool { return g.Streams != nil }

// AllowsStream tells whether the stream is within the grant. Prefixes are compared bytewise: "order-1" is
// one of "order-10" as well.
func (g *Grant) AllowsStream(id nacre.StreamID) bool {
	if !g.Confined() {
		return true
	}
	return slices.ContainsFunc(g.Streams, func(prefix string) bool { return strings.HasPrefix(string(id), prefix) })
}

// CheckStream is AllowsStream as an error, FORBIDDEN.
func (g *Grant) CheckStream(id nacre.StreamID) error {
	if g.AllowsStream(id) {
		return nil
	}
	return nacre.Errorf(wire.CodeForbidden, "%s may not use the stream %q, its streams begin with %s", g, id, listed(g.Streams))
}

// CheckUnconfined refuses a grant that is confined, for what cannot be narrowed to streams. What is named
// as in "a backup".
func (g *Grant) CheckUnconfined(what string) error {
	if !g.Confined() {
		return nil
	}
	return nacre.Errorf(wire.CodeForbidden, "%s may not have %s, which reaches beyond its streams: they begin with %s",
		g, what, listed(g.Streams))
}

// Told are the claims that a policy is told: the grant's, with sub, which is the subject, and name, where the claims do not say
// otherwise. It is the caller's.
func (g *Grant) Told() map[string]any {
	told := map[string]any{"sub": g.Subject}
	if g.Name != "" {
		told["name"] = g.Name
	}
	maps.Copy(told, g.Claims)
	return told
}

// expired tells whether the grant's time is over.
func (g *Grant) expired(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

// same tells whether two grants let the same subject do the same.
func (g *Grant) same(other *Grant) bool {
	return g.Kind == other.Kind && g.Subject == other.Subject &&
		slices.Equal(g.Permissions, other.Permissions) && slices.Equal(g.Stores, other.Stores) &&
		slices.Equal(g.Streams, other.Streams) && (g.Streams == nil) == (other.Streams == nil) &&
		g.Expires.Equal(other.Expires) && reflect.DeepEqual(g.Claims, other.Claims)
}

// maxListed bounds what an error says of a list.
const maxListed = 8

// listed joins names for an error.
func listed[T ~string](names []T) string {
	if len(names) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, n := range names[:min(len(names), maxListed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(n))
	}
	if more := len(names) - maxListed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
