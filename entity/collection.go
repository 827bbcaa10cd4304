package entity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// View is an entity as it was when it was read.
type View struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	// Values are its properties by name: those that have a value. nil while it is deleted.
	Values json.RawMessage `json:"values"`
	// Heads are the events that it was read at; the next edit has them as parents.
	Heads   []string `json:"heads"`
	Deleted bool     `json:"deleted,omitempty"`
}

// Decode reads the values into a struct or a map.
func (v *View) Decode(into any) error { return json.Unmarshal(v.Values, into) }

// Declare gives a collection a schema: the first one, or another one. Properties without an id are given one. It returns the
// schema that counts, once it does. A schema that is already there writes nothing.
func (db *DB) Declare(ctx context.Context, collection string, schema json.RawMessage, o *TxOptions) (*merge.Schema, error) {
	if err := CheckCollection(collection); err != nil {
		return nil, err
	}
	tx := db.Begin(o)
	metadata, err := tx.metadata()
	if err != nil {
		return nil, err
	}
	unlock, err := db.locks.lock(ctx, []name{{collection: collection}})
	if err != nil {
		return nil, err
	}
	defer unlock()
	stream := merge.SchemaStream(collection)
	for {
		// The version first: the schema that is folded then is of that version at least, or the append fails.
		version, err := db.store.Version(ctx, stream)
		if err != nil {
			return nil, err
		}
		if err := db.current(ctx); err != nil {
			return nil, err
		}
		data, s, err := db.declaration(collection, schema)
		if err != nil || s != nil {
			return s, err
		}
		expected := nacre.NoStream
		if version >= 0 {
			expected = nacre.Exactly(version)
		}
		_, err = db.store.Append(ctx, stream, expected, nacre.Event{Type: merge.TypeSchema, Data: data, Metadata: metadata})
		if err != nil && nacre.CodeOf(err) != nacre.CodeVersionConflict {
			return nil, err
		}
	}
}

// declaration is the data of the event that declares a schema, or the schema that is there already.
func (db *DB) declaration(collection string, schema json.RawMessage) ([]byte, *merge.Schema, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	s := db.schemas[collection]
	if s == nil {
		s = &merge.Schemas{}
	}
	data, err := s.Declare(schema)
	if err != nil || s.Current() == nil {
		return data, nil, err
	}
	now, err := json.Marshal(s.Current())
	if err != nil {
		return nil, nil, err
	}
	now, err = merge.Canonical(now)
	if err != nil {
		return nil, nil, err
	}
	want, err := merge.Canonical(data)
	if err != nil || !bytes.Equal(now, want) {
		return data, nil, err
	}
	return nil, s.Current(), nil
}

// Get is an entity with everything that was acknowledged before. One that does not exist is CodeNotFound; a deleted one is
// CodeDeleted.
func (db *DB) Get(ctx context.Context, collection, id string) (*View, error) {
	return db.Begin(nil).Get(ctx, collection, id)
}

// QueryOptions are the options of a query; nil is the defaults.
type QueryOptions struct {
	// Args are the values of the query's parameters. Default: none.
	Args query.Args
	// Caller is whose entities the query sees, by the policies. Default: all.
	Caller *Caller
	// After is the cursor that the page before ended with. Default: from the beginning.
	After string
	// Most is how many entities a page has at most, where the query says no less. Default 1,000.
	Most int
	// MaxBytes has a page end once its entities have so many bytes, and refuses tables of more with CodeTooLarge. Default: no bound.
	MaxBytes int64
	// MaxRows is how many rows a table has at most; one of more is refused with CodeTooLarge. So is one for which more than 100 times as many
	// groups are gathered. Default: no bound.
	MaxRows int
}

// groupsOfRow is how many groups may be gathered for each row that a table may have.
const groupsOfRow = 100

func (o *QueryOptions) bounds() query.Bounds {
	return query.Bounds{Rows: o.MaxRows, Bytes: o.MaxBytes, Groups: o.MaxRows * groupsOfRow}
}

// Page is what a query gives.
type Page struct {
	// Entities are what a query without columns gives.
	Entities []View
	// Table is what a query with columns gives.
	Table *query.Table
	// Next is the cursor of the next page, "" where there is none.
	Next string
	// Position is up to where the log counts.
	Position nacre.Position
}

// Query evaluates a query on everything that was acknowledged before it began. The language is that of package query:
// "name LIKE 'Origin%' AND year > 2000 ORDER BY year LIMIT 10".
func (db *DB) Query(ctx context.Context, collection, text string, o *QueryOptions) (*Page, error) {
	if o == nil {
		o = &QueryOptions{}
	}
	q, err := query.Parse(text)
	if err != nil {
		return nil, err
	}
	if q, err = query.Bind(q, o.Args); err != nil {
		return nil, err
	}
	return db.Select(ctx, collection, q, o)
}

// Select is Query for a query that was parsed and bound.
func (db *DB) Select(ctx context.Context, collection string, q *query.Query, o *QueryOptions) (*Page, error) {
	if o == nil {
		o = &QueryOptions{}
	}
	if err := CheckCollection(collection); err != nil {
		return nil, err
	}
	if err := db.tabled(ctx); err != nil {
		return nil, err
	}
	db.shape.RLock()
	defer db.shape.RUnlock()
	schema, there := QuerySchema(collection, func(name string) *merge.Schema { return db.columns[name] })
	if !there {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no collection %q: declare its schema first", collection)
	}
	q, err := db.readable(collection, q, o.Caller)
	if err != nil {
		return nil, err
	}
	plan, err := query.Check(q, schema)
	if err == nil {
		err = db.follows(plan, o.Caller)
	}
	if err != nil {
		return nil, err
	}
	if plan.Tabular() {
		if o.After != "" {
			return nil, invalid("after", "goes with queries of entities: one with columns has no pages, but LIMIT and OFFSET")
		}
		r, err := db.tables.Query(ctx, collection, plan.Bounded(o.bounds()), nil)
		if err != nil {
			return nil, err
		}
		return &Page{Table: r.Table, Position: r.Position}, nil
	}
	return db.page(ctx, collection, plan, o)
}

// page is a page of entities. One more row than it has tells that there is another.
func (db *DB) page(ctx context.Context, collection string, plan *query.Plan, o *QueryOptions) (*Page, error) {
	most := int64(1000)
	if o.Most > 0 {
		most = int64(o.Most)
	}
	cursor, err := decodeCursor(o.After, plan)
	if err != nil {
		return nil, err
	}
	offset := plan.Offset()
	if cursor.key != nil {
		offset = 0
	}
	left, limited := plan.Limit()
	if limited {
		left -= cursor.before
		most = min(most, left)
	}
	if limited && left <= 0 {
		r, err := db.tables.Query(ctx, collection, plan.Within(0, 0), nil)
		if err != nil {
			return nil, err
		}
		return &Page{Position: r.Position}, nil
	}
	r, err := db.tables.Query(ctx, collection, plan.Within(most+1, offset).Bounded(o.bounds()), cursor.key)
	if err != nil {
		return nil, err
	}
	out := &Page{Position: r.Position}
	rows := r.Rows
	size := int64(0)
	for _, row := range rows {
		if taken := int64(len(out.Entities)); taken == most || o.MaxBytes > 0 && size >= o.MaxBytes {
			break
		}
		size += query.Size(row.ID(), row.State())
		out.Entities = append(out.Entities, View{Collection: collection, ID: row.ID(), Values: row.State()})
	}
	taken := int64(len(out.Entities))
	if taken < int64(len(rows)) && (!limited || left > taken) {
		last := rows[taken-1]
		cursor = position{cursor.before + taken, plan.AppendSortKey(nil, last, db.lookup(ctx))}
		out.Next = cursor.text()
	}
	return out, nil
}

// lookup finds what references lead to, for the keys of cursors. db.shape is held.
func (db *DB) lookup(ctx context.Context) query.Lookup {
	return func(collection, id string) query.Row {
		q, err := query.Parse("id = ?")
		if err == nil {
			q, err = query.Bind(q, query.Args{Positional: []any{id}})
		}
		schema, there := QuerySchema(collection, func(name string) *merge.Schema { return db.columns[name] })
		if err != nil || !there {
			return nil
		}
		plan, err := query.Check(q, schema)
		if err != nil {
			return nil
		}
		r, err := db.tables.Query(ctx, collection, plan, nil)
		if err != nil || len(r.Rows) == 0 {
			return nil
		}
		return r.Rows[0]
	}
}

// position is a place in a query's result.
type position struct {
	before int64 // rows
	key    []byte
}

func (p position) text() string {
	return strconv.FormatInt(p.before, 10) + "." + base64.RawURLEncoding.EncodeToString(p.key)
}

func decodeCursor(text string, plan *query.Plan) (position, error) {
	if text == "" {
		return position{}, nil
	}
	wrong := func(err error) (position, error) {
		return position{}, invalid("after", "is no cursor of this query: give what the page before ended with, and the same query: %w", err)
	}
	count, key, _ := bytes.Cut([]byte(text), []byte{'.'})
	var p position
	if err := json.Unmarshal(count, &p.before); err != nil || p.before < 0 {
		return wrong(errors.New("it has no count"))
	}
	var err error
	if p.key, err = base64.RawURLEncoding.DecodeString(string(key)); err != nil {
		return wrong(err)
	}
	if err := plan.CheckCursor(p.key); err != nil {
		return wrong(err)
	}
	return p, nil
}

// Watch yields an entity as it is, and again when it has changed, until ctx ends (with its error) or the loop breaks. Who is
// slow is told the newest state, and not each one between.
func (db *DB) Watch(ctx context.Context, collection, id string) iter.Seq2[*View, error] {
	return func(yield func(*View, error) bool) {
		changed := make(chan struct{}, 1)
		over := make(chan struct{})
		var once sync.Once
		look := func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
		l := &listener{
			only:   name{collection, id},
			notify: func(nacre.Position, []Change) { look() },
			declared: func(_ nacre.Position, declared string) {
				if declared == collection {
					look()
				}
			},
			anew:   look,
			closed: func() { once.Do(func() { close(over) }) },
		}
		db.listen(l)
		defer db.unlisten(l)
		for {
			v, err := db.look(ctx, collection, id)
			if !yield(v, err) || err != nil {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			case <-over:
				yield(nil, errClosed())
				return
			}
		}
	}
}

// look is Get for an entity that may be deleted.
func (db *DB) look(ctx context.Context, collection, id string) (*View, error) {
	h, err := db.Begin(nil).hold(ctx, collection, id)
	switch {
	case err != nil:
		return nil, err
	case !h.exists:
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no %q in %s", id, collection)
	}
	v := &View{Collection: collection, ID: id, Deleted: h.deleted, Heads: parentTexts(h.draft)}
	if !h.deleted {
		v.Values = h.schema.AppendValues(nil, h.draft)
	}
	return v, nil
}
