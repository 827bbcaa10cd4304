package query

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the engine that the matcher is compared with
)

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the random tests; 0 takes a new one")
	casesFlag = flag.Int("cases", 0, "number of random queries that both engines answer; 0 is a few thousand")
)

// newRand makes a test's random generator; a failed test tells how to replay it.
func newRand(t *testing.T) *rand.Rand {
	seed := newSeed()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(replay(t, seed))
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func newSeed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return uint64(time.Now().UnixNano())
}

func replay(t *testing.T, seed uint64) string {
	return fmt.Sprintf("replay with: go test ./query -run '^%s$' -seed=%d", t.Name(), seed)
}

// collection is a schema with rows, for tests.
type collection struct {
	name  string
	props []namedProperty
	rows  []*Object
	all   map[string]*collection
}

type namedProperty struct {
	name string
	Property
}

func (c *collection) Property(name string) (Property, bool) {
	for _, p := range c.props {
		if p.name == name {
			return p.Property, true
		}
	}
	return Property{}, false
}

func (c *collection) Collection(name string) (Schema, bool) {
	s, ok := c.all[name]
	return s, ok
}

func (c *collection) Names() []string {
	var names []string
	for _, p := range c.props {
		names = append(names, p.name)
	}
	return names
}

// Table and Column are the layout: c itself is "".
func (c *collection) Table(name string) string {
	if name == "" {
		name = c.name
	}
	return "rows of " + name
}

func (*collection) Column(_, property string) string { return "p_" + property }

func (c *collection) lookup(name, id string) Row {
	if of, ok := c.all[name]; ok {
		for _, r := range of.rows {
			if r.ID() == id {
				return r
			}
		}
	}
	return nil
}

func (c *collection) seq() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, r := range c.rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// create makes the collection's table and fills it.
func (c *collection) create(db *sql.DB) error {
	columns, places := []string{"id TEXT PRIMARY KEY", "state TEXT"}, []string{"?", "?"}
	for _, p := range c.props {
		if k := SQLiteColumn(p.Type); k != "" {
			columns = append(columns, quoteName("p_"+p.name)+" "+k)
			places = append(places, "?")
		}
	}
	table := quoteName(c.Table(""))
	ctx := context.Background()
	if _, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE "+table+" ("+strings.Join(columns, ", ")+")"); err != nil {
		return err
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO "+table+" VALUES ("+strings.Join(places, ", ")+")")
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, r := range c.rows {
		args := []any{r.ID(), string(r.State())}
		for _, p := range c.props {
			if SQLiteColumn(p.Type) != "" {
				args = append(args, SQLiteValue(p.Type, r.Get(p.name)))
			}
		}
		if _, err := insert.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// memoryDB is a database in memory, with one connection.
func memoryDB(t testing.TB) *sql.DB {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// result is what an engine gives, as text.
func result(columns []string, rows [][]Value) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(columns, " | "))
	for _, r := range rows {
		for _, v := range r {
			b.WriteString(string(v.AppendJSON(nil)) + " | ")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// inMemory is what the matcher gives.
func inMemory(p *Plan, c *collection, after []byte) (string, error) {
	o := &RunOptions{Lookup: c.lookup, After: after}
	if len(p.Columns()) > 0 {
		t, err := p.Table(c.seq(), o)
		if err != nil {
			return "", err
		}
		return result(t.Columns, t.Rows), nil
	}
	rows, err := p.Rows(c.seq(), o)
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID())
	}
	return strings.Join(ids, "\n"), err
}

// inSQL is what the database gives.
func inSQL(db *sql.DB, p *Plan, c *collection, after []byte) (string, error) {
	s, err := p.SQL(SQLite, c, &SQLOptions{After: after})
	if err != nil {
		return "", err
	}
	rows, err := db.QueryContext(context.Background(), s.Text, s.Args...)
	if err != nil {
		return "", fmt.Errorf("%w\n%s %q", err, s.Text, s.Args)
	}
	defer rows.Close()
	if len(p.Columns()) > 0 {
		t, err := s.Table(rows)
		if err != nil {
			return "", err
		}
		return result(t.Columns, t.Rows), rows.Err()
	}
	var ids []string
	for r, err := range s.Rows(rows) {
		if err != nil {
			return "", err
		}
		ids = append(ids, r.ID())
	}
	return strings.Join(ids, "\n"), rows.Err()
}

// compare has both engines answer, and tells how they differ.
func compare(db *sql.DB, p *Plan, c *collection, after []byte) (string, error) {
	if len(p.Columns()) > 0 {
		after = nil
	}
	want, err := inMemory(p, c, after)
	if err != nil {
		return "", fmt.Errorf("in memory: %w", err)
	}
	got, err := inSQL(db, p, c, after)
	if err != nil {
		return "", fmt.Errorf("in SQL: %w", err)
	}
	if got != want {
		s, _ := p.SQL(SQLite, c, &SQLOptions{After: after})
		return "", fmt.Errorf("in memory:\n%s\nin SQL:\n%s\n%s\n%q", want, got, s.Text, s.Args)
	}
	return want, nil
}
