package wire

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
)

// ErrorBody is what every error reply has; the last two fields repeat details for DeltaBase's clients.
type ErrorBody struct {
	Code    nacre.Code    `json:"error"`
	Message string        `json:"message"`
	Details *ErrorDetails `json:"details,omitzero"`

	ConflictingPositions []nacre.Position `json:"conflictingPositions,omitzero"`
	AfterPosition        *nacre.Position  `json:"afterPosition,omitzero"`
}

// ErrorDetails is the union of what codes tell.
type ErrorDetails struct {
	// INVALID_ARGUMENT, TOO_LARGE, UNSUPPORTED: what was wrong in the request.
	Field string `json:"field,omitzero"`

	// INVALID_ARGUMENT of a query, with Field and Line: what is wrong at the place.
	Column   int    `json:"column,omitzero"`
	Expected string `json:"expected,omitzero"`
	Found    string `json:"found,omitzero"`
	Hint     string `json:"hint,omitzero"`

	// VERSION_CONFLICT; the last two are DeltaBase's names for the same. A number, "any" or "stream_exists".
	StreamID              nacre.StreamID `json:"streamId,omitzero"`
	ExpectedStreamVersion *Version       `json:"expectedStreamVersion,omitzero"`
	CurrentStreamVersion  *int64         `json:"currentStreamVersion,omitzero"`
	ExpectedVersion       *Version       `json:"expectedVersion,omitzero"`
	CurrentVersion        *int64         `json:"currentVersion,omitzero"`

	// APPEND_CONDITION_FAILED.
	ConflictingPositions []nacre.Position `json:"conflictingPositions,omitzero"`
	After                *nacre.Position  `json:"after,omitzero"`
	AfterPosition        *nacre.Position  `json:"afterPosition,omitzero"`

	// EVENT_ID_CONFLICT, with StreamID; so has NOT_FOUND, where an event was asked for.
	EventID        string          `json:"eventId,omitzero"`
	GlobalPosition *nacre.Position `json:"globalPosition,omitzero"`
	Reason         string          `json:"reason,omitzero"`

	// WRONG_STREAM_KIND, with StreamID: "merge" or "ordered", what the category's streams are.
	Kind string `json:"kind,omitzero"`

	// PARENT_MISSING, with StreamID and EventID: the parents that are absent.
	Missing []string `json:"missing,omitzero"`

	// DAMAGED, with Reason; File is the name without its folders.
	File     string         `json:"file,omitzero"`
	Line     int64          `json:"line,omitzero"`
	Offset   *int64         `json:"offset,omitzero"`
	Position nacre.Position `json:"position,omitzero"`

	// DOMAIN_ERROR: what the aggregate says, for programs.
	Type string          `json:"type,omitzero"`
	Data json.RawMessage `json:"data,omitzero"`

	// MODULE_REFUSED: the module's name, and each reason.
	Module  string   `json:"module,omitzero"`
	Reasons []string `json:"reasons,omitzero"`

	// RATE_LIMITED: whole seconds to wait, at least 1.
	RetryAfter int64 `json:"retryAfter,omitzero"`
}

// Version is an expected version as JSON: a number where it is exact (-1 is no_stream), else its name.
type Version struct{ nacre.ExpectedVersion }

// RateLimitError has the code RATE_LIMITED.
type RateLimitError struct {
	RetryAfter time.Duration // how long to wait; on the wire in whole seconds, rounded up
	Message    string        // what was too much; may be ""
}

const tooManyRequests = "too many requests"

func (e *RateLimitError) Error() string {
	return fmt.Sprintf("nacre: %s: try again in %v", cmp.Or(e.Message, tooManyRequests), e.RetryAfter)
}

// ErrorCode is what [nacre.CodeOf] finds.
func (e *RateLimitError) ErrorCode() nacre.Code { return CodeRateLimited }

// EventNotFoundError has the code NOT_FOUND: the stream holds no event that bears the id.
type EventNotFoundError struct {
	Stream nacre.StreamID
	ID     string
}

func (e *EventNotFoundError) Error() string {
	return fmt.Sprintf("nacre: stream %q holds no event with the id %q", e.Stream, e.ID)
}

// ErrorCode is what [nacre.CodeOf] finds.
func (e *EventNotFoundError) ErrorCode() nacre.Code { return nacre.CodeNotFound }

func invalid(field, format string, args ...any) *nacre.Error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
