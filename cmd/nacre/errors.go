package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitConflict    = 3
	exitDamage      = 4
	exitInterrupted = 130
)

// usageError is a command line that was not understood.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// inputError is what is wrong with what a command was given to read, as opposed to its command line.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// tell writes an error for people, and returns the exit code.
func (p *program) tell(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, syscall.EPIPE):
		// Whoever read the output has seen enough.
		return exitDone
	case ctx.Err() != nil && nacre.CodeOf(err) == nacre.CodeCanceled:
		p.note("%s", "interrupted")
		return exitInterrupted
	}
	text, details, _ := strings.Cut(message(err), "\n")
	if code := nacre.CodeOf(err); code != "" {
		text += fmt.Sprintf(" (%s)", code)
	}
	if details != "" {
		text += "\n" + details
	}
	p.note("%s", text)
	if usage, ok := errors.AsType[*usageError](err); ok {
		_, _ = fmt.Fprintf(p.err, "Run \"%s --help\" for what can be given.\n", usage.command)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	switch nacre.CodeOf(err) {
	case nacre.CodeVersionConflict, nacre.CodeConditionFailed, nacre.CodeEventIDConflict,
		nacre.CodeWrongStreamKind, nacre.CodeParentMissing, entity.CodeExists:
		return exitConflict
	case nacre.CodeDamaged:
		return exitDamage
	case nacre.CodeInvalid:
		if _, ok := errors.AsType[*inputError](err); ok {
			return exitFailed
		}
		// Everything else that a store can find wrong in a request stood on the command line.
		return exitUsage
	}
	return exitFailed
}

// message is an error's text without the program's name, which stands before the line anyway, and
// without the place in the request, where the request was one event.
func message(err error) string {
	text := strings.TrimPrefix(err.Error(), "nacre: ")
	text = strings.ReplaceAll(text, ": nacre: ", ": ")
	text = strings.ReplaceAll(text, "events[0].", "")
	return strings.Replace(text, "events[0]: ", "the event ", 1)
}
