package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nacredb/nacre"
)

// The types of events in a runner's stream.
const (
	typeStarted = "runner.started"
	typeChanged = "runner.changed"
	typeObeyed  = "runner.obeyed"
	typeStopped = "runner.stopped"
	typeOrdered = "runner.ordered"
)

// record is the data of every type in a runner's stream.
type record struct {
	Term      int64          `json:"term"`
	Token     string         `json:"token,omitempty"`
	Host      string         `json:"host,omitempty"`
	PID       int            `json:"pid,omitempty"`
	Lease     float64        `json:"lease,omitempty"` // seconds
	StartedAt time.Time      `json:"startedAt,omitzero"`
	Space     string         `json:"space,omitempty"` // in which PID means something
	State     State          `json:"state,omitempty"`
	Paused    bool           `json:"paused,omitempty"`
	Rebuild   bool           `json:"rebuild,omitempty"`
	Position  nacre.Position `json:"position,omitempty"`
	Order     nacre.Position `json:"order,omitempty"`
	Do        string         `json:"do,omitempty"`
	Failure   *Failure       `json:"failure,omitempty"`
}

// history is what a runner's stream comes to.
type history struct {
	version   int64 // of the stream
	held      bool
	term      int64
	token     string
	host      string
	pid       int
	space     string
	intent    Intent
	lease     time.Duration
	startedAt time.Time
	state     State
	position  nacre.Position
	failure   *Failure
	obeyed    nacre.Position // the last order, in the companion log
	last      *Obeyed
	changedAt time.Time
}

func readHistory(ctx context.Context, system *nacre.Store, id ID) (history, error) {
	h := history{version: -1, state: Stopped}
	return h, h.readOn(ctx, system, id)
}

// readOn takes what was appended since.
func (h *history) readOn(ctx context.Context, system *nacre.Store, id ID) error {
	o := &nacre.ReadOptions{From: h.version + 1, Borrowed: true}
	for e, err := range system.ReadStream(ctx, id.leaseStream(), o) {
		if err != nil {
			return err
		}
		var r record
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return nacre.Errorf(nacre.CodeInternal, "event %d of the companion log does not read as a runner's: %w", e.GlobalPosition, err)
		}
		h.take(&e, &r)
	}
	return nil
}

func (h *history) take(e *nacre.Event, r *record) {
	h.version, h.changedAt = e.StreamPosition, e.CreatedAt
	switch e.Type {
	case typeStarted:
		h.held, h.term, h.token, h.host, h.pid, h.space, h.startedAt = true, r.Term, r.Token, r.Host, r.PID, r.Space, r.StartedAt
		h.lease = time.Duration(r.Lease * float64(time.Second))
		h.state, h.failure = CatchingUp, nil
		if h.intent.Paused {
			h.state = Paused
		}
	case typeChanged:
		h.state, h.failure = r.State, r.Failure
		h.intent = Intent{Paused: r.Paused || r.State == Paused, Rebuild: r.Rebuild}
		h.position = max(h.position, r.Position)
	case typeObeyed:
		h.obeyed = max(h.obeyed, r.Order)
		h.last = &Obeyed{Order: r.Order, Do: r.Do, Failure: r.Failure, At: e.CreatedAt}
	case typeStopped:
		h.held = false
		h.position = r.Position
		if r.Failure != nil {
			h.state, h.failure = Failed, r.Failure
		}
	}
}
