package query

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// albums is a schema for tests of what is looked at by people.
func albums() *collection {
	c := &collection{name: "albums", props: []namedProperty{
		{"name", Property{Type: TypeText}},
		{"year", Property{Type: TypeInt64}},
		{"price", Property{Type: TypeDecimal}},
		{"live", Property{Type: TypeBool}},
		{"artist", Property{Type: TypeRef, Collection: "artists"}},
		{"tags", Property{Type: TypeJSON}},
		{"info", Property{Type: TypeJSON}},
	}}
	artists := &collection{name: "artists", props: []namedProperty{
		{"name", Property{Type: TypeText}},
		{"label", Property{Type: TypeRef, Collection: "labels"}},
	}}
	labels := &collection{name: "labels", props: []namedProperty{{"name", Property{Type: TypeText}}}}
	all := map[string]*collection{"albums": c, "artists": artists, "labels": labels}
	c.all, artists.all, labels.all = all, all, all
	return c
}

func plan(t testing.TB, text string, positional ...any) *Plan {
	t.Helper()
	p, err := planOf(albums(), text, &Args{Positional: positional})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is a term for people.
func (t *Term) told() string {
	bound := func(key []byte, none string) string {
		if key == nil {
			return none
		}
		v, _, ok := cutKey(key, false)
		if !ok {
			return fmt.Sprintf("%x", key)
		}
		if v.IsNull() {
			return "null"
		}
		return v.Text()
	}
	if t.Equality() {
		return t.Path + " = " + bound(t.Low, "")
	}
	return t.Path + " " + bound(t.Low, "…") + " … " + bound(t.High, "…")
}

func TestIndexTerms(t *testing.T) {
	for text, want := range map[string]string{
		"year = 2000":                               "year = 2000",
		"year = 2000 AND name = 'x' AND live":       "year = 2000",
		"name LIKE 'Origin%' AND year > 2000":       "name 304f726967696e … 304f726967696f",
		"name LIKE 'Origin%' AND artist = 'a'":      "artist = a",
		"year > 2000":                               "year 2000 … 22",
		"year > 2000 AND year <= 2010":              "year 2000 … 2010",
		"year BETWEEN 2000 AND 2010 AND price > 1":  "year 2000 … 2010",
		"year > 2010 AND year < 2000":               "",
		"year IN (1, 2) OR name = 'x'":              "year = 1, year = 2, name = x",
		"year = 1 OR name != 'x'":                   "all",
		"(year = 1 OR live) AND info.a.b = 'x'":     "info.a.b = x",
		"name != 'x'":                               "all",
		"NOT (year != 3)":                           "year = 3",
		"NOT (year < 3)":                            "year 3 … 22",
		"name LIKE '%x'":                            "all",
		"name ILIKE 'x%'":                           "all",
		"live":                                      "live = true",
		"NOT live":                                  "live = false",
		"name IS NULL":                              "name = null",
		"name IS NOT NULL":                          "name 06 … …",
		"artist.name = 'x'":                         "all",
		"artist.name = 'x' AND year = 1":            "year = 1",
		"tags CONTAINS 'x'":                         "all",
		"1 = 2":                                     "",
		"year = NULL":                               "",
		"":                                          "all",
		"year = 1 AND 1 = 1":                        "year = 1",
		"year = 1 AND NULL":                         "",
		"['a', 'b'] CONTAINS artist":                "artist = a, artist = b",
		"info.n >= 5 AND info.n < 7 AND name > 'a'": "info.n 5 … 7",
		"(year > 1 AND name = 'a') OR (live AND year = 2)": "name = a, year = 2",
	} {
		terms, ok := plan(t, text).Index()
		got := []string{}
		for i := range terms {
			got = append(got, terms[i].told())
		}
		if !ok {
			got = []string{"all"}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s is filed under %q and should be under %q", text, strings.Join(got, ", "), want)
		}
	}
}

func TestReadsAndFollows(t *testing.T) {
	p := plan(t, "artist.label.name = 'x' AND year > 1 AND artist.name != name ORDER BY info.a")
	if got := p.Reads(); !slices.Equal(got, []string{"artist", "info", "name", "year"}) {
		t.Errorf("it reads %q", got)
	}
	want := []Follow{{"artists", "label"}, {"artists", "name"}, {"labels", "name"}}
	if got := p.Follows(); !slices.Equal(got, want) {
		t.Errorf("it follows %v", got)
	}
	p = plan(t, "SELECT artist, sum(price) WHERE live GROUP BY artist ORDER BY count(tags)")
	if got := p.Reads(); !slices.Equal(got, []string{"artist", "live", "price", "tags"}) {
		t.Errorf("it reads %q", got)
	}
	if got := p.Follows(); got != nil {
		t.Errorf("it follows %v", got)
	}
}

func TestConjuncts(t *testing.T) {
	row := NewObject("a", []byte(`{"year":2001,"live":false}`))
	parts := plan(t, "year > 2000 AND live AND (name = 'x' OR name IS NULL)").Conjuncts()
	got := ""
	for _, p := range parts {
		got += p.Truth(row, nil).String() + " "
	}
	if got != "true false true " {
		t.Errorf("the conjuncts are %s", got)
	}
}

func TestAndRestricts(t *testing.T) {
	policy, err := Parse("live OR artist = :sub")
	if err != nil {
		t.Fatal(err)
	}
	if policy, err = Bind(policy, Args{Named: map[string]any{"sub": "x' OR TRUE", "role": "user"}, Spare: true}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                          "live OR artist = 'x'' OR TRUE'",
		"year > 1 OR name = 'x'":    "(year > 1 OR name = 'x') AND (live OR artist = 'x'' OR TRUE')",
		"year > 1 AND live LIMIT 3": "year > 1 AND live AND (live OR artist = 'x'' OR TRUE') LIMIT 3",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := q.And(policy.Where)
		again, err := Parse(got.String())
		if got.String() != want || err != nil || !sameTree(got, again) || q.String() != text {
			t.Errorf("%s is restricted to %s, %v, and should be to %s", text, got, err, want)
		}
		if q.And(nil).String() != text {
			t.Errorf("%s is restricted by nothing to %s", text, q.And(nil))
		}
	}
}

func TestPlansAreForManyGoroutines(t *testing.T) {
	p := plan(t, `name LIKE '%é"%' AND info.a IN ('\', 'ü', 3) AND price > 1.5 ORDER BY price DESC`)
	yes := NewObject("a", []byte(`{"name":"x\u00e9\"","info":{"a":"\\"},"price":"2.50"}`))
	no := NewObject("b", []byte(`{"name":"x\u00e9\"","info":{"a":"\\"},"price":"1.50"}`))
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 500 {
				if !p.Match(yes, nil) || p.Match(no, nil) {
					t.Error("a match went wrong")
					return
				}
				if string(p.AppendSortKey(nil, yes, nil)) >= string(p.AppendSortKey(nil, no, nil)) {
					t.Error("a key went wrong")
					return
				}
			}
		})
	}
	done.Wait()
}

func TestMatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector lets pools forget")
	}
	p := plan(t, `name LIKE 'Origin%' AND year > 2000 AND price >= 9.99 AND live AND tags CONTAINS 'rock' AND info.label.city IN ('London', 'Oslo') AND artist IS NOT NULL`)
	o := &Object{}
	state := []byte(`{"name":"Origin of Symmetry","year":2001,"price":"12.50","live":true,"tags":["alt","rock"],"info":{"label":{"city":"Oslo"}},"artist":"muse"}`)
	o.Reset("a", state)
	var key []byte
	if !p.Match(o, nil) {
		t.Fatal("it does not match")
	}
	terms, _ := p.Index()
	if n := testing.AllocsPerRun(200, func() {
		o.Reset("a", state)
		p.Match(o, nil)
		key = p.AppendSortKey(key[:0], o, nil)
		key = terms[0].AppendKey(key[:0], o)
	}); n != 0 {
		t.Errorf("a match allocates %v times", n)
	}
}
