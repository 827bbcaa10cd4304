package wire

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// KindSubscription is what dead letters of subscriptions are of.
const KindSubscription = "subscription"

// SubscriptionPolicy is how a subscription's events are delivered. Fields that are zero are not given.
type SubscriptionPolicy struct {
	Order         string             `json:"order,omitzero"` // "stream" or "global"
	Window        int                `json:"window,omitzero"`
	Parallel      int                `json:"parallel,omitzero"`
	Batch         int                `json:"batch,omitzero"`
	Retry         *SubscriptionRetry `json:"retry,omitzero"`
	OnExhausted   string             `json:"onExhausted,omitzero"` // "park" or "suspend"
	AckDeadlineMS int64              `json:"ackDeadlineMs,omitzero"`
	Pinned        bool               `json:"pinned,omitzero"`
}

// SubscriptionRetry is how often an event is tried, and how long is waited in between.
type SubscriptionRetry struct {
	MaxAttempts    int      `json:"maxAttempts,omitzero"`
	Strategy       string   `json:"strategy,omitzero"` // "exponential", "linear" or "fixed"
	InitialDelayMS int64    `json:"initialDelayMs,omitzero"`
	MaxDelayMS     int64    `json:"maxDelayMs,omitzero"`
	Multiplier     float64  `json:"multiplier,omitzero"`
	JitterPercent  *float64 `json:"jitterPercent,omitzero"`
}

// SubscriptionReply is a subscription as it is now. The last part is DeltaBase's; NewSubscriptionReply fills it.
type SubscriptionReply struct {
	Name           string             `json:"name"`
	SubscriptionID string             `json:"subscriptionId"`
	Kind           string             `json:"kind"`
	Status         string             `json:"status"` // ACTIVE, PAUSED, RETRYING or SUSPENDED; to DeltaBase's clients theirs
	Filter         json.RawMessage    `json:"filter"`
	Where          string             `json:"where,omitzero"` // as it was given
	After          nacre.Position     `json:"after"`          // where it began, or was sent back to
	Position       nacre.Position     `json:"position"`       // nothing is open before
	Head           nacre.Position     `json:"head"`           // the log's end, now
	Lag            nacre.Position     `json:"lag"`            // what lies between
	Open           int                `json:"open"`           // events that were read and are not done
	Waiting        int                `json:"waiting"`        // streams that wait after a failure
	NextAttempt    time.Time          `json:"nextAttempt,omitzero"`
	Tried          int                `json:"tried,omitzero"` // how often what is tried then has failed
	Delivered      uint64             `json:"delivered"`      // events, and Failed attempts, since the server looks after it
	Failed         uint64             `json:"failed"`
	Reason         string             `json:"reason,omitzero"` // why it is suspended
	LastError      *FailureReply      `json:"lastError,omitzero"`
	Consumers      []string           `json:"consumers,omitzero"`
	Config         json.RawMessage    `json:"config,omitzero"` // without secrets
	Policy         SubscriptionPolicy `json:"policy"`
	CreatedAt      time.Time          `json:"createdAt"`
	UpdatedAt      time.Time          `json:"updatedAt"`
	// Secret is what a webhook is signed with, where this reply is the one time that it is shown.
	Secret string `json:"secret,omitzero"`

	ID             string              `json:"id"`
	EventStoreName string              `json:"eventStoreName"`
	EventStoreID   string              `json:"eventStoreId"`
	EventFilter    json.RawMessage     `json:"eventFilter,omitzero"` // absent where types alone do not say it
	SubscriberID   string              `json:"subscriberId"`
	SubscriberType string              `json:"subscriberType"`
	StatusDetails  *SubscriptionErrors `json:"statusDetails,omitzero"`
	LastProcessed  nacre.Position      `json:"lastProcessedEventGlobalPosition"`
	Existing       *bool               `json:"isExistingSubscription,omitzero"`
	Message        string              `json:"message,omitzero"`
}

// SubscriptionErrors is what DeltaBase tells of a subscription's failures. RetryCount is how often the event that is tried
// at NextRetryAt has failed so far; 0 where none waits.
type SubscriptionErrors struct {
	LastError   string    `json:"lastError"`
	LastErrorAt time.Time `json:"lastErrorAt"`
	RetryCount  int       `json:"retryCount"`
	NextRetryAt time.Time `json:"nextRetryAt,omitzero"`
}

// The statuses of a subscription that DeltaBase calls otherwise.
const (
	subscriptionActive    = "ACTIVE"
	subscriptionPaused    = "PAUSED"
	subscriptionRetrying  = "RETRYING"
	subscriptionSuspended = "SUSPENDED"
	deltaBaseError        = "ERROR"
)

// SubscriptionStatuses are all statuses of a subscription.
var SubscriptionStatuses = []string{subscriptionActive, subscriptionPaused, subscriptionRetrying, subscriptionSuspended}

// FillDeltaBase fills what DeltaBase's clients look for, out of the rest.
func (r *SubscriptionReply) FillDeltaBase(store string, filter nacre.Filter) {
	r.SubscriptionID, r.ID, r.SubscriberID, r.SubscriberType = r.Name, r.Name, r.Name, r.Kind
	r.EventStoreName, r.EventStoreID = store, "nacre:"+store
	r.Filter = AppendFilter(nil, filter)
	switch patterns, ok := EventPatterns(filter); {
	case !ok || r.Where != "":
	case len(patterns) == 1:
		r.EventFilter = appendText(nil, patterns[0])
	default:
		r.EventFilter = appendTexts(nil, patterns)
	}
	r.LastProcessed = r.Position
	if r.LastError != nil {
		r.StatusDetails = &SubscriptionErrors{
			LastError: r.LastError.Message, LastErrorAt: r.LastError.At, RetryCount: r.Tried, NextRetryAt: r.NextAttempt,
		}
	}
}

// DeltaBaseStatus is what DeltaBase calls a status: one that was paused is SUSPENDED there, one that failures stopped is
// ERROR.
func DeltaBaseStatus(status string) string {
	switch status {
	case subscriptionPaused:
		return subscriptionSuspended
	case subscriptionSuspended:
		return deltaBaseError
	case subscriptionRetrying:
		return subscriptionActive
	}
	return status
}

// EventPatterns are the types that a filter selects, where types are all that it speaks of: "*" for every event.
func EventPatterns(f nacre.Filter) (patterns []string, ok bool) {
	if len(f) == 0 {
		return []string{"*"}, true
	}
	for i := range f {
		item := &f[i]
		if len(item.Types) == 0 || len(item.Tags)+len(item.Streams)+len(item.Categories) > 0 {
			return nil, false
		}
		patterns = append(patterns, item.Types...)
	}
	return patterns, true
}

// SubscriptionsReply is a page of subscriptions, by name.
type SubscriptionsReply struct {
	Subscriptions []SubscriptionReply `json:"subscriptions"`
	TotalCount    int                 `json:"totalCount"` // without limit and offset
	Pagination    Pagination          `json:"pagination"`
}

// AttemptReply is one try to deliver a batch.
type AttemptReply struct {
	At         time.Time      `json:"at"`
	ID         string         `json:"id,omitzero"` // the batch's; "" for a group
	Position   nacre.Position `json:"position"`    // of the first event
	Events     int            `json:"events"`      // how many
	EventID    string         `json:"eventId"`     // of the first
	StreamID   nacre.StreamID `json:"streamId"`    // of the first
	Type       string         `json:"type"`        // of the first
	Attempt    int            `json:"attempt"`     // from 1
	Status     int            `json:"status,omitzero"`
	DurationMS float64        `json:"durationMs"`
	Response   string         `json:"response,omitzero"`
	Error      string         `json:"error,omitzero"` // "" where it was taken
}

// AttemptsReply are a subscription's last attempts, the newest first.
type AttemptsReply struct {
	Deliveries []AttemptReply `json:"deliveries"`
	TotalCount int            `json:"totalCount"` // of those that are remembered
	Pagination Pagination     `json:"pagination"`
}

// LetterReply is an event that could not be delivered.
type LetterReply struct {
	ID       string         `json:"id"`
	Position nacre.Position `json:"position"`
	EventID  string         `json:"eventId"`
	StreamID nacre.StreamID `json:"streamId"`
	Type     string         `json:"type"`
	Message  string         `json:"message"` // why not
	Attempts int            `json:"attempts"`
	At       time.Time      `json:"at"`
}

// LettersReply is a page of a subscription's open dead letters, the oldest first.
type LettersReply struct {
	DeadLetters []LetterReply `json:"deadLetters"`
	TotalCount  int           `json:"totalCount"` // without limit and offset
	Pagination  Pagination    `json:"pagination"`
}

// RetriedReply answers a retry of dead letters.
type RetriedReply struct {
	Retried int `json:"retried"` // how many are under way
}

// DiscardedReply answers that dead letters are given up.
type DiscardedReply struct {
	Discarded int `json:"discarded"`
}

// SubscriptionsParams say which subscriptions a request lists; "" is any.
type SubscriptionsParams struct {
	Kind, Status, EventFilter string
	Limit, Offset             int
}

// ParseSubscriptions reads the parameters of a GET …/subscriptions: kind, or subscriberType, status, eventFilter, limit
// (100) and offset.
func ParseSubscriptions(values url.Values) (SubscriptionsParams, error) {
	q := newQuery(values)
	p := SubscriptionsParams{Kind: q.text("kind"), Status: q.text("status"), EventFilter: q.text("eventFilter")}
	if by := q.text("subscriberType"); by != "" {
		if p.Kind != "" && p.Kind != by {
			q.fail("subscriberType", "contradicts kind: give one")
		}
		p.Kind = by
	}
	switch p.Status {
	case "", subscriptionActive, subscriptionPaused, subscriptionRetrying, subscriptionSuspended:
	default:
		q.fail("status", "%.40q is not a status: give one of %s", p.Status, strings.Join(SubscriptionStatuses, ", "))
	}
	p.Limit, p.Offset = q.pageOf(100)
	return p, q.done()
}

// Values are the parameters that ParseSubscriptions reads as p.
func (p *SubscriptionsParams) Values() url.Values {
	q := pageValues(p.Limit, p.Offset)
	for name, value := range map[string]string{"kind": p.Kind, "status": p.Status, "eventFilter": p.EventFilter} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// PageParams are the parameters of a list that has no others.
type PageParams struct{ Limit, Offset int }

// ParsePage reads limit (100) and offset.
func ParsePage(values url.Values) (PageParams, error) {
	q := newQuery(values)
	var p PageParams
	p.Limit, p.Offset = q.pageOf(100)
	return p, q.done()
}

// Values are the parameters that ParsePage reads as p.
func (p *PageParams) Values() url.Values { return pageValues(p.Limit, p.Offset) }

func (q *query) pageOf(otherwise int) (limit, offset int) {
	limit = otherwise
	if n, given := q.integer("limit", 1, MaxLimit); given {
		limit = int(n)
	}
	n, _ := q.integer("offset", 0, math.MaxInt32)
	return limit, int(n)
}

func pageValues(limit, offset int) url.Values {
	q := url.Values{}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if offset > 0 {
		q.Set("offset", strconv.Itoa(offset))
	}
	return q
}
