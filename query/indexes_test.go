package query

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// libraryDB has albums with indexes, and a few thousand rows.
func libraryDB(t testing.TB, c *collection, rows int) *sql.DB {
	db := memoryDB(t)
	for i := range rows {
		artist := fmt.Sprintf("artist-%03d", i%200)
		state := fmt.Sprintf(`{"name":"name %d","year":%d,"price":"%d.50","live":%v,"artist":%q,"tags":["a%d"],"info":{"n":%d}}`,
			i*7%rows, 1900+i%120, i%50, i%3 == 0, artist, i%10, i)
		c.rows = append(c.rows, NewObject(fmt.Sprintf("album-%06d", i), []byte(state)))
	}
	artists := c.all["artists"]
	for i := range min(200, rows) {
		artists.rows = append(artists.rows, NewObject(fmt.Sprintf("artist-%03d", i), []byte(fmt.Sprintf(`{"name":"Artist %d"}`, i))))
	}
	for _, of := range c.all {
		if err := of.create(db); err != nil {
			t.Fatal(err)
		}
	}
	for i, columns := range []string{"p_year, p_name, id", "p_name, id", "p_artist, id", "p_price, id", "p_live, p_year, id"} {
		statement := fmt.Sprintf(`CREATE INDEX "index %d" ON "rows of albums" (%s)`, i, columns)
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestIndexesAreUsed looks at what SQLite plans to do.
func TestIndexesAreUsed(t *testing.T) {
	c := albums()
	db := libraryDB(t, c, 500)
	for _, test := range []struct {
		query, after string
		want         string
		sorts        bool
	}{
		{query: "year = 2000", want: "(p_year=?)", sorts: true},
		{query: "year = '2000' AND name LIKE 'name 1%'", want: "(p_year=? AND p_name>? AND p_name<?)", sorts: true},
		{query: "year > 2000 ORDER BY year, name LIMIT 10", want: "(p_year>?)"},
		{query: "year > 2000.5 ORDER BY year, name LIMIT 10", want: "(p_year>?)"},
		{query: "year BETWEEN 1990 AND 1999 ORDER BY year DESC, name DESC, id DESC", want: "(p_year>? AND p_year<?)"},
		{query: "name LIKE 'name 12%' ORDER BY name", want: "(p_name>? AND p_name<?)"},
		{query: "name LIKE 'name 12_' ORDER BY name", want: "(p_name>? AND p_name<?)"},
		{query: "name = 'name 1'", want: "(p_name=?)"},
		{query: "name LIKE 'name 1'", want: "(p_name=?)"},
		{query: "name IN ('name 1', 'name 2')", want: "(p_name=?)", sorts: true},
		{query: "name IN ('x'" + strings.Repeat(", 'y', 'name 3'", 50) + ")", want: "(p_name=?)", sorts: true},
		{query: "price >= 9.5 AND price < 10 ORDER BY price", want: "(p_price>? AND p_price<?)"},
		{query: "artist = 'artist-001'", want: "(p_artist=?)"},
		{query: "live AND year >= 2000 ORDER BY year", want: "(p_live=? AND p_year>?)"},
		{query: "name IS NULL", want: "(p_name=?)"},
		{query: "id = 'album-000001'", want: "(id=?)"},
		{query: "ORDER BY name LIMIT 10", want: `USING INDEX index 1`},
		{query: "ORDER BY name DESC, id DESC LIMIT 10", want: `USING INDEX index 1`},
		{query: "LIMIT 10", want: "USING INDEX sqlite_autoindex"},
		{query: "LIMIT 10", after: "album-000100", want: "(id>?)"},
		{query: "ORDER BY name LIMIT 10", after: "album-000100", want: "(p_name>?)"},
		{query: "ORDER BY year, name LIMIT 10", after: "album-000100", want: "(p_year>?)"},
		{query: "name IS NOT NULL ORDER BY name DESC, id DESC LIMIT 10", after: "album-000100", want: "(p_name>? AND p_name<?)"},
		{query: "live AND artist.name = 'Artist 7'", want: "(id=?)", sorts: true},
		{query: "SELECT year, count(*) WHERE year > 2000 GROUP BY year", want: "COVERING INDEX index 0 (p_year>?)"},
	} {
		p := plan(t, test.query)
		o := &SQLOptions{}
		if test.after != "" {
			o.After = p.AppendSortKey(nil, c.lookup("albums", test.after), nil)
		}
		s, err := p.SQL(SQLite, c, o)
		if err != nil {
			t.Fatal(err)
		}
		does := explain(t, db, s)
		if !strings.Contains(does, test.want) || !test.sorts && strings.Contains(does, "TEMP B-TREE") {
			t.Errorf("%s (after %q) does\n%s\nand should use %s\n%s", test.query, test.after, does, test.want, s.Text)
		}
		if _, err := compare(db, p, c, o.After); err != nil {
			t.Errorf("%s: %v", test.query, err)
		}
	}
}

func explain(t *testing.T, db *sql.DB, s *Statement) string {
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+s.Text, s.Args...)
	if err != nil {
		t.Fatal(err, s.Text)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		out = append(out, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// TestPagesAreTheWhole goes through all pages by both engines.
func TestPagesAreTheWhole(t *testing.T) {
	c := albums()
	db := libraryDB(t, c, 60)
	for _, text := range []string{"", "ORDER BY year DESC, name", "ORDER BY info.n DESC", "live ORDER BY price DESC, tags", "ORDER BY artist.name DESC"} {
		all, err := inMemory(plan(t, text), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, text+" LIMIT 7")
		var after []byte
		var pages []string
		for {
			page, err := compare(db, p, c, after)
			if err != nil {
				t.Fatal(err)
			}
			if page == "" {
				break
			}
			pages = append(pages, page)
			ids := strings.Split(page, "\n")
			after = p.AppendSortKey(nil, c.lookup("albums", ids[len(ids)-1]), c.lookup)
		}
		if got := strings.Join(pages, "\n"); got != all {
			t.Errorf("%s: the pages are\n%s\nand the whole is\n%s", text, got, all)
		}
	}
}

// TestLargeQueriesRun gives SQLite the deepest and longest queries that the language has.
func TestLargeQueriesRun(t *testing.T) {
	c := albums()
	db := libraryDB(t, c, 6)
	list := func(n int) string {
		var values []string
		for i := range n {
			values = append(values, fmt.Sprint(i))
		}
		return strings.Join(values, ", ")
	}
	deep := "info.a = tags[0]"
	for i := range maxNesting - 1 {
		deep = "info.b != tags[1] " + []string{"AND", "OR"}[i%2] + " (" + deep + ")"
	}
	for name, text := range map[string]string{
		"and":   strings.TrimSuffix(strings.Repeat("year != 3 AND ", maxPredicates), "AND "),
		"or":    strings.TrimSuffix(strings.Repeat("info.x[1] = 'y' OR ", maxPredicates), "OR "),
		"not":   strings.Repeat("NOT ", maxNesting) + "tags CONTAINS info.a",
		"deep":  deep,
		"in":    "name IN (" + list(maxList) + ")",
		"ins":   strings.TrimSuffix(strings.Repeat("info.n NOT IN ("+list(maxList)+") AND ", maxValues/maxList), "AND "),
		"refs":  strings.TrimSuffix(strings.Repeat("artist.label.name IS NULL OR ", maxPredicates), "OR "),
		"order": "ORDER BY " + strings.TrimSuffix(strings.Repeat("info.a DESC, ", maxItems), ", "),
		"like":  "name NOT LIKE '" + strings.Repeat("%[_", maxPattern/3) + "'",
		"path":  "info" + strings.Repeat("[0]", maxSteps-1) + " = 1",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planOf(c, text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := compare(db, p, c, nil); err != nil {
				t.Fatalf("%.2000s", err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for name, text := range map[string]string{
		"text":       "name = '" + strings.Repeat("x", maxText) + "'",
		"predicates": strings.TrimSuffix(strings.Repeat("live AND ", maxPredicates+1), "AND "),
		"nesting":    strings.Repeat("(", maxNesting+1) + "live" + strings.Repeat(")", maxNesting+1),
		"nots":       strings.Repeat("NOT ", maxNesting+1) + "live",
		"list":       "year IN (" + strings.Repeat("1,", maxList) + "1)",
		"values":     strings.Repeat("year IN ("+strings.Repeat("1,", maxList-1)+"1) OR ", maxValues/maxList) + "year IN (1)",
		"items":      "SELECT name" + strings.Repeat(", name", maxItems),
		"order":      "ORDER BY name" + strings.Repeat(", name", maxItems),
		"group":      "SELECT count(*) GROUP BY name" + strings.Repeat(", name", maxItems),
		"steps":      "info" + strings.Repeat("[0]", maxSteps) + " = 1",
		"name":       strings.Repeat("x", maxName+1) + " = 1",
		"pattern":    "name LIKE '" + strings.Repeat("x", maxPattern+1) + "'",
		"digits":     "year = " + strings.Repeat("1", maxDigits+1),
		"exponent":   "year = 1e123456",
		"NUL":        "name = 'a\x00'",
		"UTF-8":      "name = '\xff'",
		"byte":       "\xff",
	} {
		_, err := planOf(albums(), text, nil)
		if e, ok := err.(*Error); !ok || e.Line != 1 || len(e.Error()) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
