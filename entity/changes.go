package entity

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// Changes are the changes of all entities as a store that can only be read: what projections, process managers, relays and
// subscriptions follow where they want rows and not operations. An event of it is what an event of the log did to an
// entity's row:
//
//   - it stands at the same position, in the entity's stream, and has the same id, metadata, tags, time and transaction;
//   - its type is "<collection>.created", ".changed", ".deleted" or ".restored", by what happened to the row: created is a row of an
//     entity that had no events, restored one of an entity that had some;
//   - its data is a [Change] without its name: {"old":…,"new":…,"cause":{…}}, the rows by the schema of today.
//
// An event that changes nothing that is shown, one that came too late, say, is not there, and neither is any of a collection
// without a schema; so positions, and stream positions, have gaps. A void is one change of its entity. An event that had to wait for
// others has its effect where they came: with that of the last of them where it is the same entity; otherwise it is a change of its own,
// at that position as well, which happens only where a transaction over several entities names what is not there. Taking the new rows in
// order, by stream, gives the table.
//
// What is read behind a position is a function of the log alone and of today's schemas: reading it again gives the same. To
// begin somewhere, each entity that is met is folded from its stream, once, as far as the DB's CacheBytes allow; whoever follows goes
// on from what was folded. Streams and categories in a filter are asked of the log; types and tags cost as if they were not there.
// Backwards, entities are folded again for each stretch of a thousand positions.
//
// The store is at the end of what the DB has folded, in the log's epoch. Its companion log and blobs are the store's own: give who
// follows it a name that no follower of the log has. Appending fails with CodeReadOnly. It is closed with the DB, which it belongs to;
// closing it closes nothing else.
func (db *DB) Changes() *nacre.Store {
	c := &changeLog{db}
	if blobs, err := db.store.Blobs(); err == nil {
		return nacre.NewStore(&changeLogAndBlobs{c, blobs}, nil)
	}
	return nacre.NewStore(c, nil)
}

// changeLogAndBlobs is the driver of Changes where the store has blobs.
type changeLogAndBlobs struct {
	*changeLog
	nacre.BlobKeeper
}

// changeLog is the driver of Changes.
type changeLog struct{ db *DB }

var (
	_ nacre.Driver      = (*changeLog)(nil)
	_ nacre.EventFinder = (*changeLog)(nil)
	_ nacre.Companion   = (*changeLog)(nil)
)

// Append implements nacre.Driver.
func (c *changeLog) Append(context.Context, []nacre.Append, *nacre.Condition) ([]nacre.Appended, error) {
	return nil, nacre.Errorf(nacre.CodeReadOnly, "the changes of entities are what their events come to: edit the entities")
}

// Close implements nacre.Driver.
func (c *changeLog) Close() error { return nil }

// System implements nacre.Companion.
func (c *changeLog) System() nacre.Driver {
	if system := c.db.store.System(); system != nil {
		return system.Driver()
	}
	return nil
}

// open tells whether the DB is, once it has folded everything that was acknowledged before.
func (c *changeLog) open(ctx context.Context) error {
	if c.db.ctx.Err() != nil {
		return errClosed()
	}
	return c.db.current(ctx)
}

// Head implements nacre.Driver.
func (c *changeLog) Head(ctx context.Context) (nacre.Head, error) {
	if err := c.open(ctx); err != nil {
		return nacre.Head{}, err
	}
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	return nacre.Head{Position: c.db.mark.Position, Epoch: c.db.mark.Epoch}, nil
}

// Wait implements nacre.Driver.
func (c *changeLog) Wait(ctx context.Context, after nacre.Position) error {
	if c.db.ctx.Err() != nil {
		return errClosed()
	}
	until, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(c.db.ctx, end)() //nolint:contextcheck // the wait ends with the DB as well
	err := c.db.store.Wait(until, after)
	if c.db.ctx.Err() != nil && ctx.Err() == nil {
		return errClosed()
	}
	return err
}

// FindEvent implements nacre.EventFinder.
func (c *changeLog) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (nacre.Event, bool, error) {
	if err := c.open(ctx); err != nil {
		return nacre.Event{}, false, err
	}
	cause, found, err := c.db.store.FindEvent(ctx, stream, id)
	if err != nil || !found {
		return nacre.Event{}, false, err
	}
	r := c.begin(nacre.Filter{{Streams: []nacre.StreamID{stream}}})
	at := cause.GlobalPosition
	if l, was := r.late.find(at); was {
		at = l.until
	}
	if at == 0 || at > r.end {
		return nacre.Event{}, false, nil
	}
	for e, err := range r.forward(ctx, at-1, at) {
		if err != nil || e.ID == id {
			return e, err == nil, err
		}
	}
	return nacre.Event{}, false, nil
}

// Read implements nacre.Driver.
func (c *changeLog) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		if err := c.open(ctx); err != nil {
			yield(nacre.Event{}, err)
			return
		}
		r := c.begin(f)
		to := r.end
		if o.Before > 0 {
			to = min(to, o.Before-1)
		}
		events := r.forward(ctx, o.After, to)
		if o.Backwards {
			events = r.backward(ctx, o.After, to)
		}
		n := 0
		for e, err := range events {
			if err == nil && (!f.Matches(&e) || e.StreamPosition < o.From || o.Until > 0 && e.StreamPosition >= o.Until) {
				continue
			}
			if n++; !yield(e, err) || err != nil || n == o.Limit {
				return
			}
		}
	}
}

// changeRead is one reading of changes, of the log and the schemas as they were when it began.
type changeRead struct {
	db      *DB
	log     nacre.Filter // of streams
	end     nacre.Position
	epoch   string
	late    lates
	schemas map[string]*merge.Schema
	folds   folds
}

func (c *changeLog) begin(f nacre.Filter) *changeRead {
	db := c.db
	r := &changeRead{db: db, log: inStreams(f), schemas: map[string]*merge.Schema{}}
	db.mu.Lock()
	defer db.mu.Unlock()
	r.end, r.epoch, r.late = db.mark.Position, db.mark.Epoch, db.late
	for name, s := range db.schemas {
		r.schemas[name] = s.Current()
	}
	r.folds.limit = db.o.CacheBytes / 4
	return r
}

// shown tells whether a stream is an entity's, of a collection with a schema.
func (r *changeRead) shown(stream nacre.StreamID) bool {
	return stream.Rest() != "" && r.schemas[stream.Category()] != nil
}

// stretchBack is how many positions a backward reading takes at once.
const stretchBack = 1000

// backward yields changes behind one position up to another, the newest first.
func (r *changeRead) backward(ctx context.Context, after, to nacre.Position) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		for to > after {
			from := max(after, to-min(to, stretchBack))
			var some []nacre.Event
			for e, err := range r.forward(ctx, from, to) {
				if err != nil {
					yield(e, err)
					return
				}
				some = append(some, e)
			}
			for _, e := range slices.Backward(some) {
				if !yield(e, nil) {
					return
				}
			}
			to, r.folds = from, folds{limit: r.folds.limit}
		}
	}
}

// forward yields changes behind one position up to another.
func (r *changeRead) forward(ctx context.Context, after, to nacre.Position) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		if after >= to {
			return
		}
		defer func() { r.db.remembered.leave(r.epoch, &r.folds) }()
		due := r.due(after, to)
		for e, err := range r.db.store.Read(ctx, r.log, &nacre.ReadOptions{After: after, Before: to + 1, Borrowed: true}) {
			if err != nil {
				yield(nacre.Event{}, err)
				return
			}
			var own *logged
			if _, was := r.late.find(e.GlobalPosition); !was && e.Parents != nil && r.shown(e.StreamID) {
				kept := e.Clone()
				if ev, err := merge.Decode(&kept); err == nil {
					own = &logged{ev, kept}
				}
			}
			for len(due) > 0 && due[0].until < e.GlobalPosition {
				var goOn bool
				if due, goOn = r.step(ctx, due, due[0].until, nil, yield); !goOn {
					return
				}
			}
			if own != nil || len(due) > 0 && due[0].until == e.GlobalPosition {
				var goOn bool
				if due, goOn = r.step(ctx, due, e.GlobalPosition, own, yield); !goOn {
					return
				}
			}
		}
		for len(due) > 0 {
			var goOn bool
			if due, goOn = r.step(ctx, due, due[0].until, nil, yield); !goOn {
				return
			}
		}
	}
}

// due are the late events that become visible behind one position and up to another, in that order.
func (r *changeRead) due(after, to nacre.Position) lates {
	var out lates
	for i := range r.late {
		l := &r.late[i]
		e := nacre.Event{StreamID: l.stream}
		if l.until > after && l.until <= to && r.log.Matches(&e) && r.shown(l.stream) {
			out = append(out, *l)
		}
	}
	slices.SortStableFunc(out, func(a, b late) int { return cmp.Compare(a.until, b.until) })
	return out
}

// step yields what changes at a position, by the log's own event, nil where there is none that counts, and by the first of
// those that are due.
func (r *changeRead) step(ctx context.Context, due lates, at nacre.Position, own *logged, yield func(nacre.Event, error) bool) (lates, bool) {
	var order []nacre.StreamID
	events := map[nacre.StreamID][]*logged{}
	if own != nil {
		order, events[own.Stream] = append(order, own.Stream), []*logged{own}
	}
	for len(due) > 0 && due[0].until == at {
		ev, err := r.event(ctx, due[0].at)
		if err != nil {
			yield(nacre.Event{}, err)
			return nil, false
		}
		due = due[1:]
		if ev == nil {
			continue
		}
		if events[ev.Stream] == nil {
			order = append(order, ev.Stream)
		}
		events[ev.Stream] = append(events[ev.Stream], ev)
	}
	for _, stream := range order {
		e, changed, err := r.change(ctx, at, own, events[stream])
		if err != nil {
			yield(nacre.Event{}, err)
			return nil, false
		}
		if changed && !yield(e, nil) {
			return nil, false
		}
	}
	return due, true
}

// change is what events of an entity that become visible at a position do to its row.
func (r *changeRead) change(ctx context.Context, at nacre.Position, own *logged, events []*logged) (nacre.Event, bool, error) {
	cause := events[len(events)-1]
	if own != nil && events[0] == own {
		cause = own
	}
	n := nameOf(cause.Stream)
	f, err := r.fold(ctx, n, at)
	if err != nil {
		return nacre.Event{}, false, err
	}
	verb, known := "changed", len(f.entity.Heads()) > 0
	old, changed, err := r.take(ctx, f, at, events)
	if err != nil || !changed {
		return nacre.Event{}, false, err
	}
	switch {
	case f.row == nil:
		verb = "deleted"
	case old == nil && known:
		verb = "restored"
	case old == nil:
		verb = "created"
	}
	c := changeOf(cause, old, f.row)
	data, err := json.Marshal(struct {
		Old   json.RawMessage `json:"old"`
		New   json.RawMessage `json:"new"`
		Cause Cause           `json:"cause"`
	}{c.Old, c.New, c.Cause})
	if err != nil {
		return nacre.Event{}, false, err
	}
	e := &cause.event
	return nacre.Event{
		GlobalPosition: at, StreamPosition: e.StreamPosition, StreamID: e.StreamID, ID: e.ID, Type: n.collection + "." + verb,
		CreatedAt: e.CreatedAt, Data: data, Metadata: e.Metadata, Tags: e.Tags, TransactionID: e.TransactionID,
	}, true, nil
}
