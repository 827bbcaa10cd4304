package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	peersWriters = 64
	peersBatch   = 100
	peersGoal    = 10
)

// peersCase appends with expected versions, this store and its peers side by side.
func peersCase(ctx context.Context, s *settings, r *report, dir string) (err error) {
	if err := s.room(r, "the case peers", dir, 16<<30); err != nil {
		return err
	}
	entries, err := enter(ctx, contenders(), dir, peersWriters, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(entries)) }()

	how := r.section("What was synced", "", "name", "how")
	how.row(bareName, bareHow)
	for _, e := range entries {
		how.row(e.name, e.how)
	}
	for _, c := range []struct {
		writers, batch int
		share          float64 // of a slice's time
		goal           bool
	}{
		{peersWriters, 1, 1, true},
		{peersWriters, peersBatch, 0.5, false},
		{16, 1, 0.5, false},
		{1, 1, 0.5, false},
	} {
		d := time.Duration(float64(s.slice) * c.share)
		if err := peersSide(ctx, s, r, dir, entries, c.writers, c.batch, d, c.goal); err != nil {
			return err
		}
	}
	return nil
}

// peersSide measures all of them with some writers and one size of batch.
func peersSide(ctx context.Context, s *settings, r *report, dir string, entries []entry, writers, batch int, d time.Duration, goal bool) error {
	data := newPayloads(dataBytes)
	what := manyWriters(writers) + ", " + perAppend(batch)
	bare, err := newBareLoop(ctx, dir, writers, batch, data)
	if err != nil {
		return err
	}
	defer bare.remove()
	lanes := []lane{bare.lane()}
	all := make(map[string][]*writer)
	for _, e := range entries {
		ws := newWriters(writers, fmt.Sprintf("%dx%d", writers, batch), data)
		all[e.name] = ws
		lanes = append(lanes, lane{e.name, func(ctx context.Context, d time.Duration) (slice, error) {
			return driveFor(ctx, ws, d, appendTo(e, batch))
		}})
	}
	got, err := rotate(ctx, r, what, s.rounds, d, lanes)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := readBack(ctx, e, all[e.name]); err != nil {
			return fmt.Errorf("%s: %s: %w", what, e.name, err)
		}
	}
	t := r.section("Appending beside peers: "+what, eventNote(bare), rateHead("of the bare loop", "nacre is")...)
	ours := got[nacreKind.name]
	for _, l := range lanes {
		m := got[l.name]
		t.row(append(append([]string{l.name}, rateCells(m)...), percent(m.rate()/got[bareName].rate()), times(ours.rate()/m.rate()))...)
		if goal && l.name != bareName && l.name != nacreKind.name {
			r.ratio(what+", against "+l.name, ours.rate()/m.rate(), peersGoal)
		}
	}
	return nil
}

func manyWriters(n int) string {
	if n == 1 {
		return "1 writer"
	}
	return fmt.Sprintf("%d writers", n)
}

func perAppend(batch int) string {
	if batch == 1 {
		return "one event an append"
	}
	return fmt.Sprintf("%d events an append", batch)
}

// eventNote says how large events were.
func eventNote(b *bareLoop) string {
	return fmt.Sprintf("Data of %d bytes, lines of %.0f. Each writer appends to %d streams in turn, with the exact version expected; "+
		"a stream gets %d appends, then a new one takes its place.", dataBytes, b.lineBytes(), openStreams, streamAppends)
}

// readBack reads the streams that some of the writers have open, and compares.
func readBack(ctx context.Context, c contender, ws []*writer) error {
	checked := 0
	for _, w := range ws[:min(len(ws), 8)] {
		for _, s := range w.streams {
			if s.stream == "" || s.version < 0 {
				continue
			}
			got, err := c.stored(ctx, s.stream)
			if err != nil {
				return fmt.Errorf("reading stream %s back: %w", s.stream, err)
			}
			if int64(len(got)) != s.version+1 {
				return fmt.Errorf("stream %s has %d events, and %d were acknowledged", s.stream, len(got), s.version+1)
			}
			for i, d := range got {
				if len(d) != len(w.data[0]) || !bytes.HasPrefix(d, []byte(`{"id":`)) {
					return fmt.Errorf("event %d of stream %s is not what was appended: %.80q", i, s.stream, d)
				}
			}
			checked++
		}
	}
	if checked == 0 {
		return errors.New("no stream was appended to")
	}
	return nil
}
