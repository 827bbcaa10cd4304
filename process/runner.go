package process

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// grace is how long a runner has to finish what it began once its context has ended.
const grace = 5 * time.Second

// Runner is a manager at work. Its methods may be called from many goroutines.
type Runner struct {
	o       Options
	m       *model
	to      Dispatcher
	store   *nacre.Store
	l       *ledger
	id      runner.ID
	signals *signals
	once    bool // it ends where nothing is left to be done

	ctx      context.Context // of everything that it does
	abort    context.CancelFunc
	stop     chan struct{} // closed when it is to stop
	stopping sync.Once
	done     chan struct{} // closed when it has ended

	order      *runner.Order // it is being carried out; by the next work, where one ends meanwhile
	suspicious bool          // an id of a record was taken: look whether events are known
	paused     bool          // as ordered last
	figures    figures       // of all engines so far
	ailing     error         // what the last work ended with; nil where it ended well

	mu       sync.Mutex
	status   Status
	said     State // what was written last
	saidErr  string
	active   bool           // this process runs the manager
	changed  chan struct{}  // closed, and made again, when the status moves
	obeyedTo nacre.Position // the last order that was obeyed
	refused  map[nacre.Position]error
	err      error
}

// Start runs a manager until it is stopped or ctx ends. It goes on where the manager was; commands that were recorded and not
// known to be dispatched are dispatched. Where another process runs it, this one stands by.
func Start[S any](ctx context.Context, store *nacre.Store, m Manager[S], to Dispatcher, o *Options) (*Runner, error) {
	return start(ctx, store, m, to, o, false)
}

func start[S any](ctx context.Context, store *nacre.Store, m Manager[S], to Dispatcher, o *Options, once bool) (*Runner, error) {
	d, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	model, err := compile(m, to, d.Logger)
	if err != nil {
		return nil, err
	}
	l, err := newLedger(store, m.Name, d.Logger)
	if err != nil {
		return nil, err
	}
	s, err := newSignals(&d, m.Name)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		o: d, m: model, to: to, store: store, l: l, id: runner.ID{Kind: runner.Process, Name: m.Name}, signals: s, once: once,
		stop: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{}),
		refused: map[nacre.Position]error{}, status: Status{Name: m.Name, State: StandingBy},
	}
	lease, err := r.firstLease(ctx)
	if err != nil {
		return nil, err
	}
	if lease != nil {
		r.status.State, r.active = CatchingUp, true
	}
	r.ctx, r.abort = context.WithCancel(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, r.windDown)
	go func() { //nolint:contextcheck // the runner's own, which ctx ends
		defer close(r.done)
		defer r.abort()
		defer unwatch()
		r.run(lease)
	}()
	return r, nil
}

// firstLease takes the lease where it is free; nil where another process has it.
func (r *Runner) firstLease(ctx context.Context) (*runner.Lease, error) {
	o := r.leaseOptions()
	o.NoWait = true
	lease, err := runner.Acquire(ctx, r.store, r.id, o)
	if nacre.CodeOf(err) == CodeHeld && !r.o.NoWait {
		return nil, nil //nolint:nilnil // no lease yet, and that is no error
	}
	return lease, err
}

func (r *Runner) leaseOptions() *runner.Options {
	return &runner.Options{Lease: r.o.Lease, Logger: r.o.Logger, Clock: r.o.Clock}
}

// windDown stops a runner whose context has ended, and cuts it off where that takes long.
func (r *Runner) windDown() {
	r.end()
	select {
	case <-r.done:
	case <-time.After(grace):
		r.abort()
	}
}

func (r *Runner) end() { r.stopping.Do(func() { close(r.stop) }) }

// run holds a lease and works, until the runner ends.
func (r *Runner) run(lease *runner.Lease) {
	var err error
	defer func() { r.ended(err) }()
	for {
		if lease == nil {
			if lease, err = r.standBy(); err != nil {
				return
			}
		}
		func() {
			err = nacre.Errorf(CodePanicked, "a function of the process manager %q ended the goroutine that called it", r.m.name)
			defer func() { err = r.release(lease, err) }()
			r.activate(true)
			err = r.serve(lease)
		}()
		if nacre.CodeOf(err) != runner.CodeLeaseLost {
			return
		}
		lease = nil
	}
}

// release gives the lease back after an error, and tells what the runner ends with.
func (r *Runner) release(lease *runner.Lease, err error) error {
	r.activate(false)
	var f *runner.Failure
	if err != nil && !r.isStopping() && !r.paused {
		f = runner.FailureOf(err, r.o.Clock())
	}
	released := lease.Release(context.WithoutCancel(r.ctx), f)
	if err == nil && nacre.CodeOf(released) != runner.CodeLeaseLost {
		err = released
	}
	return err
}

// ended tells everybody that the runner has ended, and with what.
func (r *Runner) ended(err error) {
	if r.isStopping() && (nacre.CodeOf(err) == nacre.CodeCanceled || errors.Is(err, context.Canceled)) {
		err = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.status.State, r.status.Err = err, Stopped, nil
	if err != nil {
		r.status.State, r.status.Err = Failed, err
	}
	r.moved()
}

// standBy waits for the lease.
func (r *Runner) standBy() (*runner.Lease, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	go func() {
		select {
		case <-r.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for failures := 1; ; failures++ {
		lease, err := runner.Acquire(ctx, r.store, r.id, r.leaseOptions())
		if err == nil || ctx.Err() != nil || ends(err) || nacre.CodeOf(err) == CodeAlreadyRunning {
			return lease, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause(failures, &r.o)):
		}
	}
}

func (r *Runner) activate(active bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active, r.said = active, ""
	r.status.State = StandingBy
	if active {
		r.status.State = CatchingUp
	}
	r.moved()
}

func (r *Runner) isStopping() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// serve works under a lease, until the runner is stopped, the lease is lost, or the store fails for good. After other failures
// everything is read anew.
func (r *Runner) serve(lease *runner.Lease) error {
	r.paused, r.order = lease.Before().Paused, nil
	lease.Intend(runner.Intent{Paused: r.paused})
	if r.paused && r.once {
		return nacre.Errorf(CodePaused, "the process manager %q is paused: resume it first", r.m.name)
	}
	for failures := 1; ; failures++ {
		w, err := r.newWork(lease)
		if err == nil {
			err = w.run()
			r.paused, r.figures = w.paused, w.e.figures
			if errors.Is(err, errDone) {
				return w.finish()
			}
			if w.worked {
				failures = 1
			}
			r.ailing = w.ailing
		}
		again := errors.Is(err, errReopen)
		switch {
		case ends(err):
			return err
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case !again:
			r.ailing = err
			r.say(lease, Failed, err)
		}
		select {
		case <-r.stop:
			if again {
				return nil // what it had not committed is read again by the next one
			}
			return err
		case <-r.ctx.Done():
			return r.ctx.Err()
		case <-lease.Lost():
			return lease.Check(r.ctx)
		case <-time.After(pause(failures, &r.o)):
		}
	}
}

// newWork reads what the manager knows, and begins to follow the log.
func (r *Runner) newWork(lease *runner.Lease) (*work, error) {
	e, err := r.l.open(r.ctx, r.m, r.o.bounds(), r.o.After)
	if err != nil {
		return nil, err
	}
	if r.suspicious {
		head, err := r.store.Head(r.ctx)
		if err != nil {
			return nil, err
		}
		e.careful, r.suspicious = max(e.careful, head.Position, head.Last), false
	}
	e.figures = r.figures
	w := &work{
		r: r, lease: lease, l: r.l, e: e, c: newCourier(r.m, r.to, &r.o, r.signals), paused: r.paused, ailing: r.ailing,
		nudge: make(chan struct{}, 1), tasks: make(chan *item), commits: make(chan committal, 1), obeyed: make(chan struct{}, 1),
	}
	w.ctx, w.cancel = context.WithCancel(r.ctx)
	w.wg.Add(1)
	w.feed = startFeed(w.ctx, r.store, nacre.Filter{{Types: r.m.events.Types()}}, e.given, e.epoch, w.wg.Done)
	return w, nil
}

// finish writes what is left to be written when a runner stops.
func (w *work) finish() error {
	ctx, cancel := context.WithCancel(w.r.ctx)
	defer cancel()
	w.ctx = ctx
	for {
		b, err := w.e.seal(true)
		if err != nil || b == nil {
			w.wg.Wait()
			if err == nil {
				err = w.l.writeBlob(ctx, w.e)
			}
			w.report(w.r.o.Clock())
			return err
		}
		at, err := w.commit(b)
		w.committing = b
		switch err := w.conclude(committal{at, err}); {
		case errors.Is(err, errReopen):
			w.wg.Wait()
			return nil // another runner has written: it, or the next one, reads again what was not committed
		case err != nil:
			return err
		}
	}
}

// Stop ends the runner: it reacts to nothing more, waits for the commands that are being dispatched, and writes what it knows.
// Where ctx ends first it is cut off, which harms nothing: a start goes on as after a crash.
func (r *Runner) Stop(ctx context.Context) error {
	r.end()
	select {
	case <-r.done:
		return r.Err()
	case <-ctx.Done():
		r.abort()
		return nacre.Errorf(nacre.CodeDeadline, "the process manager %q was cut off, since it had not stopped in time: %w", r.m.name, ctx.Err())
	}
}

// Done is closed when the runner has ended.
func (r *Runner) Done() <-chan struct{} { return r.done }

// Err is what the runner has ended with; nil while it runs, and where it was stopped.
func (r *Runner) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// WaitFor returns when every event up to a position has been reacted to, durably, and what that led to was dispatched, refused or
// given up. It fails with CodeClosed where the runner ends first.
func (r *Runner) WaitFor(ctx context.Context, p nacre.Position) error {
	for {
		r.mu.Lock()
		at, changed, active, err := r.status.Position, r.changed, r.active, r.err
		r.mu.Unlock()
		if at >= p {
			return nil
		}
		select {
		case <-r.done:
			if err != nil {
				return nacre.Errorf(nacre.CodeClosed, "the process manager %q ended at position %d: %w", r.m.name, at, err)
			}
			return nacre.Errorf(nacre.CodeClosed, "the process manager %q was stopped at position %d", r.m.name, at)
		default:
		}
		var poll <-chan time.Time
		if !active { // another process tells how far it is
			if s, err := runner.Get(ctx, r.store, r.id); err == nil && s.Position >= p {
				return nil
			}
			poll = time.After(counting)
		}
		select {
		case <-changed:
		case <-poll:
		case <-r.done:
		case <-ctx.Done():
			code := nacre.CodeCanceled
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				code = nacre.CodeDeadline
			}
			return nacre.Errorf(code, "waiting for the process manager %q to come to position %d; it is at %d: %w", r.m.name, p, at, ctx.Err())
		}
	}
}

// Pause has the runner, wherever it runs, take and dispatch nothing more. A pause outlives its process.
func (r *Runner) Pause(ctx context.Context) error { return r.give(ctx, runner.Order{Do: runner.Pause}) }

// Resume ends a pause.
func (r *Runner) Resume(ctx context.Context) error {
	return r.give(ctx, runner.Order{Do: runner.Resume})
}

// Retry has a dead letter tried again, or all of them where its id is "": an event or timer behind what waits in its instance, and not
// while the manager is paused. A command keeps its id. The letter stays open until that has succeeded, or the command was refused. An event
// or timer of an instance that was begun anew since is given up again.
func (r *Runner) Retry(ctx context.Context, letter string) error {
	return r.give(ctx, runner.Order{Do: runner.Retry, Letter: letter})
}

// Discard gives up a dead letter, or all of them where its id is "".
func (r *Runner) Discard(ctx context.Context, letter string) error {
	return r.give(ctx, runner.Order{Do: runner.Discard, Letter: letter})
}

// give appends an order, and waits until it was obeyed where it is this process that has to.
func (r *Runner) give(ctx context.Context, o runner.Order) error {
	given, err := runner.Give(ctx, r.store, r.id, o)
	if err != nil {
		return err
	}
	for {
		r.mu.Lock()
		obeyed, changed, active := r.obeyedTo >= given.Place, r.changed, r.active
		err := r.refused[given.Place]
		if obeyed {
			delete(r.refused, given.Place)
		}
		r.mu.Unlock()
		if obeyed || !active {
			return err
		}
		select {
		case <-changed:
		case <-r.done:
			return nacre.Errorf(nacre.CodeClosed, "the process manager %q ended; it obeys the order when it is started again", r.m.name)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// obeyed tells whoever waits that an order was carried out, or why it was not.
func (r *Runner) obeyed(at nacre.Position, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.obeyedTo = max(r.obeyedTo, at)
	if err != nil {
		if len(r.refused) >= maxRefused { // nobody waits for so many
			clear(r.refused)
		}
		r.refused[at] = err
	}
	r.moved()
}

// maxRefused is how many errors of orders are kept for those who gave them.
const maxRefused = 100
