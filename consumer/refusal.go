package consumer

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a group takes.
const (
	maxAfter  = time.Hour
	maxReason = 1000
)

// refusal is a handler's error that says what shall become of the event.
type refusal struct {
	action Action
	after  time.Duration
	err    error
}

func (r *refusal) Error() string {
	if r.err == nil {
		return fmt.Sprintf("it is to be treated as the action %q says", r.action)
	}
	return r.err.Error()
}

func (r *refusal) Unwrap() error { return r.err }

// RetryAfter makes an error of a handler's after which the event is given again when this time has passed, an hour at
// most. Any other error has it given again when the group's policy says. What is wrong may be nil.
func RetryAfter(d time.Duration, wrong error) error {
	return &refusal{action: Retry, after: min(max(d, 0), maxAfter), err: wrong}
}

// Parked makes an error of a handler's that puts the event with the dead letters at once. What is wrong may be nil.
func Parked(wrong error) error { return &refusal{action: Park, err: wrong} }

// Skipped makes an error of a handler's after which the event counts as done. What is wrong may be nil.
func Skipped(wrong error) error { return &refusal{action: Skip, err: wrong} }

// nackOf is what a handler's error says of a delivery.
func nackOf(id string, err error) Nack {
	n := Nack{ID: id, Action: Retry, Reason: clip(err.Error(), maxReason)}
	if r, ok := errors.AsType[*refusal](err); ok {
		n.Action, n.After = r.action, r.after
	}
	return n
}

// clip cuts a text to so many bytes at most, and to what is UTF-8.
func clip(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
