package aggregate

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
)

// Validated is a command that can tell by itself that it makes no sense.
type Validated interface {
	Validate() error
}

// Validation refuses commands whose Validate gives an error: with the same value, as a domain error.
func Validation() Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, c *Call) (Outcome, error) {
			if v, ok := c.Command.(Validated); ok {
				if err := v.Validate(); err != nil {
					return Outcome{}, err
				}
			}
			return next(ctx, c)
		}
	}
}

// Authorization refuses what may does not allow, as CodeForbidden with its error as the cause. The actor is in
// [decider.From] of the context.
func Authorization(may func(ctx context.Context, c *Call) error) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, c *Call) (Outcome, error) {
			if err := may(ctx, c); err != nil {
				return Outcome{}, &nacre.Error{Code: CodeForbidden, Message: "the command " + c.Category + "." + c.Name + " is not allowed", Err: err}
			}
			return next(ctx, c)
		}
	}
}

// Logging tells a logger of every command: how it ended, how long it took, and whose it was. Domain errors are
// told at the level info, others at error.
func Logging(to *slog.Logger) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, c *Call) (Outcome, error) {
			begun := time.Now()
			out, err := next(ctx, c)
			who := decider.From(ctx)
			fields := []slog.Attr{
				slog.String("category", c.Category), slog.String("id", c.ID), slog.String("command", c.Name),
				slog.String("actor", who.Actor), slog.String("correlation_id", who.CorrelationID), slog.Duration("took", time.Since(begun)),
			}
			switch code := nacre.CodeOf(err); {
			case err == nil:
				to.LogAttrs(ctx, slog.LevelInfo, "command executed", append(fields, slog.Int64("version", out.Version))...)
			case code == "":
				to.LogAttrs(ctx, slog.LevelInfo, "command refused", append(fields, slog.Any("error", err))...)
			default:
				to.LogAttrs(ctx, slog.LevelError, "command failed", append(fields, slog.Any("error", err))...)
			}
			return out, err
		}
	}
}

// transient are the codes of errors that may be gone at the next attempt.
var transient = []nacre.Code{
	nacre.CodeVersionConflict, nacre.CodeStoreFull, nacre.CodeInternal, nacre.CodeLocked,
	"RATE_LIMITED", "TOO_MANY_CONNECTIONS", "SHUTTING_DOWN", // of a server
}

// longestPause is how long Retry waits at most.
const longestPause = time.Minute

// Retry tries commands again that failed for a reason that may pass, attempts times in all, with pauses that
// begin around first and double, up to a minute. A command without an id gets one, so that it takes place once.
func Retry(attempts int, first time.Duration) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, c *Call) (Outcome, error) {
			who := decider.From(ctx)
			if who.CommandID == "" {
				who.CommandID = nacre.NewID()
				ctx = decider.With(ctx, who)
			}
			for attempt := 1; ; attempt++ {
				out, err := next(ctx, c)
				if err == nil || attempt >= attempts || !slices.Contains(transient, nacre.CodeOf(err)) {
					return out, err
				}
				pause := max(0, min(first, longestPause)) << min(attempt-1, 16)
				pause = min(pause, longestPause)
				pause = pause/2 + rand.N(pause/2+1)
				select {
				case <-ctx.Done():
					return out, err
				case <-time.After(pause):
				}
			}
		}
	}
}
