package entity

import (
	"encoding/json"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
)

// standing is a query as the reactor keeps it. The reactor's lock guards it.
type standing struct {
	live       *Live
	db         *DB
	collection string
	query      *query.Query // as it was asked
	caller     *Caller
	bounds     query.Bounds

	plan        *query.Plan
	incremental bool     // a change of a row tells all that it means
	reads       []string // the collections that it is evaluated on; the first one is its own
	filed       bool     // by its plan; else it hears of every change

	window      *reactor.Window // of rows
	table       *query.Table    // of columns
	text, shown []byte          // the table's rows, and those that were told last

	told, reset    bool
	filled         bool           // once, at least
	stale          bool           // its plan is to be made anew
	filling, again bool           // again: once more, when it has been
	from           nacre.Position // what it was filled with has everything up to there
	missed         []happened     // while it was filled
}

// happened is a change that the log came to at a position.
type happened struct {
	at       nacre.Position
	id       string
	old, now *query.Object // nil where there is no row
}

// stand makes a standing query.
func (db *DB) stand(collection, text string, o *LiveOptions) (*standing, error) {
	if o == nil {
		o = &LiveOptions{}
	}
	q, err := query.Parse(text)
	if err == nil {
		q, err = query.Bind(q, o.Args)
	}
	if err != nil {
		return nil, err
	}
	return db.standOn(collection, q, o)
}

// standOn is stand for a query that was parsed and bound.
func (db *DB) standOn(collection string, q *query.Query, o *LiveOptions) (*standing, error) {
	if err := CheckCollection(collection); err != nil {
		return nil, err
	}
	s := &standing{db: db, collection: collection, query: q, caller: o.Caller}
	s.bounds = query.Bounds{Rows: o.MaxRows, Bytes: o.MaxBytes, Groups: o.MaxRows * groupsOfRow}
	return s, s.check(db.currentSchema)
}

// currentSchema is a collection's schema at the end of what was folded; nil where there is none.
func (db *DB) currentSchema(collection string) *merge.Schema {
	s, err := db.schema(collection)
	if err != nil {
		return nil
	}
	return s
}

// check makes the plan.
func (s *standing) check(schemas Schemas) error {
	schema, there := QuerySchema(s.collection, schemas)
	if !there {
		return nacre.Errorf(nacre.CodeNotFound, "there is no collection %q: declare its schema first", s.collection)
	}
	q, err := s.db.readable(s.collection, s.query, s.caller)
	if err != nil {
		return err
	}
	plan, err := query.Check(q, schema)
	if err == nil {
		err = s.db.follows(plan, s.caller)
	}
	if err != nil {
		return err
	}
	s.plan, s.reads = plan, []string{s.collection}
	for _, f := range plan.Follows() {
		if s.reads[len(s.reads)-1] != f.Collection { // they are sorted
			s.reads = append(s.reads, f.Collection)
		}
	}
	s.incremental = !plan.Tabular() && len(plan.Follows()) == 0 && plan.Offset() == 0
	return nil
}

// wanted is the plan that it is filled by. One that is not kept row by row has what it shows, and no limit of its own.
func (s *standing) wanted() *query.Plan {
	if s.window == nil {
		p := s.plan
		if !s.incremental {
			p = p.Within(-1, 0)
		}
		s.window = reactor.NewWindow(p)
	}
	if _, limited := s.plan.Limit(); s.incremental && limited {
		return s.plan.Within(int64(s.window.Keep()), 0)
	}
	return s.plan
}

// fits refuses rows of more bytes than they may have. Tables do so themselves.
func (s *standing) fits(r *Result) error {
	size := int64(0)
	for _, row := range r.Rows {
		size += query.Size(row.ID(), row.State())
	}
	if s.bounds.Bytes > 0 && size > s.bounds.Bytes {
		return nacre.Errorf(nacre.CodeTooLarge, "the result has more than %d bytes: give a condition, or LIMIT", s.bounds.Bytes)
	}
	return nil
}

// fill gives it what its query gives, and what happened since.
func (s *standing) fill(r *Result, lookup query.Lookup) error {
	s.filling, s.filled = false, true
	s.from = r.Position
	missed := s.missed
	s.missed = nil
	var err error
	if s.table, s.text = r.Table, nil; s.table != nil {
		s.text, err = json.Marshal(r.Table.Rows)
	} else {
		s.window.Fill(s.plan, r.Rows, lookup)
	}
	for i := range missed {
		s.take(&missed[i])
	}
	return err
}

// take takes a change, or keeps it for later. It is to be filled again then if again is set.
func (s *standing) take(h *happened) {
	switch {
	case s.filling && len(s.missed) >= backlog:
		s.missed, s.again = nil, true
	case s.filling && s.again && len(s.missed) == 0:
	case s.filling:
		s.missed = append(s.missed, *h)
	case h.at <= s.from:
	case !s.incremental:
		s.again = true
	case s.window.Apply(h.id, h.now):
		s.again = true
	}
}
