// Package model is lists of things to do. It is pure, and does not know where it runs: [Lists] is the aggregate.
//
// Events name an item by its number, which is its list's own: 1, 2, 3 … A list has at most [MaxOpen] items that are
// not done.
package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre/decider"
)

// MaxOpen is how many items of a list may be open.
const MaxOpen = 100

// Command is what can be asked of a list. A command that nobody decides does not compile.
type Command interface {
	decide(List, decider.Context) ([]Event, error)
}

// Event is what can happen to a list.
type Event interface{ evolve(List) List }

// The commands.
type (
	Add struct {
		Text   string     `json:"text"`
		Due    *time.Time `json:"due,omitempty"`
		Labels []string   `json:"labels,omitempty"`
	}
	Complete struct {
		Item int `json:"item"`
	}
	Reopen struct {
		Item int `json:"item"`
	}
	Reword struct {
		Item int    `json:"item"`
		Text string `json:"text"`
	}
	Sweep struct{} // takes out what is done
)

// The events.
type (
	Added struct {
		Item   int        `json:"item"`
		Text   string     `json:"text"`
		Due    *time.Time `json:"due,omitempty"`
		Labels []string   `json:"labels,omitempty"`
	}
	Completed struct {
		Item int       `json:"item"`
		At   time.Time `json:"at"`
		Late bool      `json:"late,omitempty"`
	}
	Reopened struct {
		Item int `json:"item"`
	}
	Reworded struct {
		Item int    `json:"item"`
		Text string `json:"text"`
	}
	Swept struct {
		Items []int `json:"items"`
	}
)

// EventTags let a reader find what has a label.
func (e Added) EventTags() []string {
	tags := make([]string, len(e.Labels))
	for i, label := range e.Labels {
		tags[i] = "label:" + label
	}
	return tags
}

// List is the state of one.
type List struct {
	Items []Item `json:"items"`
	Last  int    `json:"last"` // the highest number so far
}

// Item is something to do.
type Item struct {
	Number int        `json:"number"`
	Text   string     `json:"text"`
	Due    *time.Time `json:"due,omitempty"`
	Labels []string   `json:"labels,omitempty"`
	Done   *time.Time `json:"done,omitempty"`
}

// The domain errors.
type (
	// NoItem: the list has no item of this number.
	NoItem struct {
		Item int `json:"item"`
	}
	// NoText: an item has to say what is to be done.
	NoText struct{}
	// TooMany: the list has as many open items as it may have.
	TooMany struct {
		Most int `json:"most"`
	}
)

func (e *NoItem) Error() string  { return fmt.Sprintf("there is no item %d", e.Item) }
func (e *NoText) Error() string  { return "an item needs a text" }
func (e *TooMany) Error() string { return fmt.Sprintf("there are %d open items: do one first", e.Most) }

func (c Add) decide(l List, _ decider.Context) ([]Event, error) {
	text := strings.TrimSpace(c.Text)
	open := 0
	for i := range l.Items {
		if l.Items[i].Done == nil {
			open++
		}
	}
	switch {
	case text == "":
		return nil, &NoText{}
	case open >= MaxOpen:
		return nil, &TooMany{Most: MaxOpen}
	}
	return []Event{Added{Item: l.Last + 1, Text: text, Due: c.Due, Labels: c.Labels}}, nil
}

func (c Complete) decide(l List, ctx decider.Context) ([]Event, error) {
	i := l.find(c.Item)
	switch {
	case i < 0:
		return nil, &NoItem{Item: c.Item}
	case l.Items[i].Done != nil:
		return nil, nil
	}
	due := l.Items[i].Due
	return []Event{Completed{Item: c.Item, At: ctx.Time, Late: due != nil && ctx.Time.After(*due)}}, nil
}

func (c Reopen) decide(l List, _ decider.Context) ([]Event, error) {
	i := l.find(c.Item)
	switch {
	case i < 0:
		return nil, &NoItem{Item: c.Item}
	case l.Items[i].Done == nil:
		return nil, nil
	}
	return []Event{Reopened(c)}, nil
}

func (c Reword) decide(l List, _ decider.Context) ([]Event, error) {
	text := strings.TrimSpace(c.Text)
	i := l.find(c.Item)
	switch {
	case text == "":
		return nil, &NoText{}
	case i < 0:
		return nil, &NoItem{Item: c.Item}
	case l.Items[i].Text == text:
		return nil, nil
	}
	return []Event{Reworded{Item: c.Item, Text: text}}, nil
}

func (Sweep) decide(l List, _ decider.Context) ([]Event, error) {
	var done []int
	for i := range l.Items {
		if l.Items[i].Done != nil {
			done = append(done, l.Items[i].Number)
		}
	}
	if len(done) == 0 {
		return nil, nil
	}
	return []Event{Swept{Items: done}}, nil
}

func (e Added) evolve(l List) List {
	l.Items = append(slices.Clip(l.Items), Item{Number: e.Item, Text: e.Text, Due: e.Due, Labels: e.Labels})
	l.Last = e.Item
	return l
}

func (e Completed) evolve(l List) List {
	return l.changed(e.Item, func(i *Item) { i.Done = &e.At })
}

func (e Reopened) evolve(l List) List {
	return l.changed(e.Item, func(i *Item) { i.Done = nil })
}

func (e Reworded) evolve(l List) List {
	return l.changed(e.Item, func(i *Item) { i.Text = e.Text })
}

func (e Swept) evolve(l List) List {
	l.Items = slices.DeleteFunc(slices.Clone(l.Items), func(i Item) bool { return slices.Contains(e.Items, i.Number) })
	return l
}

// find is the index of an item, -1 where there is none.
func (l List) find(number int) int {
	return slices.IndexFunc(l.Items, func(i Item) bool { return i.Number == number })
}

// changed is the list with one item changed; the list that it was stays as it was.
func (l List) changed(number int, change func(*Item)) List {
	if i := l.find(number); i >= 0 {
		l.Items = slices.Clone(l.Items)
		change(&l.Items[i])
	}
	return l
}

// Lists is the aggregate.
var Lists = decider.Decider[List, Command, Event]{
	Category: "todos",
	Decide:   func(l List, c Command, ctx decider.Context) ([]Event, error) { return c.decide(l, ctx) },
	Evolve:   func(l List, e Event) List { return e.evolve(l) },
	Commands: map[string]Command{"add": Add{}, "complete": Complete{}, "reopen": Reopen{}, "reword": Reword{}, "sweep": Sweep{}},
	Events: map[string]Event{
		"todo.added": Added{}, "todo.completed": Completed{}, "todo.reopened": Reopened{}, "todo.reworded": Reworded{}, "todos.swept": Swept{},
	},
}
