package projectiontest

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
)

// severed is a model that loses the answer of a commit that applies a dead letter's event, or what would come after
// that commit.
type severed[W any] struct {
	projection.ReadModel[W]
	answer, look, after atomic.Bool // what is to fail, once
	late                string      // of the last commit
}

func (s *severed[W]) Update(ctx context.Context, name string, from, to projection.Checkpoint, write func(W) error) error {
	err := s.ReadModel.Update(ctx, name, from, to, write)
	late := err == nil && to.Late != s.late
	if late {
		s.late = to.Late
	}
	if late && s.answer.CompareAndSwap(true, false) {
		return errOfTest
	}
	return err
}

// Checkpoint fails once after the answer of a commit was lost, where it is to.
func (s *severed[W]) Checkpoint(ctx context.Context, name string) (projection.Checkpoint, error) {
	if !s.answer.Load() && s.look.CompareAndSwap(true, false) {
		return projection.Checkpoint{}, errOfTest
	}
	return s.ReadModel.Checkpoint(ctx, name)
}

// Flush comes between the commit and the letter's end.
func (s *severed[W]) Flush(ctx context.Context, name string) error {
	var err error
	if f, ok := s.ReadModel.(projection.Flusher); ok {
		err = f.Flush(ctx, name)
	}
	if s.after.CompareAndSwap(true, false) {
		return errOfTest
	}
	return err
}

// lateEvents tries dead letters again, where the commit's answer is lost, and where the letter stays open though its
// event counts; in the same process and in the next one.
func lateEvents[W any](x *trial[W]) {
	var bad atomic.Uint64 // the position that fails
	p := x.projection()
	apply := p.Apply
	p.Apply = func(ctx context.Context, to W, e codec.Event[Moved]) error {
		if uint64(e.GlobalPosition) == bad.Load() {
			return errOfTest
		}
		return apply(ctx, to, e)
	}
	start := func(m projection.ReadModel[W]) *projection.Runner {
		o := x.options()
		o.OnFailure, o.Retries = projection.Park, -1
		r, err := projection.Start(x.Context(), x.store, p, m, o)
		if err != nil {
			x.Fatal(err)
		}
		x.settled(r)
		return r
	}
	ways := []struct {
		what string
		lose func(*severed[W])
	}{
		{"nothing", func(*severed[W]) {}},
		{"the answer", func(s *severed[W]) { s.answer.Store(true) }},
		{"the answer, and a look,", func(s *severed[W]) { s.answer.Store(true); s.look.Store(true) }},
		{"the end of the letter", func(s *severed[W]) { s.after.Store(true) }},
		{"the answer, and the end of the letter,", func(s *severed[W]) { s.answer.Store(true); s.after.Store(true) }},
	}
	for _, ends := range []bool{false, true} {
		for _, way := range ways {
			when := label("%s was lost, the process ended: %t", way.what, ends)
			x.move(3)
			head, err := x.store.Head(x.Context())
			if err != nil {
				x.Fatal(err)
			}
			bad.Store(uint64(head.Position) + 1)
			letter := fmt.Sprintf("event-%d", bad.Load())
			if _, err := x.store.Append(x.Context(), "account-1", nacre.Any, nacre.NewEvent("account.moved", Moved{1000})); err != nil {
				x.Fatal(err)
			}
			x.move(3)
			m := &severed[W]{ReadModel: x.model, late: x.checkpoint().Late}
			r := start(m)
			bad.Store(0)
			way.lose(m)
			first := r.RetryDeadLetters(x.Context(), letter)
			if ends {
				x.stop(r)
				x.reopen()
				r = start(x.model)
			}
			if err := r.RetryDeadLetters(x.Context(), letter); err != nil && (first != nil || nacre.CodeOf(err) != nacre.CodeNotFound) {
				x.Errorf("%s: tried again: %v", when, err)
			}
			x.expectCode(when, r.RetryDeadLetters(x.Context(), letter), nacre.CodeNotFound)
			x.expectTruth(when)
			x.stop(r)
		}
	}
}
