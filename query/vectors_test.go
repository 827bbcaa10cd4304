package query

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// vectors is a file of spec/vectors/query.
type vectors struct {
	Schemas map[string]map[string]string
	Rows    map[string]map[string]json.RawMessage
	Cases   []struct {
		On, Query, After string
		Of, Key          string
		Canonical        *string
		Params           json.RawMessage
		Rows, Columns    []string
		Table            [][]json.RawMessage
		Error            []int
	}
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../spec/vectors/query/*.json")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runVectors(t, text)
		})
	}
}

func runVectors(t *testing.T, text []byte) {
	var v vectors
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	all := v.collections(t)
	db := memoryDB(t)
	for _, c := range all {
		if err := c.create(db); err != nil {
			t.Fatal(err)
		}
	}
	first := firstSchema(t, text)
	for _, c := range v.Cases {
		t.Run(c.Query, func(t *testing.T) {
			on := first
			if c.On != "" {
				on = c.On
			}
			of := all[on]
			p, err := planOf(of, c.Query, params(t, c.Params))
			if c.Error != nil {
				wantError(t, err, c.Error)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if q, _ := Parse(c.Query); c.Canonical != nil && q.String() != *c.Canonical {
				t.Errorf("the canonical text is\n%s\nand should be\n%s", q, *c.Canonical)
			}
			if c.Key != "" {
				key := fmt.Sprintf("%x", p.AppendSortKey(nil, of.lookup(on, c.Of), of.lookup))
				if want := strings.ReplaceAll(c.Key, " ", ""); key != want {
					t.Errorf("the sort key is\n%s\nand should be\n%s", key, want)
				}
				return
			}
			var after []byte
			if c.After != "" {
				after = p.AppendSortKey(nil, of.lookup(on, c.After), of.lookup)
			}
			got, err := compare(db, p, of, after)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(c.Rows, "\n")
			if c.Columns != nil {
				want = wanted(t, c.Columns, c.Table)
			}
			if got != want {
				t.Errorf("gives\n%s\nand should give\n%s", got, want)
			}
			if err := checkIndex(p, of); err != nil {
				t.Error(err)
			}
		})
	}
}

func (v *vectors) collections(t *testing.T) map[string]*collection {
	all := map[string]*collection{}
	for name, properties := range v.Schemas {
		c := &collection{name: name, all: all}
		for _, p := range slices.Sorted(maps.Keys(properties)) {
			typ, to, _ := strings.Cut(properties[p], " ")
			known, ok := ParseType(typ)
			if !ok {
				t.Fatalf("%s is no type", typ)
			}
			c.props = append(c.props, namedProperty{p, Property{Type: known, Collection: to}})
		}
		for _, id := range slices.Sorted(maps.Keys(v.Rows[name])) {
			c.rows = append(c.rows, NewObject(id, compact(t, v.Rows[name][id])))
		}
		all[name] = c
	}
	return all
}

// compact is JSON without white space, as tables have it.
func compact(t *testing.T, raw []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// firstSchema is the name of the schema that stands first.
func firstSchema(t *testing.T, text []byte) string {
	raw := step(text[bytes.IndexByte(text, '{'):], &Step{Name: "schemas", Index: -1})
	w := walk(raw)
	if !w.next(true) {
		t.Fatal("there is no schema")
	}
	return string(unquote(nil, w.name))
}

// planOf does all the steps. Where there are no parameters, nothing is bound.
func planOf(s Schema, text string, args *Args) (*Plan, error) {
	q, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if args != nil {
		if q, err = Bind(q, *args); err != nil {
			return nil, err
		}
	} else if named, positional := q.Params(); len(named) > 0 || positional > 0 {
		if q, err = Bind(q, Args{}); err != nil {
			return nil, err
		}
	}
	return Check(q, s)
}

func params(t *testing.T, raw json.RawMessage) *Args {
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var given any
	if err := d.Decode(&given); err != nil {
		t.Fatal(err)
	}
	switch g := given.(type) {
	case []any:
		a := &Args{Positional: []any{}}
		for _, v := range g {
			a.Positional = append(a.Positional, param(t, v))
		}
		return a
	case map[string]any:
		a := &Args{Named: map[string]any{}}
		for k, v := range g {
			a.Named[k] = param(t, v)
		}
		return a
	}
	t.Fatalf("params is %s", raw)
	return nil
}

func param(t *testing.T, given any) any {
	switch g := given.(type) {
	case json.Number:
		if n, err := g.Int64(); err == nil {
			return n
		}
		f, err := g.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return f
	case []any:
		out := []any{}
		for _, v := range g {
			out = append(out, param(t, v))
		}
		return out
	case map[string]any:
		for k, v := range g {
			switch k {
			case "decimal":
				return Decimal(v.(string))
			case "time":
				at, err := time.Parse(time.RFC3339, v.(string))
				if err != nil {
					t.Fatal(err)
				}
				return at
			case "bytes":
				b, err := base64.StdEncoding.DecodeString(v.(string))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
		}
		t.Fatalf("%v is no value", g)
	}
	return given
}

func wantError(t *testing.T, err error, place []int) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("gives %v and should give an error at %v", err, place)
	}
	if e.Line != place[0] || e.Column != place[1] {
		t.Errorf("the error is at %d, %d and should be at %v: %v", e.Line, e.Column, place, err)
	}
	if e.Expected == "" || nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("the error says too little: %#v", e)
	}
}

// wanted is a table as result writes it. Values are compared without regard to how JSON is spelled.
func wanted(t *testing.T, columns []string, table [][]json.RawMessage) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(columns, " | "))
	for _, row := range table {
		for _, raw := range row {
			var s scratch
			v := s.readJSON(raw)
			text := string(raw)
			switch v.kind {
			case KindText, KindNull, KindBool:
			case KindArray, KindObject:
				text = string(compact(t, raw))
			default:
				if !strings.ContainsAny(text, ".e") { // integers of any size
					break
				}
				text = formatFloat(v.Float())
			}
			b.WriteString(text + " | ")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
