package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// eventsURL is where a server gives its events.
func (s *serving) eventsURL(query string) string {
	return s.told.URL + "/event-stores/" + storeName + "/events" + query
}

// get asks for events in a form.
func (s *serving) get(ctx context.Context, query, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.eventsURL(query), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	reply, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if reply.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(reply.Body, 1000))
		_ = reply.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL, reply.Status, text)
	}
	return reply, nil
}

// serverReads reads everything, and a type that is one in twenty, as lines.
func serverReads(ctx context.Context, s *settings, r *report, dir string) (err error) {
	at := filepath.Join(dir, "served")
	if err := fill(ctx, filepath.Join(at, storeName), s.readEvents); err != nil {
		return err
	}
	on, err := startServer(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.stop()) }()
	pass := func(query string, want int64) func(context.Context, time.Duration) (slice, error) {
		return func(ctx context.Context, _ time.Duration) (slice, error) {
			start := time.Now()
			n, err := on.countLines(ctx, query)
			if err == nil && n != want {
				err = fmt.Errorf("%q gives %d lines, and %d were appended", query, n, want)
			}
			return slice{events: n, elapsed: time.Since(start)}, err
		}
	}
	const everything, rare = "everything", "a type that is one in twenty"
	what := fmt.Sprintf("ndjson over HTTP, %s events", count(float64(s.readEvents)))
	got, err := rotate(ctx, r, what, s.rounds, 0, []lane{
		{everything, pass("", int64(s.readEvents))},
		{rare, pass("?type="+rareType, int64(s.readEvents/rareEvery))},
	})
	if err != nil {
		return err
	}
	t := r.section("Server: "+what, fmt.Sprintf("One reader that counts line feeds, page cache warm, data of %d bytes.", dataBytes), "name", "events/s, median", "spread")
	for _, f := range []struct {
		name string
		aim  float64
	}{{everything, 2e6}, {rare, 200e3}} {
		m := got[f.name]
		cells := rateCells(m)
		t.row(f.name, cells[0], cells[1])
		r.figure(what+", "+f.name, count(f.aim)+" events/s", count(m.rate())+" events/s", m.rate() >= f.aim)
	}
	return nil
}

// countLines reads a reply to its end, and makes sure that it is whole.
func (s *serving) countLines(ctx context.Context, query string) (n int64, err error) {
	reply, err := s.get(ctx, query, wire.TypeNDJSON)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	buf := make([]byte, 256<<10)
	for {
		m, err := reply.Body.Read(buf)
		n += int64(bytes.Count(buf[:m], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	if reply.Trailer.Get(wire.TrailerEnd) == "" {
		return n, fmt.Errorf("the reply was cut off after %d lines: %s", n, reply.Trailer.Get(wire.TrailerError))
	}
	return n, nil
}

// fill makes a store with events of which one in twenty has a type of its own.
func fill(ctx context.Context, dir string, events int) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	store, err := openNacre(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	data := newPayloads(dataBytes)
	for first := 0; first < events; first += largeBatch {
		batch := make([]nacre.Event, min(largeBatch, events-first))
		for i := range batch {
			kind := typeOf(int64(i))
			if i%rareEvery == 0 {
				kind = rareType
			}
			batch[i] = nacre.Event{Type: kind, Data: data[(first+i)%len(data)]}
		}
		if _, err := store.Append(ctx, nacre.StreamID(fmt.Sprintf("order-%d", first)), nacre.NoStream, batch...); err != nil {
			return err
		}
	}
	return nil
}

// serverFollows measures how long after its acknowledgement a follower sees an event.
func serverFollows(ctx context.Context, s *settings, r *report, dir string) (err error) {
	on, store, leaveServer, err := served(ctx, filepath.Join(dir, "served"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leaveServer()) }()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	reply, err := on.get(ctx, "", wire.TypeSSE)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	seen := make(chan time.Time, s.seen+1)
	failed := make(chan error, 1)
	go func() {
		frames := wire.NewSSEReader(reply.Body, 0)
		for {
			frame, err := frames.Next()
			if err != nil {
				failed <- err
				return
			}
			if frame.Line != nil {
				seen <- time.Now()
			}
		}
	}()
	data := newPayloads(dataBytes)
	var waits, whole latencies
	for i := range s.seen + s.seen/10 {
		began := time.Now()
		if _, err := store.Append(ctx, "order-followed", nacre.Any, nacre.Event{Type: typeOf(int64(i)), Data: data[i%len(data)]}); err != nil {
			return err
		}
		acknowledged := time.Now()
		select {
		case at := <-seen:
			if i >= s.seen/10 { // the first ones warm up
				waits.add(max(0, at.Sub(acknowledged)))
				whole.add(at.Sub(began))
			}
		case err := <-failed:
			return fmt.Errorf("following: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	middle := waits.quantile(0.5)
	const what = "append to seen by an SSE follower"
	r.say("%s: %s behind the acknowledgement", what, short(middle))
	r.section("Server: "+what, fmt.Sprintf("%d appends over HTTP, one after the other, each seen before the next one.", s.seen), "from", "p50", "p99").
		row("the acknowledgement, which comes behind the sync", short(middle), short(waits.quantile(0.99)))
	last := r.sections[len(r.sections)-1]
	last.row("the start of the append", short(whole.quantile(0.5)), short(whole.quantile(0.99)))
	r.figure(what+", p50 beyond the sync", short(time.Millisecond), short(middle), middle <= time.Millisecond)
	return nil
}

// serverIdle measures what a follower that waits costs the server.
func serverIdle(ctx context.Context, s *settings, r *report, dir string) (err error) {
	on, store, leaveServer, err := served(ctx, filepath.Join(dir, "served"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leaveServer()) }()
	if _, err := store.Append(ctx, "order-1", nacre.Any, nacre.Event{Type: typeOf(0), Data: []byte(`{}`)}); err != nil {
		return err
	}
	before, err := anonymousRSSOf(on.cmd.Process.Pid)
	if err != nil {
		r.remark("the memory of followers is not known here: %v", err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for range s.followers {
		reply, err := on.get(ctx, "", wire.TypeSSE)
		if err != nil {
			return err
		}
		defer func() { _ = reply.Body.Close() }()
		frames := wire.NewSSEReader(reply.Body, 0)
		for caughtUp := false; !caughtUp; {
			frame, err := frames.Next()
			if err != nil {
				return err
			}
			caughtUp = frame.Kind == wire.FrameCaughtUp
		}
	}
	time.Sleep(2 * time.Second)
	after, err := anonymousRSSOf(on.cmd.Process.Pid)
	if err != nil {
		return err
	}
	each := (after - before) / int64(s.followers)
	const what = "an idle follower's memory"
	r.section("Server: "+what, fmt.Sprintf("%d followers by SSE that have caught up, anonymous memory of the server's process.", s.followers),
		"before", "with them", "each").row(mega(before), mega(after), kibi(each))
	r.figure(what, kibi(32<<10), kibi(each), each <= 32<<10)
	return nil
}

func kibi(n int64) string { return fmt.Sprintf("%.1f KiB", float64(n)/1024) }
