package entity

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// moment is up to where the log counts for a question about the past, and which of its events wait then.
type moment struct {
	at      nacre.Position
	waiting []nacre.Position // ascending
}

func (m *moment) waits(at nacre.Position) bool {
	_, waits := slices.BinarySearch(m.waiting, at)
	return waits
}

// moment is the present one, with everything that was acknowledged before.
func (db *DB) moment(ctx context.Context) (moment, error) {
	if err := db.current(ctx); err != nil {
		return moment{}, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return moment{db.mark.Position, db.waiting}, nil
}

// present is an entity's state at a moment, and a copy of its own; nil where no event of it counts.
func (db *DB) present(ctx context.Context, n name) (*merge.Entity, moment, error) {
	if err := db.current(ctx); err != nil {
		return nil, moment{}, err
	}
	var e *merge.Entity
	var m moment
	err := db.load(ctx, n, func(st *state) {
		m = moment{db.mark.Position, db.waiting}
		if st != nil && len(st.entity.Heads()) > 0 {
			e = st.entity.Clone()
		}
	})
	return e, m, err
}

// checkEntity tells what is wrong with the name of an entity whose collection need not have a schema.
func checkEntity(collection, id string) error {
	if collection == "" || collection[0] == '$' || strings.Contains(collection, "-") {
		return invalid("collection", `%.80q is no collection: it is the category of streams, without "-"`, collection)
	}
	if id == "" {
		return invalid("id", "is empty")
	}
	return nil
}

func errAbsent(n name) error {
	return nacre.Errorf(nacre.CodeNotFound, "there is no %q in %s", n.id, n.collection)
}

// labels are what the properties of a collection are called; nil where it has no schema.
func (db *DB) labels(collection string) *merge.Schema {
	db.mu.Lock()
	defer db.mu.Unlock()
	if s := db.schemas[collection]; s != nil {
		return s.Current()
	}
	return nil
}

// label is a property's name: that of the schema, of the property that has the id or was retyped from it, or else the id.
func label(s *merge.Schema, id string) string {
	was := id
	if s != nil {
		for name, p := range s.Properties {
			if p.ID == id {
				return name
			}
			if p.From == id {
				was = name
			}
		}
	}
	return was
}

// viewOf is a state as users see it.
func viewOf(n name, e *merge.Entity, s *merge.Schema) *View {
	v := &View{Collection: n.collection, ID: n.id, Heads: idTexts(e.Heads()), Deleted: e.Deleted()}
	if !v.Deleted {
		v.Values = valuesOf(e, s)
	}
	return v
}

func valuesOf(e *merge.Entity, s *merge.Schema) json.RawMessage {
	if s == nil {
		return e.AppendValues(nil)
	}
	return s.AppendValues(nil, e)
}

// past is an entity's whole history: what counts of it.
type past struct {
	merge.Graph
	ids       []merge.ID       // in the log's order
	positions []nacre.Position // of ids
}

// past reads an entity's stream up to a moment. It costs by the number of its events, and so does what it gives.
func (db *DB) past(ctx context.Context, n name, m moment) (*past, error) {
	p := &past{}
	for e, err := range db.store.ReadStream(ctx, n.stream(), &nacre.ReadOptions{Before: m.at + 1}) {
		if err != nil {
			return nil, err
		}
		if e.Parents == nil || m.waits(e.GlobalPosition) {
			continue
		}
		if ev, err := merge.Decode(&e); err == nil {
			p.Add(ev)
			p.ids, p.positions = append(p.ids, ev.ID), append(p.positions, e.GlobalPosition)
		}
	}
	if len(p.ids) == 0 {
		return nil, errAbsent(n)
	}
	return p, nil
}

// at is the state in the causal past of events.
func (p *past) at(field string, events []string) (*merge.Entity, error) {
	ids := make([]merge.ID, len(events))
	for i, text := range events {
		id, err := merge.ParseID(text)
		if err != nil {
			return nil, invalid(field, "%.40q is no id of an event: 26 capitals and digits", text)
		}
		ids[i] = id
	}
	e, err := p.StateAt(ids...)
	if err != nil {
		if wrong, ok := errors.AsType[*nacre.Error](err); ok {
			told := *wrong
			told.Field = field
			return nil, &told
		}
		return nil, err
	}
	return e, nil
}

// At is an entity as it was at events: what they and all that their authors had seen come to, by the schema of today and
// without what has been voided since. An id that its stream does not hold is CodeNotFound. It reads the entity's stream once
// and costs by its length.
func (db *DB) At(ctx context.Context, collection, id string, events ...string) (*View, error) {
	if err := checkEntity(collection, id); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, invalid("events", "are none: give the ids of those at which it is wanted, as its history has them")
	}
	n := name{collection, id}
	m, err := db.moment(ctx)
	if err != nil {
		return nil, err
	}
	p, err := db.past(ctx, n, m)
	if err != nil {
		return nil, err
	}
	e, err := p.at("events", events)
	if err != nil {
		return nil, err
	}
	return viewOf(n, e, db.labels(collection)), nil
}

// Difference is a property whose values differ in two states of an entity.
type Difference struct {
	// Property is its name, or its id where the collection has no schema; "$life" is whether the entity is deleted.
	Property string `json:"property"`
	// Old and New are its values as JSON; null where it had none.
	Old json.RawMessage `json:"old"`
	New json.RawMessage `json:"new"`
}

// Diff is what differs in an entity between two states, by property: as it was at the events of from, none being before
// there was anything, and at those of to, none being now. Values are those that queries see, by the schema of today. It
// reads the entity's stream once and costs by its length.
func (db *DB) Diff(ctx context.Context, collection, id string, from, to []string) ([]Difference, error) {
	if err := checkEntity(collection, id); err != nil {
		return nil, err
	}
	n := name{collection, id}
	m, err := db.moment(ctx)
	if err != nil {
		return nil, err
	}
	p, err := db.past(ctx, n, m)
	if err != nil {
		return nil, err
	}
	var old *merge.Entity
	if len(from) > 0 {
		if old, err = p.at("from", from); err != nil {
			return nil, err
		}
	}
	now := (*merge.Entity)(nil)
	if len(to) > 0 {
		now, err = p.at("to", to)
	} else {
		now = p.State()
	}
	if err != nil {
		return nil, err
	}
	return differences(old, now, db.labels(collection)), nil
}

// differences of two states; old may be nil, for nothing.
func differences(old, now *merge.Entity, s *merge.Schema) []Difference {
	out := []Difference{}
	if s == nil || old == nil && now.Deleted() || old != nil && old.Deleted() != now.Deleted() {
		before := old
		if before == nil {
			before = merge.New()
		}
		for _, d := range merge.Differences(before, now) {
			if s == nil || d.Property == merge.PropertyLife {
				out = append(out, Difference{d.Property, d.Old, d.New})
			}
		}
	}
	if s == nil {
		return out
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var a, b json.RawMessage
		if old != nil {
			a = s.Value(old, name)
		}
		if b = s.Value(now, name); string(a) != string(b) {
			out = append(out, Difference{name, a, b})
		}
	}
	return out
}

// found is an event of the log, read, and when it was stored.
type found struct {
	*merge.Event
	position nacre.Position
	at       time.Time
}

// find finds events of a stream, reading it from its end for as long as some are missing.
func (db *DB) find(ctx context.Context, n name, m moment, ids map[merge.ID]bool) (map[merge.ID]found, error) {
	out := make(map[merge.ID]found, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	for e, err := range db.store.ReadStream(ctx, n.stream(), &nacre.ReadOptions{Before: m.at + 1, Backwards: true}) {
		if err != nil {
			return nil, err
		}
		if id, err := merge.ParseID(e.ID); err != nil || !ids[id] {
			continue
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			continue
		}
		out[ev.ID] = found{ev, e.GlobalPosition, e.CreatedAt}
		if len(out) == len(ids) {
			break
		}
	}
	return out, nil
}
