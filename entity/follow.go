package entity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

const (
	// pause is how long the loops wait after an error.
	pause = time.Second
	// stretch is how many positions the follower reads before it tells where it is.
	stretch = 10_000
	// passing is how many positions that do not concern the tables may be passed before they take a new mark: so many are
	// read again, at most, when they are opened.
	passing = 100_000
)

// schemas is what precedes a collection's name in its schema's stream.
const schemas = "$schema-"

// follower folds the log, in its order, into the DB's states. It is one goroutine's.
type follower struct {
	db    *DB
	at    Mark                   // up to where everything has been folded
	seen  Mark                   // up to where it was read
	part  []*logged              // of a transaction that is not complete yet
	gate  *merge.Gate            // for events that do not come as they should
	late  map[merge.Name]*logged // what the gate holds
	came  []*logged              // of late, those that have come since lates were made of it
	went  bool                   // some have gone since
	known recent
	anew  bool // it was begun anew, and has not been at the log's end since
	// trouble is what kept the gate from knowing what the log has: what it said then counts for nothing.
	trouble error
}

// logged is an event of a merge stream, and where it stands.
type logged struct {
	*merge.Event
	event nacre.Event
}

// begin reads what the tables know, and makes them anew where they are of another log.
func (db *DB) begin(ctx context.Context) (*follower, error) {
	mark, err := db.tables.Mark(ctx)
	if err != nil {
		return nil, err
	}
	if mark, err = db.same(ctx, mark); err != nil {
		return nil, err
	}
	f := &follower{db: db}
	return f, f.start(ctx, mark)
}

// same gives the tables' mark in the log's present epoch, where the log is still theirs; else they are emptied. An event
// is nowhere twice, so a log that has the same one at the same place has the same before it. That the epoch is the same
// tells less: folders are copied, and each of the copies goes on.
func (db *DB) same(ctx context.Context, mark Mark) (Mark, error) {
	head, err := db.store.Head(ctx)
	if err != nil {
		return Mark{}, err
	}
	here := mark.Position == 0
	if !here && mark.Position <= head.Position {
		here, err = db.stands(ctx, mark)
		// A line that cannot be read tells nothing: then the epoch does.
		if here = here || nacre.CodeOf(err) == nacre.CodeDamaged && mark.Epoch == head.Epoch; err != nil && !here {
			return Mark{}, err
		}
	}
	if here {
		mark.Epoch = head.Epoch
		return mark, nil
	}
	db.o.Logger.Warn("the tables of the entities are of another log, and are made anew", "position", mark.Position)
	return Mark{Epoch: head.Epoch}, db.tables.Reset(ctx)
}

// stands tells whether the event of a mark stands at its place.
func (db *DB) stands(ctx context.Context, mark Mark) (bool, error) {
	for e, err := range db.store.Read(ctx, nil, &nacre.ReadOptions{After: mark.Position - 1, Before: mark.Position + 1}) {
		if err != nil {
			return false, err
		}
		return e.GlobalPosition == mark.Position && e.ID == mark.EventID, nil
	}
	return false, nil
}

// start takes up the work behind a mark.
func (f *follower) start(ctx context.Context, mark Mark) error {
	db := f.db
	f.at, f.seen, f.part, f.known, f.trouble = mark, mark, nil, recent{}, nil
	f.gate, f.late, f.came, f.went = merge.NewGate(f), map[merge.Name]*logged{}, nil, false
	all := map[string]*merge.Schemas{}
	filter := nacre.Filter{{Types: []string{merge.TypeSchema, policyType}}}
	policies := map[string]*rules{}
	if mark.Position > 0 {
		for e, err := range db.store.Read(ctx, filter, &nacre.ReadOptions{Before: mark.Position + 1, Borrowed: true}) {
			if err != nil {
				return err
			}
			if e.Type == policyType {
				collection, r := policed(&e)
				policies[collection] = r
				continue
			}
			f.schema(all, &e)
		}
	}
	waiting, err := db.tables.Waiting(ctx)
	if err != nil {
		return err
	}
	waited := make([]*logged, 0, len(waiting))
	for _, at := range waiting {
		for e, err := range db.store.Read(ctx, nil, &nacre.ReadOptions{After: at - 1, Before: at + 1}) {
			if err != nil {
				return err
			}
			if ev, err := merge.Decode(&e); err == nil {
				waited = append(waited, &logged{ev, e})
			}
		}
	}
	late, err := f.replay(ctx, waited)
	if err != nil {
		return err
	}
	db.shape.Lock()
	clear(db.columns)
	for name, s := range all {
		db.columns[name] = s.Current()
	}
	db.shape.Unlock()
	db.mu.Lock()
	db.states = states{limit: db.o.CacheBytes}
	db.schemas, db.policies, db.mark, db.unwritten = all, policies, mark, false
	db.late, db.waiting = late, late.waiting()
	db.filed, db.idle = mark.Position, true
	clear(db.declared)
	db.applied.restart(mark.Position)
	db.written.restart(mark.Position)
	db.mu.Unlock()
	return nil
}

// run folds until the DB is closed.
func (f *follower) run() {
	db := f.db
	for db.ctx.Err() == nil {
		err := f.follow()
		if db.ctx.Err() != nil || nacre.CodeOf(err) == nacre.CodeClosed {
			break
		}
		db.fail(err)
		db.o.Logger.Error("the entities cannot follow the log: it is tried again", "error", err)
		// What was begun, and what the gate knows, may be half of what it should be: it begins where the tables are.
		for err != nil && db.ctx.Err() == nil {
			db.rest(pause)
			err = db.rewind(f)
		}
	}
	db.applied.close(errClosed())
	db.written.close(errClosed())
}

// fail tells those who wait for the log to be folded, and for the tables to have it.
func (db *DB) fail(err error) {
	db.applied.fail(err)
	db.written.fail(err)
}

func errClosed() error { return nacre.Errorf(nacre.CodeClosed, "the entities have been closed") }

func (db *DB) rest(d time.Duration) {
	select {
	case <-db.ctx.Done():
	case <-time.After(d):
	}
}

// rewind begins anew where the tables are. What they have is kept where the log has it still. Who listens is told once the
// follower is where the log's end is by then: between, even schemas may not be there yet.
func (db *DB) rewind(f *follower) error {
	db.live.suspend()
	db.writing.Lock()
	defer db.writing.Unlock()
	db.applied.restart(0) // nobody reads what is not there yet
	db.written.restart(0)
	mark, err := db.tables.Mark(db.ctx)
	if err == nil {
		mark, err = db.same(db.ctx, mark)
	}
	if err == nil {
		err = f.start(db.ctx, mark)
	}
	if err != nil {
		db.fail(err)
		return err
	}
	f.anew = true
	return nil
}

// follow reads the log on, until something is wrong.
func (f *follower) follow() error {
	store, ctx := f.db.store, f.db.ctx
	f.seen, f.part = f.at, nil // what was read and not folded is read again
	var end nacre.Position
	for begun := false; ; begun = true {
		head, err := store.Head(ctx)
		switch {
		case err != nil:
			return err
		case head.Epoch != f.seen.Epoch || head.Position < f.seen.Position:
			return nacre.Errorf(nacre.CodeLogRewound, "the log is of epoch %s and ends at %d, and was of epoch %s and read up to %d",
				head.Epoch, head.Position, f.seen.Epoch, f.seen.Position)
		case !begun:
			end = head.Position
		}
		f.tellAnew(end)
		if head.Position == f.seen.Position {
			if err := f.caughtUp(); err != nil {
				return err
			}
			f.tellAnew(end)
			if err := store.Wait(ctx, head.Position); err != nil {
				return err
			}
			continue
		}
		to := min(head.Position, f.seen.Position+stretch)
		for e, err := range store.Read(ctx, nil, &nacre.ReadOptions{After: f.seen.Position, Before: to + 1, Borrowed: true}) {
			if err != nil {
				return err
			}
			if err := f.take(&e); err != nil {
				return err
			}
		}
		if f.seen.Position < to { // positions without events that can be read
			f.seen.Position = to
		}
		f.passed()
	}
}

// tellAnew tells who listens, once, that the follower was begun anew and is at a position.
func (f *follower) tellAnew(at nacre.Position) {
	if f.anew && f.at.Position >= at {
		f.anew = false
		f.db.live.resume(f.at.Position)
		f.db.tellAnew()
	}
}

// caughtUp is called at the log's end. A transaction that has not ended there does not come as it should.
func (f *follower) caughtUp() error {
	if len(f.part) == 0 {
		return nil
	}
	if err := f.slow(); err != nil {
		return err
	}
	f.passed()
	return nil
}

// passed tells how far the follower is.
func (f *follower) passed() {
	if len(f.part) > 0 {
		return
	}
	f.at = f.seen
	db := f.db
	db.mu.Lock()
	db.mark = f.at
	stir := db.stale()
	if !stir && db.idle {
		db.written.set(f.at.Position) // nothing of all this concerns the tables
	}
	db.mu.Unlock()
	db.applied.set(f.at.Position)
	if stir {
		db.stir()
	}
}

// take folds an event.
func (f *follower) take(e *nacre.Event) error {
	if e.Parents == nil {
		if len(f.part) > 0 { // a transaction stands in one place
			if err := f.slow(); err != nil {
				return err
			}
		}
		f.sees(e)
		if e.Type == merge.TypeSchema && strings.HasPrefix(string(e.StreamID), schemas) {
			f.declare(e)
		}
		if e.Type == policyType && strings.HasPrefix(string(e.StreamID), policyStream) {
			f.police(e)
		}
		return nil
	}
	event := e.Clone()
	ev, err := merge.Decode(&event)
	if err != nil {
		f.db.o.Logger.Error("an event of a merge stream is refused: it has no effect", "stream", e.StreamID, "event", e.ID, "error", err)
		f.sees(&event)
		return nil
	}
	if len(f.part) > 0 && f.part[0].Transaction != ev.Transaction {
		if err := f.slow(); err != nil {
			return err
		}
	}
	f.sees(&event)
	f.part = append(f.part, &logged{ev, event})
	if len(f.part) < ev.Size {
		return nil
	}
	if len(f.late) > 0 {
		return f.slow()
	}
	ready, err := f.ready(f.part)
	if err != nil {
		return err
	}
	if !ready {
		return f.slow()
	}
	part := f.part
	f.part = nil
	return f.fold(part, 0)
}

func (f *follower) sees(e *nacre.Event) {
	f.seen.Position, f.seen.EventID = e.GlobalPosition, strings.Clone(e.ID)
}

// ready tells whether all is there that a transaction names, which is so unless somebody appended to the log by other ways
// than this package's. Parents are there, or the log would not have taken it.
func (f *follower) ready(part []*logged) (bool, error) {
	for _, ev := range part {
		for _, id := range ev.Names() {
			n := merge.Name{Stream: ev.Stream, ID: id}
			if f.known.has(n) || slices.Contains(ev.Parents, id) ||
				slices.ContainsFunc(part, func(other *logged) bool { return other.ID == id && other.Stream == ev.Stream }) {
				continue
			}
			if _, there := f.Lookup(n.Stream, id); !there {
				return false, f.trouble
			}
			f.known.add(n)
		}
	}
	return true, nil
}

// slow has the gate say what becomes of the events that were read last.
func (f *follower) slow() error {
	part := f.part
	f.part = nil
	visible := f.offer(part)
	if f.trouble != nil {
		return f.trouble
	}
	return f.fold(visible, part[len(part)-1].event.GlobalPosition)
}

// offer gives the events that become visible when the gate takes others, which were read last.
func (f *follower) offer(part []*logged) []*logged {
	events := make([]*merge.Event, len(part))
	for i, ev := range part {
		events[i] = ev.Event
		f.late[merge.Name{Stream: ev.Stream, ID: ev.ID}] = ev // or it would be found in the log, and be its own duplicate
	}
	out := f.gate.Offer(f.db.o.Now(), merge.FromHere, events...)
	for i, ev := range part {
		if v := out.Verdicts[i]; v != merge.Visible && v != merge.Waiting {
			delete(f.late, merge.Name{Stream: ev.Stream, ID: ev.ID})
		}
	}
	left := len(f.late)
	visible := make([]*logged, 0, len(out.Visible))
	for _, ev := range out.Visible {
		n := merge.Name{Stream: ev.Stream, ID: ev.ID}
		if held := f.late[n]; held != nil {
			visible = append(visible, held)
			delete(f.late, n)
			if slices.Contains(part, held) {
				left-- // it never was late
			}
		}
	}
	for _, ev := range visible {
		for i := range ev.Void { // what is voided is present, whatever it waited for
			delete(f.late, merge.Name{Stream: ev.Stream, ID: ev.Void[i].ID})
		}
	}
	for _, ev := range part {
		if f.late[merge.Name{Stream: ev.Stream, ID: ev.ID}] == ev {
			f.came = append(f.came, ev)
		}
	}
	f.went = f.went || len(f.late) < left
	return visible
}

// lates are the late events after what was offered up to a position; the same ones where nothing has come to wait or has gone.
func (f *follower) lates(all lates, at nacre.Position) lates {
	switch {
	case f.went:
		all = all.with(at, f.late)
	case len(f.came) > 0:
		all = all.and(f.came)
	}
	f.came, f.went = nil, false
	return all
}

// Lookup implements merge.Known: what stands before what is looked at, and does not wait itself.
func (f *follower) Lookup(stream nacre.StreamID, id merge.ID) (merge.Hash, bool) {
	if f.late[merge.Name{Stream: stream, ID: id}] != nil {
		return merge.Hash{}, false
	}
	before := f.seen.Position
	if len(f.part) > 0 {
		before = f.part[0].event.GlobalPosition
	}
	e, found, err := f.db.store.FindEvent(f.db.ctx, stream, id.String())
	if err != nil {
		f.trouble = err
	}
	if err != nil || !found || e.Parents == nil || e.GlobalPosition >= before {
		return merge.Hash{}, false
	}
	return merge.HashOf(&e), true
}

// fold takes visible events into the states, at once for all who look, and the mark with them. Where the gate said that
// they are, until is the position at which it did.
func (f *follower) fold(events []*logged, until nacre.Position) error {
	db := f.db
	anew := map[nacre.StreamID]*merge.Entity{}
	for _, ev := range events {
		if ev.Stream.Rest() == "" {
			continue // no entity's: it would be called ""
		}
		err := db.load(db.ctx, nameOf(ev.Stream), func(st *state) {
			if st == nil {
				st = db.states.add(nameOf(ev.Stream), merge.New(), baseSize)
				st.was = []byte{} // the tables have nothing of it
			}
			db.states.fold(st)
		})
		if err != nil {
			return err
		}
		if len(ev.Void) > 0 && anew[ev.Stream] == nil {
			if anew[ev.Stream], err = f.refold(ev.Stream); err != nil {
				return err
			}
		}
		f.known.add(merge.Name{Stream: ev.Stream, ID: ev.ID})
	}
	changes := make([]Change, 0, len(events))
	db.mu.Lock()
	for _, ev := range events {
		if ev.Stream.Rest() == "" {
			continue
		}
		st := db.states.all[nameOf(ev.Stream)]
		heard := db.heard(st.name)
		var old []byte
		if heard {
			old = db.values(st)
		}
		if e := anew[ev.Stream]; e != nil {
			st.entity, st.frozen = e, false
		} else {
			_ = st.own().Apply(ev.Event) // it is no void
		}
		db.states.soil(st)
		if heard {
			changes = append(changes, changeOf(ev, old, db.values(st)))
		}
	}
	f.at, db.mark = f.seen, f.seen
	much, full := len(db.states.dirty) >= plenty, len(db.states.dirty) >= 2*db.o.Lag
	if until > 0 && (f.went || len(f.came) > 0) {
		gone := f.went
		db.wait(f.lates(db.late, until), gone)
	}
	db.mu.Unlock()
	if much {
		db.hurry()
	}
	db.tell(f.seen.Position, changes)
	if full {
		f.passed()
		return f.pause()
	}
	return nil
}

// pause waits until the tables have taken what waits for them: those that are far behind, as when they are made anew, would have
// the states of all entities wait in memory. Commits wait before that; this is for what was there already.
func (f *follower) pause() error {
	db := f.db
	for {
		db.mu.Lock()
		full, room := len(db.states.dirty) >= 2*db.o.Lag, db.room
		db.mu.Unlock()
		if !full {
			return nil
		}
		if _, err := db.written.state(); err != nil {
			db.applied.fail(fmt.Errorf("the tables of the entities are %d changes behind: %w", 2*db.o.Lag, err))
		}
		db.stir()
		db.hurry()
		select {
		case <-room:
		case <-time.After(pause):
		case <-db.ctx.Done():
			return errClosed()
		}
	}
}

// wait notes which events are late. The DB's lock is held.
func (db *DB) wait(all lates, gone bool) {
	more := all[len(db.late):]
	db.late, db.unwritten = all, true
	if gone {
		db.waiting = all.waiting()
		return
	}
	db.waiting = append(db.waiting, more.waiting()...) // nobody changes what is there
}

// refold folds a stream anew up to what was read, as far as its events are visible.
func (f *follower) refold(stream nacre.StreamID) (*merge.Entity, error) {
	var events []*merge.Event
	for e, err := range f.db.store.ReadStream(f.db.ctx, stream, &nacre.ReadOptions{Before: f.seen.Position + 1}) {
		if err != nil {
			return nil, err
		}
		if ev, err := merge.Decode(&e); err == nil && f.late[merge.Name{Stream: ev.Stream, ID: ev.ID}] == nil {
			events = append(events, ev)
		}
	}
	return merge.Fold(events), nil
}

// police takes a policy's event.
func (f *follower) police(e *nacre.Event) {
	collection, r := policed(e)
	f.db.mu.Lock()
	f.db.policies[collection] = r
	f.db.mu.Unlock()
	f.db.tellDeclared(f.seen.Position, collection)
}

// declare takes a schema's event.
func (f *follower) declare(e *nacre.Event) {
	db := f.db
	db.mu.Lock()
	name := f.schema(db.schemas, e)
	if name != "" {
		db.declared[name] = true
	}
	db.mu.Unlock()
	if name != "" {
		db.tellDeclared(f.seen.Position, name)
	}
}

// schema applies a schema's event, and gives the collection's name.
func (f *follower) schema(all map[string]*merge.Schemas, e *nacre.Event) string {
	collection := strings.Clone(strings.TrimPrefix(string(e.StreamID), schemas))
	s := all[collection]
	if s == nil {
		s = &merge.Schemas{}
	}
	if err := errors.Join(CheckCollection(collection), s.Apply(e.Data)); err != nil {
		f.db.o.Logger.Error("the event of a schema has no effect", "collection", collection, "position", e.GlobalPosition, "error", err)
		return ""
	}
	all[collection] = s
	return collection
}

// recent are the names of events that are there, the last ones that were met.
type recent struct{ now, before map[merge.Name]struct{} }

const mostRecent = 1 << 16

func (r *recent) has(n merge.Name) bool {
	if _, ok := r.now[n]; ok {
		return true
	}
	_, ok := r.before[n]
	return ok
}

func (r *recent) add(n merge.Name) {
	if len(r.now) >= mostRecent {
		r.before, r.now = r.now, nil
	}
	if r.now == nil {
		r.now = make(map[merge.Name]struct{})
	}
	r.now[n] = struct{}{}
}
