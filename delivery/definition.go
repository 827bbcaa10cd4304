package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

// KindGroup is the kind of consumer groups, whose events are asked for rather than sent. Every hub has it.
const KindGroup = "group"

// Spec is what a subscription shall be.
type Spec struct {
	// Name is what it is called: 1 to 64 characters of "a-z A-Z 0-9 . _ -". "" makes one of what the subscription
	// is, so that creating it again finds it; a group needs one.
	Name string
	// Kind is KindGroup, or the name of one of the hub's kinds.
	Kind string
	// Filter says which events. Nil is all.
	Filter nacre.Filter
	// Where is a condition over events, in the language of package query, that has to be true as well: of the events that
	// Filter selects, those of which it is true are delivered. "" is none.
	Where string
	// Start says from where on. Its zero value is the log's end.
	Start Start
	// Config is the kind's own.
	Config json.RawMessage
	// Policy is how events are delivered. Nil is the default of each field.
	Policy *Policy
}

// Start is where a subscription begins.
type Start struct {
	// Earliest begins with the first event.
	Earliest bool
	// After begins behind a position of the log. Nil is not used.
	After *nacre.Position
	// At begins with the first event that was created at this time or later. Zero is not used.
	At time.Time
}

// Order is which events wait for which.
type Order string

// The orders.
const (
	// ByStream: the events of a stream in their order, streams beside each other. It is the default.
	ByStream Order = "stream"
	// Global: each event waits for the one before it.
	Global Order = "global"
)

// Exhausted is what becomes of an event that was tried often enough.
type Exhausted string

// What can become of it.
const (
	// Park puts it with the dead letters, and its stream goes on. It is the default.
	Park Exhausted = "park"
	// Suspend stops the subscription, until it is resumed.
	Suspend Exhausted = "suspend"
)

// Policy is how events are delivered. Fields that are zero have their default.
type Policy struct {
	// Order is which events wait for which. Default ByStream.
	Order Order `json:"order,omitempty"`
	// Window is how many events may be read and not done. Streams that fail hold the others only when it is full of
	// them, or 16 MiB are. Default 1,000, at most 100,000.
	Window int `json:"window,omitempty"`
	// Parallel is how many batches are sent at once, each of another stream. Default 16, at most 1,000. A group has as
	// many as its consumers ask for.
	Parallel int `json:"parallel,omitempty"`
	// Batch is how many events of a stream are sent at once; with Global, of all streams. Default 1, at most 1,000.
	// For a group, it is how many of a stream a consumer is given at once; others follow when it has answered for all.
	Batch int `json:"batch,omitempty"`
	// Retry is how often an event is tried, and how long is waited in between.
	Retry Retry `json:"retry,omitzero"`
	// OnExhausted is what becomes of an event that was tried often enough. Default Park.
	OnExhausted Exhausted `json:"onExhausted,omitempty"`
	// AckDeadlineMS is for how long a consumer of a group has an event, in milliseconds, before another one gets it.
	// Default 30,000; 100 to 86,400,000.
	AckDeadlineMS int64 `json:"ackDeadlineMs,omitempty"`
	// Pinned gives all events of a stream to the same consumer of a group, as long as it lives. Otherwise each goes to
	// whoever asks.
	Pinned bool `json:"pinned,omitempty"`
}

// Limits of a policy, and of what stands around it.
const (
	maxName     = 64
	maxConfig   = 64 << 10
	maxWindow   = 100_000
	maxParallel = 1_000
	maxBatch    = 1_000
	// maxBatchBytes is about how much is sent at once, unless one event is more.
	maxBatchBytes = 1 << 20
	maxAttempts   = 1_000
	maxDeadline   = 24 * time.Hour
)

// filled is the policy with its defaults.
func (p *Policy) filled(kind string) Policy {
	var f Policy
	if p != nil {
		f = *p
	}
	set(&f.Order, ByStream)
	set(&f.Window, 1000)
	if kind != KindGroup {
		set(&f.Parallel, 16)
	} else {
		set(&f.AckDeadlineMS, 30_000)
	}
	set(&f.Batch, 1)
	set(&f.OnExhausted, Park)
	f.Retry.fill(kind)
	return f
}

func set[T comparable](to *T, value T) {
	var zero T
	if *to == zero {
		*to = value
	}
}

// check tells what is wrong with a policy that has its defaults.
func (p *Policy) check(kind string) error {
	group := kind == KindGroup
	switch {
	case p.Order != ByStream && p.Order != Global:
		return invalid("policy.order", `is %q: give "stream" or "global"`, p.Order)
	case p.Window < 1 || p.Window > maxWindow:
		return invalid("policy.window", "is %d: give 1 to %d", p.Window, maxWindow)
	case !group && (p.Parallel < 1 || p.Parallel > maxParallel):
		return invalid("policy.parallel", "is %d: give 1 to %d", p.Parallel, maxParallel)
	case group && p.Parallel != 0:
		return invalid("policy.parallel", "is for what sends: a group has as many as ask")
	case p.Batch < 1 || p.Batch > maxBatch:
		return invalid("policy.batch", "is %d: give 1 to %d", p.Batch, maxBatch)
	case p.Batch > p.Window:
		return invalid("policy.batch", "is %d, and the window %d: a batch has to fit", p.Batch, p.Window)
	case p.OnExhausted != Park && p.OnExhausted != Suspend:
		return invalid("policy.onExhausted", `is %q: give "park" or "suspend"`, p.OnExhausted)
	case group && (p.AckDeadlineMS < 100 || p.AckDeadlineMS > maxDeadline.Milliseconds()):
		return invalid("policy.ackDeadlineMs", "is %d: give 100 to %d", p.AckDeadlineMS, maxDeadline.Milliseconds())
	case !group && p.AckDeadlineMS != 0:
		return invalid("policy.ackDeadlineMs", "is for groups")
	case !group && p.Pinned:
		return invalid("policy.pinned", "is for groups")
	}
	return p.Retry.check()
}

// definition is a checked Spec, as it stands in the companion log. It is not changed.
type definition struct {
	name   string
	kind   string
	filter nacre.Filter
	after  nacre.Position // where it began
	config json.RawMessage
	policy Policy

	where     string           // as it was given; "" where there is none
	condition *query.Condition // nil where there is none, and where it does not read
	unread    string           // why it does not read
	within    nacre.Filter     // selects no more than filter, and all of that of which the condition is true
}

// choose takes over what is selected.
func (d *definition) choose(f nacre.Filter, where string) error {
	if err := f.Check("filter"); err != nil {
		return err
	}
	d.filter, d.where, d.condition, d.unread = slices.Clone(f), where, nil, ""
	if where != "" {
		var err error
		if d.condition, err = query.Where(where); err != nil {
			d.unread = err.Error()
			bad := nacre.Errorf(nacre.CodeInvalid, "is no condition over events: %w", err)
			bad.Field = "where"
			return bad
		}
	}
	d.within = d.condition.Narrow(d.filter)
	return nil
}

// meaning is the where in a form that is the same for the same.
func (d *definition) meaning() string {
	if d.unread != "" {
		return d.where
	}
	return d.condition.String()
}

// CheckName tells what is wrong with a subscription's name.
func CheckName(name string) error { return runnerID(name).Check() }

func plain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-'
}

// checkConfig is what every configuration has to be.
func checkConfig(kind string, config json.RawMessage) error {
	trimmed := bytes.TrimSpace(config)
	switch {
	case len(trimmed) == 0:
		return nil
	case len(trimmed) > maxConfig:
		return invalid("config", "has %d bytes: at most %d are taken", len(trimmed), maxConfig)
	case trimmed[0] != '{' || !json.Valid(trimmed):
		return invalid("config", "is no JSON object")
	case kind == KindGroup && string(trimmed) != "{}":
		return invalid("config", "is for what sends: what a group does stands in its policy")
	}
	return nil
}

// same tells whether two definitions send the same events to the same place.
func (d *definition) same(other *definition, kind Kind) bool {
	if d.kind != other.kind || !reflect.DeepEqual(d.filter, other.filter) || d.meaning() != other.meaning() || !reflect.DeepEqual(d.policy, other.policy) {
		return false
	}
	return kind == nil || kind.Same(d.config, other.config)
}

func invalid(field, format string, args ...any) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
