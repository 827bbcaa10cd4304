package sqlite_test

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/projectiontest"
	"github.com/nacredb/nacre/projection/sqlite"
	"github.com/nacredb/nacre/projection/sqlmodel"
)

type moved = projectiontest.Moved

func summing() projection.Projection[moved, *sqlmodel.Tx] {
	p := sums
	p.Apply = func(ctx context.Context, to *sqlmodel.Tx, e event) error {
		return addTo(ctx, to, string(e.StreamID), e.Data.Cents)
	}
	return p
}

// filled is a model of five events.
func filled(t *testing.T) (*nacre.Store, *sqlite.ReadModel, string) {
	t.Helper()
	store, path := newStore(t), filepath.Join(t.TempDir(), "sums.db")
	fill(t, store, 5)
	m := open(t, path)
	catchUp(t, store, m)
	return store, m, path
}

// reading is a query whose rows stay open until finish is called, which looks that they were all there.
func reading(t *testing.T, m *sqlite.ReadModel) (finish func()) {
	t.Helper()
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		begin := sync.OnceFunc(func() { close(begun) })
		defer begin()
		rows, err := m.QueryContext(context.WithoutCancel(t.Context()), `SELECT count FROM sum`)
		if err != nil {
			t.Error(err)
			return
		}
		defer rows.Close()
		begin()
		<-end
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != 1 {
			t.Errorf("the reader has got %d rows, %v", n, err)
		}
	}()
	<-begun
	finish = sync.OnceFunc(func() { close(end); <-done })
	t.Cleanup(finish)
	return finish
}

func start(t *testing.T, store *nacre.Store, p projection.Projection[moved, *sqlmodel.Tx], m *sqlite.ReadModel) *projection.Runner {
	t.Helper()
	r, err := projection.Start(t.Context(), store, p, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, r) })
	waitFor(t, r, 5)
	return r
}

func stop(t *testing.T, r *projection.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func waitFor(t *testing.T, r *projection.Runner, p nacre.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.WaitFor(ctx, p); err != nil {
		t.Fatal(err)
	}
}

func TestAnUpdateFromAnotherCheckpointIsRefused(t *testing.T) {
	_, m, _ := filled(t)
	is, err := m.Checkpoint(t.Context(), "sums")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*projection.Checkpoint){
		"an older position": func(c *projection.Checkpoint) { c.Position-- },
		"a later position":  func(c *projection.Checkpoint) { c.Position++ },
		"another version":   func(c *projection.Checkpoint) { c.Version = 7 },
		"another log":       func(c *projection.Checkpoint) { c.Epoch = "another" },
		"another letter":    func(c *projection.Checkpoint) { c.Late = "event-3" },
		"the beginning":     func(c *projection.Checkpoint) { *c = projection.Checkpoint{} },
	} {
		from := is
		change(&from)
		ahead := from
		ahead.Position++
		for where, to := range map[string]projection.Checkpoint{"to where it is": from, "on": ahead} {
			err := m.Update(t.Context(), "sums", from, to, func(tx *sqlmodel.Tx) error { return addTo(t.Context(), tx, "account-1", 1) })
			if nacre.CodeOf(err) != projection.CodeCheckpointMoved {
				t.Errorf("from %s %s: %v", name, where, err)
			}
		}
	}
	if now, err := m.Checkpoint(t.Context(), "sums"); err != nil || now != is {
		t.Errorf("the checkpoint is %+v, %v, and was %+v", now, err, is)
	}
	expectCount(t, m, 5)
}

// Who reads rows may ask for more, also while a file waits for the rows to be closed.
func TestAFileThatWaitsForItsReadersHoldsNoneUp(t *testing.T) {
	store, m, _ := filled(t)
	r := start(t, store, summing(), m)
	finish := reading(t, m)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	expectWaiting(t, rebuilt)
	asked := make(chan error, 1)
	go func() {
		var n int
		asked <- m.QueryRowContext(context.WithoutCancel(t.Context()), `SELECT count(*) FROM sum`).Scan(&n)
	}()
	select {
	case err := <-asked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("a query inside of a loop over rows, and a rebuild, wait for each other")
	}
	finish()
	if err := <-rebuilt; err != nil {
		t.Error(err)
	}
	expectCount(t, m, 5)
}

func expectWaiting(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Errorf("the file was replaced under a reader: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestWhatIsBrokenOffLeavesAModelThatWorks(t *testing.T) {
	for name, do := range map[string]func(context.Context, *testing.T, *nacre.Store, *sqlite.ReadModel) error{
		"a reset": func(ctx context.Context, _ *testing.T, _ *nacre.Store, m *sqlite.ReadModel) error {
			return m.Reset(ctx, "sums")
		},
		"a rebuilt file's taking the old one's place": func(ctx context.Context, t *testing.T, store *nacre.Store, m *sqlite.ReadModel) error {
			fresh, err := m.Fresh(t.Context(), "sums")
			if err != nil {
				t.Fatal(err)
			}
			catchUp(t, store, fresh.(*sqlite.ReadModel))
			return m.Swap(ctx, "sums", fresh)
		},
	} {
		t.Run(name+" that was not wanted any more", func(t *testing.T) {
			store, m, _ := filled(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = do(ctx, t, store, m) // it may be done or not
			if err := m.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int)); err != nil {
				t.Errorf("it does not answer any more: %v", err)
			}
			catchUp(t, store, m)
			expectCount(t, m, 5)
		})
		t.Run(name+" that waits for readers", func(t *testing.T) {
			store, m, _ := filled(t)
			finish := reading(t, m)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := do(ctx, t, store, m); nacre.CodeOf(err) != nacre.CodeDeadline {
				t.Errorf("got %v", err)
			}
			finish()
			catchUp(t, store, m)
			expectCount(t, m, 5)
		})
	}
}

func TestARunnerStopsWhileItsFileWaitsForReaders(t *testing.T) {
	store, m, _ := filled(t)
	r := start(t, store, summing(), m)
	finish := reading(t, m)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	expectWaiting(t, rebuilt)
	stop(t, r)
	if err := <-rebuilt; err == nil {
		t.Error("a rebuild that was stopped is told as done")
	}
	finish()
	expectCount(t, m, 5)
}

// A process that opens the file in order to wait for its turn does no harm to the rebuild that is under way.
func TestARebuildIsNotDisturbedByAnotherOpening(t *testing.T) {
	store, m, path := filled(t)
	var gate atomic.Bool
	entered, release := make(chan struct{}, 5), make(chan struct{})
	p := summing()
	apply := p.Apply
	p.Apply = func(ctx context.Context, to *sqlmodel.Tx, e event) error {
		if gate.Load() {
			entered <- struct{}{}
			<-release
		}
		return apply(ctx, to, e)
	}
	r := start(t, store, p, m)
	gate.Store(true)
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	<-entered
	standby, err := sqlite.Open(path, schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := standby.Close(); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-rebuilt; err != nil {
		t.Error(err)
	}
	waitFor(t, r, 5)
	expectCount(t, m, 5)
}

func TestASchemaMayHaveTriggers(t *testing.T) {
	store := newStore(t)
	fill(t, store, 5)
	m, err := sqlite.Open(filepath.Join(t.TempDir(), "sums.db"), schema+`; CREATE TABLE told (n INTEGER);
		CREATE TRIGGER tell AFTER INSERT ON sum BEGIN INSERT INTO told VALUES (1); INSERT INTO told VALUES (2); END;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	catchUp(t, store, m)
	expectCount(t, m, 5)
	var told int
	if err := m.QueryRowContext(t.Context(), `SELECT count(*) FROM told`).Scan(&told); err != nil || told < 2 {
		t.Errorf("the trigger wrote %d rows, %v", told, err)
	}
}

func TestStreamsMayBeWrittenInParallel(t *testing.T) {
	store, m := newStore(t), open(t, filepath.Join(t.TempDir(), "sums.db"))
	for i := range 200 {
		stream := nacre.StreamID("account-" + strconv.Itoa(i%20))
		if _, err := store.Append(t.Context(), stream, nacre.Any, nacre.NewEvent("account.moved", moved{Cents: 1})); err != nil {
			t.Fatal(err)
		}
	}
	p := summing()
	p.Parallel = 4
	if _, err := projection.CatchUp(t.Context(), store, p, m, nil); err != nil {
		t.Fatal(err)
	}
	for stream, sum := range read(t, m) {
		if sum.Count != 10 {
			t.Errorf("%s counts %d events of 10", stream, sum.Count)
		}
	}
	if n := len(read(t, m)); n != 20 {
		t.Errorf("it has %d streams of 20", n)
	}
}
