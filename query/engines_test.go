package query

import (
	"reflect"
	"testing"
)

// TestEnginesAgree compares the matcher with SQLite on random schemas, rows and queries.
func TestEnginesAgree(t *testing.T) {
	rnd := newRand(t)
	db := memoryDB(t)
	cases := *casesFlag
	if cases == 0 {
		cases = 4000
	}
	const queries = 400 // of one world
	nonempty, pages := 0, 0
	for done := 0; done < cases; done += queries {
		g := &generator{Rand: rnd}
		c := g.world()
		for _, of := range c.all {
			if err := of.create(db); err != nil {
				t.Fatal(err)
			}
		}
		for range min(queries, cases-done) {
			text := g.statement()
			q, err := Parse(text)
			if err != nil {
				t.Fatalf("%s\n%v", text, err)
			}
			again, err := Parse(q.String())
			if err != nil || again.String() != q.String() || !sameTree(q, again) {
				t.Fatalf("%s\nis canonically\n%s\nand again\n%s\n%v", text, q, again, err)
			}
			bound, err := Bind(q, Args{Positional: g.args})
			if err != nil {
				t.Fatalf("%s %q\n%v", text, g.args, err)
			}
			p, err := Check(bound, c)
			if err != nil {
				t.Fatalf("%s %q\n%v", text, g.args, err)
			}
			var after []byte
			if len(c.rows) > 0 && !p.Gathers() && g.IntN(3) == 0 {
				after = p.AppendSortKey(nil, c.rows[g.IntN(len(c.rows))], c.lookup)
				pages++
			}
			got, err := compare(db, p, c, after)
			if err != nil {
				t.Fatalf("%s\n%q\n%v\nrows:\n%s", text, g.args, err, dump(c))
			}
			if got != "" {
				nonempty++
			}
			checkIndex(t, text, p, c)
		}
	}
	t.Logf("%d queries, %d with a result, %d pages", cases, nonempty, pages)
	if nonempty < cases/4 {
		t.Errorf("only %d of %d queries gave something: the generator makes bad ones", nonempty, cases)
	}
}

// checkIndex sees to it that a term holds of every row that the plan matches.
func checkIndex(t *testing.T, text string, p *Plan, c *collection) {
	t.Helper()
	terms, ok := p.Index()
	if !ok {
		return
	}
rows:
	for _, r := range c.rows {
		if !p.Match(r, c.lookup) {
			continue
		}
		for i := range terms {
			if terms[i].Holds(terms[i].AppendKey(nil, r)) {
				continue rows
			}
		}
		t.Fatalf("%s\nmatches %s %s, and of its terms none holds: %+v", text, r.ID(), r.State(), terms)
	}
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
