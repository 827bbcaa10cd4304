package server

import (
	"context"
	"errors"
	"sort"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

const (
	// ringBytes is how much of a log's newest lines is kept for those who follow it at its end.
	ringBytes = 1 << 20
	// batchBytes is how much of it is one batch, beside a single line that is longer.
	batchBytes = 16 << 10
	// lineOverhead is what a line of a ring costs beside its text: its end, and its event once a filter asked.
	lineOverhead = 400
)

// errBehind says that a ring has no longer what a follower has not seen.
var errBehind = errors.New("the ring begins behind what was seen")

// feed gives one log's newest lines to those who follow it at its end, so that an append is read once and not
// by each of them. It reads only while there is somebody at the end.
type feed struct {
	store *nacre.Store
	bytes int // of a ring

	readers sync.WaitGroup
	mu      sync.Mutex
	run     *ring // nil while nobody is at the end
}

func newFeed(store *nacre.Store) *feed { return &feed{store: store, bytes: ringBytes} }

// join is for a follower that has seen everything up to the log's end, as it was a moment ago. The ring may
// begin behind it all the same, where others have been there for longer. Each join has its leave.
func (d *feed) join(seen nacre.Position, epoch string) *ring {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.run
	if r == nil || r.epoch != epoch {
		ctx, cancel := context.WithCancel(context.Background())
		r = &ring{epoch: epoch, start: seen, end: seen, limit: d.bytes, moved: make(chan struct{}), stop: cancel}
		d.run = r
		d.readers.Go(func() { d.read(ctx, r) })
	}
	r.users++
	return r
}

// leave ends the ring with its last user.
func (d *feed) leave(r *ring) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.users--; r.users == 0 {
		r.stop()
		if d.run == r {
			d.run = nil
		}
	}
}

// wait waits for readers that are on their way out: nobody is at the end any more.
func (d *feed) wait() { d.readers.Wait() }

func (d *feed) read(ctx context.Context, r *ring) {
	err := r.fill(ctx, d.store)
	d.mu.Lock()
	if d.run == r {
		d.run = nil // who comes from now on begins another one
	}
	d.mu.Unlock()
	r.fail(err)
}

// ring has the newest lines of a log, at most limit bytes and at least one batch, without gaps. One goroutine
// fills it; batches do not change once they are in it.
type ring struct {
	epoch string
	limit int
	stop  context.CancelFunc
	users int // guarded by the feed's lock

	mu         sync.Mutex
	start, end nacre.Position // it has what stands behind start, up to end
	batches    []*batch
	bytes      int
	moved      chan struct{} // closed when end moves, and at the end
	waited     bool          // somebody has moved
	err        error
}

// batch is a part of a log.
type batch struct {
	first nacre.Position
	text  []byte
	ends  []int // of the lines, in text

	parse  sync.Once
	events []nacre.Event
	err    error
}

func (b *batch) last() nacre.Position { return b.first + nacre.Position(len(b.ends)) - 1 }

func (b *batch) size() int { return len(b.text) + lineOverhead*len(b.ends) }

// line is the i-th line; it stays as it is.
func (b *batch) line(i int) []byte {
	from := 0
	if i > 0 {
		from = b.ends[i-1]
	}
	return b.text[from:b.ends[i]:b.ends[i]]
}

// event is the i-th line's event. The batch is parsed by the first who asks.
func (b *batch) event(i int) (*nacre.Event, error) {
	b.parse.Do(func() {
		if b.events != nil {
			return // a driver without lines gave them
		}
		events := make([]nacre.Event, len(b.ends))
		for i := range events {
			if err := wire.ParseLine(b.line(i), &events[i]); err != nil {
				b.err = err
				return
			}
		}
		b.events = events
	})
	if b.err != nil {
		return nil, b.err
	}
	return &b.events[i], nil
}

func (b *batch) add(e *entry) {
	if b.ends == nil {
		b.first = e.position
	}
	b.text = append(b.text, e.line...)
	b.ends = append(b.ends, len(b.text))
	if e.event != nil {
		b.events = append(b.events, e.event.Clone())
	}
}

// fill reads what is appended until the context ends or the log cannot be followed.
func (r *ring) fill(ctx context.Context, store *nacre.Store) error {
	due := r.end + 1
	for {
		if err := store.Wait(ctx, due-1); err != nil {
			return err
		}
		head, err := store.Head(ctx)
		if err != nil {
			return err
		}
		if err := (wire.Cursor{Position: due - 1, Epoch: r.epoch}).Check(head); err != nil {
			return err
		}
		b := &batch{}
		err = entries(ctx, store, nil, due-1, head.Position, func(e *entry) (bool, error) {
			if e.position != due {
				return false, nacre.Errorf(nacre.CodeInternal, "the log gave position %d where %d was due", e.position, due)
			}
			due++
			if b.add(e); b.size() >= batchBytes {
				r.publish(b)
				b = &batch{}
			}
			return true, nil
		})
		if len(b.ends) > 0 {
			r.publish(b)
		}
		if err != nil {
			return err
		}
	}
}

func (r *ring) publish(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, b)
	r.bytes += b.size()
	r.end = b.last()
	for r.bytes > r.limit && len(r.batches) > 1 {
		old := r.batches[0]
		r.batches[0] = nil
		r.batches = r.batches[1:]
		r.bytes -= old.size()
		r.start = old.last()
	}
	r.wake()
}

func (r *ring) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	r.wake()
}

// wake lets everyone who waits look again. The lock is held.
func (r *ring) wake() {
	if r.waited {
		close(r.moved)
		r.moved = make(chan struct{})
		r.waited = false
	}
}

// after gives the batch that has the event behind a position. Where there is none yet, moved is closed when
// there is something new. The error is errBehind, or what ended the ring.
func (r *ring) after(seen nacre.Position) (b *batch, moved <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case seen < r.start:
		return nil, nil, errBehind
	case seen < r.end:
		i := sort.Search(len(r.batches), func(i int) bool { return r.batches[i].last() > seen })
		return r.batches[i], nil, nil
	case r.err != nil:
		return nil, nil, r.err
	}
	r.waited = true
	return nil, r.moved, nil
}

// entry is a line of a log on its way to a follower, valid until the next one.
type entry struct {
	position nacre.Position
	line     []byte
	event    *nacre.Event // set where the driver has no lines
	parsed   nacre.Event
}

// asEvent is the line's event.
func (e *entry) asEvent() (*nacre.Event, error) {
	if e.event != nil {
		return e.event, nil
	}
	if err := wire.ParseLine(e.line, &e.parsed); err != nil {
		return nil, err
	}
	return &e.parsed, nil
}

// entries gives what a filter selects between two positions, after exclusive and to inclusive, until fn says
// false or has an error.
func entries(ctx context.Context, store *nacre.Store, f nacre.Filter, after, to nacre.Position, fn func(*entry) (bool, error)) error {
	if after >= to {
		return nil
	}
	o := &nacre.ReadOptions{After: after, Before: to + 1, Borrowed: true}
	var e entry
	if _, ok := store.Driver().(nacre.LineReader); ok {
		for l, err := range store.ReadLines(ctx, f, o) {
			if err != nil {
				return err
			}
			e.position, e.line = l.Position, l.Bytes
			if goOn, err := fn(&e); err != nil || !goOn {
				return err
			}
		}
		return nil
	}
	for event, err := range store.Read(ctx, f, o) {
		if err != nil {
			return err
		}
		e.position, e.event = event.GlobalPosition, &event
		e.line = wire.AppendEvent(e.line[:0], &event)
		if goOn, err := fn(&e); err != nil || !goOn {
			return err
		}
	}
	return nil
}
