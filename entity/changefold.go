package entity

import (
	"bytes"
	"container/list"
	"context"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// folded is an entity as it was at a position of the log.
type folded struct {
	name   name
	at     nacre.Position // everything up to it counts
	entity *merge.Entity
	row    []byte // nil where the table has none
	place  *list.Element
}

func (f *folded) size() int { return baseSize + 4*len(f.row) }

// show makes the row, and tells whether it is another one than before.
func (f *folded) show(s *merge.Schema) (old []byte, changed bool) {
	old = f.row
	f.row = nil
	if s != nil && len(f.entity.Heads()) > 0 && !f.entity.Deleted() {
		f.row = s.AppendValues(nil, f.entity)
	}
	return old, (old == nil) != (f.row == nil) || !bytes.Equal(old, f.row)
}

// folds are entities as they were at positions, those that were used last.
type folds struct {
	limit, size int // bytes, about
	all         map[name]*folded
	used        list.List // of *folded, the one that was used last in front
}

func (c *folds) get(n name) *folded {
	f := c.all[n]
	if f != nil {
		c.used.MoveToFront(f.place)
	}
	return f
}

func (c *folds) drop(f *folded) {
	c.used.Remove(f.place)
	delete(c.all, f.name)
	c.size -= f.size()
}

// put takes an entity in, in the place of what there was of it. It may give others up.
func (c *folds) put(f *folded) {
	if old := c.all[f.name]; old != nil {
		c.drop(old)
	}
	if c.all == nil {
		c.all = map[name]*folded{}
	}
	f.place = c.used.PushFront(f)
	c.all[f.name] = f
	c.size += f.size()
	for c.size > c.limit && c.used.Len() > 1 {
		c.drop(c.used.Back().Value.(*folded))
	}
}

// remembered are the folds that reads of changes leave to those that go on behind them.
type remembered struct {
	mu    sync.Mutex
	epoch string
	folds
}

// take gives a copy of what is remembered of an entity, where it is of before a position.
func (r *remembered) take(epoch string, n name, before nacre.Position) *folded {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		return nil
	}
	f := r.get(n)
	if f == nil || f.at >= before {
		return nil
	}
	return &folded{name: n, at: f.at, entity: f.entity.Clone(), row: f.row}
}

// leave takes what a read has come to.
func (r *remembered) leave(epoch string, from *folds) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		r.folds = folds{limit: r.limit}
		r.epoch = epoch
	}
	for place := from.used.Back(); place != nil; place = place.Prev() {
		f := place.Value.(*folded)
		if old := r.all[f.name]; old == nil || old.at < f.at {
			r.put(&folded{name: f.name, at: f.at, entity: f.entity, row: f.row})
		}
	}
}

// advance folds an entity on to a position, which counts.
func (r *changeRead) advance(ctx context.Context, f *folded, to nacre.Position) error {
	if f.at >= to {
		return nil
	}
	stream := f.name.stream()
	var visible []*merge.Event
	for i := range r.late {
		l := &r.late[i]
		if l.stream != stream || l.until <= f.at || l.waits(to) {
			continue
		}
		ev, err := r.event(ctx, l.at)
		if err != nil {
			return err
		}
		if ev != nil {
			visible = append(visible, ev.Event)
		}
	}
	anew := len(visible) > 0 // they stand where they do among the others
	for e, err := range r.db.store.ReadStream(ctx, stream, &nacre.ReadOptions{After: f.at, Before: to + 1}) {
		if err != nil {
			return err
		}
		if _, was := r.late.find(e.GlobalPosition); was || e.Parents == nil {
			continue
		}
		ev, err := merge.Decode(&e)
		if err != nil {
			continue
		}
		if !anew && f.entity.Apply(ev) != nil {
			anew = true // a void
		}
	}
	f.at = to
	if !anew {
		return nil
	}
	return r.anew(ctx, f)
}

// anew folds an entity anew, up to where it is.
func (r *changeRead) anew(ctx context.Context, f *folded) error {
	var events []*merge.Event
	for e, err := range r.db.store.ReadStream(ctx, f.name.stream(), &nacre.ReadOptions{Before: f.at + 1}) {
		if err != nil {
			return err
		}
		if e.Parents == nil || r.late.waits(e.GlobalPosition, f.at) {
			continue
		}
		if ev, err := merge.Decode(&e); err == nil {
			events = append(events, ev)
		}
	}
	f.entity = merge.Fold(events)
	return nil
}

// event reads an event of an entity; nil where it is none.
func (r *changeRead) event(ctx context.Context, at nacre.Position) (*logged, error) {
	for e, err := range r.db.store.Read(ctx, nil, &nacre.ReadOptions{After: at - 1, Before: at + 1}) {
		if err != nil {
			return nil, err
		}
		ev, err := merge.Decode(&e)
		if err != nil || e.Parents == nil {
			return nil, nil
		}
		return &logged{ev, e}, nil
	}
	return nil, nil
}

// fold gives an entity as it was right before a position.
func (r *changeRead) fold(ctx context.Context, n name, before nacre.Position) (*folded, error) {
	f := r.folds.get(n)
	if f == nil {
		if f = r.db.remembered.take(r.epoch, n, before); f == nil {
			f = &folded{name: n, entity: merge.New()}
		}
		if err := r.advance(ctx, f, before-1); err != nil {
			return nil, err
		}
		f.show(r.schemas[n.collection])
		r.folds.put(f)
	}
	return f, nil
}

// take has an entity take events that become visible at a position, and gives the row before.
func (r *changeRead) take(ctx context.Context, f *folded, at nacre.Position, events []*logged) (old []byte, changed bool, err error) {
	r.folds.drop(f)
	anew := false
	for _, ev := range events {
		if anew = anew || f.entity.Apply(ev.Event) != nil; anew {
			break
		}
	}
	f.at = at
	if anew {
		if err := r.anew(ctx, f); err != nil {
			return nil, false, err
		}
	}
	old, changed = f.show(r.schemas[f.name.collection])
	r.folds.put(f)
	return old, changed, nil
}

// inStreams is a filter of the log that selects the streams that another one asks for; nil is all.
func inStreams(f nacre.Filter) nacre.Filter {
	var out nacre.Filter
	for i := range f {
		if len(f[i].Streams)+len(f[i].Categories) == 0 {
			return nil
		}
		out = append(out, nacre.FilterItem{Streams: slices.Clone(f[i].Streams), Categories: slices.Clone(f[i].Categories)})
	}
	return out
}
