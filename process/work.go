package process

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

const (
	lazily       = time.Second            // how long a commit waits that says which commands were dispatched
	passing      = 10 * time.Second       // and one that says which positions were passed over
	loaders      = 8                      // instances that are loaded at once
	tasksAtOnce  = 64                     // orders about dead letters that wait in an engine
	troubleDelay = 100 * time.Millisecond // the first pause when the store fails
	counting     = time.Second            // how often the log's end and the rate are looked at
)

// The ends of a work that are no failures.
var (
	errReopen = errors.New("another runner has written: read anew")
	errDone   = errors.New("nothing is left to be done")
)

// work is a manager at work under a lease, with one engine: its loop is the only goroutine that touches the engine.
type work struct {
	r      *Runner
	lease  *runner.Lease
	l      *ledger
	e      *engine
	feed   *feed
	c      *courier
	ctx    context.Context // of everything that it begins
	cancel context.CancelFunc
	wg     sync.WaitGroup
	nudge  chan struct{} // there is something to report

	mu      sync.Mutex
	failing error // what the store fails with; nil where it does not

	tasks      chan *item     // about dead letters, from orders
	commits    chan committal // what became of the batch that is committed
	committing *batch
	writing    chan error // what became of the blob that is written; nil where none is

	obeyed           chan struct{} // an order about dead letters was carried out
	obeying          bool          // one is, and others wait
	paused, stopping bool
	stalled          time.Time // no input is taken until then, since the store fails
	ailing           error     // what the work before this one ended with, until the log is read again
	failures         int       // in a row
	worked           bool      // something was committed
	lazyAt           time.Time // when notes and positions are committed; zero where there are none
	caughtUp         bool      // the feed has told the log's end, at some time
	atEnd            bool      // it did so last
	horizon          time.Time
	looked           time.Time // when it was last looked whether timers are due
	head             nacre.Position
	rateAt           time.Time
	rateFrom         int64
	rate             float64
}

// committal is what became of a batch.
type committal struct {
	at  nacre.Position
	err error
}

// run works until the runner is stopped, or fails. errReopen asks for another work.
func (w *work) run() error {
	defer w.wg.Wait()
	defer w.land()
	defer w.cancel()
	if w.r.order != nil {
		w.obey(*w.r.order)
	}
	for {
		more, err := w.round()
		if err != nil {
			return err
		}
		if err := w.await(more); err != nil {
			return err
		}
	}
}

// round does what can be done without waiting. It tells whether there is more of that.
func (w *work) round() (more bool, err error) {
	now := w.r.o.Clock()
	if err := w.read(); err != nil {
		return false, err
	}
	if w.committing == nil && !now.Before(w.stalled) {
		if more, err = w.advance(now); err != nil {
			return false, err
		}
	}
	if !w.paused && !w.stopping {
		w.sendOut(now)
	}
	w.report(now)
	if w.r.once && !w.stopping {
		if w.stopping, err = w.nothingLeft(now); err != nil {
			return false, err
		}
	}
	if w.stopping && w.c.flying == 0 && w.committing == nil && len(w.e.replies)+len(w.e.tasks) == 0 {
		return false, errDone
	}
	return more, nil
}

// nothingLeft tells whether a manager that catches up has done so: what its commands led to, too.
func (w *work) nothingLeft(now time.Time) (bool, error) {
	if !w.atEnd || w.c.flying > 0 || w.committing != nil || !w.e.idle() {
		return false, nil
	}
	if due, some := w.e.nextTimer(); some && !due.After(now) {
		return false, nil
	}
	head, err := w.l.store.Head(w.ctx)
	return err == nil && w.e.given >= max(head.Position, head.Last), err
}

// read moves what the feed has read to the engine, once that has nothing more to take.
func (w *work) read() error {
	if w.committing != nil || w.paused || w.stopping || len(w.e.queue) > 0 {
		return nil
	}
	events, upTo, caughtUp, err := w.feed.take()
	if err != nil {
		if nacre.CodeOf(err) == nacre.CodeLogRewound {
			return errReopen
		}
		return err
	}
	if caughtUp || len(events) > 0 {
		w.ailing = nil
	}
	w.e.give(events, upTo)
	w.caughtUp = w.caughtUp || caughtUp
	w.atEnd = caughtUp
	return w.load()
}

// load reads several instances at once that the queue is about. What fails is tried again when its turn comes.
func (w *work) load() error {
	ids := w.e.wanted()
	if len(ids) < 2 {
		return nil
	}
	truths := make([]*truth, len(ids))
	var wg sync.WaitGroup
	for first := range min(loaders, len(ids)) {
		wg.Go(func() {
			for i := first; i < len(ids); i += loaders {
				if t, err := w.l.load(w.ctx, ids[i]); err == nil {
					truths[i] = t
				}
			}
		})
	}
	wg.Wait()
	for i, t := range truths {
		if t != nil {
			w.e.book.put(ids[i], t)
		}
	}
	return w.ctx.Err()
}

// advance has the engine take what there is, and begins a commit.
func (w *work) advance(now time.Time) (more bool, err error) {
	intake := !w.paused && !w.stopping
	if intake {
		w.looked = now
		if err := w.look(now); err != nil {
			return false, w.trouble(now, err)
		}
	}
	if err := w.e.step(w.ctx, now, w.horizon, intake); err != nil {
		return false, w.trouble(now, err)
	}
	more = w.e.draft.full(w.e)
	b, err := w.e.seal(w.lazy(now))
	if err != nil {
		return false, err
	}
	w.failures = 0
	w.troubling(nil)
	if b != nil {
		w.begin(b)
	}
	return more, nil
}

// lazy tells whether it is time to commit what can wait.
func (w *work) lazy(now time.Time) bool {
	wait := passing
	if len(w.e.notes) > 0 {
		wait = lazily
	}
	switch {
	case len(w.e.notes) >= w.e.b.notes:
		return true
	case len(w.e.notes) == 0 && w.e.passed() == w.e.position && w.e.version >= 0:
		w.lazyAt = time.Time{}
		return false
	case w.lazyAt.IsZero() || w.lazyAt.After(now.Add(wait)):
		w.lazyAt = now.Add(wait)
	}
	return !now.Before(w.lazyAt)
}

// look finds out whether timers are due: whether all was read that stood in the log at a time when they were.
func (w *work) look(now time.Time) error {
	due, some := w.e.nextTimer()
	if !some || due.After(now) || !due.After(w.horizon) || len(w.e.queue) > 0 || !w.atEnd {
		return nil
	}
	head, err := w.l.store.Head(w.ctx)
	if err != nil {
		return err
	}
	if w.e.given >= max(head.Position, head.Last) {
		w.horizon = now
	}
	return nil
}

// trouble tells of an error of the store, and has the loop wait before it goes on.
func (w *work) trouble(now time.Time, err error) error {
	if w.ctx.Err() != nil || ends(err) {
		return err
	}
	w.failures++
	w.stalled = now.Add(pause(w.failures, &w.r.o))
	w.troubling(err)
	return nil
}

// troubling takes note of what the store fails with, or that it fails no more.
func (w *work) troubling(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing = err
}

func (w *work) troubled() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing == nil {
		return w.ailing
	}
	return w.failing
}

// pause is how long is waited after so many failures in a row.
func pause(failures int, o *Options) time.Duration {
	return min(troubleDelay<<min(failures-1, 20), o.MaxDelay)
}

// ends tells whether an error of the store ends a runner: nothing that is tried again mends it.
func ends(err error) bool {
	switch nacre.CodeOf(err) {
	case nacre.CodeClosed, nacre.CodeReadOnly, nacre.CodeUnsupported, nacre.CodeFailed, runner.CodeLeaseLost:
		return true
	}
	return false
}

// begin has a batch committed.
func (w *work) begin(b *batch) {
	w.committing, w.lazyAt = b, time.Time{}
	w.wg.Go(func() {
		at, err := w.commit(b)
		w.commits <- committal{at, err}
	})
}

// commit commits a batch, and tries until it is known what became of it.
func (w *work) commit(b *batch) (nacre.Position, error) {
	for failures := 1; ; failures++ {
		err := w.lease.Check(w.ctx)
		if err == nil {
			var out []nacre.Appended
			if out, err = w.l.system.Commit(w.ctx, nil, b.appends...); err == nil {
				return out[len(out)-1].Position(), nil
			}
		}
		switch nacre.CodeOf(err) {
		case nacre.CodeVersionConflict, nacre.CodeEventIDConflict, nacre.CodeInvalid, nacre.CodeTooLarge:
			return 0, err
		}
		if w.ctx.Err() != nil || ends(err) {
			return 0, err
		}
		w.troubling(err)
		signal(w.nudge)
		select {
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		case <-time.After(pause(failures, &w.r.o)):
		}
	}
}

// conclude takes what became of the batch.
func (w *work) conclude(c committal) error {
	b := w.committing
	w.committing = nil
	switch nacre.CodeOf(c.err) {
	case "":
		if c.err != nil {
			return c.err
		}
		w.e.committed(b, c.at)
		w.worked = true
		w.troubling(nil)
		return w.snapshot()
	case nacre.CodeEventIDConflict:
		w.r.suspicious = true
		return errReopen
	case nacre.CodeVersionConflict:
		return errReopen
	case nacre.CodeInvalid, nacre.CodeTooLarge:
		return w.e.refuse(b, c.err)
	}
	return c.err
}

// snapshot keeps in the background what a start has to know, when it is time.
func (w *work) snapshot() error {
	if w.writing != nil || !w.e.wantsBlob(w.r.o.SnapshotEvery) {
		return nil
	}
	data, err := w.e.blob()
	if err != nil {
		return err
	}
	w.e.records = 0
	done := make(chan error, 1)
	w.writing = done
	w.wg.Go(func() { done <- w.l.blobs.PutBlob(w.ctx, blobKey(w.l.name), data) })
	return nil
}

// sendOut has commands dispatched, as many at once as may be.
func (w *work) sendOut(now time.Time) {
	w.e.rouse(now)
	for w.c.flying < w.r.o.Parallel {
		j, ok := w.e.next()
		if !ok {
			return
		}
		w.c.send(w.ctx, j)
	}
}

// received takes a result of the courier.
func (w *work) received(o outcome) {
	w.c.landed()
	if o.cut {
		w.e.release(o.j)
		return
	}
	w.e.finish(o.j, o.err, micro(w.r.o.Clock()))
}

// land waits for all that was sent out; where the runner was cut off, it waits for the grace only: a dispatcher may
// not heed its context.
func (w *work) land() {
	var late <-chan time.Time
	aborted := w.r.ctx.Done()
	for w.c.flying > 0 {
		select {
		case <-w.c.results:
			w.c.landed()
		case <-aborted:
			aborted = nil
			t := time.NewTimer(grace)
			defer t.Stop()
			late = t.C
		case <-late:
			w.l.log.Warn("a dispatch does not end, though its context has: a process manager ends without it", "manager", w.l.name, "dispatches", w.c.flying)
			return
		}
	}
}

// await waits for something to do; with more it only takes what is there.
func (w *work) await(more bool) error {
	var alarm <-chan time.Time
	if at, ok := w.wakeAt(); ok {
		t := time.NewTimer(max(0, at.Sub(w.r.o.Clock())))
		defer t.Stop()
		alarm = t.C
	}
	var now chan struct{}
	if more && w.committing == nil {
		now = make(chan struct{})
		close(now)
	}
	var ready chan struct{}
	if w.committing == nil && !w.paused && !w.stopping && len(w.e.queue) == 0 {
		ready = w.feed.ready
	}
	orders, tasks, stop := w.lease.Orders(), w.tasks, w.r.stop
	if w.stopping {
		orders, stop = nil, nil
	}
	if w.obeying {
		orders = nil
	}
	if len(w.e.tasks) >= tasksAtOnce {
		tasks = nil
	}
	select {
	case <-now:
	case <-alarm:
	case <-ready:
	case it := <-tasks:
		w.e.tasks = append(w.e.tasks, it)
	case o := <-w.c.results:
		w.received(o)
		for range len(w.c.results) {
			w.received(<-w.c.results)
		}
	case c := <-w.commits:
		return w.conclude(c)
	case err := <-w.writing:
		w.writing = nil
		if err != nil {
			w.l.log.Warn("what a process manager knows could not be kept in one piece: a start reads more of the log", "manager", w.l.name, "error", err)
		}
	case o := <-orders:
		w.obey(o)
	case <-w.obeyed:
		w.obeying = false
	case <-w.nudge:
	case <-stop:
		w.stopping = true
	case <-w.lease.Lost():
		return w.lease.Check(w.ctx)
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	return nil
}

// wakeAt is when there is something to do that nothing else tells of.
func (w *work) wakeAt() (time.Time, bool) {
	if w.committing != nil {
		return time.Time{}, false
	}
	if w.stalled.After(w.r.o.Clock()) {
		return w.stalled, true
	}
	var first time.Time
	add := func(t time.Time, ok bool) {
		if ok && !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !w.stopping {
		add(w.lazyAt, true)
		if !w.paused {
			add(w.e.wake())
			// One that was due when it was last looked waits for the feed.
			due, some := w.e.nextTimer()
			add(due, some && due.After(w.looked))
		}
	}
	return first, !first.IsZero()
}
