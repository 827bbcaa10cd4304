package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// tb is what the suite needs of a *testing.T or a *rapid.T.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// fact is a small event whose data tells which one it is.
func fact(eventType string, n int, tags ...string) nacre.Event {
	return nacre.NewEvent(eventType, map[string]int{"n": n}).WithTags(tags...)
}

// facts are n events of one type.
func facts(eventType string, n int) []nacre.Event {
	out := make([]nacre.Event, n)
	for i := range out {
		out[i] = fact(eventType, i)
	}
	return out
}

func (x *trial) append(id nacre.StreamID, expected nacre.ExpectedVersion, events ...nacre.Event) nacre.Appended {
	x.Helper()
	a, err := x.s.Append(x.ctx, id, expected, events...)
	if err != nil {
		x.Fatalf("Append to %q, expecting %s: %v", id, expected, err)
	}
	return a
}

func (x *trial) commit(c *nacre.Condition, batch ...nacre.Append) []nacre.Appended {
	x.Helper()
	out, err := x.s.Commit(x.ctx, c, batch...)
	if err != nil {
		x.Fatalf("Commit: %v", err)
	}
	return out
}

// reopen opens the trial's store again.
func (x *trial) reopen() {
	x.Helper()
	x.s = x.h.Reopen(x.T, x.s)
}

// all reads the whole log, and checks that its positions are those of a log.
func (x *trial) all() []nacre.Event {
	x.Helper()
	return wholeLog(x, x.ctx, x.s)
}

func (x *trial) read(f nacre.Filter, o *nacre.ReadOptions) []nacre.Event {
	x.Helper()
	return read(x, x.ctx, x.s, f, o)
}

// read collects what a read yields; borrowed events are cloned.
func read(t tb, ctx context.Context, s *nacre.Store, f nacre.Filter, o *nacre.ReadOptions) []nacre.Event {
	t.Helper()
	var out []nacre.Event
	for e, err := range s.Read(ctx, f, o) {
		if err != nil {
			t.Fatalf("Read %v with %+v, after %d events: %v", f, o, len(out), err)
		}
		if o != nil && o.Borrowed {
			e = e.Clone()
		}
		out = append(out, e)
	}
	return out
}

// wholeLog reads everything and checks it: gapless positions, versions, parents before children, one kind of
// streams a category, and that the head is its end.
func wholeLog(t tb, ctx context.Context, s *nacre.Store) []nacre.Event {
	t.Helper()
	events := read(t, ctx, s, nil, nil)
	next := map[nacre.StreamID]int64{}
	for i := range events {
		e := &events[i]
		if want := nacre.Position(i + 1); e.GlobalPosition != want {
			t.Fatalf("the %d. event of the log has position %d, want %d: %s", i+1, e.GlobalPosition, want, describe(e))
		}
		if e.StreamPosition != next[e.StreamID] {
			t.Fatalf("event at position %d has stream position %d, want %d: %s",
				e.GlobalPosition, e.StreamPosition, next[e.StreamID], describe(e))
		}
		next[e.StreamID]++
	}
	checkMerge(t, events)
	head, err := s.Head(ctx)
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	if head.Position != nacre.Position(len(events)) {
		t.Fatalf("the head is at %d, the log has %d events", head.Position, len(events))
	}
	if head.Epoch == "" {
		t.Fatalf("the head has no epoch")
	}
	return events
}

// expectEvents compares event by event, every field.
func expectEvents(t tb, what string, got, want []nacre.Event) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if diff := difference(&got[i], &want[i]); diff != "" {
			t.Fatalf("%s: event %d of %d differs in %s\n got: %s\nwant: %s",
				what, i, len(want), diff, describe(&got[i]), describe(&want[i]))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d events, want %d\n got: %s\nwant: %s", what, len(got), len(want), positions(got), positions(want))
	}
}

// difference names the fields in which two events differ. Empty and missing metadata and tags are the
// same; an empty payload and none are not.
func difference(a, b *nacre.Event) string {
	var diff []string
	differs := func(field string, is bool) {
		if is {
			diff = append(diff, field)
		}
	}
	differs("GlobalPosition", a.GlobalPosition != b.GlobalPosition)
	differs("StreamPosition", a.StreamPosition != b.StreamPosition)
	differs("StreamID", a.StreamID != b.StreamID)
	differs("ID", a.ID != b.ID)
	differs("Type", a.Type != b.Type)
	differs("CreatedAt", !a.CreatedAt.Equal(b.CreatedAt))
	differs("CreatedAt's location", a.CreatedAt.Location() != time.UTC || b.CreatedAt.Location() != time.UTC)
	differs("Data", !bytes.Equal(a.Data, b.Data))
	differs("Binary", !bytes.Equal(a.Binary, b.Binary) || (a.Binary == nil) != (b.Binary == nil))
	differs("DataHash", a.DataHash != b.DataHash)
	differs("Metadata", !bytes.Equal(a.Metadata, b.Metadata))
	differs("Tags", !slices.Equal(a.Tags, b.Tags))
	differs("Parents", !slices.Equal(a.Parents, b.Parents) || (a.Parents == nil) != (b.Parents == nil))
	differs("TransactionID", a.TransactionID != b.TransactionID)
	differs("TransactionSize", a.TransactionSize != b.TransactionSize)
	return strings.Join(diff, ", ")
}

func describe(e *nacre.Event) string {
	out := fmt.Appendf(nil, "#%d %s@%d ", e.GlobalPosition, e.StreamID, e.StreamPosition)
	out = e.AppendBody(out)
	out = append(out, e.CreatedAt.Format(` … "createdAt":"2006-01-02T15:04:05.999999999Z07:00"}`)...)
	if len(out) > 600 {
		out = append(out[:600], "…"...)
	}
	return string(out)
}

func positions(events []nacre.Event) string {
	out := make([]nacre.Position, len(events))
	for i := range events {
		out[i] = events[i].GlobalPosition
	}
	return fmt.Sprint(out)
}

func expectCode(t tb, what string, err error, want nacre.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error, want the code %s", what, want)
	}
	if got := nacre.CodeOf(err); got != want {
		t.Fatalf("%s: the code %q, want %s: %v", what, got, want, err)
	}
}

// expectError is expectCode, and gives the error's own type.
func expectError[E error](t tb, what string, err error, want nacre.Code) E {
	t.Helper()
	expectCode(t, what, err, want)
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("%s: a %T, want a %T: %v", what, err, e, err)
	}
	return e
}

// nothingWritten runs f and checks that the log is as it was.
func (x *trial) nothingWritten(f func()) {
	x.Helper()
	before := x.all()
	f()
	expectEvents(x, "the log afterwards", x.all(), before)
}

// readError reads to the end and gives the error, which must come last.
func readError(t tb, ctx context.Context, s *nacre.Store, f nacre.Filter, o *nacre.ReadOptions) error {
	t.Helper()
	var last error
	for _, err := range s.Read(ctx, f, o) {
		if last != nil {
			t.Fatalf("the read went on after its error: %v", last)
		}
		last = err
	}
	return last
}

func stream(id nacre.StreamID) nacre.Filter {
	return nacre.Filter{{Streams: []nacre.StreamID{id}}}
}

// errorsOnly is for goroutines, which must not end a test: what is fatal is an error there.
type errorsOnly struct{ tb }

func (e errorsOnly) Fatalf(format string, args ...any) {
	e.Helper()
	e.Errorf(format, args...)
}
