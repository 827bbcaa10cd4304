package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/sqlite"
)

// TestSQL reads the tables of a store while they are open for writing.
func TestSQL(t *testing.T) {
	data := t.TempDir()
	run := func(args ...string) (code int, out, told string) {
		t.Helper()
		var o, e bytes.Buffer
		p := &program{in: strings.NewReader(""), out: &o, err: &e}
		code = p.main(t.Context(), append(args, "--data", data))
		return code, o.String(), e.String()
	}
	if code, _, told := run("append", "a-1", "x"); code != exitDone {
		t.Fatal(told)
	}
	code, _, told := run("sql", "select 1")
	if want := `nacre: the store "default" has no tables of entities yet: "nacre query" and "nacre serve" make them from its log, where collections have schemas (NOT_FOUND)` + "\n"; code != exitFailed || told != want {
		t.Errorf("without tables: %d, %s", code, told)
	}
	tables, err := sqlite.Open(sqlite.Path(filepath.Join(data, "default")), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{
		"name": {ID: "name", Kind: "register", Type: "text"}, "year": {ID: "year", Kind: "register", Type: "int64"}, "cover": {ID: "cover", Kind: "register", Type: "bytes"},
	}}
	b := &entity.Batch{Declared: []entity.Declared{{Collection: "album", Schema: schema, Row: func(*entity.TableRow) error { return nil }}}}
	for i, values := range []string{`{"name":"Dune, \"live\"","year":1977,"cover":"AAE="}`, `{"name":"a\tb","year":7}`, `{}`} {
		b.Rows = append(b.Rows, entity.TableRow{Collection: "album", ID: fmt.Sprintf("album-%d", i), State: []byte(values), Values: []byte(values), Heads: []string{"H"}})
	}
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	const all = "select name, year, cover, year from album order by id"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sql", all}, "" +
			"name          year  cover    year\n" +
			"Dune, \"live\"  1977  x'0001'  1977\n" +
			"a b              7  NULL        7\n" +
			"NULL          NULL  NULL     NULL\n"},
		{[]string{"sql", "--json", all}, `{"name":"Dune, \"live\"","year":1977,"cover":"AAE=","year:2":1977}` + "\n" +
			`{"name":"a\tb","year":7,"cover":null,"year:2":7}` + "\n" + `{"name":null,"year":null,"cover":null,"year:2":null}` + "\n"},
		{[]string{"sql", "--csv", all}, "name,year,cover,year\n\"Dune, \"\"live\"\"\",1977,AAE=,1977\na\tb,7,,7\n,,,\n"},
		{[]string{"sql", "--json", "select 1e999 as x, '<' as y"}, `{"x":null,"y":"<"}` + "\n"},
		{[]string{"sql", "select id from album where id = 'none'"}, "id\n"},
	} {
		if code, out, told := run(c.args...); code != exitDone || out != c.want || told != "" {
			t.Errorf("%q: %d\n%s%swant\n%s", c.args, code, out, told, c.want)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"begins with none of SELECT, WITH, VALUES and EXPLAIN", []string{"sql", "delete from album"}},
		{"no such table: nowhere", []string{"sql", "select * from nowhere"}},
		{"is negative", []string{"sql", "--timeout", "-1s", "select 1"}},
		{"argument", []string{"sql"}},
		{"none of the others can be", []string{"sql", "--json", "--csv", "select 1"}},
	} {
		if code, out, told := run(c.args...); code != exitUsage || out != "" || !strings.Contains(told, c.want) {
			t.Errorf("%q: %d, %s%s, want %q", c.args, code, out, told, c.want)
		}
	}
	code, _, told = run("sql", "--timeout", "20ms", "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n")
	if code != exitFailed || !strings.Contains(told, "longer than 20ms") || !strings.Contains(told, "DEADLINE_EXCEEDED") {
		t.Errorf("a statement without an end: %d, %s", code, told)
	}
}
