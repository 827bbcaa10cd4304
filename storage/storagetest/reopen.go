package storagetest

import (
	"bytes"
	"fmt"

	"github.com/nacredb/nacre"
)

func needsReopen(h *Harness) bool { return h.Features.Durable }

var reopenCases = []testCase{
	{"TheLogIsThere", reopenLog},
	{"Empty", reopenEmpty},
	{"GoesOn", reopenGoesOn},
	{"Idempotency", reopenIdempotency},
	{"Conditions", reopenConditions},
	{"Find", reopenFind},
	{"Companion", reopenCompanion},
	{"Blobs", reopenBlobs},
	{"Cursor", reopenCursor},
}

func (x *trial) head() nacre.Head {
	x.Helper()
	head, err := x.s.Head(x.ctx)
	if err != nil {
		x.Fatalf("Head: %v", err)
	}
	return head
}

func reopenLog(x *trial) {
	for i, data := range keptData {
		x.append(nacre.StreamID(fmt.Sprintf("data-%d", i%5)), nacre.Any, nacre.Event{Type: "t", Data: []byte(data)})
	}
	fillFiltered(x)
	x.append("picture-1", nacre.Any, nacre.Event{Type: "picture.taken", Binary: []byte{0, 255}}, nacre.Event{Type: "t", Binary: []byte{}})
	want, head := x.all(), x.head()
	for range 2 {
		x.reopen()
		if got := x.head(); got != head {
			x.Fatalf("the head is %+v, was %+v before the store was opened again", got, head)
		}
		expectEvents(x, "the log", x.all(), want)
		for _, c := range filterTable[3:] { // those that do not select everything
			f := append(nacre.Filter{}, c.filter...)
			expectEvents(x, c.name, x.read(f, nil), selected(want, f, &nacre.ReadOptions{}))
		}
		for i := range 5 {
			id := nacre.StreamID(fmt.Sprintf("data-%d", i))
			x.expectVersion(id, int64(len(selected(want, stream(id), &nacre.ReadOptions{}))-1))
		}
	}
}

func reopenEmpty(x *trial) {
	head := x.head()
	x.reopen()
	if got := x.head(); got != head {
		x.Fatalf("the head of an empty store is %+v, was %+v", got, head)
	}
	expectEvents(x, "an empty log", x.all(), nil)
	x.append("s-1", nacre.NoStream, fact("t", 1))
}

func reopenGoesOn(x *trial) {
	var want []nacre.Event
	for i := range 6 {
		if i > 0 {
			x.reopen()
		}
		want = append(want, x.append("s-1", nacre.Exactly(int64(2*i-1)), facts("t", 2)...).Events...)
		want = append(want, x.append(nacre.StreamID(fmt.Sprintf("s-new-%d", i)), nacre.NoStream, fact("t", i)).Events...)
		expectEvents(x, "the log", x.all(), want)
		for k := range want[1:] {
			if want[k+1].CreatedAt.Before(want[k].CreatedAt) {
				x.Fatalf("%s is older than the event before it", describe(&want[k+1]))
			}
		}
	}
	x.reopen()
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "s-1", nacre.Exactly(10), fact("t", 1))
		conflict := expectError[*nacre.ConflictError](x, "a stale append", err, nacre.CodeVersionConflict)
		if conflict.Current != 11 {
			x.Fatalf("the conflict tells version %d, want 11", conflict.Current)
		}
	})
}

func reopenIdempotency(x *trial) {
	one := to("s-1", nacre.NoStream, named("t", "a", 1).WithMetadata(map[string]int{"m": 1}), named("t", "b", 2))
	batch := []nacre.Append{to("s-2", nacre.NoStream, named("t", "a", 1)), to("s-1", nacre.Exactly(1), named("t", "c", 3))}
	first, second := x.commit(nil, one), x.commit(nil, batch...)
	made := x.commit(nil, to("s-3", nacre.Any, fact("t", 9)))
	for range 2 {
		x.reopen()
		x.again(first, nil, one)
		x.again(second, nil, batch...)
		x.again(made, nil, to("s-3", nacre.Any, fact("t", 9).WithID(made[0].Events[0].ID)))
		x.conflicts("other data", to("s-1", nacre.Any, named("t", "a", 2)))
		x.conflicts("one held, one new", to("s-1", nacre.Any, named("t", "c", 3), named("t", "d", 4)))
		x.conflicts("held in part, over a batch", batch[0], to("s-4", nacre.Any, named("t", "a", 1)))
		x.append("s-1", nacre.Any, fact("t", 5))
	}
}

func reopenConditions(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1, "tag:1"))
	x.append("s-1", nacre.Any, fact("t", 2, "tag:2"))
	x.reopen()
	for i, tag := range []string{"tag:1", "tag:2"} {
		at := nacre.Position(i + 1)
		c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{tag}}}, After: at - 1}
		_, err := x.s.Commit(x.ctx, c, to("s-2", nacre.Any, fact("t", 1)))
		x.expectCondition(err, c, []nacre.Position{at})
		c.After = at
		x.commit(c, to("s-2", nacre.Any, fact("t", 1)))
	}
}

func reopenFind(x *trial) {
	for i := range 80 {
		id := nacre.StreamID(fmt.Sprintf("s-%d", i%7))
		x.append(id, nacre.Any, named("t", fmt.Sprintf("id-%d", i/7), i), fact("t", -i))
	}
	for range 2 {
		x.reopen()
		x.finds(x.all()...)
		for i := range 7 {
			x.findsNot(nacre.StreamID(fmt.Sprintf("s-%d", i)), "id-12", "id")
		}
		x.findsNot("s-7", "id-0")
		x.append("s-7", nacre.Any, fact("t", 0))
	}
}

func reopenCompanion(x *trial) {
	if !x.h.Features.Companion {
		x.Skip("the driver does not declare a companion log")
	}
	x.append("s-1", nacre.Any, fact("t", 1))
	a, err := x.system().Append(x.ctx, "s-1", nacre.Any, named("u", "a", 1), named("u", "b", 2))
	if err != nil {
		x.Fatalf("Append: %v", err)
	}
	x.reopen()
	expectEvents(x, "the companion log", wholeLog(x, x.ctx, x.system()), a.Events)
	again, err := x.system().Append(x.ctx, "s-1", nacre.NoStream, named("u", "a", 1), named("u", "b", 2))
	if err != nil || !again.Duplicate {
		x.Fatalf("ids that the companion log holds: %+v, %v", again, err)
	}
	if n := len(x.all()); n != 1 {
		x.Fatalf("the log has %d events, want 1", n)
	}
}

func reopenBlobs(x *trial) {
	if !x.h.Features.Blobs {
		x.Skip("the driver does not declare blobs")
	}
	large := bytes.Repeat([]byte("large "), 50_000)
	x.put("snapshot/a", []byte("one"))
	x.put("snapshot/a", []byte("two"))
	x.put("b", large)
	x.put("c", nil)
	if err := x.blobs().DeleteBlob(x.ctx, "c"); err != nil {
		x.Fatalf("DeleteBlob: %v", err)
	}
	x.reopen()
	x.expectBlob("snapshot/a", []byte("two"))
	x.expectBlob("b", large)
	x.expectKeys("", "b", "snapshot/a")
}

// reopenCursor: a cursor goes on where it was, in the same epoch.
func reopenCursor(x *trial) {
	x.append("s-1", nacre.Any, facts("t", 3)...)
	epoch := x.head().Epoch
	x.reopen()
	w := x.follow(nil, nacre.SubscribeOptions{After: 2, Epoch: epoch}, 10)
	expectEvents(x, "behind the cursor", w.next(x, 1), x.all()[2:])
	live := x.append("s-1", nacre.Any, fact("t", 4)).Events
	expectEvents(x, "live", w.next(x, 1), live)
	expectCode(x, "a cursor of another epoch", x.follow(nil, nacre.SubscribeOptions{Epoch: epoch + "x"}, 1).ends(x), nacre.CodeLogRewound)
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectCode(x, "the subscription at Close", w.ends(x), nacre.CodeClosed)
}
