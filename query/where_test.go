package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

func TestWhereSelectsEvents(t *testing.T) {
	paid := &nacre.Event{Type: "order.paid", StreamID: "order-1", Data: []byte(`{"total":120}`), Tags: []string{"vip"}}
	for text, want := range map[string]bool{
		"type LIKE 'order.%' AND data.total > 100": true,
		"WHERE type = 'order.paid'":                true,
		"data.total > 120":                         false,
		"data.total":                               false,
		"NOT data.none = 1":                        false,
		"data.none = 1 OR tags CONTAINS 'vip'":     true,
		" category\n=\t'order' ":                   true,
		"TRUE":                                     true,
		"NULL":                                     false,
		"data IS NOT NULL AND metadata IS NULL":    true,
		"streamId = 'order-1' AND createdAt > '2026-01-01'": false,
	} {
		c, err := Where(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := c.Matches(paid); got != want {
			t.Errorf("%s is %v", text, got)
		}
		again, err := Where(c.String())
		if err != nil || again.String() != c.String() || again.Matches(paid) != want {
			t.Errorf("%s: its canonical text %q gives %v, %v", text, c, again, err)
		}
	}
	var none *Condition
	if f := (nacre.Filter{{Types: []string{"a"}}}); !none.Matches(paid) || none.String() != "" || len(none.Narrow(f)) != 1 {
		t.Error("no condition is one of every event")
	}
}

func TestWhereRefusesWhatIsNoCondition(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "line 1, column 1: ",
		"  \n ":                           "line 2, column 2: ",
		"WHERE":                           "line 1, column 6: ",
		"SELECT type":                     "line 1, column 1: expected a condition, found SELECT: events come whole: there are no columns here",
		"select * where type = 'a'":       "line 1, column 1: expected a condition, found select: events come whole",
		"type = 'a' ORDER BY createdAt":   "line 1, column 12: expected AND, OR or the end, found ORDER: events come in the order of the log",
		"type = 'a'\nLIMIT 3":             "line 2, column 1: expected AND, OR or the end, found LIMIT: a condition looks at each event by itself",
		"OFFSET 3":                        "line 1, column 1: expected a condition, found OFFSET: a condition looks at each",
		"type = 'a' GROUP BY type":        "line 1, column 12: expected AND, OR or the end, found GROUP: events come whole",
		"type = ?":                        "line 1, column 8: expected a value, found ?: there are no parameters here",
		"type = :kind":                    "line 1, column 8: expected a value, found a parameter: there are no parameters here",
		"type = 'a')":                     "line 1, column 11: expected AND, OR or the end, found ): it closes nothing",
		"typ = 'a'":                       "line 1, column 1: expected a property, found typ: did you mean type?",
		"createdAt > 'soon'":              "line 1, column 13: ",
		"type = 'a' type":                 "line 1, column 12: expected AND, OR or the end, found type",
		"count(*) > 1":                    "line 1, column ",
		strings.Repeat("x", 70_000):       "line 1, column 1: expected a query of at most 65536 bytes",
		strings.Repeat("(", 200) + "TRUE": "line 1, column 101: expected at most 100 conditions inside each other",
	} {
		c, err := Where(text)
		wrong, ok := errors.AsType[*Error](err)
		if !ok || nacre.CodeOf(err) != nacre.CodeInvalid || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "query: "), want) {
			t.Errorf("%.40q gives %v and %v, and should give %s", text, c, err, want)
			continue
		}
		if wrong.Line < 1 || wrong.Column < 1 || wrong.Expected == "" {
			t.Errorf("%.40q has no place: %+v", text, wrong)
		}
	}
}

func TestWhereNeverFails(t *testing.T) {
	texts := []string{
		"data.total > 100", "NOT data.total > 100", "data[0].x = 'a'", "data = 'a'", "data CONTAINS 1", "data", "metadata.a.b LIKE '%x%'",
		"tags[0] ILIKE 'A%'", "parents CONTAINS 'p'", "data.total BETWEEN 1 AND 2 OR data.total IS NULL", "data.a IN (1, 'x', NULL)",
	}
	hostile := []nacre.Event{
		{},
		{Binary: []byte("\xff\x00"), Type: "b"},
		{DataHash: "00", Type: "erased"},
		{Data: []byte("{")},
		{Data: []byte(`{"total"`)},
		{Data: []byte(`{"total":`)},
		{Data: []byte("\xff\xfe")},
		{Data: []byte(strings.Repeat("[", 100_000))},
		{Data: []byte(`{"total":1e999}`)},
		{Data: []byte(`{"total":"\ud800"}`)},
		{Data: []byte(`nul`)},
		{Metadata: []byte(`[]]`)},
		{Tags: []string{"\xff", ""}},
		{Type: "\xff", StreamID: "\xff-\x00"},
	}
	for _, text := range texts {
		c, err := Where(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range hostile {
			c.Matches(&hostile[i]) // it must not panic
		}
		for _, e := range []nacre.Event{{Binary: []byte("{}")}, {DataHash: "00"}} {
			isNull, err := Where("data IS NULL AND data.total IS NULL")
			if err != nil || !isNull.Matches(&e) {
				t.Errorf("the data of %+v does not read as null: %v", e, err)
			}
		}
	}
}

// TestNarrowLosesNothing has random conditions on random events: what a filter and a condition select, the narrowed
// filter selects, too.
func TestNarrowLosesNothing(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	narrower := 0
	for range 3_000 {
		text := randomWhere(rng, 3)
		c, err := Where(text)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		f := randomFilter(rng)
		narrowed := c.Narrow(f)
		for range 30 {
			e := randomEvent(rng)
			if f.Matches(&e) && c.Matches(&e) && !narrowed.Matches(&e) {
				t.Fatalf("seed %d: %s within %+v is narrowed to %+v, which loses %+v", seed, text, f, narrowed, e)
			}
			if f.Matches(&e) && !narrowed.Matches(&e) {
				narrower++
			}
			if !f.Matches(&e) && narrowed.Matches(&e) {
				t.Fatalf("seed %d: %s within %+v is widened to %+v by %+v", seed, text, f, narrowed, e)
			}
		}
	}
	if narrower == 0 {
		t.Errorf("seed %d: nothing was narrowed", seed)
	}
}

func randomWhere(rng *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	if depth > 0 && rng.IntN(2) == 0 {
		op := pick(" AND ", " OR ")
		x := "(" + randomWhere(rng, depth-1) + op + randomWhere(rng, depth-1) + ")"
		if rng.IntN(5) == 0 {
			x = "NOT " + x
		}
		return x
	}
	return pick(
		"type = 'a.x'", "'a.x' = type", "type != 'a.x'", "type LIKE 'a.%'", "type LIKE '%'", "type LIKE 'a._'", "type LIKE 'b%y'", "type ILIKE 'A.%'",
		"type NOT LIKE 'a.%'", "type LIKE 'a.!_%' ESCAPE '!'", "type LIKE 'c'", "type IN ('a.x', 'b.y')", "type NOT IN ('a.x')", "type = ''", "type LIKE ''",
		"type LIKE 'a.*%'", "type = 'a.*'", "category = 's'", "category IN ('s', 't')", "streamId = 's-1'", "streamId IN ['t-1']", "tags CONTAINS 'red'",
		"NOT tags CONTAINS 'red'", "tags[0] = 'red'", "data.n > 1", "data.n IS NULL", "type > 'b'", "category = type", "tags CONTAINS type", "type = 5", "TRUE", "FALSE",
		"data.n", "streamPosition = 1",
	)
}

func randomEvent(rng *rand.Rand) nacre.Event {
	e := nacre.Event{
		Type:     []string{"a.x", "a.y", "b.x", "b.y", "c", "a.", "a.*", "5"}[rng.IntN(8)],
		StreamID: nacre.StreamID([]string{"s-1", "s-2", "t-1", "s"}[rng.IntN(4)]), StreamPosition: int64(rng.IntN(3)),
	}
	switch rng.IntN(4) {
	case 0:
		e.Tags = []string{"red"}
	case 1:
		e.Tags = []string{"blue", "a.x"}
	}
	if rng.IntN(3) > 0 {
		e.Data = fmt.Appendf(nil, `{"n":%d}`, rng.IntN(4))
	}
	return e
}

func randomFilter(rng *rand.Rand) nacre.Filter {
	all := nacre.Filter{
		{Types: []string{"a.*"}}, {Types: []string{"c"}, Tags: []string{"red"}}, {Categories: []string{"s"}}, {Streams: []nacre.StreamID{"s-1", "t-1"}}, {}, {Tags: []string{"blue"}},
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rng.IntN(3)]
}

func TestNarrowIsSmall(t *testing.T) {
	for text, want := range map[string]string{
		"type = 'a' AND data.n > 1":                        "[{[] [] [a] []}]",
		"type = 'a' OR category = 'b'":                     "[{[] [] [a] []} {[] [b] [] []}]",
		"type = 'a' OR data.n > 1":                         "[]",
		"type LIKE 'a.%' AND tags CONTAINS 'x'":            "[{[] [] [a. a.*] [x]}]",
		"streamId IN ('a-1', 'a-2') AND category = 'a'":    "[{[a-1 a-2] [a] [] []}]",
		"type IN ('" + strings.Repeat("x','", 900) + "y')": "[]",
	} {
		c, err := Where(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.Narrow(nil)); got != want {
			t.Errorf("%.60s is narrowed to %s", text, got)
		}
	}
	many := make(nacre.Filter, 5_000)
	for i := range many {
		many[i].Tags = []string{fmt.Sprint(i)}
	}
	c, err := Where("type IN ('a', 'b')")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Narrow(many); len(got) != len(many) || len(got[0].Types) != 0 {
		t.Errorf("a large filter becomes one of %d items", len(got))
	}
	bad := nacre.Filter{{Types: []string{""}}}
	if got := c.Narrow(bad); got.Check("filter") == nil {
		t.Error("a filter that is wrong becomes one that is not")
	}
	tags := []string{"x", "y"}
	f := nacre.Filter{{Tags: tags[:1]}}
	if c, err = Where("tags CONTAINS 'z'"); err != nil || len(c.Narrow(f)[0].Tags) != 2 || !slices.Equal(tags, []string{"x", "y"}) {
		t.Errorf("narrowing changed the filter that it was given: %v, %v", tags, err)
	}
}

func TestAConditionIsForManyGoroutines(t *testing.T) {
	c, err := Where("type LIKE 'order.%' AND data.total > 100 AND tags CONTAINS 'x' AND createdAt > '2026-01-01'")
	if err != nil {
		t.Fatal(err)
	}
	event := nacre.Event{Type: "order.shipped", Data: []byte(`{"total":120}`), Tags: []string{"x"}, CreatedAt: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	other := event
	other.Data = []byte(`{"total":1}`)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				if !c.Matches(&event) || c.Matches(&other) {
					t.Error("goroutines are in each other's way")
					return
				}
			}
		})
	}
	all.Wait()
	if raceEnabled {
		return // the race detector lets pools forget
	}
	if n := testing.AllocsPerRun(200, func() { c.Matches(&event) }); n != 0 {
		t.Errorf("a match allocates %v times", n)
	}
}

func BenchmarkWhere(b *testing.B) {
	c, err := Where("type LIKE 'order.%' AND data.total > 100")
	if err != nil {
		b.Fatal(err)
	}
	event := nacre.Event{Type: "order.shipped", Data: []byte(`{"customer":"ann","items":[1,2,3],"total":120}`)}
	for b.Loop() {
		c.Matches(&event)
	}
}
