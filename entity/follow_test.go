package entity_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/sqlite"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of random tests; 0 takes a new one")

func newRandom(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay with: go test ./entity -run '^%s$' -seed=%d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}

// raw appends an event as it is, past the DB.
func (w *world) raw(stream, id, eventType, data string, parents ...string) {
	w.t.Helper()
	e := nacre.Event{ID: id, Type: eventType, Data: json.RawMessage(data), Parents: append([]string{}, parents...)}
	if _, err := w.store.Append(w.t.Context(), nacre.StreamID(stream), nacre.Any, e); err != nil {
		w.t.Fatal(err)
	}
}

// rows are all rows of a collection, in one text.
func (w *world) rows(collection string) string {
	w.t.Helper()
	page, err := w.Query(w.t.Context(), collection, "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, v := range page.Entities {
		fmt.Fprintf(&b, "%s %s\n", v.ID, v.Values)
	}
	return b.String()
}

const (
	id1 = "01J00000000000000000000001"
	id2 = "01J00000000000000000000002"
	id3 = "01J00000000000000000000003"
	id4 = "01J00000000000000000000004"
	id5 = "01J00000000000000000000005"
)

// What names a write that is not there has no effect until it is, also when the tables were opened anew meanwhile.
func TestWhatIsNamedIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.Close()
	path := filepath.Join(t.TempDir(), "tables.db")
	reopen := func() {
		t.Helper()
		tables, err := sqlite.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.reopen(tables)
	}
	reopen()
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]}}`)
	w.raw("albums-a", id4, "albums.changed", `{"year":{"set":4,"over":["`+id3+`"]}}`, id1)
	w.raw("albums-a", id5, "albums.changed", `{"name":{"set":"five","over":[]}}`, id4)
	w.is("a", `{"year":1}`)
	if got := w.rows("albums"); got != "a {\"year\":1}\n" {
		t.Errorf("the table has %s", got)
	}
	w.Close()
	reopen()
	w.is("a", `{"year":1}`)
	w.raw("albums-a", id3, "albums.changed", `{"year":{"set":3,"over":["`+id1+`"]}}`, id1)
	w.is("a", `{"name":"five","year":4}`)
	if got := w.rows("albums"); got != "a {\"name\":\"five\",\"year\":4}\n" {
		t.Errorf("the table has %s", got)
	}
	w.Close()
	reopen()
	w.is("a", `{"name":"five","year":4}`)
}

// An event that cannot be read spoils nothing beside it.
func TestDamageSpoilsNothing(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]},"name":{"spin":9}}`)
	w.raw("albums-a", id2, "albums.changed", `["what"]`, id1)
	w.raw("albums-a", id3, "albums.changed", `{"name":{"set":"N","over":[]}}`, id2)
	w.raw("albums-b", id1, "albums.created", `null`)
	w.is("a", `{"name":"N","year":1}`)
	if got := w.rows("albums"); got != "a {\"name\":\"N\",\"year\":1}\nb {}\n" {
		t.Errorf("the table has %s", got)
	}
}

// A void takes an event's effect away, and a conflict with it.
func TestVoids(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]}}`)
	w.raw("albums-a", id2, "albums.changed", `{"year":{"set":2,"over":["`+id1+`"]}}`, id1)
	w.raw("albums-a", id3, "albums.changed", `{"year":{"set":3,"over":["`+id1+`"]}}`, id1)
	w.is("a", `{"year":3}`)
	var denied *merge.Event
	for e, err := range w.store.ReadStream(t.Context(), "albums-a", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.ID == id3 {
			if denied, err = merge.Decode(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	data, err := merge.VoidData("no", denied)
	if err != nil {
		t.Fatal(err)
	}
	w.raw("albums-a", id4, merge.TypeVoid, string(data), id2, id3)
	w.is("a", `{"year":2}`)
	if got := w.rows("albums"); got != "a {\"year\":2}\n" {
		t.Errorf("the table has %s", got)
	}
}

// Whatever is done, and however often the tables are closed and opened, lost or kept: they are what the events come to.
func TestTablesAreWhatTheEventsComeTo(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	w := open(t)
	path := filepath.Join(t.TempDir(), "tables.db")
	_ = w.Close()
	fresh := func(lost bool) {
		t.Helper()
		if lost {
			w.reopen(memory.Open())
			return
		}
		tables, err := sqlite.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.reopen(tables)
	}
	fresh(false)
	ctx := t.Context()
	for range 12 {
		for range 25 {
			w.something(ctx, random)
		}
		table := w.rows("albums")
		if want := w.folded("albums"); table != want {
			t.Fatalf("the table has\n%s\nand the events come to\n%s", table, want)
		}
		if random.IntN(2) == 0 {
			_ = w.Close()
			fresh(random.IntN(3) == 0)
			if again := w.rows("albums"); again != table {
				t.Fatalf("the table had\n%s\nand has\n%s", table, again)
			}
		}
	}
}

// something is a random transaction, some of them raw and on an old state.
func (w *world) something(ctx context.Context, random *rand.Rand) {
	w.t.Helper()
	id := func() string { return fmt.Sprint("e", random.IntN(12)) }
	if random.IntN(4) == 0 { // a branch from somewhere
		stream := nacre.StreamID("albums-" + id())
		var all []nacre.Event
		for e, err := range w.store.ReadStream(ctx, stream, nil) {
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, e)
		}
		if len(all) == 0 {
			return
		}
		parent := all[random.IntN(len(all))]
		last, err := merge.ParseID(parent.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		ids, err := merge.NewIDs(time.Now(), last, random.Uint64(), 1)
		if err != nil {
			w.t.Fatal(err)
		}
		w.raw(string(stream), ids[0].String(), "albums.changed", fmt.Sprintf(`{"year":{"set":%d,"over":[]},"plays":{"add":1}}`, random.IntN(50)), parent.ID)
		return
	}
	tx := w.Begin(nil)
	for range 1 + random.IntN(3) {
		var err error
		switch id := id(); random.IntN(8) {
		case 0, 1:
			_, err = tx.Create(ctx, "albums", id, json.RawMessage(fmt.Sprintf(`{"name":"n%d","tags":["a","b"]}`, random.IntN(9))))
		case 2:
			err = tx.Delete(ctx, "albums", id)
		case 3:
			err = tx.Restore(ctx, "albums", id)
		case 4:
			err = tx.Patch(ctx, "albums", id, json.RawMessage(`{"add":{"tracks":["x","y"]},"remove":{"tags":["a"]}}`))
		default:
			err = tx.Patch(ctx, "albums", id, json.RawMessage(fmt.Sprintf(`{"set":{"year":%d},"add":{"plays":%d}}`, random.IntN(50), random.IntN(5))))
		}
		switch nacre.CodeOf(err) {
		case "", nacre.CodeNotFound, entity.CodeDeleted, entity.CodeExists:
		default:
			w.t.Fatal(err)
		}
	}
	if _, err := tx.Commit(ctx); err != nil && nacre.CodeOf(err) != entity.CodeExists { // of events that wait, perhaps
		w.t.Fatal(err)
	}
}

// folded are the rows as the reference has them: all events of each stream, folded in the order of their ids.
func (w *world) folded(collection string) string {
	w.t.Helper()
	schema, err := w.Schema(w.t.Context(), collection)
	if err != nil {
		w.t.Fatal(err)
	}
	events := map[string][]*merge.Event{}
	for e, err := range w.store.Read(w.t.Context(), nacre.Filter{{Categories: []string{collection}}}, nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			w.t.Fatal(err)
		}
		events[e.StreamID.Rest()] = append(events[e.StreamID.Rest()], ev)
	}
	var out []string
	for id, list := range events {
		if e := merge.Fold(list); !e.Deleted() {
			out = append(out, fmt.Sprintf("%s %s\n", id, schema.AppendValues(nil, e)))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// failing are tables that fail as long as they are told to.
type failing struct {
	entity.Tables
	mu  sync.Mutex
	err error
}

func (f *failing) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) Write(ctx context.Context, b *entity.Batch) error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Tables.Write(ctx, b)
}

// Tables that fail hold up queries, and commits only when they are too far behind; then all goes on.
func TestTablesThatFail(t *testing.T) {
	t.Parallel()
	w := open(t)
	_ = w.Close()
	f := &failing{Tables: memory.Open()}
	db, err := entity.Open(t.Context(), w.store, f, &entity.Options{Lag: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.DB = db
	w.rows("albums")
	f.set(errors.New("the disk is full"))
	for i := range 3 {
		w.create("albums", fmt.Sprint(i), `{}`)
	}
	w.is("2", `{}`)
	_, err = w.Query(t.Context(), "albums", "", nil)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("the query says %v", err)
	}
	_, err = w.Apply(t.Context(), nil, entity.Edit{Do: "create", Collection: "albums", ID: "3"})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("the commit says %v", err)
	}
	f.set(nil)
	for {
		if _, err := w.Query(t.Context(), "albums", "", nil); err == nil {
			break
		}
		time.Sleep(time.Millisecond) // it is tried again after a while
	}
	w.create("albums", "4", `{}`)
	if got := w.rows("albums"); got != "0 {}\n1 {}\n2 {}\n4 {}\n" {
		t.Errorf("the table has %s", got)
	}
}

// Tables of another log are made anew, also where it has their epoch, as a folder that was copied and then appended to;
// those of the same log in another epoch are kept.
func TestTablesOfAnotherLog(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.create("albums", "a", `{"year":1}`)
	want := w.rows("albums")
	for _, c := range []struct{ epoch, kept bool }{{false, true}, {false, false}, {true, true}, {true, false}} {
		kept := c.kept
		_ = w.Close()
		head, err := w.store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for e, err := range w.store.Read(t.Context(), nil, &nacre.ReadOptions{Backwards: true, Limit: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			last = e.ID
		}
		if !kept {
			last = nacre.NewID()
		}
		tables := memory.Open()
		epoch := "other"
		if c.epoch {
			epoch = head.Epoch
		}
		b := &entity.Batch{Mark: entity.Mark{Epoch: epoch, Position: head.Position, EventID: last}}
		b.Rows = []entity.TableRow{{Collection: "songs", ID: "s", State: merge.New().AppendState(nil)}}
		if err := tables.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		w.reopen(tables)
		if !kept {
			if got := w.rows("albums"); got != want {
				t.Errorf("the table has %s", got)
			}
		}
		state, err := tables.Load(t.Context(), "songs", "s")
		if err != nil || (state != nil) != kept {
			t.Errorf("of the log's epoch: %v, its event: %v, and there is %s, %v", c.epoch, kept, state, err)
		}
	}
}

// moody is a store's driver that fails now and then while it is told to.
type moody struct {
	nacre.Driver
	nacre.EventFinder
	mu    sync.Mutex
	on    bool
	tries int
	every int // 0: 3
}

var errMood = errors.New("not now")

func (m *moody) fails() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	return m.on && m.tries%cmp.Or(m.every, 3) == 0
}

func (m *moody) set(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = on
}

func (m *moody) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (nacre.Event, bool, error) {
	if m.fails() {
		return nacre.Event{}, false, errMood
	}
	return m.EventFinder.FindEvent(ctx, stream, id)
}

func (m *moody) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		for e, err := range m.Driver.Read(ctx, f, o) {
			if err == nil && m.fails() {
				err = errMood
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// A log that cannot be read now and then is folded to the same in the end, late events too.
func TestLogsThatFailNowAndThen(t *testing.T) {
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
	w.DB = db
	l, err := w.Live(t.Context(), "albums", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	next(t, l)
	m.set(true)
	w.raw("albums-a", id1, "albums.created", `{"year":{"set":1,"over":[]}}`)
	w.raw("albums-a", id4, "albums.changed", `{"year":{"set":4,"over":["`+id3+`"]}}`, id1)
	w.raw("albums-a", id5, "albums.changed", `{"name":{"set":"five","over":["`+id2+`"]}}`, id4)
	w.raw("albums-b", id1, "albums.created", `{"year":{"set":7,"over":[]}}`)
	w.raw("albums-a", id3, "albums.changed", `{"year":{"set":3,"over":["`+id1+`"]}}`, id1)
	w.raw("albums-a", id2, "albums.changed", `{"plays":{"add":1}}`, id1)
	time.Sleep(10 * time.Millisecond) // some of it fails
	m.set(false)
	const want = "a {\"name\":\"five\",\"plays\":1,\"year\":4}\nb {\"year\":7}\n"
	eventually(t, func() string {
		page, err := w.Query(t.Context(), "albums", "", nil)
		if err != nil {
			return err.Error()
		}
		got := ""
		for _, v := range page.Entities {
			got += fmt.Sprintf("%s %s\n", v.ID, v.Values)
		}
		if got != want {
			return got
		}
		return ""
	})
	c := client{}
	eventually(t, func() string {
		c.make(t, next(t, l))
		if c.text() != want {
			return c.text()
		}
		return ""
	})
}

// However many events wait, those that do not are folded as fast, and the late ones are known as when they are read anew.
func TestManyThatWait(t *testing.T) {
	t.Parallel()
	w := open(t)
	tables := memory.Open()
	w.follows(tables, nil)
	const many = 3000
	for i := range many {
		w.raw(fmt.Sprint("albums-w", i%7), nacre.NewID(), "albums.created", `{"year":{"set":1,"over":["`+id1+`"]}}`)
	}
	w.create("albums", "a", `{"year":1}`)
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			w.patch("a", fmt.Sprintf(`{"set":{"year":%d}}`, i+2))
			w.is("a", fmt.Sprintf(`{"year":%d}`, i+2))
		}
	}).AllocedBytesPerOp()
	if allocated > 64*many/2 {
		t.Errorf("an edit takes %d bytes beside %d events that wait", allocated, many)
	}
	if got := w.Progress().Waiting; got != many {
		t.Errorf("%d wait", got)
	}
	w.raw("albums-w3", id1, "albums.created", `{"name":{"set":"here","over":[]}}`)
	want := w.rows("albums")
	if got := w.Progress().Waiting; got != many-(many+3)/7 {
		t.Errorf("%d wait", got)
	}
	w.reopen(memory.Open())
	if got := w.rows("albums"); got != want || !strings.Contains(want, "w3 {\"name\":\"here\",\"year\":1}") {
		t.Errorf("the table was\n%s, and is\n%s", want, got)
	}
}
