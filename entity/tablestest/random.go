package tablestest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

var (
	seedFlag   = flag.Uint64("tables.seed", 0, "the seed of the random test of tables; 0 takes a new one")
	roundsFlag = flag.Int("tables.rounds", under(60, 6), "the batches of the random test of tables")
)

// generator makes random schemas, entities and queries.
type generator struct {
	*rand.Rand
	*world
	ids map[string]merge.SchemaProperty // all that there ever were, which keep their types
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

var collections = []string{"album", "Album", "artist"}

// random writes random batches, and compares random queries, after each.
func (s *suite) random() {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	s.t.Logf("replay: -run %s -tables.seed=%d -tables.rounds=%d", s.t.Name(), seed, *roundsFlag)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), world: s.world, ids: map[string]merge.SchemaProperty{}}
	var waiting []nacre.Position
	asked := 0
	for round := range *roundsFlag {
		b := s.batch()
		for _, c := range collections {
			if g.IntN(12) == 0 || round == 1 && g.IntN(3) > 0 {
				b.declare(c, g.schema())
			}
		}
		if g.IntN(4) == 0 {
			waiting = []nacre.Position{}
			for p := range nacre.Position(20) {
				if g.IntN(4) == 0 {
					waiting = append(waiting, p)
				}
			}
			b.Waiting = waiting
		}
		for _, n := range g.Perm(40)[:g.IntN(12)] {
			c := pick(g, collections...)
			b.put(c, fmt.Sprintf("%s-%d", c, n), g.state())
		}
		b.write()
		if g.IntN(15) == 0 && s.reopen != nil {
			if err := s.tables.Close(); err != nil {
				s.t.Fatal(err)
			}
			s.tables = s.reopen()
		}
		if g.IntN(30) == 0 {
			if err := s.tables.Reset(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
			s.schemas, s.world.states, s.mark, waiting = map[string]*merge.Schema{}, map[string]map[string]string{}, entity.Mark{}, nil
		}
		s.check()
		if w, err := s.tables.Waiting(s.t.Context()); err != nil || fmt.Sprint(w) != fmt.Sprint(waiting) {
			s.t.Fatalf("Waiting: %v, %v, want %v", w, err, waiting)
		}
		for c := range s.schemas {
			for range 6 {
				asked += g.ask(c)
			}
		}
	}
	if asked < *roundsFlag {
		s.t.Errorf("%d queries could be asked in %d rounds: the generator makes bad ones", asked, *roundsFlag)
	}
}

// ask asks a random query, if it is one.
func (g *generator) ask(collection string) int {
	text := g.query(g.schemas[collection])
	p, err := g.tryPlan(collection, text)
	if err != nil {
		return 0
	}
	for _, f := range p.Follows() {
		if g.schemas[f.Collection] == nil {
			return 0
		}
	}
	var after []byte
	if !p.Gathers() && len(p.Columns()) == 0 && g.IntN(2) == 0 {
		for row, err := range g.rows(collection) {
			if err != nil {
				g.t.Fatal(err)
			}
			after = p.AppendSortKey(nil, row, func(collection, id string) query.Row {
				if row := g.row(collection, id); row != nil {
					return row
				}
				return nil
			})
			break
		}
	}
	if _, err := g.compare(collection, p, after); err != nil {
		g.t.Fatalf("%s: %s, behind %x: %v\nschema: %+v", collection, text, after, err, g.schemas[collection])
	}
	return 1
}

var propertyNames = []string{"name", "Name", "state", "year", "Year", "tags", "artist", "rating", "é"}

func (g *generator) schema() *merge.Schema {
	s := &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	used := map[string]bool{}
	var names []string
	for _, i := range g.Perm(len(propertyNames))[:g.IntN(len(propertyNames))] {
		id := fmt.Sprintf("%s~%d", propertyNames[g.IntN(len(propertyNames))], g.IntN(3))
		if used[id] {
			continue
		}
		used[id] = true
		p, known := g.ids[id]
		if !known {
			p = property(id, "register", pick(g, "text", "bool", "int64", "float64", "decimal", "time", "bytes", "json", "ref"))
			if p.Type == "ref" {
				p.Kind, p.Of = "reference", pick(g, collections...)
			} else if g.IntN(8) == 0 {
				p.Kind = "set"
			}
			g.ids[id] = p
		}
		s.Properties[propertyNames[i]] = p
		names = append(names, propertyNames[i])
	}
	for range g.IntN(4) {
		if len(names) > 0 {
			s.Indexes = append(s.Indexes, g.some(names, 3))
		}
	}
	return s
}

func (g *generator) some(of []string, most int) []string {
	var out []string
	for range 1 + g.IntN(most) {
		out = append(out, of[g.IntN(len(of))])
	}
	return out
}

// state has values for all ids that there are, so that a schema that brings one back finds it.
func (g *generator) state() string {
	var members []string
	if g.IntN(8) == 0 {
		members = append(members, `"$gone":true`)
	}
	for _, id := range sortedIDs(g.ids) {
		switch p := g.ids[id]; {
		case g.IntN(5) == 0:
		case g.IntN(12) == 0:
			members = append(members, fmt.Sprintf("%q:%s", id, g.sample(query.Type(g.IntN(9)))))
		case p.Kind == "set":
			members = append(members, fmt.Sprintf(`%q:["a",%s]`, id, g.sample(query.TypeText)))
		default:
			t, _ := query.ParseType(p.Type)
			members = append(members, fmt.Sprintf("%q:%s", id, g.sample(t)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *generator) sample(t query.Type) string {
	if t == query.TypeRef {
		return fmt.Sprintf(`"%s-%d"`, pick(g, collections...), g.IntN(40))
	}
	return pick(g, samples[t]...)
}

func (g *generator) query(s *merge.Schema) string {
	paths := []string{"id"}
	for _, name := range sortedIDs(s.Properties) {
		path := `"` + name + `"`
		p := s.Properties[name]
		if of := g.schemas[p.Of]; of != nil && g.IntN(2) == 0 {
			for _, behind := range sortedIDs(of.Properties) {
				paths = append(paths, path+`."`+behind+`"`)
			}
		}
		paths = append(paths, path, path)
	}
	one := func() string { return pick(g, paths...) }
	condition := func() string {
		path := one()
		literal := pick(g, "'a'", "1", "0", "TRUE", "'2026-11-20T18:55:20Z'", "'thing-1'", "'YQ=='", "1.5", "-1")
		switch g.IntN(7) {
		case 0:
			return path + pick(g, " IS NULL", " IS NOT NULL")
		case 1:
			return path + " = " + one()
		case 2:
			return path + " CONTAINS " + literal
		case 3:
			return path + " LIKE " + pick(g, "'a%'", "'%a'", "'_'", "'album%'")
		}
		return path + pick(g, " = ", " < ", " >= ", " != ") + literal
	}
	var b strings.Builder
	var where strings.Builder
	for range g.IntN(3) {
		where.WriteString(pick(g, "", "", "NOT ") + condition() + pick(g, " AND ", " OR "))
	}
	where.WriteString(pick(g, "TRUE", condition()))
	group := ""
	if g.IntN(4) == 0 {
		group = one()
		b.WriteString("SELECT " + group + ", count(*), " + pick(g, "min", "max", "sum", "count") + "(" + one() + ") WHERE ")
	}
	b.WriteString(where.String())
	switch {
	case group != "":
		b.WriteString(" GROUP BY " + group + " ORDER BY " + pick(g, "count(*)", "count(*) DESC", group))
	case g.IntN(3) > 0:
		b.WriteString(" ORDER BY " + one() + pick(g, "", " DESC") + ", " + one() + pick(g, "", " DESC"))
	}
	if g.IntN(2) == 0 {
		fmt.Fprintf(&b, " LIMIT %d OFFSET %d", g.IntN(9), g.IntN(3))
	}
	return b.String()
}
