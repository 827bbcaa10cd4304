package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
)

func openSQL(t *testing.T, path string) *sqlite.SQL {
	t.Helper()
	s, err := sqlite.OpenSQL(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func all(ctx context.Context, s *sqlite.SQL, text string, args ...any) (string, error) {
	columns, rows, err := s.Query(ctx, text, args...)
	if err != nil {
		return "", err
	}
	out := strings.Join(columns, ",")
	for row, err := range rows {
		if err != nil {
			return "", err
		}
		out += fmt.Sprintf(" %v", row)
	}
	return out, nil
}

func filled(t *testing.T) (*sqlite.Tables, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	tables := open(t, path, nil)
	b := &entity.Batch{Mark: entity.Mark{Epoch: "e", Position: 7}, Declared: declareAlbums()}
	for i := range 300 {
		b.Rows = append(b.Rows, entity.TableRow{
			Collection: "album", ID: fmt.Sprintf("album-%03d", i), State: []byte(`{}`), Heads: []string{"h"}, Values: fmt.Appendf(nil, `{"name":"n%d","year":%d}`, i%3, i),
		})
	}
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return tables, path
}

func TestSQL(t *testing.T) {
	tables, path := filled(t)
	for _, when := range []string{"beside the owner", "alone"} {
		s := openSQL(t, path)
		for text, want := range map[string]string{
			"select name, count(*) as n from album where year < ?1 group by name;":     "name,n [n0 4] [n1 3] [n2 3]",
			" -- a comment\n/* and more */ SELECT 1, NULL, 1.5, 'x' WHERE ?1 = 10 ;\n": "1,NULL,1.5,'x' [1 <nil> 1.5 x]",
			"values (?1)": "column1 [10]",
			"with t(x) as (select 1 union all select 2) select * from t where x < ?1":                  "x [1] [2]",
			`select json_extract(state, '$.year'), heads from album where id = 'album-00' || (?1 - 1)`: "json_extract(state, '$.year'),heads [9 [\"h\"]]",
		} {
			if got, err := all(t.Context(), s, text, int64(10)); err != nil || got != want {
				t.Errorf("%s: %s: %q, %v, want %q", when, text, got, err, want)
			}
		}
		if when == "beside the owner" {
			if err := tables.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSQLOnlyReads(t *testing.T) {
	_, path := filled(t)
	s := openSQL(t, path)
	other := filepath.Join(t.TempDir(), "other.db")
	for _, text := range []string{
		"", ";", "-- only a comment", "delete from album", "insert into album(id) values ('x')", "drop table album", "create temp table x(a)",
		"attach database '" + other + "' as other", "vacuum into '" + other + "'", "pragma query_only = 0", "begin", "reindex", "analyze",
		"with x as (select 1) delete from album", "with x as (select 1) insert into \"$waiting\" select 3",
		"select 1; delete from album", "select 1; select 2", "select 1; -- more", "select", "select * from nowhere", "select nothing from album",
		"select load_extension('x')", "select 1\x00", "explain", "select \xff",
	} {
		if got, err := all(t.Context(), s, text); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%q: %q, %v, want that it is invalid", text, got, err)
		}
	}
	if got, err := all(t.Context(), s, "select count(*) from album"); err != nil || got != "count(*) [300]" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

func TestSQLEndsWithItsContext(t *testing.T) {
	_, path := filled(t)
	s := openSQL(t, path)
	const forever = "with recursive n(x) as (select 1 union all select x + 1 from n) "
	// Between two rows.
	ctx, cancel := context.WithCancel(t.Context())
	_, rows, err := s.Query(ctx, forever+"select x from n where x = 1 or x < 0")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range rows {
		n++
		cancel()
	}
	if n != 2 || err != context.Canceled {
		t.Errorf("%d rows and %v, want one and that it was canceled", n-1, err)
	}
	// Before the first row.
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := all(ctx, s, forever+"select count(*) from n"); err != context.DeadlineExceeded {
		t.Errorf("%q, %v, want that its time was over", got, err)
	}
	if _, err := all(t.Context(), s, "select 1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestSQLOfNothing(t *testing.T) {
	_, err := sqlite.OpenSQL(filepath.Join(t.TempDir(), sqlite.FileName))
	if nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("no file: %v", err)
	}
	_, err = sqlite.OpenSQL(t.TempDir())
	if nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("a folder: %v", err)
	}
}
