package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/projectiontest"
	"github.com/nacredb/nacre/projection/sqlite"
	"github.com/nacredb/nacre/projection/sqlmodel"
	"github.com/nacredb/nacre/storage/memstore"
)

type event = codec.Event[projectiontest.Moved]

const schema = `CREATE TABLE sum (stream TEXT PRIMARY KEY, cents INTEGER NOT NULL, count INTEGER NOT NULL)`

func newStore(t testing.TB) *nacre.Store {
	store := memstore.Open(nil)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func open(t testing.TB, path string) *sqlite.ReadModel {
	t.Helper()
	m, err := sqlite.Open(path, schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func addTo(ctx context.Context, to *sqlmodel.Tx, stream string, cents int64) error {
	_, err := to.ExecContext(ctx, `INSERT INTO sum VALUES (?, ?, 1)
		ON CONFLICT DO UPDATE SET cents = cents + excluded.cents, count = count + 1`, stream, cents)
	return err
}

func read(t testing.TB, m *sqlite.ReadModel) projectiontest.Sums {
	t.Helper()
	if _, err := m.Checkpoint(t.Context(), "sums"); err != nil {
		t.Fatal(err)
	}
	rows, err := m.QueryContext(t.Context(), `SELECT stream, cents, count FROM sum`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	sums := projectiontest.Sums{}
	for rows.Next() {
		var stream string
		var s projectiontest.Sum
		if err := rows.Scan(&stream, &s.Cents, &s.Count); err != nil {
			t.Fatal(err)
		}
		sums[stream] = s
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sums
}

func harness(path string) projectiontest.Harness[*sqlmodel.Tx] {
	var mu sync.Mutex
	paths := map[*nacre.Store]string{}
	return projectiontest.Harness[*sqlmodel.Tx]{
		Store: newStore,
		Open: func(t testing.TB, store *nacre.Store) (projection.ReadModel[*sqlmodel.Tx], func()) {
			mu.Lock()
			defer mu.Unlock()
			if paths[store] == "" {
				paths[store] = filepath.Join(t.TempDir(), path)
			}
			m := open(t, paths[store])
			return m, func() {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}
		},
		Add: addTo,
		Read: func(t testing.TB, m projection.ReadModel[*sqlmodel.Tx]) projectiontest.Sums {
			return read(t, m.(*sqlite.ReadModel))
		},
		Resets: true, Rebuilds: true,
	}
}

func TestConformance(t *testing.T) { projectiontest.Run(t, harness("sums.db")) }

func TestConformanceWithAnOddName(t *testing.T) {
	projectiontest.Run(t, harness("with space/und größe?&%20#.db"))
}

var sums = projection.Projection[projectiontest.Moved, *sqlmodel.Tx]{
	Name: "sums", Events: map[string]projectiontest.Moved{"account.moved": {}},
}

func fill(t testing.TB, store *nacre.Store, n int) {
	t.Helper()
	for range n {
		if _, err := store.Append(t.Context(), "account-1", nacre.Any, nacre.NewEvent("account.moved", projectiontest.Moved{Cents: 1})); err != nil {
			t.Fatal(err)
		}
	}
}

func catchUp(t testing.TB, store *nacre.Store, m *sqlite.ReadModel) {
	t.Helper()
	p := sums
	p.Apply = func(ctx context.Context, to *sqlmodel.Tx, e event) error {
		return addTo(ctx, to, string(e.StreamID), e.Data.Cents)
	}
	if _, err := projection.CatchUp(t.Context(), store, p, m, nil); err != nil {
		t.Fatal(err)
	}
}

func expectCount(t testing.TB, m *sqlite.ReadModel, want int64) {
	t.Helper()
	if got := read(t, m)["account-1"].Count; got != want {
		t.Errorf("it counts %d, not %d", got, want)
	}
}

func TestAFileThatCannotBeUsedIsMadeAgain(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"no database": func(t *testing.T, path string) {
			write(t, path, []byte("this is no database, and long enough to look like something"))
		},
		"damaged": func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < len(data); i++ {
				data[i] ^= 0x5a
			}
			write(t, path, data)
		},
		"cut":   func(t *testing.T, path string) { truncate(t, path, 5000) },
		"empty": func(t *testing.T, path string) { truncate(t, path, 0) },
		"gone": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, path := newStore(t), filepath.Join(t.TempDir(), "sums.db")
			fill(t, store, 5)
			m := open(t, path)
			catchUp(t, store, m)
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			m = open(t, path)
			catchUp(t, store, m)
			expectCount(t, m, 5)
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatIsDeletedWhileRunningComesBack(t *testing.T) {
	store, path := newStore(t), filepath.Join(t.TempDir(), "sums.db")
	m := open(t, path)
	fill(t, store, 5)
	catchUp(t, store, m)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	fill(t, store, 3)
	catchUp(t, store, m)
	expectCount(t, m, 8)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestAnotherSchemaIsMadeAgain(t *testing.T) {
	store, path := newStore(t), filepath.Join(t.TempDir(), "sums.db")
	fill(t, store, 5)
	m := open(t, path)
	catchUp(t, store, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.Open(path, schema+`; CREATE INDEX by_cents ON sum (cents)`, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	catchUp(t, store, other)
	expectCount(t, other, 5)
}

func TestASchemaThatIsWrongIsTold(t *testing.T) {
	_, err := sqlite.Open(filepath.Join(t.TempDir(), "sums.db"), `CREATE TABEL x`, nil)
	if nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("got %v", err)
	}
}

func TestReadersAreWaitedForAndReadTheNewFileThen(t *testing.T) {
	store, path := newStore(t), filepath.Join(t.TempDir(), "sums.db")
	fill(t, store, 5)
	m := open(t, path)
	p := sums
	p.Apply = func(ctx context.Context, to *sqlmodel.Tx, e event) error {
		return addTo(ctx, to, string(e.StreamID), e.Data.Cents)
	}
	r, err := projection.Start(t.Context(), store, p, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if err := r.WaitFor(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	rows, err := m.QueryContext(t.Context(), `SELECT count FROM sum`)
	if err != nil {
		t.Fatal(err)
	}
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(t.Context()) }()
	select {
	case err := <-rebuilt:
		t.Errorf("the file was replaced under a reader: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if !rows.Next() {
		t.Error("the reader has lost its rows")
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if err := <-rebuilt; err != nil {
		t.Error(err)
	}
	expectCount(t, m, 5)
}

func TestAClosedOneIsTold(t *testing.T) {
	m := open(t, filepath.Join(t.TempDir(), "sums.db"))
	for range 2 {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Checkpoint(t.Context(), "sums"); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("got %v", err)
	}
	if _, err := m.QueryContext(t.Context(), `SELECT 1`); nacre.CodeOf(err) != nacre.CodeClosed {
		t.Errorf("got %v", err)
	}
	if err := m.QueryRowContext(t.Context(), `SELECT 1`).Err(); err == nil {
		t.Error("a closed one answers")
	}
}
