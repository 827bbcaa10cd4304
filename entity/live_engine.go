package entity

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
)

const (
	// backlog is how many changes may wait, for the reactor or for a result that is being filled. Beyond that they are let go,
	// and results are filled again.
	backlog = 10_000
	// fillers is how many results are filled at once.
	fillers = 2
)

// live is a DB's reactor: it keeps live queries current, in the log's order. The follower hands it what changes, and never waits
// for it.
type live struct {
	db *DB
	l  *listener

	queueMu sync.Mutex
	queue   []tidings
	changes int           // in the queue
	lost    bool          // some were let go
	turn    int           // of the log: one that was cut, or may have been, has another one
	call    chan struct{} // has a token when there is something in the queue

	slots chan struct{} // of those that fill

	mu      sync.Mutex
	cut     bool               // nothing is told and filled until it is known what the log is
	ctx     context.Context    //nolint:containedctx // of those that fill, in this turn
	end     context.CancelFunc // under mu, so that who fills knows under it whether that counts
	taken   int                // the turn
	at      nacre.Position
	all     map[*standing]struct{}
	indexes map[string]*reactor.Index[*standing]
	others  map[string]map[*standing]struct{} // by collection that they read: those that hear of every change
	hits    []*standing
}

// tidings are what was folded at once.
type tidings struct {
	turn     int
	at       nacre.Position
	changes  []Change
	declared string // a collection's schema has changed
}

func newLive(db *DB) *live {
	r := &live{
		db: db, call: make(chan struct{}, 1), slots: make(chan struct{}, fillers), all: map[*standing]struct{}{},
		indexes: map[string]*reactor.Index[*standing]{}, others: map[string]map[*standing]struct{}{},
	}
	r.ctx, r.end = context.WithCancel(db.ctx)
	r.l = &listener{
		notify:   func(at nacre.Position, changes []Change) { r.push(tidings{at: at, changes: changes}) },
		declared: func(at nacre.Position, collection string) { r.push(tidings{at: at, declared: collection}) },
		closed:   r.close,
	}
	return r
}

// push is called by the follower.
func (r *live) push(f tidings) {
	r.queueMu.Lock()
	defer r.queueMu.Unlock()
	f.turn = r.turn
	if r.changes += len(f.changes); r.changes > backlog {
		r.queue, r.changes, r.lost = nil, 0, true
		f = tidings{turn: f.turn, at: f.at}
	}
	r.queue = append(r.queue, f)
	select {
	case r.call <- struct{}{}:
	default:
	}
}

// run is the reactor's loop.
func (r *live) run() {
	for {
		select {
		case <-r.call:
		case <-r.db.ctx.Done():
			return
		}
		r.queueMu.Lock()
		queue, lost := r.queue, r.lost
		r.queue, r.changes, r.lost = nil, 0, false
		r.queueMu.Unlock()
		if lost {
			r.refillAll()
		}
		for i := range queue {
			r.take(&queue[i])
		}
	}
}

// refillAll has every result filled anew, by a plan that is made anew: schemas and policies may be among what was let go.
func (r *live) refillAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.all {
		r.anew(s)
	}
}

// anew has a result filled by a plan that is made anew. The lock is held.
func (r *live) anew(s *standing) {
	r.forget(s)
	s.stale = true
	r.file(s)
	r.refill(s)
}

// take takes what was folded at once.
func (r *live) take(f *tidings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut || f.turn != r.taken {
		return
	}
	r.at = f.at
	if f.declared != "" {
		r.redeclared(f.declared)
	}
	touched := map[*standing]struct{}{}
	for i := range f.changes {
		c := &f.changes[i]
		h := happened{at: f.at, id: c.ID}
		var old, now query.Row
		if c.Old != nil {
			h.old = query.NewObject(c.ID, c.Old)
			old = h.old
		}
		if c.New != nil {
			h.now = query.NewObject(c.ID, c.New)
			now = h.now
		}
		r.hits = r.hits[:0]
		if x := r.indexes[c.Collection]; x != nil {
			r.hits = x.Match(r.hits, old, now)
		}
		for s := range r.others[c.Collection] {
			r.hits = append(r.hits, s)
		}
		for _, s := range r.hits {
			s.take(&h)
			touched[s] = struct{}{}
		}
	}
	for s := range touched {
		if s.again && !s.filling {
			r.refill(s)
		}
		s.live.stir()
	}
}

// redeclared has the results filled anew that read a collection.
func (r *live) redeclared(collection string) {
	for s := range r.all {
		if slices.Contains(s.reads, collection) {
			r.anew(s)
		}
	}
}

// file has a query hear of what concerns it. Until it was filled by its plan it hears of everything, since that may still change.
// The lock is held.
func (r *live) file(s *standing) {
	if s.filed = s.incremental && s.filled && !s.stale; s.filed {
		x := r.indexes[s.collection]
		if x == nil {
			x = &reactor.Index[*standing]{}
			r.indexes[s.collection] = x
		}
		x.Add(s, s.plan)
		return
	}
	for _, name := range s.reads {
		if r.others[name] == nil {
			r.others[name] = map[*standing]struct{}{}
		}
		r.others[name][s] = struct{}{}
	}
}

// forget takes a query out of all that it hears by. The lock is held.
func (r *live) forget(s *standing) {
	if s.filed {
		x := r.indexes[s.collection]
		x.Remove(s)
		if x.Len() == 0 {
			delete(r.indexes, s.collection)
		}
		s.filed = false
		return
	}
	for _, name := range s.reads {
		delete(r.others[name], s)
		if len(r.others[name]) == 0 {
			delete(r.others, name)
		}
	}
}

// begin has a live query be a standing one, in the place of the one that it was.
func (r *live) begin(l *Live, s *standing) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case r.db.ctx.Err() != nil:
		return errClosed()
	}
	if l.q != nil {
		r.drop(l.q)
	}
	if len(r.all) == 0 {
		r.db.listen(r.l)
	}
	s.live, l.q = l, s
	r.all[s] = struct{}{}
	r.file(s)
	r.refill(s)
	return nil
}

// drop ends a standing query. The lock is held.
func (r *live) drop(s *standing) {
	if _, there := r.all[s]; !there {
		return
	}
	delete(r.all, s)
	r.forget(s)
	if len(r.all) == 0 {
		r.db.unlisten(r.l)
	}
}

// refill has a result filled, or filled once more if that is being done. The lock is held.
func (r *live) refill(s *standing) {
	if s.filling {
		s.again = true
		return
	}
	s.filling, s.again, s.missed = true, false, nil
	if r.cut {
		return
	}
	// What is folded from here on is heard of; what was before is to stand in the tables.
	f := filling{r.ctx, s, max(r.at, r.db.foldedTo())}
	r.db.loops.Go(func() {
		for {
			err := r.fill(&f)
			if err == nil || f.ctx.Err() != nil {
				return
			}
			r.db.o.Logger.Error("a live query cannot be evaluated: it is tried again", "collection", s.collection, "error", err)
			select {
			case <-time.After(pause):
			case <-f.ctx.Done():
			}
		}
	})
}

// filling is a result that is being filled, on tables that have everything up to a position.
type filling struct {
	ctx context.Context //nolint:containedctx // of the turn in which it was begun: what comes after its end does not count
	s   *standing
	at  nacre.Position
}

// foldedTo is up to where the states have the log's events.
func (db *DB) foldedTo() nacre.Position {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.mark.Position
}

// fill evaluates a query.
func (r *live) fill(f *filling) error {
	db, ctx, s, at := r.db, f.ctx, f.s, f.at
	if err := db.tabledAt(ctx, at); err != nil {
		return err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	db.shape.RLock()
	defer db.shape.RUnlock()
	r.mu.Lock()
	if _, there := r.all[s]; !there || ctx.Err() != nil {
		r.mu.Unlock()
		return nil
	}
	if !s.filled || s.stale { // it hears of everything
		r.forget(s)
		s.stale = false
		err := s.check(func(name string) *merge.Schema { return db.columns[name] })
		s.filled = false
		r.file(s)
		if err != nil {
			s.live.end(err)
			r.mu.Unlock()
			return nil
		}
	}
	plan := s.wanted().Bounded(s.bounds)
	r.mu.Unlock()
	result, err := db.tables.Query(ctx, s.collection, plan, nil)
	if err == nil {
		err = s.fits(result)
	}
	switch nacre.CodeOf(err) {
	case nacre.CodeTooLarge, nacre.CodeDeadline, nacre.CodeInvalid: // so it would be again
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, there := r.all[s]; there && ctx.Err() == nil {
			s.live.end(err)
			return nil
		}
	}
	if err != nil {
		return err
	}
	lookup := db.referred(ctx, plan, result.Rows)
	result.Position = max(result.Position, at) // nothing between concerned the tables
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.all[s]; !there || ctx.Err() != nil {
		return nil
	}
	r.forget(s)
	err = s.fill(result, lookup)
	r.file(s)
	if err != nil {
		return err
	}
	if s.again {
		r.refill(s)
	}
	s.live.stir()
	return nil
}

// referred finds what the order of rows leads to, which it has looked up. db.shape is held.
func (db *DB) referred(ctx context.Context, plan *query.Plan, rows []*query.Object) query.Lookup {
	if len(plan.Follows()) == 0 {
		return nil
	}
	look, known := db.lookup(ctx), map[name]query.Row{}
	lookup := func(collection, id string) query.Row {
		n := name{collection, id}
		row, there := known[n]
		if !there {
			row = look(collection, id)
			known[n] = row
		}
		return row
	}
	for _, row := range rows {
		plan.AppendSortKey(nil, row, lookup)
	}
	return lookup
}

// suspend has nothing told and nothing filled until resume: the log may have been cut. The follower calls both.
func (r *live) suspend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	r.end()
	for s := range r.all {
		s.filling, s.again, s.missed = true, false, nil
	}
}

// resume has everything begin anew, in a log that has been folded up to a position.
func (r *live) resume(at nacre.Position) {
	r.queueMu.Lock()
	r.turn++
	turn := r.turn
	r.queue, r.changes, r.lost = nil, 0, false
	r.queueMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut, r.taken, r.at = false, turn, at
	r.ctx, r.end = context.WithCancel(r.db.ctx)
	for s := range r.all {
		s.filling = false
		r.anew(s)
	}
}

// close ends all queries.
func (r *live) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.all {
		s.live.end(errClosed())
	}
}
