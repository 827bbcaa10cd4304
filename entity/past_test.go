package entity_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
)

func (w *world) as(actor, id, patch string) entity.Commit {
	w.t.Helper()
	e := entity.Edit{Do: "patch", Collection: "albums", ID: id, Patch: json.RawMessage(patch)}
	done, err := w.Apply(w.t.Context(), &entity.TxOptions{Actor: actor}, e)
	if err != nil {
		w.t.Fatal(err)
	}
	return done.Commit
}

// said is a value as its JSON reads.
func said(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestConflictsAndInspect(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]},"old":{"set":9,"over":[]}}`)
	if got, err := w.Conflicts(ctx, "albums", "a"); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	e := nacre.Event{ID: id3, Type: "albums.changed", Data: json.RawMessage(`{"year":{"set":3,"over":["` + id1 + `"]},"name":{"spin":1}}`), Parents: []string{id1}}
	if _, err := w.store.Append(ctx, "albums-a", nacre.Any, e.WithMetadata(map[string]string{"actor": "bob"})); err != nil {
		t.Fatal(err)
	}
	w.raw("albums-a", id2, "albums.changed", `{"year":{"set":2,"over":["`+id1+`"]}}`, id1)
	w.raw("albums-a", id5, "albums.changed", `{"name":{"set":"five","over":["`+id4+`"]}}`, id3)
	in, err := w.Inspect(ctx, "albums", "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Conflicts) != 1 {
		t.Fatalf("the conflicts are %+v", in.Conflicts)
	}
	c := in.Conflicts[0]
	if c.Property != "year" || c.Kind != "register" || len(c.Survivors) != 2 || c.Survivors[0].EventID != id2 || c.Survivors[0].Shown ||
		c.Survivors[1].Author != "bob" || !c.Survivors[1].Shown || string(c.Survivors[1].Value) != "3" || c.Survivors[1].At.IsZero() {
		t.Errorf("the conflict is %+v", c)
	}
	if got, err := w.Conflicts(ctx, "albums", "a"); err != nil || said(t, got) != said(t, in.Conflicts) {
		t.Errorf("the conflicts are %+v, %v", got, err)
	}
	head, err := w.store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if string(in.Values) != `{"year":3}` || in.Events != 4 || in.Position != head.Position || !slices.Equal(in.Heads, []string{id2, id3}) ||
		len(in.Damage) != 1 || in.Damage[0].EventID != id3 || in.Damage[0].Property != "name" || in.Damage[0].Problem == "" {
		t.Errorf("it is %s", said(t, in))
	}
	if len(in.Waiting) != 1 || in.Waiting[0].EventID != id5 || said(t, in.Waiting[0].For) != `[{"streamId":"albums-a","eventId":"`+id4+`"}]` {
		t.Errorf("what waits is %s", said(t, in.Waiting))
	}
	if _, err := w.Apply(ctx, nil, entity.Edit{Do: "delete", Collection: "albums", ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if in, err = w.Inspect(ctx, "albums", "a"); err != nil || !in.Deleted || in.Values != nil || len(in.Conflicts) != 1 {
		t.Errorf("deleted, it is %s, %v", said(t, in), err)
	}
	w.raw("songs-a", id1, "songs.created", `{"x":{"set":1,"over":[]}}`)
	if in, err = w.Inspect(ctx, "songs", "a"); err != nil || string(in.Values) != `{"x":1}` {
		t.Errorf("without a schema it is %s, %v", said(t, in), err)
	}
	w.raw("songs-b", id3, "songs.created", `{"x":{"set":1,"over":["`+id2+`"]}}`)
	if in, err = w.Inspect(ctx, "songs", "b"); err != nil || in.Values != nil || len(in.Waiting) != 1 || in.Events != 1 {
		t.Errorf("what only waits is %s, %v", said(t, in), err)
	}
	_, err = w.Inspect(ctx, "albums", "none")
	code(t, err, nacre.CodeNotFound)
	_, err = w.Conflicts(ctx, "albums", "none")
	code(t, err, nacre.CodeNotFound)
	for _, bad := range [][2]string{{"", "a"}, {"a-b", "a"}, {"$schema", "a"}, {"albums", ""}} {
		_, err = w.Inspect(ctx, bad[0], bad[1])
		code(t, err, nacre.CodeInvalid)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"year":1}`)
	w.as("ann", "a", `{"set":{"name":"A"},"add":{"plays":2}}`)
	for i := range 5 {
		w.as("bob", "a", fmt.Sprintf(`{"set":{"year":%d}}`, 10+i))
	}
	all, err := w.History(ctx, "albums", "a", nil)
	if err != nil || len(all) != 7 {
		t.Fatalf("the history is %+v, %v", all, err)
	}
	if e := all[1]; e.Actor != "ann" || said(t, e.Changes) != `[{"property":"name","kind":"register","operation":{"over":[],"set":"A"}},{"property":"plays","kind":"counter","operation":{"add":2}}]` ||
		!slices.Equal(e.Parents, []string{all[0].EventID}) || e.StreamPosition != 1 || string(e.Metadata) != `{"actor":"ann"}` || e.At.IsZero() {
		t.Errorf("the second entry is %s", said(t, e))
	}
	for _, backwards := range []bool{false, true} {
		var got []entity.Entry
		o := &entity.HistoryOptions{Most: 3, Backwards: backwards}
		for {
			page, err := w.History(ctx, "albums", "a", o)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page...)
			if len(page) < 3 {
				break
			}
			o.After = page[2].Position
		}
		if backwards {
			slices.Reverse(got)
		}
		if said(t, got) != said(t, all) {
			t.Errorf("in pages it is %s", said(t, got))
		}
	}
	denied := all[6]
	var ev *merge.Event
	for e, err := range w.store.ReadStream(ctx, "albums-a", &nacre.ReadOptions{Backwards: true, Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if ev, err = merge.Decode(&e); err != nil {
			t.Fatal(err)
		}
	}
	data, err := merge.VoidData("not allowed", ev)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := merge.NewIDs(ev.ID.Time(), ev.ID, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.raw("albums-a", ids[0].String(), merge.TypeVoid, string(data), denied.EventID, denied.Parents[0])
	w.is("a", `{"name":"A","plays":2,"year":13}`)
	all, err = w.History(ctx, "albums", "a", &entity.HistoryOptions{Backwards: true, Most: 2})
	if err != nil || said(t, all[0].Voids) != said(t, []string{denied.EventID}) || all[0].Reason != "not allowed" ||
		all[1].Voided == nil || all[1].Voided.EventID != all[0].EventID || all[1].Voided.Reason != "not allowed" {
		t.Errorf("the void is %s, %v", said(t, all), err)
	}
	_, err = w.History(ctx, "albums", "none", nil)
	code(t, err, nacre.CodeNotFound)
	_, err = w.History(ctx, "albums", "a", &entity.HistoryOptions{Most: -1})
	code(t, err, nacre.CodeInvalid)
}

// What an entity was at events is what they and their ancestors come to.
func TestThePast(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	w := open(t)
	ctx := t.Context()
	for range 150 {
		w.something(ctx, random)
	}
	schema, err := w.Schema(ctx, "albums")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		id := fmt.Sprint("e", i)
		events := map[merge.ID]*merge.Event{}
		var order []*merge.Event
		for e, err := range w.store.ReadStream(ctx, nacre.StreamID("albums-"+id), nil) {
			if err != nil {
				t.Fatal(err)
			}
			ev, err := merge.Decode(&e)
			if err != nil {
				t.Fatal(err)
			}
			events[ev.ID] = ev
			order = append(order, ev)
		}
		if len(order) == 0 {
			continue
		}
		some := func() (texts []string, state *merge.Entity) {
			past := map[merge.ID]bool{}
			for range 1 + random.IntN(2) {
				ev := order[random.IntN(len(order))]
				texts = append(texts, ev.ID.String())
				past[ev.ID] = true
			}
			for k := range slices.Backward(order) {
				if past[order[k].ID] {
					for _, parent := range order[k].Parents {
						past[parent] = true
					}
				}
			}
			var list []*merge.Event
			for id := range past {
				list = append(list, events[id])
			}
			return texts, merge.Fold(list)
		}
		texts, state := some()
		v, err := w.At(ctx, "albums", id, texts...)
		if err != nil || v.Deleted != state.Deleted() || !v.Deleted && string(v.Values) != string(schema.AppendValues(nil, state)) {
			t.Fatalf("%s at %v is %+v, %v, want %s", id, texts, v, err, schema.AppendValues(nil, state))
		}
		// A difference leads from one to the other.
		to, other := some()
		diff, err := w.Diff(ctx, "albums", id, texts, to)
		if err != nil {
			t.Fatal(err)
		}
		values := func(e *merge.Entity) map[string]string {
			out, raw := map[string]string{}, map[string]json.RawMessage{}
			if err := json.Unmarshal(schema.AppendValues(nil, e), &raw); err != nil {
				t.Fatal(err)
			}
			for name, value := range raw {
				out[name] = string(value)
			}
			return out
		}
		now := values(state)
		for _, d := range diff {
			if d.Property == merge.PropertyLife {
				if state.Deleted() == other.Deleted() {
					t.Errorf("the life of %s differs from %v to %v", id, texts, to)
				}
				continue
			}
			if now[d.Property] != string(d.Old) {
				t.Errorf("%s of %s was %s, and not %s", d.Property, id, now[d.Property], d.Old)
			}
			if now[d.Property] = string(d.New); d.New == nil {
				delete(now, d.Property)
			}
		}
		if !maps.Equal(now, values(other)) {
			t.Errorf("the difference of %s leads to %v, want %v", id, now, values(other))
		}
		whole, err := w.Diff(ctx, "albums", id, nil, nil)
		if err != nil || len(whole) < len(values(merge.Fold(order))) {
			t.Errorf("from nothing to now differs %s, %v", said(t, whole), err)
		}
	}
	w.create("albums", "z", `{}`)
	_, err = w.At(ctx, "albums", "z", id1)
	code(t, err, nacre.CodeNotFound)
	_, err = w.At(ctx, "albums", "z", "what")
	code(t, err, nacre.CodeInvalid)
	_, err = w.At(ctx, "albums", "z")
	code(t, err, nacre.CodeInvalid)
	_, err = w.Diff(ctx, "albums", "none", nil, nil)
	code(t, err, nacre.CodeNotFound)
}

func TestTransactionAt(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	want, err := w.Transact(ctx, nil, func(tx *entity.Tx) error {
		for i := range 5 {
			if _, err := tx.Create(ctx, "albums", fmt.Sprint(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	single := w.create("albums", "x", `{}`)
	for at := want.First; at <= want.Last; at++ {
		got, err := w.Transaction(ctx, at)
		if err != nil || said(t, got) != said(t, want) || len(got.Events) != 5 || got.Events[0].ID != want.Events[0].ID {
			t.Errorf("at %d stands %+v, %v", at, got, err)
		}
	}
	if got, err := w.Transaction(ctx, single.First); err != nil || said(t, got) != said(t, single) {
		t.Errorf("the single one is %+v, %v", got, err)
	}
	_, err = w.Transaction(ctx, 1)
	code(t, err, nacre.CodeInvalid)
	_, err = w.Transaction(ctx, 0)
	code(t, err, nacre.CodeNotFound)
	_, err = w.Transaction(ctx, single.Last+1)
	code(t, err, nacre.CodeNotFound)
}

func TestUndo(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	ann := &entity.TxOptions{Actor: "ann"}
	w.create("albums", "b", `{"name":"B"}`)
	made, err := w.Transact(ctx, ann, func(tx *entity.Tx) error {
		if _, err := tx.Create(ctx, "albums", "a", json.RawMessage(`{"name":"A","year":1}`)); err != nil {
			return err
		}
		return tx.Patch(ctx, "albums", "b", json.RawMessage(`{"set":{"name":"BB"}}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.as("bob", "a", `{"set":{"year":7}}`)
	_, err = w.Undo(ctx, &entity.TxOptions{Actor: "bob"}, made)
	if code(t, err, nacre.CodeInvalid); !strings.Contains(fmt.Sprint(err), `"ann"`) {
		t.Errorf("the error is %v", err)
	}
	var sent entity.Commit // as one that came over the wire
	if err := json.Unmarshal([]byte(said(t, made)), &sent); err != nil {
		t.Fatal(err)
	}
	undone, err := w.Undo(ctx, ann, sent)
	if err != nil || len(undone.Events) != 2 || undone.Events[0].TransactionSize != 2 || undone.Events[0].Type != "albums.deleted" || undone.Events[1].Type != "albums.changed" {
		t.Fatalf("the undo is %+v, %v", undone, err)
	}
	if got := w.rows("albums"); got != "b {\"name\":\"B\"}\n" {
		t.Errorf("the table has %s", got)
	}
	if again, err := w.Undo(ctx, ann, made); err != nil || again.Last != 0 {
		t.Errorf("once more it is %+v, %v", again, err)
	}
	redone, err := w.Undo(ctx, ann, undone)
	if err != nil || redone.Events[0].Type != "albums.restored" {
		t.Fatalf("the redo is %+v, %v", redone, err)
	}
	if got := w.rows("albums"); got != "a {\"name\":\"A\",\"year\":7}\nb {\"name\":\"BB\"}\n" {
		t.Errorf("the table has %s", got)
	}
	sent.TransactionID = nacre.NewID()
	_, err = w.Undo(ctx, ann, sent)
	code(t, err, nacre.CodeNotFound)
	if c, err := w.Undo(ctx, ann); err != nil || c.Last != 0 {
		t.Errorf("of nothing it is %+v, %v", c, err)
	}
	w.as("bob", "b", `{"set":{"name":"bob's"}}`)
	if c, err := w.Undo(ctx, ann, made, undone, redone); err != nil || len(c.Events) != 1 {
		t.Errorf("what bob wrote is taken back by %+v, %v", c, err)
	}
	w.is("b", `{"name":"bob's"}`)
	// What is undone already is not undone once more, and not over what was done since.
	plays := w.as("ann", "b", `{"add":{"plays":5}}`)
	back, err := w.Undo(ctx, ann, plays)
	if err != nil {
		t.Fatal(err)
	}
	more := w.as("ann", "b", `{"add":{"plays":2},"set":{"year":1}}`)
	year := w.as("ann", "b", `{"set":{"year":2}}`)
	w.as("bob", "b", `{"add":{"plays":100}}`)
	_, err = w.Undo(ctx, ann, plays)
	if code(t, err, nacre.CodeInvalid); !strings.Contains(fmt.Sprint(err), fmt.Sprintf("at %d, %d, %d: undo that too", back.First, more.First, year.First)) {
		t.Errorf("the error is %v", err)
	}
	w.is("b", `{"name":"bob's","plays":102,"year":2}`)
	// All that it names, in any order, and one of it twice.
	if c, err := w.Undo(ctx, ann, year, plays, back, more, entity.Commit{First: plays.First}); err != nil || len(c.Events) != 1 {
		t.Errorf("all of them are taken back by %+v, %v", c, err)
	}
	w.is("b", `{"name":"bob's","plays":100}`)
}

// An author goes back and on through what was done, beside another one who only adds, and each step shows what was there.
func TestUndoer(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	w := open(t)
	ctx := t.Context()
	u := w.NewUndoer(&entity.TxOptions{Actor: "ann"}, 40)
	plays := map[string]int{}
	shown := func() string { // without what the other one does
		var b strings.Builder
		page, err := w.Query(ctx, "albums", "SELECT id, name, year, tags, tracks ORDER BY id", nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", said(t, page.Table.Rows))
		return strings.ReplaceAll(b.String(), "[]", "null") // a set or list that was made stays, empty
	}
	states, at := []string{shown()}, 0
	for range 120 {
		switch n := random.IntN(8); {
		case n < 2 && at > 0:
			if _, there, err := u.Undo(ctx); err != nil || !there {
				t.Fatalf("undoing gives %v, %v", there, err)
			}
			at--
		case n < 4 && at < len(states)-1:
			if _, there, err := u.Redo(ctx); err != nil || !there {
				t.Fatalf("redoing gives %v, %v", there, err)
			}
			at++
		case n < 5:
			id := fmt.Sprint("u", random.IntN(4))
			if _, err := w.Get(ctx, "albums", id); err == nil {
				w.as("bob", id, `{"add":{"plays":1}}`)
				plays[id]++
			}
		default:
			c, err := u.Do(ctx, func(tx *entity.Tx) error {
				for range 1 + random.IntN(2) {
					if err := own(tx, w, random); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.Last > 0 && at < 39 {
				states = append(states[:at+1], shown())
				at++
			} else if c.Last > 0 {
				return // it has forgotten the first ones
			}
		}
		if got := shown(); got != states[at] {
			t.Fatalf("at step %d it shows\n%sand was\n%s", at, got, states[at])
		}
	}
	for id, want := range plays {
		in, err := w.Inspect(ctx, "albums", id)
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ Plays int }
		if err := json.Unmarshal(in.Values, &v); !in.Deleted && (err != nil || v.Plays != want) {
			t.Errorf("%s has %d plays, want %d: %v", id, v.Plays, want, err)
		}
	}
}

// own is a random edit of one's own.
func own(tx *entity.Tx, w *world, random *rand.Rand) error {
	ctx := w.t.Context()
	var err error
	switch id := fmt.Sprint("u", random.IntN(4)); random.IntN(6) {
	case 0:
		_, err = tx.Create(ctx, "albums", id, json.RawMessage(fmt.Sprintf(`{"name":"n%d","tags":["a","b"]}`, random.IntN(9))))
	case 1:
		err = tx.Delete(ctx, "albums", id)
	case 2:
		err = tx.Patch(ctx, "albums", id, json.RawMessage(`{"set":{"tracks":["x","y"]},"remove":{"tags":["a"]}}`))
	default:
		err = tx.Patch(ctx, "albums", id, json.RawMessage(fmt.Sprintf(`{"set":{"year":%d,"tracks":["%d"]},"add":{"tags":["%d"]}}`, random.IntN(50), random.IntN(5), random.IntN(5))))
	}
	switch nacre.CodeOf(err) {
	case nacre.CodeNotFound, entity.CodeDeleted, entity.CodeExists:
		return nil
	}
	return err
}

// An Undoer forgets what is too old, and nothing else.
func TestUndoerForgets(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"year":0}`)
	u := w.NewUndoer(nil, 3)
	for i := range 10 {
		if _, err := u.Do(ctx, func(tx *entity.Tx) error {
			return tx.Patch(ctx, "albums", "a", json.RawMessage(fmt.Sprintf(`{"set":{"year":%d}}`, i+1)))
		}); err != nil {
			t.Fatal(err)
		}
	}
	steps := func(do func() (entity.Commit, bool, error)) (n int) {
		t.Helper()
		for {
			_, there, err := do()
			if err != nil {
				t.Fatal(err)
			}
			if !there {
				return n
			}
			n++
		}
	}
	for range 20 {
		if n := steps(func() (entity.Commit, bool, error) { return u.Undo(ctx) }); n == 0 {
			break // so much was undone and done again that it is forgotten
		}
		if n := steps(func() (entity.Commit, bool, error) { return u.Redo(ctx) }); n > 3 {
			t.Fatalf("%d steps were done again", n)
		}
		w.is("a", `{"year":10}`)
	}
}
