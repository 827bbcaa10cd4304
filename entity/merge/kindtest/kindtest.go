// Package kindtest is the suite that every kind of property passes: [Run] it with a [Config] that makes random edits.
//
// What it shows:
//
//  1. Operations give one state in any order in which what they name comes first, which is that of a fold by ids.
//  2. A state is whole in its bytes: loaded from them it goes on as if nothing had happened.
//  3. What an edit says it will be is what its operation makes; what changes nothing is no operation.
//  4. Undoing brings back what was there, and takes nothing from others; a copy is a copy.
//  5. Names has every id that an operation's text names, and none that it does not.
//  6. No input panics, and what the config says is damaged is.
//
// Run takes its seed from the config, prints it where it fails, and uses no clock. Its tests run in parallel with each
// other. What this package does not do: it does not know what a kind means; each has tests of its own for that.
package kindtest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// Config is what the suite must know of a kind.
type Config struct {
	// Seed is that of all random tests. No default.
	Seed uint64
	// Rounds is how many random cases each test looks at. Default 200.
	Rounds int
	// Edit makes a random edit. value is what c is now, nil where there is none. Values must not have ids in them.
	Edit func(r *rand.Rand, value []byte, c merge.Change) error
	// Damaged are operations that the kind claims and must not take.
	Damaged []string
	// Additive says that undoing cannot bring back the absence of a value, once there was one.
	Additive bool
}

// Run tests a kind.
func Run(t *testing.T, kind merge.Kind, config Config) {
	if config.Rounds == 0 {
		config.Rounds = 200
	}
	s := &suite{kind, config}
	for name, test := range map[string]func(t *testing.T, r *rand.Rand){
		"Order":  s.order,
		"Change": s.change,
		"Undo":   s.undo,
		"Clone":  s.clone,
		"Names":  s.names,
		"Input":  s.input,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range config.Rounds {
				test(t, rand.New(rand.NewPCG(config.Seed, uint64(i))))
				if t.Failed() {
					t.Fatalf("round %d of seed %d", i, config.Seed)
				}
			}
		})
	}
}

type suite struct {
	kind merge.Kind
	Config
}

// operation is one that an author made.
type operation struct {
	id    merge.ID
	text  []byte
	op    merge.Operation
	names []merge.ID
}

// author has seen some operations.
type author struct {
	state merge.State
	seen  map[merge.ID]bool
}

func (s *suite) author() *author { return &author{s.kind.New(), map[merge.ID]bool{}} }

// id is the n-th id.
func id(n int) (out merge.ID) {
	binary.BigEndian.PutUint64(out[8:], uint64(n)<<10)
	out[5] = 1
	return out
}

func (s *suite) decode(t *testing.T, n int, text []byte) operation {
	t.Helper()
	ev, err := merge.Decode(&nacre.Event{
		StreamID: "test-1", ID: id(n).String(), Type: "test.changed", Parents: []string{}, Data: fmt.Appendf(nil, `{"p":%s}`, text),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(ev.Changes) != 1 || ev.Changes[0].Kind != s.kind {
		t.Fatalf("%s is no operation of a %s: %+v", text, s.kind.Name(), ev.Damage)
	}
	return operation{id(n), text, ev.Changes[0].Operation, ev.Names()}
}

func (a *author) apply(o operation) {
	if !a.seen[o.id] {
		a.seen[o.id] = true
		a.state.Apply(o.id, o.op)
	}
}

// edit makes an operation, or none where the edit changes nothing.
func (s *suite) edit(t *testing.T, r *rand.Rand, a *author, n int) (operation, bool) {
	t.Helper()
	c := a.state.Change()
	for range 1 + r.IntN(2) {
		value, ok := c.AppendValue(nil)
		if !ok {
			value = nil
		}
		if err := s.Edit(r, value, c); err != nil {
			t.Fatalf("the edit is refused: %v", err)
		}
	}
	text := c.Operation()
	if text == nil {
		return operation{}, false
	}
	return s.decode(t, n, text), true
}

// world lets several authors edit and see each other's operations, and gives all operations.
func (s *suite) world(t *testing.T, r *rand.Rand) []operation {
	t.Helper()
	authors := []*author{s.author(), s.author(), s.author()}
	var all []operation
	for n := 1; n < 12; n++ {
		a := authors[r.IntN(len(authors))]
		if r.IntN(2) == 0 {
			deliver(r, a, all, r.IntN(len(all)+1))
		}
		if o, ok := s.edit(t, r, a, n); ok {
			all = append(all, o)
			a.apply(o)
		}
	}
	return all
}

// deliver applies operations in a random order in which names come first, until so many were.
func deliver(r *rand.Rand, a *author, all []operation, most int) {
	for most > 0 {
		var ready []operation
		for _, o := range all {
			if !a.seen[o.id] && !slices.ContainsFunc(o.names, func(id merge.ID) bool { return !a.seen[id] }) {
				ready = append(ready, o)
			}
		}
		if len(ready) == 0 {
			return
		}
		a.apply(ready[r.IntN(len(ready))])
		most--
	}
}

func (s *suite) order(t *testing.T, r *rand.Rand) {
	all := s.world(t, r)
	folded := s.author()
	for _, o := range all {
		folded.apply(o)
	}
	want := string(folded.state.AppendState(nil))
	value, _ := folded.state.AppendValue(nil)
	for range 3 {
		a := s.author()
		deliver(r, a, all, r.IntN(len(all)+1))
		if _, ok := a.state.AppendValue(nil); ok {
			bytes := a.state.AppendState(nil)
			loaded, err := s.kind.Load(bytes)
			if err != nil {
				t.Fatalf("%s is not loaded: %v", bytes, err)
			}
			if again := loaded.AppendState(nil); string(again) != string(bytes) {
				t.Fatalf("loaded from\n%s\nit is\n%s", bytes, again)
			}
			a.state = loaded
		}
		deliver(r, a, all, len(all))
		if got := string(a.state.AppendState(nil)); got != want {
			t.Fatalf("got\n%s\nfolded\n%s", got, want)
		}
		if got, _ := a.state.AppendValue(nil); string(got) != string(value) {
			t.Fatalf("it shows\n%s\nfolded\n%s", got, value)
		}
	}
	canonical, err := merge.Canonical([]byte(want))
	if err != nil || string(canonical) != want {
		t.Errorf("the state is not canonical: %v\n%s", err, want)
	}
}

func (s *suite) change(t *testing.T, r *rand.Rand) {
	a := s.author()
	deliver(r, a, s.world(t, r), r.IntN(12))
	before, _ := a.state.AppendValue(nil)
	c := a.state.Change()
	if op := c.Operation(); op != nil {
		t.Errorf("an edit without anything is %s", op)
	}
	if err := s.Edit(r, before, c); err != nil {
		t.Fatal(err)
	}
	want, there := c.AppendValue(nil)
	if after, _ := a.state.AppendValue(nil); string(after) != string(before) {
		t.Errorf("an edit changed the state from %s to %s", before, after)
	}
	if text := c.Operation(); text != nil {
		a.apply(s.decode(t, 100, text))
	}
	got, ok := a.state.AppendValue(nil)
	if ok && string(got) != string(want) || ok != there && there && len(want) > 2 {
		t.Errorf("the edit said %s (%t), and it is %s (%t)", want, there, got, ok)
	}
}

// undo lets one author edit, another one perhaps meanwhile, and takes the author's last edits back.
func (s *suite) undo(t *testing.T, r *rand.Rand) {
	a, other := s.author(), s.author()
	for _, o := range s.world(t, r) {
		a.apply(o)
		other.apply(o)
	}
	before := a.state.Clone()
	was, there := before.AppendValue(nil)
	conflict := len(before.Conflicts()) > 0
	n := 100
	var own []operation
	for range 1 + r.IntN(3) {
		n++
		if o, ok := s.edit(t, r, a, n); ok {
			own = append(own, o)
			a.apply(o)
		}
	}
	if len(own) == 0 {
		return
	}
	var done []merge.Done
	for _, o := range own {
		done = append(done, merge.Done{By: o.id, Operation: o.op})
	}
	meanwhile := r.IntN(2) == 0
	if meanwhile {
		// What somebody did who saw nothing of it is not taken back.
		if o, ok := s.edit(t, r, other, 200); ok {
			a.apply(o)
			other.apply(o)
		}
	}
	text := a.state.Undo(done, before)
	if text != nil {
		o := s.decode(t, 300, text)
		for _, name := range o.names {
			if !slices.ContainsFunc(own, func(o operation) bool { return o.id == name }) && !a.seen[name] {
				t.Errorf("undoing is %s, which names what was never there", text)
			}
		}
		a.apply(o)
	}
	got, ok := a.state.AppendValue(nil)
	if !meanwhile && !conflict && (there && string(got) != string(was) || !there && ok && !s.Additive) {
		t.Errorf("after undoing %s by %s it is %s (%t), and it was %s (%t)", own[0].text, text, got, ok, was, there)
	}
	// All together is nothing more to undo, but for what is only ever added.
	if again := a.state.Undo(append(done, s.doneOf(t, text)...), before); again != nil && !meanwhile && !conflict && there {
		o := s.decode(t, 400, again)
		a.apply(o)
		if got, _ := a.state.AppendValue(nil); string(got) != string(was) {
			t.Errorf("undoing again by %s makes it %s, and it was %s", again, got, was)
		}
	}
}

func (s *suite) doneOf(t *testing.T, text []byte) []merge.Done {
	if text == nil {
		return nil
	}
	return []merge.Done{{By: id(300), Operation: s.decode(t, 300, text).op}}
}

func (s *suite) clone(t *testing.T, r *rand.Rand) {
	all := s.world(t, r)
	a := s.author()
	deliver(r, a, all, r.IntN(len(all)+1))
	want := string(a.state.AppendState(nil))
	b := &author{a.state.Clone(), a.seen}
	seen := map[merge.ID]bool{}
	for id := range a.seen {
		seen[id] = true
	}
	deliver(r, b, all, len(all))
	if got := string(a.state.AppendState(nil)); got != want {
		t.Fatalf("a copy went on, and the state became\n%s\nfrom\n%s", got, want)
	}
	end := string(b.state.AppendState(nil))
	a.seen = seen
	deliver(r, a, all, len(all))
	if got := string(a.state.AppendState(nil)); got != end {
		t.Fatalf("the copy came to\n%s\nthe state to\n%s", end, got)
	}
}

var idPattern = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{25}`)

func (s *suite) names(t *testing.T, r *rand.Rand) {
	for _, o := range s.world(t, r) {
		want := idPattern.FindAllString(string(o.text), -1)
		slices.Sort(want)
		want = slices.Compact(want)
		var got []string
		for _, name := range o.op.Names(nil) {
			got = append(got, name.String())
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%s names %q", o.text, got)
		}
	}
}

// input gives broken operations and states. What is taken of them must work.
func (s *suite) input(t *testing.T, r *rand.Rand) {
	for _, text := range s.Damaged {
		ev, err := merge.Decode(&nacre.Event{StreamID: "test-1", ID: id(9).String(), Parents: []string{}, Data: []byte(`{"p":` + text + `}`)})
		if err != nil || len(ev.Damage) != 1 || len(ev.Changes) != 0 || ev.Damage[0].Problem == "" {
			t.Errorf("%s: error %v, damage %+v; want it damaged", text, err, ev.Damage)
		}
	}
	a := s.author()
	for _, o := range s.world(t, r) {
		broken := mutate(r, o.text)
		ev, err := merge.Decode(&nacre.Event{StreamID: "test-1", ID: o.id.String(), Parents: []string{}, Data: fmt.Appendf(nil, `{"p":%s}`, broken)})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range ev.Changes {
			if c.Kind == s.kind {
				a.state.Apply(o.id, c.Operation)
				a.state.Undo([]merge.Done{{By: o.id, Operation: c.Operation}}, s.kind.New())
			}
		}
		state := a.state.AppendState(nil)
		if _, ok := a.state.AppendValue(nil); !ok {
			continue
		}
		loaded, err := s.kind.Load(state)
		if err != nil || string(loaded.AppendState(nil)) != string(state) {
			t.Errorf("%s is not loaded: %v", state, err)
		}
		text, err := merge.Canonical(mutate(r, state))
		if err != nil {
			continue
		}
		if loaded, err := s.kind.Load(text); err == nil {
			loaded.AppendValue(nil)
			loaded.Conflicts()
			loaded.Change().Operation()
			loaded.Apply(o.id, o.op)
		}
	}
}

func mutate(r *rand.Rand, text []byte) []byte {
	out := slices.Clone(text)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(out))
		switch r.IntN(3) {
		case 0:
			out[at] = text[r.IntN(len(text))]
		case 1:
			out = slices.Insert(out, at, text[r.IntN(len(text))])
		default:
			if len(out) > 1 {
				out = slices.Delete(out, at, at+1)
			}
		}
	}
	return out
}
