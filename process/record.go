package process

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// The types of a manager's events in the companion log, see spec/processes.md.
const (
	typeCommitted = "process.committed"
	typeReacted   = "process.reacted"
)

// origin is the command context that is carried on: of an event to the commands and timers that it causes, and
// of those to theirs.
type origin struct {
	Actor         string `json:"actor,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
	CausationID   string `json:"causationId,omitempty"`
	SourceDevice  string `json:"sourceDevice,omitempty"`
}

func (o *origin) context() decider.Context {
	return decider.Context{Actor: o.Actor, CorrelationID: o.CorrelationID, CausationID: o.CausationID, SourceDevice: o.SourceDevice}
}

// originOf is what an event's commands carry on.
func originOf(e *nacre.Event) origin {
	var m struct {
		Actor        string `json:"actor"`
		SourceDevice string `json:"sourceDevice"`
	}
	if len(e.Metadata) > 0 && codec.Unmarshal(e.Metadata, &m) != nil {
		m.Actor, m.SourceDevice = "", "" // members of these names that are no text say nothing here
	}
	return origin{Actor: m.Actor, SourceDevice: m.SourceDevice, CorrelationID: e.CorrelationID(), CausationID: e.ID}
}

// timer is what wakes an instance.
type timer struct {
	Name string    `json:"name"`
	Due  time.Time `json:"due"`
	Set  int64     `json:"set"` // the version of the record that set it
	origin
}

// same tells whether it is one timer, and not another of that name.
func (t *timer) same(o *timer) bool { return t.Name == o.Name && t.Set == o.Set && t.Due.Equal(o.Due) }

// command is one that an instance asked for.
type command struct {
	ID       string          `json:"id"`
	To       string          `json:"to"`
	Name     string          `json:"name"`
	Payload  json.RawMessage `json:"payload,omitempty"`
	Life     int64           `json:"life"`
	Position nacre.Position  `json:"position"`
	Letter   string          `json:"letter,omitempty"`
	origin
}

// eventInput is an event that an instance took.
type eventInput struct {
	Position nacre.Position `json:"position"`
	ID       string         `json:"id"`
	Stream   nacre.StreamID `json:"stream"`
	Type     string         `json:"type"`
	Index    int            `json:"index"`
}

// timerInput is a timer that an instance took.
type timerInput struct {
	Name string    `json:"name"`
	Due  time.Time `json:"due"`
	Set  int64     `json:"set"`
}

// rejection is a command that a domain error refused.
type rejection struct {
	Command string          `json:"command"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

// input is what an instance reacted to: one of these.
type input struct {
	Event    *eventInput `json:"event,omitempty"`
	Timer    *timerInput `json:"timer,omitempty"`
	Rejected *rejection  `json:"rejected,omitempty"`
	Retried  string      `json:"retried,omitempty"`
}

// record is the data of process.reacted.
type record struct {
	Input  *input          `json:"input,omitempty"` // absent in the blob
	Life   int64           `json:"life"`
	Began  nacre.Position  `json:"began"`
	State  json.RawMessage `json:"state,omitempty"`
	Outbox []command       `json:"outbox,omitempty"`
	Timers []timer         `json:"timers,omitempty"`
	Done   bool            `json:"done,omitempty"`
}

// place is an event of the user's log.
type place struct {
	Position nacre.Position `json:"position"`
	ID       string         `json:"id"`
}

// held is an input that is read and not yet taken.
type held struct {
	Key      string         `json:"key"`
	Position nacre.Position `json:"position,omitempty"`
	ID       string         `json:"id,omitempty"`
	Index    int            `json:"index,omitempty"`
	Instance string         `json:"instance,omitempty"`
	Timer    *timer         `json:"timer,omitempty"`
	Letter   string         `json:"letter,omitempty"`
	Life     int64          `json:"life,omitempty"` // of the instance, where it is a dead letter
}

// How something ended.
const (
	endedDispatched = "dispatched"
	endedDead       = "dead"
	endedDiscarded  = "discarded"
)

// ended is a command or timer that is no longer to be done.
type ended struct {
	Instance string      `json:"instance"`
	Command  string      `json:"command,omitempty"`
	Timer    *timerInput `json:"timer,omitempty"`
	How      string      `json:"how"`
}

// committed is the data of process.committed.
type committed struct {
	Position nacre.Position `json:"position"`
	Epoch    string         `json:"epoch"`
	Seen     *place         `json:"seen,omitempty"`
	Known    nacre.Position `json:"known,omitempty"`
	Held     []held         `json:"held,omitempty"`
	Taken    []string       `json:"taken,omitempty"`
	Ended    []ended        `json:"ended,omitempty"`
}

// newEvent makes an event of a manager.
func newEvent(manager, eventType, id string, data any) (nacre.Event, error) {
	raw, err := codec.Marshal(data)
	if err != nil {
		return nacre.Event{}, &nacre.Error{Code: nacre.CodeInternal, Message: "a record does not encode", Err: err}
	}
	return nacre.Event{ID: id, Type: eventType, Data: raw, Tags: []string{tagPrefix + manager}}, nil
}

// read decodes the data of one of a manager's events.
func read(e *nacre.Event, into any) error {
	if err := codec.Unmarshal(e.Data, into); err != nil {
		return &nacre.Error{
			Code:    nacre.CodeDamaged,
			Message: "event " + e.ID + " of stream " + string(e.StreamID) + " in the companion log does not read as " + e.Type, Err: err,
		}
	}
	return nil
}

// without gives the timers but for the one of that name.
func without(timers []timer, name string) []timer {
	i := slices.IndexFunc(timers, func(t timer) bool { return t.Name == name })
	if i < 0 {
		return timers
	}
	return slices.Concat(timers[:i], timers[i+1:])
}
