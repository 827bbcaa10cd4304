package entity

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// Conflict is a place of an entity to which several wrote at once, different values, of which one is shown. Setting it, also
// to the value that is shown, settles it.
type Conflict struct {
	// Property is its name, or its id where the schema has none for it; "$life" is whether the entity is deleted.
	Property string `json:"property"`
	// Kind is "register", "map" or "list".
	Kind string `json:"kind"`
	// Key is the map's key or the list's element (as its history names it), "" in a register.
	Key string `json:"key"`
	// Survivors are the writes; the last one is shown.
	Survivors []Survivor `json:"survivors"`
}

// Survivor is a write that nothing has replaced.
type Survivor struct {
	EventID string          `json:"eventId"`
	Value   json.RawMessage `json:"value"`
	Author  string          `json:"author,omitempty"`
	// At is when this log stored it.
	At    time.Time `json:"at"`
	Shown bool      `json:"shown"`
}

// Conflicts are an entity's, by property, then key; none where all agree. A deleted entity has them, too, and so has one
// of a collection without a schema. One that does not exist is CodeNotFound. Without conflicts it reads no log; else it reads
// the entity's stream from its end as far as the oldest write in conflict.
func (db *DB) Conflicts(ctx context.Context, collection, id string) ([]Conflict, error) {
	if err := checkEntity(collection, id); err != nil {
		return nil, err
	}
	n := name{collection, id}
	e, m, err := db.present(ctx, n)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, errAbsent(n)
	}
	conflicts := e.Conflicts()
	writers := map[merge.ID]bool{}
	writersOf(conflicts, writers)
	events, err := db.find(ctx, n, m, writers)
	if err != nil {
		return nil, err
	}
	return conflictsOf(conflicts, events, db.labels(collection)), nil
}

func writersOf(conflicts []merge.Conflict, writers map[merge.ID]bool) {
	for i := range conflicts {
		for _, s := range conflicts[i].Survivors {
			writers[s.ID] = true
		}
	}
}

func conflictsOf(conflicts []merge.Conflict, events map[merge.ID]found, schema *merge.Schema) []Conflict {
	out := make([]Conflict, len(conflicts))
	for i, c := range conflicts {
		out[i] = Conflict{Property: label(schema, c.Property), Kind: c.Kind, Key: c.Key, Survivors: make([]Survivor, len(c.Survivors))}
		for k, s := range c.Survivors {
			survivor := Survivor{EventID: s.ID.String(), Value: s.Value, Shown: k == len(c.Survivors)-1}
			if ev, there := events[s.ID]; there {
				survivor.Author, survivor.At = ev.Actor, ev.at
			}
			out[i].Survivors[k] = survivor
		}
	}
	return out
}

// Inspection is all that there is to know about an entity.
type Inspection struct {
	// View is as it is now. Values are by name, or by property id where the collection has no schema.
	View
	Conflicts []Conflict `json:"conflicts"`
	// Damage is what of its events cannot be read, and has no effect.
	Damage []Damage `json:"damage"`
	// Events is how many its stream has, those that wait included.
	Events int64 `json:"events"`
	// Waiting are the events that have no effect yet, because others are not there.
	Waiting []Waiting `json:"waiting"`
	// Position is up to where the log counts.
	Position nacre.Position `json:"position"`
}

// Damage is what of an event cannot be read. The rest of it counts.
type Damage struct {
	EventID string `json:"eventId"`
	// Property is the name of the one whose operation it is; "" is the whole event.
	Property string `json:"property,omitempty"`
	Problem  string `json:"problem"`
}

// Waiting is an event that waits.
type Waiting struct {
	EventID  string         `json:"eventId"`
	Position nacre.Position `json:"position"`
	// For are the events that it, or another one of its transaction, names, and that are not there or wait themselves.
	For []Missing `json:"for"`
}

// Missing is an event that is named.
type Missing struct {
	StreamID nacre.StreamID `json:"streamId"`
	EventID  string         `json:"eventId"`
}

// Inspect tells all about an entity, also about a deleted one, and one of a collection without a schema. One that has no
// events is CodeNotFound. It reads of the entity's stream what it must: nothing but the last event where there are neither
// conflicts nor damage, else from its end as far as the oldest event that it has to tell of.
func (db *DB) Inspect(ctx context.Context, collection, id string) (*Inspection, error) {
	if err := checkEntity(collection, id); err != nil {
		return nil, err
	}
	n := name{collection, id}
	e, m, err := db.present(ctx, n)
	if err != nil {
		return nil, err
	}
	waiting, err := db.waitingOf(ctx, n, m)
	if err != nil {
		return nil, err
	}
	if e == nil && len(waiting) == 0 {
		return nil, errAbsent(n)
	}
	schema := db.labels(collection)
	out := &Inspection{Waiting: waiting, Position: m.at, Damage: []Damage{}, Conflicts: []Conflict{}}
	for last, err := range db.store.ReadStream(ctx, n.stream(), &nacre.ReadOptions{Before: m.at + 1, Backwards: true, Limit: 1, Borrowed: true}) {
		if err != nil {
			return nil, err
		}
		out.Events = last.StreamPosition + 1
	}
	if e == nil {
		out.View = View{Collection: collection, ID: id, Heads: []string{}}
		return out, nil
	}
	out.View = *viewOf(n, e, schema)
	conflicts, damaged := e.Conflicts(), e.Damaged()
	wanted := map[merge.ID]bool{}
	writersOf(conflicts, wanted)
	for id := range damaged {
		wanted[id] = true
	}
	events, err := db.find(ctx, n, m, wanted)
	if err != nil {
		return nil, err
	}
	out.Conflicts = conflictsOf(conflicts, events, schema)
	for _, id := range slices.SortedFunc(maps.Keys(damaged), merge.ID.Compare) {
		if ev, there := events[id]; there {
			out.Damage = append(out.Damage, damageOf(ev.Event, schema)...)
		}
	}
	return out, nil
}

func damageOf(ev *merge.Event, schema *merge.Schema) []Damage {
	out := make([]Damage, len(ev.Damage))
	for i, d := range ev.Damage {
		out[i] = Damage{EventID: ev.ID.String(), Problem: d.Problem}
		if !d.Whole {
			out[i].Property = label(schema, d.Property)
		}
	}
	return out
}

// waitingOf are the events of an entity that wait, and what for.
func (db *DB) waitingOf(ctx context.Context, n name, m moment) ([]Waiting, error) {
	out := []Waiting{}
	if len(m.waiting) == 0 {
		return out, nil
	}
	var late []merge.Event // all that wait, of any stream
	var own []int
	for _, at := range m.waiting {
		for e, err := range db.store.Read(ctx, nil, &nacre.ReadOptions{After: at - 1, Before: at + 1}) {
			if err != nil {
				return nil, err
			}
			ev, err := merge.Decode(&e)
			if err != nil {
				continue
			}
			if ev.Stream == n.stream() {
				own = append(own, len(late))
				out = append(out, Waiting{EventID: e.ID, Position: at, For: []Missing{}})
			}
			late = append(late, *ev)
		}
	}
	for i, k := range own {
		for l := range late {
			if late[l].Transaction != late[k].Transaction || late[l].Size != late[k].Size {
				continue
			}
			missing, err := db.missing(ctx, &late[l], late, m)
			if err != nil {
				return nil, err
			}
			out[i].For = append(out[i].For, missing...)
		}
	}
	return out, nil
}

// missing are the events that one names and that are not there or wait, apart from those of its own transaction.
func (db *DB) missing(ctx context.Context, ev *merge.Event, late []merge.Event, m moment) ([]Missing, error) {
	var out []Missing
	names := slices.Concat(ev.Parents, ev.Names())
	slices.SortFunc(names, merge.ID.Compare)
	for _, id := range slices.Compact(names) {
		other := slices.IndexFunc(late, func(other merge.Event) bool { return other.Stream == ev.Stream && other.ID == id })
		if other >= 0 {
			if late[other].Transaction != ev.Transaction {
				out = append(out, Missing{ev.Stream, id.String()})
			}
			continue
		}
		e, there, err := db.store.FindEvent(ctx, ev.Stream, id.String())
		if err != nil {
			return nil, err
		}
		if !there || e.Parents == nil || e.GlobalPosition > m.at {
			out = append(out, Missing{ev.Stream, id.String()})
		}
	}
	return out, nil
}
