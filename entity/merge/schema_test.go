package merge_test

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// declare makes schemas of declarations, one after the other.
func declare(t *testing.T, list ...string) *merge.Schemas {
	t.Helper()
	s := new(merge.Schemas)
	for _, text := range list {
		data, err := s.Declare([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := s.Apply(data); err != nil {
			t.Fatalf("%s became %s: %v", text, data, err)
		}
	}
	return s
}

const albums = `{"properties":{
	"name":{"kind":"register","type":"text"},
	"year":{"kind":"register","type":"int64","default":2000},
	"artist":{"kind":"reference","type":"ref","of":"artists"},
	"plays":{"kind":"counter","type":"int64"},
	"price":{"kind":"counter","type":"decimal"},
	"tags":{"kind":"set","type":"text"},
	"notes":{"kind":"map","type":"int64"},
	"tracks":{"kind":"list","type":"text","default":["intro"]}
},"indexes":[["year","name"]]}`

func TestPatch(t *testing.T) {
	t.Parallel()
	s := declare(t, albums).Current()
	e := merge.New()
	if got := string(s.AppendValues(nil, e)); got != `{"tracks":["intro"],"year":2000}` {
		t.Errorf("without events it is %s", got)
	}
	steps := []struct{ patch, want string }{
		{
			`{"set":{"name":"Dune","year":1984,"artist":"artist-1","tags":["a","b"],"tracks":["x","y"]},"add":{"plays":3,"price":"1.50","notes":{"a":1}}}`,
			`{"artist":"artist-1","name":"Dune","notes":{"a":1},"plays":3,"price":"1.5","tags":["a","b"],"tracks":["x","y"],"year":1984}`,
		},
		{
			`{"set":{"year":null},"add":{"tags":["c"],"plays":-1,"price":0.25,"tracks":{"at":1,"values":["z"]}},"remove":{"tags":["a"],"notes":["a"],"name":null}}`,
			`{"artist":"artist-1","notes":{},"plays":2,"price":"1.75","tags":["b","c"],"tracks":["x","z","y"],"year":null}`,
		},
		{
			`{"set":{"tracks":{"at":0,"value":"w"},"plays":10},"remove":{"year":null,"price":"2"}}`,
			`{"artist":"artist-1","notes":{},"plays":10,"price":"-0.25","tags":["b","c"],"tracks":["w","z","y"],"year":2000}`,
		},
	}
	for i, step := range steps {
		d := merge.NewDraft(e)
		if err := s.Patch(d, []byte(step.patch)); err != nil {
			t.Fatalf("%s: %v", step.patch, err)
		}
		if got := string(s.AppendValues(nil, d)); got != step.want {
			t.Errorf("the draft of %s is %s, want %s", step.patch, got, step.want)
		}
		ev := decode(t, event(testID(i+1), string(d.Data()), texts(d.Parents())...))
		if len(ev.Damage) > 0 {
			t.Fatalf("%s is damaged: %+v", d.Data(), ev.Damage)
		}
		must(e.Apply(ev))
		if got := string(s.AppendValues(nil, e)); got != step.want {
			t.Errorf("after %s it is %s, want %s", step.patch, got, step.want)
		}
	}
	d := merge.NewDraft(e)
	must(s.Patch(d, []byte(`{"set":{"tags":["c","b"],"plays":10,"tracks":["w","z","y"]},"add":{"tags":["b"]},"remove":{"tags":["x"]}}`)))
	if d.Data() != nil {
		t.Errorf("what changes nothing is %s", d.Data())
	}
	for _, wrong := range []string{
		`[]`, `{"put":{}}`, `{"set":[]}`, `{"set":{"absent":1}}`, `{"set":{"name":1}}`, `{"set":{"year":"1984"}}`, `{"set":{"year":1.5}}`,
		`{"set":{"artist":7}}`, `{"add":{"name":"x"}}`, `{"remove":{"name":"x"}}`, `{"add":{"plays":"1"}}`, `{"add":{"plays":1.5}}`, `{"add":{"price":"x"}}`,
		`{"add":{"tags":"a"}}`, `{"add":{"tags":[1]}}`, `{"add":{"notes":{"a":"x"}}}`, `{"remove":{"notes":{"a":1}}}`, `{"add":{"tracks":[1]}}`,
		`{"add":{"tracks":{"at":9,"values":["a"]}}}`, `{"set":{"tracks":{"at":0,"value":1}}}`, `{"remove":{"tracks":[9]}}`, `{"set":{`,
	} {
		d := merge.NewDraft(e)
		err := s.Patch(d, []byte(wrong))
		if nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%s: %v", wrong, err)
		}
		if d.Data() != nil {
			t.Errorf("%s was refused and left %s", wrong, d.Data())
		}
	}
}

// TestSchemaChanges: a rename keeps history, a retype casts, a name that comes back has an id of its own.
func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	s := declare(t, `{"properties":{"year":{"kind":"register","type":"text"},"name":{"kind":"register","type":"text"}}}`)
	e := merge.New()
	must(e.Apply(decode(t, event(testID(1), `{"year":{"set":"1984","over":[]},"name":{"set":"Dune","over":[]}}`))))
	apply := func(text string) *merge.Schema {
		data, err := s.Declare([]byte(text))
		must(err)
		must(s.Apply(data))
		return s.Current()
	}
	current := apply(`{"properties":{"year":{"kind":"register","type":"int64","default":7},"title":{"id":"name","kind":"register","type":"text"}}}`)
	if p := current.Properties["year"]; p.ID != "year~2" || p.From != "year" {
		t.Errorf("the retyped property is %+v", p)
	}
	if got := string(current.AppendValues(nil, e)); got != `{"title":"Dune","year":1984}` {
		t.Errorf("after renaming and retyping it is %s", got)
	}
	current = apply(`{"properties":{"year":{"kind":"register","type":"float64"},"title":{"kind":"register","type":"text"},"name":{"kind":"set","type":"text"}}}`)
	if p := current.Properties["year"]; p.ID != "year~3" || p.From != "year~2" {
		t.Errorf("the property that was retyped twice is %+v", p)
	}
	if current.Properties["title"].ID != "name" || current.Properties["name"].ID != "name~2" {
		t.Errorf("the ids are %+v", current.Properties)
	}
	if got := string(current.AppendValues(nil, e)); got != `{"title":"Dune","year":1984}` {
		t.Errorf("after two retypings it is %s", got)
	}
	must(e.Apply(decode(t, event(testID(2), `{"year~3":{"set":1984.5,"over":[]},"year":{"set":"x","over":["`+testID(1)+`"]}}`, testID(1)))))
	if got := string(current.Value(e, "year")); got != `1984.5` {
		t.Errorf("its own value is not shown: %s", got)
	}
	if got := current.Value(e, "absent"); got != nil {
		t.Errorf("what is not in the schema is %s", got)
	}
	if merge.SchemaStream("albums") != "$schema-albums" {
		t.Error("the schema stands in another stream")
	}
}

func TestWrongSchemas(t *testing.T) {
	t.Parallel()
	s := declare(t, albums)
	for _, wrong := range []string{
		``, `[]`, `{}`, `7`, `"a"`, `true`, `{"properties":[]}`, `{"properties":{"a":{"kind":1}}}`, `{"properties":{},"indexes":["a"]}`, `{"fields":{}}`, `{"properties":{"a":{"kind":"text","type":"text"}}}`, `{"properties":{"a":{"kind":"register","type":"string"}}}`,
		`{"properties":{"id":{"kind":"register","type":"text"}}}`, `{"properties":{"$a":{"kind":"register","type":"text"}}}`, `{"properties":{"":{"kind":"register","type":"text"}}}`,
		`{"properties":{"a":{"id":"x","kind":"register","type":"text"},"b":{"id":"x","kind":"register","type":"text"}}}`,
		`{"properties":{"a":{"kind":"register","type":"ref"}}}`, `{"properties":{"a":{"kind":"reference","type":"text","of":"x"}}}`, `{"properties":{"a":{"kind":"reference","type":"ref"}}}`,
		`{"properties":{"a":{"kind":"register","type":"text","of":"x"}}}`, `{"properties":{"a":{"kind":"counter","type":"float64"}}}`, `{"properties":{"a":{"kind":"counter","type":"int64","default":1}}}`,
		`{"properties":{"a":{"kind":"register","type":"int64","default":"x"}}}`, `{"properties":{"a":{"kind":"set","type":"text","default":[1]}}}`, `{"properties":{"a":{"kind":"map","type":"text","default":[]}}}`,
		`{"properties":{"a":{"id":"name","kind":"set","type":"text"}}}`, `{"properties":{"a":{"id":"name","kind":"register","type":"int64"}}}`,
		`{"properties":{"a":{"kind":"register","type":"text","from":"nowhere"}}}`, `{"properties":{"a":{"kind":"set","type":"text","from":"name"}}}`, `{"properties":{"a":{"kind":"register","type":"text","from":"tags"}}}`,
		`{"properties":{},"indexes":[["name"]]}`, `{"properties":{"a":{"kind":"register","type":"text"}},"indexes":[[]]}`,
	} {
		if data, err := s.Declare([]byte(wrong)); nacre.CodeOf(err) != nacre.CodeInvalid || strings.Contains(err.Error(), "json:") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s became %s: %v", wrong, data, err)
		}
	}
}

// TestReading: values that are not of their type read as no value, elements as null or not at all.
func TestReading(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ property, data, want string }{
		{`"kind":"register","type":"int64","default":7`, `{"set":"x","over":[]}`, `7`},
		{`"kind":"register","type":"int64","default":7`, `{"set":null,"over":[]}`, `null`},
		{`"kind":"register","type":"int64"`, `{"set":9223372036854775807,"over":[]}`, `9223372036854775807`},
		{`"kind":"register","type":"int64"`, `{"set":9223372036854775808,"over":[]}`, ``},
		{`"kind":"register","type":"float64"`, `{"set":1e400,"over":[]}`, ``},
		{`"kind":"register","type":"decimal"`, `{"set":"1.50","over":[]}`, `"1.50"`},
		{`"kind":"register","type":"decimal"`, `{"set":1e150,"over":[]}`, ``},
		{`"kind":"register","type":"decimal"`, `{"set":1e-100,"over":[]}`, `1e-100`},
		{`"kind":"register","type":"decimal"`, `{"set":1e-101,"over":[]}`, ``},
		{`"kind":"register","type":"time"`, `{"set":"2026-11-21T12:00:00Z","over":[]}`, `"2026-11-21T12:00:00Z"`},
		{`"kind":"register","type":"time"`, `{"set":"2026-11-21","over":[]}`, ``},
		{`"kind":"register","type":"time"`, `{"set":"2026-11-21t12:00:00.5+01:00","over":[]}`, `"2026-11-21t12:00:00.5+01:00"`},
		{`"kind":"register","type":"time"`, `{"set":"2026-11-21T12:00:00,5Z","over":[]}`, ``},
		{`"kind":"register","type":"time"`, `{"set":"2026-11-21T12:00:00+24:00","over":[]}`, ``},
		{`"kind":"register","type":"time"`, `{"set":"0000-01-01T00:00:00+01:00","over":[]}`, ``},
		{`"kind":"register","type":"bytes"`, `{"set":"aGk=","over":[]}`, `"aGk="`},
		{`"kind":"register","type":"bytes"`, `{"set":"aGk","over":[]}`, ``},
		{`"kind":"register","type":"bool"`, `{"set":true,"over":[]}`, `true`},
		{`"kind":"register","type":"json"`, `{"set":{"a":[1]},"over":[]}`, `{"a":[1]}`},
		{`"kind":"set","type":"int64"`, `{"add":{"1":[],"\"x\"":[],"2":[]}}`, `[1,2]`},
		{`"kind":"map","type":"int64"`, `{"put":{"a":{"value":1,"over":[]},"b":{"value":"x","over":[]}}}`, `{"a":1,"b":null}`},
		{`"kind":"list","type":"text"`, `{"insert":[{"of":null,"side":"right","values":[1,"a"]}]}`, `[null,"a"]`},
		{`"kind":"counter","type":"decimal"`, `{"add":3}`, `"3"`},
		{`"kind":"counter","type":"int64"`, `{"add":"0.5"}`, ``},
		{`"kind":"set","type":"text"`, `{"set":["a"],"over":[]}`, ``},
	} {
		s := declare(t, `{"properties":{"p":{`+test.property+`}}}`).Current()
		e := merge.New()
		must(e.Apply(decode(t, event(testID(1), `{"p":`+test.data+`}`))))
		if got := string(s.Value(e, "p")); got != test.want {
			t.Errorf("%s with %s is %q, want %q", test.property, test.data, got, test.want)
		}
	}
}

// TestCasts of a register that was declared anew.
func TestCasts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ to, value, want string }{
		{"text", `12.50`, `"12.5"`},
		{"text", `true`, `"true"`},
		{"text", `[1]`, ``},
		{"text", `"a"`, `"a"`},
		{"bool", `"true"`, `true`},
		{"bool", `"yes"`, ``},
		{"bool", `1`, ``},
		{"int64", `"12"`, `12`},
		{"int64", `"1e1"`, `10`},
		{"int64", `"1.5"`, ``},
		{"int64", `2.0`, `2`},
		{"int64", `"null"`, ``},
		{"float64", `"1.5"`, `1.5`},
		{"decimal", `1.5`, `1.5`},
		{"time", `5`, ``},
		{"time", `"2026-11-21T12:00:00Z"`, `"2026-11-21T12:00:00Z"`},
		{"time", `"2026-11-21"`, `"2026-11-21T00:00:00Z"`},
		{"time", `"2026-02-30"`, ``},
		{"time", `["2026-11-21"]`, ``},
		{"text", `"2026-11-21"`, `"2026-11-21"`},
		{"bytes", `"aGk="`, `"aGk="`},
		{"int64", `null`, `null`},
	} {
		s := declare(t, `{"properties":{"p":{"kind":"register","type":"json"}}}`, `{"properties":{"p":{"kind":"register","type":"`+test.to+`"}}}`).Current()
		e := merge.New()
		must(e.Apply(decode(t, event(testID(1), `{"p":{"set":`+test.value+`,"over":[]}}`))))
		if got := string(s.Value(e, "p")); got != test.want {
			t.Errorf("%s as %s is %q, want %q", test.value, test.to, got, test.want)
		}
	}
}

// TestDatesAsTimes: a date that is given for a time is midnight in UTC, as in a query, wherever a value stands.
func TestDatesAsTimes(t *testing.T) {
	t.Parallel()
	s := declare(t, `{"properties":{"r":{"kind":"register","type":"time"},"s":{"kind":"set","type":"time"},"l":{"kind":"list","type":"time"},
		"m":{"kind":"map","type":"time"},"j":{"kind":"register","type":"json"},"x":{"kind":"register","type":"text"}}}`).Current()
	d := merge.NewDraft(merge.New())
	for _, test := range []struct{ patch, name, want string }{
		{`{"set":{"r":"2030-01-02"}}`, "r", `"2030-01-02T00:00:00Z"`},
		{`{"set":{"s":["2030-01-02","2030-01-03T01:00:00Z"]}}`, "s", `["2030-01-02T00:00:00Z","2030-01-03T01:00:00Z"]`},
		{`{"remove":{"s":["2030-01-02"]}}`, "s", `["2030-01-03T01:00:00Z"]`},
		{`{"add":{"l":["2030-01-02","2030-01-03"]}}`, "l", `["2030-01-02T00:00:00Z","2030-01-03T00:00:00Z"]`},
		{`{"set":{"l":{"at":0,"value":"2031-01-02"}}}`, "l", `["2031-01-02T00:00:00Z","2030-01-03T00:00:00Z"]`},
		{`{"add":{"m":{"2030-01-02":"2030-01-04"}}}`, "m", `{"2030-01-02":"2030-01-04T00:00:00Z"}`},
		{`{"remove":{"m":["2030-01-02"]}}`, "m", `{}`},
		{`{"set":{"j":["2030-01-02"],"x":"2030-01-02"}}`, "j", `["2030-01-02"]`},
		{`{"set":{"r":null}}`, "x", `"2030-01-02"`},
	} {
		if err := s.Patch(d, []byte(test.patch)); err != nil {
			t.Fatalf("%s: %v", test.patch, err)
		}
		if got := string(s.Value(d, test.name)); got != test.want {
			t.Errorf("after %s, %s is %s, want %s", test.patch, test.name, got, test.want)
		}
	}
	for _, wrong := range []string{`{"set":{"r":"2030-02-30"}}`, `{"set":{"r":"2030-1-2"}}`, `{"set":{"r":["2030-01-02"]}}`, `{"set":{"r":"a\"2030-01-02"}}`, `{"add":{"s":[["2030-01-02"]]}}`} {
		if err := s.Patch(d, []byte(wrong)); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestAmounts: a counter of int64 takes what fits, since programs read it as that.
func TestAmounts(t *testing.T) {
	t.Parallel()
	s := declare(t, `{"properties":{"n":{"kind":"counter","type":"int64"},"d":{"kind":"counter","type":"decimal"}}}`).Current()
	d := merge.NewDraft(merge.New())
	for _, patch := range []string{`{"add":{"n":9223372036854775807}}`, `{"set":{"n":-9223372036854775808}}`, `{"remove":{"n":1e3}}`, `{"add":{"d":1e50}}`} {
		if err := s.Patch(d, []byte(patch)); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
	for _, patch := range []string{`{"add":{"n":9223372036854775808}}`, `{"set":{"n":1e400}}`, `{"remove":{"n":1e20}}`, `{"add":{"n":1.5}}`} {
		if err := s.Patch(d, []byte(patch)); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), "int64") {
			t.Errorf("%s: %v", patch, err)
		}
	}
}
