package aggregate

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// What a group of commands has at most; it is appended at once.
const (
	groupCommands = 256
	groupEvents   = 500
	groupBytes    = 4 << 20
)

// maxLosses is how often a state is read anew because Decide no longer had it.
const maxLosses = 3

// place is what a state stands for.
type place struct {
	version  int64 // -1 before the first event
	position nacre.Position
	eventID  string // of the last event
}

// instance is one that is in memory: an actor, which has a goroutine only while commands wait.
type instance[S, C, E any] struct {
	r      *Repository[S, C, E]
	shard  *shard[S, C, E]
	id     string
	stream nacre.StreamID

	// Of the shard's lock.
	users int
	used  time.Duration // when it was last asked for, since the repository was made

	mu      sync.Mutex // of what follows
	queue   []*request[S, C, E]
	running bool // somebody works on requests: a caller on its own, or a goroutine on the queue
	loaded  bool // state and at are of events that are durable
	state   S
	at      place
	kept    int64 // the version of the last snapshot, or -1
}

// alone works on a request in its caller's goroutine, where nobody else is at work; otherwise the request joins
// the queue, and alone gives false.
func (in *instance[S, C, E]) alone(q *request[S, C, E]) bool {
	in.mu.Lock()
	if in.running {
		q.done = make(chan struct{})
		in.queue = append(in.queue, q)
		in.mu.Unlock()
		in.r.signals.queued(q.ctx, 1)
		return false
	}
	in.running = true
	in.mu.Unlock()
	defer func() {
		if !q.answered { // Decide ended the goroutine, as FailNow of a test does
			in.discard()
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.running = len(in.queue) > 0; in.running {
			in.r.hold(in)
			go in.work()
		}
	}()
	if one := []*request[S, C, E]{q}; q.look {
		in.look(q.ctx, one)
	} else {
		in.run(q.ctx, one)
	}
	return true
}

// work empties the queue.
func (in *instance[S, C, E]) work() {
	var group []*request[S, C, E]
	over := false
	defer func() {
		if !over {
			in.abandon(group)
			return
		}
		in.r.release(in)
	}()
	for {
		in.mu.Lock()
		n := min(len(in.queue), groupCommands)
		if n == 0 {
			in.queue, in.running, over = nil, false, true
			in.mu.Unlock()
			return
		}
		group = in.queue[:n:n]
		in.queue = in.queue[n:]
		in.mu.Unlock()
		in.r.signals.queued(group[0].ctx, -n)
		commands, looks := parted(group)
		for len(commands) > 0 {
			commands = in.runAll(commands)
		}
		if len(looks) > 0 {
			in.lookAll(looks)
		}
		runtime.Gosched() // those who have their answers may ask on, and make the next group a large one
	}
}

// abandon is for a Decide or Evolve that ended the goroutine, as FailNow of a test does: callers are told, and
// another goroutine goes on.
func (in *instance[S, C, E]) abandon(group []*request[S, C, E]) {
	in.discard()
	for _, q := range group {
		if !q.answered {
			q.answer(Result[S, E]{}, &PanicError{Stream: in.stream, In: "Decide or Evolve", Value: "it ended its goroutine"})
		}
	}
	go in.work()
}

// runAll is run until all callers of a group have gone.
func (in *instance[S, C, E]) runAll(group []*request[S, C, E]) (rest []*request[S, C, E]) {
	ctx, done := groupContext(group)
	defer done()
	return in.run(ctx, group)
}

// lookAll is look until all callers have gone.
func (in *instance[S, C, E]) lookAll(looks []*request[S, C, E]) {
	ctx, done := groupContext(looks)
	defer done()
	in.look(ctx, looks)
}

// look answers with the state as of the stream's last event.
func (in *instance[S, C, E]) look(ctx context.Context, looks []*request[S, C, E]) {
	state, at, err := in.read(ctx)
	for _, q := range looks {
		if q.take() {
			q.answer(Result[S, E]{State: state, Version: at.version, Position: at.position}, err)
		}
	}
}

// run decides a group and appends what it came to, and gives those that there was no room for.
func (in *instance[S, C, E]) run(ctx context.Context, group []*request[S, C, E]) (rest []*request[S, C, E]) {
	careful := false // look for the commands in the log first
	for conflicts, losses := 0, 0; ; {
		state, base, fresh, err := in.present(ctx)
		if err != nil {
			fail(group, err)
			return nil
		}
		fresh = fresh || conflicts > 0
		p := in.plan(ctx, group, state, base, careful)
		if in.lost(&p, &losses) {
			continue
		}
		if len(p.events) == 0 && !fresh && len(p.steps) > 0 {
			// No append will tell whether this was decided on the stream's last word: so look.
			state, at, err := in.read(ctx)
			if err != nil {
				fail(group, err)
				return nil
			}
			if at.version != base.version {
				p = in.plan(ctx, group, state, at, careful)
				if in.lost(&p, &losses) {
					continue
				}
			}
			fresh, base = true, at
		}
		if len(p.events) == 0 {
			return in.settle(&p, nil, nil)
		}
		appended, err := in.append(ctx, group, base, p.events)
		switch code := nacre.CodeOf(err); {
		case err == nil && !appended.Duplicate:
			in.accept(&p, &appended)
			return in.settle(&p, appended.Events, nil)
		case err == nil, code == nacre.CodeVersionConflict, code == nacre.CodeEventIDConflict:
			// Others were faster, perhaps with the same command: decide again on what is there now.
			in.r.signals.conflict(ctx)
			careful = careful || code != nacre.CodeVersionConflict
			if conflicts++; conflicts > in.r.o.Retries {
				return in.apart(group, &p, in.unsettled(err, base)) //nolint:contextcheck // each goes on while its own caller stays
			}
			_, at, err := in.read(ctx)
			if err != nil {
				fail(group, err)
				return nil
			}
			if at.version == base.version {
				in.forget() // what was believed of the stream may never have been true
			}
		case code == nacre.CodeInvalid, code == nacre.CodeTooLarge:
			return in.apart(group, &p, err) //nolint:contextcheck // see above
		default:
			in.forget()
			p.stale = !fresh
			return in.settle(&p, nil, err)
		}
	}
}

// lost tells whether a plan came upon a state that is gone and has to be made anew, and forgets the state then.
func (in *instance[S, C, E]) lost(p *plan[S, C, E], losses *int) bool {
	if !p.lost || *losses == maxLosses {
		return false
	}
	*losses++
	in.forget()
	return true
}

// unsettled is the error of a command for which too many others were faster. Without an error the store held its
// events as a first outcome, which a look for them did not find.
func (in *instance[S, C, E]) unsettled(err error, base place) error {
	if err != nil {
		return err
	}
	return &nacre.ConflictError{Stream: in.stream, Expected: nacre.Exactly(base.version), Current: base.version}
}

// settle answers a plan's commands.
func (in *instance[S, C, E]) settle(p *plan[S, C, E], stored []nacre.Event, err error) []*request[S, C, E] {
	p.answer(stored, err)
	return p.rest
}

// apart fails a group of one with an error; of many it lets each be tried alone, since one may be to blame.
func (in *instance[S, C, E]) apart(group []*request[S, C, E], p *plan[S, C, E], err error) []*request[S, C, E] {
	if len(group) == 1 {
		return in.settle(p, nil, err)
	}
	for i := range group {
		for one := group[i : i+1 : i+1]; len(one) > 0; {
			one = in.runAll(one)
		}
	}
	return nil
}

// append writes behind the state that was decided on.
func (in *instance[S, C, E]) append(ctx context.Context, group []*request[S, C, E], base place, events []nacre.Event) (nacre.Appended, error) {
	ctx, end := in.r.signals.append(ctx, in.stream, len(events), contexts(group))
	appended, err := in.r.store.Append(ctx, in.stream, nacre.Exactly(base.version), events...)
	end(err)
	return appended, err
}

// accept moves the visible state, now that the plan's events are durable. What a panic may have spoilt is neither
// shown nor kept.
func (in *instance[S, C, E]) accept(p *plan[S, C, E], appended *nacre.Appended) {
	if p.broken {
		return
	}
	last := &appended.Events[len(appended.Events)-1]
	at := place{appended.Version, last.GlobalPosition, last.ID}
	in.mu.Lock()
	in.state, in.at, in.loaded = p.state, at, true
	keep := in.r.o.SnapshotEvery > 0 && at.version-in.kept >= int64(in.r.o.SnapshotEvery)
	if keep {
		in.kept = at.version
	}
	in.mu.Unlock()
	if keep {
		in.r.keeper.keep(in.stream, p.state, at)
	}
}

// present is the state in memory, which is loaded where it is not there; fresh says that it was. What is given is
// what was loaded, whoever forgets it meanwhile.
func (in *instance[S, C, E]) present(ctx context.Context) (state S, at place, fresh bool, err error) {
	in.mu.Lock()
	state, at, loaded := in.state, in.at, in.loaded
	in.mu.Unlock()
	if loaded {
		return state, at, false, nil
	}
	begun := time.Now()
	state, at, kept, err := in.r.fold(ctx, in.stream, maxVersion, everything)
	if err != nil {
		var none S
		return none, place{}, false, err
	}
	took := time.Since(begun)
	in.r.signals.loaded(ctx, took)
	in.mu.Lock()
	if in.loaded { // somebody else was faster
		defer in.mu.Unlock()
		return in.state, in.at, false, nil
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
	return state, at, true, nil
}

// read gives the state as of the stream's last event. It is for whoever is at work, and nobody else: two folds of
// the same state at once would write into the same array where an Evolve appends.
func (in *instance[S, C, E]) read(ctx context.Context) (S, place, error) {
	state, at, fresh, err := in.present(ctx)
	if err != nil || fresh {
		return state, at, err
	}
	if state, at, err = in.r.foldOn(ctx, in.stream, state, at, everything); err != nil {
		return state, at, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.state, in.at, in.loaded = state, at, true
	return state, at, nil
}

// glance gives the state as of the stream's last event, where that is known without a fold.
func (in *instance[S, C, E]) glance(ctx context.Context) (state S, at place, ok bool, err error) {
	state, at, fresh, err := in.present(ctx)
	if err != nil || fresh {
		return state, at, true, err
	}
	for _, err := range in.r.store.ReadStream(ctx, in.stream, &nacre.ReadOptions{From: at.version + 1, Limit: 1, Borrowed: true}) {
		return state, at, err != nil, err
	}
	return state, at, true, nil
}

// forget drops the state, of which it is not known what it stands for.
func (in *instance[S, C, E]) forget() {
	in.mu.Lock()
	defer in.mu.Unlock()
	var none S
	in.state, in.at, in.loaded = none, place{version: -1}, false
}

// discard is forget where a panic may have spoilt what the state holds, which a snapshot that waits shares.
func (in *instance[S, C, E]) discard() {
	in.forget()
	in.r.keeper.drop(in.stream)
}

// firstResult looks whether a command was executed before.
func (in *instance[S, C, E]) firstResult(ctx context.Context, q *request[S, C, E]) (result Result[S, E], found bool, err error) {
	first, found, err := in.r.store.FindEvent(ctx, in.stream, q.ids+"0")
	if err != nil || !found {
		return result, false, err
	}
	last := &first
	for e, err := range in.r.store.ReadStream(ctx, in.stream, &nacre.ReadOptions{From: first.StreamPosition}) {
		if err != nil {
			return result, true, err
		}
		if e.ID != q.ids+itoa(e.StreamPosition-first.StreamPosition) {
			break
		}
		decoded, err := in.r.decode(ctx, in.stream, nil, e)
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

// decoded pairs stored events with the values that they were made of.
func decoded[E any](stored []nacre.Event, values []E) []codec.Event[E] {
	out := make([]codec.Event[E], len(stored))
	for i := range stored {
		out[i] = codec.Event[E]{Event: stored[i], Data: values[i]}
	}
	return out
}
