package process

import (
	"time"

	"github.com/nacredb/nacre"
)

// job is a command to be dispatched.
type job struct {
	in *instance
	c  *pending
}

// readyUp puts an instance among those with a command to be dispatched, where it has one and its turn has come.
func (e *engine) readyUp(in *instance) {
	if !in.ready && in.sending == nil && in.retryAt.IsZero() && in.t.head() != nil {
		in.ready = true
		e.ready = append(e.ready, in)
	}
}

// rouse finds the instances whose next attempt is due.
func (e *engine) rouse(now time.Time) {
	for {
		at, ok := e.sending.next()
		if !ok || at.After(now) {
			return
		}
		if in := e.book.get(e.sending.pop().who); in != nil && in.retryAt.Equal(at) {
			in.retryAt = time.Time{}
			e.readyUp(in)
		}
	}
}

// next gives a command that is to be dispatched now; false where there is none. It is finished by finish or release.
func (e *engine) next() (job, bool) {
	for len(e.ready) > 0 {
		in := e.ready[0]
		e.ready[0] = nil
		if e.ready = e.ready[1:]; len(e.ready) == 0 {
			e.ready = nil
		}
		in.ready = false
		c := in.t.head()
		if c == nil || in.sending != nil {
			continue
		}
		in.sending, c.out = c, true
		return job{in, c}, true
	}
	return job{}, false
}

// finish takes what became of a command. An error without a code is a domain error.
func (e *engine) finish(j job, outcome error, now time.Time) {
	in, c := j.in, j.c
	c.out = false
	code := nacre.CodeOf(outcome)
	switch {
	case outcome == nil:
		c.over = true
		if in.t.command(c.ID) == c {
			e.marks.remove(c.Position)
			e.notes = append(e.notes, note{in, c})
			e.figures.dispatched++
		}
		in.sending = nil
	case in.now().command(c.ID) != c:
		if in.t.command(c.ID) != c { // it was discarded; else it is about to be
			in.sending = nil
		}
	case code == "":
		e.replies = append(e.replies, &item{kind: itemRefused, instance: in.id, command: c, cause: outcome, at: now})
	default:
		if c.attempts++; final[code] || c.attempts >= e.b.attempts {
			e.replies = append(e.replies, &item{kind: itemDead, instance: in.id, command: c, cause: outcome, at: now})
			return
		}
		e.figures.retries++
		in.sending = nil
		in.retryAt = now.Add(e.b.delay(c.attempts))
		e.sending.add(alarm{at: in.retryAt, who: in.id})
	}
	e.readyUp(in)
	e.relieve(in)
	e.book.rest(in)
}

// release takes back a command of which it is not known what became, and that counts as no attempt: it was cut off by
// the runner's end.
func (e *engine) release(j job) {
	j.c.out = false
	if j.in.sending == j.c {
		j.in.sending = nil
	}
	e.readyUp(j.in)
}
