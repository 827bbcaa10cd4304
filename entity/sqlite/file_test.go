package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
)

// told collects what a logger is told.
type told struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *told) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *told) options() *sqlite.Options {
	return &sqlite.Options{Logger: slog.New(slog.NewTextHandler(l, nil))}
}

// empty wants tables that begin anew, and that work.
func empty(t *testing.T, tables *sqlite.Tables) {
	t.Helper()
	if m, err := tables.Mark(t.Context()); err != nil || m != (entity.Mark{}) {
		t.Fatalf("Mark: %v, %v, want that the tables are empty", m, err)
	}
	if state, err := tables.Load(t.Context(), "album", "album-001"); err != nil || state != nil {
		t.Fatalf("Load: %q, %v, want that the tables are empty", state, err)
	}
	b := &entity.Batch{Mark: entity.Mark{Position: 1}, Declared: declareAlbums(), Rows: []entity.TableRow{{Collection: "album", ID: "album-1", State: []byte("s"), Values: []byte(`{"year":5}`)}}}
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if r, err := tables.Query(t.Context(), "album", plan(t, "year = 5"), nil); err != nil || len(r.Rows) != 1 {
		t.Fatalf("Query: %v, %v", r, err)
	}
}

// TestAFileThatCannotBeUsed opens files that are something else, and wants to be told.
func TestAFileThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		told  string
		aside bool
	}{
		{"text", func(t *testing.T, path string) { write(t, path, "These are my notes.") }, "not Nacre's", true},
		{"much text", func(t *testing.T, path string) { write(t, path, strings.Repeat("notes ", 10_000)) }, "not Nacre's", true},
		{"another's tables", func(t *testing.T, path string) {
			_ = os.Remove(path)
			exec(t, path, `CREATE TABLE mine (x)`)
		}, "not Nacre's", true},
		{"another format", func(t *testing.T, path string) { exec(t, path, `PRAGMA user_version = 99`) }, "its format is 99", false},
		{"a marker", func(t *testing.T, path string) { write(t, path+".damaged", "") }, "damage was found", false},
		{"a table gone", func(t *testing.T, path string) { exec(t, path, `DROP TABLE "$waiting"`) }, "", false},
		{"a tree that is garbage", func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < 4096; i++ {
				text[i] = 0xa5
			}
			write(t, path, string(text))
		}, "cannot be used", false},
		{"a layout that is garbage", func(t *testing.T, path string) { exec(t, path, `UPDATE "$collections" SET "layout" = '{'`) }, "cannot be used", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables, path := filled(t)
			if err := tables.Close(); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, path)
			var log told
			tables = open(t, path, log.options())
			empty(t, tables)
			if !strings.Contains(log.String(), c.told) {
				t.Errorf("the logger was told %q, want %q", log.String(), c.told)
			}
			if _, err := os.Stat(path + ".aside"); (err == nil) != c.aside {
				t.Errorf("the file set aside: %v, want one: %v", err, c.aside)
			}
			if err := tables.Close(); err != nil {
				t.Fatal(err)
			}
			log.buf.Reset()
			open(t, path, log.options())
			if log.String() != "" {
				t.Errorf("the next time the logger was told %q", log.String())
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamageThatIsFoundLater changes a state, and a page, behind the back of the tables.
func TestDamageThatIsFoundLater(t *testing.T) {
	tables, path := filled(t)
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, path, `UPDATE "album" SET "$merge" = CAST('{"x":1}' AS BLOB) WHERE "id" = 'album-007'`)
	var log told
	tables = open(t, path, log.options())
	if _, err := tables.Load(t.Context(), "album", "album-008"); err != nil {
		t.Fatal(err)
	}
	_, err := tables.Load(t.Context(), "album", "album-007")
	for _, what := range []string{"Load", "again"} {
		if nacre.CodeOf(err) != nacre.CodeDamaged {
			t.Errorf("%s: %v, want that it is damaged", what, err)
		}
		_, err = tables.Mark(t.Context())
	}
	if _, err := tables.Query(t.Context(), "album", plan(t, ""), nil); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Errorf("Query: %v", err)
	}
	if err := tables.Write(t.Context(), &entity.Batch{}); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Errorf("Write: %v", err)
	}
	if !strings.Contains(log.String(), "checksum") {
		t.Errorf("the logger was told %q", log.String())
	}
	if _, err := sqlite.OpenSQL(path); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Errorf("OpenSQL: %v", err)
	}
	if err := tables.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty(t, tables)
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	tables = open(t, path, nil)
	if m, err := tables.Mark(t.Context()); err != nil || m.Position != 1 {
		t.Errorf("after Reset and Close: %v, %v", m, err)
	}
}

// TestAnotherProcessWrites opens the same file twice.
func TestAnotherProcessWrites(t *testing.T) {
	tables, path := filled(t)
	_, err := sqlite.Open(path, nil)
	if want := fmt.Sprintf("process %d", os.Getpid()); nacre.CodeOf(err) != nacre.CodeLocked || !strings.Contains(err.Error(), want) {
		t.Errorf("Open: %v, want that %s has it", err, want)
	}
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, nil)
	if m, err := again.Mark(t.Context()); err != nil || m.Position != 7 {
		t.Errorf("afterwards: %v, %v", m, err)
	}
}

// TestRemovedWhileOpen removes the file: what is open goes on, and the next Open begins anew.
func TestRemovedWhileOpen(t *testing.T) {
	tables, path := filled(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Skipf("this system does not remove open files: %v", err)
		}
	}
	b := &entity.Batch{Mark: entity.Mark{Position: 8}, Rows: []entity.TableRow{{Collection: "album", ID: "album-x", State: []byte("s"), Values: []byte(`{"year":-1}`)}}}
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	r, err := tables.Query(t.Context(), "album", plan(t, "year = -1"), nil)
	if err != nil || r.Position != 8 || len(r.Rows) != 1 {
		t.Errorf("Query: %v, %v", r, err)
	}
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	empty(t, open(t, path, nil))
}

// TestOptions tells which options are wrong.
func TestOptions(t *testing.T) {
	for field, o := range map[string]*sqlite.Options{"CacheBytes": {CacheBytes: 5}, "Readers": {Readers: -1}, "MaxWAL": {MaxWAL: 5}} {
		_, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"), o)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestTheFileOfAStore fixes where it is.
func TestTheFileOfAStore(t *testing.T) {
	if got, want := sqlite.Path("x"), filepath.Join("x", "entities", "tables.db"); got != want {
		t.Errorf("Path: %s, want %s", got, want)
	}
}
