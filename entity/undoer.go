package entity

import (
	"context"
	"sync"

	"github.com/nacredb/nacre"
)

// Undoer does, undoes and does again one author's transactions, as an editor's keys do. What it can undo it has in memory. Its methods
// may be called from many goroutines, and come one after the other.
type Undoer struct {
	db   *DB
	o    TxOptions
	most int

	mu   sync.Mutex
	done []Commit // all that was written, undos included
	base int      // how many were forgotten before them
	back []int    // what Undo goes back to: numbers of transactions
	on   []again  // what Redo takes back
}

// again is an undo: where it stands, and what it undid.
type again struct{ undo, did int }

// maxSteps is how many transactions an Undoer keeps for each one that can be undone: undos and what undoes them.
const maxSteps = 8

// NewUndoer makes an Undoer of transactions with these options; most is how many can be undone, 100 for 0. The options' Strict and
// Condition go with Do only.
func (db *DB) NewUndoer(o *TxOptions, most int) *Undoer {
	u := &Undoer{db: db, most: most}
	if most <= 0 {
		u.most = 100
	}
	if o != nil {
		u.o = *o
	}
	return u
}

// Do is DB.Transact, and what it writes can be undone. What was undone before cannot be done again then.
func (u *Undoer) Do(ctx context.Context, do func(tx *Tx) error) (Commit, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, err := u.db.Transact(ctx, &u.o, do)
	if err != nil || c.Last == 0 {
		return c, err
	}
	u.back, u.on = append(u.back, u.next()), nil
	u.keep(c)
	return c, nil
}

// Undo takes the last transaction back that has not been; false where there is none. The zero Commit says that others have
// replaced all of it.
func (u *Undoer) Undo(ctx context.Context) (Commit, bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.back) == 0 {
		return Commit{}, false, nil
	}
	did := u.back[len(u.back)-1]
	step := again{u.next(), did}
	c, err := u.since(ctx, did)
	if err != nil {
		return Commit{}, true, err
	}
	u.back, u.on = u.back[:len(u.back)-1], append(u.on, step)
	u.keep(c)
	return c, true, nil
}

// Redo does again what was undone last; false where there is nothing.
func (u *Undoer) Redo(ctx context.Context) (Commit, bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.on) == 0 {
		return Commit{}, false, nil
	}
	step := u.on[len(u.on)-1]
	c, err := u.since(ctx, step.undo)
	if err != nil {
		return Commit{}, true, err
	}
	u.on, u.back = u.on[:len(u.on)-1], append(u.back, step.did)
	u.keep(c)
	return c, true, nil
}

func (u *Undoer) next() int { return u.base + len(u.done) }

// since takes back a transaction and all since then.
func (u *Undoer) since(ctx context.Context, first int) (Commit, error) {
	o := u.o
	o.Strict, o.Condition = false, nil
	return u.db.Undo(ctx, &o, u.done[first-u.base:]...)
}

// keep adds what was written, and forgets what is too old.
func (u *Undoer) keep(c Commit) {
	if c.Last > 0 {
		slim := Commit{TransactionID: c.TransactionID, First: c.First, Last: c.Last, Events: make([]nacre.Event, len(c.Events))}
		for i := range c.Events {
			e := &c.Events[i]
			slim.Events[i] = nacre.Event{StreamID: e.StreamID, ID: e.ID, Parents: e.Parents}
		}
		u.done = append(u.done, slim)
	}
	for len(u.back) > u.most || len(u.back) > 0 && len(u.done) > u.most*maxSteps {
		u.back = u.back[1:]
		first := u.next()
		if len(u.back) > 0 {
			first = u.back[0]
		}
		for i := range u.on {
			first = min(first, u.on[i].did)
		}
		if first <= u.base {
			break
		}
		u.done = append([]Commit(nil), u.done[first-u.base:]...)
		u.base = first
	}
}
