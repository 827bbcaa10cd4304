package storagetest

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
)

var conditionCases = []testCase{
	{"Filters", conditionFilters},
	{"AfterIsExclusive", conditionAfterIsExclusive},
	{"OwnEventsDoNotCount", conditionOwnEvents},
	{"GuardsTheWholeBatch", conditionGuardsTheBatch},
	{"VersionsComeFirst", conditionVersionsFirst},
	{"TellsAHundredAtMost", conditionTellsAHundred},
	{"OneOfManyWins", conditionOneOfManyWins},
}

// conditionFilters asks the filters of the filter tests, behind every position up to their last match.
func conditionFilters(x *trial) {
	head := nacre.Position(len(fillFiltered(x)))
	for _, c := range filterTable {
		want := c.want
		if c.matchesGuarded {
			for p := nacre.Position(len(filtered)); p <= head; p++ {
				want = append(slices.Clip(want), p)
			}
		}
		condition := &nacre.Condition{FailIfEventsMatch: c.filter}
		for ; len(want) > 0; condition.After++ {
			_, err := x.s.Commit(x.ctx, condition, to("guarded-1", nacre.Any, fact("guarded", 1)))
			x.expectCondition(err, condition, want)
			if want[0] == condition.After+1 {
				want = want[1:]
			}
		}
		head++
		if out := x.commit(condition, to("guarded-1", nacre.Any, fact("guarded", 1))); out[0].Position() != head {
			x.Fatalf("%s: the guarded append is at %d, want %d", c.name, out[0].Position(), head)
		}
	}
}

// expectCondition checks a failed condition against the events that match it.
func (x *trial) expectCondition(err error, c *nacre.Condition, want []nacre.Position) {
	x.Helper()
	what := fmt.Sprintf("a condition of %v behind %d", c.FailIfEventsMatch, c.After)
	failed := expectError[*nacre.ConditionError](x, what, err, nacre.CodeConditionFailed)
	if failed.After != c.After {
		x.Fatalf("%s: the error tells the position %d", what, failed.After)
	}
	if len(failed.Positions) == 0 || len(failed.Positions) > 100 || !slices.IsSorted(failed.Positions) {
		x.Fatalf("%s: the error tells the positions %d, want 1 to 100, ascending", what, failed.Positions)
	}
	for _, p := range failed.Positions {
		if p <= c.After || !slices.Contains(want, p) {
			x.Fatalf("%s: the error tells the positions %d, and %d does not match", what, failed.Positions, p)
		}
	}
}

func conditionAfterIsExclusive(x *trial) {
	x.append("seat-1", nacre.Any, fact("seat.taken", 1, "seat:1"))
	x.append("seat-2", nacre.Any, fact("seat.taken", 2, "seat:2"))
	taken := func(tag string, after nacre.Position) *nacre.Condition {
		return &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{tag}}}, After: after}
	}
	x.nothingWritten(func() {
		for after := range nacre.Position(2) {
			_, err := x.s.Commit(x.ctx, taken("seat:2", after), to("seat-3", nacre.Any, fact("seat.taken", 3)))
			x.expectCondition(err, taken("seat:2", after), []nacre.Position{2})
		}
	})
	x.commit(taken("seat:2", 2), to("seat-3", nacre.Any, fact("seat.taken", 3)))
	x.commit(taken("seat:1", 1), to("seat-3", nacre.Any, fact("seat.taken", 4)))
	x.commit(taken("seat:9", 0), to("seat-3", nacre.Any, fact("seat.taken", 5)))
	x.commit(taken("seat:1", 1000), to("seat-3", nacre.Any, fact("seat.taken", 6)))
	x.commit(taken("seat:1", math.MaxUint64), to("seat-3", nacre.Any, fact("seat.taken", 7)))
	// A filter of nothing means any event.
	for _, f := range []nacre.Filter{nil, {}, {{}}} {
		head := nacre.Position(len(x.all()))
		c := &nacre.Condition{FailIfEventsMatch: f, After: head - 1}
		_, err := x.s.Commit(x.ctx, c, to("seat-3", nacre.Any, fact("seat.taken", 8)))
		x.expectCondition(err, c, []nacre.Position{head})
		x.commit(&nacre.Condition{FailIfEventsMatch: f, After: head}, to("seat-3", nacre.Any, fact("seat.taken", 9)))
	}
}

func conditionOwnEvents(x *trial) {
	c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"seat:1"}}}}
	batch := []nacre.Append{
		to("seat-1", nacre.Any, fact("seat.taken", 1, "seat:1"), fact("seat.paid", 1, "seat:1")),
		to("seat-2", nacre.Any, fact("seat.taken", 2, "seat:1")),
	}
	expectBatch(x, x.commit(c, batch...), batch)
	x.nothingWritten(func() {
		_, err := x.s.Commit(x.ctx, c, batch...)
		x.expectCondition(err, c, []nacre.Position{1, 2, 3})
	})
}

func conditionGuardsTheBatch(x *trial) {
	x.append("user-1", nacre.Any, fact("user.named", 1, "name:ann"))
	c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Types: []string{"user.*"}, Tags: []string{"name:ann"}}}}
	x.nothingWritten(func() {
		_, err := x.s.Commit(x.ctx, c, to("a-1", nacre.NoStream, facts("t", 3)...), to("user-2", nacre.NoStream, fact("user.named", 2, "name:ann")))
		x.expectCondition(err, c, []nacre.Position{1})
	})
	x.expectVersion("a-1", -1)
	x.expectVersion("user-2", -1)
}

func conditionVersionsFirst(x *trial) {
	x.append("user-1", nacre.Any, fact("user.named", 1, "name:ann"))
	c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"name:ann"}}}}
	_, err := x.s.Commit(x.ctx, c, to("user-1", nacre.NoStream, fact("t", 3)))
	expectCode(x, "a stale append with a failing condition", err, nacre.CodeVersionConflict)
	_, err = x.s.Commit(x.ctx, c, to("user-1", nacre.Exactly(0), fact("t", 3)))
	expectCode(x, "a good append with a failing condition", err, nacre.CodeConditionFailed)
	c.FailIfEventsMatch = nacre.Filter{{Tags: []string{""}}}
	_, err = x.s.Commit(x.ctx, c, to("user-1", nacre.Exactly(0), fact("t", 3)))
	expectCode(x, "a condition with an empty name", err, nacre.CodeInvalid)
}

func conditionTellsAHundred(x *trial) {
	var want []nacre.Position
	for range 3 {
		for _, e := range x.append("user-1", nacre.Any, facts("user.named", 50)...).Events {
			want = append(want, e.GlobalPosition)
		}
	}
	for _, c := range []*nacre.Condition{
		{FailIfEventsMatch: nacre.Filter{{Types: []string{"user.named"}}}},
		{FailIfEventsMatch: nacre.Filter{{Types: []string{"*"}, Streams: []nacre.StreamID{"user-1"}}}, After: 20},
		{After: 10},
	} {
		_, err := x.s.Commit(x.ctx, c, to("user-2", nacre.Any, fact("t", 1)))
		x.expectCondition(err, c, want)
	}
}

// conditionOneOfManyWins is what conditions are for: many decide on the same reading, one may write.
func conditionOneOfManyWins(x *trial) {
	for round := range 5 {
		tag := fmt.Sprintf("name:%d", round)
		c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{tag}}}}
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				_, errs[i] = x.s.Commit(x.ctx, c, to(nacre.StreamID(fmt.Sprintf("user-%d-%d", round, i)), nacre.NoStream, fact("user.named", i, tag)))
			})
		}
		all.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				continue
			}
			expectCode(x, fmt.Sprintf("writer %d", i), err, nacre.CodeConditionFailed)
		}
		if got := len(x.read(nacre.Filter{{Tags: []string{tag}}}, nil)); won != 1 || got != 1 {
			x.Fatalf("%d writers were told that they won, %d events are there, want one", won, got)
		}
	}
}
