package wire

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// The kinds of runners.
const (
	KindProjection = "projection"
	KindProcess    = "process"
)

// RunnerReply is a projection or a process manager, as its program told it last.
type RunnerReply struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State string `json:"state"` // CATCHING_UP, RUNNING, PAUSED, REBUILDING, FAILED or STOPPED
	// Held says that a program runs it. Where none does, State is what the last one left.
	Held bool `json:"held"`
	// Stale says that a program should be running it, and has given no sign of life for long.
	Stale    bool           `json:"stale"`
	Position nacre.Position `json:"position"` // the last that it is done with
	Head     nacre.Position `json:"head"`     // the log's end, now
	Lag      nacre.Position `json:"lag"`      // what lies between
	Rate     float64        `json:"rate"`     // events a second
	// SecondsLeft is until it has caught up, at this rate; 0 where that is not known, or nothing is left.
	SecondsLeft float64       `json:"secondsLeft,omitzero"`
	DeadLetters int           `json:"deadLetters"` // those that are open
	Rebuild     *RebuildReply `json:"rebuild,omitzero"`
	Failure     *FailureReply `json:"failure,omitzero"`
	LastOrder   *ObeyedReply  `json:"lastOrder,omitzero"`
	Term        int64         `json:"term"` // how often it has been started
	Host        string        `json:"host,omitzero"`
	PID         int           `json:"pid,omitzero"`
	StartedAt   time.Time     `json:"startedAt,omitzero"`
	UpdatedAt   time.Time     `json:"updatedAt,omitzero"`
}

// RebuildReply is how far a rebuild has come.
type RebuildReply struct {
	Position    nacre.Position `json:"position"`
	Target      nacre.Position `json:"target"`
	StartedAt   time.Time      `json:"startedAt"`
	SecondsLeft float64        `json:"secondsLeft,omitzero"` // 0 where it is not known
}

// FailureReply is an error that was kept.
type FailureReply struct {
	Code     nacre.Code     `json:"code,omitzero"` // "" for an error of the program's own
	Message  string         `json:"message"`
	Position nacre.Position `json:"position,omitzero"`
	EventID  string         `json:"eventId,omitzero"`
	At       time.Time      `json:"at,omitzero"`
}

// ObeyedReply is what became of an order.
type ObeyedReply struct {
	Order   nacre.Position `json:"order"` // its place in the companion log
	Do      string         `json:"do"`
	At      time.Time      `json:"at,omitzero"`
	Failure *FailureReply  `json:"failure,omitzero"` // why it was not carried out
}

// ProjectionsReply are a store's projections.
type ProjectionsReply struct {
	Projections []RunnerReply `json:"projections"`
}

// ProcessManagersReply are a store's process managers.
type ProcessManagersReply struct {
	ProcessManagers []RunnerReply `json:"processManagers"`
}

// OrderReply is an order that was given. It has been obeyed when the runner's LastOrder.Order is not below Order.
type OrderReply struct {
	Order  nacre.Position `json:"order"` // its place in the companion log
	Kind   string         `json:"kind"`
	Name   string         `json:"name"`
	Do     string         `json:"do"`
	Letter string         `json:"letter,omitzero"` // "" where no dead letter is meant, or all are
	By     string         `json:"by"`
	At     time.Time      `json:"at"`
}

// DeadLetterReply is what failed for good.
type DeadLetterReply struct {
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	ID        string          `json:"id"`
	What      string          `json:"what"` // "event", "command" or "timer"
	Instance  string          `json:"instance,omitzero"`
	Position  nacre.Position  `json:"position,omitzero"`
	EventID   string          `json:"eventId,omitzero"`
	StreamID  nacre.StreamID  `json:"streamId,omitzero"`
	Type      string          `json:"type,omitzero"`
	Command   string          `json:"command,omitzero"`
	To        string          `json:"to,omitzero"`
	Payload   json.RawMessage `json:"payload,omitzero"`
	CommandID string          `json:"commandId,omitzero"`
	Timer     string          `json:"timer,omitzero"`
	Error     FailureReply    `json:"error"`
	Attempts  int             `json:"attempts"`
	At        time.Time       `json:"at,omitzero"`
	Context   json.RawMessage `json:"context,omitzero"`
}

// DeadLettersReply is a page of open dead letters, the oldest first.
type DeadLettersReply struct {
	DeadLetters []DeadLetterReply `json:"deadLetters"`
	TotalCount  int               `json:"totalCount"` // without limit and offset
	Pagination  Pagination        `json:"pagination"`
}

// OrderRequest is the body of a POST that orders something of a runner.
type OrderRequest struct {
	By string `json:"by,omitzero"` // "" is whoever the credential says
}

// maxBy is what the name of who orders something may have.
const maxBy = 255 // characters

// DecodeOrder reads an OrderRequest; no body is an empty one.
func DecodeOrder(body []byte) (OrderRequest, error) {
	var r OrderRequest
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		if s.known([]string{"by"}) == 0 {
			if r.By = s.given(); utf8.RuneCountInString(r.By) > maxBy {
				s.fail("has more than %d characters", maxBy)
			}
		}
	}
	if err := s.end(); err != nil {
		return OrderRequest{}, err
	}
	return r, nil
}

// DeadLettersParams say which dead letters a request lists.
type DeadLettersParams struct {
	Kind, Name    string // of the runner or subscription; "" is any
	ID            string // "" is any
	Limit, Offset int
}

// ParseDeadLetters reads the parameters of a GET …/dead-letters of all runners and subscriptions: kind, name, id, limit (100) and
// offset.
func ParseDeadLetters(values url.Values) (DeadLettersParams, error) {
	q := newQuery(values)
	var p DeadLettersParams
	p.Kind, p.Name = q.text("kind"), q.text("name")
	if p.Kind != "" && p.Kind != KindProjection && p.Kind != KindProcess && p.Kind != KindSubscription {
		q.fail("kind", "%.40q is not a kind: give %s, %s or %s", p.Kind, KindProjection, KindProcess, KindSubscription)
	}
	p.page(q)
	return p, q.done()
}

// ParseRunnerDeadLetters reads those of a GET of one runner's: id, limit (100) and offset.
func ParseRunnerDeadLetters(values url.Values) (DeadLettersParams, error) {
	q := newQuery(values)
	var p DeadLettersParams
	p.page(q)
	return p, q.done()
}

func (p *DeadLettersParams) page(q *query) {
	p.ID, p.Limit = q.text("id"), 100
	if n, given := q.integer("limit", 1, MaxLimit); given {
		p.Limit = int(n)
	}
	offset, _ := q.integer("offset", 0, math.MaxInt32)
	p.Offset = int(offset)
}

// Values are the parameters that ParseDeadLetters reads as p.
func (p *DeadLettersParams) Values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"kind": p.Kind, "name": p.Name, "id": p.ID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Offset > 0 {
		q.Set("offset", strconv.Itoa(p.Offset))
	}
	return q
}
