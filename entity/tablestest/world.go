package tablestest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// world is what the tables should hold. An entity's state is a JSON object of its properties by their ids; where it has
// "$gone", the entity is deleted.
type world struct {
	t       testing.TB
	tables  entity.Tables
	schemas map[string]*merge.Schema
	states  map[string]map[string]string
	mark    entity.Mark
	puts    int
}

func newWorld(t testing.TB, tables entity.Tables) *world {
	return &world{t: t, tables: tables, schemas: map[string]*merge.Schema{}, states: map[string]map[string]string{}}
}

// property makes a property whose id is its name.
func property(id, kind, typ string) merge.SchemaProperty {
	return merge.SchemaProperty{ID: id, Kind: kind, Type: typ}
}

// registers makes properties of text such as "name text".
func registers(list ...string) map[string]merge.SchemaProperty {
	out := map[string]merge.SchemaProperty{}
	for _, text := range list {
		name, typ, _ := strings.Cut(text, " ")
		out[name] = property(name, "register", typ)
	}
	return out
}

// values are the values of an entity by a schema, nil where it has none.
func values(s *merge.Schema, state string) []byte {
	if s == nil {
		return nil
	}
	var by map[string]json.RawMessage
	if err := json.Unmarshal([]byte(state), &by); err != nil {
		panic(err) // the suite makes them
	}
	if _, gone := by["$gone"]; gone {
		return nil
	}
	out := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		v, there := by[s.Properties[name].ID]
		if !there {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			panic(err)
		}
		out = append(append(append(out, quoted...), ':'), v...)
	}
	return append(out, '}')
}

// batch is a batch that is being made.
type batch struct {
	w *world
	entity.Batch
}

// batch begins a batch, at the next position.
func (w *world) batch() *batch {
	w.mark = entity.Mark{Epoch: "epoch", Position: w.mark.Position + 1, EventID: fmt.Sprintf("event-%d", w.mark.Position+1)}
	return &batch{w, entity.Batch{Mark: w.mark}}
}

// declare declares a collection.
func (b *batch) declare(collection string, s *merge.Schema) *batch {
	b.w.schemas[collection] = s
	b.Declared = append(b.Declared, entity.Declared{Collection: collection, Schema: s, Row: func(row *entity.TableRow) error {
		row.Values, row.Heads = values(s, string(row.State)), []string{"head"}
		return nil
	}})
	return b
}

// hints are what a batch may say that the tables have of a row whose values are was; nil where it has no row.
func hints(was []byte) [][]byte {
	if was == nil {
		was = []byte{}
	}
	return [][]byte{nil, was, {}, []byte(`{"name":"another","year":7}`), []byte("no object")}
}

// put changes an entity, and says each time something else about what the tables have of it.
func (b *batch) put(collection, id, state string) *batch {
	of := b.w.states[collection]
	if of == nil {
		of = map[string]string{}
		b.w.states[collection] = of
	}
	var was []byte
	if before, there := of[id]; there {
		was = values(b.w.schemas[collection], before)
	}
	said := hints(was)
	b.w.puts++
	of[id] = state
	b.Rows = append(b.Rows, entity.TableRow{
		Collection: collection, ID: id, State: []byte(state), Values: values(b.w.schemas[collection], state), Heads: []string{"head-1", "head-2"},
		Was: said[b.w.puts%len(said)],
	})
	return b
}

// write writes the batch.
func (b *batch) write() {
	b.w.t.Helper()
	if err := b.w.tables.Write(b.w.t.Context(), &b.Batch); err != nil {
		b.w.t.Fatalf("Write: %v", err)
	}
}

func (w *world) schema(collection string) *merge.Schema { return w.schemas[collection] }

// plan makes a plan of a query.
func (w *world) plan(collection, text string, args ...any) *query.Plan {
	w.t.Helper()
	p, err := w.tryPlan(collection, text, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return p
}

func (w *world) tryPlan(collection, text string, args ...any) (*query.Plan, error) {
	q, err := query.Parse(text)
	if err != nil {
		return nil, err
	}
	if q, err = query.Bind(q, query.Args{Positional: args}); err != nil {
		return nil, err
	}
	s, ok := entity.QuerySchema(collection, w.schema)
	if !ok {
		return nil, fmt.Errorf("there is no collection %q", collection)
	}
	return query.Check(q, s)
}

// row is the row of an entity, nil where it has none.
func (w *world) row(collection, id string) *query.Object {
	state, there := w.states[collection][id]
	if !there {
		return nil
	}
	if v := values(w.schemas[collection], state); v != nil {
		return query.NewObject(id, v)
	}
	return nil
}

func (w *world) rows(collection string) iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		for id := range w.states[collection] {
			if row := w.row(collection, id); row != nil && !yield(row, nil) {
				return
			}
		}
	}
}

// expect is what a plan should give.
func (w *world) expect(collection string, p *query.Plan, after []byte) (string, error) {
	o := &query.RunOptions{After: after, Lookup: func(collection, id string) query.Row {
		if row := w.row(collection, id); row != nil {
			return row
		}
		return nil
	}}
	r := &entity.Result{}
	if p.Tabular() {
		table, err := p.Table(w.rows(collection), o)
		if err != nil {
			return "", err
		}
		r.Table = table
	} else {
		rows, err := p.Rows(w.rows(collection), o)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			r.Rows = append(r.Rows, row.(*query.Object))
		}
	}
	return text(r), nil
}

// text is a result for comparing.
func text(r *entity.Result) string {
	var b bytes.Buffer
	if r.Table != nil {
		fmt.Fprintf(&b, "%q\n", r.Table.Columns)
		for _, row := range r.Table.Rows {
			for _, v := range row {
				b.Write(append(v.AppendJSON(nil), ' '))
			}
			b.WriteByte('\n')
		}
	}
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "%q %s\n", row.ID(), row.State())
	}
	return b.String()
}

// compare asks a query, and compares what it gives.
func (w *world) compare(collection string, p *query.Plan, after []byte) (*entity.Result, error) {
	want, err := w.expect(collection, p, after)
	if err != nil {
		return nil, fmt.Errorf("the matcher: %w", err)
	}
	r, err := w.tables.Query(w.t.Context(), collection, p, after)
	if err != nil {
		return nil, err
	}
	if r.Mark != w.mark {
		return nil, fmt.Errorf("the mark is %v, want %v", r.Mark, w.mark)
	}
	if got := text(r); got != want {
		return nil, fmt.Errorf("got\n%swant\n%s", got, want)
	}
	return r, nil
}

// ask asks a query, and compares what it gives.
func (w *world) ask(collection, text string, args ...any) *entity.Result {
	w.t.Helper()
	r, err := w.compare(collection, w.plan(collection, text, args...), nil)
	if err != nil {
		w.t.Fatalf("%s: %s %v: %v", collection, text, args, err)
	}
	return r
}

// ids asks a query for rows, whose ids are known.
func (w *world) ids(collection, text string, want ...string) {
	w.t.Helper()
	var got []string
	for _, row := range w.ask(collection, text).Rows {
		got = append(got, row.ID())
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("%s: %s: %q, want %q", collection, text, got, want)
	}
}

// check compares all states, all rows, and the mark.
func (w *world) check() {
	w.t.Helper()
	if m, err := w.tables.Mark(w.t.Context()); err != nil || m != w.mark {
		w.t.Fatalf("Mark: %v, %v, want %v", m, err, w.mark)
	}
	for collection, of := range w.states {
		for id, want := range of {
			if got, err := w.tables.Load(w.t.Context(), collection, id); err != nil || string(got) != want {
				w.t.Fatalf("Load(%q, %q): %q, %v, want %q", collection, id, got, err, want)
			}
		}
	}
	for collection := range w.schemas {
		w.ask(collection, "")
	}
}

// wantCode wants an error with a code.
func wantCode(t testing.TB, what string, err error, code nacre.Code) {
	t.Helper()
	if nacre.CodeOf(err) != code {
		t.Errorf("%s: %v, want the code %s", what, err, code)
	}
}

func sortedIDs[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
