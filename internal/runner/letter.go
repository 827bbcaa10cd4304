package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
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

// LetterQuery says which open dead letters are wanted.
type LetterQuery struct {
	// Kind and Name are the runner's; "" is any.
	Kind, Name string
	// ID is the letter's; "" is any.
	ID string
	// Offset passes over the oldest so many.
	Offset int
	// Limit is at most so many; 0 is no limit, and below 0 is none of them, for their number alone.
	Limit int
	// MaxBytes ends a page before it has more, but not before its first letter; 0 is no limit.
	MaxBytes int
}

// Letters are the open dead letters of a runner, or of all of a kind or of both where name or kind is "", the
// oldest first.
func Letters(ctx context.Context, store *nacre.Store, kind, name string) ([]Letter, error) {
	list, _, err := FindLetters(ctx, store, LetterQuery{Kind: kind, Name: name})
	return list, err
}

// GetLetter is one open dead letter; CodeNotFound where there is none.
func GetLetter(ctx context.Context, store *nacre.Store, id ID, letter string) (Letter, error) {
	if letter == "" {
		return Letter{}, invalid("letter", "is empty")
	}
	list, _, err := FindLetters(ctx, store, LetterQuery{Kind: id.Kind, Name: id.Name, ID: letter, Limit: 1})
	if err != nil {
		return Letter{}, err
	}
	if len(list) == 0 {
		return Letter{}, nacre.Errorf(nacre.CodeNotFound, "%s %q has no open dead letter %q", id.Kind, id.Name, letter)
	}
	return list[0], nil
}

// FindLetters gives a page of the open dead letters that a query selects, the oldest first, and how many it
// selects. Memory grows with their number and with the page, not with what they hold.
func FindLetters(ctx context.Context, store *nacre.Store, q LetterQuery) (page []Letter, total int, err error) {
	system, _, err := companion(store)
	if err != nil {
		return nil, 0, err
	}
	f := nacre.Filter{{Categories: []string{letterCategory}}}
	if q.Kind != "" && q.Name != "" {
		id := ID{Kind: q.Kind, Name: q.Name}
		if err := id.Check(); err != nil {
			return nil, 0, err
		}
		f = nacre.Filter{{Streams: []nacre.StreamID{id.letterStream()}}}
	}
	open, err := openLetters(ctx, system, f, &q)
	if err != nil {
		return nil, 0, err
	}
	total = len(open)
	page, err = readLetters(ctx, system, f, q.cut(open))
	return page, total, err
}

// OpenLetters are the ids of a runner's open dead letters.
func OpenLetters(ctx context.Context, store *nacre.Store, id ID) (map[string]bool, error) {
	system, _, err := companion(store)
	if err != nil {
		return nil, err
	}
	f := nacre.Filter{{Streams: []nacre.StreamID{id.letterStream()}}}
	open, err := openLetters(ctx, system, f, &LetterQuery{Kind: id.Kind, Name: id.Name})
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(open))
	for i := range open {
		ids[open[i].id] = true
	}
	return ids, nil
}

// openLetter is where an open dead letter stands.
type openLetter struct {
	id          string
	first, last nacre.Position // where it was buried; where it was buried again, and what holds
	size        int
}

// openLetters are those that a query selects, the oldest first.
func openLetters(ctx context.Context, system *nacre.Store, f nacre.Filter, q *LetterQuery) ([]openLetter, error) {
	type key struct {
		id     ID
		letter string
	}
	open := map[key]openLetter{}
	for e, err := range system.Read(ctx, f, &nacre.ReadOptions{Borrowed: true}) {
		if err != nil {
			return nil, err
		}
		id, ok := idOf(e.StreamID)
		if !ok || q.Kind != "" && id.Kind != q.Kind || q.Name != "" && id.Name != q.Name {
			continue
		}
		if e.Type != typeBuried && e.Type != typeSettled {
			continue
		}
		var l settled // which both have
		if err := json.Unmarshal(e.Data, &l); err != nil {
			return nil, unreadable(&e, err)
		}
		if q.ID != "" && l.ID != q.ID {
			continue
		}
		k := key{ID{Kind: strings.Clone(id.Kind), Name: strings.Clone(id.Name)}, l.ID}
		if e.Type == typeSettled {
			delete(open, k)
			continue
		}
		o, there := open[k]
		if !there {
			o.id, o.first = l.ID, e.GlobalPosition
		}
		o.last, o.size = e.GlobalPosition, len(e.Data)
		open[k] = o
	}
	return slices.SortedFunc(maps.Values(open), func(a, b openLetter) int { return cmp.Compare(a.first, b.first) }), nil
}

// cut gives the page.
func (q *LetterQuery) cut(open []openLetter) []openLetter {
	if q.Limit < 0 {
		return nil
	}
	open = open[min(q.Offset, len(open)):]
	if q.Limit > 0 {
		open = open[:min(q.Limit, len(open))]
	}
	bytes := 0
	for i := range open {
		if bytes += open[i].size; q.MaxBytes > 0 && i > 0 && bytes > q.MaxBytes {
			return open[:i]
		}
	}
	return open
}

// readLetters reads dead letters at their places.
func readLetters(ctx context.Context, system *nacre.Store, f nacre.Filter, open []openLetter) ([]Letter, error) {
	list := make([]Letter, len(open))
	if len(open) == 0 {
		return list, nil
	}
	at := make(map[nacre.Position]int, len(open))
	o := &nacre.ReadOptions{After: open[0].last - 1, Before: open[0].last + 1, Borrowed: true}
	for i := range open {
		last := open[i].last
		at[last] = i
		o.After, o.Before = min(o.After, last-1), max(o.Before, last+1)
	}
	for e, err := range system.Read(ctx, f, o) {
		if err != nil {
			return nil, err
		}
		i, wanted := at[e.GlobalPosition]
		if !wanted {
			continue
		}
		if err := json.Unmarshal(e.Data, &list[i]); err != nil {
			return nil, unreadable(&e, err)
		}
		id, _ := idOf(e.StreamID)
		list[i].Kind, list[i].Runner = strings.Clone(id.Kind), strings.Clone(id.Name)
	}
	return list, nil
}

func unreadable(e *nacre.Event, err error) error {
	return nacre.Errorf(nacre.CodeInternal, "event %d of the companion log does not read as a dead letter: %w", e.GlobalPosition, err)
}
