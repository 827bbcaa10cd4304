package entity

import (
	"cmp"
	"context"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// late is an event that was not visible when the log had it, since what it names was not there. All others are visible at
// their own positions.
type late struct {
	stream nacre.StreamID
	at     nacre.Position
	until  nacre.Position // at which it became visible; 0 where it waits still
}

// waits tells whether it is not visible yet at a position.
func (l *late) waits(at nacre.Position) bool { return l.until == 0 || l.until > at }

// lates are a log's late events, by position. Nobody changes one.
type lates []late

func (l lates) find(at nacre.Position) (*late, bool) {
	i, there := slices.BinarySearchFunc(l, at, func(x late, at nacre.Position) int { return cmp.Compare(x.at, at) })
	if !there {
		return nil, false
	}
	return &l[i], true
}

// waits tells whether the event at a position is not visible at another one.
func (l lates) waits(event, at nacre.Position) bool {
	x, there := l.find(event)
	return there && x.waits(at)
}

// with are the lates after events became visible at a position, and with what waits since then.
func (l lates) with(visible []*logged, at nacre.Position, waiting map[merge.Name]*logged) lates {
	out := slices.Clone(l)
	for _, ev := range visible {
		if x, there := out.find(ev.event.GlobalPosition); there && x.until == 0 {
			x.until = at
		}
	}
	for _, ev := range waiting {
		if _, there := l.find(ev.event.GlobalPosition); !there {
			out = append(out, late{stream: ev.Stream, at: ev.event.GlobalPosition})
		}
	}
	slices.SortFunc(out, func(a, b late) int { return cmp.Compare(a.at, b.at) })
	return out
}

func (l lates) positions() []nacre.Position {
	out := make([]nacre.Position, len(l))
	for i := range l {
		out[i] = l[i].at
	}
	return out
}

// waiting are the positions of those that wait still.
func (l lates) waiting() []nacre.Position {
	var out []nacre.Position
	for i := range l {
		if l[i].until == 0 {
			out = append(out, l[i].at)
		}
	}
	return out
}

// needs are a late transaction, and what it waits for.
type needs struct {
	events []*logged
	until  nacre.Position
}

// released finds out when late events became visible, in a log that ends at a position: once all of a transaction was there
// and all that it names, which was visible itself. The events are all those of the log that ever waited.
func (db *DB) released(ctx context.Context, events []*logged, end nacre.Position) (lates, error) {
	transactions := map[merge.ID]*needs{}
	of := map[merge.Name]*needs{}
	for _, ev := range events {
		t := transactions[ev.Transaction]
		if t == nil {
			t = &needs{}
			transactions[ev.Transaction] = t
		}
		t.events = append(t.events, ev)
		of[merge.Name{Stream: ev.Stream, ID: ev.ID}] = t
	}
	for again := true; again; {
		again = false
		for _, t := range transactions {
			if t.until > 0 || len(t.events) < t.events[0].Size {
				continue
			}
			until, err := db.until(ctx, t, of, end)
			if err != nil {
				return nil, err
			}
			t.until, again = until, again || until > 0
		}
	}
	out := make(lates, len(events))
	for i, ev := range events {
		out[i] = late{ev.Stream, ev.event.GlobalPosition, transactions[ev.Transaction].until}
	}
	slices.SortFunc(out, func(a, b late) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

// until is where a late transaction became visible, by what is known of others; 0 where it waits.
func (db *DB) until(ctx context.Context, t *needs, of map[merge.Name]*needs, end nacre.Position) (nacre.Position, error) {
	var until nacre.Position
	for _, ev := range t.events {
		until = max(until, ev.event.GlobalPosition)
		for _, id := range slices.Concat(ev.Parents, ev.Names()) {
			n := merge.Name{Stream: ev.Stream, ID: id}
			other := of[n]
			if other == t {
				continue
			}
			if other != nil {
				if other.until == 0 {
					return 0, nil
				}
				until = max(until, other.until)
				continue
			}
			at, err := db.there(ctx, n, end)
			if at == 0 || err != nil {
				return 0, err
			}
			until = max(until, at)
		}
	}
	return until, nil
}

// there is where an event that never waited became visible, with its transaction; 0 where it is not there. What a void names
// is there, too.
func (db *DB) there(ctx context.Context, n merge.Name, end nacre.Position) (nacre.Position, error) {
	e, found, err := db.store.FindEvent(ctx, n.Stream, n.ID.String())
	if err != nil {
		return 0, err
	}
	if !found || e.Parents == nil || e.GlobalPosition > end {
		_, at, err := db.voided(ctx, n, end+1)
		return at, err
	}
	if e.TransactionSize < 2 {
		return e.GlobalPosition, nil
	}
	c, err := db.Transaction(ctx, e.GlobalPosition)
	return c.Last, err
}

// voided is the hash that a void before a position gives of an event, and where the void stands; 0 where there is none.
func (db *DB) voided(ctx context.Context, n merge.Name, before nacre.Position) (merge.Hash, nacre.Position, error) {
	f := nacre.Filter{{Streams: []nacre.StreamID{n.Stream}, Types: []string{merge.TypeVoid}}}
	for e, err := range db.store.Read(ctx, f, &nacre.ReadOptions{Before: before}) {
		if err != nil {
			return merge.Hash{}, 0, err
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			continue
		}
		for i := range ev.Void {
			if ev.Void[i].ID == n.ID {
				return ev.Void[i].Hash, e.GlobalPosition, nil
			}
		}
	}
	return merge.Hash{}, 0, nil
}
