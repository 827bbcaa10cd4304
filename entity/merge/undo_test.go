package merge_test

import (
	"testing"

	"github.com/nacredb/nacre/entity/merge"
)

// history is a stream with an author's steps.
type history struct {
	t     *testing.T
	graph *merge.Graph
	n     int
}

func newHistory(t *testing.T) *history { return &history{t: t, graph: new(merge.Graph)} }

// add makes an event of data on the heads, or on parents, and gives its id.
func (h *history) add(data string, parents ...merge.ID) merge.ID {
	h.t.Helper()
	if parents == nil {
		parents = h.graph.State().Heads()
	}
	h.n++
	ev := decode(h.t, event(testID(h.n), data, texts(parents)...))
	if len(ev.Damage) > 0 {
		h.t.Fatalf("%s is damaged: %+v", data, ev.Damage)
	}
	h.graph.Add(ev)
	return ev.ID
}

func (h *history) undo(ids ...merge.ID) merge.ID {
	h.t.Helper()
	data, err := h.graph.Undo(h.graph.State(), ids...)
	if err != nil || data == nil {
		h.t.Fatalf("undoing %v is %q: %v", ids, data, err)
	}
	return h.add(string(data))
}

func (h *history) expect(want string) {
	h.t.Helper()
	if got := string(h.graph.State().AppendValues(nil)); got != want {
		h.t.Errorf("the values are %s, want %s", got, want)
	}
}

// edit makes an event of an edit on the heads.
func (h *history) edit(property, kindName, verb, value string) merge.ID {
	h.t.Helper()
	d := merge.NewDraft(h.graph.State())
	c, err := d.Change(property, kind(kindName))
	must(err)
	switch verb {
	case "set":
		err = c.Set([]byte(value))
	case "add":
		err = c.Add([]byte(value))
	default:
		err = c.Remove([]byte(value))
	}
	if must(err); d.Data() == nil {
		h.t.Fatalf("%s %s of %s changes nothing", verb, value, property)
	}
	return h.add(string(d.Data()))
}

// TestUndoSteps goes back step by step, and forward again.
func TestUndoSteps(t *testing.T) {
	t.Parallel()
	for _, kindName := range []string{"register", "counter", "set", "map", "list"} {
		t.Run(kindName, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t)
			values := map[string][]string{
				"register": {`1`, `2`, `3`}, "counter": {`1`, `5`, `-3`}, "set": {`["a"]`, `["a","b"]`, `["b"]`},
				"map": {`{"a":1}`, `{"a":2,"b":1}`, `{"b":1}`}, "list": {`["a"]`, `["b","a"]`, `["b","c"]`},
			}[kindName]
			shown := func(i int) string { return `{"p":` + values[i] + `}` }
			h.edit("p", kindName, "set", values[0])
			a := h.edit("p", kindName, "set", values[1])
			b := h.edit("p", kindName, "set", values[2])
			h.expect(shown(2))
			undone := h.undo(b)
			h.expect(shown(1))
			// Further back, by what came since.
			back := h.undo(a, b, undone)
			h.expect(shown(0))
			// Forward again is the undoing of the undo.
			h.undo(back)
			h.expect(shown(1))
		})
	}
}

// TestUndoBesideOthers: an undo replaces nobody else's write.
func TestUndoBesideOthers(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	root := h.edit("name", "register", "set", `"root"`)
	mine := h.add(`{"name":{"set":"mine","over":["`+root.String()+`"]}}`, root)
	h.add(`{"name":{"set":"other","over":["`+root.String()+`"]}}`, root)
	h.undo(mine)
	h.expect(`{"name":"other"}`)
	if n := len(h.graph.State().Conflicts()); n != 0 {
		t.Errorf("%d conflicts are left", n)
	}
	// What somebody set over mine stays.
	mine = h.edit("year", "register", "set", `1`)
	h.edit("year", "register", "set", `2`)
	if data, err := h.graph.Undo(h.graph.State(), mine); data != nil || err != nil {
		t.Errorf("undoing what was replaced is %s: %v", data, err)
	}
	// An element that somebody added meanwhile, too, stays.
	base := h.graph.State().Heads()
	mine = h.add(`{"tags":{"add":{"1":[]}}}`, base...)
	h.add(`{"tags":{"add":{"1":[]}}}`, base...)
	h.undo(mine)
	h.expect(`{"name":"other","tags":[1],"year":2}`)
	// What I set over theirs comes back.
	theirs := h.edit("name", "register", "set", `"theirs"`)
	mine = h.edit("name", "register", "set", `"again"`)
	h.undo(mine)
	h.expect(`{"name":"theirs","tags":[1],"year":2}`)
	if value, _ := mustState(h.graph.StateAt(theirs)).Value("name", nil); string(value) != `"theirs"` {
		t.Errorf("then the name was %s", value)
	}
	// A first value that is undone is no value.
	mine = h.edit("price", "register", "set", `9`)
	h.undo(mine)
	h.expect(`{"name":"theirs","tags":[1],"year":2}`)
}

func mustState(e *merge.Entity, err error) *merge.Entity {
	must(err)
	return e
}

// TestUndoErrors: what is not there, and what is a void, is told.
func TestUndoErrors(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	a := h.edit("name", "register", "set", `1`)
	absent, err := merge.ParseID(testID(99))
	must(err)
	if _, err := h.graph.Undo(h.graph.State(), absent); err == nil {
		t.Error("what is not there was undone")
	}
	if _, err := h.graph.StateAt(absent); err == nil {
		t.Error("there is a state at what is not there")
	}
	void := event(testID(50), `{"void":[{"id":"`+a.String()+`","hash":"`+h.graph.Event(a).Hash.String()+`","parents":[]}]}`, texts(h.graph.State().Heads())...)
	void.Type = merge.TypeVoid
	ev := decode(t, void)
	h.graph.Add(ev)
	if _, err := h.graph.Undo(h.graph.State(), ev.ID); err == nil {
		t.Error("a void was undone")
	}
	if data, err := h.graph.Undo(h.graph.State(), a); data != nil || err != nil {
		t.Errorf("undoing what is voided is %s: %v", data, err)
	}
	if h.graph.Voided(a) == nil || h.graph.Voided(ev.ID) != nil {
		t.Error("the graph does not tell what is voided")
	}
}

// TestPast: the state at an event has its causal past and nothing else; differences are by property.
func TestPast(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	root := h.add(`{"name":{"set":"a","over":[]},"n":{"add":1}}`)
	left := h.add(`{"name":{"set":"b","over":["`+root.String()+`"]}}`, root)
	right := h.add(`{"n":{"add":2},"tags":{"add":{"1":[]}}}`, root)
	both := h.add(`{"n":{"add":4}}`, left, right)
	for id, want := range map[merge.ID]string{
		root: `{"n":1,"name":"a"}`, left: `{"n":1,"name":"b"}`, right: `{"n":3,"name":"a","tags":[1]}`, both: `{"n":7,"name":"b","tags":[1]}`,
	} {
		if got := string(mustState(h.graph.StateAt(id)).AppendValues(nil)); got != want {
			t.Errorf("at %s it is %s, want %s", id, got, want)
		}
	}
	if got := string(mustState(h.graph.StateAt(left, right)).AppendValues(nil)); got != `{"n":3,"name":"b","tags":[1]}` {
		t.Errorf("at both branches it is %s", got)
	}
	if got := string(mustState(h.graph.StateAt(both)).AppendState(nil)); got != string(h.graph.State().AppendState(nil)) {
		t.Errorf("at the head it is %s", got)
	}
	got := merge.Differences(mustState(h.graph.StateAt(root)), mustState(h.graph.StateAt(right)))
	if len(got) != 2 || got[0].Property != "n" || string(got[0].Old) != "1" || string(got[0].New) != "3" || got[1].Property != "tags" || got[1].Old != nil {
		t.Errorf("the differences are %+v", got)
	}
	past, err := h.graph.Past(left)
	if err != nil || len(past) != 2 || !past[root] {
		t.Errorf("the past is %v: %v", past, err)
	}
}
