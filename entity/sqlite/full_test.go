package sqlite

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// TestAFullFile: where there is no room a batch is not written at all, what is there can be read, and it goes on when there
// is room again. SQLite's own bound of the file stands for the disk's.
func TestAFullFile(t *testing.T) {
	tables := openWith(t, nil)
	megabyte(t, tables, 1)
	bound := func(pragma string) {
		t.Helper()
		var n int64
		if _, err := tables.writer.row("PRAGMA max_page_count = "+pragma, nil, &n); err != nil {
			t.Fatal(err)
		}
	}
	bound("1") // what there is
	b := &entity.Batch{Mark: entity.Mark{Position: 2}, Waiting: []nacre.Position{9}}
	for _, id := range []string{"x-1", "x-2"} {
		b.Rows = append(b.Rows, entity.TableRow{Collection: "note", ID: id, State: make([]byte, 1<<20)})
	}
	for range 3 {
		if err := tables.Write(t.Context(), b); nacre.CodeOf(err) != nacre.CodeStoreFull {
			t.Fatalf("Write: %v, want that it is full", err)
		}
		if m, err := tables.Mark(t.Context()); err != nil || m.Position != 1 {
			t.Fatalf("Mark: %v, %v", m, err)
		}
		if state, err := tables.Load(t.Context(), "note", "x-1"); err != nil || state != nil {
			t.Fatalf("Load of what was not written: %d bytes, %v", len(state), err)
		}
		if state, err := tables.Load(t.Context(), "note", "note-1"); err != nil || len(state) != 64<<10 {
			t.Fatalf("Load: %d bytes, %v", len(state), err)
		}
	}
	bound("1000000")
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	waiting, err := tables.Waiting(t.Context())
	if m, e := tables.Mark(t.Context()); e != nil || m.Position != 2 || err != nil || len(waiting) != 1 {
		t.Errorf("afterwards: %v, %v, waiting %v, %v", m, e, waiting, err)
	}
}
