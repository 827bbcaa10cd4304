package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

const (
	notesPath    = logPath + "/collections/notes"
	notesSaid    = `{"properties":{"owner":{"kind":"register","type":"text"},"text":{"kind":"register","type":"text"},"public":{"kind":"register","type":"bool"},"rank":{"kind":"register","type":"int64"}}}`
	notesGuarded = `{"read":"owner = :sub OR public OR 'admin' IN :roles","write":"owner = :sub OR 'admin' IN :roles"}`
)

// newNotes is a server with notes that are their owners'.
func newNotes(t *testing.T, o *Options) *guarded {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Entities == nil {
		o.Entities = inMemory
	}
	g := newGuarded(t, o)
	g.do("PUT", notesPath, notesSaid, g.root...).is(201)
	g.do("PUT", notesPath+"/policies", notesGuarded, g.root...).is(200)
	return g
}

// whoIs gives the header of a key for entities, with claims.
func (g *guarded) whoIs(t *testing.T, sub string, roles ...any) []string {
	t.Helper()
	claims := map[string]any{"sub": sub}
	if roles != nil {
		claims["roles"] = roles
	}
	return g.key(t, access.KeySpec{Permissions: []string{"entities"}, Claims: claims})
}

func TestPoliciesAreSet(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Entities: inMemory})
	manager := g.key(t, access.KeySpec{Permissions: []string{"manage:collections"}})
	g.get(notesPath+"/policies", manager...).refused(nacre.CodeNotFound, "notes")
	g.do("PUT", notesPath+"/policies", notesGuarded, manager...).refused(nacre.CodeNotFound, "notes")
	g.do("PUT", notesPath, notesSaid, manager...).is(201)
	g.get(notesPath+"/policies", manager...).is(200).has("", "read").has("", "write")
	g.do("PUT", notesPath+"/policies?actor=ann", notesGuarded, manager...).is(200).has("owner = :sub OR public OR 'admin' IN :roles", "read")
	g.get(notesPath+"/policies", manager...).is(200).has("owner = :sub OR 'admin' IN :roles", "write")
	g.get(logPath+"/streams/%24policy-notes", g.root...).is(200).has("ann", "events", 0, "metadata", "actor")
	for body, words := range map[string][]string{
		`{"read":"owner = "}`:                   {`"field":"read"`, `"column":9`, `"expected"`},
		`{"write":"nobody = :sub"}`:             {`"field":"write"`, `"line":1`, "nobody"},
		`{"write":"owner = :sub\nAND ran = 1"}`: {`"field":"write"`, `"line":2`, "rank"},
		`{"read":"owner = :sub LIMIT 1"}`:       {`"field":"read"`, "condition"},
		`{"reads":"x"}`:                         {"reads"}, `[]`: {"object"},
	} {
		g.do("PUT", notesPath+"/policies", body, manager...).refused(nacre.CodeInvalid, words...)
	}
	test := func(body string) *result { return g.post(notesPath+"/policies/test", body, manager...) }
	test(`{"claims":{"sub":"bob"},"values":{"owner":"ann","public":true}}`).is(200).has(true, "read", "allowed").has(false, "write", "allowed").
		has("public", "read", "terms", 1, "term").has("true", "read", "terms", 1, "is").has("false", "write", "terms", 1, "is")
	g.post(notesPath+"/entities", `{"id":"n","values":{"owner":"ann"}}`, g.root...).is(201)
	test(`{"claims":{"sub":"ann"},"id":"n"}`).is(200).has(true, "write", "allowed").has("owner = :sub OR 'admin' IN :roles", "write", "rule")
	test(`{"claims":{"sub":"bob"},"id":"none"}`).refused(nacre.CodeNotFound)
	test(`{"claims":{"sub":"bob"}}`).refused(nacre.CodeInvalid, "values")
	// Who is confined to other streams has no say.
	g.do("PUT", notesPath+"/policies", notesGuarded, g.key(t, access.KeySpec{Permissions: []string{"*"}, Streams: []string{"order-"}})...).
		refused(wire.CodeForbidden, "notes")
}

func TestPoliciesOfCallers(t *testing.T) {
	t.Parallel()
	g := newNotes(t, nil)
	ann, bob, admin := g.whoIs(t, "ann"), g.whoIs(t, "bob", "x"), g.whoIs(t, "root", "admin")
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events", "write:events"}, Claims: map[string]any{"sub": "bob"}})
	raw := g.key(t, access.KeySpec{Permissions: []string{"read:events", "write:events", "raw"}})
	one := func(id string) string { return notesPath + "/entities/" + id }
	g.post(notesPath+"/entities", `{"id":"a1","values":{"owner":"ann","text":"A"}}`, ann...).is(201).has("A", "values", "text")
	g.post(notesPath+"/entities", `{"id":"a2","values":{"owner":"ann","public":true}}`, ann...).is(201)
	g.post(notesPath+"/entities", `{"id":"b1","values":{"owner":"bob"}}`, bob...).is(201)
	for who, header := range map[string][]string{"bob": bob, "reader": reader} {
		for path, body := range map[string]string{"": `{"id":"b2","values":{"owner":"ann"}}`, "b3": `{}`} {
			g.post(notesPath+"/entities", strings.Replace(body, "{}", `{"id":"`+path+`"}`, 1), header...).refused(wire.CodePolicyDenied, "notes")
		}
		g.get(one("a1"), header...).refused(nacre.CodeNotFound)
		g.do("PATCH", one("a1"), `{"set":{"text":"x"}}`, header...).refused(nacre.CodeNotFound)
		g.do("PATCH", one("a1"), `{"set":{"text":"x"}}`, append([]string{wire.HeaderIfMatch, `"x"`}, header...)...).refused(nacre.CodeNotFound)
		g.do("DELETE", one("a1"), "", header...).refused(nacre.CodeNotFound)
		g.do("PATCH", one("a2"), `{"set":{"owner":"bob"}}`, header...).refused(wire.CodePolicyDenied)
		g.do("DELETE", one("a2"), "", header...).refused(wire.CodePolicyDenied)
		g.post(logPath+"/transactions", `{"edits":[{"do":"patch","collection":"notes","id":"b1","patch":{"set":{"text":"x"}}},{"do":"patch","collection":"notes","id":"a2","patch":{"set":{"text":"x"}}}]}`, header...).
			refused(wire.CodePolicyDenied)
		if got := fmt.Sprint(g.get(notesPath+"/entities", header...).is(200).ids()); got != "[a2 b1]" {
			t.Errorf("%s sees %s", who, got)
		}
		g.post(notesPath+"/query", `{"q":"SELECT count(*)"}`, header...).is(200).has(2, "rows", 0, 0)
	}
	for _, header := range [][]string{admin, raw, g.root} {
		if got := fmt.Sprint(g.get(notesPath+"/entities", header...).is(200).ids()); got != "[a1 a2 b1]" {
			t.Errorf("who may do everything sees %s", got)
		}
		g.do("PATCH", one("a1"), `{"set":{"text":"T"}}`, header...).is(200).has("T", "values", "text")
	}
	// He gives his note away: it took place, and what it is now is not his to see.
	given := g.do("PUT", notesPath+"/policies", `{"read":"owner = :sub","write":""}`, g.root...).is(200)
	given.has("", "write")
	gone := g.do("PATCH", one("b1"), `{"set":{"owner":"ann","text":"hers"}}`, bob...).is(200)
	if gone.json()["values"] != nil || strings.Contains(string(gone.body), "hers") || gone.json()["lastPosition"] == 0.0 {
		t.Errorf("got %s", gone.body)
	}
	g.get(one("b1"), bob...).refused(nacre.CodeNotFound)
	// Who has a key for entities has nothing else.
	for _, path := range []string{logPath + "/events", logPath + "/streams/order-1", one("a2") + "/history", one("a2") + "?at=" + nacre.NewID(), logPath + "/streams"} {
		g.get(path, bob...).refused(wire.CodeForbidden, "read:events")
	}
}

// Where a collection has policies, its log is for who has the permission raw.
func TestLogsOfCollectionsWithPolicies(t *testing.T) {
	t.Parallel()
	g := newNotes(t, nil)
	everything := []string{"read:events", "write:events", "manage:stores", "manage:subscriptions", "manage:modules", "manage:collections", "entities"}
	reader := g.key(t, access.KeySpec{Permissions: everything})
	raw := g.key(t, access.KeySpec{Permissions: append(everything, "raw")})
	orders := g.key(t, access.KeySpec{Permissions: everything[:2], Streams: []string{"order-"}})
	notes := g.key(t, access.KeySpec{Permissions: everything[:2], Streams: []string{"notes-n"}})
	made := g.post(notesPath+"/entities", `{"id":"n1","values":{"owner":"ann","public":true,"text":"secret"}}`, g.root...).is(201)
	at, head := jsonNumber(made.json()["lastPosition"]), made.json()["heads"].([]any)[0].(string)
	one := notesPath + "/entities/n1"
	type request struct{ method, path, body string }
	matrix := []request{
		{"GET", logPath + "/events", ""},
		{"GET", logPath + "/events?category=notes", ""},
		{"GET", logPath + "/events?type=made", ""},
		{"GET", logPath + "/events?streamId=notes-n1", ""},
		{"GET", logPath + "/events?streamId=notes-n2", ""},
		{"GET", logPath + "/streams/notes-n1", ""},
		{"GET", logPath + "/streams/notes-n1/events", ""},
		{"GET", logPath + "/streams/notes-n1/events/" + head, ""},
		{"POST", logPath + "/query", `{}`},
		{"POST", logPath + "/read", `{"filter":{"items":[{"tags":["t"]}]}}`},
		{"GET", logPath + "/events?where=category+%3D+%27order%27", ""},
		{"GET", one + "/history", ""},
		{"GET", one + "/conflicts", ""},
		{"GET", one + "/inspect", ""},
		{"GET", one + "/diff?to=" + head, ""},
		{"GET", one + "?at=" + head, ""},
		{"POST", logPath + "/transactions/" + at + "/undo", `{"context":{"actor":"x"}}`},
		{"POST", logPath + "/backup", ""},
		{"POST", logPath + "/streams/notes-n1", `{"events":[{"type":"x","data":{},"parents":["` + head + `"]}]}`},
		{"POST", logPath + "/events", `{"appends":[{"streamId":"order-9","events":[{"type":"x","data":1}]},{"streamId":"notes-n9","events":[{"type":"x","data":1}]}]}`},
		{"POST", logPath + "/events", `{"appends":[{"streamId":"order-9","events":[{"type":"x","data":1}]}],"condition":{"failIfEventsMatch":{"items":[{"categories":["notes"]}]}}}`},
		{"POST", logPath + "/subscriptions", `{"name":"all","kind":"group"}`},
		{"POST", logPath + "/subscriptions", `{"name":"notes","kind":"group","filter":{"items":[{"categories":["notes"]}]}}`},
		{"GET", logPath + "/dead-letters", ""},
	}
	for _, r := range matrix {
		body := g.do(r.method, r.path, r.body, reader...).refused(wire.CodeForbidden, "raw", "notes", "policies")
		if strings.Contains(body.Message, "secret") {
			t.Errorf("%s %s tells %s", r.method, r.path, body.Message)
		}
	}
	g.get(logPath+"/streams/notes-n1", notes...).refused(wire.CodeForbidden, "raw")
	g.get(logPath+"/events", notes...).refused(wire.CodeForbidden, "raw")
	if got := string(g.get(logPath+"/streams", reader...).is(200).body); strings.Contains(got, "notes-n1") || !strings.Contains(got, "order-2") {
		t.Errorf("the streams are %s", got)
	}
	g.get(logPath+"/streams?includeCount=true&limit=2", reader...).is(200)
	// What does not reach it goes on.
	for _, r := range []request{
		{"GET", logPath + "/events?category=order", ""},
		{"GET", logPath + "/streams/order-1", ""},
		{"GET", logPath + "/head", ""},
		{"POST", logPath + "/streams/order-1", `{"events":[{"type":"x","data":1}]}`},
		{"POST", logPath + "/events", `{"appends":[{"streamId":"order-9","events":[{"type":"x","data":1}]}],"condition":{"failIfEventsMatch":{"items":[{"categories":["nothing"]}]}}}`},
		{"POST", logPath + "/subscriptions", `{"name":"orders","kind":"group","filter":{"items":[{"categories":["order"]}]}}`},
		{"GET", one, ""},
	} {
		if got := g.do(r.method, r.path, r.body, reader...); got.status >= 300 && got.status != 404 {
			t.Errorf("%s %s: %s", r.method, r.path, got.body)
		}
	}
	g.get(logPath+"/events", orders...).is(200)
	// A subscription from before is there for who is raw.
	g.post(logPath+"/subscriptions", `{"name":"everything","kind":"group"}`, raw...).is(201)
	g.get(logPath+"/subscriptions/everything", reader...).refused(wire.CodeForbidden, "raw")
	g.post(logPath+"/subscriptions/everything/poll", `{"consumer":"c"}`, reader...).refused(wire.CodeForbidden, "raw")
	if got := string(g.get(logPath+"/subscriptions", reader...).is(200).body); strings.Contains(got, "everything") {
		t.Errorf("the subscriptions are %s", got)
	}
	for _, r := range matrix {
		if got := g.do(r.method, r.path, r.body, raw...); got.status == 403 {
			t.Errorf("%s %s with raw: %s", r.method, r.path, got.body)
		}
	}
	// Without policies there is nothing to go around.
	g.do("PUT", notesPath+"/policies", `{}`, g.root...).is(200)
	g.get(logPath+"/streams/notes-n1", reader...).is(200)
	g.get(one+"/history", reader...).is(200)
}

// Who follows a log as policies come is sent nothing that they guard.
func TestFollowersWhenPoliciesAreSet(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, &Options{Entities: inMemory})
	g.do("PUT", notesPath, notesSaid, g.root...).is(201)
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events"}})
	s, w := g.listen("?after=3", reader...), g.socket("?after=3", reader...)
	s.events(4).caughtUp(4)
	w.events(4).caughtUp(4)
	g.post(notesPath+"/entities", `{"id":"a","values":{"owner":"ann"}}`, g.root...).is(201)
	s.events(5)
	w.events(5)
	g.do("PUT", notesPath+"/policies", notesGuarded, g.root...).is(200)
	g.post(notesPath+"/entities", `{"id":"b","values":{"owner":"ann","text":"secret"}}`, g.root...).is(201)
	s.ended(wire.CodeForbidden, "raw")
	w.ended(4403, wire.CodeForbidden, "raw")
	followed := g.listen("?category=order&category=payment", reader...)
	followed.events(1, 2, 3)
	g.refusedSocket(wire.CodeForbidden, "?after=0", reader...)
	late := g.socket("", reader...)
	late.say(`{"action":"subscribe","filter":{"items":[{"categories":["notes"]}]}}`).ended(4403, wire.CodeForbidden, "raw")
}
