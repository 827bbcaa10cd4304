package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

// Permission is something that a grant may allow.
type Permission string

// The permissions. Each stands for itself only, apart from [Everything].
const (
	// ReadEvents: reading and following events, streams and what is known of a store.
	ReadEvents Permission = "read:events"
	// WriteEvents: appending.
	WriteEvents Permission = "write:events"
	// ManageStores: making, deleting and backing up stores.
	ManageStores Permission = "manage:stores"
	// ManageSubscriptions: making, changing and deleting subscriptions; ending followers; steering projections,
	// process managers and their dead letters.
	ManageSubscriptions Permission = "manage:subscriptions"
	// ManageModules: publishing, pinning, rolling back and retiring WebAssembly modules.
	ManageModules Permission = "manage:modules"
	// ManageCollections: declaring the schemas of collections of entities.
	ManageCollections Permission = "manage:collections"
	// Entities: reading and editing entities by their own routes, under the policies of their collections; not the log.
	Entities Permission = "entities"
	// Raw: the companion log and the blobs of a store, as the framework needs them over the wire, and what policies would
	// restrict: all entities, and the log of collections that have policies.
	Raw Permission = "raw"
	// Everything has all permissions, also those that are still to come.
	Everything Permission = "*"
)

// permissions are those that may be given, in the order in which they are listed.
var permissions = []Permission{
	ReadEvents, WriteEvents, ManageStores, ManageSubscriptions, ManageModules, ManageCollections, Entities, Raw, Everything,
}

// synonyms are the names that DeltaBase has for a part of what a permission here allows. They are taken
// where a key is created and in the claims of a token, and what is kept and shown is the permission: so
// create:event_store allows deleting as well, and read:streams and connect:websockets allow all reading.
var synonyms = map[string]Permission{
	"create:event_store": ManageStores,
	"update:event_store": ManageStores,
	"delete:event_store": ManageStores,
	"read:event_store":   ReadEvents,
	"read:streams":       ReadEvents,
	"connect:websockets": ReadEvents,
}

// ParsePermission takes the name of a permission, or DeltaBase's name for a part of it: create:event_store,
// update:event_store and delete:event_store are [ManageStores]; read:event_store, read:streams and
// connect:websockets are [ReadEvents].
func ParsePermission(name string) (Permission, error) {
	if p, ok := lookupPermission(name); ok {
		return p, nil
	}
	known := make([]string, len(permissions))
	for i, p := range permissions {
		known[i] = string(p)
	}
	return "", nacre.Errorf(nacre.CodeInvalid, "there is no permission %q: give some of %s", name, strings.Join(known, ", "))
}

func lookupPermission(name string) (Permission, bool) {
	if p := Permission(name); slices.Contains(permissions, p) {
		return p, true
	}
	p, ok := synonyms[name]
	return p, ok
}

// parsePermissions refuses unknown names and an empty list, and drops repetitions.
func parsePermissions(names []string) ([]Permission, error) {
	if len(names) == 0 {
		return nil, nacre.Errorf(nacre.CodeInvalid, `no permission is given: give some, or "*" for all`)
	}
	out := make([]Permission, 0, len(names))
	for _, name := range names {
		p, err := ParsePermission(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// anyStore stands in a list of stores for all of them.
const anyStore = "*"

// checkStores wants names of stores, or "*".
func checkStores(stores []string) error {
	if len(stores) == 0 {
		return nacre.Errorf(nacre.CodeInvalid, `no store is given: give names, or "*" for all`)
	}
	for _, s := range stores {
		if s != anyStore && !validStoreName(s) {
			return nacre.Errorf(nacre.CodeInvalid, `%q is not the name of a store: give 3 to 63 of a-z, 0-9, "_" and "-", `+
				`a letter or digit first, or "*" for all stores`, s)
		}
	}
	return nil
}

func validStoreName(s string) bool {
	if len(s) < 3 || len(s) > 63 || s[0] == '_' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// maxPrefix is the longest that a stream id may be, so no prefix is longer.
const maxPrefix = 256

// checkPrefixes takes nil, which is no confinement, and otherwise wants beginnings of stream ids. An empty
// list could mean all streams to one reader and none to another, so it means nothing here.
func checkPrefixes(prefixes []string) error {
	if prefixes != nil && len(prefixes) == 0 {
		return nacre.Errorf(nacre.CodeInvalid, "the list of stream prefixes is empty: leave it out for all streams, or name some")
	}
	for _, p := range prefixes {
		if problem := checkText(p, maxPrefix); problem != "" {
			return nacre.Errorf(nacre.CodeInvalid, "the stream prefix %q %s", p, problem)
		}
	}
	return nil
}

// checkText is for names and prefixes, which stand in logs and tables as they are.
func checkText(s string, limit int) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > limit:
		return fmt.Sprintf("has %d bytes, at most %d are taken", len(s), limit)
	case strings.ToValidUTF8(s, "") != s:
		return "is not valid UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' }):
		return "has control characters or line separators"
	}
	return ""
}
