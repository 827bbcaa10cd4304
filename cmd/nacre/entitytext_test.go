package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/wire"
)

// TestTableWidth has a table for terminals that get narrower: cells are cut, then each row has lines of its own.
func TestTableWidth(t *testing.T) {
	table := &columns{heads: []string{"id", ">year", "name", "tags", "notes"}}
	table.add("a-1", "2001", "Origin of Symmetry and more", `["rock","live"]`, "-")
	table.add("a-2", "-", "Drones", "-", "-")
	for width, want := range map[int]string{
		0: `
id   year  name                         tags             notes
a-1  2001  Origin of Symmetry and more  ["rock","live"]  -
a-2     -  Drones                       -                -
`,
		60: `
id   year  name                         tags
a-1  2001  Origin of Symmetry and more  ["rock","live"]
a-2     -  Drones                       -
`,
		54: `
id   year  name                        tags
a-1  2001  Origin of Symmetry and mo…  ["rock","live"]
a-2     -  Drones                      -
`,
		40: `
id   year  name           tags
a-1  2001  Origin of Sy…  ["rock","liv…
a-2     -  Drones         -
`,
		30: `
id    a-1
year  2001
name  Origin of Symmetry and more
tags  ["rock","live"]

id    a-2
name  Drones
`,
	} {
		var b strings.Builder
		if err := table.writeWithin(&b, width); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != want {
			t.Errorf("in %d columns it is%s\nand not%s", width, got, want)
		}
		for line := range strings.Lines(b.String()) {
			if width >= 40 && len([]rune(line))-1 > width {
				t.Errorf("in %d columns a line has %d: %s", width, len([]rune(line))-1, line)
			}
		}
	}
}

func TestValueText(t *testing.T) {
	for value, want := range map[string]string{
		`"Origin"`: "Origin", `""`: `""`, `"-"`: `"-"`, `" x"`: `" x"`, "null": "-", "": "-", "2.50": "2.50", `["a"]`: `["a"]`, `{"a":1}`: `{"a":1}`,
		`"tab\there"`: "tab\there",
	} {
		if got := valueText(json.RawMessage(value)); got != want {
			t.Errorf("%s is shown as %s and not as %s", value, got, want)
		}
	}
}

func TestOperationText(t *testing.T) {
	for operation, want := range map[string]string{
		`register {"set":"Dune","over":[]}`: `p = "Dune"`,
		`register {"drop":["A"]}`:           `p without a value`,
		`counter {"add":3}`:                 `p + 3`,
		`counter {"add":"-0.50"}`:           `p - 0.50`,
		`set {"add":{"\"rock\"":["A"],"1":[]},"remove":{"\"pop\"":["A"]}}`: `p + "rock", 1 - "pop"`,
		`set {"add":{}}`: `p is there`,
		`map {"put":{"a b":{"value":1,"over":[]}},"remove":{"k":["A"]}}`:                           `p + "a b" = 1 - k`,
		`list {"insert":[{"of":null,"side":"right","values":[1,"x"]}]}`:                            `p + 1, "x"`,
		`list {"insert":[],"remove":["A#0"]}`:                                                      `p - 1 element`,
		`list {"insert":[],"set":{"A#0":{"value":2,"over":["A"]},"A#1":{"value":3,"over":["A"]}}}`: `p an element = 2, an element = 3`,
		`list {"insert":[],"remove":["A#2","A#3"],"set":{"A#0":{"value":2,"over":["A"]}}}`:         `p - 2 elements, an element = 2`,
	} {
		kind, text, _ := strings.Cut(operation, " ")
		if got := operationText(&entity.Operation{Property: "p", Kind: kind, Operation: json.RawMessage(text)}); got != want {
			t.Errorf("%s is told as %q and not as %q", operation, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("a", 200)
	for _, c := range []struct {
		line   string
		column int
		shown  string
		mark   int
	}{
		{"year > 3", 6, "year > 3", 5},
		{"year > 3", 99, "year > 3", 8},
		{"ja\thr > 3", 4, "ja hr > 3", 3},
		{"", 1, "", 0},
		{long, 1, strings.Repeat("a", 75) + "…", 0},
		{long, 100, "…" + strings.Repeat("a", 74) + "…", 50},
		{long, 201, "…" + strings.Repeat("a", 49), 50},
	} {
		shown, mark := excerpt(c.line, c.column)
		if shown != c.shown || mark != strings.Repeat(" ", c.mark)+"^" {
			t.Errorf("column %d of %q is shown as\n%s\n%s", c.column, c.line, shown, mark)
		}
	}
}

func TestReadEdits(t *testing.T) {
	for text, want := range map[string]string{
		`{"do":"create","collection":"a"}`:                                                                     "1",
		`[{"do":"create","collection":"a"},{"do":"delete","collection":"a","id":"x"}]`:                         "2",
		"{\"do\":\"create\",\"collection\":\"a\"}\n\n{\"do\":\"restore\",\"collection\":\"a\",\"id\":\"x\"}\n": "2",
		"[]":                                    "f has no edits",
		`[{"do":"create","collection":"a"}`:     "f, line 1: the array does not end",
		`[{"do":"create","collection":"a"}] {}`: "f, line 1: something stands behind the array",
		`{"do":"create","collection":"a"}` + "\n" + `{"do":`: "f, line 2: ",
		`{"do":"create","collection":"a"}` + "\n\n" + `{}`:   `f, line 3: "do" is ""`,
		`{"do":"create"}`:                                      `"collection" is missing`,
		`{"do":"delete","collection":"a"}`:                     `"id" is missing`,
		`{"do":"patch","collection":"a","id":"x"}`:             `"patch" is missing`,
		`{"do":"patch","collection":"a","id":"x","values":{}}`: `"values" goes with "create"`,
		`{"do":"create","collection":"a","patch":{}}`:          `"patch" goes with`,
		`{"do":"create","collection":7}`:                       "is no edit: cannot unmarshal number",
		`7`:                                                    "is no edit: cannot unmarshal number",
		`nonsense`:                                             "f, line 1: invalid character",
	} {
		edits, err := readEdits("f", []byte(text))
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%s: the error is %q and not %q", text, err, want)
		case err == nil && want != string(rune('0'+len(edits))):
			t.Errorf("%s has %d edits, and should be %q", text, len(edits), want)
		}
	}
}

// TestPatchFlags has what the flags of an edit come to for each kind and type.
func TestPatchFlags(t *testing.T) {
	schema := &merge.Schema{Properties: map[string]merge.SchemaProperty{}}
	for name, p := range map[string]string{
		"text": "register text", "int": "register int64", "float": "register float64", "yes": "register bool", "price": "register decimal",
		"at": "register time", "raw": "register bytes", "json": "register json", "ref": "reference ref", "n": "counter int64", "sum": "counter decimal",
		"tags": "set text", "numbers": "set int64", "list": "list text", "map": "map text", "a.b": "register text",
	} {
		kind, typ, _ := strings.Cut(p, " ")
		schema.Properties[name] = merge.SchemaProperty{ID: name, Kind: kind, Type: typ}
	}
	for flags, want := range map[string]string{
		"set text=1":               `{"set":{"text":"1"}}`,
		"set text=a=b":             `{"set":{"text":"a=b"}}`,
		"set text=":                `{"set":{"text":""}}`,
		"set a.b=x":                `{"set":{"a.b":"x"}}`,
		"set int=9007199254740993": `{"set":{"int":9007199254740993}}`,
		"set float=1e3":            `{"set":{"float":1e3}}`,
		"set yes=true":             `{"set":{"yes":true}}`,
		"set price=12.50":          `{"set":{"price":"12.50"}}`,
		"set at=2026-11-20T00:00:00Z, set raw=aGk=, set ref=7": `{"set":{"at":"2026-11-20T00:00:00Z","raw":"aGk=","ref":"7"}}`,
		`set json={"a":[1]}`:                                `{"set":{"json":{"a":[1]}}}`,
		"set n=3, add sum=0.5":                              `{"add":{"sum":0.5},"set":{"n":3}}`,
		`set tags=["a"]`:                                    `{"set":{"tags":["a"]}}`,
		"add tags=a, add tags=b, remove tags=c":             `{"add":{"tags":["a","b"]},"remove":{"tags":["c"]}}`,
		"add numbers=1, remove numbers=2":                   `{"add":{"numbers":[1]},"remove":{"numbers":[2]}}`,
		"add list=x, add list=y, remove list=0":             `{"add":{"list":["x","y"]},"remove":{"list":[0]}}`,
		"set map.k=v, add map.x.y=z, remove map.q":          `{"add":{"map":{"k":"v","x.y":"z"}},"remove":{"map":["q"]}}`,
		"remove map=q, remove text, remove ref, remove n=1": `{"remove":{"map":["q"],"n":1,"ref":null,"text":null}}`,

		"set json=text":        `json is json, and "text" is none; a text in JSON stands in quotes`,
		"set yes=maybe":        `yes is bool, and "maybe" is none`,
		"set int=":             `int is int64, and "" is none`,
		"set map={":            "map is a map: give all of it in JSON",
		"set nix=1":            `there is no property "nix"`,
		"set int.a=1":          "int is a register, and has no keys",
		"set int=1, set int=2": "int is given twice",
		"add n=1, add n=1":     "n is given twice",
		"add text=a":           "text has one value",
		"add map=a":            "map is a map: give map.KEY=VALUE",
		"remove n":             "n is a counter: say what to take away",
		"remove list=-1":       `"-1" is no index`,
		"remove list=01":       `"01" is no index`,
		"remove text=a":        "text has one value: give --remove text",
		"add list":             `"list" is no NAME=VALUE`,
	} {
		var e editFlags
		for flag := range strings.SplitSeq(flags, ", ") {
			verb, text, _ := strings.Cut(flag, " ")
			to := map[string]*[]string{"set": &e.set, "add": &e.add, "remove": &e.remove}[verb]
			*to = append(*to, text)
		}
		got, err := e.patch(schema)
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%s: the error is %q and not %q", flags, err, want)
		case err == nil && string(got) != want:
			t.Errorf("%s is %s and not %s", flags, got, want)
		}
	}
}

func TestResultTable(t *testing.T) {
	page := &wire.EntitiesReply{Columns: []string{"year", "name"}, Rows: [][]json.RawMessage{{[]byte("null"), []byte(`"x"`)}, {[]byte("2001"), []byte("null")}}}
	var b strings.Builder
	if err := resultTable(page).writeWithin(&b, 0); err != nil {
		t.Fatal(err)
	}
	if want := "year  name\n   -  x\n2001  -\n"; b.String() != want {
		t.Errorf("the table is\n%s\nand not\n%s", b.String(), want)
	}
}
