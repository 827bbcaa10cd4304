package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// killAfter is how long a child appends before it is killed.
const killAfter = 500 * time.Millisecond

// memoryAim is what a process may hold: 200 MB and 4 bytes a stream.
func (l *large) memoryAim() int64 { return 200e6 + 4*int64(l.streams()) }

// start starts a child on the large store.
func (l *large) start(ctx context.Context, what string, d time.Duration) (*child, error) {
	return startChild(ctx, task{What: what, Dir: l.dir(), Streams: l.streams(), For: d})
}

// opens measures opening after a kill, in a process of its own.
func (l *large) opens(ctx context.Context, s *settings, r *report) error {
	note := fmt.Sprintf("A process with 64 writers is killed while it appends; another one opens the store, and is killed too. At %s.", l.holding())
	t := r.section("Opening after kill -9", note, "page cache", "opens", "time, median", "slowest", "events to replay, most", "anonymous memory, most")
	for _, cold := range []bool{false, true} {
		if err := l.opensWith(ctx, s, r, t, cold); err != nil {
			return err
		}
	}
	return nil
}

func (l *large) opensWith(ctx context.Context, s *settings, r *report, t *section, cold bool) error {
	cache, aim := "warm", 500*time.Millisecond
	if cold {
		cache, aim = "cold", time.Second
	}
	if cold && s.emptyCache() != nil {
		return nil // it has been remarked before
	}
	var times []float64
	var slowest time.Duration
	var replay uint64
	var memory int64
	for range s.coldRounds {
		writing, err := l.start(ctx, childAppend, 0)
		if err != nil {
			return err
		}
		time.Sleep(killAfter)
		writing.kill()
		if cold {
			if err := s.emptyCache(); err != nil {
				return err
			}
		}
		opened, err := l.start(ctx, childOpen, 0)
		if err != nil {
			return err
		}
		opened.kill()
		firsts, err := segmentFirsts(l.dir())
		if err != nil {
			return err
		}
		took := opened.told.Open
		times = append(times, took.Seconds())
		slowest = max(slowest, took)
		replay = max(replay, opened.told.Head-firsts[len(firsts)-1]+1)
		memory = max(memory, opened.told.Anonymous)
	}
	middle := time.Duration(median(times) * float64(time.Second))
	r.say("open after a kill, page cache %s: %s", cache, short(middle))
	t.row(cache, fmt.Sprint(len(times)), short(middle), short(slowest), fmt.Sprint(replay), memoryCell(memory))
	r.figure(fmt.Sprintf("open after kill -9 at %s, page cache %s, slowest of %d", l.holding(), cache, len(times)), short(aim), short(slowest), slowest <= aim)
	if hasAnonymousRSS {
		r.figure("anonymous memory after that", mega(l.memoryAim()), mega(memory), memory <= l.memoryAim())
	}
	return nil
}

// atWork measures the memory of a process that appends and reads.
func (l *large) atWork(ctx context.Context, s *settings, r *report) error {
	c, err := l.start(ctx, childWork, s.work)
	if err != nil {
		return err
	}
	if err := errors.Join(c.input.Close(), c.cmd.Wait()); err != nil {
		return fmt.Errorf("a child at work: %w", err)
	}
	r.section("Memory at work", fmt.Sprintf("A process of its own with 64 writers and 2 readers of scattered streams, at %s.", l.holding()),
		"for", "events appended", "streams read", "anonymous memory, most").
		row(s.work.String(), count(float64(c.told.Appended)), count(float64(c.told.Reads)), memoryCell(c.told.Anonymous))
	if hasAnonymousRSS {
		r.figure("anonymous memory while appending and reading", mega(l.memoryAim()), mega(c.told.Anonymous), c.told.Anonymous <= l.memoryAim())
	}
	return nil
}

func memoryCell(n int64) string {
	if !hasAnonymousRSS {
		return "not known here"
	}
	return mega(n)
}
