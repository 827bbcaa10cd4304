package access

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestPermissionNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Permission{
		"read:events": ReadEvents, "write:events": WriteEvents, "manage:stores": ManageStores,
		"manage:subscriptions": ManageSubscriptions, "raw": Raw, "*": Everything,
		"create:event_store": ManageStores, "update:event_store": ManageStores, "delete:event_store": ManageStores,
		"read:event_store": ReadEvents, "read:streams": ReadEvents, "connect:websockets": ReadEvents,
	} {
		if got, err := ParsePermission(name); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "read", "READ:EVENTS", "read:events ", "create:api_keys", "**", "write:*"} {
		_, err := ParsePermission(name)
		wantErr(t, err, nacre.CodeInvalid, "there is no permission", "read:events, write:events")
	}
	got, err := parsePermissions([]string{"read:streams", "read:events", "raw"})
	if err != nil || !slices.Equal(got, []Permission{ReadEvents, Raw}) {
		t.Errorf("parsed %q, %v", got, err)
	}
}

func TestGrantAllows(t *testing.T) {
	t.Parallel()
	reader := &Grant{Kind: KindKey, Subject: "3k7m9qaw", Name: "ci", Permissions: []Permission{ReadEvents}, Stores: []string{"orders", "users"}}
	all := &Grant{Kind: KindToken, Subject: "ann", Permissions: []Permission{Everything}, Stores: []string{"*"}}
	for _, c := range []struct {
		name  string
		grant *Grant
		perm  Permission
		store string
		words []string // of the refusal; none where it is allowed
	}{
		{"its store", reader, ReadEvents, "orders", nil},
		{"no store", reader, ReadEvents, "", nil},
		{"other permission", reader, WriteEvents, "orders", []string{`key 3k7m9qaw ("ci")`, "lacks the permission write:events", "it has read:events"}},
		{"raw is not reading", reader, Raw, "orders", []string{"lacks the permission raw"}},
		{"other store", reader, ReadEvents, "payments", []string{`the store "payments"`, "orders, users"}},
		{"prefix of a store", reader, ReadEvents, "order", []string{`the store "order"`}},
		{"star as a store's name", reader, ReadEvents, "*", []string{`the store "*"`}},
		{"everything", all, Raw, "payments", nil},
		{"everything, no store", all, ManageStores, "", nil},
		{"zero grant", &Grant{}, ReadEvents, "orders", []string{"it has none"}},
		{"zero stores", &Grant{Permissions: []Permission{Everything}}, ReadEvents, "orders", []string{"its stores are none"}},
		{"asked for everything", reader, Everything, "orders", []string{"lacks the permission *"}},
	} {
		err := c.grant.Allows(c.perm, c.store)
		if c.words == nil {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantErr(t, err, wire.CodeForbidden, c.words...)
	}
}

func TestGrantStreams(t *testing.T) {
	t.Parallel()
	free := &Grant{Kind: KindKey, Subject: "a"}
	if free.Confined() || !free.AllowsStream("x-1") || free.CheckStream("x-1") != nil || free.CheckUnconfined("a backup") != nil {
		t.Error("a grant without prefixes is confined")
	}
	g := &Grant{Kind: KindKey, Subject: "3k7m9qaw", Streams: []string{"order-", "payment-7"}}
	if !g.Confined() {
		t.Error("a grant with prefixes is not confined")
	}
	for id, want := range map[nacre.StreamID]bool{
		"order-1": true, "order-": true, "payment-7": true, "payment-77": true,
		"order": false, "orders-1": false, "Order-1": false, "payment-8": false, "": false, "x-order-1": false,
	} {
		if g.AllowsStream(id) != want {
			t.Errorf("stream %q allowed: %v, want %v", id, !want, want)
		}
		if err := g.CheckStream(id); want != (err == nil) {
			t.Errorf("stream %q: %v", id, err)
		} else if err != nil {
			wantErr(t, err, wire.CodeForbidden, "order-, payment-7")
		}
	}
	wantErr(t, g.CheckUnconfined("a backup"), wire.CodeForbidden, "may not have a backup")
	if empty := (&Grant{Streams: []string{}}); !empty.Confined() || empty.AllowsStream("a-1") {
		t.Error("an empty list of prefixes allows streams")
	}
}

func TestGrantExpiryAndNames(t *testing.T) {
	t.Parallel()
	now := newHandClock().Now()
	g := &Grant{Kind: KindToken, Subject: "ann", Expires: now}
	if !g.expired(now) || g.expired(now.Add(-1)) || (&Grant{}).expired(now.Add(1000*time.Hour)) {
		t.Error("a grant expires at its instant, and never without one")
	}
	if g.Who() != "token:ann" || g.String() != `token "ann"` {
		t.Errorf("%s, %s", g.Who(), g)
	}
	long := &Grant{Kind: KindKey, Subject: "a", Permissions: []Permission{ReadEvents}, Stores: strings.Fields(strings.Repeat("name ", 100))}
	wantErr(t, long.Allows(ReadEvents, "other"), wire.CodeForbidden, "and 92 more")
}

func TestStoresAndPrefixes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"*", "abc", "default", "0-_", strings.Repeat("a", 63)} {
		if err := checkStores([]string{name}); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "ab", "Abc", "-abc", "_abc", "a b", "abc*", strings.Repeat("a", 64), "ab/"} {
		wantErr(t, checkStores([]string{"abc", name}), nacre.CodeInvalid, "is not the name of a store")
	}
	wantErr(t, checkStores(nil), nacre.CodeInvalid, "no store is given")
	if err := checkPrefixes(nil); err != nil {
		t.Error(err)
	}
	wantErr(t, checkPrefixes([]string{}), nacre.CodeInvalid, "is empty")
	for _, prefix := range []string{"", "a\n", "\x80", "a\u2028", strings.Repeat("a", 257)} {
		wantErr(t, checkPrefixes([]string{"ok-", prefix}), nacre.CodeInvalid, "the stream prefix")
	}
}
