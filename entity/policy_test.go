package entity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
)

const notes = `{"properties":{"owner":{"kind":"register","type":"text"},"text":{"kind":"register","type":"text"},"public":{"kind":"register","type":"bool"},
	"album":{"kind":"reference","type":"ref","of":"albums"}}}`

func caller(sub string, roles ...any) *entity.Caller {
	return &entity.Caller{Claims: map[string]any{"sub": sub, "roles": roles}}
}

// guarded is a world with notes that are their owner's.
func guarded(t *testing.T) *world {
	t.Helper()
	w := open(t)
	if _, err := w.Declare(t.Context(), "notes", json.RawMessage(notes), nil); err != nil {
		t.Fatal(err)
	}
	w.policies("owner = :sub OR public OR 'admin' IN :roles", "owner = :sub OR 'admin' IN :roles")
	return w
}

func (w *world) policies(read, write string) {
	w.t.Helper()
	if err := w.SetPolicies(w.t.Context(), "notes", entity.Policies{Read: read, Write: write}, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) caller(c *entity.Caller, do, id, what string) error {
	e := entity.Edit{Do: do, Collection: "notes", ID: id}
	if do == "create" {
		e.Values = json.RawMessage(what)
	} else if what != "" {
		e.Patch = json.RawMessage(what)
	}
	_, err := w.Apply(w.t.Context(), &entity.TxOptions{Caller: c}, e)
	return err
}

func (w *world) sees(c *entity.Caller, text string) string {
	w.t.Helper()
	page, err := w.Query(w.t.Context(), "notes", text, &entity.QueryOptions{Caller: c})
	if err != nil {
		return string(nacre.CodeOf(err))
	}
	if page.Table != nil {
		return tableText(page.Table)
	}
	var ids []string
	for _, v := range page.Entities {
		ids = append(ids, v.ID)
	}
	return strings.Join(ids, " ")
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	ann, bob, root := caller("ann"), caller("bob", "x"), caller("root", "x", "admin")
	for _, step := range []struct {
		who          *entity.Caller
		do, id, what string
		code         nacre.Code
	}{
		{ann, "create", "a1", `{"owner":"ann","text":"A"}`, ""},
		{ann, "create", "a2", `{"owner":"ann","public":true}`, ""},
		{bob, "create", "b1", `{"owner":"bob"}`, ""},
		{bob, "create", "b2", `{"owner":"ann"}`, entity.CodeDenied},
		{bob, "create", "b3", `{}`, entity.CodeDenied},
		{bob, "patch", "a1", `{"set":{"text":"mine"}}`, nacre.CodeNotFound},
		{bob, "patch", "a2", `{"set":{"text":"mine"}}`, entity.CodeDenied},
		{bob, "patch", "a2", `{"set":{"owner":"bob"}}`, entity.CodeDenied},
		{bob, "patch", "b1", `{"set":{"owner":"ann"}}`, entity.CodeDenied},
		{bob, "patch", "b1", `{"set":{"text":"B"}}`, ""},
		{bob, "delete", "a2", "", entity.CodeDenied},
		{bob, "delete", "a1", "", nacre.CodeNotFound},
		{bob, "create", "a1", `{"owner":"bob"}`, entity.CodeExists},
		{root, "patch", "a1", `{"set":{"text":"R"}}`, ""},
		{bob, "delete", "b1", "", ""},
		{ann, "restore", "b1", "", nacre.CodeNotFound},
		{bob, "restore", "b1", "", ""},
		{caller(""), "create", "c", `{"owner":null}`, entity.CodeDenied},
	} {
		before, _ := w.store.Head(t.Context())
		err := w.caller(step.who, step.do, step.id, step.what)
		if nacre.CodeOf(err) != step.code {
			t.Errorf("%v %s %s %s: %v, want %q", step.who.Claims["sub"], step.do, step.id, step.what, err, step.code)
		}
		after, _ := w.store.Head(t.Context())
		if err != nil && before.Position != after.Position {
			t.Errorf("%s %s was denied, and something was written", step.do, step.id)
		}
	}
	for _, q := range []struct {
		who        *entity.Caller
		text, want string
	}{
		{ann, "", "a1 a2"},
		{bob, "", "a2 b1"},
		{root, "", "a1 a2 b1"},
		{nil, "", "a1 a2 b1"},
		{caller("nobody"), "", "a2"},
		{&entity.Caller{}, "", "a2"},
		{bob, "owner = 'ann' OR NOT public", "a2"},
		{bob, "SELECT count(*)", "[[2]]"},
		{root, "SELECT count(*)", "[[3]]"},
	} {
		if got := w.sees(q.who, q.text); got != q.want {
			t.Errorf("%v sees %q of %q, want %q", q.who, got, q.text, q.want)
		}
	}
	tx := w.Begin(&entity.TxOptions{Caller: bob})
	_, err := tx.Get(t.Context(), "notes", "a1")
	code(t, err, nacre.CodeNotFound)
	// Who may not read where a reference leads does not follow it.
	if _, err := w.Declare(t.Context(), "albums", json.RawMessage(`{"properties":{"note":{"kind":"reference","type":"ref","of":"notes"}}}`), nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.Query(t.Context(), "albums", "note.text = 'A'", &entity.QueryOptions{Caller: bob})
	code(t, err, entity.CodeDenied)
	// They are there after the tables and the policies were read again.
	_ = w.Close()
	w.reopen(memory.Open())
	if got := w.sees(bob, ""); got != "a2 b1" {
		t.Errorf("bob sees %q afterwards", got)
	}
}

func TestWrongPolicies(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	for text, want := range map[string]string{
		"owner = ": "column 9", "nobody = :sub": "nobody", "owner = ?": "claims have names", "owner = :sub LIMIT 3": "more than a condition",
		"album.name = 'x'": "follows the reference to albums", "SELECT owner": "more than a condition", "ORDER BY owner": "more than a condition",
	} {
		err := w.SetPolicies(t.Context(), "notes", entity.Policies{Write: text}, nil)
		if nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to name %q", text, err, want)
		}
	}
	err := w.SetPolicies(t.Context(), "none", entity.Policies{}, nil)
	code(t, err, nacre.CodeNotFound)
	// A policy that cannot be evaluated lets nobody.
	if err := w.caller(caller("ann"), "create", "a", `{"owner":"ann"}`); err != nil {
		t.Fatal(err)
	}
	w.policies("owner = :sub AND public = :flag", "")
	if got := w.sees(&entity.Caller{Claims: map[string]any{"sub": "ann", "flag": "maybe"}}, ""); got != string(entity.CodeDenied) {
		t.Errorf("it sees %q", got)
	}
	if _, err := w.store.Append(t.Context(), "$policy-notes", nacre.Any, nacre.Event{Type: "$policy", Data: json.RawMessage(`{"read":"owner ="}`)}); err != nil {
		t.Fatal(err)
	}
	if got := w.sees(caller("ann"), ""); got != string(entity.CodeDenied) {
		t.Errorf("with a broken policy ann sees %q", got)
	}
	code(t, w.caller(caller("ann"), "create", "b", `{"owner":"ann"}`), entity.CodeDenied)
}

// What leaves a caller's view is taken from his results, without its new content; another policy makes results anew.
func TestLiveQueriesUnderPolicies(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	root := caller("root", "admin")
	for i := range 4 {
		if err := w.caller(root, "create", fmt.Sprint("n", i), fmt.Sprintf(`{"owner":%q,"text":"t%d"}`, []string{"ann", "bob"}[i%2], i)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := w.Live(t.Context(), "notes", "ORDER BY text", &entity.LiveOptions{Caller: caller("bob")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expect := func(want string) {
		t.Helper()
		n := next(t, l)
		if got := deltas(n); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		for _, d := range n.Changes {
			if d.Row != nil && strings.Contains(string(d.Row.State()), "secret") {
				t.Errorf("told %s", d.Row.State())
			}
		}
	}
	expect("initial n1 0; initial n3 1; ")
	if err := w.caller(root, "patch", "n1", `{"set":{"owner":"ann","text":"secret"}}`); err != nil {
		t.Fatal(err)
	}
	expect("remove n1 0; ")
	w.policies("owner = :sub OR owner = 'ann' AND text != 'secret'", "")
	expect("add n0 0; add n2 1; ")
	w.policies("owner = :other", "")
	expect("remove n0 0; remove n2 0; remove n3 0; ")
}

// However edits of others meet, nobody writes what his policy does not let him write.
func TestPoliciesHoldWhenOthersWrite(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	root, bob := caller("root", "admin"), caller("bob")
	if err := w.caller(root, "create", "n", `{"owner":"bob"}`); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 60 {
			if err := w.caller(root, "patch", "n", fmt.Sprintf(`{"set":{"owner":%q}}`, []string{"ann", "bob"}[i%2])); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for i := range 60 {
			tx := w.Begin(&entity.TxOptions{Caller: bob, Actor: "bob"})
			err := tx.Patch(t.Context(), "notes", "n", json.RawMessage(fmt.Sprintf(`{"set":{"text":"%d"}}`, i)))
			if err == nil {
				_, err = tx.Commit(t.Context())
			}
			switch nacre.CodeOf(err) {
			case "", nacre.CodeNotFound, entity.CodeDenied:
			default:
				t.Error(err)
			}
		}
	})
	all.Wait()
	owner, writes := "", 0
	for e, err := range w.store.ReadStream(t.Context(), "notes-n", nil) {
		if err != nil {
			t.Fatal(err)
		}
		var data struct {
			Owner *struct{ Set string } `json:"owner"`
			Text  *struct{ Set string } `json:"text"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Owner != nil {
			owner = data.Owner.Set
		}
		if data.Text != nil {
			writes++
			if owner != "bob" {
				t.Errorf("at position %d bob wrote to %s's", e.GlobalPosition, owner)
			}
		}
	}
	t.Logf("%d writes", writes)
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	read, write, err := w.TestPolicies(t.Context(), "notes", caller("bob", "x"), "n", json.RawMessage(`{"owner":"ann","public":true}`))
	if err != nil || !read.Allowed || write.Allowed || len(read.Terms) != 3 || fmt.Sprint(read.Terms) != "[{owner = :sub false} {public true} {'admin' IN :roles false}]" {
		t.Errorf("got %+v, %+v, %v", read, write, err)
	}
}

// Who deletes makes of an entity, too, what he writes with that.
func TestPoliciesHoldForWhatIsDeleted(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	bob := caller("bob")
	o := &entity.TxOptions{Caller: bob, Actor: "bob"}
	_, err := w.Apply(t.Context(), o,
		entity.Edit{Do: "create", Collection: "notes", ID: "n", Values: json.RawMessage(`{"owner":"ann"}`)},
		entity.Edit{Do: "delete", Collection: "notes", ID: "n"})
	code(t, err, entity.CodeDenied)
	if err := w.caller(bob, "create", "b", `{"owner":"bob"}`); err != nil {
		t.Fatal(err)
	}
	_, err = w.Apply(t.Context(), o,
		entity.Edit{Do: "patch", Collection: "notes", ID: "b", Patch: json.RawMessage(`{"set":{"owner":"ann"}}`)},
		entity.Edit{Do: "delete", Collection: "notes", ID: "b"})
	code(t, err, entity.CodeDenied)
	if err := w.caller(bob, "delete", "b", ""); err != nil {
		t.Error(err)
	}
	read, write, err := w.TestPolicies(t.Context(), "notes", bob, "b", nil)
	if err != nil || !read.Allowed || !write.Allowed {
		t.Errorf("got %+v, %+v, %v", read, write, err)
	}
	read, _, err = w.TestPolicies(t.Context(), "notes", nil, "b", nil)
	if err != nil || read.Allowed {
		t.Errorf("got %+v, %v", read, err)
	}
}

// Undoing tells nothing of what one may not read.
func TestUndoUnderPolicies(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	done, err := w.Apply(t.Context(), &entity.TxOptions{Caller: caller("ann"), Actor: "ann@example.org"},
		entity.Edit{Do: "create", Collection: "notes", ID: "n", Values: json.RawMessage(`{"owner":"ann"}`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Undo(t.Context(), &entity.TxOptions{Caller: caller("bob"), Actor: "bob"}, done.Commit)
	code(t, err, nacre.CodeNotFound)
	if err != nil && strings.Contains(err.Error(), "example.org") {
		t.Error(err)
	}
}

// late is a store's driver that does something before an append.
type late struct {
	nacre.Driver
	nacre.EventFinder
	before func()
}

func (l *late) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if before := l.before; before != nil && batch[0].Stream.Category() == "notes" {
		l.before = nil
		before()
	}
	return l.Driver.Append(ctx, batch, c)
}

// A policy that comes between its evaluation and the commit counts, also where the commit has a condition of its own.
func TestPoliciesBesideConditions(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	_ = w.Close()
	d := w.store.Driver()
	l := &late{Driver: d, EventFinder: d.(nacre.EventFinder)}
	db, err := entity.Open(t.Context(), nacre.NewStore(l, nil), memory.Open(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.DB = db
	if err := w.caller(caller("bob"), "create", "n", `{"owner":"bob"}`); err != nil {
		t.Fatal(err)
	}
	users := nacre.Filter{{Categories: []string{"users"}}}
	for _, c := range []struct {
		o      entity.TxOptions
		policy bool
		code   nacre.Code
	}{
		{entity.TxOptions{Strict: true}, false, ""},
		{entity.TxOptions{Condition: &nacre.Condition{FailIfEventsMatch: users}}, false, ""},
		{entity.TxOptions{Condition: &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Categories: []string{"notes"}}}}}, false, nacre.CodeConditionFailed},
		{entity.TxOptions{}, true, entity.CodeDenied},
		{entity.TxOptions{Strict: true}, true, entity.CodeDenied},
		{entity.TxOptions{Condition: &nacre.Condition{FailIfEventsMatch: users}}, true, entity.CodeDenied},
	} {
		w.policies("", "owner = :sub")
		if c.policy {
			l.before = func() { w.policies("", "'admin' IN :roles") }
		}
		c.o.Caller = caller("bob")
		_, err := w.Transact(t.Context(), &c.o, func(tx *entity.Tx) error {
			return tx.Patch(t.Context(), "notes", "n", json.RawMessage(fmt.Sprintf(`{"set":{"text":%q}}`, nacre.NewID())))
		})
		if nacre.CodeOf(err) != c.code {
			t.Errorf("%+v: got %v, want %q", c, err, c.code)
		}
	}
}

// A creation that failed leaves nothing in its transaction.
func TestCreationsThatFail(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	done, err := w.Transact(t.Context(), nil, func(tx *entity.Tx) error {
		_, err := tx.Create(t.Context(), "notes", "n", json.RawMessage(`{"owner":"ann","text":7}`))
		code(t, err, nacre.CodeInvalid)
		_, err = tx.Get(t.Context(), "notes", "n")
		code(t, err, nacre.CodeNotFound)
		return nil
	})
	if err != nil || done.Last != 0 {
		t.Errorf("got %+v, %v", done, err)
	}
}
