package entity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// HistoryOptions are the options of a history; nil is the defaults.
type HistoryOptions struct {
	// After is the position of the entry that the page before ended with. Default: from the beginning.
	After nacre.Position
	// Most is how many entries there are at most. Default 1,000.
	Most int
	// Backwards has the newest first. Default: the oldest.
	Backwards bool
}

// Entry is an event of an entity's history. With the parents of all entries the graph can be drawn: in the order in which
// this log has them, parents stand before their children.
type Entry struct {
	EventID string   `json:"eventId"`
	Type    string   `json:"type"`
	Parents []string `json:"parents"`
	// Actor is who did it, "" where nobody is said to have.
	Actor string `json:"actor,omitempty"`
	// At is when this log stored it.
	At             time.Time       `json:"at"`
	Position       nacre.Position  `json:"position"`
	StreamPosition int64           `json:"streamPosition"`
	TransactionID  string          `json:"transactionId,omitempty"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	Tags           []string        `json:"tags,omitempty"`
	// Changes are its operations that can be read, by property id.
	Changes []Operation `json:"changes"`
	// Damage is what of it cannot be read.
	Damage []Damage `json:"damage,omitempty"`
	// Waiting tells that it has no effect yet, because others are not there: see [DB.Inspect].
	Waiting bool `json:"waiting,omitempty"`
	// Voids are the events whose effects it takes away, where it is a void, and Reason why.
	Voids  []string `json:"voids,omitempty"`
	Reason string   `json:"reason,omitempty"`
	// Voided says what took its own effects away.
	Voided *VoidedBy `json:"voided,omitempty"`
}

// Operation is what an event did to a property.
type Operation struct {
	// Property is its name, or its id where the schema has none for it; "$life" is whether the entity is deleted.
	Property string `json:"property"`
	// Kind is "register", "counter", "set", "map" or "list".
	Kind string `json:"kind"`
	// Operation is as the event has it: see spec/merge.md.
	Operation json.RawMessage `json:"operation"`
}

// VoidedBy is the void that took an event's effects away.
type VoidedBy struct {
	EventID string `json:"eventId"`
	Reason  string `json:"reason,omitempty"`
}

// History is what happened to an entity, in this log's order or backwards, a page of it: a shorter one than was asked for is
// the last. An entity that has no events is CodeNotFound. It reads the page's events, and the stream's voids.
func (db *DB) History(ctx context.Context, collection, id string, o *HistoryOptions) ([]Entry, error) {
	if o == nil {
		o = &HistoryOptions{}
	}
	if err := checkEntity(collection, id); err != nil {
		return nil, err
	}
	read := nacre.ReadOptions{After: o.After, Limit: 1000, Backwards: o.Backwards}
	switch {
	case o.Most < 0:
		return nil, invalid("most", "is negative: give 0 for 1,000, or a number from 1")
	case o.Most > 0:
		read.Limit = o.Most
	}
	m, err := db.moment(ctx)
	if err != nil {
		return nil, err
	}
	read.Before = m.at + 1
	if o.Backwards && o.After > 0 {
		read.After, read.Before = 0, min(o.After, read.Before)
	}
	n := name{collection, id}
	voids, err := db.voids(ctx, n, m)
	if err != nil {
		return nil, err
	}
	schema := db.labels(collection)
	out := []Entry{}
	for e, err := range db.store.ReadStream(ctx, n.stream(), &read) {
		if err != nil {
			return nil, err
		}
		if e.Parents == nil {
			return nil, errAbsent(n)
		}
		out = append(out, entryOf(&e, schema, voids, m.waits(e.GlobalPosition)))
	}
	if len(out) == 0 {
		switch version, err := db.store.Version(ctx, n.stream()); {
		case err != nil:
			return nil, err
		case version < 0:
			return nil, errAbsent(n)
		}
	}
	return out, nil
}

// voids are the stream's, by what they void; of several the least counts.
func (db *DB) voids(ctx context.Context, n name, m moment) (map[merge.ID]*merge.Event, error) {
	var out map[merge.ID]*merge.Event
	f := nacre.Filter{{Streams: []nacre.StreamID{n.stream()}, Types: []string{merge.TypeVoid}}}
	for e, err := range db.store.Read(ctx, f, &nacre.ReadOptions{Before: m.at + 1}) {
		if err != nil {
			return nil, err
		}
		ev, err := merge.Decode(&e)
		if err != nil || m.waits(e.GlobalPosition) {
			continue
		}
		for i := range ev.Void {
			if out == nil {
				out = map[merge.ID]*merge.Event{}
			}
			if other := out[ev.Void[i].ID]; other == nil || ev.ID.Compare(other.ID) < 0 {
				out[ev.Void[i].ID] = ev
			}
		}
	}
	return out, nil
}

func entryOf(e *nacre.Event, schema *merge.Schema, voids map[merge.ID]*merge.Event, waits bool) Entry {
	out := Entry{
		EventID: e.ID, Type: e.Type, Parents: e.Parents, At: e.CreatedAt, Position: e.GlobalPosition, StreamPosition: e.StreamPosition,
		TransactionID: e.TransactionID, Metadata: e.Metadata, Tags: e.Tags, Changes: []Operation{}, Waiting: waits,
	}
	ev, err := merge.Decode(e)
	if err != nil {
		out.Damage = []Damage{{EventID: e.ID, Problem: "the event is refused: " + err.Error()}}
		return out
	}
	out.Actor, out.Reason = ev.Actor, ev.Reason
	for i := range ev.Void {
		out.Voids = append(out.Voids, ev.Void[i].ID.String())
	}
	if void := voids[ev.ID]; void != nil && len(ev.Void) == 0 {
		out.Voided = &VoidedBy{EventID: void.ID.String(), Reason: void.Reason}
	}
	if len(ev.Damage) > 0 {
		out.Damage = damageOf(ev, schema)
	}
	var operations map[string]json.RawMessage
	if len(ev.Changes) > 0 {
		_ = json.Unmarshal(e.Data, &operations) // it was decoded
	}
	for _, c := range ev.Changes {
		out.Changes = append(out.Changes, Operation{label(schema, c.Property), c.Kind.Name(), operations[c.Property]})
	}
	return out
}
