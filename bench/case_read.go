package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

const (
	readBare     = "bare read: read, CRC-32C, count lines"
	readBorrowed = "borrowed events"
	readOwned    = "owned events"
)

// readCase fills a store in batches and reads it in global order.
func readCase(ctx context.Context, s *settings, r *report, dir string) (err error) {
	if err := s.room(r, "the case read", dir, int64(s.readEvents)*700); err != nil {
		return err
	}
	at := filepath.Join(dir, "read")
	store, err := openNacre(at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	data := newPayloads(dataBytes)
	c := &nacreContender{store}
	ws := newWriters(8, "read", data)
	if _, err := drive(ctx, ws, appendTo(c, batchSize), func(ctx context.Context) {
		for acknowledged(ws) < int64(s.readEvents) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}); err != nil {
		return err
	}
	return sequential(ctx, s, r, store, at, "", fmt.Sprintf("data of %d bytes, without tags", dataBytes))
}

// sequential reads the first events of a store in global order, with one goroutine, checksums verified.
// of tells which store in the title, events what it holds in the note.
func sequential(ctx context.Context, s *settings, r *report, store *nacre.Store, dir, of, events string) error {
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	limit := min(s.readEvents, int(head.Position))
	pass := func(read func(context.Context) (int64, error)) func(context.Context, time.Duration) (slice, error) {
		return func(ctx context.Context, _ time.Duration) (slice, error) {
			start := time.Now()
			n, err := read(ctx)
			return slice{events: n, elapsed: time.Since(start)}, err
		}
	}
	var bytes int64
	lanes := []lane{
		{readBare, pass(func(context.Context) (n int64, err error) {
			n, bytes, err = bareRead(dir, int64(limit))
			return n, err
		})},
		{readBorrowed, pass(func(ctx context.Context) (int64, error) { return readAll(ctx, store, limit, true) })},
		{readOwned, pass(func(ctx context.Context) (int64, error) { return readAll(ctx, store, limit, false) })},
	}
	what := fmt.Sprintf("sequential read of %s events%s", count(float64(limit)), of)
	got, err := rotate(ctx, r, what, s.rounds, 0, lanes)
	if err != nil {
		return err
	}
	perEvent := float64(bytes) / float64(got[readBare].events/int64(s.rounds))
	t := r.section("Reading: "+what, fmt.Sprintf("One goroutine, page cache warm, %s, lines of %.0f bytes; each pass reads all of them.", events, perEvent),
		"name", "events/s, median", "spread", "MB/s", "of the bare read")
	for _, l := range lanes {
		m := got[l.name]
		cells := rateCells(m)
		t.row(l.name, cells[0], cells[1], fmt.Sprintf("%.0f", m.rate()*perEvent/1e6), percent(m.rate()/got[readBare].rate()))
	}
	for _, f := range []struct {
		name string
		aim  float64
	}{{readBorrowed, 3e6}, {readOwned, 1.4e6}} {
		is := got[f.name].rate()
		r.figure(what+", "+f.name, count(f.aim)+" events/s", count(is)+" events/s", is >= f.aim)
	}
	return nil
}

// readAll reads the first events in global order, and looks at each.
func readAll(ctx context.Context, store *nacre.Store, limit int, borrowed bool) (n int64, err error) {
	var seen nacre.Position
	for e, err := range store.Read(ctx, nil, &nacre.ReadOptions{Limit: limit, Borrowed: borrowed}) {
		if err != nil {
			return n, err
		}
		if e.GlobalPosition != seen+1 || len(e.Data) == 0 {
			return n, fmt.Errorf("after position %d comes %d, with %d bytes of data", seen, e.GlobalPosition, len(e.Data))
		}
		seen = e.GlobalPosition
		n++
	}
	return n, nil
}

// bareRead is the limit: it reads the segments' bytes, sums them, and counts lines, at least so many.
func bareRead(dir string, lines int64) (n, size int64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		return 0, 0, err
	}
	slices.Sort(paths)
	table := crc32.MakeTable(crc32.Castagnoli)
	buf := make([]byte, 1<<20)
	var sum uint32
	read := func(path string) (err error) {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		for n < lines {
			m, err := f.Read(buf)
			sum = crc32.Update(sum, table, buf[:m])
			n += int64(bytes.Count(buf[:m], []byte{'\n'}))
			size += int64(m)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range paths {
		if err := read(p); err != nil {
			return n, size, err
		}
	}
	if n < lines || sum == 0 {
		return n, size, fmt.Errorf("the segments in %s have %d lines, and %d were asked for", dir, n, lines)
	}
	return n, size, nil
}
