package storagetest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/nacredb/nacre"
)

var readCases = []testCase{
	{"Empty", readEmpty},
	{"Bounds", readBounds},
	{"StreamBounds", readStreamBounds},
	{"AsOfTheCall", readAsOfTheCall},
	{"LeftAndRepeated", readLeftAndRepeated},
	{"Nested", readNested},
	{"Borrowed", readBorrowed},
	{"OwnedIsKept", readOwnedIsKept},
	{"EndedContext", readEndedContext},
	{"Refused", readRefused},
}

func readEmpty(x *trial) {
	for _, o := range []*nacre.ReadOptions{nil, {Backwards: true}, {After: 5}, {Before: 5}, {Limit: 3}} {
		for _, f := range []nacre.Filter{nil, stream("none-1"), {{Types: []string{"*"}}}, {{Tags: []string{"t"}}}} {
			expectEvents(x, "an empty log", x.read(f, o), nil)
		}
	}
	expectEvents(x, "an empty stream", x.read(stream("none-1"), &nacre.ReadOptions{From: 3, Until: 9}), nil)
	x.expectVersion("none-1", -1)
	head, err := x.s.Head(x.ctx)
	if err != nil || head.Position != 0 || head.Epoch == "" {
		x.Fatalf("the head of an empty log is %+v, %v", head, err)
	}
}

// readBounds reads with every pair of bounds, in a log of thirty events.
func readBounds(x *trial) {
	for i := range 10 {
		x.append(nacre.StreamID(fmt.Sprintf("s-%d", i%3)), nacre.Any, facts(fmt.Sprintf("t%d", i%2), 3)...)
	}
	log := x.all()
	for n, f := range []nacre.Filter{nil, stream("s-1"), {{Types: []string{"t1"}}}, {{Streams: ids("s-0", "s-2"), Types: []string{"*0"}}}} {
		for after := nacre.Position(0); after <= 31; after += 1 + nacre.Position(n) {
			for before := nacre.Position(0); before <= 32; before++ {
				for _, o := range []nacre.ReadOptions{
					{After: after, Before: before},
					{After: after, Before: before, Backwards: true, Borrowed: true},
					{After: after, Before: before, Limit: 4, Borrowed: before%2 == 0, Backwards: after%2 == 0},
				} {
					expectEvents(x, fmt.Sprintf("%v, %+v", f, o), x.read(f, &o), selected(log, f, &o))
				}
			}
		}
	}
	for _, o := range []nacre.ReadOptions{
		{After: math.MaxUint64},
		{Before: math.MaxUint64},
		{After: math.MaxUint64, Before: math.MaxUint64, Backwards: true},
		{After: math.MaxUint64 - 1, Before: 1},
		{Limit: math.MaxInt},
		{After: 29, Limit: math.MaxInt, Backwards: true},
	} {
		expectEvents(x, fmt.Sprintf("%+v", o), x.read(nil, &o), selected(log, nil, &o))
	}
}

func readStreamBounds(x *trial) {
	for range 4 {
		x.append("s-1", nacre.Any, facts("t", 3)...)
		x.append("s-2", nacre.Any, facts("t", 2)...)
	}
	log := x.all()
	f := stream("s-1")
	for from := int64(0); from <= 13; from++ {
		for until := int64(0); until <= 13; until++ {
			for _, o := range []nacre.ReadOptions{
				{From: from, Until: until},
				{From: from, Until: until, Backwards: true},
				{From: from, Until: until, Limit: 2},
				{From: from, Until: until, After: 7, Before: 17, Backwards: until%2 == 0, Borrowed: from%2 == 0},
			} {
				expectEvents(x, fmt.Sprintf("%+v", o), x.read(f, &o), selected(log, f, &o))
			}
		}
	}
	o := nacre.ReadOptions{From: math.MaxInt64, Until: math.MaxInt64}
	expectEvents(x, "far beyond the stream", x.read(f, &o), nil)
	o = nacre.ReadOptions{Until: math.MaxInt64, Backwards: true, Limit: 1}
	expectEvents(x, "the last event", x.read(f, &o), selected(log, f, &o))
}

// readAsOfTheCall appends while it reads.
func readAsOfTheCall(x *trial) {
	want := x.append("s-1", nacre.Any, facts("t", 20)...).Events
	for _, f := range []nacre.Filter{nil, stream("s-1"), {{Types: []string{"t"}}}} {
		var got []nacre.Event
		for e, err := range x.s.Read(x.ctx, f, nil) {
			if err != nil {
				x.Fatalf("Read: %v", err)
			}
			if len(got)%4 == 0 {
				want = append(want, x.append("s-1", nacre.Any, fact("t", len(want))).Events...)
			}
			got = append(got, e)
		}
		expectEvents(x, "a read beside appends", got, want[:len(got)])
		if appended := (len(got) + 3) / 4; len(got) != len(want)-appended {
			x.Fatalf("the read gave %d events, the log had %d when it began", len(got), len(want)-appended)
		}
	}
	expectEvents(x, "the log", x.all(), want)
}

func readLeftAndRepeated(x *trial) {
	want := x.append("s-1", nacre.Any, facts("t", 20)...).Events
	seq := x.s.Read(x.ctx, nil, nil)
	for left := range 8 {
		n := 0
		for e, err := range seq {
			if err != nil {
				x.Fatalf("Read: %v", err)
			}
			expectEvents(x, "a read that is left", []nacre.Event{e}, want[n:n+1])
			if n++; n > left {
				break
			}
		}
	}
	var got []nacre.Event
	for e, err := range seq {
		if err != nil {
			x.Fatalf("Read: %v", err)
		}
		got = append(got, e)
	}
	expectEvents(x, "the same read, to its end", got, want)
}

func readNested(x *trial) {
	want := x.append("s-1", nacre.Any, facts("t", 6)...).Events
	for _, borrowed := range []bool{false, true} {
		o := &nacre.ReadOptions{Borrowed: borrowed}
		n := 0
		for outer, err := range x.s.Read(x.ctx, nil, o) {
			if err != nil {
				x.Fatalf("Read: %v", err)
			}
			backwards := &nacre.ReadOptions{Borrowed: borrowed, Backwards: true, Before: outer.GlobalPosition}
			expectEvents(x, "the inner read", x.read(stream("s-1"), backwards), selected(want[:n], nil, backwards))
			x.expectVersion("s-1", 5)
			expectEvents(x, "the outer read", []nacre.Event{outer}, want[n:n+1])
			n++
		}
	}
}

func readBorrowed(x *trial) {
	for i := range 30 {
		e := fact(fmt.Sprintf("t%d", i), i, fmt.Sprintf("tag:%d", i), "x").WithMetadata(map[string]int{"m": i})
		if i%5 == 0 {
			e.Data, e.Binary = nil, fmt.Appendf(nil, "binary %d", i)
		}
		x.append(nacre.StreamID(fmt.Sprintf("s-%d", i%4)), nacre.Any, e)
	}
	want := x.all()
	n := 0
	var kept []nacre.Event
	for e, err := range x.s.Read(x.ctx, nil, &nacre.ReadOptions{Borrowed: true}) {
		if err != nil {
			x.Fatalf("Read: %v", err)
		}
		expectEvents(x, "a borrowed event", []nacre.Event{e}, want[n:n+1])
		kept = append(kept, e.Clone())
		n++
	}
	expectEvents(x, "clones of borrowed events", kept, want)
}

// readOwnedIsKept keeps events while the store goes on, and after it was closed.
func readOwnedIsKept(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 50)...)
	kept := x.all()
	var want []nacre.Event
	for i := range kept {
		want = append(want, kept[i].Clone())
	}
	for range 5 {
		x.append("s-1", nacre.Any, facts("u", 50)...)
		x.read(nil, &nacre.ReadOptions{Borrowed: true})
		x.read(stream("s-1"), nil)
	}
	expectEvents(x, "events that were kept", kept, want)
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectEvents(x, "events that were kept", kept, want)
}

func readEndedContext(x *trial) {
	n := min(1000, x.h.Limits.BatchEvents)
	for range 5 {
		x.append("s-1", nacre.Any, facts("t", n)...)
	}
	ended, cancel := context.WithDeadline(x.ctx, time.Now().Add(-time.Hour))
	defer cancel()
	expectCode(x, "a read with an ended context", readError(x, ended, x.s, nil, nil), nacre.CodeDeadline)
	for _, f := range []nacre.Filter{nil, stream("s-1"), {{Types: []string{"*"}}}} {
		seen, err := endedAtTheFirst(x, f)
		expectCode(x, fmt.Sprintf("a read of %d events whose context ended at the first, after %d", 5*n, seen), err, nacre.CodeCanceled)
	}
}

func endedAtTheFirst(x *trial, f nacre.Filter) (seen int, last error) {
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	for _, err := range x.s.Read(ctx, f, &nacre.ReadOptions{Borrowed: true}) {
		if last = err; err == nil {
			seen++
		}
		cancel()
	}
	return seen, last
}

func readRefused(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	for _, c := range []struct {
		f nacre.Filter
		o nacre.ReadOptions
	}{
		{nil, nacre.ReadOptions{Limit: -1}},
		{stream("s-1"), nacre.ReadOptions{From: -1}},
		{stream("s-1"), nacre.ReadOptions{Until: -1}},
		{nil, nacre.ReadOptions{From: 1}},
		{nacre.Filter{{Streams: ids("s-1", "s-2")}}, nacre.ReadOptions{Until: 1}},
		{nacre.Filter{{Streams: ids("s-1"), Types: []string{"t"}}}, nacre.ReadOptions{Until: 1}},
	} {
		expectCode(x, fmt.Sprintf("a read of %v with %+v", c.f, c.o), readError(x, x.ctx, x.s, c.f, &c.o), nacre.CodeInvalid)
	}
}
