package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

const largeAppendGoal = 0.90

// largeCase measures what must not depend on how much a store holds.
func largeCase(ctx context.Context, s *settings, r *report, _ string) (err error) {
	l, err := openLarge(ctx, s, r)
	if l != nil && l.built && !s.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(l.root)) }()
	}
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *settings, *report) error{
		l.readAndAppend, l.atWork, l.opens, l.coldStreams, l.warm, l.rebuild, l.verify,
	} {
		if err := step(ctx, s, r); err != nil {
			return err
		}
	}
	return nil
}

// holding tells what the store holds.
func (l *large) holding() string {
	return fmt.Sprintf("%s events in %s streams", count(float64(l.state.Events)), count(float64(l.streams())))
}

// readAndAppend measures what needs the store open and the page cache warm.
func (l *large) readAndAppend(ctx context.Context, s *settings, r *report) (err error) {
	store, err := openNacre(l.dir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	note := fmt.Sprintf("data of %d bytes, two tags, from batches of %d", largeData, largeBatch)
	if err := sequential(ctx, s, r, store, l.dir(), " of "+count(float64(l.state.Events)), note); err != nil {
		return err
	}
	if err := l.warmStreams(ctx, s, r, store); err != nil {
		return err
	}
	if err := l.save(true); err != nil {
		return err
	}
	for _, writers := range []int{64, 256} {
		if err := l.appends(ctx, s, r, store, writers); err != nil {
			return err
		}
	}
	return l.save(false)
}

// appends compares appends to hot, new and cold streams.
func (l *large) appends(ctx context.Context, s *settings, r *report, store *nacre.Store, writers int) error {
	data := newPayloads(dataBytes)
	c := &nacreContender{store}
	hot := newWriters(writers, fmt.Sprintf("hot%d", time.Now().UnixNano()), data)
	fresh := newWriters(writers, fmt.Sprintf("new%d", time.Now().UnixNano()), data)
	cold := newWriters(writers, "cold", data)
	by := func(ws []*writer, next func(w *writer) *cursor) func(context.Context, time.Duration) (slice, error) {
		return func(ctx context.Context, d time.Duration) (slice, error) {
			return driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
				return 1, c.add(ctx, w.number, next(w), w.some(1))
			})
		}
	}
	const hotName, newName, coldName = "hot streams", "new streams", "cold streams"
	what := fmt.Sprintf("%d writers, %s", writers, l.holding())
	got, err := rotate(ctx, r, what, s.rounds, s.slice/3, []lane{
		{hotName, by(hot, func(w *writer) *cursor {
			c := w.stream()
			w.streams[w.turn].left = streamAppends // it is never replaced
			return c
		})},
		{newName, by(fresh, func(w *writer) *cursor { c := w.fresh(); return &c })},
		{coldName, by(cold, func(*writer) *cursor {
			id, version := l.cold()
			return &cursor{stream: string(id), version: version}
		})},
	})
	if err != nil {
		return err
	}
	t := r.section("Appending to a large store: "+what, fmt.Sprintf("One event an append, data of %d bytes, the exact version expected; page cache warm. "+
		"Hot: %d streams a writer, for ever. New: a stream an append. Cold: streams that were last appended to long ago.", dataBytes, openStreams),
		rateHead("of hot streams")...)
	for _, name := range []string{hotName, newName, coldName} {
		ratio := got[name].rate() / got[hotName].rate()
		t.row(append(append([]string{name}, rateCells(got[name])...), percent(ratio))...)
		if name != hotName {
			r.ratio(what+", "+name, ratio, largeAppendGoal)
		}
	}
	return readBack(ctx, c, hot)
}

// readStream reads one of the built streams as a whole.
func (l *large) readStream(ctx context.Context, store *nacre.Store, n int) (time.Duration, error) {
	id := largeStream(n)
	var seen int64
	start := time.Now()
	for e, err := range store.ReadStream(ctx, id, &nacre.ReadOptions{Until: streamEvents}) {
		if err != nil {
			return 0, err
		}
		if e.StreamPosition != seen {
			return 0, fmt.Errorf("stream %s: position %d comes at %d", id, e.StreamPosition, seen)
		}
		seen++
	}
	took := time.Since(start)
	if seen != streamEvents {
		return 0, fmt.Errorf("stream %s has %d events, and %d were built", id, seen, streamEvents)
	}
	return took, nil
}

// warmStreams reads streams, once to warm up and once more.
func (l *large) warmStreams(ctx context.Context, s *settings, r *report, store *nacre.Store) error {
	var waits latencies
	for _, counted := range []bool{false, true} {
		random := rand.New(rand.NewPCG(7, 7))
		for range s.reads {
			took, err := l.readStream(ctx, store, random.IntN(l.streams()))
			if err != nil {
				return err
			}
			if counted {
				waits.add(took)
			}
		}
	}
	l.streamRows(r, "warm", &waits, 25*time.Microsecond)
	return nil
}

// coldStreams reads streams with an empty page cache. Each time the store is opened anew, since pages that
// a process has mapped stay.
func (l *large) coldStreams(ctx context.Context, s *settings, r *report) error {
	const each = 20
	var waits latencies
	random := rand.New(rand.NewPCG(8, 8))
	for range s.coldRounds {
		if err := s.emptyCache(); err != nil {
			r.remark("reading and opening with a cold page cache was left out: it cannot be emptied (%v)", err)
			return nil
		}
		if err := func() (err error) {
			store, err := openNacre(l.dir())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			for range each {
				took, err := l.readStream(ctx, store, random.IntN(l.streams()))
				if err != nil {
					return err
				}
				waits.add(took)
			}
			return nil
		}(); err != nil {
			return err
		}
	}
	l.streamRows(r, "cold", &waits, 2*time.Millisecond)
	return nil
}

func (l *large) streamRows(r *report, cache string, waits *latencies, aim time.Duration) {
	middle := waits.quantile(0.5)
	what := fmt.Sprintf("a stream of %d scattered events at %s, page cache %s", streamEvents, l.holding(), cache)
	r.say("%s: %s", what, short(middle))
	r.figure(what+", p50", short(aim), short(middle), middle <= aim)
	r.section("Reading: "+what, fmt.Sprintf("Owned events, %d reads, one goroutine.", waits.total), "p50", "p90", "p99").
		row(short(middle), short(waits.quantile(0.9)), short(waits.quantile(0.99)))
}

// warm reads everything once, so that what follows measures the processor and not the disk.
func (l *large) warm(_ context.Context, _ *settings, r *report) error {
	_, size, err := bareRead(l.dir(), int64(l.state.Events))
	r.say("the page cache has been warmed with %s", mega(size))
	return err
}

// rebuild deletes the index and opens the store.
func (l *large) rebuild(ctx context.Context, _ *settings, r *report) error {
	if err := os.RemoveAll(filepath.Join(l.dir(), "index")); err != nil {
		return err
	}
	start := time.Now()
	store, err := openNacre(l.dir())
	if err != nil {
		return err
	}
	took := time.Since(start)
	head, err := store.Head(ctx)
	if err == nil {
		_, err = l.readStream(ctx, store, 1)
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	l.wholeRow(r, "rebuild of the indexes", int64(head.Position), took, 300_000)
	return nil
}

// verify checks everything, also that the kills left everything whole.
func (l *large) verify(ctx context.Context, _ *settings, r *report) error {
	start := time.Now()
	found, err := filestore.Verify(ctx, l.dir(), nil)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if len(found.Problems) > 0 {
		return fmt.Errorf("verify found %d problems, the first: %w", len(found.Problems), found.Problems[0])
	}
	l.wholeRow(r, "verify", found.Events, took, 1_000_000)
	return nil
}

func (l *large) wholeRow(r *report, what string, events int64, took time.Duration, aim float64) {
	rate := float64(events) / took.Seconds()
	r.say("%s: %d events in %s", what, events, took.Round(time.Millisecond))
	r.figure(fmt.Sprintf("%s, %s events, page cache warm", what, count(float64(events))), count(aim)+" events/s",
		fmt.Sprintf("%s events/s (%s)", count(rate), short(took)), rate >= aim)
}
