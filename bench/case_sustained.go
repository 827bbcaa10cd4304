package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

const (
	sustainedWriters = 256
	sustainedGoal    = 0.30
	batchSize        = 100
	burstGoal        = 0.35
	batchesGoal      = 0.08
	// leastFree ends a sustained case before it fills the disk.
	leastFree = 4 << 30
)

// sustainedCase appends single events for a minute and twenty segments.
func sustainedCase(ctx context.Context, s *settings, r *report, dir string) error {
	return sustained(ctx, s, r, dir, 1, sustainedGoal)
}

// batchesCase appends batches: first a while of a new store, then for a minute and twenty segments.
func batchesCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := burst(ctx, s, r, dir); err != nil {
		return err
	}
	return sustained(ctx, s, r, dir, batchSize, batchesGoal)
}

// burst measures the first while of new stores.
func burst(ctx context.Context, s *settings, r *report, dir string) (err error) {
	if err := s.room(r, "the burst of batches", dir, int64(s.rounds+1)*4<<30); err != nil {
		return err
	}
	data := newPayloads(dataBytes)
	what := fmt.Sprintf("%d writers, %s, burst", sustainedWriters, perAppend(batchSize))
	bare, err := newBareLoop(ctx, dir, sustainedWriters, batchSize, data)
	if err != nil {
		return err
	}
	defer bare.remove()
	made := 0
	got, err := rotate(ctx, r, what, s.rounds, s.burst, []lane{bare.lane(), {nacreKind.name, func(ctx context.Context, d time.Duration) (out slice, err error) {
		made++
		store, err := openNacre(filepath.Join(dir, fmt.Sprintf("burst-%d", made)))
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		c := &nacreContender{store}
		ws := newWriters(sustainedWriters, "burst", data)
		if out, err = driveFor(ctx, ws, d, appendTo(c, batchSize)); err != nil {
			return out, err
		}
		return out, readBack(ctx, c, ws)
	}}})
	if err != nil {
		return err
	}
	t := r.section("Appending: "+what, fmt.Sprintf("The first %s of a new store. %s", s.burst, eventNote(bare)), rateHead("of the bare loop")...)
	limit := got[bareName].rate()
	for _, name := range []string{bareName, nacreKind.name} {
		t.row(append(append([]string{name}, rateCells(got[name])...), percent(got[name].rate()/limit))...)
	}
	r.ratio(what, got[nacreKind.name].rate()/limit, burstGoal)
	for i := range made {
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("burst-%d", i+1))); err != nil {
			return err
		}
	}
	return nil
}

// sustained appends without a pause until time and segments are enough, the bare loop before and after.
func sustained(ctx context.Context, s *settings, r *report, dir string, batch int, goal float64) error {
	if err := s.room(r, "a sustained case", dir, 24<<30); err != nil {
		return err
	}
	data := newPayloads(dataBytes)
	what := fmt.Sprintf("%d writers, %s, sustained", sustainedWriters, perAppend(batch))
	bare, err := newBareLoop(ctx, dir, sustainedWriters, batch, data)
	if err != nil {
		return err
	}
	limit, ours := &measured{name: bareName}, &measured{name: nacreKind.name}
	if err := bareSlices(ctx, s, r, what, bare, limit); err != nil {
		return err
	}
	at := filepath.Join(dir, fmt.Sprintf("sustained-%d", batch))
	w := &watch{dir: at}
	if err := sustainNacre(ctx, s, r, w, ours, batch, data); err != nil {
		return err
	}
	if err := bareSlices(ctx, s, r, what, bare, limit); err != nil {
		return err
	}
	ratio := float64(ours.events) / ours.elapsed.Seconds() / limit.rate()
	t := r.section("Appending: "+what, fmt.Sprintf("Without a pause for %.0f s; the bare loop before and after. %s", ours.elapsed.Seconds(), eventNote(bare)),
		rateHead("of the bare loop", "segments rolled", "sealed without index, at most")...)
	t.row(append(append([]string{bareName}, rateCells(limit)...), percent(1), "", "")...)
	cells := rateCells(ours)
	cells[0] = count(float64(ours.events)/ours.elapsed.Seconds()) + " (mean)"
	cells[1] = "seconds: " + cells[1]
	t.row(append(append([]string{nacreKind.name}, cells...), percent(ratio), fmt.Sprint(w.rolls), fmt.Sprint(w.behind))...)
	r.ratio(what, ratio, goal)
	r.holds(what+": time and rolls", fmt.Sprintf("%.0f s and %d rolls", s.sustain.Seconds(), s.sustainRolls),
		fmt.Sprintf("%.0f s and %d rolls", ours.elapsed.Seconds(), w.rolls), ours.elapsed >= s.sustain && w.rolls >= s.sustainRolls)
	r.holds(what+": sealed segments without index", "at most 1", fmt.Sprint(w.behind), w.behind <= 1)
	return os.RemoveAll(at)
}

// bareSlices measures the bare loop alone, and lets the disk come to rest.
func bareSlices(ctx context.Context, s *settings, r *report, what string, b *bareLoop, m *measured) error {
	for range s.rounds {
		runtime.GC()
		out, err := b.run(ctx, s.slice)
		if err != nil {
			return err
		}
		m.add(&out)
		r.say("%s: %s: %s events/s", what, bareName, count(out.rate()))
	}
	b.remove()
	time.Sleep(s.slice)
	return ctx.Err()
}

// sustainNacre fills a new store, and watches it.
func sustainNacre(ctx context.Context, s *settings, r *report, w *watch, m *measured, batch int, data payloads) (err error) {
	store, err := openNacre(w.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	c := &nacreContender{store}
	ws := newWriters(sustainedWriters, "sustained", data)
	runtime.GC()
	var watched error
	out, err := drive(ctx, ws, appendTo(c, batch), func(ctx context.Context) { watched = w.run(ctx, s, r, ws) })
	if err := errors.Join(err, watched); err != nil {
		return err
	}
	m.add(&out)
	if len(w.seconds) > 0 {
		m.rates = w.seconds
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	if stats.Events != out.events {
		return fmt.Errorf("%d events were acknowledged, and the store has %d", out.events, stats.Events)
	}
	r.say("%d writers, %s: %s events/s for %s, %d segments, %.0f events a sync, index of %.0f bytes an event", sustainedWriters, perAppend(batch),
		count(out.rate()), out.elapsed.Round(time.Second), stats.Segments, float64(stats.Events)/float64(stats.Syncs), float64(stats.IndexBytes)/float64(stats.Events))
	return readBack(ctx, c, ws)
}

// watch looks at a store's folder from outside, while it is being filled.
type watch struct {
	dir     string
	rolls   int       // segments after the first
	behind  int       // the most sealed segments that had no index
	seconds []float64 // events of each whole second
}

// run returns when it has been long enough.
func (w *watch) run(ctx context.Context, s *settings, r *report, ws []*writer) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	start, second, before := time.Now(), time.Now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		behind, segments, err := indexBehind(w.dir)
		if err != nil {
			return err
		}
		w.behind, w.rolls = max(w.behind, behind), max(0, segments-1)
		if since := time.Since(second); since >= time.Second {
			now := acknowledged(ws)
			w.seconds = append(w.seconds, float64(now-before)/since.Seconds())
			second, before = time.Now(), now
			if free, err := freeBytes(w.dir); err == nil && free < leastFree {
				r.remark("a sustained case ended early: only %s are free", mega(free))
				return nil
			}
		}
		elapsed := time.Since(start)
		if elapsed >= s.sustain && w.rolls >= s.sustainRolls || elapsed >= s.sustainMost {
			return nil
		}
	}
}

// indexBehind counts a store's segments, and those before the active one that no run of the index covers.
// Segments are listed before runs: a segment that begins after the listing is not missed in the runs.
func indexBehind(dir string) (behind, segments int, err error) {
	firsts, err := segmentFirsts(dir)
	if err != nil {
		return 0, 0, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, "index"))
	if err != nil {
		return 0, 0, err
	}
	var covered uint64
	for _, e := range entries {
		var first, last uint64
		if n, _ := fmt.Sscanf(e.Name(), "%020d-%020d.run", &first, &last); n == 2 && filepath.Ext(e.Name()) == ".run" {
			covered = max(covered, last)
		}
	}
	for i, first := range firsts {
		if first > covered && i < len(firsts)-1 {
			behind++
		}
	}
	return behind, len(firsts), nil
}

// segmentFirsts are the first positions of a store's segments, ascending.
func segmentFirsts(dir string) ([]uint64, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		return nil, err
	}
	firsts := make([]uint64, len(paths))
	for i, p := range paths {
		if _, err := fmt.Sscanf(filepath.Base(p), "%020d.ndjson", &firsts[i]); err != nil {
			return nil, fmt.Errorf("the segment %s: %w", p, err)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}
