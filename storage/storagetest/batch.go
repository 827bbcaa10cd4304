package storagetest

import (
	"fmt"

	"github.com/nacredb/nacre"
)

var batchCases = []testCase{
	{"SideBySide", batchSideBySide},
	{"AllOrNothing", batchAllOrNothing},
	{"ManyStreams", batchManyStreams},
	{"OneEventIsNoTransaction", batchOneEvent},
	{"Refused", batchRefused},
}

func to(id nacre.StreamID, expected nacre.ExpectedVersion, events ...nacre.Event) nacre.Append {
	return nacre.Append{Stream: id, Expected: expected, Events: events}
}

// expectBatch checks that a batch's outcomes stand side by side in the log, in the batch's order, as
// one transaction.
func expectBatch(t tb, out []nacre.Appended, batch []nacre.Append) []nacre.Event {
	t.Helper()
	if len(out) != len(batch) {
		t.Fatalf("%d outcomes for a batch of %d appends", len(out), len(batch))
	}
	var events []nacre.Event
	for i := range out {
		if len(out[i].Events) != len(batch[i].Events) || out[i].Duplicate {
			t.Fatalf("append %d of the batch gave %d events, duplicate %t, want %d new ones",
				i, len(out[i].Events), out[i].Duplicate, len(batch[i].Events))
		}
		for j := range out[i].Events {
			got, given := &out[i].Events[j], &batch[i].Events[j]
			if got.StreamID != batch[i].Stream || got.Type != given.Type || given.ID != "" && got.ID != given.ID {
				t.Fatalf("append %d of the batch, event %d: got %s, want a %s in %q", i, j, describe(got), given.Type, batch[i].Stream)
			}
		}
		if last := out[i].Events[len(out[i].Events)-1]; out[i].Version != last.StreamPosition {
			t.Fatalf("append %d of the batch: version %d, its last event is %s", i, out[i].Version, describe(&last))
		}
		events = append(events, out[i].Events...)
	}
	for i := range events {
		e := &events[i]
		if e.GlobalPosition != events[0].GlobalPosition+nacre.Position(i) {
			t.Fatalf("the batch's events stand at %s, want them side by side, in order", positions(events))
		}
		if e.TransactionID != events[0].TransactionID || (e.TransactionID == "") != (len(events) == 1) {
			t.Fatalf("%s: of a batch of %d events that begins with transaction %q", describe(e), len(events), events[0].TransactionID)
		}
	}
	return events
}

func batchSideBySide(x *trial) {
	before := x.append("order-1", nacre.Any, facts("order.placed", 2)...).Events
	batch := []nacre.Append{
		to("stock-b", nacre.NoStream, facts("stock.taken", 3)...),
		to("order-1", nacre.Exactly(1), fact("order.confirmed", 1, "customer:7")),
		to("stock-a", nacre.Any, facts("stock.taken", 2)...),
		to("order-2", nacre.NoStream, fact("order.placed", 1)),
	}
	out := x.commit(nil, batch...)
	events := expectBatch(x, out, batch)
	if events[0].GlobalPosition != 3 || out[0].Version != 2 || out[1].Version != 2 || out[2].Version != 1 || out[3].Version != 0 {
		x.Fatalf("the outcomes are %+v", out)
	}
	expectEvents(x, "the log", x.all(), append(before, events...))
}

func batchAllOrNothing(x *trial) {
	x.append("order-1", nacre.NoStream, facts("order.placed", 2)...)
	x.nothingWritten(func() {
		for _, c := range []struct {
			batch []nacre.Append
			stale nacre.StreamID
		}{
			{[]nacre.Append{to("order-1", nacre.Exactly(0), fact("t", 1)), to("order-2", nacre.NoStream, fact("t", 2))}, "order-1"},
			{[]nacre.Append{to("order-2", nacre.NoStream, fact("t", 1)), to("order-1", nacre.NoStream, fact("t", 2))}, "order-1"},
			{[]nacre.Append{
				to("order-2", nacre.Any, fact("t", 1)), to("order-1", nacre.Exactly(1), facts("t", 9)...), to("order-3", nacre.StreamExists, fact("t", 2)),
			}, "order-3"},
		} {
			_, err := x.s.Commit(x.ctx, nil, c.batch...)
			conflict := expectError[*nacre.ConflictError](x, "a batch with a stale append", err, nacre.CodeVersionConflict)
			if conflict.Stream != c.stale {
				x.Fatalf("the conflict tells %+v, the stale stream is %q", conflict, c.stale)
			}
		}
	})
	for _, id := range []nacre.StreamID{"order-2", "order-3"} {
		x.expectVersion(id, -1)
	}
	batch := []nacre.Append{to("order-2", nacre.NoStream, fact("t", 1)), to("order-1", nacre.Exactly(1), fact("t", 2))}
	expectBatch(x, x.commit(nil, batch...), batch)
}

func batchManyStreams(x *trial) {
	for round := range 3 {
		var batch []nacre.Append
		for i := range min(200, x.h.Limits.BatchEvents) {
			// Not in order of their names, and half of them new in each round.
			id := nacre.StreamID(fmt.Sprintf("thing-%d", (i*37)%200+100*round))
			batch = append(batch, to(id, nacre.Any, fact("thing.seen", i)))
		}
		expectBatch(x, x.commit(nil, batch...), batch)
	}
	x.all()
}

func batchOneEvent(x *trial) {
	batch := []nacre.Append{to("order-1", nacre.NoStream, fact("order.placed", 1))}
	expectBatch(x, x.commit(nil, batch...), batch)
	if e := x.all()[0]; e.TransactionID != "" {
		x.Fatalf("%s has a transaction, and was alone", describe(&e))
	}
}

func batchRefused(x *trial) {
	x.append("order-1", nacre.Any, fact("t", 1))
	x.nothingWritten(func() {
		for what, batch := range map[string][]nacre.Append{
			"an empty batch":         {},
			"a batch with no events": {to("order-2", nacre.Any, fact("t", 1)), to("order-3", nacre.Any)},
			"a stream twice":         {to("order-2", nacre.Any, fact("t", 1)), to("order-2", nacre.Any, fact("t", 2))},
			"a bad stream id":        {to("order-2", nacre.Any, fact("t", 1)), to("$order", nacre.Any, fact("t", 2))},
			"an id twice":            {to("order-2", nacre.Any, fact("t", 1).WithID("a"), fact("t", 1).WithID("a"))},
		} {
			_, err := x.s.Commit(x.ctx, nil, batch...)
			expectCode(x, what, err, nacre.CodeInvalid)
		}
	})
}
