package consumer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

const (
	// busy is how much work is held, by the handler's latest times.
	busy = 100 * time.Millisecond
	// manyfold is how many events are held at most, for each that is handled at once.
	manyfold = 16
	// firstPause and longestPause are between attempts at something that failed.
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
	// parting is how long the last answers may take, and then the word that this consumer leaves.
	parting = 5 * time.Second
)

// The codes of those who keep groups, beside those of the root package.
const (
	codeHalted    nacre.Code = "SUBSCRIPTION_HALTED"
	codeNotFound  nacre.Code = "SUBSCRIPTION_NOT_FOUND"
	codeWrongKind nacre.Code = "SUBSCRIPTION_WRONG_KIND"
)

// final are the codes of what asking again does not mend.
var final = map[nacre.Code]bool{
	codeNotFound: true, codeWrongKind: true,
	nacre.CodeInvalid: true, nacre.CodeNotFound: true, nacre.CodeUnsupported: true, nacre.CodeClosed: true,
	"EVENT_STORE_NOT_FOUND": true, "UNAUTHORIZED": true, "FORBIDDEN": true, "METHOD_NOT_ALLOWED": true,
}

// Run asks a group for events and gives them to a handler, until ctx ends. It returns nil then, when the handlers that
// ran have returned and their answers are sent; or the error that made it stop before: there is no such group, it is
// none, or this consumer may not have its events.
func Run(ctx context.Context, group Group, handler func(ctx context.Context, d Delivery) error, o *Options) error {
	opts := o.withDefaults()
	if err := opts.validate(); err != nil {
		return err
	}
	lasting := context.WithoutCancel(ctx)
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	handling, endHandlers := context.WithCancel(lasting)
	defer endHandlers()
	telling, endTelling := context.WithCancel(lasting)
	defer endTelling()
	r := &run{
		o: opts, group: group, handler: handler, asking: asking, stop: stop, handling: handling, telling: telling,
		lines: map[nacre.StreamID]*line{}, freed: make(chan struct{}, 1), decided: make(chan struct{}, 1),
	}
	var asks, answers sync.WaitGroup
	asks.Go(func() { r.ask(asking) })
	answers.Go(r.answer)

	<-asking.Done()
	r.close()
	drain := time.AfterFunc(r.o.Drain, endHandlers)
	asks.Wait()
	r.workers.Wait()
	drain.Stop()
	r.finish()
	cut := time.AfterFunc(parting, endTelling)
	answers.Wait()
	cut.Stop()
	r.leave(lasting)
	if stopped, ok := errors.AsType[*stopError](context.Cause(asking)); ok {
		return stopped.err
	}
	return nil
}

// stopError is why a run ends before it is told to.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// run is a call of Run.
type run struct {
	o        Options
	group    Group
	handler  func(context.Context, Delivery) error
	asking   context.Context         //nolint:containedctx // ends when all is to end
	stop     context.CancelCauseFunc // ends the asking
	handling context.Context         //nolint:containedctx // what handlers' contexts are made of
	telling  context.Context         //nolint:containedctx // ends what is still to be told
	workers  sync.WaitGroup
	freed    chan struct{} // there may be room for more events
	decided  chan struct{} // there may be something to tell

	mu       sync.Mutex
	lines    map[nacre.StreamID]*line
	ready    []*line       // with something to do, and nobody at it
	working  int           // how many handle events
	held     int           // events that were given and are not answered for
	parts    uint64        // how many pieces were given
	pace     time.Duration // of handlers, lately; 0 is not known
	open     answers
	closing  bool // nothing is begun any more
	finished bool // nothing is decided any more
}

// ask asks for events until the context ends.
func (r *run) ask(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		room := r.room()
		if room == 0 {
			select {
			case <-ctx.Done():
			case <-r.freed:
			}
			continue
		}
		list, err := r.group.Poll(ctx, Request{Consumer: r.o.Consumer, Max: room, Wait: r.o.Wait})
		switch {
		case ctx.Err() != nil:
			return // what came at the last moment goes back
		case err == nil:
			failures = 0
			r.take(list)
			continue
		}
		if final[nacre.CodeOf(err)] {
			r.stop(&stopError{err})
			return
		}
		if nacre.CodeOf(err) == codeHalted {
			if failures == 0 {
				r.o.Logger.Info("the group gives nothing at present: it is asked again", "consumer", r.o.Consumer, "error", err)
			}
		} else {
			r.o.Logger.Warn("a group could not be asked for events: it is asked again", "consumer", r.o.Consumer, "error", err)
		}
		pause(ctx, failures)
		failures++
	}
}

// pause waits behind a failure with this number, from 0: at random, so that those who failed together do not come back
// together. It tells whether the context goes on.
func pause(ctx context.Context, failure int) bool {
	most := longestPause
	if failure < 10 {
		most = min(most, firstPause<<failure)
	}
	timer := time.NewTimer(most/2 + rand.N(most/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// room is how many events to ask for; 0 where that waits until more are answered for.
func (r *run) room() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.o.Prefetch
	idle := r.o.Concurrency - len(r.lines)
	if most == 0 {
		most = r.usual()
		// Where many are of one stream, others have nothing to do: they take some more.
		if idle > 0 {
			most = max(most, min(r.held+idle, r.o.Concurrency*manyfold, maxHeld))
		}
	}
	// A few at a time cost as much to ask for as many.
	if r.held >= most || idle <= 0 && r.held > most/2 {
		return 0
	}
	return most - r.held
}

// usual is how many events to hold where nobody has said it.
func (r *run) usual() int {
	few := r.o.Concurrency
	if r.pace == 0 {
		return few
	}
	n := max(time.Duration(few)*busy/r.pace, time.Duration(few))
	return min(int(n), few*manyfold, maxHeld)
}

// close begins nothing more.
func (r *run) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	r.tell()
}

// finish is when nothing will be decided any more.
func (r *run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished = true
	r.tell()
}

// tell has the answers looked at.
func (r *run) tell() { signal(r.decided) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
