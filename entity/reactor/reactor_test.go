package reactor

import (
	"bytes"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/query"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of random tests; 0 takes a new one")

func newRandom(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with: go test ./entity/reactor -run '^%s$' -seed=%d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}

type schema struct{}

func (schema) Property(name string) (query.Property, bool) {
	types := map[string]query.Type{"name": query.TypeText, "year": query.TypeInt64, "score": query.TypeFloat64, "tags": query.TypeJSON, "live": query.TypeBool}
	of, ok := types[name]
	return query.Property{Type: of}, ok
}

func (schema) Collection(string) (query.Schema, bool) { return nil, false }

func plan(t testing.TB, text string) *query.Plan {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(text, err)
	}
	p, err := query.Check(q, schema{})
	if err != nil {
		t.Fatal(text, err)
	}
	return p
}

// condition is a random one, of every construct.
func condition(r *rand.Rand, depth int) string {
	n := func() int { return r.IntN(12) }
	if depth > 0 && r.IntN(2) == 0 {
		a, b := condition(r, depth-1), condition(r, depth-1)
		return []string{"(" + a + " AND " + b + ")", "(" + a + " OR " + b + ")", "NOT (" + a + ")"}[r.IntN(3)]
	}
	return []string{
		fmt.Sprintf("year = %d", n()), fmt.Sprintf("year > %d", n()), fmt.Sprintf("year <= %d", n()), fmt.Sprintf("year != %d", n()),
		fmt.Sprintf("year BETWEEN %d AND %d", n(), n()), fmt.Sprintf("year IN (%d, %d, %d)", n(), n(), n()), fmt.Sprintf("name = 'n%d'", n()),
		fmt.Sprintf("name LIKE 'n%d%%'", r.IntN(3)), fmt.Sprintf("name LIKE '%%%d'", n()), fmt.Sprintf("score < %d.5", n()), "live", "year IS NULL",
		"name IS NOT NULL", fmt.Sprintf("tags CONTAINS 't%d'", r.IntN(3)), fmt.Sprintf("tags[0] = 't%d'", r.IntN(3)), fmt.Sprintf("score >= %d AND score < %d", n(), n()),
	}[r.IntN(16)]
}

func statement(r *rand.Rand) string {
	text := ""
	if r.IntN(6) > 0 {
		text = condition(r, 2)
	}
	if r.IntN(4) > 0 {
		text += " ORDER BY " + []string{"year", "year DESC", "name, year", "score DESC, name", "name DESC"}[r.IntN(5)]
	}
	if r.IntN(3) > 0 {
		text += fmt.Sprintf(" LIMIT %d", r.IntN(8))
	}
	return text
}

func randomRow(r *rand.Rand, id string) *query.Object {
	var members []string
	add := func(format string, args ...any) {
		if r.IntN(5) > 0 {
			members = append(members, fmt.Sprintf(format, args...))
		}
	}
	add(`"live":%v`, r.IntN(2) == 0)
	add(`"name":"n%d"`, r.IntN(12))
	add(`"score":%d.5`, r.IntN(12))
	add(`"tags":["t%d","t%d"]`, r.IntN(3), r.IntN(3))
	add(`"year":%d`, r.IntN(12))
	return query.NewObject(id, []byte("{"+strings.Join(members, ",")+"}"))
}

type table map[string]*query.Object

func (m table) all() iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		for _, row := range m {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (m table) result(t *testing.T, p *query.Plan) []*query.Object {
	t.Helper()
	list, err := p.Rows(m.all(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*query.Object, len(list))
	for i, row := range list {
		out[i] = row.(*query.Object)
	}
	return out
}

// change makes a random change of a row, and gives the row before and after.
func (m table) change(r *rand.Rand) (id string, old, now *query.Object) {
	id = fmt.Sprint("r", r.IntN(70))
	old = m[id]
	if r.IntN(4) == 0 {
		delete(m, id)
		return id, old, nil
	}
	now = randomRow(r, id)
	m[id] = now
	return id, old, now
}

func orNil(o *query.Object) query.Row {
	if o == nil {
		return nil
	}
	return o
}

// make does to a list what a client does with changes.
func (d *Delta) make(t *testing.T, list []*query.Object) []*query.Object {
	t.Helper()
	at := slices.IndexFunc(list, func(o *query.Object) bool { return o.ID() == d.ID })
	if (at >= 0) != (d.Kind == Remove || d.Kind == Update || d.Kind == Move) {
		t.Fatalf("%+v, and the row stands at %d", d, at)
	}
	switch d.Kind {
	case Update:
		if at != d.Index {
			t.Fatalf("%+v, and the row stands at %d", d, at)
		}
		list[at] = d.Row
		return list
	case Remove:
		if at != d.Index || d.Row != nil {
			t.Fatalf("%+v, and the row stands at %d", d, at)
		}
		return slices.Delete(list, at, at+1)
	case Move:
		list = slices.Delete(list, at, at+1)
	}
	return slices.Insert(list, d.Index, d.Row)
}

func texts(list []*query.Object) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "%s %s\n", o.ID(), o.State())
	}
	return b.String()
}

// TestResultsAreCurrent keeps many random queries current by an index and windows; each result is what the query gives, and
// what was told makes it.
func TestResultsAreCurrent(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	m := table{}
	for range 60 {
		m.change(r)
	}
	type standing struct {
		text   string
		plan   *query.Plan
		window *Window
		told   []*query.Object
	}
	fill := func(s *standing) {
		p := s.plan
		if _, limited := p.Limit(); limited {
			p = p.Within(int64(s.window.Keep()), 0)
		}
		s.window.Fill(s.plan, m.result(t, p), nil)
	}
	var x Index[int]
	all := map[int]*standing{}
	next := 0
	for step := range 800 {
		for len(all) < 40 || r.IntN(20) == 0 {
			s := &standing{text: statement(r)}
			s.plan = plan(t, s.text)
			s.window = NewWindow(s.plan)
			fill(s)
			all[next] = s
			x.Add(next, s.plan)
			next++
		}
		if r.IntN(20) == 0 {
			q := slices.Sorted(maps.Keys(all))[r.IntN(len(all))]
			x.Remove(q)
			delete(all, q)
		}
		id, old, now := m.change(r)
		concerned := x.Match(nil, orNil(old), orNil(now))
		for _, q := range concerned {
			s := all[q]
			if s == nil {
				t.Fatalf("the index gives %d, which was removed", q)
			}
			if s.window.Apply(id, now) {
				fill(s)
			}
		}
		for q, s := range all {
			want := m.result(t, s.plan)
			if r.IntN(3) == 0 || step == 799 { // others are told less often, and of more at once
				for _, d := range s.window.Deltas() {
					s.told = d.make(t, s.told)
				}
				if got := texts(s.told); got != texts(want) {
					t.Fatalf("step %d, %q (%d, concerned %v): a client has\n%s\nand the query gives\n%s", step, s.text, q, slices.Contains(concerned, q), got, texts(want))
				}
			}
			if s.window.Len() != len(want) {
				t.Fatalf("step %d, %q: %d rows, want %d", step, s.text, s.window.Len(), len(want))
			}
		}
	}
	for q := range all {
		x.Remove(q)
	}
	if len(x.paths)+len(x.always)+len(x.filed) > 0 {
		t.Errorf("an empty index has %d paths, %d queries to look at always", len(x.paths), len(x.always))
	}
}

// TestOneChangeTellsNoMoreThanItTakes: a removal under a limit brings the next row in the same call.
func TestOneChangeTellsNoMoreThanItTakes(t *testing.T) {
	t.Parallel()
	p := plan(t, "ORDER BY year LIMIT 2")
	w := NewWindow(p)
	row := func(id string, year int) *query.Object {
		return query.NewObject(id, fmt.Appendf(nil, `{"year":%d}`, year))
	}
	w.Fill(p, []*query.Object{row("a", 1), row("b", 2), row("c", 3)}, nil)
	told := func() string {
		var b strings.Builder
		for _, d := range w.Deltas() {
			fmt.Fprintf(&b, "%s %s %d; ", d.Kind, d.ID, d.Index)
		}
		return b.String()
	}
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "initial a 0; initial b 1; "},
		{func() {}, ""},
		{func() { w.Apply("a", nil) }, "remove a 0; add c 1; "},
		{func() { w.Apply("a", row("a", 1)) }, "add a 0; remove c 2; "},
		{func() { w.Apply("b", row("b", 0)) }, "move b 0; "},
		{func() { w.Apply("b", row("b", 0)) }, ""},
		{func() { w.Apply("b", row("b", 5)) }, "remove b 0; add c 1; "},
		{func() { w.Apply("b", row("b", 0)); w.Apply("b", row("b", 5)) }, ""},
	} {
		step.do()
		if got := told(); got != step.want {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	var tree ranges[int]
	type interval struct{ low, high []byte }
	all := map[int]interval{}
	end := func() []byte {
		if r.IntN(4) == 0 {
			return nil
		}
		return []byte{byte(r.IntN(40))}
	}
	for i := range 5000 {
		if r.IntN(3) == 0 && len(all) > 0 {
			q := slices.Sorted(maps.Keys(all))[r.IntN(len(all))]
			tree.remove(all[q].low, all[q].high, q)
			delete(all, q)
		} else {
			all[i] = interval{end(), end()}
			tree.add(all[i].low, all[i].high, i)
		}
		key := []byte{byte(r.IntN(40))}
		got := map[int]bool{}
		tree.stab(key, func(q int) { got[q] = true })
		for q, in := range all {
			want := (in.low == nil || bytes.Compare(in.low, key) <= 0) && (in.high == nil || bytes.Compare(key, in.high) <= 0)
			if want != got[q] {
				t.Fatalf("%v holds %v: found is %v", in, key, got[q])
			}
			delete(got, q)
		}
		if len(got) > 0 {
			t.Fatalf("found are %v, which are not there", got)
		}
	}
	for q, in := range all {
		tree.remove(in.low, in.high, q)
	}
	if tree.root != nil {
		t.Error("an empty tree has a root")
	}
}
