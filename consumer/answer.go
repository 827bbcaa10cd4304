package consumer

import (
	"context"
	"time"

	"github.com/nacredb/nacre"
)

// answers are what is to be told of deliveries.
type answers struct {
	ack  []string
	nack []Nack
	void map[string]bool // the nacks whose deliveries are void already, as far as can be told
}

func (a *answers) len() int { return len(a.ack) + len(a.nack) }

// answer tells the group what was decided, until nothing will be any more.
func (r *run) answer() {
	for a := r.gather(); a.len() > 0; a = r.gather() {
		if !r.send(&a) {
			return
		}
	}
}

// gather waits for answers, and a little for others to go with them. It gives none when there will be none any more.
func (r *run) gather() (a answers) {
	var late <-chan time.Time
	passed := false
	for {
		r.mu.Lock()
		n := r.open.len()
		if n > 0 && (passed || n >= r.o.AckEvery || r.working == 0 || r.closing || r.o.AckDelay == 0) {
			a, r.open = r.open, answers{}
			r.mu.Unlock()
			return a
		}
		over := n == 0 && r.finished
		r.mu.Unlock()
		if over {
			return a
		}
		if n > 0 && late == nil {
			late = time.After(r.o.AckDelay)
		}
		select {
		case <-r.decided:
		case <-late:
			passed = true
		case <-r.telling.Done():
			return a
		}
	}
}

// send tells the group answers, as often as it takes; false where there is no more time for that.
func (r *run) send(a *answers) bool {
	defer r.settled(a.len())
	for attempt := 0; ; attempt++ {
		out, err := r.group.Ack(r.telling, Answer{Consumer: r.o.Consumer, Ack: a.ack, Nack: a.nack})
		code := nacre.CodeOf(err)
		switch {
		case err == nil:
			// An answer that was sent before may have been taken then.
			if n := a.late(out.Unknown); n > 0 && attempt == 0 {
				r.o.Logger.Warn("answers came when the deliveries were not this consumer's any more: the events may be given again",
					"consumer", r.o.Consumer, "answers", n)
			}
			return true
		case code == codeHalted:
			r.o.Logger.Warn("the group was halted before it took answers: the events will be given again", "consumer", r.o.Consumer,
				"answers", a.len())
			return true
		case final[code]:
			r.stop(&stopError{err})
			return true
		}
		r.o.Logger.Warn("a group did not take answers: they are sent again", "consumer", r.o.Consumer, "answers", a.len(), "error", err)
		if !pause(r.telling, attempt) {
			r.o.Logger.Error("answers could not be sent: the events will be given again", "consumer", r.o.Consumer, "answers", a.len(),
				"error", err)
			return false
		}
	}
}

// late is how many of these deliveries should have been known.
func (a *answers) late(unknown []string) (n int) {
	for _, id := range unknown {
		if !a.void[id] {
			n++
		}
	}
	return n
}

// settled makes room for other events.
func (r *run) settled(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
	signal(r.freed)
}

// leave tells the group that this consumer goes.
func (r *run) leave(ctx context.Context) {
	g, ok := r.group.(Leaver)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, parting)
	defer cancel()
	if err := g.Leave(ctx, r.o.Consumer); err != nil && !final[nacre.CodeOf(err)] {
		r.o.Logger.Warn("a group could not be told that a consumer leaves: what it held is given to others at the deadline",
			"consumer", r.o.Consumer, "error", err)
	}
}
