package delivery

import (
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

// index finds the live subscriptions that may want an event without asking each. Every item of a filter is filed under
// one thing that it needs. Its lock is the hub's.
type index struct {
	streams    map[nacre.StreamID][]*subscription
	categories map[string][]*subscription
	types      map[string][]*subscription
	prefixes   affixes // of types
	suffixes   affixes
	tags       map[string][]*subscription
	rest       []*subscription // whose items need none of these
	filed      map[*subscription][]func()
	round      uint64
}

func (x *index) init() {
	*x = index{
		streams: map[nacre.StreamID][]*subscription{}, categories: map[string][]*subscription{},
		types: map[string][]*subscription{}, prefixes: newAffixes(), suffixes: newAffixes(), tags: map[string][]*subscription{},
		filed: map[*subscription][]func(){},
	}
}

func (x *index) len() int { return len(x.filed) }

// add files a subscription.
func (x *index) add(s *subscription) {
	if x.filed[s] != nil {
		return
	}
	undo := []func(){func() {}}
	items := s.within
	if len(items) == 0 {
		items = nacre.Filter{{}}
	}
	for i := range items {
		it := &items[i]
		switch {
		case len(it.Streams) > 0:
			undo = append(undo, file(x.streams, it.Streams, s))
		case len(it.Types) > 0:
			for _, pattern := range it.Types {
				undo = append(undo, x.addType(pattern, s))
			}
		case len(it.Tags) > 0:
			undo = append(undo, file(x.tags, it.Tags[:1], s))
		case len(it.Categories) > 0:
			undo = append(undo, file(x.categories, it.Categories, s))
		default:
			undo = append(undo, x.addRest(s))
		}
	}
	x.filed[s] = undo
}

// addType files a subscription under what a type must be, begin with, or end with.
func (x *index) addType(pattern string, s *subscription) func() {
	first, last := strings.IndexByte(pattern, '*'), strings.LastIndexByte(pattern, '*')
	switch {
	case first < 0:
		return file(x.types, []string{pattern}, s)
	case first > 0:
		return x.prefixes.add(pattern[:first], s)
	case last < len(pattern)-1:
		return x.suffixes.add(pattern[last+1:], s)
	}
	return x.addRest(s)
}

func (x *index) addRest(s *subscription) func() {
	x.rest = append(x.rest, s)
	return func() { x.rest = without(x.rest, s) }
}

// affixes are beginnings or ends of texts, found by their lengths, of which there are few.
type affixes struct {
	lengths map[int]int // how often each is there
	texts   map[string][]*subscription
}

func newAffixes() affixes {
	return affixes{lengths: map[int]int{}, texts: map[string][]*subscription{}}
}

func (a *affixes) add(text string, s *subscription) func() {
	undo := file(a.texts, []string{text}, s)
	n := len(text)
	a.lengths[n]++
	return func() {
		undo()
		if a.lengths[n]--; a.lengths[n] == 0 {
			delete(a.lengths, n)
		}
	}
}

// remove takes a subscription out.
func (x *index) remove(s *subscription) {
	for _, undo := range x.filed[s] {
		undo()
	}
	delete(x.filed, s)
}

func file[K comparable](under map[K][]*subscription, keys []K, s *subscription) func() {
	keys = slices.Clone(keys)
	for _, k := range keys {
		under[k] = append(under[k], s)
	}
	return func() {
		for _, k := range keys {
			if under[k] = without(under[k], s); len(under[k]) == 0 {
				delete(under, k)
			}
		}
	}
}

// without takes one s out of a list.
func without(list []*subscription, s *subscription) []*subscription {
	if i := slices.Index(list, s); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// match gives those that want an event, each once, as far as filters tell; out is used again.
func (x *index) match(e *nacre.Event, out []*subscription) []*subscription {
	x.round++
	out = x.some(out[:0], x.streams[e.StreamID], e)
	out = x.some(out, x.types[e.Type], e)
	if len(x.categories) > 0 {
		out = x.some(out, x.categories[e.StreamID.Category()], e)
	}
	for n := range x.prefixes.lengths {
		if n < len(e.Type) {
			out = x.some(out, x.prefixes.texts[e.Type[:n]], e)
		}
	}
	for n := range x.suffixes.lengths {
		if n < len(e.Type) {
			out = x.some(out, x.suffixes.texts[e.Type[len(e.Type)-n:]], e)
		}
	}
	for _, t := range e.Tags {
		out = x.some(out, x.tags[t], e)
	}
	return x.some(out, x.rest, e)
}

func (x *index) some(out, may []*subscription, e *nacre.Event) []*subscription {
	for _, s := range may {
		if s.met != x.round && s.within.Matches(e) {
			s.met = x.round
			out = append(out, s)
		}
	}
	return out
}
