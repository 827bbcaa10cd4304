package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

var mergeCases = []testCase{
	{"Genesis", mergeGenesis},
	{"Parents", mergeParents},
	{"ManyParents", mergeManyParents},
	{"MissingParents", mergeMissingParents},
	{"KindOfACategory", mergeKinds},
	{"WhatFailedDecidesNoKind", mergeFailedFirsts},
	{"FirstAppendsAtTheSameTime", mergeConcurrentKinds},
	{"FirstAppendsOfALog", mergeFirstOfALog},
	{"Transactions", mergeTransactions},
	{"Duplicates", mergeDuplicates},
	{"DuplicatesAtTheSameTime", mergeConcurrentDuplicates},
	{"Imports", mergeImports},
	{"VersionsAndConditions", mergeConditions},
	{"ManyWriters", mergeManyWriters},
	{"Lines", mergeLines},
	{"ReservedNames", mergeReserved},
	{"Reopen", mergeReopen},
	{"Refused", mergeRefused},
}

// mergeID is the n-th of consecutive ids.
func mergeID(n int) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	id := []byte("01JD3Y8Q0V3M8S2Z6T5N900000")
	for i := len(id) - 1; n > 0; i-- {
		id[i] = letters[n%32]
		n /= 32
	}
	return string(id)
}

// change is an event of a merge stream, with the n-th id; its parents are told by theirs.
func change(n int, parents ...int) nacre.Event {
	e := fact("thing.changed", n).WithID(mergeID(n))
	e.Parents = make([]string, len(parents))
	for i, p := range parents {
		e.Parents[i] = mergeID(p)
	}
	return e
}

// in makes the event one of a transaction, as an import has it.
func in(e nacre.Event, first, size int) nacre.Event {
	e.TransactionID, e.TransactionSize = mergeID(first), size
	return e
}

// checkMerge checks what holds of every log: a parent stands before its children, in their stream, and the events
// of a category are of one kind.
func checkMerge(t tb, events []nacre.Event) {
	t.Helper()
	type id struct {
		stream nacre.StreamID
		id     string
	}
	seen := map[id]bool{}
	kinds := map[string]bool{}
	for i := range events {
		e := &events[i]
		for _, parent := range e.Parents {
			if !seen[id{e.StreamID, parent}] {
				t.Fatalf("the parent %s does not stand before %s", parent, describe(e))
			}
		}
		merge := e.Parents != nil
		if kind, known := kinds[e.StreamID.Category()]; known && kind != merge {
			t.Fatalf("the category of %s has events of both kinds", describe(e))
		}
		kinds[e.StreamID.Category()] = merge
		seen[id{e.StreamID, e.ID}] = true
	}
}

// expectKind checks that an append was refused for its category's kind.
func expectKind(t tb, what string, err error, stream nacre.StreamID, merge bool) {
	t.Helper()
	e := expectError[*nacre.StreamKindError](t, what, err, nacre.CodeWrongStreamKind)
	if e.Stream != stream || e.Merge != merge {
		t.Fatalf("%s: the error tells %+v, want stream %q, merge %t", what, e, stream, merge)
	}
}

// expectMissing checks that an append was refused for absent parents.
func expectMissing(t tb, what string, err error, stream nacre.StreamID, event int, missing ...int) {
	t.Helper()
	e := expectError[*nacre.ParentError](t, what, err, nacre.CodeParentMissing)
	want := make([]string, len(missing))
	for i, n := range missing {
		want[i] = mergeID(n)
	}
	if e.Stream != stream || e.ID != mergeID(event) || !slices.Equal(e.Missing, want) {
		t.Fatalf("%s: the error tells %+v, want stream %q, event %s, missing %s", what, e, stream, mergeID(event), want)
	}
}

func mergeGenesis(x *trial) {
	first := x.append("thing-1", nacre.NoStream, change(1).WithTags("a").WithMetadata(map[string]int{"m": 1}))
	if e := &first.Events[0]; first.Version != 0 || e.Parents == nil || len(e.Parents) != 0 || e.ID != mergeID(1) || e.TransactionID != "" || e.TransactionSize != 0 {
		x.Fatalf("a genesis came to version %d, %s", first.Version, describe(e))
	}
	second := x.append("thing-1", nacre.Exactly(0), change(2)) // several merge like any branches
	third := x.append("thing-2", nacre.Any, change(1))         // an id is its stream's own
	fourth := x.append("lone", nacre.Any, change(1))
	expectEvents(x, "the log", x.all(), slices.Concat(first.Events, second.Events, third.Events, fourth.Events))
	expectEvents(x, "the stream", x.read(stream("thing-1"), nil), slices.Concat(first.Events, second.Events))
	if e, found := find(x, x, "thing-1", mergeID(2)); !found || e.Parents == nil {
		x.Fatalf("the genesis is found %t, %s", found, describe(&e))
	}
}

func mergeParents(x *trial) {
	x.append("thing-1", nacre.Any, change(1))
	x.append("thing-1", nacre.Any, change(9, 1)) // what is made elsewhere comes late, in any order of ids
	x.append("thing-1", nacre.Any, change(4, 1))
	x.append("thing-1", nacre.Exactly(2), change(10, 9, 4)) // as written, not sorted
	out := x.commit(nil,
		to("thing-1", nacre.Any, change(20, 10), change(22, 20, 1)),
		to("thing-2", nacre.Any, change(21), change(23, 21)))
	if got := out[0].Events[1]; !slices.Equal(got.Parents, []string{mergeID(20), mergeID(1)}) {
		x.Fatalf("a parent in the same append: %s", describe(&got))
	}
	log := x.all()
	if got := log[3]; !slices.Equal(got.Parents, []string{mergeID(9), mergeID(4)}) {
		x.Fatalf("the parents are not as written: %s", describe(&got))
	}
	checkMerge(x, log)
}

// mergeManyParents: of 1,024 each is looked up.
func mergeManyParents(x *trial) {
	var parents []int
	for n := 1; n <= 1024; {
		var events []nacre.Event
		for ; n <= 1024 && len(events) < min(500, x.h.Limits.BatchEvents); n++ {
			events = append(events, change(n))
			parents = append(parents, n)
		}
		x.append("thing-1", nacre.Any, events...)
	}
	x.append("thing-1", nacre.Any, change(2000, parents...))
	x.nothingWritten(func() {
		parents[700] = 1500
		_, err := x.s.Append(x.ctx, "thing-1", nacre.Any, change(2001, parents...))
		expectMissing(x, "one of many is absent", err, "thing-1", 2001, 1500)
	})
}

func mergeMissingParents(x *trial) {
	x.append("thing-1", nacre.Any, change(1), change(2, 1))
	x.append("thing-2", nacre.Any, change(3))
	x.append("order-1", nacre.Any, fact("t", 1).WithID(mergeID(1)))
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "thing-1", nacre.Any, change(9, 8))
		expectMissing(x, "an absent parent", err, "thing-1", 9, 8)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Any, change(9, 7, 2, 8, 1))
		expectMissing(x, "two of four", err, "thing-1", 9, 7, 8)
		_, err = x.s.Append(x.ctx, "thing-2", nacre.Any, change(9, 3, 2))
		expectMissing(x, "a parent in another stream", err, "thing-2", 9, 2)
		_, err = x.s.Append(x.ctx, "thing-3", nacre.Any, change(9, 1))
		expectMissing(x, "a stream that does not exist", err, "thing-3", 9, 1)
		_, err = x.s.Append(x.ctx, "order-1", nacre.Any, change(9, 1))
		expectKind(x, "an ordered stream's event as parent", err, "order-1", false)
		_, err = x.s.Append(x.ctx, "new-1", nacre.Any, change(9, 1))
		expectMissing(x, "a category that does not exist", err, "new-1", 9, 1)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Any, change(10, 2), change(11, 8), change(12, 11))
		expectMissing(x, "the second of three", err, "thing-1", 11, 8)
		_, err = x.s.Commit(x.ctx, nil, to("thing-1", nacre.Any, change(10, 2)), to("thing-2", nacre.Any, change(11, 10)))
		expectMissing(x, "a parent in the other append", err, "thing-2", 11, 10)
		_, err = x.s.Import(x.ctx, to("thing-1", nacre.Any, change(12, 10), change(10, 2)))
		expectMissing(x, "a parent behind its child", err, "thing-1", 12, 10)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Exactly(99), change(9, 8))
		expectMissing(x, "also at a stale version", err, "thing-1", 9, 8)
		_, err = x.s.Commit(x.ctx, &nacre.Condition{}, to("thing-1", nacre.Any, change(9, 8)))
		expectMissing(x, "also where a condition fails", err, "thing-1", 9, 8)
	})
	x.append("thing-1", nacre.Any, change(8, 2))
	x.append("thing-1", nacre.Any, change(9, 8))
	x.append("new-1", nacre.Any, fact("t", 1)) // what was refused has decided nothing
}

func mergeKinds(x *trial) {
	x.append("order-1", nacre.Any, fact("t", 1))
	x.append("order-before", nacre.Any, fact("t", 1))
	x.append("thing-1", nacre.Any, change(1))
	x.append("lone", nacre.Any, change(1))
	x.append("plain", nacre.Any, fact("t", 1))
	x.append("orders-1", nacre.Any, change(1)) // another category than order
	x.append("th-1", nacre.Any, fact("t", 1))
	x.append("größe-1", nacre.Any, change(1))
	x.append("thing-2", nacre.Any, change(1))
	for range 2 { // what was refused changes nothing
		x.nothingWritten(func() {
			for _, id := range []nacre.StreamID{"thing-1", "thing-2", "thing-new", "thing", "lone", "lone-1", "orders-2", "größe-2"} {
				_, err := x.s.Append(x.ctx, id, nacre.Any, fact("t", 1))
				expectKind(x, "an event without parents", err, id, true)
				_, err = x.s.Append(x.ctx, id, nacre.Exactly(77), fact("t", 1).WithID("given"))
				expectKind(x, "an event without parents, at a stale version", err, id, true)
			}
			for _, id := range []nacre.StreamID{"order-1", "order-2", "order", "plain", "plain-1", "th-2"} {
				_, err := x.s.Append(x.ctx, id, nacre.Any, change(2))
				expectKind(x, "an event with parents", err, id, false)
			}
			_, err := x.s.Commit(x.ctx, nil, to("fresh-1", nacre.Any, fact("t", 1)), to("thing-1", nacre.Any, fact("t", 1)))
			expectKind(x, "the second of a batch", err, "thing-1", true)
			_, err = x.s.Commit(x.ctx, nil, to("fresh-1", nacre.Any, change(5)), to("order-1", nacre.Any, change(6)))
			expectKind(x, "the second of a batch with parents", err, "order-1", false)
		})
	}
	x.append("thing-new", nacre.Any, change(2))
	x.append("order-2", nacre.Any, fact("t", 1))
	x.append("fresh-1", nacre.Any, fact("t", 1))
}

// mergeFailedFirsts: an append that is refused decides no kind.
func mergeFailedFirsts(x *trial) {
	all := &nacre.Condition{}
	x.append("some-1", nacre.Any, change(1)) // the log has merge streams, and something that matches
	for _, merge := range []bool{true, false} {
		event := func(n int, merge bool) nacre.Event {
			if merge {
				return change(n)
			}
			return fact("t", n)
		}
		a, b := nacre.StreamID(fmt.Sprintf("a%t-1", merge)), nacre.StreamID(fmt.Sprintf("b%t-1", merge))
		x.nothingWritten(func() {
			_, err := x.s.Append(x.ctx, a, nacre.StreamExists, event(1, merge))
			expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
			_, err = x.s.Commit(x.ctx, all, to(b, nacre.Any, event(1, merge)))
			expectCode(x, "a condition that fails", err, nacre.CodeConditionFailed)
		})
		x.append(a, nacre.NoStream, event(2, !merge))
		x.append(b, nacre.NoStream, event(2, !merge))
	}
}

// mergeConcurrentKinds: of first appends of both kinds at the same time one kind wins, whole.
func mergeConcurrentKinds(x *trial) {
	const writers, rounds = 8, 12
	for round := range rounds {
		errs := make([]error, writers)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range 3 {
					id := nacre.StreamID(fmt.Sprintf("c%d-%d", round, w))
					batch := []nacre.Append{to(id, nacre.Any, fact("t", i))}
					if w%2 == 0 {
						batch[0].Events[0] = change(100*i + w)
					}
					if w%4 > 1 { // together with a category that is decided, or is the writer's own
						other := nacre.StreamID(fmt.Sprintf("own%d.%d-1", round, w))
						batch = append(batch, to(other, nacre.Any, fact("t", i)))
						if w%2 == 0 {
							batch[1].Events[0] = change(100*i + w + 1)
						}
					}
					if _, err := x.s.Commit(x.ctx, nil, batch...); err != nil {
						errs[w] = err
					} else if errs[w] != nil {
						x.Errorf("round %d: writer %d was refused, and then taken: %v", round, w, errs[w])
					}
				}
			})
		}
		all.Wait()
		category := fmt.Sprintf("c%d", round)
		log := x.read(nacre.Filter{{Categories: []string{category}}}, nil)
		if len(log) != 3*writers/2 {
			x.Fatalf("round %d: %d events were taken, want those of the %d writers of one kind", round, len(log), writers/2)
		}
		merge := log[0].Parents != nil
		for w, err := range errs {
			if is := w%2 == 0; is == merge {
				if err != nil {
					x.Fatalf("round %d: writer %d is of the kind that won: %v", round, w, err)
				}
				continue
			}
			expectKind(x, fmt.Sprintf("round %d, writer %d", round, w), err, nacre.StreamID(fmt.Sprintf("%s-%d", category, w)), merge)
		}
	}
	checkMerge(x, x.all())
}

// mergeFirstOfALog: as before, where the log has had no merge stream.
func mergeFirstOfALog(x *trial) {
	rounds := 25
	if testing.Short() {
		rounds = 5 // each makes a store
	}
	for round := range rounds {
		y := &trial{T: x.T, h: x.h, s: x.h.Open(x.T), ctx: x.ctx}
		var taken [2]atomic.Bool
		start := make(chan struct{})
		var all sync.WaitGroup
		for w := range 6 {
			all.Go(func() {
				e := fact("t", w)
				if w%2 == 0 {
					e = change(1 + w)
				}
				<-start
				switch _, err := y.s.Append(y.ctx, nacre.StreamID(fmt.Sprintf("c-%d", w)), nacre.Any, e); nacre.CodeOf(err) {
				case "":
					taken[w%2].Store(true)
				case nacre.CodeWrongStreamKind:
				default:
					y.Errorf("writer %d: %v", w, err)
				}
			})
		}
		close(start)
		all.Wait()
		if taken[0].Load() == taken[1].Load() {
			y.Errorf("round %d: events with parents were taken %t, without %t", round, taken[0].Load(), taken[1].Load())
		}
		log := y.all()
		if err := y.s.Close(); err != nil {
			y.Errorf("Close: %v", err)
		}
		if len(log) != 3 {
			y.Fatalf("round %d: %d events were taken, want those of the 3 writers of one kind", round, len(log))
		}
	}
}

func mergeTransactions(x *trial) {
	for _, c := range []struct {
		batch []nacre.Append
		size  int
		first int
	}{
		{[]nacre.Append{to("thing-1", nacre.Any, change(1))}, 0, 0},
		{[]nacre.Append{to("thing-1", nacre.Any, change(2, 1), change(3, 2))}, 2, 2},
		{[]nacre.Append{to("thing-2", nacre.NoStream, change(11), change(13, 11)), to("thing-1", nacre.Exactly(2), change(10, 3), change(12, 10))}, 4, 10},
		// As another store has them.
		{[]nacre.Append{to("thing-3", nacre.Any, in(change(31), 30, 2)), to("thing-4", nacre.Any, in(change(30), 30, 2))}, 2, 30},
	} {
		log := len(x.all())
		out := x.commit(nil, c.batch...)
		var events []nacre.Event
		for i := range out {
			events = append(events, out[i].Events...)
		}
		for _, e := range events {
			if e.TransactionSize != c.size || c.size > 0 && e.TransactionID != mergeID(c.first) || c.size == 0 && e.TransactionID != "" {
				x.Fatalf("%s: want a transaction of %d from %s on", describe(&e), c.size, mergeID(c.first))
			}
		}
		expectEvents(x, "the log's end", x.all()[log:], events)
	}
	x.nothingWritten(func() {
		for what, batch := range map[string][]nacre.Append{
			"ids with a gap":         {to("thing-1", nacre.Any, change(50), change(52))},
			"ids that descend":       {to("thing-1", nacre.Any, change(51), change(50))},
			"an id in two streams":   {to("thing-1", nacre.Any, change(50)), to("thing-2", nacre.Any, change(50))},
			"another transaction id": {to("thing-1", nacre.Any, in(change(50), 51, 2), change(51))},
			"another size":           {to("thing-1", nacre.Any, in(change(50), 50, 3), change(51))},
			"a transaction of one":   {to("thing-1", nacre.Any, in(change(50), 50, 1))},
			"one without an id":      {to("thing-1", nacre.Any, change(50), change(51).WithID(""))},
			"an ordered one beside":  {to("thing-1", nacre.Any, change(50)), to("order-1", nacre.Any, fact("t", 1))},
		} {
			_, err := x.s.Commit(x.ctx, nil, batch...)
			expectCode(x, what, err, nacre.CodeInvalid)
		}
	})
}

func mergeDuplicates(x *trial) {
	x.append("thing-1", nacre.Any, change(1), change(2))
	one := to("thing-1", nacre.Exactly(1), change(5, 1, 2))
	first := x.commit(nil, one)
	x.append("thing-1", nacre.Any, change(9, 5))
	x.again(first, nil, one)
	x.again(first, &nacre.Condition{}, one) // before conditions and versions
	same := one
	same.Events = []nacre.Event{change(5, 1, 2).WithTags("other").WithMetadata(map[string]int{"m": 2})}
	x.again(first, nil, same)
	for what, e := range map[string]nacre.Event{
		"parents in another order": change(5, 2, 1),
		"fewer parents":            change(5, 1),
		"no parents":               change(5),
		"parents that are absent":  change(5, 1, 2, 4),
		"other data":               func() nacre.Event { e := change(5, 1, 2); e.Data = []byte(`0`); return e }(),
		"no parents, as ordered":   fact("thing.changed", 5).WithID(mergeID(5)),
	} {
		x.conflicts(what, to("thing-1", nacre.Any, e))
	}
	ordered := fact("t", 1).WithID(mergeID(1))
	x.append("order-1", nacre.Any, ordered)
	ordered.Parents = []string{}
	x.conflicts("an ordered event with parents", to("order-1", nacre.Any, ordered))

	batch := []nacre.Append{to("thing-1", nacre.Any, change(20, 9), change(22, 20)), to("thing-2", nacre.Any, change(21))}
	out := x.commit(nil, batch...)
	x.again(out, nil, batch...)
	x.again([]nacre.Appended{out[1], out[0]}, nil, batch[1], batch[0])
	x.conflicts("a part held", to("thing-1", nacre.Any, change(22, 20), change(23, 22)))
	// Alone it is not the transaction that it was; it is held all the same.
	x.again(out[1:], nil, batch[1])
}

// mergeConcurrentDuplicates: one of many writers of the same transaction writes, all are given its outcome.
func mergeConcurrentDuplicates(x *trial) {
	x.append("thing-1", nacre.Any, change(1))
	for round := range 5 {
		n := 10 * (round + 1)
		other := nacre.StreamID(fmt.Sprintf("thing%d-1", round)) // a new category
		batch := []nacre.Append{to("thing-1", nacre.Any, change(n, 1), change(n+1, n)), to(other, nacre.NoStream, change(n+2))}
		outs := make([][]nacre.Appended, 6)
		var all sync.WaitGroup
		for i := range outs {
			all.Go(func() {
				out, err := x.s.Commit(x.ctx, nil, batch...)
				if err != nil {
					x.Errorf("writer %d: %v", i, err)
				}
				outs[i] = out
			})
		}
		all.Wait()
		if x.Failed() {
			return
		}
		wrote := 0
		for i, out := range outs {
			if !out[0].Duplicate {
				wrote++
			}
			for j := range out {
				expectEvents(x, fmt.Sprintf("writer %d", i), out[j].Events, outs[0][j].Events)
			}
		}
		if wrote != 1 {
			x.Fatalf("%d writers were told that they wrote, want one", wrote)
		}
	}
	if n := len(x.all()); n != 16 {
		x.Fatalf("the log has %d events, want 16", n)
	}
}

func mergeImports(x *trial) {
	old := change(7)
	old.CreatedAt = time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	batch := []nacre.Append{
		to("thing-1", nacre.Any, old, in(change(2), 1, 2), change(30, 7), in(change(10, 2), 10, 3), in(change(12, 10), 10, 3)),
		to("thing-2", nacre.NoStream, in(change(1), 1, 2), in(change(11, 1), 10, 3), change(7)),
	}
	out, err := x.s.Import(x.ctx, batch...)
	if err != nil {
		x.Fatalf("Import: %v", err)
	}
	log := x.all()
	expectEvents(x, "the log", log, slices.Concat(out[0].Events, out[1].Events))
	i := 0
	for _, a := range batch {
		for _, want := range a.Events {
			got := log[i]
			if got.TransactionID != want.TransactionID || got.TransactionSize != want.TransactionSize || !slices.Equal(got.Parents, want.Parents) {
				x.Fatalf("%s: imported as %s", describe(&got), describe(&want))
			}
			i++
		}
	}
	if !log[0].CreatedAt.Equal(old.CreatedAt) {
		x.Fatalf("the imported time became %v", log[0].CreatedAt)
	}
	x.nothingWritten(func() {
		again, err := x.s.Import(x.ctx, batch...)
		if err != nil || !again[0].Duplicate || !again[1].Duplicate {
			x.Fatalf("the same import again: %+v, %v", again, err)
		}
		for what, batch := range map[string][]nacre.Append{
			"a part of a transaction":         {to("thing-1", nacre.Any, in(change(40), 40, 2))},
			"a part, beside a whole one":      {to("thing-1", nacre.Any, in(change(40), 40, 2), in(change(41), 40, 2), in(change(51), 50, 2))},
			"an id outside of it":             {to("thing-1", nacre.Any, in(change(40), 40, 2), in(change(42), 40, 2))},
			"an id of it twice":               {to("thing-1", nacre.Any, in(change(40), 40, 2)), to("thing-2", nacre.Any, in(change(40), 40, 2))},
			"two sizes":                       {to("thing-1", nacre.Any, in(change(40), 40, 2), in(change(41), 40, 3))},
			"a transaction without a size":    {to("thing-1", nacre.Any, in(change(40), 40, 0))},
			"an ordered event beside a merge": {to("thing-1", nacre.Any, change(40)), to("order-1", nacre.Any, fact("t", 1))},
		} {
			_, err := x.s.Import(x.ctx, batch...)
			expectCode(x, what, err, nacre.CodeInvalid)
		}
		_, err = x.s.Import(x.ctx, to("thing-1", nacre.Any, in(change(40, 7), 40, 2), in(change(41, 39), 40, 2)))
		expectMissing(x, "an absent parent", err, "thing-1", 41, 39)
		_, err = x.s.Import(x.ctx, to("thing-9", nacre.Any, fact("t", 1)))
		expectKind(x, "an ordered event", err, "thing-9", true)
	})
}

func mergeConditions(x *trial) {
	x.append("thing-1", nacre.NoStream, change(1).WithTags("a"))
	x.append("thing-1", nacre.Exactly(0), change(3, 1))
	x.append("thing-1", nacre.Exactly(1), change(2, 1).WithTags("b")) // the version is that of admission here
	x.expectVersion("thing-1", 2)
	x.nothingWritten(func() {
		_, err := x.s.Append(x.ctx, "thing-1", nacre.Exactly(1), change(9, 3))
		conflict := expectError[*nacre.ConflictError](x, "a stale version", err, nacre.CodeVersionConflict)
		if conflict.Current != 2 {
			x.Fatalf("the conflict tells %+v", conflict)
		}
		for _, c := range []struct {
			filter nacre.Filter
			after  nacre.Position
			want   []nacre.Position
		}{
			{stream("thing-1"), 0, []nacre.Position{1, 2, 3}},
			{nacre.Filter{{Categories: []string{"thing"}}}, 1, []nacre.Position{2, 3}},
			{nacre.Filter{{Tags: []string{"b"}}}, 1, []nacre.Position{3}},
			{nacre.Filter{{Types: []string{"thing.*"}}}, 2, []nacre.Position{3}},
		} {
			condition := &nacre.Condition{FailIfEventsMatch: c.filter, After: c.after}
			_, err := x.s.Commit(x.ctx, condition, to("thing-2", nacre.Any, change(9)))
			x.expectCondition(err, condition, c.want)
		}
	})
	passes := &nacre.Condition{FailIfEventsMatch: stream("thing-1"), After: 3}
	x.commit(passes, to("thing-1", nacre.Exactly(2), change(9, 3)), to("thing-2", nacre.NoStream, change(8)))
	_, err := x.s.Commit(x.ctx, passes, to("thing-1", nacre.Any, change(10, 9)))
	x.expectCondition(err, passes, []nacre.Position{4})
}

// mergeManyWriters: writers who see each other's events, on the same streams. A parent that was acknowledged is never
// missed, whoever appended it.
func mergeManyWriters(x *trial) {
	const writers, each = 6, 25
	var mu sync.Mutex
	acked := map[nacre.StreamID][]string{}
	next := 1
	make1 := func(rng *rand.Rand, n int) nacre.Append {
		a := to(nacre.StreamID(fmt.Sprintf("shared%d-%d", rng.IntN(2), rng.IntN(3))), nacre.Any)
		e := change(n)
		known := acked[a.Stream]
		for range min(len(known), rng.IntN(4)) {
			if p := known[len(known)-1-rng.IntN(min(len(known), 5))]; p < e.ID && !slices.Contains(e.Parents, p) {
				e.Parents = append(e.Parents, p)
			}
		}
		a.Events = []nacre.Event{e}
		return a
	}
	var all sync.WaitGroup
	for w := range writers {
		rng := rand.New(rand.NewPCG(uint64(w), 7))
		all.Go(func() {
			for range each {
				mu.Lock()
				batch := []nacre.Append{make1(rng, next)}
				if b := make1(rng, next+1); b.Stream != batch[0].Stream {
					batch = append(batch, b)
				}
				next += 2
				mu.Unlock()
				if _, err := x.s.Commit(x.ctx, nil, batch...); err != nil {
					x.Errorf("writer %d: %v", w, err)
					return
				}
				mu.Lock()
				for _, a := range batch {
					acked[a.Stream] = append(acked[a.Stream], a.Events[0].ID)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if x.Failed() {
		return
	}
	total := 0
	for _, ids := range acked {
		total += len(ids)
	}
	log := x.all()
	checkMerge(x, log)
	if len(log) != total {
		x.Fatalf("the log has %d events, %d were acknowledged", len(log), total)
	}
}

func mergeLines(x *trial) {
	if !x.h.Features.Lines {
		x.Skip("the driver does not declare lines")
	}
	x.append("thing-1", nacre.Any, change(1).WithTags("a", "b").WithMetadata(map[string]int{"m": 1}))
	x.commit(nil, to("thing-1", nacre.Any, change(2, 1), change(4, 2, 1)), to("größe-1", nacre.Any, change(3).WithTags("a")))
	e := change(9, 4)
	e.Data = []byte(`["],\"parents\":[\"x\"]",[]]`)
	x.append("thing-1", nacre.Any, e)
	log := x.all()
	lines := readLines(x, x, nil, nil)
	for i, l := range lines {
		expectLine(x, l, &log[i])
	}
	for i, want := range []string{
		`{"streamId":"thing-1","eventId":"` + mergeID(1) + `","type":"thing.changed","data":{"n":1},"metadata":{"m":1},"tags":["a","b"],"parents":[],"globalPosition":1,`,
		`{"streamId":"thing-1","eventId":"` + mergeID(2) + `","type":"thing.changed","data":{"n":2},"parents":["` + mergeID(1) + `"],"transactionId":"` + mergeID(2) + `","transactionSize":3,"globalPosition":2,`,
		`{"streamId":"thing-1","eventId":"` + mergeID(4) + `","type":"thing.changed","data":{"n":4},"parents":["` + mergeID(2) + `","` + mergeID(1) + `"],"transactionId":"` + mergeID(2) + `","transactionSize":3,"globalPosition":3,`,
		`{"streamId":"größe-1","eventId":"` + mergeID(3) + `","type":"thing.changed","data":{"n":3},"tags":["a"],"parents":[],"transactionId":"` + mergeID(2) + `","transactionSize":3,"globalPosition":4,`,
	} {
		if !bytes.HasPrefix(lines[i].Bytes, []byte(want)) {
			x.Fatalf("line %d is\n%s\nwant it to begin with\n%s", i+1, lines[i].Bytes, want)
		}
	}
}

func mergeReserved(x *trial) {
	void := change(2, 1)
	void.Type = "$void"
	schema := fact("$schema", 1)
	policy := fact("$policy", 1)
	x.append("thing-1", nacre.Any, change(1))
	taken := map[string][]nacre.Append{
		"a void":             {to("thing-1", nacre.Any, void)},
		"a schema":           {to("$schema-things", nacre.NoStream, schema, schema)},
		"a policy":           {to("$policy-things", nacre.NoStream, policy)},
		"both beside others": {to("$schema-a-b", nacre.Any, schema), to("order-1", nacre.Any, fact("t", 1)), to("$policy-a", nacre.Any, policy)},
	}
	for what, batch := range taken {
		if x.h.Features.Reserved {
			x.commit(nil, batch...)
			continue
		}
		x.nothingWritten(func() {
			_, err := x.s.Commit(x.ctx, nil, batch...)
			expectCode(x, what, err, nacre.CodeInvalid)
		})
	}
	if x.h.Features.Reserved {
		if got := x.read(nacre.Filter{{Categories: []string{"$schema"}}}, nil); len(got) != 3 {
			x.Fatalf("%d events of schemas, want 3", len(got))
		}
		x.expectVersion("$schema-things", 1)
		if got := x.read(nacre.Filter{{Types: []string{"$void"}}}, nil); len(got) != 1 {
			x.Fatalf("%d voids, want 1", len(got))
		}
	}
	e := func(eventType string) nacre.Event { return fact(eventType, 1) }
	merge := func(eventType string) nacre.Event { e := change(50); e.Type = eventType; return e }
	x.nothingWritten(func() {
		for what, a := range map[string]nacre.Append{
			"a schema with parents":       to("$schema-things", nacre.Any, merge("$schema")),
			"another type in a schema":    to("$schema-things", nacre.Any, e("t")),
			"a schema among policies":     to("$policy-things", nacre.Any, e("$schema")),
			"a schema elsewhere":          to("order-1", nacre.Any, e("$schema")),
			"a schema in a merge stream":  to("thing-1", nacre.Any, merge("$schema")),
			"a void in an ordered stream": to("order-1", nacre.Any, e("$void")),
			"another reserved type":       to("order-1", nacre.Any, e("$other")),
			"a schema of nothing":         to("$schema-", nacre.Any, e("$schema")),
			"the category alone":          to("$schema", nacre.Any, e("$schema")),
			"another reserved category":   to("$other-1", nacre.Any, e("t")),
			"a longer category":           to("$schemas-1", nacre.Any, e("$schema")),
			"a reserved tag":              to("order-1", nacre.Any, e("t").WithTags("$t")),
		} {
			_, err := x.s.Append(x.ctx, a.Stream, a.Expected, a.Events...)
			expectCode(x, what, err, nacre.CodeInvalid)
		}
	})
}

// mergeReopen: kinds and parents are what they were, also where the log had no merge stream before.
func mergeReopen(x *trial) {
	if !x.h.Features.Durable {
		x.Skip("the driver does not declare durability")
	}
	x.append("order-1", nacre.Any, fact("t", 1))
	x.reopen()
	_, err := x.s.Append(x.ctx, "order-2", nacre.Any, change(1))
	expectKind(x, "an event with parents", err, "order-2", false)
	x.append("thing-1", nacre.Any, change(1), change(2, 1))
	_, err = x.s.Append(x.ctx, "failed-1", nacre.StreamExists, change(1))
	expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
	want := x.all()
	for i := range 3 {
		x.reopen()
		expectEvents(x, "the log", x.all(), want)
		_, err := x.s.Append(x.ctx, "thing-2", nacre.Any, fact("t", 1))
		expectKind(x, "an event without parents", err, "thing-2", true)
		_, err = x.s.Append(x.ctx, "order-2", nacre.Any, change(1))
		expectKind(x, "an event with parents", err, "order-2", false)
		_, err = x.s.Append(x.ctx, "thing-1", nacre.Any, change(99, 98))
		expectMissing(x, "an absent parent", err, "thing-1", 99, 98)
		x.conflicts("other parents", to("thing-1", nacre.Any, change(2)))
		x.append("failed-1", nacre.Any, fact("t", 1))
		x.append("thing-1", nacre.Any, change(10*(i+1), 1, 2), change(10*(i+1)+1, 10*(i+1)))
		want = x.all()
	}
}

func mergeRefused(x *trial) {
	x.append("thing-1", nacre.Any, change(1))
	binary := change(5, 1)
	binary.Data, binary.Binary = nil, []byte("x")
	lower := change(5, 1)
	lower.ID = strings.ToLower(lower.ID)
	short := change(5)
	short.Parents = []string{"a"}
	size := fact("t", 1)
	size.TransactionSize = 2
	x.nothingWritten(func() {
		for what, e := range map[string]nacre.Event{
			"no id":                         change(5, 1).WithID(""),
			"an id that is no ULID":         change(5, 1).WithID("a"),
			"an id in lower case":           lower,
			"a parent twice":                change(5, 1, 1),
			"a parent that is not less":     change(5, 1, 5),
			"a parent that is no ULID":      short,
			"a binary payload":              binary,
			"a size in an ordered stream":   size,
			"a parent that comes afterward": change(5, 6),
		} {
			_, err := x.s.Append(x.ctx, "thing-1", nacre.Any, e)
			if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Code != nacre.CodeInvalid || e.Field == "" {
				x.Fatalf("%s: %v, want an INVALID_ARGUMENT that names the field", what, err)
			}
		}
	})
}
