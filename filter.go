package nacre

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Filter selects what matches any of its items, or everything where it has none. Reads, subscriptions
// and conditions share it.
type Filter []FilterItem

// FilterItem matches where each field that is set does: one of Streams, one of Categories, one of
// Types, every one of Tags. An item with nothing set matches everything.
//
// A "*" in a type stands for one or more characters, dots included: "order.*" matches "order.placed"
// and "order.line.added", "*.placed" matches "order.placed", "*" every type. Streams, categories and
// tags have no wildcards.
type FilterItem struct {
	Streams                 []StreamID
	Categories, Types, Tags []string
}

// Matches tells whether the filter selects the event: what every driver's index must agree with.
func (f Filter) Matches(e *Event) bool {
	if len(f) == 0 {
		return true
	}
	for i := range f {
		if f[i].Matches(e) {
			return true
		}
	}
	return false
}

// Matches tells whether each field that is set matches the event.
func (it *FilterItem) Matches(e *Event) bool {
	if len(it.Streams) > 0 && !slices.Contains(it.Streams, e.StreamID) {
		return false
	}
	if len(it.Categories) > 0 && !slices.Contains(it.Categories, e.StreamID.Category()) {
		return false
	}
	if len(it.Types) > 0 && !matchesAny(it.Types, e.Type) {
		return false
	}
	for _, tag := range it.Tags {
		if !slices.Contains(e.Tags, tag) {
			return false
		}
	}
	return true
}

func (it *FilterItem) all() bool {
	return len(it.Streams)+len(it.Categories)+len(it.Types)+len(it.Tags) == 0
}

// All tells whether the filter selects everything.
func (f Filter) All() bool {
	return len(f) == 0 || slices.ContainsFunc(f, func(it FilterItem) bool { return it.all() })
}

func matchesAny(patterns []string, eventType string) bool {
	for _, p := range patterns {
		if MatchType(p, eventType) {
			return true
		}
	}
	return false
}

// MatchType tells whether a filter's type pattern matches an event's type.
func MatchType(pattern, eventType string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == eventType
	}
	if !strings.HasPrefix(eventType, head) {
		return false
	}
	text := eventType[len(head):]
	for {
		// A "*" was passed: it takes at least one character.
		_, one := utf8.DecodeRuneInString(text)
		if one == 0 {
			return false
		}
		var part string
		part, rest, wild = strings.Cut(rest, "*")
		if !wild {
			return len(text) >= one+len(part) && strings.HasSuffix(text, part)
		}
		at := strings.Index(text[one:], part)
		if at < 0 {
			return false
		}
		text = text[one+at+len(part):]
	}
}
