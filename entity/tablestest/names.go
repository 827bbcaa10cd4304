package tablestest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// names are names that a database may take for each other, for its own or for a part of its language.
var names = []string{
	"name", "Name", "NAME", "nAme", "name~2", "Name~2", "name~3", "state", "State", "heads", "HEADS", "ID", "Id", "iD",
	"rowid", "oid", "_rowid_", "ROWID", "order", "select", "é", "É", "e\u0301", "ß", "日本", "\U0001f600", "a b", " a", "a.b", "it's", "[x]",
	"`x`", "a;b", "--", "/*", "?", "?1", ":x", "@x", "%", "a-b", "0", "1.5", "null", "true", strings.Repeat("n", 200),
}

func (s *suite) propertyNames() {
	names := names[:under(len(names), 20)]
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	members := map[bool][]string{}
	for i, name := range names {
		p := property(name, "register", []string{"text", "int64", "text"}[i%3])
		schema.Properties[name] = p
		value := fmt.Sprintf("%d", i)
		if p.Type == "text" {
			value = fmt.Sprintf("%q", fmt.Sprintf("t%d", i))
		}
		members[true] = append(members[true], fmt.Sprintf("%q:%s", name, value))
		members[false] = append(members[false], fmt.Sprintf("%q:null", name))
		schema.Indexes = append(schema.Indexes, []string{name}, []string{name, "Name", "name", name})
	}
	s.batch().declare("thing", schema).
		put("thing", "thing-1", "{"+strings.Join(members[true], ",")+"}").
		put("thing", "thing-2", "{"+strings.Join(members[false], ",")+"}").
		put("thing", "thing-3", "{}").write()
	s.check()
	for i, name := range names {
		path := `"` + name + `"`
		value := any(int64(i))
		if i%3 != 1 {
			value = fmt.Sprintf("t%d", i)
		}
		if r := s.ask("thing", path+" = ?", value); len(r.Rows) != 1 {
			s.t.Errorf("%q has its value in %d rows, want 1", name, len(r.Rows))
		}
		s.ask("thing", path+" IS NOT NULL ORDER BY "+path+" DESC")
		s.ask("thing", "SELECT "+path+", count(*) GROUP BY "+path)
	}
	// Some go, and what is left keeps its values.
	for i, name := range names {
		if i%2 == 0 {
			delete(schema.Properties, name)
		}
	}
	left := &merge.Schema{Properties: schema.Properties}
	s.batch().declare("thing", left).write()
	s.check()
	for i, name := range names {
		if i%2 == 1 {
			s.ask("thing", `"`+name+`" IS NOT NULL`)
		}
	}
}

func (s *suite) collectionNames() {
	more := append([]string{"sqlite_thing", "SQLite_master", "sqlite_schema", "states", "mark", "main", "temp", "table"}, names[:under(len(names), 12)]...)
	// One after the other, so that names turn out to be others' while tables are there.
	for i, name := range more {
		b := s.batch().declare(name, &merge.Schema{Properties: registers("name text", "n int64"), Indexes: [][]string{{"n"}, {"name", "n"}}})
		b.put(name, "x-1", fmt.Sprintf(`{"name":%q,"n":%d}`, name, i)).put(name, "x-2", `{}`).write()
	}
	for i, name := range more {
		r := s.ask(name, "n = ? AND name = ?", i, name)
		if len(r.Rows) != 1 {
			s.t.Errorf("the collection %q has %d rows that are its own, want 1", name, len(r.Rows))
		}
	}
	s.check()
	s.batch().put("name", "x-3", `{"n":5}`).put("NAME", "x-3", `{"n":6}`).put("Name", "x-2", `{"$gone":1}`).write()
	s.check()
}

func (s *suite) manyProperties() {
	n := under(1500, 150)
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	var members []string
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		schema.Properties[name] = property(name, "register", "int64")
		members = append(members, fmt.Sprintf("%q:%d", name, i))
	}
	last := fmt.Sprintf("p%d", n-1)
	schema.Indexes = [][]string{{"p1"}, {last, "p0"}}
	s.batch().declare("wide", schema).put("wide", "wide-1", "{"+strings.Join(members, ",")+"}").put("wide", "wide-2", fmt.Sprintf(`{%q:7}`, last)).write()
	s.ids("wide", fmt.Sprintf("%s = %d AND p0 = 0", last, n-1), "wide-1")
	s.ids("wide", "p0 IS NULL", "wide-2")
	s.check()
}

// samples are values of each type, and some that are not of it.
var samples = map[query.Type][]string{
	query.TypeText:    {`""`, `"a"`, `"A"`, `"é"`, `"\u0000"`, `"a\u0000b"`, `"\ud83d\ude00"`, `"10"`, `"9"`, `"%"`},
	query.TypeBool:    {"true", "false"},
	query.TypeInt64:   {"0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "9007199254740992"},
	query.TypeFloat64: {"0.0", "-0.0", "1.5", "1e308", "-1e308", "5e-324", "9007199254740993", "1"},
	query.TypeDecimal: {`"0"`, `"0.10"`, `"0.1"`, `"-0.1"`, `"-12345678901234567890.5"`, "7", `"1e99"`, `"-1e-99"`},
	query.TypeTime:    {`"2026-11-20T18:55:20.471204Z"`, `"2026-11-20T19:55:20.471204+01:00"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"2026-11-20T18:55:20Z"`},
	query.TypeBytes:   {`""`, `"AA=="`, `"AAE="`, `"/w=="`, `"YQ=="`},
	query.TypeRef:     {`"thing-1"`, `"thing-2"`, `"nothing"`},
	query.TypeJSON:    {"null", "true", "1", "1.5", `"text"`, "[1,2]", `{"a":{"b":[true]}}`, "[]", "{}"},
}

func (s *suite) types() {
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{
		"set": property("set", "set", "text"), "map": property("map", "map", "int64"), "list": property("list", "list", "text"),
		"counter": property("counter", "counter", "decimal"),
	}}
	var all []string
	for t, values := range samples {
		p := property(t.String(), "register", t.String())
		if t == query.TypeRef {
			p.Kind, p.Of = "reference", "thing"
		}
		schema.Properties[p.ID] = p
		all = append(all, values...)
		schema.Indexes = append(schema.Indexes, []string{p.ID}, []string{"text", p.ID})
	}
	b := s.batch().declare("thing", schema)
	n := 0
	for t := range schema.Properties {
		for _, v := range append(slices.Clone(all[:under(len(all), 12)]), "null") {
			n++
			b.put("thing", fmt.Sprintf("thing-%d", n), fmt.Sprintf(`{%q:%s,"set":["a","b"],"map":{"k":%d},"list":["x",null]}`, t, v, n))
		}
	}
	b.write()
	s.check()
	for t := range schema.Properties {
		s.ask("thing", t+" IS NOT NULL ORDER BY "+t)
		s.ask("thing", "ORDER BY "+t+" DESC LIMIT 10")
		s.ask("thing", "SELECT "+t+", count(*), min("+t+"), max("+t+") GROUP BY "+t)
	}
	s.ask("thing", "set CONTAINS 'a' AND map.k > 5 AND list[0] = 'x'")
	s.ask("thing", "decimal = '0.1' OR time = '2026-11-20T18:55:20.471204Z' OR bytes = 'AAE=' OR int64 IN (0, 9007199254740993)")
}
