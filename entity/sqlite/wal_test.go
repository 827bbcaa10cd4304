package sqlite_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
)

func connectTo(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// exec executes a statement on a file that nobody has open.
func exec(t *testing.T, path, text string) {
	t.Helper()
	db := connectTo(t, path)
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func walBytes(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// long is a batch of about a megabyte.
func long(n int) *entity.Batch {
	b := &entity.Batch{Mark: entity.Mark{Position: nacre.Position(n)}}
	for i := range 16 {
		b.Rows = append(b.Rows, entity.TableRow{Collection: "note", ID: fmt.Sprintf("note-%d", i), State: []byte(strings.Repeat(string(rune('a'+n%26)), 64<<10))})
	}
	return b
}

// TestTheWriteAheadLogIsUsedAgain writes more than the log may hold.
func TestTheWriteAheadLogIsUsedAgain(t *testing.T) {
	path := t.TempDir() + "/tables.db"
	tables := open(t, path, &sqlite.Options{MaxWAL: 4 << 20})
	most := int64(0)
	for n := range 30 {
		if err := tables.Write(t.Context(), long(n)); err != nil {
			t.Fatal(err)
		}
		most = max(most, walBytes(t, path))
	}
	if most > 12<<20 {
		t.Errorf("the write-ahead log had %d bytes after 30 MiB of changes, and was not used again", most)
	}
}
