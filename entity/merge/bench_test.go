package merge_test

import (
	"fmt"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// long is an entity of n events, a chain of edits of several kinds, and a late branch of m events off its middle.
func long(b *testing.B, n, m int) (chain, branch []*merge.Event) {
	b.Helper()
	e := merge.New()
	var middle *merge.Entity
	write := func(e *merge.Entity, i int, random uint64) *merge.Event {
		d := merge.NewDraft(e)
		name := fmt.Sprintf("p%d", i%20)
		var err error
		var c merge.Change
		switch i % 3 {
		case 0:
			c, err = d.Change(name, kind("register"))
			must(err)
			must(c.Set(fmt.Appendf(nil, `"value %d"`, i)))
		case 1:
			c, err = d.Change("count", kind("counter"))
			must(err)
			must(c.Add([]byte("1")))
		default:
			c, err = d.Change("tags", kind("set"))
			must(err)
			must(c.Set(fmt.Appendf(nil, `["a%d"]`, i%50)))
		}
		heads := d.Parents()
		ids, err := merge.NewIDs(began, heads[len(heads)-min(1, len(heads)):][0], random, 1)
		must(err)
		ev := decode(b, nacre.Event{StreamID: "album-1", ID: ids[0].String(), Type: "album.changed", Data: d.Data(), Parents: texts(heads)})
		must(e.Apply(ev))
		return ev
	}
	ids, err := merge.NewIDs(began, merge.ID{}, 0, 1)
	must(err)
	first := decode(b, nacre.Event{StreamID: "album-1", ID: ids[0].String(), Type: "album.changed", Data: []byte("{}"), Parents: []string{}})
	must(e.Apply(first))
	chain = append(chain, first)
	for i := range n - 1 {
		chain = append(chain, write(e, i, 1))
		if i == n/2 {
			middle = e.Clone()
		}
	}
	for i := range m {
		branch = append(branch, write(middle, i, 2))
	}
	return chain, branch
}

// BenchmarkLateBranch merges a branch of 1,000 events into an entity of 100,000: into its loaded bytes, and by folding all.
func BenchmarkLateBranch(b *testing.B) {
	chain, branch := long(b, 100_000, 1000)
	state := merge.Fold(chain).AppendState(nil)
	all := append(append([]*merge.Event{}, chain...), branch...)
	want := string(merge.Fold(all).AppendState(nil))
	b.Run("incremental", func(b *testing.B) {
		for b.Loop() {
			e, err := merge.Load(state)
			must(err)
			for _, ev := range branch {
				must(e.Apply(ev))
			}
			if got := string(e.AppendState(nil)); got != want {
				b.Fatalf("got %s, want %s", got, want)
			}
		}
	})
	b.Run("refold", func(b *testing.B) {
		for b.Loop() {
			if got := string(merge.Fold(all).AppendState(nil)); got != want {
				b.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

// BenchmarkLongList appends to a list of 100,000 elements, merges and edits it.
func BenchmarkLongList(b *testing.B) {
	list := kind("list")
	state := list.New()
	c := state.Change()
	values := []byte("[0")
	for i := range 100_000 {
		values = fmt.Appendf(values, ",%d", i)
	}
	must(c.Set(append(values, ']')))
	ids, err := merge.NewIDs(began, merge.ID{}, 1, 2)
	must(err)
	op := operation(b, list, c.Operation())
	state.Apply(ids[0], op)
	insert := operation(b, list, fmt.Appendf(nil, `{"insert":[{"of":"%s#5000","side":"right","values":["x"]}]}`, ids[0]))
	b.Run("merge", func(b *testing.B) {
		state, next := state.Clone(), ids[1]
		for b.Loop() {
			state.Apply(next, insert)
			more, err := merge.NewIDs(began, next, 1, 1)
			must(err)
			next = more[0]
		}
	})
	b.Run("edit", func(b *testing.B) {
		for b.Loop() {
			c := state.Change()
			must(c.Add([]byte(`["y"]`)))
			if c.Operation() == nil {
				b.Fatal("nothing was changed")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	e := nacre.Event{
		StreamID: "album-1", ID: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Type: "album.changed", Parents: []string{"01JD3Y8Q0V3M8S2Z6T5N9K4RWD"},
		Data: []byte(`{"name":{"over":["01JD3Y8Q0V3M8S2Z6T5N9K4RWD"],"set":"Dune"}}`),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := merge.Decode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

// operation reads an operation of a kind.
func operation(t testing.TB, k merge.Kind, text []byte) merge.Operation {
	t.Helper()
	e := decode(t, nacre.Event{
		StreamID: "album-1", ID: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Type: "album.changed", Parents: []string{},
		Data: fmt.Appendf(nil, `{"p":%s}`, text),
	})
	if len(e.Changes) != 1 || e.Changes[0].Kind != k {
		t.Fatalf("%s is not an operation of a %s: %+v", text, k.Name(), e.Damage)
	}
	return e.Changes[0].Operation
}
