package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// sender brings batches to a server.
type sender interface {
	// send appends a batch, as often as it takes to know what became of it, or until it gives up. again says
	// that the batch was acknowledged before.
	send(ctx context.Context, b *batch, again bool) (entry, error)
	// version is a stream's, as soon as the server tells it.
	version(ctx context.Context, stream nacre.StreamID) (int64, error)
}

// writer appends all kinds of batches.
type writer struct {
	name    string
	sender  sender
	journal *journal
	rng     *rand.Rand
	own     int64 // the version of the stream that only this writer appends to
	n       int
	known   []entry // some that were acknowledged
	appends *atomic.Int64
}

// write appends until ctx ends. What is under way then is finished, as long as whole lasts.
func (w *writer) write(ctx, whole context.Context) error {
	w.own = -1
	for ctx.Err() == nil {
		w.n++
		if err := w.step(whole); err != nil && whole.Err() == nil {
			return fmt.Errorf("%s, batch %d: %w", w.name, w.n, err)
		}
	}
	return nil
}

func (w *writer) batch(streams int, category string) *batch {
	names := make([]nacre.StreamID, streams)
	counts := make([]int, streams)
	for i, k := range w.rng.Perm(20)[:streams] {
		names[i], counts[i] = nacre.StreamID(fmt.Sprintf("%s-%d", category, k)), 1+w.rng.IntN(4)
	}
	return newBatch(w.rng, fmt.Sprintf("%s.%d", w.name, w.n), counts, names...)
}

func (w *writer) step(ctx context.Context) error {
	var b *batch
	allowed := map[nacre.Code]bool{}
	own := false
	switch w.rng.IntN(7) {
	case 0, 1:
		b = w.batch(1, "shared")
	case 2:
		b = w.batch(2+w.rng.IntN(3), "shared")
	case 3: // nobody else appends to it, so that its version is known
		b = newBatch(w.rng, fmt.Sprintf("%s.%d", w.name, w.n), []int{1 + w.rng.IntN(3)}, nacre.StreamID("own-"+w.name))
		b.parts[0].Expected = nacre.Exactly(w.own)
		own = true
	case 4: // others may be quicker
		b = w.batch(1+w.rng.IntN(2), "raced")
		for i := range b.parts {
			v, err := w.sender.version(ctx, b.parts[i].Stream)
			if err != nil {
				return err
			}
			b.parts[i].Expected = nacre.Exactly(v)
		}
		allowed[nacre.CodeVersionConflict] = true
	case 5: // one of all writers gets it
		claim := fmt.Sprint(w.n/4 + w.rng.IntN(8))
		b = newBatch(w.rng, fmt.Sprintf("%s.%d", w.name, w.n), []int{1}, nacre.StreamID("claim-"+claim))
		e := &b.parts[0].Events[0]
		e.Tags = append(e.Tags, "claim:"+claim)
		b.condition = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"claim:" + claim}}}}
		allowed[nacre.CodeConditionFailed] = true
	case 6:
		return w.again(ctx)
	}
	if w.rng.IntN(2) == 0 {
		b.giveIDs()
	}
	e, err := w.sender.send(ctx, b, false)
	if err != nil {
		return err
	}
	// Of what could not be sent at all, the client says so, and it is a refusal.
	if e.fate == refused && e.why != nacre.CodeInternal && !allowed[e.why] {
		return fmt.Errorf("%s was refused with %s", b.name, e.why)
	}
	w.journal.note(w.name, e)
	if e.fate != refused || e.why != nacre.CodeInternal {
		w.appends.Add(1)
	} else {
		pause(ctx, 5*time.Millisecond) // the server is down
	}
	if own {
		switch e.fate {
		case written:
			w.own = e.places[len(e.places)-1].StreamPosition
		case unknown:
			if w.own, err = w.sender.version(ctx, b.parts[0].Stream); err != nil {
				return err
			}
		case refused:
		}
	}
	if e.fate == written {
		if len(w.known) < 50 {
			w.known = append(w.known, e)
		} else {
			w.known[w.rng.IntN(50)] = e
		}
	}
	return nil
}

// again appends what was acknowledged once more: the first answer comes.
func (w *writer) again(ctx context.Context) error {
	if len(w.known) == 0 {
		return nil
	}
	old := w.known[w.rng.IntN(len(w.known))]
	named := *old.batch
	named.parts = make([]nacre.Append, len(old.batch.parts))
	k := 0
	for i, part := range old.batch.parts {
		part.Events = append([]nacre.Event(nil), part.Events...)
		for m := range part.Events {
			part.Events[m].ID = old.places[k].ID // the server or the client may have made it
			k++
		}
		named.parts[i] = part
	}
	e, err := w.sender.send(ctx, &named, true)
	switch {
	case err != nil:
		return err
	case e.fate == refused && e.why != nacre.CodeInternal:
		return fmt.Errorf("%s was acknowledged, and refused with %s later", named.name, e.why)
	case e.fate == written && fmt.Sprint(e.places) != fmt.Sprint(old.places):
		return fmt.Errorf("%s was at %v, later at %v", named.name, old.places, e.places)
	}
	return nil
}

// named is a sender and what its writer is called.
type named struct {
	name string
	sender
}

// crew is several writers at work.
type crew struct {
	appends atomic.Int64 // batches of which something is known
	wg      sync.WaitGroup
	ctx     context.Context // ends when they have enough
	enough  context.CancelFunc
}

// hire lets writers begin, one for each sender.
func hire(t *testing.T, rng *rand.Rand, j *journal, senders ...named) *crew {
	t.Helper()
	c := &crew{}
	ctx, enough := context.WithCancel(t.Context())
	c.ctx, c.enough = ctx, enough
	for _, s := range senders {
		w := &writer{name: s.name, sender: s, journal: j, rng: branch(rng), appends: &c.appends}
		c.wg.Go(func() {
			if err := w.write(ctx, t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(c.wg.Wait) // the test's context has ended
	return c
}

// rest lets the writers finish what they are at.
func (c *crew) rest() {
	c.enough()
	c.wg.Wait()
}
