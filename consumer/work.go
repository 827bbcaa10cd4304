package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// staff has as many at work as there is work for.
func (r *run) staff() {
	for n := min(r.o.Concurrency-r.working, len(r.ready)); n > 0 && !r.closing; n-- {
		r.working++
		r.workers.Go(r.work)
	}
}

// work handles what is ready, until nothing is.
func (r *run) work() {
	r.mu.Lock()
	var l *line
	defer func() {
		if l != nil { // the handler ended its goroutine
			r.mu.Lock()
			r.o.Logger.Error("a handler ended its goroutine", "consumer", r.o.Consumer, "event_id", l.current.Event.ID)
			r.decide(l, errEnded)
		}
		r.working--
		r.staff()
		r.tell()
		r.mu.Unlock()
	}()
	for len(r.ready) > 0 && !r.closing {
		l = r.ready[0]
		r.ready[0] = nil
		r.ready = r.ready[1:]
		it := l.waiting[0]
		l.waiting[0] = item{}
		l.waiting = l.waiting[1:]
		l.current = &it
		d := it.Delivery
		r.mu.Unlock()
		began := time.Now()
		err := r.handle(d)
		took := time.Since(began)
		r.mu.Lock()
		if r.pace == 0 {
			r.pace = took
		}
		r.pace += (took - r.pace) / 8
		r.decide(l, err)
		l = nil
	}
}

var errEnded = errors.New("the handler ended its goroutine")

// handle gives an event to the handler.
func (r *run) handle(d Delivery) (err error) {
	ctx := r.handling
	if r.o.HandlerTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.o.HandlerTimeout)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil {
			r.o.Logger.Error("a handler panicked", "consumer", r.o.Consumer, "event_id", d.Event.ID, "position", d.Event.GlobalPosition,
				"panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked: %v", v)
		}
	}()
	return r.handler(ctx, d)
}

// decide notes what is to be told of the event that was handled, and has the line go on.
func (r *run) decide(l *line, err error) {
	it := l.current
	l.current = nil
	switch {
	case err == nil:
		r.open.ack = append(r.open.ack, it.ID)
	case r.handling.Err() != nil, r.asking.Err() != nil && errors.Is(err, context.Canceled):
		// It was cut off, or ended by itself since all is to end, which says nothing of the event: it goes back as if it had
		// not been tried, with what stands behind it.
		r.held -= 1 + len(l.waiting)
		l.waiting = nil
	default:
		n := nackOf(it.ID, err)
		r.open.nack = append(r.open.nack, n)
		if n.Action == Retry {
			r.giveBack(r.drop(l, 0, it.part))
		}
	}
	if len(l.waiting) > 0 {
		r.ready = append(r.ready, l)
	} else {
		delete(r.lines, l.key)
	}
	if n := r.open.len(); n == 1 || n == r.o.AckEvery {
		r.tell()
	}
}

// giveBack is for what came behind an event that is to be given again. The group takes it back by itself, where it is
// what it seems; a dead letter that is tried again came by itself, though, and then this brings back at once what came
// behind it.
func (r *run) giveBack(list []item) {
	for i := range list {
		if r.open.void == nil {
			r.open.void = map[string]bool{}
		}
		r.open.void[list[i].ID] = true
		r.open.nack = append(r.open.nack, Nack{ID: list[i].ID, Action: Retry, Reason: "an event before it in its stream is to be given again first"})
	}
	r.held += len(list)
}
