package merge_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// event is an event of the stream of most tests.
func event(id, data string, parents ...string) nacre.Event {
	if parents == nil {
		parents = []string{}
	}
	return nacre.Event{StreamID: "album-1", ID: id, Type: "album.changed", Data: []byte(data), Parents: parents}
}

// ids of tests, in their order.
func testID(n int) string { return fmt.Sprintf("01JD3Y8Q0V%016d", n) }

// permutations are all orders of a list.
func permutations[T any](list []T) [][]T {
	if len(list) < 2 {
		return [][]T{slices.Clone(list)}
	}
	var out [][]T
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]T{list[i]}, p...))
		}
	}
	return out
}

// TestPairwiseElection is the shape in which replicas differ for ever that let concurrent writers be elected in pairs:
// an edit that replaces the greatest of them, while another is concurrent to both. Here ids are greater than their
// parents' and all undominated writers survive, so it comes to one state in every order.
func TestPairwiseElection(t *testing.T) {
	t.Parallel()
	root, m, z, a, x := testID(1), testID(5), testID(8), testID(9), testID(3)
	list := []*merge.Event{
		decode(t, event(root, `{"name":{"set":"root","over":[]}}`)),
		decode(t, event(z, `{"name":{"set":"z","over":["`+root+`"]}}`, root)),
		decode(t, event(m, `{"name":{"set":"m","over":["`+root+`"]}}`, root)),
		decode(t, event(a, `{"name":{"set":"a","over":["`+z+`"]}}`, z)),
		decode(t, event(x, `{"name":{"set":"x","over":["`+root+`"]}}`, root)),
	}
	want := `{"heads":["` + x + `","` + m + `","` + a + `"],"properties":{"name":{"register":{"` + x + `":"x","` + m + `":"m","` + a + `":"a"}}}}`
	for _, order := range permutations(list) {
		node := newReplica()
		for _, ev := range order {
			node.offer(began, merge.FromHere, ev)
		}
		if got := node.state("album-1"); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	// The shape of the report itself, in the order of its ids: z > m > a. An id that is less than its parent's is
	// refused everywhere, rather than ordered here and there.
	low := event(testID(2), `{"name":{"set":"a","over":["`+z+`"]}}`, z)
	if _, err := merge.Decode(&low); err == nil {
		t.Error("an event whose id is less than its parent's was taken")
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	root, a, b, c := testID(1), testID(2), testID(3), testID(4)
	first := event(a, `{"name":{"set":"ann","over":[]},"notes":{"put":{"k":{"value":1,"over":[]}}},"same":{"set":1,"over":[]}}`, root)
	first.Metadata = []byte(`{"actor":"ann"}`)
	g := new(merge.Graph)
	g.Add(
		decode(t, event(root, `{}`)), decode(t, first),
		decode(t, event(b, `{"name":{"set":"bob","over":[]},"notes":{"put":{"k":{"value":2,"over":[]}}},"same":{"set":1.0,"over":[]}}`, root)),
	)
	e := g.State()
	got := g.Conflicts(e)
	if len(got) != 2 || got[0].Property != "name" || got[0].Kind != "register" || got[1].Property != "notes" || got[1].Key != "k" {
		t.Fatalf("got %+v, want conflicts of name, and of k in notes", got)
	}
	s := got[0].Survivors
	if len(s) != 2 || s[0].Author != "ann" || string(s[0].Value) != `"ann"` || string(s[1].Value) != `"bob"` || s[1].ID.String() != b || s[0].ID.Time().IsZero() {
		t.Errorf("survivors %+v", s)
	}
	// Setting the shown value settles it, though it changes nothing that is shown.
	d := merge.NewDraft(e)
	name, err := d.Change("name", kind("register"))
	must(err)
	must(name.Set([]byte(`"bob"`)))
	notes, err := d.Change("notes", kind("map"))
	must(err)
	must(notes.Add([]byte(`{"k":2}`)))
	same, err := d.Change("same", kind("register"))
	must(err)
	must(same.Set([]byte(`1`))) // no conflict: the values are the same
	want := `{"name":{"over":["` + a + `","` + b + `"],"set":"bob"},"notes":{"put":{"k":{"over":["` + a + `","` + b + `"],"value":2}}}}`
	if data := string(d.Data()); data != want {
		t.Errorf("settling is %s, want %s", data, want)
	}
	must(e.Apply(decode(t, event(c, want, texts(d.Parents())...))))
	if left := e.Conflicts(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}

// TestDelete: deleting erases nothing, and what was edited meanwhile is there after a restore.
func TestDelete(t *testing.T) {
	t.Parallel()
	e := merge.New()
	must(e.Apply(decode(t, event(testID(1), `{"name":{"set":"a","over":[]}}`))))
	edit := func(n int, do func(d *merge.Draft)) {
		d := merge.NewDraft(e)
		do(d)
		if d.Data() == nil {
			t.Fatalf("edit %d changes nothing", n)
		}
		must(e.Apply(decode(t, event(testID(n), string(d.Data()), texts(d.Parents())...))))
	}
	edit(2, (*merge.Draft).Delete)
	if !e.Deleted() {
		t.Error("it lives after it was deleted")
	}
	must(e.Apply(decode(t, event(testID(3), `{"name":{"set":"b","over":["`+testID(1)+`"]}}`, testID(1)))))
	if !e.Deleted() {
		t.Error("a concurrent edit restored it")
	}
	d := merge.NewDraft(e)
	d.Delete()
	if d.Data() != nil {
		t.Errorf("deleting twice is %s", d.Data())
	}
	edit(4, func(d *merge.Draft) {
		d.Restore()
		if d.Deleted() {
			t.Error("the draft does not read its own restore")
		}
	})
	if value, _ := e.Value("name", nil); e.Deleted() || string(value) != `"b"` {
		t.Errorf("after the restore deleted is %t, and the name %s", e.Deleted(), value)
	}
	fresh := merge.NewDraft(merge.New())
	if fresh.Restore(); fresh.Data() != nil {
		t.Errorf("restoring what was never deleted is %s", fresh.Data())
	}
}
