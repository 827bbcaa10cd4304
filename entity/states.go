package entity

import (
	"cmp"
	"container/list"
	"context"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// name is an entity's: its stream is the collection, "-" and the id.
type name struct{ collection, id string }

func (n name) compare(other name) int {
	return cmp.Or(strings.Compare(n.collection, other.collection), strings.Compare(n.id, other.id))
}

func (n name) stream() nacre.StreamID { return nacre.StreamID(n.collection + "-" + n.id) }

func nameOf(stream nacre.StreamID) name { return name{stream.Category(), stream.Rest()} }

// states are the entities in memory: those whose state the tables do not have yet, and those that were used last. The
// DB's lock guards it.
type states struct {
	limit   int // bytes, of those that need not be there
	size    int
	all     map[name]*state
	idle    list.List // of *state that the tables have, the one that was used last in front
	dirty   []*state  // that the tables do not have, each once
	loading map[name]chan struct{}
}

// state is an entity in memory.
type state struct {
	name    name
	entity  *merge.Entity
	size    int
	was     []byte // as TableRow.Was
	dirty   bool   // since it was last written
	frozen  bool   // it is being written: the entity is copied before it changes
	folding bool   // the follower is about to change it
	place   *list.Element
}

func (s *states) add(n name, e *merge.Entity, size int) *state {
	st := &state{name: n, entity: e, size: size}
	if s.all == nil {
		s.all = map[name]*state{}
	}
	s.all[n] = st
	s.rest(st)
	return st
}

// rest has a state be forgotten when it is not used.
func (s *states) rest(st *state) {
	if st.place == nil && !st.dirty && !st.frozen && !st.folding {
		st.place = s.idle.PushFront(st)
		s.size += st.size
	}
	for s.size > s.limit && s.idle.Len() > 1 {
		oldest := s.idle.Back().Value.(*state)
		s.keep(oldest)
		delete(s.all, oldest.name)
	}
}

// keep has a state stay.
func (s *states) keep(st *state) {
	if st.place != nil {
		s.idle.Remove(st.place)
		st.place = nil
		s.size -= st.size
	}
}

// fold has a state stay until it is soiled.
func (s *states) fold(st *state) {
	st.folding = true
	s.keep(st)
}

// soil notes that a state is not what the tables have.
func (s *states) soil(st *state) {
	st.folding = false
	if !st.dirty {
		st.dirty = true
		s.keep(st)
		s.dirty = append(s.dirty, st)
	}
}

// own is the entity, for changing it.
func (st *state) own() *merge.Entity {
	if st.frozen {
		st.entity, st.frozen = st.entity.Clone(), false
	}
	return st.entity
}

// baseSize is about what a state takes beside its bytes.
const baseSize = 1024

// load finds an entity's state, in memory or in the tables; nil where there is none. With the DB's lock held again it is
// called back, and nobody else has changed anything until that returns.
func (db *DB) load(ctx context.Context, n name, then func(st *state)) error {
	for {
		db.mu.Lock()
		if st := db.states.all[n]; st != nil {
			if st.place != nil {
				db.states.idle.MoveToFront(st.place)
			}
			then(st)
			db.mu.Unlock()
			return nil
		}
		if busy, there := db.states.loading[n]; there {
			db.mu.Unlock()
			select {
			case <-busy:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		// The tables have the newest state of what is not in memory, and nobody changes it but by way of this.
		if db.states.loading == nil {
			db.states.loading = map[name]chan struct{}{}
		}
		done := make(chan struct{})
		db.states.loading[n] = done
		db.mu.Unlock()
		if counts, err := db.loaded(ctx, n, done, then); counts || err != nil {
			return err
		}
	}
}

// loaded has a state loaded from the tables, for load. It does not count where the states began anew meanwhile: what the
// tables had may be of a log that was cut.
func (db *DB) loaded(ctx context.Context, n name, done chan struct{}, then func(st *state)) (counts bool, err error) {
	stored, err := db.tables.Load(ctx, n.collection, n.id)
	var e *merge.Entity
	if err == nil && stored != nil {
		if e, err = merge.Load(stored); err != nil {
			err = nacre.Errorf(nacre.CodeDamaged, "the state of %s in the tables cannot be read: delete the tables, they are made again: %w", n.stream(), err)
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	defer close(done)
	if db.states.loading[n] != done {
		return false, err
	}
	delete(db.states.loading, n)
	if err != nil {
		return false, err
	}
	var st *state
	if e != nil {
		st = db.states.add(n, e, baseSize+4*len(stored))
	}
	then(st)
	return true, nil
}
