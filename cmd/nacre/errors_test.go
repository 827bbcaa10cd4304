package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"testing"

	"github.com/nacredb/nacre"
)

func TestTell(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	ctx := context.Background()
	invalid := nacre.Errorf(nacre.CodeInvalid, "is wrong")
	condition := &nacre.ConditionError{After: 4, Positions: []nacre.Position{5}}
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		text string
	}{
		{"nothing", ctx, nil, 0, ""},
		{"another maker's", ctx, errors.New("broken"), 1, "nacre: broken\n"},
		{
			"conflict", ctx, &nacre.ConflictError{Stream: "a", Expected: nacre.Exactly(2), Current: 3}, 3,
			"nacre: stream \"a\" is at version 3, not 2 as expected: read it again and decide again (VERSION_CONFLICT)\n",
		},
		{"condition", ctx, condition, 3, condition.Error() + " (APPEND_CONDITION_FAILED)\n"},
		{
			"damage", ctx, fmt.Errorf("reading: %w", &nacre.DamageError{File: "f", Line: 2, Offset: 9, Reason: "why"}), 4,
			"nacre: reading: damage in f, line 2, byte 9: why (DAMAGED)\n",
		},
		{
			"argument", ctx, &nacre.Error{Code: nacre.CodeInvalid, Field: "events[0].type", Message: "is empty"}, 2,
			"nacre: type: is empty (INVALID_ARGUMENT)\n",
		},
		{
			"whole event", ctx, &nacre.Error{Code: nacre.CodeTooLarge, Field: "events[0]", Message: "has 9 bytes"}, 1,
			"nacre: the event has 9 bytes (TOO_LARGE)\n",
		},
		{
			"input", ctx, &inputError{&lineError{source: "f", first: 3, last: 3, err: invalid}}, 1,
			"nacre: f, line 3: is wrong (INVALID_ARGUMENT)\n",
		},
		{
			"usage", ctx, &usageError{err: errors.New("unknown flag: --x"), command: "nacre log"}, 2,
			"nacre: unknown flag: --x\nRun \"nacre log --help\" for what can be given.\n",
		},
		{"reader gone", ctx, fmt.Errorf("write: %w", syscall.EPIPE), 0, ""},
		{"interrupted", canceled, nacre.Errorf(nacre.CodeCanceled, "%w", context.Canceled), 130, "nacre: interrupted\n"},
		{"canceled otherwise", ctx, context.Canceled, 1, "nacre: context canceled (CANCELED)\n"},
	} {
		var out bytes.Buffer
		p := &program{err: &out}
		if code := p.tell(c.ctx, c.err); code != c.code || out.String() != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.name, code, out.String(), c.code, c.text)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		verbose bool
		want    string
	}{
		{false, "nacre: warning: a tail was cut (store data/x, bytes 7)\n"},
		{true, "nacre: opened (store data/x)\nnacre: warning: a tail was cut (store data/x, bytes 7)\n"},
	} {
		var out bytes.Buffer
		p := &program{err: &out, verbose: c.verbose}
		lg := slog.New(&warnings{to: p, level: p.level()}).With("store", "data/x")
		lg.Info("opened")
		lg.WithGroup("g").Warn("a tail was cut", "bytes", 7)
		if out.String() != c.want {
			t.Errorf("verbose %v: %q, want %q", c.verbose, out.String(), c.want)
		}
	}
}
