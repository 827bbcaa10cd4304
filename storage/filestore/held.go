package filestore

import (
	"bytes"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// held looks for the request's given ids up to a position. All held as they are: the first outcome. None
// held: nil. Anything else is a conflict.
func (l *log) held(s *snapshot, r *request, upTo nacre.Position) ([]nacre.Appended, error) {
	var found []nacre.Event
	missing := ""
	for i := range r.appends {
		for e, term := range r.appends[i].given {
			first, ok, err := l.findID(s, e, term, upTo)
			switch {
			case err != nil:
				return nil, err
			case ok:
				found = append(found, first)
			default:
				missing = e.ID
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	if len(found) < r.events {
		reason := "the request has events without ids beside it"
		if missing != "" {
			reason = "of the request's other events, " + missing + " is not held"
		}
		f := &found[0]
		return nil, &nacre.EventIDConflictError{
			Stream: f.StreamID, ID: f.ID, Position: f.GlobalPosition,
			Reason: reason + ": append again exactly what was appended first, or give new ids",
		}
	}
	return firstOutcome(r, found)
}

// firstOutcome checks that what is held is what was asked for, in order and side by side.
func firstOutcome(r *request, found []nacre.Event) ([]nacre.Appended, error) {
	out := make([]nacre.Appended, len(r.appends))
	for i := range r.appends {
		a := &r.appends[i]
		held := found[:len(a.events):len(a.events)]
		found = found[len(a.events):]
		for j := range held {
			was, is := &held[j], &a.events[j]
			conflict := func(reason string) error {
				return &nacre.EventIDConflictError{Stream: was.StreamID, ID: was.ID, Position: was.GlobalPosition, Reason: reason}
			}
			switch {
			case was.Type != is.Type:
				return nil, conflict("with type " + was.Type + ", not " + is.Type)
			case !bytes.Equal(was.Data, is.Data) || !bytes.Equal(was.Binary, is.Binary):
				return nil, conflict("with other data")
			case (was.Parents == nil) != (is.Parents == nil) || !slices.Equal(was.Parents, is.Parents):
				return nil, conflict("with other parents")
			case j > 0 && was.StreamPosition != held[j-1].StreamPosition+1:
				return nil, conflict("it does not follow the request's event before it in the stream")
			}
		}
		out[i] = nacre.Appended{Version: held[len(held)-1].StreamPosition, Events: held, Duplicate: true}
	}
	return out, nil
}

// findID finds the event that bears e's id in e's stream.
func (l *log) findID(s *snapshot, e *nacre.Event, idTerm uint64, upTo nacre.Position) (nacre.Event, bool, error) {
	var room [32]*index.Run
	candidates, err := index.Candidates(room[:0], s.runs, idTerm)
	if err != nil {
		return nacre.Event{}, false, err
	}
	if len(candidates) == 0 && !s.inMemory(idTerm) {
		return nacre.Event{}, false, nil // most ids end here
	}
	for c := range s.chunks(backward, 1, upTo) {
		if c.run != nil && !slices.Contains(candidates, c.run) {
			continue
		}
		first, ok, err := l.findIDIn(s, c, e, idTerm)
		if ok || err != nil {
			return first, ok, err
		}
	}
	return nacre.Event{}, false, nil
}

// inMemory tells whether an event that is not in the runs yet has a term.
func (s *snapshot) inMemory(term uint64) bool {
	for _, m := range s.mems {
		m.mu.RLock()
		_, there := m.idx.LastOf(term)
		m.mu.RUnlock()
		if there {
			return true
		}
	}
	return false
}

// findIDIn looks in a part of the index.
func (l *log) findIDIn(s *snapshot, c *chunk, e *nacre.Event, idTerm uint64) (nacre.Event, bool, error) {
	lookup, err := c.lookup(idTerm)
	if err != nil {
		return nacre.Event{}, false, err
	}
	it := lookup.Walk(backward, uint64(c.last)+1)
	for p, ok := it.Next(); ok; p, ok = it.Next() {
		if nacre.Position(p) < c.first {
			break
		}
		v, free, err := l.viewAt(s, nacre.Position(p))
		if err != nil {
			return nacre.Event{}, false, err
		}
		if string(v.StreamID) == string(e.StreamID) && string(v.ID) == e.ID {
			var first nacre.Event
			v.Event(&first, false)
			free()
			return first, true, nil
		}
		free() // another id with the same hash
	}
	return nacre.Event{}, false, it.Err()
}
