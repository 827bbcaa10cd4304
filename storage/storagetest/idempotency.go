package storagetest

import (
	"fmt"
	"sync"

	"github.com/nacredb/nacre"
)

var idempotencyCases = []testCase{
	{"FirstOutcomeAgain", idempotencyFirstOutcome},
	{"SideBySide", idempotencySideBySide},
	{"BeforeVersionsAndConditions", idempotencyBeforeChecks},
	{"SameFact", idempotencySameFact},
	{"Conflicts", idempotencyConflicts},
	{"ScopeIsTheStream", idempotencyScope},
	{"IDsThatTheStoreMade", idempotencyMadeIDs},
	{"Batches", idempotencyBatches},
	{"AtTheSameTime", idempotencyAtTheSameTime},
}

func named(eventType, id string, n int) nacre.Event { return fact(eventType, n).WithID(id) }

// again appends a batch that the store holds, and checks that the first outcome comes back.
func (x *trial) again(first []nacre.Appended, c *nacre.Condition, batch ...nacre.Append) {
	x.Helper()
	x.nothingWritten(func() {
		out := x.commit(c, batch...)
		if len(out) != len(first) {
			x.Fatalf("%d outcomes, want %d", len(out), len(first))
		}
		for i := range out {
			if !out[i].Duplicate || out[i].Version != first[i].Version {
				x.Fatalf("outcome %d is version %d, duplicate %t, want the first outcome, version %d",
					i, out[i].Version, out[i].Duplicate, first[i].Version)
			}
			expectEvents(x, "the first outcome", out[i].Events, first[i].Events)
		}
	})
}

// conflicts appends a batch that must be an EVENT_ID_CONFLICT, which names one of the ids that are held.
func (x *trial) conflicts(what string, batch ...nacre.Append) {
	x.Helper()
	log := x.all()
	x.nothingWritten(func() {
		_, err := x.s.Commit(x.ctx, nil, batch...)
		conflict := expectError[*nacre.EventIDConflictError](x, what, err, nacre.CodeEventIDConflict)
		if conflict.Reason == "" {
			x.Fatalf("%s: the conflict gives no reason: %v", what, conflict)
		}
		for _, a := range batch {
			for _, e := range a.Events {
				if a.Stream != conflict.Stream || e.ID != conflict.ID {
					continue
				}
				if p := conflict.Position; p == 0 || p > nacre.Position(len(log)) ||
					log[p-1].StreamID != conflict.Stream || log[p-1].ID != conflict.ID {
					x.Fatalf("%s: the conflict says that position %d has id %q of %q", what, p, conflict.ID, conflict.Stream)
				}
				return
			}
		}
		x.Fatalf("%s: the conflict tells id %q of stream %q, which is not in the request", what, conflict.ID, conflict.Stream)
	})
}

func idempotencyFirstOutcome(x *trial) {
	one := to("order-1", nacre.NoStream, named("order.placed", "a", 1).WithTags("t").WithMetadata(map[string]int{"m": 1}))
	three := to("order-1", nacre.Exactly(0), named("order.changed", "b", 2), named("order.changed", "c", 3), named("order.changed", "d", 4))
	first, second := x.commit(nil, one), x.commit(nil, three)
	x.again(first, nil, one)
	x.again(second, nil, three)
	x.append("order-1", nacre.Exactly(3), fact("order.shipped", 5))
	x.append("order-2", nacre.NoStream, fact("order.placed", 6))
	x.again(first, nil, one)
	x.again(second, nil, three)
	x.append("order-1", nacre.Exactly(4), fact("order.shipped", 7))
}

// idempotencySideBySide: what counts is that the events stand side by side, not which append wrote them.
func idempotencySideBySide(x *trial) {
	var events []nacre.Event
	var given []nacre.Event
	for i, id := range []string{"a", "b", "c", "d"} {
		e := named("t", id, i)
		given = append(given, e)
		if i != 1 {
			continue
		}
		events = append(events, x.append("s-1", nacre.Any, given...).Events...)
		x.append("other-1", nacre.Any, fact("t", i))
	}
	events = append(events, x.append("s-1", nacre.Any, given[2:]...).Events...)
	for from := range given {
		for until := from + 1; until <= len(given); until++ {
			x.again([]nacre.Appended{{Version: int64(until - 1), Events: events[from:until]}}, nil,
				to("s-1", nacre.Any, given[from:until]...))
		}
	}
}

func idempotencyBeforeChecks(x *trial) {
	one := to("order-1", nacre.NoStream, named("order.placed", "a", 1).WithTags("t"))
	c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"t"}}}}
	first := x.commit(c, one)
	x.append("order-1", nacre.Any, fact("order.changed", 2, "t"))
	x.again(first, c, one)
	for _, expected := range []nacre.ExpectedVersion{nacre.NoStream, nacre.Exactly(0), nacre.Exactly(77), nacre.StreamExists} {
		one.Expected = expected
		x.again(first, c, one)
	}
	x.nothingWritten(func() {
		_, err := x.s.Commit(x.ctx, c, to("order-1", nacre.NoStream, named("order.placed", "a", 2)))
		expectCode(x, "another fact under the id, stale and with a failing condition", err, nacre.CodeEventIDConflict)
		_, err = x.s.Commit(x.ctx, c, to("order-1", nacre.NoStream, named("order.placed", "z", 1)))
		expectCode(x, "a new id, stale", err, nacre.CodeVersionConflict)
	})
}

// idempotencySameFact: type and data make a fact the same; how it was written down does not.
func idempotencySameFact(x *trial) {
	given := nacre.Event{Type: "t", ID: "a", Data: []byte(`{"a":[1,2.0]}`), Metadata: []byte(`{"m":1}`), Tags: []string{"x"}}
	first := x.commit(nil, to("s-1", nacre.Any, given))
	same := given
	same.Data, same.Metadata, same.Tags = []byte("{ \"a\" : [1, 2.0]\n}"), []byte(`{"m":2}`), []string{"y", "z"}
	x.again(first, nil, to("s-1", nacre.Any, same))
	same.Metadata, same.Tags = nil, nil
	x.again(first, nil, to("s-1", nacre.Any, same))
	for _, data := range []string{`{"a":[1,2]}`, `{"a":[1,2.00]}`, `{"a":[2.0,1]}`, `{"\u0061":[1,2.0]}`, `null`} {
		other := given
		other.Data = []byte(data)
		x.conflicts("other data "+data, to("s-1", nacre.Any, other))
	}
	other := given
	other.Type = "T"
	x.conflicts("another type", to("s-1", nacre.Any, other))

	binary := nacre.Event{Type: "t", ID: "b", Binary: []byte("x")}
	first = x.commit(nil, to("s-1", nacre.Any, binary))
	x.again(first, nil, to("s-1", nacre.Any, binary))
	for _, payload := range []string{"", "y", "xx"} {
		x.conflicts("another payload", to("s-1", nacre.Any, nacre.Event{Type: "t", ID: "b", Binary: []byte(payload)}))
	}
	x.conflicts("data for a payload", to("s-1", nacre.Any, nacre.Event{Type: "t", ID: "b", Data: []byte(`"eA=="`)}))
	x.conflicts("a payload for data", to("s-1", nacre.Any, nacre.Event{Type: "t", ID: "a", Binary: given.Data}))
}

func idempotencyConflicts(x *trial) {
	a, b, c, d := named("t", "a", 1), named("t", "b", 2), named("t", "c", 3), named("t", "d", 4)
	x.append("s-1", nacre.Any, a, b)
	x.append("s-1", nacre.Any, fact("t", 0))
	x.append("s-1", nacre.Any, c)
	for what, events := range map[string][]nacre.Event{
		"out of order":                   {b, a},
		"not side by side":               {b, c},
		"with a gap":                     {a, c},
		"held, then new":                 {a, b, d},
		"new, then held":                 {d, a},
		"new between held":               {a, d, b},
		"held beside one without an id":  {a, fact("t", 9)},
		"one without an id, then held":   {fact("t", 9), a},
		"one without an id between held": {a, fact("t", 2), b},
		"other data in the second":       {a, named("t", "b", 3)},
		"another type in the first":      {named("u", "a", 1), b},
		"other data, and a new one":      {named("t", "a", 2), d},
	} {
		x.conflicts(what, to("s-1", nacre.Any, events...))
	}
	x.append("s-1", nacre.Any, d, fact("t", 9))
}

func idempotencyScope(x *trial) {
	e := named("t", "a", 1)
	first := x.commit(nil, to("s-1", nacre.Any, e))
	second := x.commit(nil, to("s-2", nacre.Any, e))
	if second[0].Duplicate || second[0].Version != 0 || second[0].Position() != 2 {
		x.Fatalf("the id in another stream gave %+v, want a new event", second[0])
	}
	x.again(first, nil, to("s-1", nacre.Any, e))
	x.again(second, nil, to("s-2", nacre.Any, e))
	batch := []nacre.Append{to("s-3", nacre.Any, e), to("s-4", nacre.Any, e)}
	expectBatch(x, x.commit(nil, batch...), batch)
	// Ids are text: what looks alike is not the same.
	for _, id := range []string{"A", "a.", "aa", "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", "01jd3y8q0v3m8s2z6t5n9k4rwe", "*", "%", "0", "00"} {
		if a := x.append("s-1", nacre.Any, named("t", id, 1)); a.Duplicate {
			x.Fatalf("the id %q is told to be held", id)
		}
	}
}

func idempotencyMadeIDs(x *trial) {
	first := x.commit(nil, to("s-1", nacre.Any, fact("t", 1), fact("t", 2)))
	given := []nacre.Event{fact("t", 1).WithID(first[0].Events[0].ID), fact("t", 2).WithID(first[0].Events[1].ID)}
	x.again(first, nil, to("s-1", nacre.Any, given...))
	x.conflicts("a made id with other data", to("s-1", nacre.Any, fact("t", 2).WithID(given[0].ID)))
	if a := x.append("s-1", nacre.Any, fact("t", 1), fact("t", 2)); a.Duplicate {
		x.Fatalf("events without ids are told to be held")
	}
}

func idempotencyBatches(x *trial) {
	one := to("s-1", nacre.NoStream, named("t", "a", 1), named("t", "b", 2))
	two := to("s-2", nacre.NoStream, named("t", "c", 3))
	first := x.commit(nil, one, two)
	if first[0].Events[0].TransactionID == "" {
		x.Fatalf("a batch without a transaction")
	}
	x.again(first, nil, one, two)
	x.again([]nacre.Appended{first[1], first[0]}, nil, two, one)
	x.again(first[:1], nil, one)
	x.again(first[1:], nil, two)

	three := to("s-3", nacre.NoStream, named("t", "d", 4))
	anonymous := to("s-3", nacre.NoStream, fact("t", 4))
	x.conflicts("one append held, one new", one, three)
	x.conflicts("one append new, one held", three, two)
	x.conflicts("one append held, one without ids", two, anonymous)
	x.conflicts("two held, one new", one, two, three)
	x.conflicts("one held in part", to("s-1", nacre.Any, named("t", "b", 2), named("t", "z", 2)), three)
	x.conflicts("one held, one with other data", one, to("s-2", nacre.Any, named("t", "c", 4)))
	third := x.commit(nil, three)
	x.again([]nacre.Appended{third[0], first[0], first[1]}, nil, three, one, two)
}

// idempotencyAtTheSameTime: one of many writers of the same ids writes, all are given its outcome.
func idempotencyAtTheSameTime(x *trial) {
	for round := range 5 {
		batch := []nacre.Append{
			to(nacre.StreamID(fmt.Sprintf("s-%d", round)), nacre.NoStream, named("t", "a", 1), named("t", "b", 2)),
			to(nacre.StreamID(fmt.Sprintf("r-%d", round)), nacre.NoStream, named("t", "a", 3)),
		}
		outs := make([][]nacre.Appended, 8)
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
				if out[j].Duplicate != out[0].Duplicate {
					x.Fatalf("writer %d: a part of its batch is a duplicate: %+v", i, out)
				}
				expectEvents(x, fmt.Sprintf("writer %d", i), out[j].Events, outs[0][j].Events)
			}
		}
		if wrote != 1 {
			x.Fatalf("%d writers were told that they wrote, want one", wrote)
		}
	}
	if n := len(x.all()); n != 15 {
		x.Fatalf("the log has %d events, want 15", n)
	}
}
