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

// and are the lates with events that have come to wait, which stand behind all of them.
func (l lates) and(came []*logged) lates {
	for _, ev := range came {
		l = append(l, late{stream: ev.Stream, at: ev.event.GlobalPosition}) // nobody changes what is there
	}
	return l
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

// replay has the gate take what ever waited once more, with what it waited for, in the log's order, up to where the follower is: so it
// stands again as it did, and it is known when each of them became visible.
func (f *follower) replay(ctx context.Context, waited []*logged) (lates, error) {
	events, err := f.concerned(ctx, waited)
	if err != nil {
		return nil, err
	}
	end := f.seen
	var out lates
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].Transaction == events[0].Transaction && events[n].event.GlobalPosition == events[n-1].event.GlobalPosition+1 {
			n++
		}
		f.seen.Position = events[n-1].event.GlobalPosition
		f.offer(events[:n])
		if f.trouble != nil {
			return nil, f.trouble
		}
		out = f.lates(out, f.seen.Position)
		events = events[n:]
	}
	f.seen = end
	return out, nil
}

// concerned are late events, and those that the gate looked at because of them: what they name, what voids them, and whole
// transactions of all these.
func (f *follower) concerned(ctx context.Context, waited []*logged) ([]*logged, error) {
	all := map[nacre.Position]*logged{}
	names := map[merge.Name]bool{}
	streams := map[nacre.StreamID]bool{}
	for _, ev := range waited {
		streams[ev.Stream] = true
		if err := f.concern(ctx, all, &ev.event); err != nil {
			return nil, err
		}
		for _, id := range slices.Concat(ev.Parents, ev.Names()) {
			names[merge.Name{Stream: ev.Stream, ID: id}] = true
		}
	}
	for n := range names {
		e, found, err := f.db.store.FindEvent(ctx, n.Stream, n.ID.String())
		if err == nil && found && e.Parents != nil && e.GlobalPosition >= waited[0].event.GlobalPosition {
			err = f.concern(ctx, all, &e)
		}
		if err != nil {
			return nil, err
		}
	}
	for stream := range streams {
		voids := nacre.Filter{{Streams: []nacre.StreamID{stream}, Types: []string{merge.TypeVoid}}}
		for e, err := range f.db.store.Read(ctx, voids, &nacre.ReadOptions{After: waited[0].event.GlobalPosition}) {
			if err == nil {
				err = f.concern(ctx, all, &e)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	out := make([]*logged, 0, len(all))
	for _, at := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[at])
	}
	return out, nil
}

// concern adds an event with its transaction, where it stands up to where the follower is.
func (f *follower) concern(ctx context.Context, all map[nacre.Position]*logged, e *nacre.Event) error {
	if all[e.GlobalPosition] != nil || e.GlobalPosition > f.seen.Position {
		return nil
	}
	events := []nacre.Event{*e}
	if e.TransactionSize > 1 {
		c, err := f.db.Transaction(ctx, e.GlobalPosition)
		if err != nil {
			return err
		}
		events = c.Events
	}
	for i := range events {
		if ev, err := merge.Decode(&events[i]); err == nil {
			all[events[i].GlobalPosition] = &logged{ev, events[i]}
		}
	}
	return nil
}
