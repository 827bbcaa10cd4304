package process

import (
	"fmt"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
)

// Effects is what a reaction asks for. It happens in the order in which it was asked for, once the reaction is
// recorded, and not at all where the reaction fails. An Effects is of use until its function returns, and to one
// goroutine.
type Effects struct {
	m        *model
	instance string
	record   string // the id of the record that the reaction becomes
	version  int64  // of that record
	now      time.Time
	origin   origin
	life     int64
	position nacre.Position

	sent   []command
	timers []timer
	done   bool
	err    error // what was asked for and cannot be had
}

// Instance is the id of the instance that reacts.
func (do *Effects) Instance() string { return do.instance }

// Now is the time of what is reacted to: when the event was created, when the timer was due, when the command was
// refused. It is the only clock of a reaction.
func (do *Effects) Now() time.Time { return do.now }

// Context is the command context that commands carry on: actor, correlation, causation and source device of the
// event that is reacted to, or of the one that set the timer or sent the command.
func (do *Effects) Context() decider.Context { return do.origin.context() }

// Send dispatches a command to the aggregate's instance of that id. Commands of one instance are dispatched one after
// the other. A command that does not encode makes the reaction fail.
func (do *Effects) Send(id string, c any) {
	name, payload, err := do.m.encode(c)
	if err != nil {
		do.fail(fmt.Errorf("sending a %T to %q: %w", c, id, err))
		return
	}
	do.sent = append(do.sent, command{
		ID: commandID(do.m.name, do.instance, do.record, len(do.sent)), To: id, Name: name, Payload: payload,
		Life: do.life, Position: do.position, origin: do.origin,
	})
}

// After sets a timer of that name, in place of one that is set already. It is due d after Now.
func (do *Effects) After(d time.Duration, name string) { do.At(do.now.Add(d), name) }

// At sets a timer of that name, in place of one that is set already. A time that has passed is due at once. An instance that has
// ended has no timers: behind Done, or where it ended before, the reaction fails.
func (do *Effects) At(t time.Time, name string) {
	switch {
	case do.m.timeout == nil:
		do.fail(nacre.Errorf(nacre.CodeInvalid, "the timer %q is set, and the manager has no Timeout", name))
		return
	case do.done:
		do.fail(nacre.Errorf(nacre.CodeInvalid, "the timer %q is set, and the instance has ended: set it before, or leave Done out", name))
		return
	case name == "" || len(name) > maxTimerName:
		do.fail(nacre.Errorf(nacre.CodeInvalid, "a timer's name has 1 to %d bytes, not %d", maxTimerName, len(name)))
		return
	case t.Year() < 1 || t.Year() > 9999:
		do.fail(nacre.Errorf(nacre.CodeInvalid, "the timer %q is due in the year %d: give one from 1 to 9999", name, t.Year()))
		return
	}
	do.timers = append(slices.Clip(without(do.timers, name)), timer{Name: name, Due: micro(t), Set: do.version, origin: do.origin})
}

// maxTimerName is the longest name of a timer, in bytes.
const maxTimerName = 256

// Cancel takes back a timer; one that is not set is no mistake.
func (do *Effects) Cancel(name string) { do.timers = without(do.timers, name) }

// Done ends the instance: its timers are taken back, none can be set any more, and events pass it over unless they begin it anew. Commands
// that it has sent are dispatched all the same, and where they are refused, Rejected is still called.
func (do *Effects) Done() { do.done, do.timers = true, nil }

func (do *Effects) fail(err error) {
	if do.err == nil {
		do.err = err
	}
}
