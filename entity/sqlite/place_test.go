package sqlite_test

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
)

// TestAStateStandsInOnePlace has an entity come, go and come again, before and after its collection has a table, and
// wants its state in the row where there is one, and else with those that have none.
func TestAStateStandsInOnePlace(t *testing.T) {
	path := t.TempDir() + "/" + sqlite.FileName
	tables := open(t, path, nil)
	r, err := sqlite.OpenSQL(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	count := func(text string) (n int64) {
		t.Helper()
		_, rows, err := r.Query(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range rows {
			if err != nil {
				t.Fatal(err)
			}
			n = row[0].(int64)
		}
		return n
	}
	declared := []entity.Declared{{Collection: "album", Schema: albums, Row: func(row *entity.TableRow) error {
		if string(row.State) != "gone" {
			row.Values = []byte(`{"year":1}`)
		}
		return nil
	}}}
	values := []byte(`{"year":1}`)
	for n, step := range []struct {
		declared     []entity.Declared
		state        string
		values       []byte
		states, rows int64
	}{
		{nil, "a", nil, 1, -1},
		{declared, "b", values, 0, 1},
		{nil, "gone", nil, 1, 0},
		{declared, "gone", nil, 1, 0},
		{nil, "c", values, 0, 1},
		{declared, "d", values, 0, 1},
		{nil, "gone", nil, 1, 0},
	} {
		b := &entity.Batch{Mark: entity.Mark{Position: nacre.Position(n)}, Declared: step.declared}
		b.Rows = []entity.TableRow{{Collection: "album", ID: "album-1", State: []byte(step.state), Values: step.values}}
		if err := tables.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := count(`SELECT count(*) FROM "$states"`); got != step.states {
			t.Errorf("step %d: %d states without a row, want %d", n, got, step.states)
		}
		if step.rows >= 0 {
			if got := count(`SELECT count(*) FROM "album"`); got != step.rows {
				t.Errorf("step %d: %d rows, want %d", n, got, step.rows)
			}
		}
		if got, err := tables.Load(t.Context(), "album", "album-1"); err != nil || string(got) != step.state {
			t.Errorf("step %d: Load: %q, %v, want %q", n, got, err, step.state)
		}
	}
}
