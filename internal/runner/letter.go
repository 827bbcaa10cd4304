package runner

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// The types of events in a stream of dead letters.
const (
	typeBuried  = "letter.buried"
	typeSettled = "letter.settled"
)

// What a dead letter is.
const (
	LetterEvent   = "event"
	LetterCommand = "command"
	LetterTimer   = "timer"
)

// How a letter was settled.
const (
	Retried   = "retried"
	Discarded = "discarded"
)

// Letter is what failed for good, with all that trying again needs.
type Letter struct {
	Kind      string          `json:"kind,omitempty"`   // of the runner; not stored
	Runner    string          `json:"runner,omitempty"` // its name; not stored
	ID        string          `json:"id"`
	What      string          `json:"what"`
	Instance  string          `json:"instance,omitempty"`
	Position  nacre.Position  `json:"position,omitempty"` // of the event that it is, or that caused it
	EventID   string          `json:"eventId,omitempty"`
	Stream    nacre.StreamID  `json:"stream,omitempty"`
	Type      string          `json:"type,omitempty"`
	Command   string          `json:"command,omitempty"`
	To        string          `json:"to,omitempty"`
	Payload   json.RawMessage `json:"payload,omitempty"`
	CommandID string          `json:"commandId,omitempty"`
	Timer     string          `json:"timer,omitempty"`
	Error     Failure         `json:"error"`
	Attempts  int             `json:"attempts"`
	At        time.Time       `json:"at,omitzero"`
	// Context is for the runner: what a retry carries on.
	Context json.RawMessage `json:"context,omitempty"`
}

type settled struct {
	ID  string `json:"id"`
	How string `json:"how"`
}

// Bury is the append of dead letters, for a commit to the companion log. Appending the same one again while it
// is open does harm to nobody: it counts once.
func Bury(id ID, letters ...Letter) nacre.Append {
	a := nacre.Append{Stream: id.letterStream()}
	for _, l := range letters {
		l.Kind, l.Runner = "", ""
		a.Events = append(a.Events, nacre.NewEvent(typeBuried, l))
	}
	return a
}

// Settle is the append that ends dead letters.
func Settle(id ID, how string, letters ...string) nacre.Append {
	a := nacre.Append{Stream: id.letterStream()}
	for _, l := range letters {
		a.Events = append(a.Events, nacre.NewEvent(typeSettled, settled{ID: l, How: how}))
	}
	return a
}

// Letters are the open dead letters of a runner, or of all of a kind or of both where name or kind is "", the
// oldest first.
func Letters(ctx context.Context, store *nacre.Store, kind, name string) ([]Letter, error) {
	system, _, err := companion(store)
	if err != nil {
		return nil, err
	}
	f := nacre.Filter{{Categories: []string{letterCategory}}}
	if kind != "" && name != "" {
		id := ID{Kind: kind, Name: name}
		if err := id.Check(); err != nil {
			return nil, err
		}
		f = nacre.Filter{{Streams: []nacre.StreamID{id.letterStream()}}}
	}
	type key struct {
		id     ID
		letter string
	}
	open := map[key]int{} // where in list
	list := []Letter{}
	for e, err := range system.Read(ctx, f, &nacre.ReadOptions{Borrowed: true}) {
		if err != nil {
			return nil, err
		}
		id, ok := idOf(e.StreamID)
		if !ok || kind != "" && id.Kind != kind || name != "" && id.Name != name {
			continue
		}
		id = ID{Kind: strings.Clone(id.Kind), Name: strings.Clone(id.Name)}
		switch e.Type {
		case typeBuried:
			var l Letter
			if err := json.Unmarshal(e.Data, &l); err != nil {
				return nil, nacre.Errorf(nacre.CodeInternal, "event %d of the companion log does not read as a dead letter: %w", e.GlobalPosition, err)
			}
			l.Kind, l.Runner = id.Kind, id.Name
			k := key{id, l.ID}
			if at, there := open[k]; there {
				list[at] = l
				continue
			}
			open[k] = len(list)
			list = append(list, l)
		case typeSettled:
			var s settled
			if err := json.Unmarshal(e.Data, &s); err != nil {
				return nil, nacre.Errorf(nacre.CodeInternal, "event %d of the companion log does not read as a settled letter: %w", e.GlobalPosition, err)
			}
			k := key{id, s.ID}
			if at, there := open[k]; there {
				list[at].ID = ""
				delete(open, k)
			}
		}
	}
	return slices.DeleteFunc(list, func(l Letter) bool { return l.ID == "" }), nil
}

// GetLetter is one open dead letter; CodeNotFound where there is none.
func GetLetter(ctx context.Context, store *nacre.Store, id ID, letter string) (Letter, error) {
	list, err := Letters(ctx, store, id.Kind, id.Name)
	if err != nil {
		return Letter{}, err
	}
	if i := slices.IndexFunc(list, func(l Letter) bool { return l.ID == letter }); i >= 0 {
		return list[i], nil
	}
	return Letter{}, nacre.Errorf(nacre.CodeNotFound, "%s %q has no open dead letter %q", id.Kind, id.Name, letter)
}
