package entity_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
)

// client is who follows a live query.
type client struct {
	rows  []*query.Object
	table string
}

// make does what a notice says.
func (c *client) make(t *testing.T, n *entity.Notice) {
	t.Helper()
	if n.Reset {
		c.rows = nil
	}
	if n.Table != nil {
		c.table = tableText(n.Table)
	}
	for _, d := range n.Changes {
		at := slices.IndexFunc(c.rows, func(o *query.Object) bool { return o.ID() == d.ID })
		switch d.Kind {
		case reactor.Update:
			c.rows[at] = d.Row
		case reactor.Remove:
			c.rows = slices.Delete(c.rows, at, at+1)
		case reactor.Move:
			c.rows = slices.Insert(slices.Delete(c.rows, at, at+1), d.Index, d.Row)
		default:
			if at >= 0 {
				t.Fatalf("%+v, and the row stands at %d", d, at)
			}
			c.rows = slices.Insert(c.rows, d.Index, d.Row)
		}
	}
}

func tableText(table *query.Table) string {
	text, err := json.Marshal(table.Rows)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (c *client) text() string {
	var b strings.Builder
	for _, o := range c.rows {
		fmt.Fprintf(&b, "%s %s\n", o.ID(), o.State())
	}
	return b.String() + c.table
}

// past knows what the log came to at any position.
type past struct {
	t      *testing.T
	w      *world
	events []nacre.Event
}

// rows are those of a collection at a position, by the reference: all events before it, folded in the order of their ids.
func (p *past) rows(collection string, at nacre.Position) iter.Seq2[query.Row, error] {
	streams := map[string][]*merge.Event{}
	for i := range p.events {
		e := &p.events[i]
		if e.GlobalPosition > at || e.StreamID.Category() != collection {
			continue
		}
		ev, err := merge.Decode(e)
		if err != nil {
			p.t.Fatal(err)
		}
		streams[e.StreamID.Rest()] = append(streams[e.StreamID.Rest()], ev)
	}
	schema, err := p.w.Schema(p.t.Context(), collection)
	if err != nil {
		p.t.Fatal(err)
	}
	return func(yield func(query.Row, error) bool) {
		for id, list := range streams {
			if e := merge.Fold(list); !e.Deleted() && !yield(query.NewObject(id, schema.AppendValues(nil, e)), nil) {
				return
			}
		}
	}
}

// result is what a query gives at a position.
func (p *past) result(collection, text string, at nacre.Position) string {
	p.t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		p.t.Fatal(err)
	}
	schema, _ := entity.QuerySchema(collection, func(name string) *merge.Schema {
		s, _ := p.w.Schema(p.t.Context(), name)
		return s
	})
	plan, err := query.Check(q, schema)
	if err != nil {
		p.t.Fatal(err)
	}
	o := &query.RunOptions{Lookup: func(name, id string) query.Row {
		for row, err := range p.rows(name, at) {
			if err == nil && row.ID() == id {
				return row
			}
		}
		return nil
	}}
	if len(plan.Columns()) > 0 {
		table, err := plan.Table(p.rows(collection, at), o)
		if err != nil {
			p.t.Fatal(err)
		}
		return tableText(table)
	}
	list, err := plan.Rows(p.rows(collection, at), o)
	if err != nil {
		p.t.Fatal(err)
	}
	c := client{}
	for _, row := range list {
		c.rows = append(c.rows, row.(*query.Object))
	}
	return c.text()
}

// TestLiveResultsAreTheQuerys: whatever happens meanwhile, what a client has after each notice is what its query gives at the
// notice's position.
func TestLiveResultsAreTheQuerys(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	w := open(t)
	ctx := t.Context()
	for i := range 3 {
		w.create("artists", fmt.Sprint("x", i), fmt.Sprintf(`{"name":"artist %d"}`, i))
	}
	texts := []string{
		"", "year > 20 ORDER BY year LIMIT 3", "year > 20 AND year < 40 ORDER BY year DESC", "name = 'n3' OR year = 7", "tags CONTAINS 'a' ORDER BY plays DESC LIMIT 2",
		"NOT (year > 10) LIMIT 4", "SELECT count(*), sum(plays)", "SELECT year, count(*) GROUP BY year ORDER BY year LIMIT 3", "ORDER BY year LIMIT 2 OFFSET 2",
		"artist.name = 'artist 1' ORDER BY artist.name, year", "year IS NULL", "name LIKE '%3' ORDER BY name, year LIMIT 5",
	}
	type told struct {
		text, client string
		at           nacre.Position
	}
	var mu sync.Mutex
	var all []told
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var clients sync.WaitGroup
	follow := func(text string, slow bool) {
		l, err := w.Live(ctx, "albums", text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		clients.Go(func() {
			c := client{}
			for n, err := range l.All(ctx) {
				if err != nil {
					return
				}
				c.make(t, n)
				mu.Lock()
				all = append(all, told{text, c.text(), n.Position})
				mu.Unlock()
				if slow {
					for range 20 { // others have their turn
						_, _ = w.Get(ctx, "albums", "e1")
					}
				}
			}
		})
	}
	for step := range 120 {
		if step%10 == 0 {
			text := texts[r.IntN(len(texts))]
			follow(text, r.IntN(3) == 0)
		}
		w.something(ctx, r)
		if r.IntN(4) == 0 {
			w.refer(ctx, r)
		}
	}
	head, err := w.store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p := &past{t: t, w: w}
	for e, err := range w.store.Read(ctx, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		p.events = append(p.events, e)
	}
	// All clients come to the present result.
	last := map[string]string{}
	for _, text := range texts {
		last[text] = p.result("albums", text, head.Position)
	}
	eventually(t, func() string {
		mu.Lock()
		defer mu.Unlock()
		latest := map[string]string{}
		for _, n := range all {
			latest[n.text] = n.client
		}
		for text, got := range latest {
			if got != last[text] {
				return fmt.Sprintf("%q: a client has\n%s\nand the query gives\n%s", text, got, last[text])
			}
		}
		return ""
	})
	cancel()
	clients.Wait()
	for _, n := range all {
		if want := p.result("albums", n.text, n.at); n.client != want {
			t.Fatalf("%q: at position %d a client has\n%s\nand the query gives\n%s", n.text, n.at, n.client, want)
		}
	}
}

// refer has an album refer to an artist, or changes an artist.
func (w *world) refer(ctx context.Context, r *rand.Rand) {
	w.t.Helper()
	edit := entity.Edit{Do: "patch", Collection: "albums", ID: fmt.Sprint("e", r.IntN(12)), Patch: json.RawMessage(fmt.Sprintf(`{"set":{"artist":"x%d"}}`, r.IntN(3)))}
	if r.IntN(3) == 0 {
		edit = entity.Edit{Do: "patch", Collection: "artists", ID: fmt.Sprint("x", r.IntN(3)), Patch: json.RawMessage(fmt.Sprintf(`{"set":{"name":"artist %d"}}`, r.IntN(3)))}
	}
	switch _, err := w.Apply(ctx, nil, edit); nacre.CodeOf(err) {
	case "", nacre.CodeNotFound, entity.CodeDeleted:
	default:
		w.t.Fatal(err)
	}
}

// eventually waits until a check has nothing to say.
func eventually(t *testing.T, check func() string) {
	t.Helper()
	for range 3000 {
		if check() == "" {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal(check())
}

// next is the next notice.
func next(t *testing.T, l *entity.Live) *entity.Notice {
	t.Helper()
	n, err := l.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func deltas(n *entity.Notice) string {
	var b strings.Builder
	for _, d := range n.Changes {
		fmt.Fprintf(&b, "%s %s %d; ", d.Kind, d.ID, d.Index)
	}
	return b.String()
}

// The selection can be replaced; a schema may change under a query, and tells where it cannot be asked any more; the DB may close.
func TestLiveQueriesThatChange(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"year":1}`)
	w.create("albums", "b", `{"year":2,"name":"B"}`)
	l, err := w.Live(ctx, "albums", "year > 1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := deltas(next(t, l)); got != "initial b 0; " {
		t.Errorf("told %q", got)
	}
	w.patch("a", `{"set":{"year":3}}`)
	if got := deltas(next(t, l)); got != "add a 0; " {
		t.Errorf("told %q", got)
	}
	if err := l.Replace(ctx, "albums", "name = ?", &entity.LiveOptions{Args: query.Args{Positional: []any{"B"}}}); err != nil {
		t.Fatal(err)
	}
	if n := next(t, l); deltas(n) != "initial b 0; " || !n.Reset {
		t.Errorf("told %q, %+v", deltas(n), n)
	}
	if _, err := w.Declare(ctx, "albums", json.RawMessage(`{"properties":{"name":{"kind":"register","type":"text"}}}`), nil); err != nil {
		t.Fatal(err)
	}
	if n := next(t, l); deltas(n) != "update b 0; " || string(n.Changes[0].Row.State()) != `{"name":"B"}` {
		t.Errorf("told %q, %+v", deltas(n), n)
	}
	if _, err := w.Declare(ctx, "albums", json.RawMessage(`{"properties":{"title":{"id":"name","kind":"register","type":"text"}}}`), nil); err != nil {
		t.Fatal(err)
	}
	_, err = l.Next(ctx)
	code(t, err, nacre.CodeInvalid)

	other, err := w.Live(ctx, "albums", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	next(t, other)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = other.Next(ctx)
	code(t, err, nacre.CodeClosed)
	_, err = w.Live(ctx, "albums", "", nil)
	code(t, err, nacre.CodeClosed)
}

// Who does not ask for long is told the difference, and no more.
func TestSlowClientsAreToldTheDifference(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"year":1}`)
	l, err := w.Live(ctx, "albums", "ORDER BY year LIMIT 2", nil)
	if err != nil {
		t.Fatal(err)
	}
	next(t, l)
	for i := range 50 {
		w.create("albums", fmt.Sprint("b", i), fmt.Sprintf(`{"year":%d}`, 100-i))
		w.patch("a", fmt.Sprintf(`{"set":{"year":%d}}`, 200+i))
	}
	c := client{rows: []*query.Object{query.NewObject("a", []byte(`{"year":1}`))}}
	told := 0
	eventually(t, func() string {
		n := next(t, l)
		told += len(n.Changes)
		c.make(t, n)
		if got := c.text(); got != "b49 {\"year\":51}\nb48 {\"year\":52}\n" {
			return got
		}
		return ""
	})
	if told > 10 {
		t.Errorf("it was told %d changes", told)
	}
}

// Queries that come and go leave nothing behind.
func TestLiveQueriesLeaveNothing(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	w.create("albums", "a", `{"year":1}`)
	for i := range 2000 {
		l, err := w.Live(ctx, "albums", fmt.Sprintf("year > %d OR year = %d", i%9-5, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			next(t, l)
		}
		l.Close()
		_, err = l.Next(ctx)
		code(t, err, nacre.CodeClosed)
	}
	if n := w.Standing(); n != 0 {
		t.Errorf("%d queries stand", n)
	}
	if n := w.Listeners(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
	_ = w.Close()
	w.reopen(memory.Open())
}
