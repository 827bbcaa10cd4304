package entity

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// Change is what an event, or a void, did to an entity.
type Change struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	// Old and New are the entity's properties by name, by the schema of today; nil before it was there, and while it is
	// deleted.
	Old json.RawMessage `json:"old"`
	New json.RawMessage `json:"new"`
	// Cause is the event.
	Cause Cause `json:"cause"`
}

// Cause is the event that changed an entity.
type Cause struct {
	Position      nacre.Position `json:"position"`
	EventID       string         `json:"eventId"`
	Type          string         `json:"type"`
	TransactionID string         `json:"transactionId,omitempty"`
	Actor         string         `json:"actor,omitempty"`
	At            time.Time      `json:"at"`
}

func changeOf(ev *logged, old, now []byte) Change {
	n := nameOf(ev.Stream)
	return Change{Collection: n.collection, ID: n.id, Old: old, New: now, Cause: Cause{
		Position: ev.event.GlobalPosition, EventID: ev.event.ID, Type: ev.event.Type,
		TransactionID: ev.event.TransactionID, Actor: ev.Actor, At: ev.event.CreatedAt,
	}}
}

// listener is told of changes, in the log's order, by the follower: notify must not wait.
type listener struct {
	only name // nothing of it: everything; without an id: a collection
	// notify is told where the log came to that: a late event changes things at another position than its own.
	notify   func(at nacre.Position, changes []Change)
	declared func(at nacre.Position, collection string) // a schema has changed; may be nil
	anew     func()                                     // everything may be another one; may be nil
	closed   func()                                     // the DB closes
}

func (l *listener) hears(n name) bool {
	return l.only == (name{}) || l.only == n || l.only.id == "" && l.only.collection == n.collection
}

// listen has a listener told of what comes from now on.
func (db *DB) listen(l *listener) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.listeners[l] = struct{}{}
}

func (db *DB) unlisten(l *listener) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.listeners, l)
}

// heard tells whether somebody wants to hear of an entity. The lock is held.
func (db *DB) heard(n name) bool {
	for l := range db.listeners {
		if l.hears(n) {
			return true
		}
	}
	return false
}

// values are an entity's properties by name; nil where it has no row. The lock is held.
func (db *DB) values(st *state) []byte {
	s := db.schemas[st.name.collection]
	if s == nil || len(st.entity.Heads()) == 0 || st.entity.Deleted() {
		return nil
	}
	return s.Current().AppendValues(nil, st.entity)
}

// hearers are the listeners, to be told without the lock.
func (db *DB) hearers() []*listener {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Collect(maps.Keys(db.listeners))
}

// tellDeclared tells the listeners of another schema.
func (db *DB) tellDeclared(at nacre.Position, collection string) {
	for _, l := range db.hearers() {
		if l.declared != nil {
			l.declared(at, collection)
		}
	}
}

// tellAnew tells the listeners that the DB has begun anew.
func (db *DB) tellAnew() {
	for _, l := range db.hearers() {
		if l.anew != nil {
			l.anew()
		}
	}
}

// tell tells the listeners.
func (db *DB) tell(at nacre.Position, changes []Change) {
	if len(changes) == 0 {
		return
	}
	for _, l := range db.hearers() {
		var heard []Change
		for i := range changes {
			if l.hears(name{changes[i].Collection, changes[i].ID}) {
				heard = append(heard, changes[i])
			}
		}
		if len(heard) > 0 {
			l.notify(at, heard)
		}
	}
}

func (db *DB) closeListeners() {
	db.mu.Lock()
	listeners := db.listeners
	db.listeners = map[*listener]struct{}{}
	db.mu.Unlock()
	for l := range listeners {
		l.closed()
	}
}
