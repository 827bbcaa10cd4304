package storagetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"github.com/nacredb/nacre"
)

var linearizableCases = []testCase{
	{"Versions", linearizableVersions},
	{"Conditions", linearizableConditions},
}

// A history is what clients did at the same time. It is linearizable where one order of its operations,
// which keeps those apart that did not overlap, explains every answer. The clients' plans are random and
// are replayed by rapid's seed; how they meet is not.

const linearizableClients = 4

// history runs the clients' plans at once and notes when each operation began and ended.
func history[In any](plans [][]In, do func(In) any) []porcupine.Operation {
	began, start := time.Now(), make(chan struct{})
	notes := make([][]porcupine.Operation, len(plans))
	var all sync.WaitGroup
	for client, plan := range plans {
		all.Go(func() {
			<-start
			for _, in := range plan {
				runtime.Gosched() // let others come between, also where an operation never waits
				call := int64(time.Since(began))
				out := do(in)
				notes[client] = append(notes[client], porcupine.Operation{
					ClientId: client, Input: in, Call: call, Output: out, Return: int64(time.Since(began)),
				})
			}
		})
	}
	close(start)
	all.Wait()
	return slices.Concat(notes...)
}

// expectLinearizable tells the history where it is not.
func expectLinearizable(t tb, model porcupine.Model, history []porcupine.Operation) {
	t.Helper()
	result := porcupine.CheckOperationsTimeout(model, history, patience)
	if result == porcupine.Ok {
		return
	}
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, op := range history {
		fmt.Fprintf(&text, "%10d to %10d  client %d  %+v -> %+v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	t.Fatalf("the history is not linearizable (%s); times are nanoseconds:\n%s", result, text.String())
}

func drawPlans[In any](t *rapid.T, op *rapid.Generator[In]) [][]In {
	plan := rapid.SliceOfN(op, 1, 12)
	return rapid.SliceOfN(plan, linearizableClients, linearizableClients).Draw(t, "plans")
}

// linearize runs random plans, each on a store of its own.
func (x *trial) linearize(run func(x *trial, t *rapid.T)) {
	x.h.check(x.T, max(1, x.h.Checks/4), func(t *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		own := &trial{T: x.T, h: x.h, s: x.h.Open(x.T), ctx: ctx}
		defer func() {
			cancel()
			if err := own.s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		run(own, t)
	})
}

// versionOp reads a stream's version, or appends to it.
type versionOp struct {
	Stream   nacre.StreamID
	Read     bool
	Expected nacre.ExpectedVersion
	Events   int
}

// versionAnswer is what came: the version afterwards, or the one that a conflict told.
type versionAnswer struct {
	Version  int64
	Conflict bool
	Err      error
}

// linearizableVersions: each stream is a register that appends raise and expectations guard.
func linearizableVersions(x *trial) {
	op := rapid.Custom(func(t *rapid.T) versionOp {
		op := versionOp{
			Stream: rapid.SampledFrom(ids("s-1", "s-2")).Draw(t, "stream"),
			Read:   rapid.IntRange(0, 3).Draw(t, "read") == 0,
			Events: rapid.IntRange(1, 2).Draw(t, "events"),
		}
		switch rapid.IntRange(0, 5).Draw(t, "expected") {
		case 0:
			op.Expected = nacre.NoStream
		case 1:
			op.Expected = nacre.StreamExists
		case 2:
			op.Expected = nacre.Any
		default:
			op.Expected = nacre.Exactly(rapid.Int64Range(0, 12).Draw(t, "version"))
		}
		return op
	})
	model := porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byStream := map[nacre.StreamID][]porcupine.Operation{}
			for _, op := range history {
				id := op.Input.(versionOp).Stream
				byStream[id] = append(byStream[id], op)
			}
			var out [][]porcupine.Operation
			for _, part := range byStream {
				out = append(out, part)
			}
			return out
		},
		Init: func() any { return int64(-1) },
		Step: func(state, input, output any) (bool, any) {
			version, in, out := state.(int64), input.(versionOp), output.(versionAnswer)
			switch {
			case out.Err != nil:
				return false, version
			case in.Read:
				return out.Version == version, version
			case !in.Expected.Allows(version):
				return out.Conflict && out.Version == version, version
			default:
				after := version + int64(in.Events)
				return !out.Conflict && out.Version == after, after
			}
		},
	}
	x.linearize(func(x *trial, t *rapid.T) {
		expectLinearizable(t, model, history(drawPlans(t, op), func(in versionOp) any {
			if in.Read {
				v, err := x.s.Version(x.ctx, in.Stream)
				return versionAnswer{Version: v, Err: err}
			}
			a, err := x.s.Append(x.ctx, in.Stream, in.Expected, facts("t", in.Events)...)
			if conflict, ok := errors.AsType[*nacre.ConflictError](err); ok {
				return versionAnswer{Version: conflict.Current, Conflict: true}
			}
			return versionAnswer{Version: a.Version, Err: err}
		}))
		wholeLog(t, x.ctx, x.s)
	})
}

const conditionTags = 3

// conditionOp reads where a tag was seen last, or appends an event with a tag where another was not seen
// behind a position.
type conditionOp struct {
	Read       bool
	Tag, Guard int
	After      nacre.Position
}

// conditionAnswer is the position of what was read or written, or the first that made the condition fail.
type conditionAnswer struct {
	Position nacre.Position
	Failed   bool
	Err      error
}

// taggedLog is the state of a log whose events have one tag each: its end, and where each tag was seen.
type taggedLog struct {
	head nacre.Position
	seen [conditionTags]nacre.Position
}

// linearizableConditions: the log is a register of positions that conditions guard.
func linearizableConditions(x *trial) {
	op := rapid.Custom(func(t *rapid.T) conditionOp {
		return conditionOp{
			Read:  rapid.IntRange(0, 3).Draw(t, "read") == 0,
			Tag:   rapid.IntRange(0, conditionTags-1).Draw(t, "tag"),
			Guard: rapid.IntRange(0, conditionTags-1).Draw(t, "guard"),
			After: nacre.Position(rapid.IntRange(0, 20).Draw(t, "after")),
		}
	})
	model := porcupine.Model{
		Init: func() any { return taggedLog{} },
		Step: func(state, input, output any) (bool, any) {
			log, in, out := state.(taggedLog), input.(conditionOp), output.(conditionAnswer)
			switch {
			case out.Err != nil:
				return false, log
			case in.Read:
				return out.Position == log.seen[in.Tag], log
			case log.seen[in.Guard] > in.After:
				return out.Failed && out.Position > in.After && out.Position <= log.seen[in.Guard], log
			default:
				log.head++
				log.seen[in.Tag] = log.head
				return !out.Failed && out.Position == log.head, log
			}
		},
	}
	tagged := func(tag int) nacre.Filter { return nacre.Filter{{Tags: []string{fmt.Sprintf("tag:%d", tag)}}} }
	x.linearize(func(x *trial, t *rapid.T) {
		expectLinearizable(t, model, history(drawPlans(t, op), func(in conditionOp) any {
			if in.Read {
				for e, err := range x.s.Read(x.ctx, tagged(in.Tag), &nacre.ReadOptions{Backwards: true, Limit: 1}) {
					return conditionAnswer{Position: e.GlobalPosition, Err: err}
				}
				return conditionAnswer{}
			}
			c := &nacre.Condition{FailIfEventsMatch: tagged(in.Guard), After: in.After}
			id := nacre.StreamID(fmt.Sprintf("s-%d", in.Tag+conditionTags*in.Guard))
			out, err := x.s.Commit(x.ctx, c, to(id, nacre.Any, fact("t", 1, fmt.Sprintf("tag:%d", in.Tag))))
			if failed, ok := errors.AsType[*nacre.ConditionError](err); ok {
				return conditionAnswer{Position: failed.Positions[0], Failed: true}
			}
			if err != nil {
				return conditionAnswer{Err: err}
			}
			return conditionAnswer{Position: out[0].Position()}
		}))
		wholeLog(t, x.ctx, x.s)
	})
}
