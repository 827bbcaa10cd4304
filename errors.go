package nacre

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code is what a program acts on; the message is for people.
type Code string

// The codes of a store's errors.
const (
	// CodeInvalid: the request is wrong in itself; Field says where. Nothing was written.
	CodeInvalid Code = "INVALID_ARGUMENT"
	// CodeTooLarge: an event or a batch is beyond a limit. Nothing was written.
	CodeTooLarge Code = "TOO_LARGE"
	// CodeVersionConflict: the stream is not at the expected version; see [ConflictError].
	CodeVersionConflict Code = "VERSION_CONFLICT"
	// CodeConditionFailed: an event matches the append condition; see [ConditionError].
	CodeConditionFailed Code = "APPEND_CONDITION_FAILED"
	// CodeEventIDConflict: the stream holds the id with another type, data or parents, or some of a request's ids
	// and not the others.
	CodeEventIDConflict Code = "EVENT_ID_CONFLICT"
	// CodeWrongStreamKind: the category is of the other kind of streams, merge or ordered; see [StreamKindError].
	CodeWrongStreamKind Code = "WRONG_STREAM_KIND"
	// CodeParentMissing: the stream does not hold an event's parents; see [ParentError].
	CodeParentMissing Code = "PARENT_MISSING"
	// CodeStoreFull: no space is left; reads go on, and appends do again once there is space.
	CodeStoreFull Code = "STORE_FULL"
	// CodeDamaged: bytes of the store are not what was written; see [DamageError].
	CodeDamaged Code = "DAMAGED"
	// CodeLogRewound: the cursor is of another epoch or ahead of the log: the log was cut or restored.
	CodeLogRewound Code = "LOG_REWOUND"
	// CodeLocked: another process writes to the store.
	CodeLocked Code = "STORE_LOCKED"
	// CodeReadOnly: the store was opened for reading only.
	CodeReadOnly Code = "READ_ONLY"
	// CodeFailed: a write or sync failed, and whether the append is durable is not known; it must be
	// reopened.
	CodeFailed Code = "STORE_FAILED"
	// CodeClosed: the store has been closed.
	CodeClosed Code = "STORE_CLOSED"
	// CodeNotFound: what was named does not exist.
	CodeNotFound Code = "NOT_FOUND"
	// CodeUnsupported: the driver does not have this feature.
	CodeUnsupported Code = "UNSUPPORTED"
	// CodeCanceled and CodeDeadline: the context ended first. Whether an append that was under way took
	// place is not known; appending the same ids again tells.
	CodeCanceled Code = "CANCELED"
	CodeDeadline Code = "DEADLINE_EXCEEDED"
	// CodeInternal: an error of the system below, a disk's or a network's.
	CodeInternal Code = "INTERNAL"
)

// CodeOf is the code of an error that came from a store, "" for nil and for errors of other makers.
func CodeOf(err error) Code {
	if c, ok := errors.AsType[interface {
		error
		ErrorCode() Code
	}](err); ok {
		return c.ErrorCode()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadline
	}
	return ""
}

// Error is an error that has no more to tell than its code, message and cause.
type Error struct {
	Code    Code
	Message string
	// Field names what was wrong in a request, as in "batch[0].events[2].type"; "" elsewhere.
	Field string
	Err   error

	told bool // Message has Err's text already
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("nacre: ")
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	if e.Err != nil && !e.told {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode is what [CodeOf] finds.
func (e *Error) ErrorCode() Code { return e.Code }

// Errorf makes an error with a code; for drivers. What a %w stands for is kept as its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err), told: true}
}

func invalid(field, message string) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: message}
}

// ConflictError has the code VERSION_CONFLICT: the stream is not at the version that the append expected.
type ConflictError struct {
	Stream   StreamID
	Expected ExpectedVersion
	Current  int64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("nacre: stream %q is at version %d, not %s as expected: read it again and decide again",
		e.Stream, e.Current, e.Expected)
}

// ErrorCode is what [CodeOf] finds.
func (e *ConflictError) ErrorCode() Code { return CodeVersionConflict }

// ConditionError has the code APPEND_CONDITION_FAILED: these events match the append condition.
type ConditionError struct {
	After     Position
	Positions []Position // ascending, at most 100
}

func (e *ConditionError) Error() string {
	return fmt.Sprintf("nacre: the append condition failed: behind position %d stand events that match it, at %d",
		e.After, e.Positions)
}

// ErrorCode is what [CodeOf] finds.
func (e *ConditionError) ErrorCode() Code { return CodeConditionFailed }

// EventIDConflictError has the code EVENT_ID_CONFLICT.
type EventIDConflictError struct {
	Stream   StreamID
	ID       string
	Position Position // of the event that bears the id
	Reason   string
}

func (e *EventIDConflictError) Error() string {
	return fmt.Sprintf("nacre: stream %q holds event id %q at position %d already: %s", e.Stream, e.ID, e.Position, e.Reason)
}

// ErrorCode is what [CodeOf] finds.
func (e *EventIDConflictError) ErrorCode() Code { return CodeEventIDConflict }

// DamageError has the code DAMAGED: bytes that are not what was written. They are neither served nor cut.
type DamageError struct {
	File     string
	Line     int64    // from 1; 0 where it is not known or the file has no lines
	Offset   int64    // in bytes from the file's start
	Position Position // of the event concerned; 0 where there is none or it is not known
	Reason   string
}

func (e *DamageError) Error() string {
	where := fmt.Sprintf("%s, byte %d", e.File, e.Offset)
	if e.Line > 0 {
		where = fmt.Sprintf("%s, line %d, byte %d", e.File, e.Line, e.Offset)
	}
	if e.Position > 0 {
		where += fmt.Sprintf(" (position %d)", e.Position)
	}
	return "nacre: damage in " + where + ": " + e.Reason
}

// ErrorCode is what [CodeOf] finds.
func (e *DamageError) ErrorCode() Code { return CodeDamaged }
