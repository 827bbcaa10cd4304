package nacre

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// fakeDriver keeps events in a slice, without any check, and notes what it is asked.
type fakeDriver struct {
	mu      sync.Mutex
	epoch   string
	told    string // the epoch that Head told last
	events  []Event
	grown   chan struct{}
	batches [][]Append
	calls   map[string]int
	err     error // what every method answers, where it is set
}

func newFake(events ...Event) *fakeDriver {
	d := &fakeDriver{epoch: "epoch-1", grown: make(chan struct{}), calls: map[string]int{}}
	d.add(events...)
	return d
}

// add puts events at the log's end.
func (d *fakeDriver) add(events ...Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		e.GlobalPosition = Position(len(d.events) + 1)
		d.events = append(d.events, e)
	}
	close(d.grown)
	d.grown = make(chan struct{})
}

// rewind cuts the log, as a restore would.
func (d *fakeDriver) rewind(to Position, epoch string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events, d.epoch = d.events[:to:to], epoch
	close(d.grown)
	d.grown = make(chan struct{})
}

func (d *fakeDriver) called(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[name]++
	return d.err
}

func (d *fakeDriver) count(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[name]
}

func (d *fakeDriver) Append(_ context.Context, batch []Append, _ *Condition) ([]Appended, error) {
	if err := d.called("Append"); err != nil {
		return nil, err
	}
	d.batches = append(d.batches, batch)
	out := make([]Appended, len(batch))
	for i := range batch {
		d.add(batch[i].Events...)
		out[i] = Appended{Version: int64(len(batch[i].Events) - 1), Events: batch[i].Events}
	}
	return out, nil
}

func (d *fakeDriver) Read(ctx context.Context, f Filter, o *ReadOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := d.called("Read"); err != nil {
			yield(Event{}, err)
			return
		}
		d.mu.Lock()
		events := d.events
		d.mu.Unlock()
		for _, e := range events {
			if e.GlobalPosition <= o.After || o.Before > 0 && e.GlobalPosition >= o.Before || !f.Matches(&e) {
				continue
			}
			if ctx.Err() != nil {
				yield(Event{}, ctx.Err())
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (d *fakeDriver) Head(context.Context) (Head, error) {
	err := d.called("Head")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = d.epoch
	return Head{Position: Position(len(d.events)), Epoch: d.epoch}, err
}

func (d *fakeDriver) Wait(ctx context.Context, after Position) error {
	if err := d.called("Wait"); err != nil {
		return err
	}
	d.mu.Lock()
	end, grown, cut := Position(len(d.events)), d.grown, d.epoch != d.told
	d.mu.Unlock()
	if end > after || cut {
		return nil
	}
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *fakeDriver) Close() error { return d.called("Close") }

// fullDriver has everything that a driver can have.
type fullDriver struct {
	*fakeDriver
	system *fakeDriver
}

func (d *fullDriver) System() Driver {
	if d.system == nil {
		return nil
	}
	return d.system
}

func (d *fullDriver) ReadLines(context.Context, Filter, *ReadOptions) iter.Seq2[Line, error] {
	return oneOf(Line{Position: 7, Bytes: []byte("line")}, d.called("ReadLines"))
}

func (d *fullDriver) FindEvent(_ context.Context, stream StreamID, id string) (Event, bool, error) {
	return Event{StreamID: stream, ID: id, GlobalPosition: 7}, true, d.called("FindEvent")
}

func (d *fullDriver) Streams(context.Context, StreamQuery) iter.Seq2[StreamInfo, error] {
	return oneOf(StreamInfo{ID: "s-1"}, d.called("Streams"))
}

func (d *fullDriver) Stats(context.Context) (Stats, error) {
	return Stats{Events: 7}, d.called("Stats")
}

func (d *fullDriver) Backup(context.Context, string) error { return d.called("Backup") }

func (d *fullDriver) PutBlob(context.Context, string, []byte) error { return d.called("PutBlob") }

func (d *fullDriver) GetBlob(context.Context, string) ([]byte, error) {
	return []byte("blob"), d.called("GetBlob")
}

func (d *fullDriver) DeleteBlob(context.Context, string) error { return d.called("DeleteBlob") }

func (d *fullDriver) ListBlobs(context.Context, string) iter.Seq2[string, error] {
	return oneOf("key", d.called("ListBlobs"))
}

func oneOf[T any](v T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(v, err) }
}

var errDisk = errors.New("the disk is on fire")
