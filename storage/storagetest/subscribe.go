package storagetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

var subscribeCases = []testCase{
	{"HistoryThenLive", subscribeHistoryThenLive},
	{"After", subscribeAfter},
	{"FilteredWithProgress", subscribeFiltered},
	{"NoGapNoRepeat", subscribeNoGap},
	{"ManySubscribers", subscribeMany},
	{"SlowLoopsBlockNobody", subscribeSlow},
	{"Borrowed", subscribeBorrowed},
	{"Wait", subscribeWait},
	{"EndedContext", subscribeEndedContext},
	{"Rewound", subscribeRewound},
	{"Closed", subscribeClosed},
}

// follower is a subscription in a goroutine of its own, which ends with its trial.
type follower struct {
	events chan nacre.Event // as they come; closed at the end
	caught chan nacre.Position
	err    error // once events is closed
}

// follow subscribes; events go into a channel of room for the given number.
func (x *trial) follow(f nacre.Filter, o nacre.SubscribeOptions, room int) *follower {
	x.Helper()
	ctx, cancel := context.WithCancel(x.ctx)
	w := &follower{events: make(chan nacre.Event, room), caught: make(chan nacre.Position, 1)}
	o.Progress = func(seen nacre.Position, caughtUp bool) {
		if !caughtUp {
			return
		}
		select { // only the last one is kept
		case <-w.caught:
		default:
		}
		w.caught <- seen
	}
	ended := make(chan struct{})
	seq := x.s.Subscribe(ctx, f, &o)
	go func() {
		defer close(ended)
		defer close(w.events)
		for e, err := range seq {
			if err != nil {
				w.err = err
				return
			}
			if o.Borrowed {
				e = e.Clone()
			}
			select {
			case w.events <- e:
			case <-ctx.Done():
				w.err = ctx.Err()
				return
			}
		}
	}()
	x.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

// next waits for n events.
func (w *follower) next(x *trial, n int) []nacre.Event {
	x.Helper()
	var out []nacre.Event
	for len(out) < n {
		select {
		case e, ok := <-w.events:
			if !ok {
				x.Fatalf("the subscription ended after %d events of %d: %v", len(out), n, w.err)
			}
			out = append(out, e)
		case <-x.ctx.Done():
			x.Fatalf("the subscription gave %d events of %d, and no more", len(out), n)
		}
	}
	return out
}

// caughtUp waits until the subscription tells that it has reached a position as the log's end.
func (w *follower) caughtUp(x *trial, want nacre.Position) {
	x.Helper()
	for {
		select {
		case seen := <-w.caught:
			if seen == want {
				return
			}
			if seen > want {
				x.Fatalf("the subscription tells that it is at %d, the log ends at %d", seen, want)
			}
		case <-x.ctx.Done():
			x.Fatalf("the subscription did not tell that it caught up at %d", want)
		}
	}
}

// ends waits for the subscription's end, and gives its error.
func (w *follower) ends(x *trial) error {
	x.Helper()
	for {
		select {
		case _, ok := <-w.events:
			if !ok {
				return w.err
			}
		case <-x.ctx.Done():
			x.Fatalf("the subscription did not end")
		}
	}
}

func subscribeHistoryThenLive(x *trial) {
	empty := x.follow(nil, nacre.SubscribeOptions{}, 100)
	empty.caughtUp(x, 0)
	want := x.append("s-1", nacre.Any, facts("t", 3)...).Events
	expectEvents(x, "from an empty log", empty.next(x, 3), want)
	empty.caughtUp(x, 3)

	w := x.follow(nil, nacre.SubscribeOptions{}, 100)
	expectEvents(x, "the history", w.next(x, 3), want)
	w.caughtUp(x, 3)
	for i := range 5 {
		live := x.append(nacre.StreamID(fmt.Sprintf("s-%d", i%2)), nacre.Any, facts("t", 1+i%3)...).Events
		expectEvents(x, "live", w.next(x, len(live)), live)
		expectEvents(x, "live, to another", empty.next(x, len(live)), live)
		w.caughtUp(x, live[len(live)-1].GlobalPosition)
	}
}

func subscribeAfter(x *trial) {
	log := x.append("s-1", nacre.Any, facts("t", 5)...).Events
	head, err := x.s.Head(x.ctx)
	if err != nil {
		x.Fatalf("Head: %v", err)
	}
	for after := range nacre.Position(6) {
		w := x.follow(nil, nacre.SubscribeOptions{After: after, Epoch: head.Epoch}, 100)
		expectEvents(x, "behind a position", w.next(x, 5-int(after)), log[after:])
		w.caughtUp(x, 5)
	}
}

func subscribeFiltered(x *trial) {
	events := fillFiltered(x)
	for _, c := range filterTable {
		if len(c.want) == 0 {
			continue // what never gives an event is below
		}
		w := x.follow(c.filter, nacre.SubscribeOptions{}, 100)
		got := w.next(x, len(c.want))
		for i, p := range c.want {
			expectEvents(x, c.name, got[i:i+1], events[p-1:p])
		}
		w.caughtUp(x, nacre.Position(len(events)))
	}
	w := x.follow(stream("live-1"), nacre.SubscribeOptions{}, 100)
	for i := range 3 {
		w.caughtUp(x, nacre.Position(len(events)+2*i)) // told also where nothing matches
		x.append("other-1", nacre.Any, fact("t", i))
		live := x.append("live-1", nacre.Any, fact("t", i)).Events
		expectEvents(x, "live", w.next(x, 1), live)
	}
}

// subscribeNoGap follows a log from several places while many append to it.
func subscribeNoGap(x *trial) {
	const writers, each = 4, 25
	var followers []*follower
	var all sync.WaitGroup
	for n := range writers {
		followers = append(followers, x.follow(nil, nacre.SubscribeOptions{Borrowed: n%2 == 0}, 10*writers*each))
		all.Go(func() {
			for i := range each {
				id := nacre.StreamID(fmt.Sprintf("s-%d", (n+i)%3))
				if _, err := x.s.Append(x.ctx, id, nacre.Any, facts(fmt.Sprintf("t%d", i%2), 1+i%3)...); err != nil {
					x.Errorf("Append: %v", err)
					return
				}
			}
		})
	}
	half := x.follow(nacre.Filter{{Types: []string{"t1"}}}, nacre.SubscribeOptions{}, 10*writers*each)
	all.Wait()
	log := x.all()
	for _, w := range append(followers, x.follow(nil, nacre.SubscribeOptions{}, len(log))) {
		expectEvents(x, "a subscription beside appends", w.next(x, len(log)), log)
	}
	want := selected(log, nacre.Filter{{Types: []string{"t1"}}}, &nacre.ReadOptions{})
	expectEvents(x, "a filtered subscription beside appends", half.next(x, len(want)), want)
	half.caughtUp(x, nacre.Position(len(log)))
}

func subscribeMany(x *trial) {
	var log []nacre.Event
	var followers []*follower
	for i := range 60 {
		followers = append(followers, x.follow(nil, nacre.SubscribeOptions{After: nacre.Position(len(log))}, 100))
		if i%6 == 0 {
			log = append(log, x.append("s-1", nacre.Any, fact("t", i)).Events...)
		}
	}
	log = append(log, x.append("s-1", nacre.Any, facts("t", 3)...).Events...)
	for i, w := range followers {
		behind := (i + 5) / 6 // what was there when it began
		expectEvents(x, fmt.Sprintf("subscriber %d", i), w.next(x, len(log)-behind), log[behind:])
		w.caughtUp(x, nacre.Position(len(log)))
	}
}

// subscribeSlow has a loop that stands still while others go on.
func subscribeSlow(x *trial) {
	slow := x.follow(nil, nacre.SubscribeOptions{}, 0)
	quick := x.follow(nil, nacre.SubscribeOptions{}, 1000)
	var log []nacre.Event
	for i := range 50 {
		log = append(log, x.append("s-1", nacre.Any, facts("t", 1+i%4)...).Events...)
	}
	expectEvents(x, "the quick one", quick.next(x, len(log)), log)
	expectEvents(x, "the slow one, afterwards", slow.next(x, len(log)), log)
	slow.caughtUp(x, nacre.Position(len(log)))
}

func subscribeBorrowed(x *trial) {
	log := x.append("s-1", nacre.Any, facts("t", 20)...).Events
	w := x.follow(nil, nacre.SubscribeOptions{Borrowed: true}, 100)
	expectEvents(x, "borrowed history", w.next(x, 20), log)
	live := x.append("s-1", nacre.Any, facts("t", 20)...).Events
	expectEvents(x, "borrowed, live", w.next(x, 20), live)
}

func subscribeWait(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 2)...)
	for after := range nacre.Position(2) {
		if err := x.s.Wait(x.ctx, after); err != nil {
			x.Fatalf("Wait behind %d, with an end at 2: %v", after, err)
		}
	}
	const waiters = 20
	done := make(chan error, waiters)
	for i := range nacre.Position(waiters) {
		go func() { done <- x.s.Wait(x.ctx, 2+i%3) }()
	}
	x.append("s-1", nacre.Any, facts("t", 3)...)
	for range waiters {
		if err := <-done; err != nil {
			x.Fatalf("Wait: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(x.ctx)
	go func() { done <- x.s.Wait(ctx, 5) }()
	cancel()
	expectCode(x, "Wait with an ended context", <-done, nacre.CodeCanceled)
	short, cancel := context.WithTimeout(x.ctx, 20*time.Millisecond)
	defer cancel()
	expectCode(x, "Wait behind the log's end, where nothing is appended", x.s.Wait(short, 5), nacre.CodeDeadline)
}

func subscribeEndedContext(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	seen, last := 0, error(nil)
	for _, err := range x.s.Subscribe(ctx, nil, &nacre.SubscribeOptions{Progress: func(_ nacre.Position, caughtUp bool) {
		if caughtUp {
			cancel()
		}
	}}) {
		if last = err; err == nil {
			seen++
		}
	}
	expectCode(x, "a subscription whose context ended", last, nacre.CodeCanceled)
	if seen != 3 {
		x.Fatalf("it gave %d events, want 3", seen)
	}
	for _, err := range x.s.Subscribe(x.ctx, nil, nil) {
		if err != nil {
			x.Fatal(err)
		}
		break // leaving the loop is the other way to end it
	}
}

func subscribeRewound(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	head, err := x.s.Head(x.ctx)
	if err != nil {
		x.Fatalf("Head: %v", err)
	}
	for _, o := range []nacre.SubscribeOptions{{After: 4}, {After: 1 << 60}, {Epoch: "another"}, {After: 3, Epoch: "another"}, {After: 4, Epoch: head.Epoch}} {
		expectCode(x, fmt.Sprintf("a subscription %+v", o), x.follow(nil, o, 10).ends(x), nacre.CodeLogRewound)
	}
}

func subscribeClosed(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	w := x.follow(nil, nacre.SubscribeOptions{}, 10)
	w.caughtUp(x, 3)
	waited := make(chan error, 1)
	go func() { waited <- x.s.Wait(x.ctx, 3) }()
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectCode(x, "a subscription to a store that was closed", w.ends(x), nacre.CodeClosed)
	expectCode(x, "Wait on a store that was closed", <-waited, nacre.CodeClosed)
}
