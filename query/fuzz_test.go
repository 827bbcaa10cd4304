package query

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// seeds are texts for the fuzzers to begin with.
var seeds = []string{
	"", "name LIKE 'Origin%' AND year > '2000'", "year NOT IN (1, -2.5e3, NULL) OR NOT (live AND info.a[0].\"b\"\"c\" = ?)",
	"SELECT artist.name AS n, count(*), avg(price) WHERE tags CONTAINS 'x' GROUP BY artist.name ORDER BY n DESC LIMIT 3 OFFSET 1",
	"name ILIKE '50!%' ESCAPE '!' ORDER BY info.x, id DESC", "['a', :b] CONTAINS artist AND year BETWEEN :c AND 3",
	"price = 1.50 AND artist.label.name IS NOT NULL AND TRUE", "'é'='é'\nAND \"order\" <= .5", "((((((a", "year = 9223372036854775808",
}

// FuzzParse looks for texts that panic, whose canonical text is another statement, or whose error has no place.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Line < 1 || e.Column < 1 || e.Expected == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		canonical := q.String()
		again, err := Parse(canonical)
		if len(canonical) > maxText { // quotes and spaces make texts longer
			return
		}
		if err != nil || !sameTree(q, again) || again.String() != canonical {
			t.Fatalf("%q\nis canonically %q\nand again %v, %v", text, canonical, again, err)
		}
		if _, err := Check(q, albums()); err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

// FuzzWhere looks for conditions and events that panic, whose canonical text is of others, or whose filter loses any.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{
		"type LIKE 'order.%' AND data.total > 100", "type IN ('a', 'b*') OR category = 'order' AND tags CONTAINS 'x'", "NOT (streamId = 'a-1' OR data.x[0] IS NULL)",
		"type = 'a' LIMIT 1", "SELECT type", "type = ?", "createdAt > '2026-11-20' AND globalPosition BETWEEN 1 AND 3", "metadata.a.b ILIKE '%x_'",
	} {
		f.Add(s, "order.placed", "order-1", `{"total":120,"x":[1]}`, "x")
	}
	f.Fuzz(func(t *testing.T, text, name, stream, data, tag string) {
		c, err := Where(text)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Line < 1 || e.Column < 1 || e.Expected == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		e := nacre.Event{Type: name, StreamID: nacre.StreamID(stream), Data: []byte(data), Metadata: []byte(data), Tags: []string{tag}}
		matches := c.Matches(&e)
		if matches && name != "" && utf8.ValidString(name+stream+tag) && !c.Narrow(nil).Matches(&e) {
			t.Fatalf("%q is narrowed to %+v, which loses %+v", text, c.Narrow(nil), e)
		}
		if len(c.String()) > maxText {
			return
		}
		again, err := Where(c.String())
		if err != nil || again.String() != c.String() || again.Matches(&e) != matches {
			t.Fatalf("%q\nis canonically %q\nand again %v, %v", text, c, again, err)
		}
	})
}

// FuzzEngines looks for queries and rows on which the matcher and SQLite differ.
func FuzzEngines(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, `{"name":"Origin","year":2001,"price":"1.5","tags":["x",1],"info":{"a":[{"b\"c":true}],"x":1.0}}`, "x")
	}
	f.Fuzz(func(t *testing.T, text, state, param string) {
		c := albums()
		q, err := Parse(text)
		if err != nil {
			return
		}
		args := Args{Named: map[string]any{"b": param, "c": len(param)}, Spare: true}
		for range 3 {
			args.Positional = append(args.Positional, param)
		}
		_, positional := q.Params()
		args.Positional = args.Positional[:min(positional, 3)]
		if q, err = Bind(q, args); err != nil {
			return
		}
		p, err := Check(q, c)
		if err != nil {
			return
		}
		var object map[string]any
		if json.Unmarshal([]byte(state), &object) != nil {
			return
		}
		canonical, err := json.Marshal(object)
		if err != nil {
			return
		}
		for _, id := range []string{"a", "b"} {
			c.rows = append(c.rows, NewObject(id, canonical))
			c.all["artists"].rows = append(c.all["artists"].rows, NewObject(id, canonical))
		}
		db := memoryDB(t)
		for _, of := range c.all {
			if err := of.create(db); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := compare(db, p, c, nil); err != nil {
			t.Fatalf("%q with %q of %s\n%v", text, param, canonical, err)
		}
		if err := checkIndex(p, c); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
