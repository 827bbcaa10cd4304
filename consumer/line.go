package consumer

import "github.com/nacredb/nacre"

// line is the events of a stream that wait, in order, behind the one that is being handled.
type line struct {
	key     nacre.StreamID
	waiting []item
	current *item // nil where nobody is at it
}

// item is a delivery.
type item struct {
	Delivery
	part uint64 // what has the same number came in one piece, and goes back in one
}

// take puts what was given in line.
func (r *run) take(list []Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held += len(list)
	var last *Delivery
	for i := range list {
		d := &list[i]
		key := d.Event.StreamID
		if r.o.Global {
			key = ""
		}
		l := r.lines[key]
		if l == nil {
			l = &line{key: key}
			r.lines[key] = l
		}
		// What was tried before is given alone.
		if last == nil || !r.o.Global && last.Event.StreamID != d.Event.StreamID || last.Attempt > 1 || d.Attempt > 1 {
			r.parts++
		}
		last = d
		if r.knows(l, d) {
			continue
		}
		l.waiting = append(l.waiting, item{*d, r.parts})
		if l.current == nil && len(l.waiting) == 1 {
			r.ready = append(r.ready, l)
		}
	}
	r.staff()
}

// knows is for an event that was held already, so that its deadline is over and the older delivery is void, with what
// came behind it in one piece. It tells whether the event is being handled.
func (r *run) knows(l *line, d *Delivery) bool {
	if c := l.current; c != nil && c.is(d) {
		r.drop(l, 0, c.part)
		c.ID, c.Attempt, c.part = d.ID, d.Attempt, r.parts
		r.held--
		return true
	}
	for i := range l.waiting {
		if l.waiting[i].is(d) {
			r.drop(l, i, l.waiting[i].part)
			if len(l.waiting) == 0 && l.current == nil {
				r.unready(l)
			}
			break
		}
	}
	return false
}

func (it *item) is(d *Delivery) bool {
	return it.Event.GlobalPosition == d.Event.GlobalPosition && it.Event.ID == d.Event.ID
}

// drop takes what came in one piece out of a line, from a place on, and gives it.
func (r *run) drop(l *line, from int, part uint64) (gone []item) {
	kept := l.waiting[:from:from]
	for _, it := range l.waiting[from:] {
		if it.part == part {
			gone = append(gone, it)
		} else {
			kept = append(kept, it)
		}
	}
	l.waiting = kept
	r.held -= len(gone)
	return gone
}

// unready takes a line out that has nothing to do any more.
func (r *run) unready(l *line) {
	for i := range r.ready {
		if r.ready[i] == l {
			r.ready = append(r.ready[:i], r.ready[i+1:]...)
			return
		}
	}
}
