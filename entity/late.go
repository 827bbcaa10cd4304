package entity

import (
	"cmp"
	"context"
	"maps"
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

// with are the lates after events became visible at a position, when those are left that wait.
func (l lates) with(at nacre.Position, waiting map[merge.Name]*logged) lates {
	left := make(map[nacre.Position]bool, len(waiting))
	out := slices.Clone(l)
	for _, ev := range waiting {
		left[ev.event.GlobalPosition] = true
		if _, there := l.find(ev.event.GlobalPosition); !there {
			out = append(out, late{stream: ev.Stream, at: ev.event.GlobalPosition})
		}
	}
	for i := range out {
		if x := &out[i]; x.until == 0 && !left[x.at] {
			x.until = at
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

// lateness finds out when late events became visible, in a log that ends at a position.
type lateness struct {
	db    *DB
	end   nacre.Position
	until map[merge.Name]nacre.Position // of all events that ever waited; 0 where it is not known
	voids map[merge.Name][]merge.Name   // of those, by what they void
	found map[merge.Name]nacre.Position // where others are, with their transactions
}

// released are late events, all those of the log that ever waited. One became visible once all of its transaction was there and all
// that it names, which was visible itself; or it was voided, and its transaction waits for ever.
func (db *DB) released(ctx context.Context, events []*logged, end nacre.Position) (lates, error) {
	x := &lateness{db, end, map[merge.Name]nacre.Position{}, map[merge.Name][]merge.Name{}, map[merge.Name]nacre.Position{}}
	transactions := map[merge.ID][]*logged{}
	for _, ev := range events {
		transactions[ev.Transaction] = append(transactions[ev.Transaction], ev)
		x.until[nameIn(ev)] = 0
	}
	if err := x.findVoids(ctx); err != nil {
		return nil, err
	}
	// Events name lesser ids, so in their order one pass finds most.
	order := slices.SortedFunc(maps.Keys(transactions), merge.ID.Compare)
	for again := true; again; {
		again = false
		var next nacre.Position
		var which []*logged
		for _, id := range order {
			at, voided, err := x.when(ctx, transactions[id])
			if err != nil {
				return nil, err
			}
			for _, v := range voided {
				if v.at > 0 && (next == 0 || v.at < next) {
					next, which = v.at, []*logged{v.event}
				}
			}
			switch {
			case at == 0:
			case len(voided) == 0:
				x.become(transactions[id], at)
				again = true
			case next == 0 || at < next:
				next, which = at, transactions[id]
			}
		}
		// Where there are voids it counts what comes first.
		if !again && next > 0 {
			x.become(which, next)
			again = true
		}
	}
	out := make(lates, len(events))
	for i, ev := range events {
		out[i] = late{ev.Stream, ev.event.GlobalPosition, x.until[nameIn(ev)]}
	}
	slices.SortFunc(out, func(a, b late) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

func (x *lateness) become(events []*logged, at nacre.Position) {
	for _, ev := range events {
		x.until[nameIn(ev)] = at
	}
}

// voidedAt is a late event that some void names, and where the first of those became visible; 0 where that is not known.
type voidedAt struct {
	event *logged
	at    nacre.Position
}

// when is where a late transaction becomes visible, 0 where that is not known or it has, and what of it is voided.
func (x *lateness) when(ctx context.Context, events []*logged) (nacre.Position, []voidedAt, error) {
	var voided []voidedAt
	for _, ev := range events {
		if len(x.voids[nameIn(ev)]) == 0 || x.until[nameIn(ev)] > 0 {
			continue
		}
		var first nacre.Position
		for _, void := range x.voids[nameIn(ev)] {
			at, err := x.there(ctx, void)
			if err != nil {
				return 0, nil, err
			}
			if at > 0 && (first == 0 || at < first) {
				first = at
			}
		}
		voided = append(voided, voidedAt{ev, first})
	}
	at, err := x.whole(ctx, events)
	return at, voided, err
}

// findVoids reads the voids of all streams that have late events.
func (x *lateness) findVoids(ctx context.Context) error {
	streams := map[nacre.StreamID]bool{}
	for n := range x.until {
		streams[n.Stream] = true
	}
	for stream := range streams {
		f := nacre.Filter{{Streams: []nacre.StreamID{stream}, Types: []string{merge.TypeVoid}}}
		for e, err := range x.db.store.Read(ctx, f, &nacre.ReadOptions{Before: x.end + 1}) {
			if err != nil {
				return err
			}
			ev, err := merge.Decode(&e)
			if err != nil {
				continue
			}
			for i := range ev.Void {
				n := merge.Name{Stream: stream, ID: ev.Void[i].ID}
				if _, late := x.until[n]; late {
					x.voids[n] = append(x.voids[n], merge.Name{Stream: stream, ID: ev.ID})
				}
			}
		}
	}
	return nil
}

func nameIn(ev *logged) merge.Name { return merge.Name{Stream: ev.Stream, ID: ev.ID} }

// whole is where a late transaction becomes visible, by what is known of others; 0 where it waits, or did not.
func (x *lateness) whole(ctx context.Context, events []*logged) (nacre.Position, error) {
	if len(events) < events[0].Size {
		return 0, nil
	}
	own := map[merge.Name]bool{}
	for _, ev := range events {
		if x.until[nameIn(ev)] > 0 {
			return 0, nil
		}
		own[nameIn(ev)] = true
		for i := range ev.Void {
			own[merge.Name{Stream: ev.Stream, ID: ev.Void[i].ID}] = true
		}
	}
	var until nacre.Position
	for _, ev := range events {
		until = max(until, ev.event.GlobalPosition)
		for _, id := range slices.Concat(ev.Parents, ev.Names()) {
			n := merge.Name{Stream: ev.Stream, ID: id}
			if own[n] {
				continue
			}
			at, err := x.there(ctx, n)
			if at == 0 || err != nil {
				return 0, err
			}
			until = max(until, at)
		}
	}
	return until, nil
}

// there is where an event became visible, with its transaction; 0 where it is not there.
func (x *lateness) there(ctx context.Context, n merge.Name) (nacre.Position, error) {
	if until, waited := x.until[n]; waited {
		return until, nil
	}
	if at, known := x.found[n]; known {
		return at, nil
	}
	at := nacre.Position(0)
	e, found, err := x.db.store.FindEvent(ctx, n.Stream, n.ID.String())
	switch {
	case err != nil:
		return 0, err
	case !found || e.Parents == nil || e.GlobalPosition > x.end:
	case e.TransactionSize < 2:
		at = e.GlobalPosition
	default:
		c, err := x.db.Transaction(ctx, e.GlobalPosition)
		if err != nil {
			return 0, err
		}
		at = c.Last
	}
	x.found[n] = at
	return at, nil
}
