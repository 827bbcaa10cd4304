//go:build unix

package sqlmodel_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/projectiontest"
	"github.com/nacredb/nacre/projection/sqlmodel"
	"github.com/nacredb/nacre/storage/memstore"
)

// postgres starts a private server on a unix socket, and skips the test where there is none to start.
func postgres(t *testing.T) *sql.DB {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		t.Skip("there is no Postgres here to start")
	}
	bin := bins[len(bins)-1]
	// Its socket's path must be short, and its owner must come through.
	dir, err := os.MkdirTemp("", "nacre-pg-") //nolint:usetesting // t.TempDir is too deep for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name, attributes := "nacre", &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // which Postgres refuses
		owner, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("there is nobody that Postgres may run as: ", err)
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(t.Context(), filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", name, "-E", "UTF8", "--no-locale", "-N")
	initdb.Dir, initdb.SysProcAttr = dir, attributes
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Skipf("initdb failed: %v: %s", err, out)
	}
	var output bytes.Buffer
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	server.Dir, server.SysProcAttr, server.Stdout, server.Stderr = dir, attributes, &output, &output
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT)
		_ = server.Wait()
	})
	db, err := sql.Open("pgx", fmt.Sprintf("host=%s user=%s dbname=postgres sslmode=disable", dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = db.PingContext(t.Context()); err == nil {
			return db
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v: %s", err, output.String())
		}
	}
}

func TestPostgres(t *testing.T) {
	db := postgres(t)
	var made atomic.Int64
	names := map[*nacre.Store]string{}
	projectiontest.Run(t, projectiontest.Harness[*sqlmodel.Tx]{
		Store: func(t testing.TB) *nacre.Store {
			store := memstore.Open(nil)
			t.Cleanup(func() { _ = store.Close() })
			return store
		},
		Open: func(t testing.TB, store *nacre.Store) (projection.ReadModel[*sqlmodel.Tx], func()) {
			if names[store] == "" {
				names[store] = fmt.Sprintf("sums_%d", made.Add(1))
			}
			m, err := sqlmodel.New(db, &sqlmodel.Options{
				Dialect: sqlmodel.Postgres, Namespace: names[store],
				Schema: `CREATE TABLE sum (stream TEXT PRIMARY KEY, cents BIGINT NOT NULL, count BIGINT NOT NULL); CREATE INDEX ON sum (cents)`,
			})
			if err != nil {
				t.Fatal(err)
			}
			return model{m, names[store]}, func() {}
		},
		Add: func(ctx context.Context, to *sqlmodel.Tx, stream string, cents int64) error {
			_, err := to.ExecContext(ctx, `INSERT INTO sum AS s VALUES ($1, $2, 1)
				ON CONFLICT (stream) DO UPDATE SET cents = s.cents + excluded.cents, count = s.count + 1`, stream, cents)
			return err
		},
		Read: func(t testing.TB, m projection.ReadModel[*sqlmodel.Tx]) projectiontest.Sums {
			if _, err := m.Checkpoint(t.Context(), "sums"); err != nil {
				t.Fatal(err)
			}
			rows, err := db.QueryContext(t.Context(), `SELECT stream, cents, count FROM `+m.(model).namespace+`.sum`)
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
		Resets: true, Rebuilds: true,
	})
}

// model knows its schema, to be read by others.
type model struct {
	*sqlmodel.Model
	namespace string
}
