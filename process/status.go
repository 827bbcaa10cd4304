package process

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// State is what a runner does.
type State string

// The states of a runner.
const (
	// StandingBy: another process runs the manager, and this one takes over when that one stops.
	StandingBy State = "STANDING_BY"
	CatchingUp State = "CATCHING_UP"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	// Failed: the store fails, and is tried again; or the runner has ended with an error.
	Failed  State = "FAILED"
	Stopped State = "STOPPED"
)

// Status is how a runner is.
type Status struct {
	Name  string
	State State
	// Position is what WaitFor waits for: every event up to it has been reacted to, and what that led to was dispatched.
	Position nacre.Position
	// Head is the log's end, as the runner saw it last.
	Head nacre.Position
	// Rate is events a second.
	Rate float64
	// Pending are commands that are yet to be dispatched, and inputs that wait to be tried again.
	Pending int
	// DeadLetters are the open ones.
	DeadLetters int
	// Err is what failed last, where the state is Failed; else nil.
	Err error
}

// Lag is how many positions lie between the runner and the log's end.
func (s *Status) Lag() nacre.Position { return s.Head - min(s.Head, s.Position) }

// DeadLetter is what was given up: an event or timer that could not be reacted to, or a command that could not be dispatched.
type DeadLetter struct {
	ID       string
	What     string // "event", "command" or "timer"
	Instance string // "" where it is not known
	// Position, EventID, Stream and Type are of the event that it is; Position also of the one that led to a command.
	Position nacre.Position
	EventID  string
	Stream   nacre.StreamID
	Type     string
	// Command is the name of the command that it is, To whom it was for, Payload its JSON.
	Command, To, CommandID string
	Payload                json.RawMessage
	Timer                  string
	Code                   nacre.Code // of the last error; "" for an error of user code
	Message                string
	Attempts               int
	At                     time.Time
}

// DeadLetters are the manager's open ones, the oldest first.
func (r *Runner) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	list, err := runner.Letters(ctx, r.store, runner.Process, r.m.name)
	if err != nil {
		return nil, err
	}
	out := make([]DeadLetter, len(list))
	for i := range list {
		l := &list[i]
		out[i] = DeadLetter{
			ID: l.ID, What: l.What, Instance: l.Instance, Position: l.Position, EventID: l.EventID, Stream: l.Stream, Type: l.Type,
			Command: l.Command, To: l.To, CommandID: l.CommandID, Payload: l.Payload, Timer: l.Timer,
			Code: l.Error.Code, Message: l.Error.Message, Attempts: l.Attempts, At: l.At,
		}
	}
	return out, nil
}

// Status tells how the runner is.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// report tells everybody how far the engine is.
func (w *work) report(now time.Time) {
	e := w.e
	done := e.done()
	if w.caughtUp {
		w.head = max(w.head, e.given)
	}
	if now.Sub(w.rateAt) >= counting || now.Before(w.rateAt) {
		if !w.rateAt.IsZero() {
			w.rate = float64(e.figures.reacted-w.rateFrom) / now.Sub(w.rateAt).Seconds()
		}
		w.rateAt, w.rateFrom = now, e.figures.reacted
		if head, err := w.l.store.Head(w.ctx); err == nil {
			w.head = head.Position
		}
	}
	w.head = max(w.head, done)
	w.lease.Report(runner.Progress{Position: done, Head: w.head, Rate: w.rate, DeadLetters: len(e.letters)})
	w.r.signals.tell(w.ctx, e, w.head)
	state, err := w.stateNow()
	w.r.say(w.lease, state, err)
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	s := &w.r.status
	if s.Position != done {
		w.r.moved()
	}
	s.Position, s.Head, s.Rate, s.Pending, s.DeadLetters = done, w.head, w.rate, e.marks.total, len(e.letters)
}

// moved wakes whoever waits for a position. r.mu is held.
func (r *Runner) moved() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// stateNow is what the work does.
func (w *work) stateNow() (State, error) {
	err := w.troubled()
	switch {
	case w.paused: // which the next process has to know, too
		return Paused, err
	case err != nil:
		return Failed, err
	case w.caughtUp:
		return Running, nil
	}
	return CatchingUp, nil
}

// say tells what the runner does, where that is new. What cannot be written now is written the next time.
func (r *Runner) say(l *runner.Lease, s State, err error) {
	r.mu.Lock()
	r.status.State, r.status.Err = s, err
	known := r.said == s && (s != Failed || r.saidErr == err.Error())
	r.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.o.Lease/3)
	defer cancel()
	var f *runner.Failure
	if s == Failed {
		f = runner.FailureOf(err, r.o.Clock())
		r.o.Logger.Warn("the store fails a process manager, which tries again", "manager", r.m.name, "error", err)
	}
	if l.Change(ctx, runner.State(s), f) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said, r.saidErr = s, ""
	if f != nil {
		r.saidErr = err.Error()
	}
}
