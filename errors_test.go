package nacre

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestCodeOf(t *testing.T) {
	conflict := &ConflictError{Stream: "s-1", Expected: Exactly(3), Current: 5}
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{io.EOF, ""},
		{errDisk, ""},
		{&Error{Code: CodeStoreFull}, CodeStoreFull},
		{conflict, CodeVersionConflict},
		{&ConditionError{}, CodeConditionFailed},
		{&EventIDConflictError{}, CodeEventIDConflict},
		{&DamageError{}, CodeDamaged},
		{fmt.Errorf("decide: %w", fmt.Errorf("append: %w", conflict)), CodeVersionConflict},
		{errors.Join(io.EOF, conflict), CodeVersionConflict},
		{context.Canceled, CodeCanceled},
		{context.DeadlineExceeded, CodeDeadline},
		{fmt.Errorf("read: %w", context.Canceled), CodeCanceled},
		{&Error{Code: CodeInternal, Err: context.Canceled}, CodeInternal}, // the outer one says what it is
		{&Error{Code: CodeInternal, Err: conflict}, CodeInternal},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("the code of %v is %q, want %q", c.err, got, c.want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&Error{Code: CodeInvalid, Field: "events[0].type", Message: "is empty"}, `nacre: events[0].type: is empty`},
		{&Error{Code: CodeInternal, Message: "append", Err: errDisk}, `nacre: append: the disk is on fire`},
		{Errorf(CodeStoreFull, "no space in %s", "/data"), `nacre: no space in /data`},
		{Errorf(CodeStoreFull, "no space in %s: %w", "/data", errDisk), `nacre: no space in /data: the disk is on fire`},
		{&ConflictError{Stream: "s-1", Expected: Exactly(3), Current: 5}, `nacre: stream "s-1" is at version 5, not 3 as expected: read it again and decide again`},
		{&ConflictError{Stream: "s-1", Expected: NoStream, Current: 0}, `nacre: stream "s-1" is at version 0, not no_stream as expected: read it again and decide again`},
		{&ConditionError{After: 3, Positions: []Position{5, 7}}, `nacre: the append condition failed: behind position 3 stand events that match it, at [5 7]`},
		{&ConditionError{}, `nacre: the append condition failed: behind position 0 stand events that match it, at []`},
		{&EventIDConflictError{Stream: "s-1", ID: "a", Position: 7, Reason: "with other data"}, `nacre: stream "s-1" holds event id "a" at position 7 already: with other data`},
		{&DamageError{File: "f", Line: 2, Offset: 9, Position: 5, Reason: "bad"}, `nacre: damage in f, line 2, byte 9 (position 5): bad`},
		{&DamageError{File: "f", Offset: 9, Reason: "bad"}, `nacre: damage in f, byte 9: bad`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	for _, err := range []error{
		Errorf(CodeInternal, "sync: %w", errDisk), &Error{Code: CodeInternal, Err: errDisk}, wrap("append", errDisk),
	} {
		if !errors.Is(err, errDisk) || CodeOf(err) != CodeInternal {
			t.Errorf("%v: its cause or code is lost", err)
		}
	}
	if wrap("append", nil) != nil {
		t.Error("no error became one")
	}
	conflict := &ConflictError{}
	if wrap("append", conflict) != error(conflict) || wrap("read", context.Canceled) != context.Canceled {
		t.Error("an error with a code was wrapped")
	}
}
