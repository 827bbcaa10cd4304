package deliverytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// Fixture is a kind and the other side that it sends to, which has nothing yet.
type Fixture struct {
	// Kind is what is tested.
	Kind delivery.Kind
	// Config is a configuration that sends to the other side, with its secrets, as a user gives it.
	Config json.RawMessage
	// Elsewhere is a configuration that sends to another place.
	Elsewhere json.RawMessage
	// Secrets are texts in Config that must not be in what is public. May be empty.
	Secrets []string
	// Refused maps configurations to the field that is wrong with them, from "config" on.
	Refused map[string]string
	// Received is what the other side has, in the order in which it came, repeats included. It is not called while
	// the other side is away.
	Received func(t testing.TB) []nacre.Event
	// Stop takes the other side away without a warning, Start brings it back with what it had. They are called in
	// turns, Stop first, and may be called while events are sent.
	Stop, Start func(t testing.TB)
	// Once is whether a batch that is sent twice is there once.
	Once bool
}

// pause is how long Deliver waits between attempts: the policy of an impatient hub.
const pause = 20 * time.Millisecond

// attemptLimit is what ends an attempt that the kind does not end itself.
const attemptLimit = 2 * time.Second

// attempts is how often Deliver tries before it gives up.
const attempts = 1000

// open makes a sender of a configuration, which the test closes unless it did.
func open(t testing.TB, kind delivery.Kind, config json.RawMessage) (sender delivery.Sender, closeOnce func()) {
	t.Helper()
	checked, err := kind.Check(config, nil)
	if err != nil {
		t.Fatalf("the fixture's configuration is refused: %v", err)
	}
	sender, err = kind.Open(checked)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	closed := false
	closeOnce = func() {
		t.Helper()
		if closed {
			return
		}
		closed = true
		if err := sender.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(closeOnce)
	return sender, closeOnce
}

// Deliver sends a batch as a hub does: again and again until it is taken. It returns how many attempts that took.
func Deliver(ctx context.Context, sender delivery.Sender, batch *delivery.Batch) (int, error) {
	var last error
	for attempt := 1; attempt <= attempts; attempt++ {
		b := *batch
		b.Attempt = attempt
		limited, cancel := context.WithTimeout(ctx, attemptLimit)
		_, last = sender.Send(limited, &b)
		cancel()
		if last == nil {
			return attempt, nil
		}
		if f, is := errors.AsType[*delivery.Failure](last); is && (f.Permanent || f.Gone) {
			return attempt, fmt.Errorf("batch %s is refused for ever: %w", b.ID, last)
		}
		select {
		case <-ctx.Done():
			return attempt, errors.Join(ctx.Err(), last)
		case <-time.After(pause):
		}
	}
	return attempts, fmt.Errorf("batch %s was not taken in %d attempts: %w", batch.ID, attempts, last)
}

// deliverAll delivers batches in their order.
func deliverAll(t testing.TB, sender delivery.Sender, batches []*delivery.Batch) {
	t.Helper()
	for _, b := range batches {
		if _, err := Deliver(t.Context(), sender, b); err != nil {
			t.Fatal(err)
		}
	}
}

// firsts are the lines of events in the order in which each came first.
func firsts(t testing.TB, events []nacre.Event) []string {
	t.Helper()
	var out []string
	seen := map[nacre.Position]string{}
	for i := range events {
		line := Line(t, &events[i])
		before, repeated := seen[events[i].GlobalPosition]
		if !repeated {
			seen[events[i].GlobalPosition] = line
			out = append(out, line)
		} else if before != line {
			t.Errorf("an event came again as another:\n%s\n%s", before, line)
		}
	}
	return out
}

// Line is an event's line.
func Line(t testing.TB, e *nacre.Event) string {
	t.Helper()
	line, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// compare tells the first difference between what came first and what was sent.
func compare(t testing.TB, received []nacre.Event, batches []*delivery.Batch) {
	t.Helper()
	var want []string
	for _, b := range batches {
		for i := range b.Events {
			want = append(want, Line(t, &b.Events[i]))
		}
	}
	got := firsts(t, received)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("event %d of %d is\n%s\nwant\n%s", i, len(want), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events came, want %d", len(got), len(want))
	}
}

// sameJSON tells whether two values are the same, however they are written.
func sameJSON(t testing.TB, a, b json.RawMessage) bool {
	t.Helper()
	return bytes.Equal(canonical(t, a), canonical(t, b))
}

func canonical(t testing.TB, raw json.RawMessage) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// long is a text that does not fit into one read of most buffers.
var long = strings.Repeat("long ", 20_000)
