package query

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestEnginesAgree compares the matcher with SQLite on random schemas, rows and queries.
func TestEnginesAgree(t *testing.T) {
	db := memoryDB(t)
	cases := *casesFlag
	if cases == 0 {
		cases = 4000
		if raceEnabled { // SQLite is thirty times slower under it
			cases = 400
		}
	}
	const queries = 400 // of one world, which has a seed of its own
	seed, answered := newSeed(), 0
	for done := 0; done < cases; done += queries {
		answered += world(t, db, seed, min(queries, cases-done))
		seed++
	}
	t.Logf("%d queries, %d with a result", cases, answered)
	if answered < cases/4 {
		t.Errorf("only %d of %d queries gave something: the generator makes bad ones", answered, cases)
	}
}

// world makes a random world, asks queries of it, and counts those that have a result.
func world(t *testing.T, db *sql.DB, seed uint64, queries int) (answered int) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	c := g.world()
	for _, of := range c.all {
		if err := of.create(db); err != nil {
			t.Fatal(err)
		}
	}
	for range queries {
		text := g.statement()
		got, err := ask(g, db, c, text)
		if err != nil {
			t.Fatalf("%s\n%q\n%v\nrows:\n%s\n%s", text, g.args, err, dump(c), replay(t, seed))
		}
		if got != "" {
			answered++
		}
	}
	return answered
}

// ask has both engines answer a query, and looks at its tree and its terms.
func ask(g *generator, db *sql.DB, c *collection, text string) (string, error) {
	q, err := Parse(text)
	if err != nil {
		return "", err
	}
	again, err := Parse(q.String())
	if err != nil || again.String() != q.String() || !sameTree(q, again) {
		return "", fmt.Errorf("the canonical text is %s, and again %s: %w", q, again, err)
	}
	if q, err = Bind(q, Args{Positional: g.args}); err != nil {
		return "", err
	}
	p, err := Check(q, c)
	if err != nil {
		return "", err
	}
	var after []byte
	if len(c.rows) > 0 && !p.Gathers() && g.IntN(3) == 0 {
		after = p.AppendSortKey(nil, c.rows[g.IntN(len(c.rows))], c.lookup)
	}
	got, err := compare(db, p, c, after)
	if err != nil {
		return "", err
	}
	return got, checkIndex(p, c)
}

// checkIndex sees to it that a term holds of every row that the plan matches.
func checkIndex(p *Plan, c *collection) error {
	terms, ok := p.Index()
	if !ok {
		return nil
	}
	for _, r := range c.rows {
		holds := slices.ContainsFunc(terms, func(term Term) bool { return term.Holds(term.AppendKey(nil, r)) })
		if !holds && p.Match(r, c.lookup) {
			return fmt.Errorf("the row %s %s matches, and no term holds: %+v", r.ID(), r.State(), terms)
		}
	}
	return nil
}

// sameTree compares statements apart from positions.
func sameTree(a, b *Query) bool { return reflect.DeepEqual(placeless(a), placeless(b)) }

// placeless is a tree as maps and lists without positions.
func placeless(x any) any { return strip(reflect.ValueOf(x)) }

func strip(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return []any{v.Elem().Type().String(), strip(v.Elem())}
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, strip(v.Index(i)))
		}
		return out
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Pos]() {
			return nil
		}
		if v.Type() == reflect.TypeFor[Value]() {
			x := v.Interface().(Value)
			return []any{x.kind, x.Text()}
		}
		out := map[string]any{}
		for i := range v.NumField() {
			out[v.Type().Field(i).Name] = strip(v.Field(i))
		}
		return out
	}
	return v.Interface()
}

func dump(c *collection) string {
	out := ""
	for _, of := range c.all {
		out += of.name + "\n"
		for _, p := range of.props {
			out += "  " + p.name + " " + p.Type.String() + " " + p.Collection + "\n"
		}
		for _, r := range of.rows {
			out += "  " + r.ID() + " " + string(r.State()) + "\n"
		}
	}
	return out
}
