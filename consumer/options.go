package consumer

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// Options say how Run works. Nil is the default of each field.
type Options struct {
	// Consumer is what this consumer is called: 1 to 64 characters of "a-z A-Z 0-9 . _ -", and nobody else's name at the
	// same time. Default: the host's name, the process' number and something random.
	Consumer string
	// Concurrency is how many events are handled at once, each of another stream. Default 8, at most 1,000.
	Concurrency int
	// Global handles one event at a time, whichever its stream, in the order in which they were given. It is for groups
	// whose order is global. Default false.
	Global bool
	// Prefetch is how many events are held at most: handled, waiting for it, or not answered for yet. All of them should
	// be worked off within the group's deadline. Default: what takes about a tenth of a second by the handler's latest
	// times, but not less than Concurrency nor more than 16 times as many, which is 128 where nothing was chosen. At most
	// 1,000.
	Prefetch int
	// Wait is how long the group is asked to wait for events where it has none, before it is asked again. Default 20 s,
	// at most a minute.
	Wait time.Duration
	// HandlerTimeout is when a handler's context ends. It should be less than the group's deadline. Default 0, which is
	// never.
	HandlerTimeout time.Duration
	// AckEvery is how many answers are sent at once, without waiting for more. Default 64, at most 10,000.
	AckEvery int
	// AckDelay is how long answers wait for others, so that they are sent together. They do not wait when nothing is
	// being handled. Default 2 ms; negative is not at all.
	AckDelay time.Duration
	// Drain is how long handlers may go on once Run's context has ended, before theirs ends too. Default 30 s; negative
	// is not at all.
	Drain time.Duration
	// Logger is told what nobody else is: panics, failures that are tried again, answers that came too late. Default
	// slog.Default().
	Logger *slog.Logger
}

const (
	maxName     = 64
	maxHeld     = 1000 // what a group gives at once
	maxAnswers  = 10_000
	maxPatience = time.Minute
)

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Consumer == "" {
		out.Consumer = madeName()
	}
	if out.Concurrency == 0 {
		out.Concurrency = 8
	}
	if out.Wait == 0 {
		out.Wait = 20 * time.Second
	}
	if out.AckEvery == 0 {
		out.AckEvery = 64
	}
	if out.AckDelay == 0 {
		out.AckDelay = 2 * time.Millisecond
	}
	if out.Drain == 0 {
		out.Drain = 30 * time.Second
	}
	if out.Logger == nil {
		out.Logger = slog.Default()
	}
	out.AckDelay, out.Drain = max(out.AckDelay, 0), max(out.Drain, 0)
	return out
}

// validate is for options that have their defaults.
func (o *Options) validate() error {
	switch {
	case len(o.Consumer) > maxName || strings.ContainsFunc(o.Consumer, unplain):
		return invalid("Consumer", `is %.100q: give 1 to %d of "a-z A-Z 0-9 . _ -"`, o.Consumer, maxName)
	case o.Concurrency < 1 || o.Concurrency > maxHeld:
		return invalid("Concurrency", "is %d: give 1 to %d", o.Concurrency, maxHeld)
	case o.Prefetch < 0 || o.Prefetch > maxHeld:
		return invalid("Prefetch", "is %d: give 1 to %d", o.Prefetch, maxHeld)
	case o.Wait < 0 || o.Wait > maxPatience:
		return invalid("Wait", "is %v: give at most %v", o.Wait, maxPatience)
	case o.HandlerTimeout < 0:
		return invalid("HandlerTimeout", "is %v: give 0 for none, or a time", o.HandlerTimeout)
	case o.AckEvery < 1 || o.AckEvery > maxAnswers:
		return invalid("AckEvery", "is %d: give 1 to %d", o.AckEvery, maxAnswers)
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: "Options." + field, Message: fmt.Sprintf(format, args...)}
}

func unplain(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
}

// madeName is a name that nobody else has.
func madeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "" // it only helps people
	}
	host = strings.Map(func(r rune) rune {
		if unplain(r) {
			return '-'
		}
		return r
	}, host)
	return fmt.Sprintf("%s-%d-%s", host[:min(len(host), 32)], os.Getpid(), nacre.NewID()[16:])
}
