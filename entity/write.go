package entity

import (
	"maps"
	"time"

	"github.com/nacredb/nacre/entity/merge"
)

const (
	// gathering is how long changes may wait for others, where nobody waits for the tables.
	gathering = 20 * time.Millisecond
	// plenty is how many changes are written without waiting for others.
	plenty = 1000
)

// batch is what is being written, and of what.
type batch struct {
	Batch
	states   []*state
	entities []*merge.Entity // as they were when the batch was taken
	was      [][]byte        // their values as the tables had them
	schemas  map[string]*merge.Schema
	columns  map[string]*merge.Schema // new ones
}

// stale tells whether the tables have something to write. The lock is held.
func (db *DB) stale() bool {
	return len(db.states.dirty) > 0 || len(db.declared) > 0 || db.unwritten || db.mark.Position > db.filed+passing
}

// stir has the tables written.
func (db *DB) stir() {
	select {
	case db.dirt <- struct{}{}:
	default:
	}
}

// write keeps the tables up to date, until the DB is closed.
func (db *DB) write() {
	for {
		select {
		case <-db.dirt:
		case <-db.ctx.Done():
			return
		}
		db.gather()
		if err := db.writeAll(); err != nil && db.ctx.Err() == nil {
			db.written.fail(err)
			db.o.Logger.Error("the tables of the entities cannot be written: it is tried again", "error", err)
			db.rest(pause)
			db.stir()
		}
	}
}

// gather waits a little, so that more is written at once, unless somebody waits for the tables or there is much already.
func (db *DB) gather() {
	if at, _ := db.applied.state(); db.written.wanted(at) {
		return
	}
	patience := time.NewTimer(gathering)
	defer patience.Stop()
	select {
	case <-db.urgent:
	case <-patience.C:
	case <-db.ctx.Done():
	}
}

// hurry ends gathering.
func (db *DB) hurry() {
	select {
	case db.urgent <- struct{}{}:
	default:
	}
}

// writeAll writes what there is.
func (db *DB) writeAll() error {
	db.writing.Lock()
	defer db.writing.Unlock()
	b := db.batch()
	if b == nil {
		return nil
	}
	b.Rows = make([]TableRow, len(b.states))
	var err error
	for i, st := range b.states {
		row := &b.Rows[i]
		row.Collection, row.ID = st.name.collection, st.name.id
		rowOf(row, b.entities[i], b.schemas[st.name.collection])
		row.Was = b.was[i]
	}
	if len(b.Declared) > 0 {
		db.shape.Lock()
		if err = db.tables.Write(db.ctx, &b.Batch); err == nil {
			maps.Copy(db.columns, b.columns)
		}
		db.shape.Unlock()
	} else {
		err = db.tables.Write(db.ctx, &b.Batch)
	}
	db.landed(b, err)
	return err
}

// rowOf makes the row of an entity.
func rowOf(row *TableRow, e *merge.Entity, s *merge.Schema) {
	row.State = e.AppendState(nil)
	row.Values = nil
	if s != nil && !e.Deleted() {
		row.Values = s.AppendValues(nil, e)
	}
	row.Heads = idTexts(e.Heads())
}

func idTexts(ids []merge.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// batch takes what is to be written; nil where there is nothing.
func (db *DB) batch() *batch {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.stale() {
		db.idle = true
		db.written.set(db.mark.Position)
		return nil
	}
	db.idle = false
	b := &batch{states: db.states.dirty, schemas: map[string]*merge.Schema{}, columns: map[string]*merge.Schema{}}
	b.Mark = db.mark
	db.states.dirty = nil
	b.entities, b.was = make([]*merge.Entity, len(b.states)), make([][]byte, len(b.states))
	for i, st := range b.states {
		st.dirty, st.frozen = false, true
		b.entities[i], b.was[i] = st.entity, st.was
	}
	for name, s := range db.schemas {
		b.schemas[name] = s.Current()
	}
	for name := range db.declared {
		s := b.schemas[name]
		b.columns[name] = s
		b.Declared = append(b.Declared, Declared{Collection: name, Schema: s, Row: func(row *TableRow) error {
			e, err := merge.Load(row.State)
			if err != nil {
				return err
			}
			rowOf(row, e, s)
			return nil
		}})
	}
	clear(db.declared)
	if db.unwritten {
		b.Waiting, db.unwritten = db.late.positions(), false
	}
	return b
}

// landed takes back what could not be written, or lets go of what was.
func (db *DB) landed(b *batch, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for i, st := range b.states {
		st.was = nil
		if err == nil {
			if st.was = b.Rows[i].Values; st.was == nil {
				st.was = []byte{}
			}
		}
		switch {
		case err != nil:
			st.frozen = false
			db.states.soil(st)
		case st.frozen:
			st.frozen = false
			st.size = baseSize + 4*len(b.Rows[i].State) + len(st.was)
			db.states.rest(st)
		}
	}
	if err != nil {
		for name := range b.columns {
			db.declared[name] = true
		}
		db.unwritten = db.unwritten || b.Waiting != nil
		return
	}
	db.filed = b.Position
	db.written.set(b.Position)
	close(db.room)
	db.room = make(chan struct{})
	if db.stale() {
		db.stir()
	} else {
		db.idle = true
		db.written.set(db.mark.Position)
	}
}
