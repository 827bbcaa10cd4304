package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

var findCases = []testCase{
	{"Held", findHeld},
	{"Absent", findAbsent},
	{"ScopeIsTheStream", findScope},
	{"IDsAreText", findIDsAreText},
	{"InALongLog", findInALongLog},
	{"AcknowledgedIsFound", findAcknowledged},
	{"RefusedIsNotFound", findRefused},
	{"OwnedIsKept", findOwnedIsKept},
	{"EndedContext", findEndedContext},
	{"Arguments", findArguments},
}

// find asks for an event that may be there.
func find(t tb, x *trial, id nacre.StreamID, eventID string) (nacre.Event, bool) {
	t.Helper()
	e, found, err := x.s.FindEvent(x.ctx, id, eventID)
	if err != nil {
		t.Fatalf("FindEvent %q of %q: %v", eventID, id, err)
	}
	if !found && (e.ID != "" || e.GlobalPosition != 0) {
		t.Fatalf("FindEvent %q of %q: not there, and beside it %s", eventID, id, describe(&e))
	}
	return e, found
}

// finds asks for each of these events, by its stream and id.
func (x *trial) finds(want ...nacre.Event) {
	x.Helper()
	for i := range want {
		e, found := find(x, x, want[i].StreamID, want[i].ID)
		if !found {
			x.Fatalf("not found: %s", describe(&want[i]))
		}
		expectEvents(x, "the event that was found", []nacre.Event{e}, want[i:i+1])
	}
}

func (x *trial) findsNot(id nacre.StreamID, eventIDs ...string) {
	x.Helper()
	for _, eventID := range eventIDs {
		if e, found := find(x, x, id, eventID); found {
			x.Fatalf("FindEvent %q of %q found %s", eventID, id, describe(&e))
		}
	}
}

// findHeld finds events of every form, with ids given and ids that the store made.
func findHeld(x *trial) {
	x.append("order-1", nacre.Any, fact("order.placed", 1, "customer:7", "eu").WithMetadata(map[string]int{"m": 1}))
	x.append("order-1", nacre.Any, named("order.paid", "given", 2), fact("order.shipped", 3), named("order.closed", "given-2", 4))
	x.append("picture-1", nacre.Any,
		nacre.Event{Type: "picture.taken", ID: "binary", Binary: []byte{0, 255}}, nacre.Event{Type: "picture.taken", Binary: []byte{}})
	for i, data := range keptData {
		x.append("data-1", nacre.Any, nacre.Event{Type: "t", Data: []byte(data), ID: fmt.Sprintf("data-%d", i)})
	}
	long := `"` + strings.Repeat("long ", 20_000) + `"`
	x.append("data-2", nacre.Any, nacre.Event{Type: "t", ID: "long", Data: []byte(long)})
	_, err := x.s.Import(x.ctx, to("old-1", nacre.Any, nacre.Event{
		Type: "t", ID: "imported", Data: []byte("1"), CreatedAt: time.UnixMicro(-1_000_001).UTC(), TransactionID: "elsewhere",
	}))
	if err != nil {
		x.Fatalf("Import: %v", err)
	}
	x.finds(x.all()...)
}

func findAbsent(x *trial) {
	x.findsNot("order-1", "a", nacre.NewID())
	x.append("order-1", nacre.Any, named("t", "a", 1), named("t", "abc", 2))
	x.findsNot("order-1", "b", "A", "ab", "abcd", "a.", "*", "%", nacre.NewID())
	x.findsNot("order-2", "a")
	x.findsNot("order", "a")
	x.findsNot("Order-1", "a")
	x.findsNot("order-10", "a")
	x.finds(x.all()...)
}

// findScope gives the same ids to the events of many streams.
func findScope(x *trial) {
	const streams = 60
	for i := range streams {
		id := nacre.StreamID(fmt.Sprintf("s-%d", i))
		x.append(id, nacre.NoStream, named("t", "a", i), named("t", "b", -i))
		if i%2 == 0 {
			x.append(id, nacre.Any, named("t", "even", i))
		}
	}
	x.append("s-7", nacre.Any, named("t", "only", 7))
	x.finds(x.all()...)
	for i := range streams {
		id := nacre.StreamID(fmt.Sprintf("s-%d", i))
		if i%2 != 0 {
			x.findsNot(id, "even")
		}
		if i != 7 {
			x.findsNot(id, "only")
		}
	}
}

// findIDsAreText: whatever an id or a stream's id is made of, it is compared as it is.
func findIDsAreText(x *trial) {
	ids := []string{
		".", "..", "/", "//", "a/b", "a/../b", "%", "%2F", "%2f", "%25", "a%zz", "?", "?a=b", "#", "#a", "&", "=", "+", ";", ":", ",", "@", "$",
		"*", "~", "!", "'", "()", "[]", "{}", "<>", "^", "`", "|", "0", "-1", "null", "true", "events", "streams", strings.Repeat("i", 64),
	}
	streams := []nacre.StreamID{
		"s-1", "s", ".", "..", "a/b", "/", "s-1/events", "%2F", "a b-1", "größe-1", "s?a=b", "s#a", "*", "日本-語", nacre.StreamID(strings.Repeat("s", 256)),
	}
	for n, id := range streams {
		var events []nacre.Event
		for i, eventID := range ids {
			if (i+n)%3 > 0 {
				events = append(events, named("t", eventID, i))
			}
		}
		x.append(id, nacre.NoStream, events...)
	}
	x.finds(x.all()...)
	for n, id := range streams {
		for i, eventID := range ids {
			if (i+n)%3 == 0 {
				x.findsNot(id, eventID)
			}
		}
	}
}

// findInALongLog finds what a driver with files has put aside.
func findInALongLog(x *trial) {
	for i := range 60 {
		var batch []nacre.Append
		for k := range 4 {
			id := nacre.StreamID(fmt.Sprintf("s-%d", (i+k)%17))
			e := fact("t", i, fmt.Sprintf("tag:%d", i)).WithMetadata(map[string]string{"pad": strings.Repeat("x", 100)})
			batch = append(batch, to(id, nacre.Any, e.WithID(fmt.Sprintf("id-%d", i)), e, e.WithID(fmt.Sprintf("again-%d", i))))
		}
		x.commit(nil, batch...)
		x.findsNot("s-1", fmt.Sprintf("id-%d", i+1), "id")
	}
	log := x.all()
	x.finds(log...)
	for i := range log {
		x.findsNot(log[i].StreamID, log[i].ID+"x")
	}
	x.findsNot("s-17", "id-0")
}

// findAcknowledged: what an append has answered is found, and nothing is found before all of its batch is.
func findAcknowledged(x *trial) {
	var all sync.WaitGroup
	for n := range 4 {
		id := nacre.StreamID(fmt.Sprintf("s-%d", n))
		all.Go(func() {
			t := errorsOnly{x.T}
			for i := range 25 {
				first, second := fmt.Sprintf("a-%d", i), fmt.Sprintf("b-%d", i)
				if _, found := find(t, x, id, second); found {
					t.Errorf("%q of %q was found before it was appended", second, id)
				}
				a, err := x.s.Append(x.ctx, id, nacre.Any, named("t", first, i), named("t", second, i))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				for k, eventID := range []string{first, second} {
					e, found := find(t, x, id, eventID)
					if !found {
						t.Errorf("%q of %q, which was appended, is not found", eventID, id)
						return
					}
					expectEvents(t, "what was acknowledged", []nacre.Event{e}, a.Events[k:k+1])
				}
			}
		})
		// Whoever finds a batch's last event can read its first one.
		all.Go(func() {
			t := errorsOnly{x.T}
			for i := 0; i < 25 && x.ctx.Err() == nil && !x.Failed(); {
				last, found := find(t, x, id, fmt.Sprintf("b-%d", i))
				if !found {
					continue
				}
				e, found := find(t, x, id, fmt.Sprintf("a-%d", i))
				if !found || e.GlobalPosition != last.GlobalPosition-1 {
					t.Errorf("of a batch the second event was found at %d, the first one (%t) at %d", last.GlobalPosition, found, e.GlobalPosition)
					return
				}
				i++
			}
		})
	}
	all.Wait()
}

func findRefused(x *trial) {
	x.append("s-1", nacre.Any, named("t", "a", 1))
	_, err := x.s.Append(x.ctx, "s-1", nacre.NoStream, named("t", "b", 2))
	expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
	_, err = x.s.Commit(x.ctx, nil, to("s-2", nacre.Any, named("t", "c", 1)), to("s-1", nacre.Exactly(7), named("t", "c", 1)))
	expectCode(x, "a batch that is stale in part", err, nacre.CodeVersionConflict)
	_, err = x.s.Commit(x.ctx, &nacre.Condition{FailIfEventsMatch: stream("s-1")}, to("s-2", nacre.Any, named("t", "d", 1)))
	expectCode(x, "a condition", err, nacre.CodeConditionFailed)
	x.conflicts("an id that is held, beside one that is not", to("s-1", nacre.Any, named("t", "a", 1), named("t", "e", 1)))
	x.findsNot("s-1", "b", "c", "d", "e")
	x.findsNot("s-2", "a", "b", "c", "d", "e")
	x.append("s-1", nacre.Any, named("t", "b", 3))
	x.finds(x.all()...)
}

// findOwnedIsKept keeps what was found while the store goes on, and after it was closed.
func findOwnedIsKept(x *trial) {
	var kept, want []nacre.Event
	for i := range 10 {
		e := named("t", fmt.Sprintf("id-%d", i), i).WithTags("tag").WithMetadata(map[string]int{"m": i})
		want = append(want, x.append("s-1", nacre.Any, e).Events[0].Clone())
	}
	for i := range want {
		e, _ := find(x, x, "s-1", want[i].ID)
		kept = append(kept, e)
	}
	x.append("s-2", nacre.Any, facts("u", 100)...)
	x.read(nil, &nacre.ReadOptions{Borrowed: true})
	x.findsNot("s-2", "id-1")
	expectEvents(x, "events that were kept", kept, want)
	for i := range kept { // his own: what he does with them is nobody else's
		for k := range kept[i].Data {
			kept[i].Data[k] = '#'
		}
	}
	x.finds(want...)
	for i := range want {
		kept[i], _ = find(x, x, "s-1", want[i].ID)
	}
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectEvents(x, "events that were kept", kept, want)
}

func findEndedContext(x *trial) {
	x.append("s-1", nacre.Any, named("t", "a", 1))
	canceled, cancel := context.WithCancel(x.ctx)
	cancel()
	late, end := context.WithDeadline(x.ctx, time.Now().Add(-time.Hour))
	defer end()
	for ctx, want := range map[context.Context]nacre.Code{canceled: nacre.CodeCanceled, late: nacre.CodeDeadline} {
		for _, id := range []string{"a", "b"} {
			_, found, err := x.s.FindEvent(ctx, "s-1", id)
			expectCode(x, "FindEvent with an ended context", err, want)
			if found {
				x.Fatalf("FindEvent with an ended context found something beside its error")
			}
			if d, ok := x.s.Driver().(nacre.EventFinder); ok {
				_, _, err := d.FindEvent(ctx, "s-1", id)
				expectCode(x, "the driver's FindEvent with an ended context", err, want)
			}
		}
	}
}

func findArguments(x *trial) {
	for _, c := range []struct {
		stream nacre.StreamID
		id     string
		field  string
	}{
		{"", "a", "streamId"},
		{"-1", "a", "streamId"},
		{`s"1`, "a", "streamId"},
		{"s-1", "", "eventId"},
		{"s-1", "a b", "eventId"},
		{"s-1", "ä", "eventId"},
		{"s-1", strings.Repeat("i", 65), "eventId"},
	} {
		_, _, err := x.s.FindEvent(x.ctx, c.stream, c.id)
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field != c.field {
			x.Fatalf("FindEvent %q of %q: %v, want an error about %s", c.id, c.stream, err, c.field)
		}
	}
}
