package memstore

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// conditionPositions is how many matches a ConditionError tells at most.
const conditionPositions = 100

// Append commits the batch or nothing of it.
func (l *log) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	if held, err := l.held(batch); held || err != nil {
		return l.firstOutcomes(batch, err)
	}
	if err := l.checkKinds(batch); err != nil {
		return nil, err
	}
	if err := l.checkParents(batch); err != nil {
		return nil, err
	}
	for i := range batch {
		a := &batch[i]
		if current := l.version(a.Stream); !a.Expected.Allows(current) {
			return nil, &nacre.ConflictError{Stream: a.Stream, Expected: a.Expected, Current: current}
		}
	}
	if err := l.checkCondition(c); err != nil {
		return nil, err
	}
	return l.write(batch), nil
}

func (l *log) version(id nacre.StreamID) int64 { return int64(len(l.streams[id])) - 1 }

// held tells whether the log holds the batch already. Where it holds a part, or something else under
// one of its ids, that is the error.
func (l *log) held(batch []nacre.Append) (bool, error) {
	var found *nacre.EventIDConflictError // an id that is held
	missing := false
	for i := range batch {
		a := &batch[i]
		var before nacre.Position // of the event before, in this append
		for j := range a.Events {
			e := &a.Events[j]
			at, ok := l.ids[heldID{a.Stream, e.ID}]
			if e.ID == "" || !ok {
				missing = true
				continue
			}
			conflict := &nacre.EventIDConflictError{Stream: a.Stream, ID: e.ID, Position: at}
			if found == nil {
				found = conflict
			}
			if !sameFact(l.at(at), e) {
				conflict.Reason = "with another type, other data or other parents"
				return false, conflict
			}
			if j > 0 && before != 0 && l.at(at).StreamPosition != l.at(before).StreamPosition+1 {
				conflict.Reason = "not right behind the event before it in this append"
				return false, conflict
			}
			before = at
		}
	}
	if found != nil && missing {
		found.Reason = "and others of this request's events are new: append those alone"
		return false, found
	}
	return found != nil, nil
}

func sameFact(a, b *nacre.Event) bool {
	return a.Type == b.Type && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Binary, b.Binary) &&
		(a.Parents == nil) == (b.Parents == nil) && slices.Equal(a.Parents, b.Parents)
}

func (l *log) firstOutcomes(batch []nacre.Append, err error) ([]nacre.Appended, error) {
	if err != nil {
		return nil, err
	}
	out := make([]nacre.Appended, len(batch))
	for i := range batch {
		a := &batch[i]
		events := make([]nacre.Event, len(a.Events))
		for j := range a.Events {
			events[j] = l.at(l.ids[heldID{a.Stream, a.Events[j].ID}]).Clone()
		}
		out[i] = nacre.Appended{Version: events[len(events)-1].StreamPosition, Events: events, Duplicate: true}
	}
	return out, nil
}

func (l *log) checkCondition(c *nacre.Condition) error {
	if c == nil {
		return nil
	}
	var matches []nacre.Position
	for _, e := range l.events[min(c.After, nacre.Position(len(l.events))):] {
		if c.FailIfEventsMatch.Matches(&e.event) {
			matches = append(matches, e.event.GlobalPosition)
		}
		if len(matches) == conditionPositions {
			break
		}
	}
	if matches == nil {
		return nil
	}
	return &nacre.ConditionError{After: c.After, Positions: matches}
}

// write adds the batch to the log.
func (l *log) write(batch []nacre.Append) []nacre.Appended {
	now := l.time()
	first := nacre.Position(len(l.events)) + 1
	out := make([]nacre.Appended, len(batch))
	for i := range batch {
		a := &batch[i]
		events := make([]nacre.Event, len(a.Events))
		for j := range a.Events {
			e := a.Events[j].Clone()
			e.StreamID = nacre.StreamID(strings.Clone(string(a.Stream)))
			if e.ID == "" {
				e.ID = nacre.NewID()
			}
			if e.CreatedAt.IsZero() {
				e.CreatedAt = now
			}
			e.GlobalPosition = nacre.Position(len(l.events)) + 1
			e.StreamPosition = l.version(e.StreamID) + 1
			l.events = append(l.events, entry{event: e})
			l.streams[e.StreamID] = append(l.streams[e.StreamID], e.GlobalPosition)
			l.ids[heldID{e.StreamID, e.ID}] = e.GlobalPosition
			if e.StreamPosition == 0 {
				l.kinds[e.StreamID.Category()] = e.Parents != nil
			}
			events[j] = e.Clone()
		}
		out[i] = nacre.Appended{Version: events[len(events)-1].StreamPosition, Events: events}
	}
	last := nacre.Position(len(l.events))
	for p := first; p <= last; p++ {
		l.events[p-1].first, l.events[p-1].last = first, last
	}
	l.wake()
	return out
}

// time is the clock's, but never before one that it gave.
func (l *log) time() time.Time {
	if now := l.now().UTC().Truncate(time.Microsecond); now.After(l.newest) {
		l.newest = now
	}
	return l.newest
}
