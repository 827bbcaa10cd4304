package process

import (
	"context"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
)

// outcome is what became of a job.
type outcome struct {
	j   job
	err error
	cut bool // the runner ended meanwhile: what became of it is not known
}

// courier dispatches commands, each in a goroutine of its own.
type courier struct {
	m       *model
	to      Dispatcher
	timeout time.Duration
	signals *signals
	results chan outcome
	flying  int // of the owner's goroutine
}

// errGone is what becomes of a job whose goroutine user code has ended, by runtime.Goexit.
var errGone = nacre.Errorf(CodePanicked, "the dispatcher ended the goroutine that called it")

func newCourier(m *model, to Dispatcher, o *Options, s *signals) *courier {
	return &courier{m: m, to: to, timeout: o.Timeout, signals: s, results: make(chan outcome, o.Parallel)}
}

// send begins a job. There may be as many at once as results has room for.
func (c *courier) send(ctx context.Context, j job) {
	c.flying++
	go func() {
		err := error(errGone)
		defer func() { c.results <- outcome{j: j, err: err, cut: err != nil && ctx.Err() != nil} }()
		err = c.dispatch(ctx, j)
	}()
}

// landed takes note of a result that was received.
func (c *courier) landed() { c.flying-- }

func (c *courier) dispatch(ctx context.Context, j job) (err error) {
	what, err := c.m.decode(&j.c.command)
	if err != nil {
		return err
	}
	about := j.c.context()
	about.CommandID = j.c.ID
	ctx = decider.With(ctx, about)
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	ctx, end := c.signals.dispatch(ctx, &j)
	err = errGone
	defer func() { end(err) }()
	err = c.m.guard("Dispatch", j.in.id, func() error { return c.to.Dispatch(ctx, j.c.To, what) })
	return err
}
