package nacre

import (
	"context"
	"fmt"
)

// EventFinder is a driver that finds an event by its id at the cost of a look-up, and not of a read of its
// stream. It gives an acknowledged event, or false.
type EventFinder interface {
	FindEvent(ctx context.Context, stream StreamID, id string) (Event, bool, error)
}

// FindEvent finds the event of a stream that bears an id: the way to know what became of an append whose
// answer was lost. It is false where the stream holds no such event. Of a driver that is no [EventFinder] the
// stream is read.
func (s *Store) FindEvent(ctx context.Context, stream StreamID, id string) (Event, bool, error) {
	if err := s.usable(ctx); err != nil {
		return Event{}, false, err
	}
	if problem := checkStreamID(stream); problem != "" {
		return Event{}, false, invalid("streamId", problem)
	}
	if !validEventID(id) {
		return Event{}, false, invalid("eventId", fmt.Sprintf(
			`is not 1 to %d printable ASCII characters without space, quote and backslash`, maxEventID))
	}
	if finder, ok := s.d.(EventFinder); ok {
		e, found, err := finder.FindEvent(ctx, stream, id)
		return e, found, wrap("find event", err)
	}
	for e, err := range s.ReadStream(ctx, stream, &ReadOptions{Borrowed: true}) {
		if err != nil {
			return Event{}, false, err
		}
		if e.ID == id {
			return e.Clone(), true, nil
		}
	}
	return Event{}, false, nil
}
