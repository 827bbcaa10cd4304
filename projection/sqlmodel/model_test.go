package sqlmodel_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/projectiontest"
	"github.com/nacredb/nacre/projection/sqlmodel"
	"github.com/nacredb/nacre/storage/memstore"
)

// Any database/sql will do: here SQLite's, as somebody opens it who knows nothing of package sqlite.
func TestAnyDatabase(t *testing.T) {
	paths := map[*nacre.Store]string{}
	projectiontest.Run(t, projectiontest.Harness[*sqlmodel.Tx]{
		Store: func(t testing.TB) *nacre.Store {
			store := memstore.Open(nil)
			t.Cleanup(func() { _ = store.Close() })
			return store
		},
		Open: func(t testing.TB, store *nacre.Store) (projection.ReadModel[*sqlmodel.Tx], func()) {
			if paths[store] == "" {
				paths[store] = filepath.Join(t.TempDir(), "sums.db")
			}
			db, err := sql.Open("sqlite", paths[store]+"?_pragma=busy_timeout(10000)")
			if err != nil {
				t.Fatal(err)
			}
			m, err := sqlmodel.New(db, &sqlmodel.Options{
				Schema: `CREATE TABLE sum (stream TEXT PRIMARY KEY, cents INTEGER, count INTEGER); -- one; statement
					CREATE INDEX by_cents ON sum (cents);`,
				Reset: `DROP TABLE IF EXISTS sum`,
			})
			if err != nil {
				t.Fatal(err)
			}
			return opened{m, db}, func() { _ = db.Close() }
		},
		Add: func(ctx context.Context, to *sqlmodel.Tx, stream string, cents int64) error {
			var was int64
			err := to.QueryRowContext(ctx, `SELECT cents FROM sum WHERE stream = ?`, stream).Scan(&was)
			if err == sql.ErrNoRows {
				_, err = to.ExecContext(ctx, `INSERT INTO sum VALUES (?, ?, 1)`, stream, cents)
				return err
			}
			if err != nil {
				return err
			}
			_, err = to.ExecContext(ctx, `UPDATE sum SET cents = ?, count = count + 1 WHERE stream = ?`, was+cents, stream)
			return err
		},
		Read: func(t testing.TB, m projection.ReadModel[*sqlmodel.Tx]) projectiontest.Sums {
			rows, err := m.(opened).db.QueryContext(t.Context(), `SELECT stream, cents, count FROM sum`)
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
		},
		Resets: true,
	})
}

type opened struct {
	*sqlmodel.Model
	db *sql.DB
}

func TestWhatCannotBeResetIsTold(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, err := sqlmodel.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reset(t.Context(), "x"); nacre.CodeOf(err) != projection.CodeNoRebuild {
		t.Errorf("a reset: %v", err)
	}
	if _, err := m.Fresh(t.Context(), "x"); nacre.CodeOf(err) != projection.CodeNoRebuild {
		t.Errorf("a rebuild: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for field, o := range map[string]*sqlmodel.Options{
		"Table":     {Table: `x; DROP TABLE y`},
		"Namespace": {Dialect: sqlmodel.Postgres},
	} {
		if _, err := sqlmodel.New(db, o); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := sqlmodel.New(nil, nil); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("no database: %v", err)
	}
}
