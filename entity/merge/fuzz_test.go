package merge_test

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// FuzzDecode gives any payload: it is taken or told as damaged, and spoils nothing.
func FuzzDecode(f *testing.F) {
	id := testID(1)
	for _, seed := range []string{
		`{}`, `[]`, `{"name":{"set":1,"over":[]}}`, `{"name":{"drop":["` + id + `"]}}`, `{"n":{"add":3}}`, `{"n":{"add":"-0.50"}}`,
		`{"tags":{"add":{"\"rock\"":["` + id + `"]},"remove":{"\"pop\"":["` + id + `"]}}}`,
		`{"m":{"put":{"k":{"value":1,"over":["` + id + `"]}},"remove":{"k2":["` + id + `"]}}}`,
		`{"l":{"insert":[{"of":"` + id + `#2","side":"right","values":[1,2]}],"remove":["` + id + `#1"],"set":{"` + id + `#0":{"value":1,"over":[]}}}}`,
		`{"$life":{"set":"deleted","over":[]}}`, `{"text":{"splice":[1,2,"x"]}}`, `{"a":{"set":1},"b":{"add":1}}`,
	} {
		f.Add(seed, false)
	}
	f.Add(`{"void":[{"id":"`+id+`","hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","parents":[],"anchors":[{"property":"l","of":null,"side":"right","count":2}]}],"reason":"x"}`, true)
	f.Fuzz(func(t *testing.T, data string, void bool) {
		e := event(testID(2), data, id)
		if void {
			e.Type = merge.TypeVoid
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			t.Fatalf("what is inside of data refused the event: %v", err)
		}
		base := decode(t, event(id, `{"name":{"set":"a","over":[]},"l":{"insert":[{"of":null,"side":"right","values":[1,2,3]}]}}`))
		last := decode(t, event(testID(3), `{"fine":{"set":1,"over":[]}}`, testID(2)))
		g := new(merge.Graph)
		g.Add(base, ev, last)
		folded := g.State()
		if value, ok := folded.Value("fine", kind("register")); !ok || len(value) == 0 {
			t.Fatal("the event spoilt another one")
		}
		one := merge.New()
		must(one.Apply(base))
		if one.Apply(ev) == nil {
			must(one.Apply(last))
			if a, b := one.AppendState(nil), folded.AppendState(nil); string(a) != string(b) {
				t.Fatalf("event by event\n%s\nfolded\n%s", a, b)
			}
		}
		state := folded.AppendState(nil)
		loaded, err := merge.Load(state)
		if err != nil || string(loaded.AppendState(nil)) != string(state) {
			t.Fatalf("%s is not loaded: %v", state, err)
		}
		if len(ev.Damage) > 0 && len(folded.Damaged()[ev.ID]) != len(ev.Damage) && !ev.Damage[0].Whole {
			t.Fatalf("damage %+v is not told: %v", ev.Damage, folded.Damaged())
		}
		for range ev.Changes {
			if _, err := g.Undo(folded, ev.ID); err != nil {
				t.Fatal(err)
			}
		}
		g.Conflicts(folded)
		folded.AppendValues(nil)
	})
}

// FuzzLoad gives any bytes as an entity's state: they are refused, or go on working.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"heads":[],"properties":{}}`))
	f.Add([]byte(`{"damaged":{"` + testID(1) + `":["a"]},"heads":["` + testID(1) + `"],"properties":{"n":{"counter":["decimal","0.5"],"register":{"` + testID(1) + `":1}}}}`))
	f.Add([]byte(`{"heads":[],"properties":{"l":{"list":[{"elements":[0,[1],{"` + testID(2) + `":2}],"id":"` + testID(1) + `#0","of":null,"side":"right"}]}}}`))
	f.Add([]byte(`{"heads":[],"properties":{"s":{"set":{"1":["` + testID(1) + `"]},"map":{"k":{"` + testID(1) + `":1}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := merge.Load(data)
		if err != nil {
			return
		}
		state := e.AppendState(nil)
		again, err := merge.Load(state)
		if err != nil || string(again.AppendState(nil)) != string(state) {
			t.Fatalf("%s comes from %s and is not loaded: %v", state, data, err)
		}
		must(e.Apply(decode(t, event(testID(9), `{"l":{"insert":[{"of":"`+testID(1)+`#0","side":"left","values":[1]}]},"n":{"add":1},"s":{"add":{"1":[]}}}`))))
		e.AppendValues(nil)
		e.Conflicts()
	})
}

// TestDamage: bad payloads and unknown kinds are kept and told, each by its property.
func TestDamage(t *testing.T) {
	t.Parallel()
	erased := event(testID(3), ``)
	erased.Data, erased.DataHash = nil, "x"
	binary := event(testID(4), ``)
	binary.Data, binary.Binary = nil, []byte{1}
	e := merge.New()
	for _, in := range []nacre.Event{
		event(testID(1), `{"good":{"set":1,"over":[]},"text":{"splice":[]},"bad":{"set":1},"":{"set":1,"over":[]},"$x":{"set":1,"over":[]}}`),
		event(testID(2), `7`), erased, binary, event(testID(5), `{"a":1`),
	} {
		if ev := decode(t, in); len(ev.Damage) == 0 || ev.Damage[0].Problem == "" {
			t.Errorf("%s: no damage is told", in.Data)
		} else if err := e.Apply(ev); err != nil {
			t.Error(err)
		}
	}
	want := `{"damaged":{"` + testID(1) + `":["","$x","bad","text"],"` + testID(2) + `":[],"` + testID(3) + `":[],"` + testID(4) + `":[],"` + testID(5) + `":[]},` +
		`"heads":["` + testID(1) + `","` + testID(2) + `","` + testID(3) + `","` + testID(4) + `","` + testID(5) + `"],"properties":{"good":{"register":{"` + testID(1) + `":1}}}}`
	if got := string(e.AppendState(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
