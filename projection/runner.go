package projection

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// Status is how a projection does.
type Status = runner.Status

// The states of a projection, in [Status].
const (
	CatchingUp = runner.CatchingUp
	Running    = runner.Running
	Paused     = runner.Paused
	Rebuilding = runner.Rebuilding
	Failed     = runner.Failed
	Stopped    = runner.Stopped
)

// Runner is a projection at work; [Start] makes one. Its methods may be called from many goroutines.
type Runner struct {
	name    string
	store   *nacre.Store
	control chan command // to the runner's goroutine
	end     context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex // of what follows
	state   runner.State
	seen    nacre.Position
	failure error         // while FAILED, and after the end
	ended   bool          // it will never move again
	changed chan struct{} // closed, and made again, at each change
	rebuild *runner.Rebuild
	letters int
	// elsewhere is how far the read model is, while another process runs the projection; else nil.
	elsewhere func(ctx context.Context) (nacre.Position, error)
}

// command is what the runner's goroutine is asked to do.
type command struct {
	order  runner.Order
	answer chan error
}

// Start runs a projection into a read model until ctx ends or Stop is called. It returns once the declaration has
// been checked; while another process runs the projection, the runner waits for it. A projection of that name
// that this process runs already is RUNNER_ALREADY_RUNNING, unless the read model is in memory.
func Start[E, W any](ctx context.Context, store *nacre.Store, p Projection[E, W], m ReadModel[W], o *Options) (*Runner, error) {
	g, err := newEngine(store, p, m, o)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		name: p.Name, store: store, control: make(chan command), done: make(chan struct{}),
		state: runner.CatchingUp, changed: make(chan struct{}),
	}
	_, alone := any(m).(private)
	lease, err := acquire(ctx, g, true)
	switch {
	case nacre.CodeOf(err) == runner.CodeHeld:
		lease = nil // another process runs it: wait below, or do without
	case err != nil:
		return nil, err
	}
	ctx, r.end = context.WithCancel(ctx)
	l := &loop[E, W]{g: g, r: r, lease: lease, alone: alone}
	go func() {
		defer close(r.done)
		l.run(ctx)
	}()
	return r, nil
}

// acquire takes the projection's lease.
func acquire[E, W any](ctx context.Context, g *engine[E, W], noWait bool) (*runner.Lease, error) {
	return runner.Acquire(ctx, g.store, runner.ID{Kind: runner.Projection, Name: g.p.Name},
		&runner.Options{Lease: g.o.Lease, NoWait: noWait, Logger: g.o.Logger})
}

// lookAgain is how often WaitFor looks at a read model that another process writes.
const lookAgain = 50 * time.Millisecond

// WaitFor returns when the read model shows everything up to a position, for example a command's, whoever writes it.
// It fails with what has stopped the projection, or with ctx.
func (r *Runner) WaitFor(ctx context.Context, p nacre.Position) error {
	for {
		r.mu.Lock()
		seen, failure, ended, changed, elsewhere := r.seen, r.failure, r.ended, r.changed, r.elsewhere
		r.mu.Unlock()
		var later <-chan time.Time
		if elsewhere != nil {
			if at, err := elsewhere(ctx); err == nil {
				seen = max(seen, at)
			}
			later = time.After(lookAgain)
		}
		switch {
		case seen >= p:
			return nil
		case failure != nil:
			return failure
		case ended:
			return errStopped(r.name)
		}
		select {
		case <-changed:
		case <-later:
		case <-ctx.Done():
			return nacre.Errorf(codeOf(ctx.Err()), "waiting for the projection %q to come from position %d to %d: %w", r.name, seen, p, ctx.Err())
		}
	}
}

func errStopped(name string) error {
	return nacre.Errorf(CodeStopped, "the projection %q was stopped", name)
}

func codeOf(err error) nacre.Code {
	if errors.Is(err, context.DeadlineExceeded) {
		return nacre.CodeDeadline
	}
	return nacre.CodeCanceled
}

// Position is how far the read model is.
func (r *Runner) Position() nacre.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// Status is how the projection does in this process.
func (r *Runner) Status(ctx context.Context) (Status, error) {
	head, err := r.store.Head(ctx)
	if err != nil {
		return Status{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		Kind: runner.Projection, Name: r.name, State: r.state, Failure: runner.FailureOf(r.failure, time.Now()),
		Progress: runner.Progress{Position: r.seen, Head: head.Position, DeadLetters: r.letters, Rebuild: r.rebuild},
	}
	s.Lag = head.Position - min(head.Position, r.seen)
	return s, nil
}

// Err is what has stopped the projection: while it is FAILED, and after its end; nil where it was stopped.
func (r *Runner) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// Done is closed when the runner has ended.
func (r *Runner) Done() <-chan struct{} { return r.done }

// Pause lets the read model be as it is until Resume, also in later processes.
func (r *Runner) Pause(ctx context.Context) error {
	return r.order(ctx, runner.Order{Do: runner.Pause})
}

// Resume goes on after Pause, or tries again after a failure.
func (r *Runner) Resume(ctx context.Context) error {
	return r.order(ctx, runner.Order{Do: runner.Resume})
}

// Reset empties the read model, which then fills again. A model that cannot is CodeNoRebuild.
func (r *Runner) Reset(ctx context.Context) error {
	return r.order(ctx, runner.Order{Do: runner.Reset})
}

// Rebuild makes the read model again beside itself, and returns when the new one has taken its place. A model that
// cannot is CodeNoRebuild. Where ctx ends first, the rebuild goes on.
func (r *Runner) Rebuild(ctx context.Context) error {
	return r.order(ctx, runner.Order{Do: runner.Remake})
}

// RetryDeadLetters applies parked events again, out of their order: one, by the letter's id, or all where it is "".
func (r *Runner) RetryDeadLetters(ctx context.Context, letter string) error {
	return r.order(ctx, runner.Order{Do: runner.Retry, Letter: letter})
}

// DiscardDeadLetters gives parked events up: one, by the letter's id, or all where it is "".
func (r *Runner) DiscardDeadLetters(ctx context.Context, letter string) error {
	return r.order(ctx, runner.Order{Do: runner.Discard, Letter: letter})
}

func (r *Runner) order(ctx context.Context, o runner.Order) error {
	c := command{order: o, answer: make(chan error, 1)}
	select {
	case r.control <- c:
	case <-r.done:
		return errStopped(r.name)
	case <-ctx.Done():
		return nacre.Errorf(codeOf(ctx.Err()), "%s of the projection %q: %w", o.Do, r.name, ctx.Err())
	}
	select {
	case err := <-c.answer:
		return err
	case <-r.done:
		return errStopped(r.name)
	case <-ctx.Done():
		return nacre.Errorf(codeOf(ctx.Err()), "%s of the projection %q goes on: %w", o.Do, r.name, ctx.Err())
	}
}

// Stop ends the runner and waits until it has kept how far it is, or until ctx ends.
func (r *Runner) Stop(ctx context.Context) error {
	r.end()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return nacre.Errorf(codeOf(ctx.Err()), "stopping the projection %q: %w", r.name, ctx.Err())
	}
}

// change tells those who wait.
func (r *Runner) change(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	close(r.changed)
	r.changed = make(chan struct{})
}

// CatchUp runs a projection to the log's end as it is at the call, once, and gives the position that the read model
// shows. It waits while another process runs the projection.
func CatchUp[E, W any](ctx context.Context, store *nacre.Store, p Projection[E, W], m ReadModel[W], o *Options) (at nacre.Position, err error) {
	g, err := newEngine(store, p, m, o)
	if err != nil {
		return 0, err
	}
	_, alone := any(m).(private)
	lease, err := acquire(ctx, g, alone)
	if err != nil && !(alone && nacre.CodeOf(err) == runner.CodeHeld) {
		return 0, err
	}
	if lease != nil {
		defer func() {
			f := runner.FailureOf(err, time.Now())
			lease.Report(runner.Progress{Position: at, Head: at, DeadLetters: g.letters})
			err = errors.Join(err, lease.Release(ctx, f))
		}()
		if err := g.hold(ctx, lease); err != nil {
			return 0, err
		}
	}
	head, err := store.Head(ctx)
	if err != nil {
		return 0, err
	}
	if err := g.begin(ctx); err != nil {
		return 0, err
	}
	if err := g.upTo(ctx, head.Position); err != nil {
		return g.seen, err
	}
	if f, ok := any(m).(Flusher); ok {
		return g.seen, f.Flush(ctx, p.Name)
	}
	return g.seen, nil
}
