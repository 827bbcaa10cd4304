package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/storage/memstore"
)

// changing is a store's driver in whose place another one can be put, as when a log is cut or restored while it is followed.
type changing struct {
	mu      sync.Mutex
	driver  nacre.Driver
	changed chan struct{}
	reading func() // if there is one, called before each event of types that are asked for
}

func (c *changing) now() (nacre.Driver, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.driver, c.changed
}

func (c *changing) become(d nacre.Driver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.driver = d
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *changing) Append(ctx context.Context, batch []nacre.Append, on *nacre.Condition) ([]nacre.Appended, error) {
	d, _ := c.now()
	return d.Append(ctx, batch, on)
}

func (c *changing) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	d, _ := c.now()
	c.mu.Lock()
	reading := c.reading
	c.mu.Unlock()
	if reading == nil || len(f) == 0 || len(f[0].Types) == 0 {
		return d.Read(ctx, f, o)
	}
	return func(yield func(nacre.Event, error) bool) {
		for e, err := range d.Read(ctx, f, o) {
			reading()
			if !yield(e, err) {
				return
			}
		}
	}
}

func (c *changing) Head(ctx context.Context) (nacre.Head, error) {
	d, _ := c.now()
	return d.Head(ctx)
}

func (c *changing) Wait(ctx context.Context, after nacre.Position) error {
	d, changed := c.now()
	until, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-changed:
			end()
		case <-until.Done():
		}
	}()
	err := d.Wait(until, after)
	if until.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

func (c *changing) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (nacre.Event, bool, error) {
	d, _ := c.now()
	return d.(nacre.EventFinder).FindEvent(ctx, stream, id)
}

func (c *changing) Close() error { return nil }

// cut gives a store that has another one's first events, in an epoch of its own.
func cut(t *testing.T, from *nacre.Store, n int) *nacre.Store {
	t.Helper()
	to := memstore.Open(nil)
	t.Cleanup(func() { _ = to.Close() })
	for e, err := range from.Read(t.Context(), nil, &nacre.ReadOptions{Limit: n}) {
		if err != nil {
			t.Fatal(err)
		}
		again := nacre.Event{ID: e.ID, Type: e.Type, Data: e.Data, Parents: e.Parents, Metadata: e.Metadata, Tags: e.Tags}
		if _, err := to.Append(t.Context(), e.StreamID, nacre.Any, again); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// follows opens entities on a store that can become another one.
func (w *world) follows(tables entity.Tables, o *entity.Options) *changing {
	w.t.Helper()
	_ = w.Close()
	c := &changing{driver: w.store.Driver(), changed: make(chan struct{})}
	db, err := entity.Open(w.t.Context(), nacre.NewStore(c, nil), tables, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	w.DB = db
	return c
}

// A live query, and who watches an entity, are told what a log that was cut comes to, and what happens to it from there on.
func TestLiveQueriesOfALogThatIsCut(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.follows(memory.Open(), nil)
	w.create("albums", "a", `{"year":1}`)
	shorter := cut(t, w.store, 3) // two schemas and this
	l, err := w.Live(t.Context(), "albums", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	told := client{}
	told.make(t, next(t, l))
	for i := range 20 {
		w.patch("a", fmt.Sprintf(`{"set":{"year":%d}}`, i+2))
	}
	for told.text() != "a {\"year\":21}\n" {
		told.make(t, next(t, l))
	}
	watched := make(chan string, 100)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	go func() {
		for v, err := range w.Watch(ctx, "albums", "a") {
			if err != nil {
				if ctx.Err() == nil {
					watched <- err.Error()
				}
				return
			}
			watched <- string(v.Values)
		}
	}()
	if got := <-watched; got != `{"year":21}` {
		t.Fatalf("watched %s", got)
	}
	c.become(shorter.Driver())
	told.make(t, next(t, l))
	if got := told.text(); got != "a {\"year\":1}\n" {
		t.Errorf("told %q", got)
	}
	if got := <-watched; got != `{"year":1}` {
		t.Errorf("watched %s", got)
	}
	w.patch("a", `{"set":{"year":99}}`)
	told.make(t, next(t, l))
	if got := told.text(); got != "a {\"year\":99}\n" {
		t.Errorf("told %q", got)
	}
	for got := range watched {
		if got == `{"year":99}` {
			break
		}
	}
}

// Policies hold, too, while entities begin anew.
func TestPoliciesHoldWhileTheLogIsReadAnew(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	tables := memory.Open()
	c := w.follows(tables, nil)
	if err := w.caller(caller("ann"), "create", "secret", `{"owner":"ann"}`); err != nil {
		t.Fatal(err)
	}
	if got := w.sees(caller("bob"), ""); got != "" {
		t.Fatalf("bob sees %q", got)
	}
	inside, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c.mu.Lock()
	c.reading = func() { once.Do(func() { close(inside); <-goOn }) }
	c.mu.Unlock()
	head, err := w.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.become(cut(t, w.store, int(head.Position)).Driver()) // another epoch of the same log
	<-inside
	seen := make(chan string, 1)
	go func() { seen <- w.sees(caller("bob"), "") }()
	time.Sleep(20 * time.Millisecond) // it is asked
	close(goOn)
	if got := <-seen; got != "" {
		t.Errorf("bob sees %q", got)
	}
}

// gated are tables whose writes and loads wait while they are told to.
type gated struct {
	entity.Tables
	mu           sync.Mutex
	writes       chan struct{} // if there is one, a write waits for it
	loads        chan struct{}
	of           string // whose
	began, asked chan struct{}
}

func (g *gated) Write(ctx context.Context, b *entity.Batch) error {
	g.mu.Lock()
	gate := g.writes
	g.mu.Unlock()
	if gate != nil && len(b.Rows) > 0 {
		g.began <- struct{}{}
		<-gate
	}
	return g.Tables.Write(ctx, b)
}

func (g *gated) Load(ctx context.Context, collection, id string) ([]byte, error) {
	g.mu.Lock()
	gate, of := g.loads, g.of
	g.mu.Unlock()
	state, err := g.Tables.Load(ctx, collection, id)
	if gate != nil && id == of {
		g.asked <- struct{}{}
		<-gate
	}
	return state, err
}

func (g *gated) gate(writes, loads bool, of string) (write, load func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.began, g.asked = make(chan struct{}, 100), make(chan struct{}, 100)
	g.of = of
	open := func(gate *chan struct{}) func() {
		return func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if *gate != nil {
				close(*gate)
				*gate = nil
			}
		}
	}
	if writes {
		g.writes = make(chan struct{})
	}
	if loads {
		g.loads = make(chan struct{})
	}
	return open(&g.writes), open(&g.loads)
}

// What is being folded stays in memory, however little of that there is.
func TestWhatIsFoldedStays(t *testing.T) {
	t.Parallel()
	w := open(t)
	_ = w.Close()
	g := &gated{Tables: memory.Open()}
	db, err := entity.Open(t.Context(), w.store, g, &entity.Options{CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.DB = db
	w.create("albums", "b", `{"year":1}`)
	w.rows("albums")
	w.create("albums", "c", `{"year":1}`) // b is forgotten
	w.rows("albums")
	other := &world{t: t, store: w.store}
	other.reopen(memory.Open())
	write, load := g.gate(true, true, "b")
	defer load()
	defer write()
	both := func(do string) {
		t.Helper()
		var edits []entity.Edit
		for _, id := range []string{"a", "d"} {
			edits = append(edits, entity.Edit{Do: do, Collection: "albums", ID: id})
		}
		if _, err := other.Apply(t.Context(), nil, edits...); err != nil {
			t.Fatal(err)
		}
	}
	both("create")
	<-g.began // a and d are being written
	if _, err := other.Apply(t.Context(), nil,
		entity.Edit{Do: "patch", Collection: "albums", ID: "a", Patch: json.RawMessage(`{"set":{"year":5}}`)},
		entity.Edit{Do: "patch", Collection: "albums", ID: "b", Patch: json.RawMessage(`{"set":{"year":6}}`)}); err != nil {
		t.Fatal(err)
	}
	<-g.asked // a is in memory, b is looked for
	write()
	eventually(t, func() string { // a and d have been written
		if p := w.Progress(); p.Tabled < p.Applied {
			return "the tables are behind"
		}
		return ""
	})
	load()
	w.is("a", `{"year":5}`)
	w.is("b", `{"year":6}`)
}

// An entity that is looked for in the tables while the log is cut is not what it was before.
func TestLoadsWhileTheLogIsCut(t *testing.T) {
	t.Parallel()
	w := open(t)
	kept := &gated{Tables: memory.Open()}
	c := w.follows(kept, &entity.Options{CacheBytes: 1})
	w.create("albums", "a", `{"year":1}`)
	shorter := cut(t, w.store, 3)
	w.patch("a", `{"set":{"year":2}}`)
	w.rows("albums")
	w.create("albums", "b", `{}`) // a is forgotten
	w.rows("albums")
	_, load := kept.gate(false, true, "a")
	defer load()
	got := make(chan error, 1)
	go func() {
		_, err := w.Get(context.WithoutCancel(t.Context()), "albums", "a")
		got <- err
	}()
	<-kept.asked
	c.become(shorter.Driver())
	eventually(t, func() string {
		if mark, err := kept.Mark(t.Context()); err != nil || mark.Position > 3 {
			return fmt.Sprint(mark, err)
		}
		return ""
	})
	load()
	if err := <-got; err != nil {
		t.Error(err)
	}
	w.is("a", `{"year":1}`)
}

// However many changes wait for the reactor, it misses no policy.
func TestPoliciesAmongMuchElse(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	if err := w.caller(caller("ann"), "create", "n", `{"owner":"ann","public":true}`); err != nil {
		t.Fatal(err)
	}
	l, err := w.Live(t.Context(), "notes", "", &entity.LiveOptions{Caller: caller("bob")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := deltas(next(t, l)); got != "initial n 0; " {
		t.Fatalf("told %q", got)
	}
	goOn := w.HoldLive()
	w.create("artists", "x", `{}`) // the reactor has taken this, and waits
	w.policies("owner = :sub", "")
	var edits []entity.Edit
	for range 1000 {
		edits = append(edits, entity.Edit{Do: "create", Collection: "artists"})
	}
	for range 11 {
		if _, err := w.Apply(t.Context(), nil, edits...); err != nil {
			t.Error(err)
		}
	}
	_, err = w.Policies(t.Context(), "notes") // all is folded
	goOn()
	if err != nil {
		t.Fatal(err)
	}
	if got := deltas(next(t, l)); got != "remove n 0; " {
		t.Errorf("told %q", got)
	}
}

// Tables that are far behind do not have the states of everything wait in memory.
func TestMemoryIsBoundedWhileTablesAreBehind(t *testing.T) {
	t.Parallel()
	w := open(t)
	var edits []entity.Edit
	for range 500 {
		edits = append(edits, entity.Edit{Do: "create", Collection: "albums"})
	}
	for range 10 {
		if _, err := w.Apply(t.Context(), nil, edits...); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	g := &gated{Tables: memory.Open()}
	write, _ := g.gate(true, false, "")
	defer write()
	db, err := entity.Open(t.Context(), w.store, g, &entity.Options{Lag: 500})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { write(); _ = db.Close() })
	w.DB = db
	<-g.began
	ctx, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()
	_, err = w.Collections(ctx) // all is folded, were it not for that
	if n := w.Dirty(); !errors.Is(err, context.DeadlineExceeded) || n > 2000 {
		t.Errorf("%d wait, %v", n, err)
	}
	write()
	page, err := w.Query(t.Context(), "albums", "SELECT count(*)", nil)
	if err != nil || !strings.Contains(tableText(page.Table), "5000") {
		t.Errorf("there are %v, %v", page, err)
	}
}

// Behind Close everything says so, and nobody waits.
func TestBehindClose(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create("albums", "a", `{"year":1}`)
	tx := w.Begin(nil)
	if err := tx.Patch(t.Context(), "albums", "a", json.RawMessage(`{"set":{"year":2}}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, err := tx.Commit(ctx)
	code(t, err, nacre.CodeClosed)
	_, err = w.Get(ctx, "albums", "a")
	code(t, err, nacre.CodeClosed)
	_, err = w.Query(ctx, "albums", "", nil)
	code(t, err, nacre.CodeClosed)
	l, err := w.Live(ctx, "albums", "", nil)
	code(t, err, nacre.CodeClosed)
	if l != nil {
		t.Error("there is a live query")
	}
	for _, err := range w.Watch(ctx, "albums", "a") {
		code(t, err, nacre.CodeClosed)
	}
	err = w.SetPolicies(ctx, "albums", entity.Policies{}, nil)
	code(t, err, nacre.CodeClosed)
	_, err = w.History(ctx, "albums", "a", nil)
	code(t, err, nacre.CodeClosed)
}

// Tables that are written while the entities are closed do not have others wait for what does not come.
func TestCloseWhileTablesAreWritten(t *testing.T) {
	t.Parallel()
	w := open(t)
	_ = w.Close()
	g := &gated{Tables: memory.Open()}
	db, err := entity.Open(t.Context(), w.store, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.DB = db
	write, _ := g.gate(true, false, "")
	defer write()
	w.create("albums", "a", `{}`)
	<-g.began
	w.create("albums", "b", `{}`)
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	eventually(t, func() string {
		if err := w.Progress().Trouble; nacre.CodeOf(err) != nacre.CodeClosed {
			return fmt.Sprint(err)
		}
		return ""
	})
	write()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := w.Progress().Trouble; nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("the trouble is %v", err)
	}
}

// asking are tables that say when it is asked what waits, which is so when entities begin anew.
type asking struct {
	entity.Tables
	asked chan struct{}
	goOn  chan struct{}
}

func (a *asking) Waiting(ctx context.Context) ([]nacre.Position, error) {
	if a.asked != nil {
		a.asked <- struct{}{}
		<-a.goOn
	}
	return a.Tables.Waiting(ctx)
}

// While tables are made anew, nobody reads what they do not have yet.
func TestQueriesWhileTheLogIsReadAnew(t *testing.T) {
	t.Parallel()
	w := open(t)
	tables := &asking{Tables: memory.Open()}
	c := w.follows(tables, nil)
	w.create("albums", "a", `{"year":1}`)
	shorter := cut(t, w.store, 3)
	for i := range 5 {
		w.patch("a", fmt.Sprintf(`{"set":{"year":%d}}`, i+2))
	}
	w.rows("albums")
	tables.goOn, tables.asked = make(chan struct{}), make(chan struct{})
	c.become(shorter.Driver())
	<-tables.asked
	got := make(chan string, 2)
	for _, look := range []func() string{
		func() string {
			page, err := w.Query(t.Context(), "albums", "", nil)
			if err != nil || len(page.Entities) != 1 {
				return fmt.Sprint(page, err)
			}
			return string(page.Entities[0].Values)
		},
		func() string {
			v, err := w.Get(t.Context(), "albums", "a")
			if err != nil {
				return err.Error()
			}
			return string(v.Values)
		},
	} {
		go func() { got <- look() }()
	}
	time.Sleep(20 * time.Millisecond) // they ask
	close(tables.goOn)
	for range 2 {
		if s := <-got; s != `{"year":1}` {
			t.Errorf("got %s", s)
		}
	}
}

// A log that cannot be read is told to queries as well.
func TestQueriesOfALogThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := open(t)
	_ = w.Close()
	d := w.store.Driver()
	m := &moody{Driver: d, EventFinder: d.(nacre.EventFinder)}
	db, err := entity.Open(t.Context(), nacre.NewStore(m, nil), memory.Open(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Query(t.Context(), "albums", "", nil); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.on, m.every = true, 1
	m.mu.Unlock()
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]}}`)
	if _, err := db.Query(t.Context(), "albums", "", nil); !errors.Is(err, errMood) {
		t.Errorf("got %v", err)
	}
}
