package runner

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// Intent is what was ordered and outlives the process that obeyed it.
type Intent struct {
	Paused  bool
	Rebuild bool // one is under way
}

// State is what a runner does.
type State string

// The states of runners.
const (
	CatchingUp State = "CATCHING_UP"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Rebuilding State = "REBUILDING"
	Failed     State = "FAILED"
	Stopped    State = "STOPPED"
)

// Failure is an error as it is kept and shown.
type Failure struct {
	Code     nacre.Code     `json:"code,omitempty"` // "" for an error of user code
	Message  string         `json:"message"`
	Position nacre.Position `json:"position,omitempty"`
	EventID  string         `json:"eventId,omitempty"`
	At       time.Time      `json:"at,omitzero"`
}

// FailureOf makes one of an error; nil of nil. What is no UTF-8 in its message is replaced.
func FailureOf(err error, at time.Time) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{Code: nacre.CodeOf(err), Message: strings.ToValidUTF8(err.Error(), "\uFFFD"), At: at.UTC()}
}

// Rebuild is how far a rebuild has come.
type Rebuild struct {
	Position    nacre.Position `json:"position"`
	Target      nacre.Position `json:"target"`
	StartedAt   time.Time      `json:"startedAt"`
	SecondsLeft float64        `json:"secondsLeft"` // 0 where it is not known
}

// Progress is what a runner reports.
type Progress struct {
	Position    nacre.Position `json:"position"` // the last that it is done with
	Head        nacre.Position `json:"head"`     // the log's end as it saw it
	Rate        float64        `json:"rate"`     // events a second
	DeadLetters int            `json:"deadLetters"`
	Rebuild     *Rebuild       `json:"rebuild,omitempty"`
}

// Status is a runner as its last heartbeat and its stream tell it.
type Status struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	State State  `json:"state"`
	// Held says that a process has the lease; without one, the state is what the last process left.
	Held bool `json:"held,omitempty"`
	// Stale says that it was running and that its heartbeats have stopped.
	Stale bool           `json:"stale,omitempty"`
	Lag   nacre.Position `json:"lag"` // positions between it and the log's end
	Progress
	Failure *Failure `json:"failure,omitempty"`
	// LastOrder is the order that was obeyed last; nil where none was.
	LastOrder *Obeyed   `json:"lastOrder,omitempty"`
	Term      int64     `json:"term"`
	Token     string    `json:"token,omitempty"`
	Beat      int64     `json:"beat"`
	Host      string    `json:"host,omitempty"`
	PID       int       `json:"pid,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
}

// Obeyed is what became of an order.
type Obeyed struct {
	Order   nacre.Position `json:"order"` // its place in the companion log
	Do      string         `json:"do"`
	Failure *Failure       `json:"failure,omitempty"` // why it was not carried out; nil where it was
	At      time.Time      `json:"at,omitzero"`
}

// List tells of all runners of a kind, or of both where it is "", by name.
func List(ctx context.Context, store *nacre.Store, kind string) ([]Status, error) {
	system, _, err := companion(store)
	if err != nil {
		return nil, err
	}
	list := []Status{}
	for info, err := range system.Streams(ctx, nacre.StreamQuery{Category: leaseCategory}) {
		if err != nil {
			return nil, err
		}
		id, ok := idOf(info.ID)
		if !ok || kind != "" && id.Kind != kind {
			continue
		}
		s, err := Get(ctx, store, id)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int {
		if n := strings.Compare(a.Kind, b.Kind); n != 0 {
			return n
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// Get tells of one runner. One that never ran is CodeNotFound.
func Get(ctx context.Context, store *nacre.Store, id ID) (Status, error) {
	if err := id.Check(); err != nil {
		return Status{}, err
	}
	system, blobs, err := companion(store)
	if err != nil {
		return Status{}, err
	}
	h, err := readHistory(ctx, system, id)
	if err != nil {
		return Status{}, err
	}
	if h.version < 0 {
		return Status{}, nacre.Errorf(nacre.CodeNotFound, "there is no %s %q: none of that name ever ran on this store", id.Kind, id.Name)
	}
	s, err := readBlob(ctx, blobs, id)
	if err != nil {
		return Status{}, err
	}
	if s.Term != h.term {
		s = Status{Progress: Progress{Position: h.position}, UpdatedAt: h.changedAt}
		if _, s.DeadLetters, err = FindLetters(ctx, store, LetterQuery{Kind: id.Kind, Name: id.Name, Limit: -1}); err != nil {
			return Status{}, err
		}
	}
	s.Kind, s.Name, s.Term, s.Token, s.Host, s.PID, s.StartedAt = id.Kind, id.Name, h.term, h.token, h.host, h.pid, h.startedAt
	s.State, s.Failure, s.Held, s.LastOrder = h.state, h.failure, h.held, h.last
	if !h.held {
		s.State, s.Position = Stopped, max(s.Position, h.position)
		s.Rate, s.Rebuild = 0, nil
		if h.state == Paused || h.state == Failed {
			s.State = h.state
		}
	}
	head, err := store.Head(ctx)
	if err != nil {
		return Status{}, err
	}
	s.Head = head.Position
	s.Lag = head.Position - min(s.Position, head.Position)
	s.Stale = h.held && time.Since(s.UpdatedAt) > staleAfter*h.lease
	return s, nil
}

// staleAfter is how many leases old the last heartbeat of a runner is that is told as stale. Clocks of two
// machines are compared here, for people to read; the lease itself does not do that.
const staleAfter = 3

// readBlob gives the last heartbeat; the zero Status where there is none that can be read.
func readBlob(ctx context.Context, blobs nacre.BlobKeeper, id ID) (Status, error) {
	data, err := blobs.GetBlob(ctx, id.blob())
	switch nacre.CodeOf(err) {
	case "":
	case nacre.CodeNotFound, nacre.CodeDamaged:
		return Status{}, nil
	default:
		return Status{}, err
	}
	var s Status
	if json.Unmarshal(data, &s) != nil {
		return Status{}, nil //nolint:nilerr // it is derived: the stream tells the rest
	}
	return s, nil
}
