package memstore

import (
	"context"
	"iter"
	"sort"
	"unsafe"

	"github.com/nacredb/nacre"
)

// Read yields the log as it is when the loop begins.
func (l *log) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		for e, err := range l.entries(ctx, f, o) {
			switch {
			case err != nil:
				yield(nacre.Event{}, err)
				return
			case !o.Borrowed:
				if !yield(e.event.Clone(), nil) {
					return
				}
			default:
				var lent loan
				goOn := yield(lent.lend(&e.event), nil)
				lent.takeBack()
				if !goOn {
					return
				}
			}
		}
	}
}

// entries yields what a read selects, in its order.
func (l *log) entries(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		n, at, err := l.candidates(ctx, f, o)
		if err != nil {
			yield(nil, err)
			return
		}
		left := o.Limit
		for i := range n {
			if o.Backwards {
				i = n - 1 - i
			}
			e := at(i)
			s := e.event.StreamPosition
			if s < o.From || o.Until > 0 && s >= o.Until || !f.Matches(&e.event) {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(e, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// candidates are the entries between the read's global positions, in order: those of the one stream
// that the filter names, or all.
func (l *log) candidates(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) (n int, at func(int) *entry, err error) {
	if err := l.open(ctx); err != nil {
		return 0, nil, err
	}
	defer l.mu.Unlock()
	events := l.events
	if len(f) == 1 && len(f[0].Streams) == 1 {
		all := l.streams[f[0].Streams[0]]
		from, to := between(len(all), func(i int) nacre.Position { return all[i] }, o)
		return to - from, func(i int) *entry { return &events[all[from+i]-1] }, nil
	}
	from, to := between(len(events), func(i int) nacre.Position { return nacre.Position(i + 1) }, o)
	return to - from, func(i int) *entry { return &events[from+i] }, nil
}

// between finds the part of n ascending positions that the options bound.
func between(n int, position func(int) nacre.Position, o *nacre.ReadOptions) (from, to int) {
	from = sort.Search(n, func(i int) bool { return position(i) > o.After })
	to = n
	if o.Before > 0 {
		to = sort.Search(n, func(i int) bool { return position(i) >= o.Before })
	}
	return from, max(from, to)
}

// loan is the memory of one borrowed event, overwritten when its time is over.
type loan [][]byte

func (l *loan) lend(e *nacre.Event) nacre.Event {
	c := *e
	c.StreamID = nacre.StreamID(l.text(string(e.StreamID)))
	c.ID = l.text(e.ID)
	c.Type = l.text(e.Type)
	c.Data = l.bytes(e.Data)
	c.Binary = l.bytes(e.Binary)
	c.Metadata = l.bytes(e.Metadata)
	c.TransactionID = l.text(e.TransactionID)
	c.Tags = make([]string, len(e.Tags))
	for i, tag := range e.Tags {
		c.Tags[i] = l.text(tag)
	}
	return c
}

func (l *loan) bytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	own := append(make([]byte, 0, len(b)), b...)
	*l = append(*l, own)
	return own
}

// text gives a string whose bytes change, which is what borrowing is.
func (l *loan) text(s string) string {
	own := l.bytes([]byte(s))
	return unsafe.String(unsafe.SliceData(own), len(own))
}

func (l *loan) takeBack() {
	for _, b := range *l {
		for i := range b {
			b[i] = '#'
		}
	}
}
