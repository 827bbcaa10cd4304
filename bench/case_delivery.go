package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/webhook"
)

const (
	idleSubscriptions = 1000
	idleGoal          = 0.90
	consumers         = 8
	consumersAim      = 50_000
	inFlight          = 64
	webhooksAim       = 10_000
	receivedAim       = 2 * time.Millisecond
	// filledStreams is how many streams the delivered events stand in, event by event in turn.
	filledStreams = 1000

	noSubscriptions   = "no subscriptions"
	withSubscriptions = "1,000 idle subscriptions"
)

// deliveryCase measures what subscriptions cost those who append, and how fast they deliver.
func deliveryCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case delivery", dir, 8<<30); err != nil {
		return err
	}
	return errors.Join(idle(ctx, s, r, dir), delivered(ctx, s, r, dir), received(ctx, s, r, dir))
}

// openHub opens a hub without a log of its own.
func openHub(ctx context.Context, store *nacre.Store, kinds ...delivery.Kind) (*delivery.Hub, error) {
	return delivery.Open(ctx, store, &delivery.Options{Name: "bench", Kinds: kinds, Logger: slog.New(slog.DiscardHandler)})
}

// idle compares appends to a store whose subscriptions want none of the events with those to one without any.
func idle(ctx context.Context, s *settings, r *report, dir string) (err error) {
	plain, err := openNacre(filepath.Join(dir, "plain"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()
	followed, err := openNacre(filepath.Join(dir, "followed"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, followed.Close()) }()
	hub, err := openHub(ctx, followed, &taker{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hub.Close(context.WithoutCancel(ctx))) }()
	for i := range idleSubscriptions {
		kind := takerName
		if i%2 == 0 {
			kind = delivery.KindGroup
		}
		if _, _, err := hub.Create(ctx, &delivery.Spec{Name: "idle-" + strconv.Itoa(i), Kind: kind, Filter: wantsNothing(i)}); err != nil {
			return err
		}
	}
	const what = "appends beside idle subscriptions"
	got, err := rotate(ctx, r, what, s.rounds, s.slice, []lane{
		taggedLane(noSubscriptions, plain), taggedLane(withSubscriptions, followed),
	})
	if err != nil {
		return err
	}
	list, err := hub.List(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		if st := &list[i]; st.Delivered > 0 || st.State != delivery.Active {
			return fmt.Errorf("the subscription %s should want nothing, and has %d events: it is %s", st.Name, st.Delivered, st.State)
		}
	}
	t := r.section("Delivery: "+what, "64 writers, one event an append with a tag, expected versions. Half of the subscriptions are groups, half are sent; "+
		"they want types by their beginning, their end or as a whole, categories or tags, none of which comes.", rateHead("of none")...)
	ratio := got[withSubscriptions].rate() / got[noSubscriptions].rate()
	t.row(append(append([]string{noSubscriptions}, rateCells(got[noSubscriptions])...), "")...)
	t.row(append(append([]string{withSubscriptions}, rateCells(got[withSubscriptions])...), percent(ratio))...)
	r.ratio("append throughput with 1,000 idle subscriptions, of that with none", ratio, idleGoal)
	return nil
}

// wantsNothing is a filter that selects nothing of what the bench appends.
func wantsNothing(i int) nacre.Filter {
	switch n := strconv.Itoa(i); i % 6 {
	case 0:
		return nacre.Filter{{Types: []string{"user.*"}}}
	case 1:
		return nacre.Filter{{Types: []string{"user" + n + ".*"}}}
	case 2:
		return nacre.Filter{{Types: []string{"*.renamed" + n}}}
	case 3:
		return nacre.Filter{{Types: []string{"user.created" + n, "user.deleted" + n}}}
	case 4:
		return nacre.Filter{{Categories: []string{"user" + n}}}
	default:
		return nacre.Filter{{Tags: []string{"user:" + n}}}
	}
}

// taggedLane appends events with a tag, 64 writers beside each other.
func taggedLane(name string, store *nacre.Store) lane {
	ws := newWriters(64, "idle", newPayloads(dataBytes))
	return lane{name, func(ctx context.Context, d time.Duration) (slice, error) {
		return driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			c := w.stream()
			e := nacre.Event{Type: typeOf(c.version + 1), Data: w.one(), Tags: []string{"customer:" + strconv.Itoa(w.taken%1000)}}
			out, err := store.Append(ctx, nacre.StreamID(c.stream), nacre.Exactly(c.version), e)
			c.version = out.Version
			return 1, err
		})
	}}
}

// delivered measures how fast events that are there already are delivered.
func delivered(ctx context.Context, s *settings, r *report, dir string) (err error) {
	store, err := openNacre(filepath.Join(dir, "filled"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := spread(ctx, store, s.delivered); err != nil {
		return err
	}
	var now atomic.Pointer[tally]
	add := func() { now.Load().add() }
	url, endReceiver, err := receive(ctx, add)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endReceiver()) }()
	webhooks, err := webhook.New(&webhook.Options{AllowPrivate: true})
	if err != nil {
		return err
	}
	hub, err := openHub(ctx, store, &taker{add}, webhooks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hub.Close(context.WithoutCancel(ctx))) }()
	sent := &delivery.Policy{Parallel: inFlight, Window: 4 * inFlight}
	ways := []struct {
		name   string
		spec   delivery.Spec
		events int
		aim    float64
	}{
		{"a group, 8 consumers, each event acknowledged", delivery.Spec{Kind: delivery.KindGroup}, s.delivered, consumersAim},
		{"a receiver in this process, 64 in flight", delivery.Spec{Kind: takerName, Policy: sent}, s.delivered, 0},
		{
			"webhooks, 64 in flight", delivery.Spec{
				Kind: webhooks.Name(), Policy: sent, Config: fmt.Appendf(nil, `{"url":%q}`, url),
			}, s.delivered / 10, webhooksAim,
		},
	}
	t := r.section("Delivery: of what is there", fmt.Sprintf("%d events of %d bytes of data in %d streams, in turn, one event a delivery; "+
		"of webhooks the last tenth of them, to a receiver in the same process over the loopback.", s.delivered, dataBytes, filledStreams), "what", "events/s, median", "spread")
	for _, w := range ways {
		var rates []float64
		for round := range s.rounds {
			tally := newTally(w.events)
			now.Store(tally)
			w.spec.Name = "round-" + strconv.Itoa(round)
			after := nacre.Position(s.delivered - w.events)
			w.spec.Start = delivery.Start{After: &after}
			took, err := deliver(ctx, hub, &w.spec, tally)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			rates = append(rates, float64(w.events)/took.Seconds())
			r.say("%s, round %d of %d: %s events/s", w.name, round+1, s.rounds, count(rates[round]))
		}
		m := measured{name: w.name, rates: rates}
		t.row(append([]string{w.name}, rateCells(&m)[:2]...)...)
		if w.aim > 0 {
			r.figure("delivered events/s: "+w.name, count(w.aim), count(m.rate()), m.rate() >= w.aim)
		}
	}
	return nil
}

// deliver makes a subscription, and waits until everything was delivered; it removes the subscription again.
func deliver(ctx context.Context, hub *delivery.Hub, spec *delivery.Spec, t *tally) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	start := time.Now()
	if _, _, err := hub.Create(ctx, spec); err != nil {
		return 0, err
	}
	if spec.Kind == delivery.KindGroup {
		work, stop := context.WithCancel(ctx)
		var all sync.WaitGroup
		failed := make(chan error, consumers)
		for range consumers {
			all.Go(func() {
				failed <- consumer.Run(work, hub.Group(spec.Name), func(context.Context, consumer.Delivery) error {
					t.add()
					return nil
				}, nil)
			})
		}
		err = t.wait(ctx)
		took = time.Since(start)
		stop()
		all.Wait()
		for range consumers {
			err = errors.Join(err, <-failed)
		}
	} else {
		err = t.wait(ctx)
		took = time.Since(start)
	}
	if err == nil {
		err = settled(ctx, hub, spec.Name)
	}
	return took, errors.Join(err, hub.Delete(context.WithoutCancel(ctx), spec.Name))
}

// settled waits until a subscription is through, and makes sure that nothing failed on the way.
func settled(ctx context.Context, hub *delivery.Hub, name string) error {
	for {
		st, err := hub.Get(ctx, name)
		switch {
		case err != nil:
			return err
		case st.Failed > 0:
			return fmt.Errorf("%d deliveries failed: %+v", st.Failed, st.LastError)
		case st.Lag == 0:
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// spread appends events, to as many streams in turn.
func spread(ctx context.Context, store *nacre.Store, n int) error {
	data := newPayloads(dataBytes)
	const streams = 100 // of a batch
	for at := 0; at < n; at += streams {
		batch := make([]nacre.Append, min(streams, n-at))
		for i := range batch {
			batch[i] = nacre.Append{
				Stream: nacre.StreamID("order-" + strconv.Itoa((at+i)%filledStreams)), Expected: nacre.Any,
				Events: []nacre.Event{{Type: typeOf(int64((at + i) / filledStreams)), Data: data[(at+i)%len(data)]}},
			}
		}
		if _, err := store.Commit(ctx, nil, batch...); err != nil {
			return err
		}
	}
	return nil
}

// received measures how long after its acknowledgement an event has come to whoever waits for it.
func received(ctx context.Context, s *settings, r *report, dir string) (err error) {
	store, err := openNacre(filepath.Join(dir, "received"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	came := make(chan time.Time, 1)
	take := func() { came <- time.Now() }
	url, endReceiver, err := receive(ctx, take)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endReceiver()) }()
	webhooks, err := webhook.New(&webhook.Options{AllowPrivate: true})
	if err != nil {
		return err
	}
	hub, err := openHub(ctx, store, &taker{take}, webhooks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hub.Close(context.WithoutCancel(ctx))) }()
	const what = "append to received, by an idle subscription"
	t := r.section("Delivery: "+what, fmt.Sprintf("%d appends, one after the other, each received before the next one; beyond the acknowledgement, which comes "+
		"behind the sync.", s.seen), "by", "p50", "p99")
	for _, spec := range []delivery.Spec{
		{Name: "group", Kind: delivery.KindGroup},
		{Name: "in-process", Kind: takerName},
		{Name: "webhook", Kind: webhooks.Name(), Config: fmt.Appendf(nil, `{"url":%q}`, url)},
	} {
		waits, err := receivedBy(ctx, s, hub, store, &spec, came)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", what, spec.Name, err)
		}
		middle := waits.quantile(0.5)
		r.say("%s: %s: %s behind the acknowledgement", what, spec.Name, short(middle))
		t.row(spec.Name, short(middle), short(waits.quantile(0.99)))
		if spec.Kind == webhooks.Name() {
			r.figure("append to webhook received, idle, p50 beyond the sync", short(receivedAim), short(middle), middle <= receivedAim)
		}
	}
	return nil
}

func receivedBy(ctx context.Context, s *settings, hub *delivery.Hub, store *nacre.Store, spec *delivery.Spec, came chan time.Time) (waits latencies, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if _, _, err := hub.Create(ctx, spec); err != nil {
		return waits, err
	}
	if spec.Kind == delivery.KindGroup {
		work, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			ended <- consumer.Run(work, hub.Group(spec.Name), func(context.Context, consumer.Delivery) error {
				came <- time.Now()
				return nil
			}, nil)
		}()
		defer func() {
			stop()
			err = errors.Join(err, <-ended)
		}()
	}
	data := newPayloads(dataBytes)
	for i := range s.seen + s.seen/10 {
		if _, err := store.Append(ctx, "order-followed", nacre.Any, nacre.Event{Type: typeOf(int64(i)), Data: data[i%len(data)]}); err != nil {
			return waits, err
		}
		acknowledged := time.Now()
		select {
		case at := <-came:
			if i >= s.seen/10 { // the first ones warm up
				waits.add(max(0, at.Sub(acknowledged)))
			}
		case <-ctx.Done():
			return waits, context.Cause(ctx)
		}
	}
	return waits, hub.Delete(ctx, spec.Name)
}
