package query_test

import (
	"fmt"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

// schema is a small schema.
type schema map[string]query.Type

func (s schema) Property(name string) (query.Property, bool) {
	t, ok := s[name]
	return query.Property{Type: t}, ok
}

func (schema) Collection(string) (query.Schema, bool) { return nil, false }

// tables is where collections are kept.
type tables struct{}

func (tables) Table(string) string              { return "albums" }
func (tables) Column(_, property string) string { return property }

func Example() {
	albums := schema{"artist": query.TypeText, "year": query.TypeInt64}

	q, err := query.Parse("artist = :sub AND year > 2000 ORDER BY year")
	if err != nil {
		fmt.Println(err)
		return
	}
	bound, err := query.Bind(q, query.Args{Named: map[string]any{"sub": "muse"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := query.Check(bound, albums)
	if err != nil {
		fmt.Println(err)
		return
	}

	state := []byte(`{"artist":"muse","year":2001}`)
	fmt.Println(plan.Match(query.NewObject("a1", state), nil))

	statement, err := plan.SQL(query.SQLite, tables{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(statement.Text, statement.Args)
	// Output:
	// true
	// SELECT t0."id", t0."state" FROM "albums" AS t0 WHERE ((t0."artist" = ?1) AND (t0."year" > ?2)) ORDER BY t0."year", t0."id" [muse 2000]
}

func ExampleWhere() {
	events := []nacre.Event{
		{Type: "order.placed", Data: []byte(`{"total":120}`)},
		{Type: "order.placed", Data: []byte(`{"total":20}`)},
		{Type: "user.made", Data: []byte(`{"total":120}`)},
	}

	where, err := query.Where("type LIKE 'order.%' AND data.total > 100")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range events {
		fmt.Println(where.Matches(&events[i]))
	}
	fmt.Println(where.Narrow(nil)[0].Types)

	_, err = query.Where("type = 'order.placed' LIMIT 10")
	fmt.Println(err)
	// Output:
	// true
	// false
	// false
	// [order. order.*]
	// query: line 1, column 23: expected AND, OR or the end, found LIMIT: a condition looks at each event by itself: there is no LIMIT here
}

func ExampleParse() {
	_, err := query.Parse("year > 2000 AND name == 'Origin'")
	fmt.Println(err)
	q, err := query.Parse("not (live) and year<>2000")
	fmt.Println(q, err)
	// Output:
	// query: line 1, column 22: expected a comparison, found ==: equality is =
	// NOT live AND year != 2000 <nil>
}

func ExamplePlan_Index() {
	q, err := query.Parse("artist = 'muse' AND year > 2000 OR artist = 'evan'")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := query.Check(q, schema{"artist": query.TypeText, "year": query.TypeInt64})
	if err != nil {
		fmt.Println(err)
		return
	}
	terms, ok := plan.Index()
	var paths []string
	for i := range terms {
		paths = append(paths, fmt.Sprintf("%s by value: %v", terms[i].Path, terms[i].Equality()))
	}
	fmt.Println(ok, slices.Compact(paths))
	row := query.NewObject("a1", []byte(`{"artist":"evan"}`))
	fmt.Println(terms[1].Holds(terms[1].AppendKey(nil, row)))
	// Output:
	// true [artist by value: true]
	// true
}
