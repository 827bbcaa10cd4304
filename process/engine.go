package process

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// memory is what an engine asks about what is not in its own.
type memory interface {
	// load gives an instance's last record; nobody where there is none. Of its commands and timers nothing is
	// to be done: those that have some are in memory.
	load(ctx context.Context, instance string) (*truth, error)
	// knows tells whether the instance has a record of that id.
	knows(ctx context.Context, instance, record string) (bool, error)
}

// bounds are what an engine keeps within.
type bounds struct {
	attempts int                             // of whatever fails
	delay    func(attempt int) time.Duration // before the next one
	inputs   int                             // of a batch
	bytes    int                             // of a batch
	outbox   int                             // commands of an instance, before its inputs wait
	held     int                             // inputs that wait, before no event is taken
	pending  int                             // commands of all instances, before no event is taken
	idle     int                             // instances in memory that nothing is to be done for
	notes    int                             // of commands that were dispatched, in a commit
}

func defaultBounds() bounds {
	return bounds{
		attempts: 10, delay: func(int) time.Duration { return 0 }, inputs: 900, bytes: 8 << 20,
		outbox: 100, held: 1000, pending: 10_000, idle: 10_000, notes: 1000,
	}
}

// engine is a process manager without clock, goroutines and disk: it is given events, times and what became of
// commands, and gives batches to be committed and commands to be dispatched. The order is:
//
//	give, step, seal; the batch is committed; committed (or rollback); next, finish; step …
//
// Between seal and committed only next and finish may be called.
type engine struct {
	m   *model
	mem memory
	log *slog.Logger
	b   bounds
	now time.Time // of the present step

	// As committed.
	position nacre.Position // every event up to it is done with, but for those that are held
	version  int64          // of the stream of commits
	last     place          // the last commit, in the companion log
	lastSeen *place         // the last event that it knew of
	heldNow  map[string]held
	letters  map[string]bool // open dead letters
	records  int             // since the last blob

	// As given.
	epoch   string
	given   nacre.Position // every event up to it was given
	seen    place          // the last event that was taken out of the queue
	careful nacre.Position // events up to it may be known, since the log was cut or restored

	book    *book
	timers  alarms
	waking  alarms           // of lines
	sending alarms           // of instances whose commands are tried again
	limbo   map[string]*line // of what fails and has no instance's line
	lines   int              // of instances
	ripe    []*line
	ready   []*instance

	replies   []*item          // what dispatching came to
	tasks     []*item          // orders about dead letters
	condemned map[string]error // timers that a commit of them alone was refused for, by their keys
	queue     []*item          // events
	notes     []note           // commands that were dispatched, for the next commit
	marks     marks            // what is to be done, by the position that caused it
	draft     *draft
	single    int // inputs to be committed one by one, since together they were refused

	figures figures
}

// figures count what has been done.
type figures struct{ reacted, fired, dispatched, rejected, buried, retries int64 }

// note is a command that was dispatched, which is yet to be written.
type note struct {
	in *instance
	c  *pending
}

func newEngine(m *model, mem memory, b bounds) *engine {
	return &engine{
		m: m, mem: mem, log: m.log, b: b, version: -1,
		heldNow: map[string]held{}, letters: map[string]bool{}, condemned: map[string]error{}, book: newBook(b.idle), limbo: map[string]*line{}, draft: &draft{},
	}
}

// give queues events, in order, and tells up to where the log was read.
func (e *engine) give(events []nacre.Event, upTo nacre.Position) {
	for i := range events {
		it := &item{kind: itemEvent, event: events[i], index: -1, again: events[i].GlobalPosition <= e.careful}
		var err error
		if it.parts, err = e.m.parts(events[i]); err != nil {
			it.parts = nil // it is decoded again when its turn comes
		}
		e.queue = append(e.queue, it)
	}
	e.given = max(e.given, upTo)
}

// wanted are the instances that the queue is about and that are not in memory.
func (e *engine) wanted() []string {
	var ids []string
	seen := map[string]bool{}
	for _, it := range e.queue {
		for i := range it.parts {
			id := it.parts[i].instance
			if id != "" && it.parts[i].err == nil && !seen[id] && e.book.get(id) == nil {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// find gives an instance, from memory or from the log.
func (e *engine) find(ctx context.Context, id string) (*instance, error) {
	if in := e.book.get(id); in != nil {
		return in, nil
	}
	t, err := e.mem.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.book.put(id, t), nil
}

// step takes inputs into the batch under way, until it is full or nothing is left to take. Timers fire that were due
// before an event was created, and once no event is left, those that are due by the horizon: the time of a moment
// at which the log's end had been read. Without intake it only takes what dispatching came to, and orders: an event or timer that is
// tried again waits in its line.
// After an error of the store everything waits as before the step.
func (e *engine) step(ctx context.Context, now, horizon time.Time, intake bool) error {
	e.now = now
	e.wakeLines(now)
	for !e.draft.full(e) {
		took, err := e.one(ctx, horizon, intake)
		if err != nil {
			e.rollback()
			return err
		}
		if !took {
			return nil
		}
	}
	return nil
}

// one takes one input; false where there is none.
func (e *engine) one(ctx context.Context, horizon time.Time, intake bool) (bool, error) {
	switch {
	case len(e.replies) > 0:
		return true, e.offer(ctx, pull(&e.replies), fromReplies)
	case len(e.tasks) > 0:
		return true, e.offer(ctx, pull(&e.tasks), fromTasks)
	case !intake:
		return false, nil
	case len(e.ripe) > 0:
		return true, e.takeLine(ctx)
	}
	if len(e.queue) > 0 && e.roomForEvents() {
		created := e.queue[0].event.CreatedAt
		if it := e.due(created.Add(-1)); it != nil {
			return true, e.offer(ctx, it, fromTimers)
		}
		it := pull(&e.queue)
		before := e.seen
		e.seen = place{Position: it.event.GlobalPosition, ID: it.event.ID}
		e.draft.begin(before)
		return true, e.offer(ctx, it, fromQueue)
	}
	if len(e.queue) == 0 {
		if it := e.due(horizon); it != nil {
			return true, e.offer(ctx, it, fromTimers)
		}
	}
	return false, nil
}

func pull(queue *[]*item) *item {
	it := (*queue)[0]
	(*queue)[0] = nil
	if *queue = (*queue)[1:]; len(*queue) == 0 {
		*queue = nil
	}
	return it
}

// roomForEvents tells whether more may be read before something of what waits is done.
func (e *engine) roomForEvents() bool {
	return len(e.heldNow)+len(e.draft.held) < e.b.held && e.marks.total+e.draft.commands < e.b.pending
}

// due gives the first timer that is due by a time; nil where none is.
func (e *engine) due(by time.Time) *item {
	for {
		at, ok := e.timers.next()
		if !ok || at.After(by) {
			return nil
		}
		a := e.timers.pop()
		in := e.book.get(a.who)
		if in == nil {
			continue
		}
		if t := in.now().timer(a.name); t != nil && t.Set == a.set && t.Due.Equal(a.at) {
			it := &item{kind: itemTimer, instance: a.who, timer: *t}
			it.fatal = e.condemned[it.key()]
			return it
		}
	}
}

// passed is the position up to which everything was taken, or is held.
func (e *engine) passed() nacre.Position {
	if len(e.queue) > 0 {
		return e.queue[0].event.GlobalPosition - 1
	}
	return e.given
}

// done is the position up to which everything has been reacted to, durably, and dispatched.
func (e *engine) done() nacre.Position {
	done := e.position
	if e.draft.empty() && len(e.queue) == 0 {
		done = e.given // what lies between was passed over
	}
	if first, some := e.marks.first(); some && first <= done {
		done = max(first, 1) - 1
	}
	return done
}

// idle tells whether nothing is left to be done, but for timers that are not due.
func (e *engine) idle() bool {
	return e.draft.empty() && len(e.replies)+len(e.tasks)+len(e.queue)+len(e.ripe)+len(e.limbo) == 0 &&
		len(e.heldNow)+e.marks.total+e.lines == 0
}

// wake is when something is tried again.
func (e *engine) wake() (time.Time, bool) {
	var first time.Time
	some := false
	for _, a := range []*alarms{&e.waking, &e.sending} {
		if at, ok := a.next(); ok && (!some || at.Before(first)) {
			first, some = at, true
		}
	}
	return first, some
}

// nextTimer is when the next timer is due.
func (e *engine) nextTimer() (time.Time, bool) { return e.timers.next() }

// failure is an error as it is kept.
func (e *engine) failure(err error) *runner.Failure {
	f := runner.FailureOf(err, e.now)
	if len(f.Message) > maxMessage {
		f.Message = strings.ToValidUTF8(f.Message[:maxMessage], "") + " …" // the cut may be within a character
	}
	return f
}

// maxMessage is the longest that is kept of an error's message, in bytes.
const maxMessage = 2000

// encode is for values of this package, which encode.
func (e *engine) encode(v any) []byte {
	raw, err := codec.Marshal(v)
	if err != nil {
		e.log.Error("what a process manager keeps does not encode", "manager", e.m.name, "error", err)
		return nil
	}
	return raw
}

// backoff is the wait before an attempt: it doubles from least to most, and is drawn between nothing and that.
func backoff(least, most time.Duration, random func() float64) func(attempt int) time.Duration {
	return func(attempt int) time.Duration {
		limit := float64(least) * math.Pow(2, float64(attempt-1))
		return time.Duration(min(limit, float64(most)) * random())
	}
}
