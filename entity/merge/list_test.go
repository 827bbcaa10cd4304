package merge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre/entity/merge"
)

// TestRunsDoNotInterleave: what several authors type concurrently in one place, forwards or backwards, letter by letter,
// stays together.
func TestRunsDoNotInterleave(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(newSeed(t), 0))
	for round := range 300 {
		base := decode(t, event(testID(1), `{"text":{"insert":[{"of":null,"side":"right","values":["<",">"]}]}}`))
		var all []*merge.Event
		n := 10
		for author := range 2 + r.IntN(3) {
			e := merge.New()
			must(e.Apply(base))
			backwards := r.IntN(2) == 0
			for letter := range 5 {
				d := merge.NewDraft(e)
				c, err := d.Change("text", kind("list"))
				must(err)
				at, value := 1+letter, fmt.Sprintf("%c%d", 'a'+author, letter)
				if backwards {
					at, value = 1, fmt.Sprintf("%c%d", 'a'+author, 4-letter)
				}
				must(c.Add(fmt.Appendf(nil, `{"at":%d,"values":["%s"]}`, at, value)))
				// Ids of the authors are in any order among each other.
				n += 1 + r.IntN(3)
				ids, err := merge.NewIDs(began, e.Heads()[0], r.Uint64(), 1)
				must(err)
				ev := decode(t, event(ids[0].String(), string(d.Data()), texts(d.Parents())...))
				must(e.Apply(ev))
				all = append(all, ev)
			}
		}
		node := newReplica()
		node.offer(began, merge.FromHere, base)
		node.offer(began, merge.FromHere, shuffled(r, all, 0)...)
		value, _ := node.entity("album-1").Value("text", nil)
		var letters []string
		must(json.Unmarshal(value, &letters))
		for i := 1; i < len(letters)-1; i += 5 {
			for k := range 5 {
				if letters[i+k] != fmt.Sprintf("%c%d", letters[i][0], k) {
					t.Fatalf("round %d: interleaved: %q", round, letters)
				}
			}
		}
	}
}

// TestListOrder compares the order with a tree that is walked by recursion.
func TestListOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(newSeed(t), 0))
	for range 300 {
		o := newOracleList()
		state := kind("list").New()
		var names []string
		for n := 1; n < 12; n++ {
			id := testID(n)
			var runs []string
			count := 0
			for range 1 + r.IntN(2) {
				of, side := "null", "right"
				var parent *string
				if len(names) > 0 && r.IntN(4) > 0 {
					name := names[r.IntN(len(names))]
					parent, of, side = &name, `"`+name+`"`, []string{"left", "right"}[r.IntN(2)]
				}
				values := []json.RawMessage{json.RawMessage(fmt.Sprint(100*n + count)), json.RawMessage(fmt.Sprint(100*n + count + 1))}
				o.insert(id, count, parent, side, values)
				runs = append(runs, fmt.Sprintf(`{"of":%s,"side":"%s","values":[%s,%s]}`, of, side, values[0], values[1]))
				count += 2
			}
			removed := ""
			if len(names) > 0 && r.IntN(2) == 0 {
				name := names[r.IntN(len(names))]
				o.removed[name] = true
				removed = `,"remove":["` + name + `"]`
			}
			for i := range count {
				names = append(names, elementName(id, i))
			}
			parsed, err := merge.ParseID(id)
			must(err)
			state.Apply(parsed, operation(t, kind("list"), []byte(`{"insert":[`+strings.Join(runs, ",")+`]`+removed+`}`)))
		}
		got, _ := state.AppendValue(nil)
		if want := "[" + strings.Join(o.shown(), ",") + "]"; string(got) != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// TestListEdits: an edit gives what was wanted, and its operation names elements, never indexes.
func TestListEdits(t *testing.T) {
	t.Parallel()
	list := kind("list")
	state := list.New()
	first, err := merge.ParseID(testID(1))
	must(err)
	state.Apply(first, operation(t, list, []byte(`{"insert":[{"of":null,"side":"right","values":["a","b","c"]}]}`)))
	for _, test := range []struct{ set, want string }{
		{`["a","b","c"]`, ``},
		{`["a","x","c"]`, `{"insert":[{"of":"1#1","side":"left","values":["x"]}],"remove":["1#1"]}`},
		{`["a","b","c","d"]`, `{"insert":[{"of":"1#2","side":"right","values":["d"]}]}`},
		{`["z","a","b","c"]`, `{"insert":[{"of":"1#0","side":"left","values":["z"]}]}`},
		{`[]`, `{"insert":[],"remove":["1#0","1#1","1#2"]}`},
		{`{"at":1,"value":"B"}`, `{"insert":[],"set":{"1#1":{"over":["1"],"value":"B"}}}`},
		{`{"at":1,"value":"b"}`, ``},
	} {
		c := state.Change()
		must(c.Set([]byte(test.set)))
		if got := strings.ReplaceAll(string(c.Operation()), testID(1), "1"); got != test.want {
			t.Errorf("%s is %s, want %s", test.set, got, test.want)
		}
	}
	for _, bad := range []func(c merge.Change) error{
		func(c merge.Change) error { return c.Set([]byte(`"a"`)) },
		func(c merge.Change) error { return c.Set([]byte(`{"at":3,"value":1}`)) },
		func(c merge.Change) error { return c.Set([]byte(`{"at":-1,"value":1}`)) },
		func(c merge.Change) error { return c.Set([]byte(`{"at":0}`)) },
		func(c merge.Change) error { return c.Add([]byte(`{"at":4,"values":[]}`)) },
		func(c merge.Change) error { return c.Add([]byte(`{"at":1.5,"values":[]}`)) },
		func(c merge.Change) error { return c.Add([]byte(`{"at":0,"values":{}}`)) },
		func(c merge.Change) error { return c.Remove([]byte(`[3]`)) },
		func(c merge.Change) error { return c.Remove([]byte(`[1,1]`)) },
		func(c merge.Change) error { return c.Remove([]byte(`{"at":2,"count":2}`)) },
		func(c merge.Change) error { return c.Remove([]byte(`7`)) },
	} {
		c := state.Change()
		if err := bad(c); err == nil {
			value, _ := c.AppendValue(nil)
			t.Errorf("a wrong edit was taken and made %s", value)
		}
		if c.Operation() != nil {
			t.Errorf("a refused edit left %s", c.Operation())
		}
	}
}

// TestDeepList has trees as deep as they are long, which no recursion would come to the end of.
func TestDeepList(t *testing.T) {
	t.Parallel()
	list := kind("list")
	for _, side := range []string{"left", "right"} {
		state := list.New()
		previous := "null"
		placed := "right"
		const n = 20_000
		for i := range n {
			text := testID(i + 1)
			id, err := merge.ParseID(text)
			must(err)
			state.Apply(id, operation(t, list, fmt.Appendf(nil, `{"insert":[{"of":%s,"side":"%s","values":[%d]}]}`, previous, placed, i)))
			previous, placed = `"`+text+`#0"`, side
		}
		value, _ := state.AppendValue(nil)
		var got []int
		must(json.Unmarshal(value, &got))
		if side == "left" {
			slices.Reverse(got)
		}
		for i := range n {
			if len(got) != n || got[i] != i {
				t.Fatalf("%s: the list of %d is not in order", side, len(got))
			}
		}
		loaded, err := list.Load(state.AppendState(nil))
		if again, _ := loaded.AppendValue(nil); err != nil || string(again) != string(value) {
			t.Fatalf("%s: the loaded list differs: %v", side, err)
		}
	}
}
