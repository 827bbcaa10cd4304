package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/entity/tablestest"
)

func open(t testing.TB, path string, o *sqlite.Options) *sqlite.Tables {
	t.Helper()
	tables, err := sqlite.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	})
	return tables
}

func TestTables(t *testing.T) {
	tablestest.Run(t, func(t testing.TB) (entity.Tables, func() entity.Tables) {
		path := filepath.Join(t.TempDir(), "with space und größe?&%20#", sqlite.FileName)
		return open(t, path, nil), func() entity.Tables { return open(t, path, nil) }
	})
}
