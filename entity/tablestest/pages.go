package tablestest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

func (s *suite) pages() {
	types := []string{"text", "bool", "int64", "float64", "decimal", "time", "bytes", "json"}
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	for _, t := range types {
		schema.Properties[t] = property(t, "register", t)
		schema.Indexes = append(schema.Indexes, []string{t}, []string{"bool", t})
	}
	b := s.batch().declare("thing", schema)
	values := map[string][]string{
		"text": {`"a"`, `"b"`, `"\u0000"`, `""`}, "bool": {"true", "false"}, "int64": {"-1", "0", "9007199254740993"}, "float64": {"-1.5", "0", "2"},
		"decimal": {`"-1"`, `"0.5"`, `"10"`}, "time": {`"2026-01-01T00:00:00Z"`, `"2026-01-01T00:00:00.000001Z"`}, "bytes": {`""`, `"AA=="`, `"/w=="`},
		"json": {"1", `"a"`, "[1]", "{}", "true", "2.5"},
	}
	for i := range under(40, 12) {
		var members []string
		for j, t := range types {
			if of := append(values[t], "null", ""); of[(i*(j+3)+i/7)%len(of)] != "" {
				members = append(members, fmt.Sprintf("%q:%s", t, of[(i*(j+3)+i/7)%len(of)]))
			}
		}
		b.put("thing", fmt.Sprintf("thing-%02d", i), "{"+strings.Join(members, ",")+"}")
	}
	b.write()
	orders := []string{"id", "id DESC"}
	for _, t := range types {
		orders = append(orders, t, t+" DESC", t+", bool DESC", "bool DESC, "+t, t+" DESC, json, text DESC", t+", id DESC")
	}
	for _, order := range orders[:under(len(orders), 12)] {
		for _, where := range []string{"", "int64 >= 0 "} {
			all := s.ask("thing", where+"ORDER BY "+order).Rows
			p := s.plan("thing", where+"ORDER BY "+order+" LIMIT 7")
			var after []byte
			var got []string
			for {
				r, err := s.compare("thing", p, after)
				if err != nil {
					s.t.Fatalf("%sORDER BY %s, behind %x: %v", where, order, after, err)
				}
				if len(r.Rows) == 0 {
					break
				}
				for _, row := range r.Rows {
					got = append(got, row.ID())
				}
				after = p.AppendSortKey(nil, r.Rows[len(r.Rows)-1], nil)
			}
			var want []string
			for _, row := range all {
				want = append(want, row.ID())
			}
			if !slices.Equal(got, want) {
				s.t.Fatalf("%sORDER BY %s: the pages have %q, all at once is %q", where, order, got, want)
			}
		}
	}
}

func (s *suite) cursorsOfOthers() {
	s.batch().declare("album", albums()).put("album", "album-1", `{"name":"a","year":1}`).write()
	byYear := s.plan("album", "ORDER BY year")
	key := byYear.AppendSortKey(nil, s.row("album", "album-1"), nil)
	for what, p := range map[string][]byte{"none": {}, "half": key[:len(key)-1], "more": append(slices.Clone(key), 0), "nothing": []byte("nothing")} {
		_, err := s.tables.Query(s.t.Context(), "album", byYear, p)
		wantCode(s.t, "a cursor that is "+what, err, nacre.CodeInvalid)
	}
	_, err := s.tables.Query(s.t.Context(), "album", s.plan("album", "ORDER BY name"), key)
	wantCode(s.t, "a cursor of another order", err, nacre.CodeInvalid)
	_, err = s.tables.Query(s.t.Context(), "album", s.plan("album", "SELECT count(*)"), key)
	wantCode(s.t, "a cursor where rows are gathered", err, nacre.CodeInvalid)
	s.check()
}

func (s *suite) bounds() {
	b := s.batch().declare("album", albums())
	for i := range 10 {
		b.put("album", fmt.Sprintf("album-%d", i), fmt.Sprintf(`{"name":"%090d"}`, i))
	}
	b.write()
	one := query.Size("album-0", s.row("album", "album-0").State())
	for bytes, want := range map[int64]int{0: 10, 1: 2, one - 1: 2, one: 2, one + 1: 3, 4 * one: 5, 9 * one: 10, 10 * one: 10} {
		r, err := s.compare("album", s.plan("album", "ORDER BY name DESC").Bounded(query.Bounds{Bytes: bytes}), nil)
		if err != nil || len(r.Rows) != want {
			s.t.Errorf("rows within %d bytes, each of which has %d: %d, %v, want %d", bytes, one, len(r.Rows), err, want)
		}
	}
	for text, in := range map[string]struct {
		bounds query.Bounds
		fits   bool
	}{
		"SELECT name":                             {query.Bounds{Rows: 10, Bytes: 2000}, true},
		"SELECT id":                               {query.Bounds{Rows: 9}, false},
		"SELECT id LIMIT 9":                       {query.Bounds{Rows: 9}, true},
		"SELECT name, id":                         {query.Bounds{Bytes: 900}, false},
		"SELECT name, count(*) GROUP BY name":     {query.Bounds{Rows: 9}, false},
		"SELECT id, count(*) GROUP BY id LIMIT 3": {query.Bounds{Rows: 3, Groups: 10}, true},
		"SELECT id, max(name) GROUP BY id":        {query.Bounds{Rows: 10, Groups: 9}, false},
		"SELECT max(name), min(name)":             {query.Bounds{Bytes: 150}, false},
		"SELECT count(*)":                         {query.Bounds{Rows: 1, Bytes: 100, Groups: 1}, true},
	} {
		p := s.plan("album", text).Bounded(in.bounds)
		if in.fits {
			if _, err := s.compare("album", p, nil); err != nil {
				s.t.Errorf("%s within %+v: %v", text, in.bounds, err)
			}
			continue
		}
		_, err := s.tables.Query(s.t.Context(), "album", p, nil)
		wantCode(s.t, fmt.Sprintf("%s within %+v", text, in.bounds), err, nacre.CodeTooLarge)
	}
	s.check()
}
