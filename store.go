package nacre

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
)

// Store is one log with its derived data, kept by a [Driver]. Its methods may be called from many
// goroutines. Close finishes what was accepted.
type Store struct {
	d      Driver
	limits Limits
	system *Store
	closed atomic.Bool
}

// NewStore makes a store of a driver; for drivers' constructors. limits may be nil.
func NewStore(d Driver, limits *Limits) *Store {
	s := &Store{d: d, limits: limits.withDefaults()}
	if c, ok := d.(Companion); ok {
		if system := c.System(); system != nil {
			s.system = &Store{d: system, limits: s.limits}
		}
	}
	return s
}

// Driver is what keeps this store's events; for what is not in Store's own methods.
func (s *Store) Driver() Driver { return s.d }

// System is the companion log: where frameworks and servers keep what they must remember, so that this
// log holds the user's events only. It is in every backup, and is closed with its store. It is nil for
// a companion log itself, and for a driver that has none.
func (s *Store) System() *Store { return s.system }

// Append adds events to one stream, in order, all or none. A stale expectation is a [*ConflictError].
func (s *Store) Append(ctx context.Context, id StreamID, expected ExpectedVersion, events ...Event) (Appended, error) {
	out, err := s.Commit(ctx, nil, Append{Stream: id, Expected: expected, Events: events})
	if err != nil {
		return Appended{}, err
	}
	return out[0], nil
}

// Commit takes the whole batch or nothing of it; c may be nil. Outcomes are in the batch's order. Each
// stream may stand in a batch once.
//
// A batch is of merge streams, whose events have Parents, or of ordered ones. Of several events of merge streams
// it makes a transaction: their ids have to be consecutive, over all its streams, and ascend in each.
func (s *Store) Commit(ctx context.Context, c *Condition, batch ...Append) ([]Appended, error) {
	return s.commit(ctx, c, batch, false)
}

// Import is Commit for events that come from elsewhere: their CreatedAt, TransactionID and TransactionSize, where
// set, are kept. Positions are always this store's own. A transaction of merge streams has to be in the batch
// whole; there may be several, and single events beside them.
func (s *Store) Import(ctx context.Context, batch ...Append) ([]Appended, error) {
	return s.commit(ctx, nil, batch, true)
}

func (s *Store) commit(ctx context.Context, c *Condition, batch []Append, imported bool) ([]Appended, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if c != nil {
		if err := c.FailIfEventsMatch.Check("condition.failIfEventsMatch"); err != nil {
			return nil, err
		}
	}
	prepared, err := s.limits.prepare(batch, imported)
	if err != nil {
		return nil, err
	}
	out, err := s.d.Append(ctx, prepared, c)
	if err != nil {
		return nil, wrap("append", err)
	}
	return out, nil
}

// Read yields in global order what f selects, as of the call; after an error nothing more.
func (s *Store) Read(ctx context.Context, f Filter, o *ReadOptions) iter.Seq2[Event, error] {
	return guarded(s, ctx, f, o, s.d.Read)
}

// ReadStream yields nothing for a stream that does not exist.
func (s *Store) ReadStream(ctx context.Context, id StreamID, o *ReadOptions) iter.Seq2[Event, error] {
	return s.Read(ctx, Filter{{Streams: []StreamID{id}}}, o)
}

// ReadLines is Read, giving the stored lines with their checksums verified. A driver without lines
// gives CodeUnsupported.
func (s *Store) ReadLines(ctx context.Context, f Filter, o *ReadOptions) iter.Seq2[Line, error] {
	lines, ok := s.d.(LineReader)
	if !ok {
		return failed[Line](s.unsupported("stored lines"))
	}
	return guarded(s, ctx, f, o, lines.ReadLines)
}

// guarded checks a read's arguments, and wraps its errors.
func guarded[T any](s *Store, ctx context.Context, f Filter, o *ReadOptions,
	read func(context.Context, Filter, *ReadOptions) iter.Seq2[T, error],
) iter.Seq2[T, error] {
	if err := s.usable(ctx); err != nil {
		return failed[T](err)
	}
	if o == nil {
		o = &ReadOptions{}
	}
	if err := f.Check("filter"); err != nil {
		return failed[T](err)
	}
	if err := o.check(f); err != nil {
		return failed[T](err)
	}
	return wrapped("read", read(ctx, f, o))
}

func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// wrapped ends a sequence with its first error, wrapped.
func wrapped[T any](op string, in iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range in {
			if err != nil {
				yield(v, wrap(op, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Version is the version of a stream, -1 where it does not exist.
func (s *Store) Version(ctx context.Context, id StreamID) (int64, error) {
	for e, err := range s.ReadStream(ctx, id, &ReadOptions{Backwards: true, Limit: 1, Borrowed: true}) {
		if err != nil {
			return 0, err
		}
		return e.StreamPosition, nil
	}
	return -1, nil
}

// FindEvent gives the event of a stream that bears an id; false where the stream holds none. It tells what
// became of an append whose answer was lost. A driver that is no [EventFinder] has the stream read.
func (s *Store) FindEvent(ctx context.Context, id StreamID, eventID string) (Event, bool, error) {
	if err := s.usable(ctx); err != nil {
		return Event{}, false, err
	}
	if problem := checkStreamID(id); problem != "" {
		return Event{}, false, invalid("streamId", problem)
	}
	if problem := checkEventID(eventID); problem != "" {
		return Event{}, false, invalid("eventId", problem)
	}
	if finder, ok := s.d.(EventFinder); ok {
		e, found, err := finder.FindEvent(ctx, id, eventID)
		if err != nil {
			return Event{}, false, wrap("find event", err)
		}
		return e, found, nil
	}
	for e, err := range s.ReadStream(ctx, id, &ReadOptions{Borrowed: true}) {
		if err != nil {
			return Event{}, false, err
		}
		if e.ID == eventID {
			return e.Clone(), true, nil
		}
	}
	return Event{}, false, nil
}

// Head is the log's end.
func (s *Store) Head(ctx context.Context) (Head, error) {
	if err := s.usable(ctx); err != nil {
		return Head{}, err
	}
	h, err := s.d.Head(ctx)
	return h, wrap("head", err)
}

// Wait returns when the log's end is behind after, or when ctx ends, with its error.
func (s *Store) Wait(ctx context.Context, after Position) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return wrap("wait", s.d.Wait(ctx, after))
}

// Streams lists streams in byte order of their ids. A driver without a listing gives CodeUnsupported.
func (s *Store) Streams(ctx context.Context, q StreamQuery) iter.Seq2[StreamInfo, error] {
	if err := s.usable(ctx); err != nil {
		return failed[StreamInfo](err)
	}
	lister, ok := s.d.(StreamLister)
	if !ok {
		return failed[StreamInfo](s.unsupported("a listing of streams"))
	}
	if q.Limit < 0 {
		return failed[StreamInfo](invalid("limit", "is negative: give 0 for no limit, or a number from 1"))
	}
	return wrapped("list streams", lister.Streams(ctx, q))
}

// Stats are the store's figures. A driver without them gives CodeUnsupported.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	if err := s.usable(ctx); err != nil {
		return Stats{}, err
	}
	d, ok := s.d.(Statistician)
	if !ok {
		return Stats{}, s.unsupported("statistics")
	}
	st, err := d.Stats(ctx)
	return st, wrap("statistics", err)
}

// Backup copies the store, with its companion log and blobs, while it is in use, into a directory that
// does not exist yet. A driver without backups gives CodeUnsupported.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	d, ok := s.d.(Backuper)
	if !ok {
		return s.unsupported("backups")
	}
	return wrap("backup", d.Backup(ctx, dir))
}

// Blobs are what stands beside the log by key. A driver without blobs gives CodeUnsupported.
func (s *Store) Blobs() (BlobKeeper, error) {
	if b, ok := s.d.(BlobKeeper); ok {
		return blobs{s: s, keeper: b}, nil
	}
	return nil, s.unsupported("blobs")
}

// Close finishes what was accepted and frees what the store holds, its companion log included. A second
// Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if s.system != nil {
		s.system.closed.Store(true)
	}
	return wrap("close", s.d.Close())
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return &Error{Code: CodeClosed, Message: "the store has been closed"}
	}
	return wrap("context", ctx.Err())
}

func (s *Store) unsupported(what string) error {
	return &Error{Code: CodeUnsupported, Message: fmt.Sprintf("a store of %T does not have %s", s.d, what)}
}

// wrap gives every error of a driver a code; those that have one pass.
func wrap(op string, err error) error {
	if err == nil || CodeOf(err) != "" {
		return err
	}
	return &Error{Code: CodeInternal, Message: op, Err: err}
}
