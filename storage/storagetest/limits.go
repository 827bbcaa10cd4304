package storagetest

import (
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

var limitsCases = []testCase{
	{"LargestEvent", limitsLargestEvent},
	{"LargestBatch", limitsLargestBatch},
	{"MostEvents", limitsMostEvents},
}

// sized is an event whose body has this many bytes in the stream.
func sized(id nacre.StreamID, eventID string, bytes int) nacre.Event {
	e := nacre.Event{StreamID: id, ID: eventID, Type: "t", Data: []byte(`""`)}
	if fill := bytes - e.BodySize(); fill > 0 {
		e.Data = []byte(`"` + strings.Repeat("x", fill) + `"`)
	}
	return e
}

func limitsLargestEvent(x *trial) {
	limit := x.h.Limits.EventBytes
	for i, bytes := range []int{limit, limit - 1, 4096, 4095, 4097, 65536} {
		if bytes > limit {
			continue
		}
		id := nacre.StreamID(fmt.Sprintf("s-%d", i))
		a := x.append(id, nacre.NoStream, sized(id, "a", bytes))
		if n := a.Events[0].BodySize(); n != bytes {
			x.Fatalf("the stored body has %d bytes, want %d", n, bytes)
		}
		expectEvents(x, "the event", x.read(stream(id), nil), a.Events)
		expectEvents(x, "the event, borrowed", x.read(stream(id), &nacre.ReadOptions{Borrowed: true, Backwards: true}), a.Events)
	}
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "s-9", nacre.Any, sized("s-9", "a", limit+1))
		expectCode(x, "an event of a byte too many", err, nacre.CodeTooLarge)
		_, err = x.s.Append(x.ctx, "s-9", nacre.Any, fact("t", 1), sized("s-9", "a", 2*limit))
		expectCode(x, "a batch with an event that is too large", err, nacre.CodeTooLarge)
	})
}

func limitsLargestBatch(x *trial) {
	limits := x.h.Limits
	build := func(total int) []nacre.Append {
		var batch []nacre.Append
		for total > 0 && len(batch) < limits.BatchEvents {
			id := nacre.StreamID(fmt.Sprintf("s-%03d", len(batch)))
			// The transaction id is the store's: 26 characters.
			transaction := len(`,"transactionId":""`) + 26
			bytes := min(limits.EventBytes, total)
			if rest := total - bytes; rest > 0 && rest < 1000 {
				bytes -= 1000
			}
			batch = append(batch, to(id, nacre.NoStream, sized(id, "a", bytes-transaction)))
			total -= bytes
		}
		return batch
	}
	x.nothingWritten(func() {
		if limits.BatchEvents*limits.EventBytes > limits.BatchBytes {
			_, err := x.s.Commit(x.ctx, nil, build(limits.BatchBytes+1)...)
			expectCode(x, "a batch of a byte too many", err, nacre.CodeTooLarge)
		}
	})
	batch := build(min(limits.BatchBytes, limits.BatchEvents*limits.EventBytes))
	events := expectBatch(x, x.commit(nil, batch...), batch)
	expectEvents(x, "the log", x.all(), events)
}

func limitsMostEvents(x *trial) {
	most := x.h.Limits.BatchEvents
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "s-1", nacre.Any, facts("t", most+1)...)
		expectCode(x, "a batch of an event too many", err, nacre.CodeTooLarge)
	})
	for i := range 3 {
		a := x.append("s-1", nacre.Exactly(int64(i*most-1)), facts("t", most)...)
		if a.Version != int64((i+1)*most-1) {
			x.Fatalf("the version is %d, want %d", a.Version, (i+1)*most-1)
		}
	}
	x.expectVersion("s-1", int64(3*most-1))
	if n := len(x.all()); n != 3*most {
		x.Fatalf("the log has %d events, want %d", n, 3*most)
	}
}
