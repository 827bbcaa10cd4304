package aggregate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// What a group of commands has at most; it is appended at once.
const (
	groupCommands = 256
	groupEvents   = 500
	groupBytes    = 4 << 20
)

// place is what a state stands for.
type place struct {
	version  int64 // -1 before the first event
	position nacre.Position
	eventID  string // of the last event
}

// instance is one that is in memory: an actor, which has a goroutine only while commands wait.
type instance[S, C, E any] struct {
	r      *Repository[S, C, E]
	id     string
	stream nacre.StreamID

	// Of the shard's lock.
	users int
	used  time.Time

	mu      sync.Mutex // of what follows
	queue   []*request[S, C, E]
	running bool // a goroutine works on the queue
	loaded  bool // state and at are of events that are durable
	state   S
	at      place
	kept    int64 // the version of the last snapshot, or -1
}

// request is a command that waits.
type request[S, C, E any] struct {
	ctx      context.Context
	command  C
	context  decider.Context
	metadata string

	taken  atomic.Int32 // one of the following
	done   chan struct{}
	result Result[S, E]
	err    error
}

const (
	waiting int32 = iota
	working
	left
)

// take is false where the caller has gone.
func (q *request[S, C, E]) take() bool { return q.taken.CompareAndSwap(waiting, working) }

// leave is true where nobody will work on it.
func (q *request[S, C, E]) leave() bool { return q.taken.CompareAndSwap(waiting, left) }

func (q *request[S, C, E]) answer(result Result[S, E], err error) {
	q.result, q.err = result, err
	close(q.done)
}

// put queues a request, and sees to it that somebody works on the queue.
func (in *instance[S, C, E]) put(q *request[S, C, E]) {
	in.mu.Lock()
	in.queue = append(in.queue, q)
	start := !in.running
	in.running = true
	in.mu.Unlock()
	in.r.signals.queued(1)
	if start {
		go in.work()
	}
}

// work empties the queue. Whoever put something there holds the instance and the repository open.
func (in *instance[S, C, E]) work() {
	for {
		in.mu.Lock()
		n := min(len(in.queue), groupCommands)
		if n == 0 {
			in.queue, in.running = nil, false
			in.mu.Unlock()
			return
		}
		group := make([]*request[S, C, E], 0, n)
		for _, q := range in.queue[:n] {
			if q.take() {
				group = append(group, q)
			}
		}
		in.queue = in.queue[n:]
		in.mu.Unlock()
		in.r.signals.queued(-n)
		for len(group) > 0 {
			group = in.run(group)
		}
	}
}

// run decides a group and appends what it came to, and gives those that there was no room for.
func (in *instance[S, C, E]) run(group []*request[S, C, E]) (rest []*request[S, C, E]) {
	ctx, done := groupContext(group)
	defer done()
	looked := false // at the stream's end, since the last plan
	for attempt := 0; ; attempt++ {
		state, base, err := in.present(ctx)
		if err != nil {
			return fail(group, err)
		}
		p := in.plan(ctx, group, state, base)
		if len(p.events) == 0 {
			// No append will tell whether this was decided on the last word: so look.
			if !looked && attempt <= in.r.o.Retries {
				_, at, err := in.read(ctx)
				if err != nil {
					return fail(group, err)
				}
				if looked = at.version == base.version; !looked {
					continue
				}
			}
			p.answer(nil, nil)
			return p.rest
		}
		looked = false
		appended, err := in.append(ctx, base, p.events)
		switch code := nacre.CodeOf(err); {
		case err == nil && !appended.Duplicate:
			in.accept(&p, &appended)
			p.answer(appended.Events, nil)
			return p.rest
		case err == nil, code == nacre.CodeVersionConflict, code == nacre.CodeEventIDConflict:
			// Others were faster, perhaps with the same command: decide again on what is there now.
			in.r.signals.conflict(ctx)
			_, at, readErr := in.read(ctx)
			if readErr != nil {
				return fail(group, readErr)
			}
			if at.version == base.version {
				in.forget() // what was believed of the stream may never have been true
			}
			if err != nil && attempt >= in.r.o.Retries {
				return in.apart(group, &p, err)
			}
		case code == nacre.CodeInvalid, code == nacre.CodeTooLarge:
			return in.apart(group, &p, err)
		default:
			in.forget()
			p.answer(nil, err)
			return p.rest
		}
	}
}

// present is the state in memory, which is loaded where it is not there.
func (in *instance[S, C, E]) present(ctx context.Context) (S, place, error) {
	if err := in.load(ctx); err != nil {
		var none S
		return none, place{}, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state, in.at, nil
}

// apart fails a group of one with an error; of many it lets each be tried alone, since one may be to blame.
func (in *instance[S, C, E]) apart(group []*request[S, C, E], p *plan[S, C, E], err error) []*request[S, C, E] {
	if len(group) == 1 {
		p.answer(nil, err)
		return nil
	}
	for i := range group {
		for one := group[i : i+1 : i+1]; len(one) > 0; {
			one = in.run(one)
		}
	}
	return nil
}

func fail[S, C, E any](group []*request[S, C, E], err error) []*request[S, C, E] {
	for _, q := range group {
		q.answer(Result[S, E]{}, err)
	}
	return nil
}

// groupContext ends once all callers of a group have gone.
func groupContext[S, C, E any](group []*request[S, C, E]) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(group[0].ctx))
	var staying atomic.Int32
	staying.Store(int32(len(group))) //nolint:gosec // at most groupCommands
	stops := make([]func() bool, len(group))
	for i, q := range group {
		stops[i] = context.AfterFunc(q.ctx, func() {
			if staying.Add(-1) == 0 {
				cancel(q.ctx.Err())
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// append writes behind the state that was decided on.
func (in *instance[S, C, E]) append(ctx context.Context, base place, events []nacre.Event) (nacre.Appended, error) {
	ctx, end := in.r.signals.append(ctx, in.stream, len(events))
	appended, err := in.r.store.Append(ctx, in.stream, nacre.Exactly(base.version), events...)
	end(err)
	return appended, err
}

// accept moves the visible state, now that the plan's events are durable.
func (in *instance[S, C, E]) accept(p *plan[S, C, E], appended *nacre.Appended) {
	last := &appended.Events[len(appended.Events)-1]
	at := place{appended.Version, last.GlobalPosition, last.ID}
	in.mu.Lock()
	if in.at.version < at.version { // somebody who read may have seen them first
		in.state, in.at, in.loaded = p.state, at, true
	}
	keep := in.r.o.SnapshotEvery > 0 && at.version-in.kept >= int64(in.r.o.SnapshotEvery)
	if keep {
		in.kept = at.version
	}
	in.mu.Unlock()
	if keep {
		in.r.keeper.keep(in.stream, p.state, at)
	}
}

// load makes the state of the stream, unless it is in memory.
func (in *instance[S, C, E]) load(ctx context.Context) error {
	in.mu.Lock()
	loaded := in.loaded
	in.mu.Unlock()
	if loaded {
		return nil
	}
	begun := time.Now()
	state, at, kept, err := in.r.fold(ctx, in.stream, maxVersion, everything)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	in.r.signals.loaded(ctx, took)
	in.mu.Lock()
	if in.loaded {
		in.mu.Unlock()
		return nil // somebody else was faster
	}
	in.state, in.at, in.kept, in.loaded = state, at, kept, true
	slow := in.r.o.SnapshotAfter > 0 && took > in.r.o.SnapshotAfter && at.version > kept
	if slow {
		in.kept = at.version
	}
	in.mu.Unlock()
	if slow {
		in.r.keeper.keep(in.stream, state, at)
	}
	return nil
}

// read gives the state as of the stream's last event. It may be called while commands are worked on.
func (in *instance[S, C, E]) read(ctx context.Context) (S, place, error) {
	state, at, err := in.present(ctx)
	if err != nil {
		return state, at, err
	}
	state, at, err = in.r.foldOn(ctx, in.stream, state, at, everything)
	if err != nil {
		return state, at, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.loaded && in.at.version < at.version {
		in.state, in.at = state, at
	}
	return state, at, nil
}

// forget drops the state, of which it is not known what it stands for.
func (in *instance[S, C, E]) forget() {
	in.mu.Lock()
	defer in.mu.Unlock()
	var none S
	in.state, in.at, in.loaded = none, place{version: -1}, false
}

// firstResult looks whether a command was executed before.
func (in *instance[S, C, E]) firstResult(ctx context.Context, q *request[S, C, E]) (result Result[S, E], found bool, err error) {
	ids := commandIDs(in.stream, q.context.CommandID)
	first, found, err := in.r.store.FindEvent(ctx, in.stream, ids+"0")
	if err != nil || !found {
		return result, false, err
	}
	last := &first
	for e, err := range in.r.store.ReadStream(ctx, in.stream, &nacre.ReadOptions{From: first.StreamPosition}) {
		if err != nil {
			return result, true, err
		}
		if !ofCommand(ids, &e, e.StreamPosition-first.StreamPosition) {
			break
		}
		decoded, err := in.r.events.Decode(e)
		if err != nil {
			return result, true, err
		}
		result.Events = append(result.Events, decoded...)
		last = &e
	}
	until := last.StreamPosition
	state, at, _, err := in.r.fold(ctx, in.stream, until, func(e *nacre.Event) bool { return e.StreamPosition <= until })
	result.State, result.Version, result.Position, result.Duplicate = state, at.version, at.position, true
	return result, true, err
}

func ofCommand(ids string, e *nacre.Event, index int64) bool {
	return e.ID == ids+itoa(index)
}

// decoded pairs stored events with the values that they were made of.
func decoded[E any](stored []nacre.Event, values []E) []codec.Event[E] {
	out := make([]codec.Event[E], len(stored))
	for i := range stored {
		out[i] = codec.Event[E]{Event: stored[i], Data: values[i]}
	}
	return out
}
