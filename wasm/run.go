package wasm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
)

// tickEvery is how many units the guest runs between ticks: about a millisecond, which is also how long a
// garbage collection may have to wait for it.
const tickEvery = 1 << 20

// mostPerTick is how much of the time between two ticks counts as running: of more than that, something else had the
// processor.
const mostPerTick = 10 * time.Millisecond

// run is a call under way. It is the context that the guest's host functions get, so that they find it without a
// look-up; each instance has one, and uses it again.
type run struct {
	context.Context // without a deadline: what ends a call is tick

	in      *instance
	caller  context.Context
	id      string
	doing   string        // for errors: "the command", say
	named   string        // the command's name
	patient time.Duration // running time until it is slow

	begun   time.Time // when it was asked for
	resumed time.Time // when it last began to run
	ran     time.Duration
	turn    *turn // in the lane, once it is slow
	random  uint64
	worked  int // by the host, since the last tick that it led to
	journal journal
	failed  *CallError // why the guest was ended
}

// ended is what host functions panic with to end the guest; run.failed says why.
type ended struct{}

func (ended) Error() string { return "the guest was ended by its host" }

func (r *run) begin(caller context.Context, begun time.Time, id, doing, named string) {
	r.caller, r.id, r.doing, r.named, r.begun = caller, id, doing, named, begun
	r.ran, r.turn, r.random, r.worked, r.failed = 0, nil, 0, 0, nil
	r.patient = r.in.m.patience(r.in.m.e.o.SlowAfter)
	r.resumed = r.in.m.e.o.Clock()
	r.journal.reset()
	r.in.linear.refused, r.in.linear.short = false, false
}

// tick is called by the code that was put into the guest. It waits, ends the guest, or lets it go on.
func (r *run) tick() {
	m := r.in.m
	now := m.e.o.Clock()
	r.ran += min(now.Sub(r.resumed), mostPerTick)
	r.resumed = now
	limits := &m.limits
	switch {
	case r.ran > limits.Running:
		r.end(nacre.CodeDeadline, fmt.Sprintf("it ran for more than %v", limits.Running))
	case now.Sub(r.begun) > limits.Call:
		r.end(nacre.CodeDeadline, fmt.Sprintf("it took more than %v", limits.Call))
	}
	r.leaveEarly()
	if r.ran < r.patient {
		return
	}
	r.turn = m.e.lane.keep(r.turn, &m.share, r.begun.Add(limits.Call), r.caller.Done(), m.aborted)
	if r.turn == nil {
		r.leaveEarly()
		r.end(nacre.CodeDeadline, fmt.Sprintf("it took more than %v, of which it ran for %v", limits.Call, r.ran.Round(time.Millisecond)))
	}
	r.resumed = m.e.o.Clock()
}

// work counts what the host does for a guest, in bytes, and ticks where that is as much as the guest may do itself
// between ticks.
func (r *run) work(n int) {
	r.worked += n + 256
	if r.worked > tickEvery {
		r.worked = 0
		r.tick()
	}
}

// freeReply is how long a reply may be for its reading to be no work to speak of.
const freeReply = 64 << 10

// aside has the host read so many bytes that a guest replied. Where the module's last calls were slow, that is done in
// the lane: a guest could have the host work for it otherwise.
func (r *run) aside(size int, read func() error) error {
	if size <= freeReply {
		return read()
	}
	m := r.in.m
	if r.turn == nil && m.suspicion.Load() > 0 {
		r.turn = m.e.lane.keep(nil, &m.share, r.begun.Add(m.limits.Call), r.caller.Done(), m.aborted)
		if r.turn == nil {
			code, cause := nacre.CodeDeadline, r.caller.Err()
			if cause != nil {
				code = codeOf(cause)
			}
			return r.error(code, fmt.Sprintf("its reply of %d bytes waited in vain to be read", size), cause)
		}
	}
	begun := m.e.o.Clock()
	err := read()
	if r.turn != nil {
		m.e.lane.end(r.turn)
		r.turn = nil
	}
	if m.e.o.Clock().Sub(begun) > m.e.o.SlowAfter {
		m.distrust()
	}
	return err
}

// leaveEarly ends the guest where nobody waits for it any more.
func (r *run) leaveEarly() {
	if err := r.caller.Err(); err != nil {
		code := nacre.CodeCanceled
		if errors.Is(err, context.DeadlineExceeded) {
			code = nacre.CodeDeadline
		}
		r.end(code, "its caller left: "+err.Error())
	}
	select {
	case <-r.in.m.aborted:
		r.end(nacre.CodeClosed, "the module is being closed")
	default:
	}
}

// deep is called by the code that was put into the guest, where its calls are nested too deep.
func (r *run) deep() {
	r.end(CodeDepth, fmt.Sprintf("its calls are nested too deep: they may have %d bytes of parameters, locals and operands", r.in.m.limits.Depth))
}

// end ends the guest.
func (r *run) end(code nacre.Code, message string) {
	r.failed = r.error(code, message, nil)
	panic(ended{})
}

func (r *run) error(code nacre.Code, message string, cause error) *CallError {
	return &CallError{
		Code: code, Module: r.in.m.name(), Hash: r.in.m.hash, ID: r.id, Doing: r.what(), Message: message, Err: cause,
	}
}

// what is going on, for people.
func (r *run) what() string {
	if r.named == "" {
		return r.doing
	}
	return r.doing + " " + strconv.Quote(r.named)
}

// finish is called when the guest has returned or was ended. It gives the error of a call that went wrong, and
// has what was logged told.
func (r *run) finish(err error) error {
	m := r.in.m
	if r.turn != nil {
		m.e.lane.end(r.turn)
		r.turn = nil
		m.distrust()
	} else {
		m.e.lane.quick.Add(1)
		if err == nil {
			m.trust()
		}
	}
	var failed *CallError
	if err != nil || r.in.linear.short {
		failed = r.cause(err)
		r.in.broken = true
		m.distrust()
	}
	r.logged(failed)
	if failed == nil {
		return nil
	}
	return failed
}

// cause is what a call's error means.
func (r *run) cause(err error) *CallError {
	already := &CallError{}
	switch {
	case r.failed != nil:
		if !errors.As(err, new(ended)) {
			r.failed.Err = err
		}
		return r.failed
	case errors.As(err, &already):
		return already
	case r.in.linear.short: // what a guest comes to without it is not what it comes to elsewhere
		cause := errNoRoom
		if err != nil {
			cause = fmt.Errorf("%w: %w", errNoRoom, err)
		}
		return r.error(CodeMemory, "it wanted more memory than there is for its module, or for all together", cause)
	case r.in.linear.refused:
		return r.error(CodeMemory, fmt.Sprintf("it wanted more memory than there is: an instance may have %d MiB", r.in.m.limits.Memory>>20), err)
	}
	return r.error(CodeTrapped, "it trapped: "+firstLine(err.Error()), err)
}

func firstLine(text string) string {
	for i, r := range text {
		if r == '\n' {
			return text[:i]
		}
	}
	return text
}

// logged tells operators what the guest logged.
func (r *run) logged(failed *CallError) {
	j := &r.journal
	j.flush()
	if failed != nil {
		failed.logs, failed.lost = j.records, j.lost
	}
	if len(j.records) == 0 && j.lost == 0 {
		return
	}
	m := r.in.m
	about := []any{"module", m.name(), "hash", m.hash[:12], "doing", r.what()}
	if r.id != "" {
		about = append(about, "id", r.id)
	}
	j.tell(r.caller, m.e.o.Logger, about...)
}
