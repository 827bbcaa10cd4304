package filestore

import (
	"slices"

	"github.com/nacredb/nacre"
)

// freshTerms remembers, roughly, the terms of all events behind a position, among them those that may wait
// to be indexed: what a request looks for and is not among them need not wait for the index, and need not be
// looked for again by whoever has looked that far already. It is the sequencer's.
type freshTerms struct {
	since nacre.Position
	bits  [1 << 10]uint64
	count int
}

// manyFresh is how many terms it may remember before it should forget those that have been indexed: of
// 65,536 bits, one in eight.
const manyFresh = 8 << 10

func (f *freshTerms) add(terms []uint64) {
	for _, t := range terms {
		f.bits[t>>6&1023] |= 1 << (t & 63)
	}
	f.count += len(terms)
}

func (f *freshTerms) has(term uint64) bool { return f.bits[term>>6&1023]&(1<<(term&63)) != 0 }

// clear forgets the terms up to a position, the last one that was given. All up to it has been indexed.
func (f *freshTerms) clear(upTo nacre.Position) {
	if f.count > 0 {
		*f = freshTerms{}
	}
	f.since = upTo
}

func (f *freshTerms) anyOf(terms []uint64) bool { return slices.ContainsFunc(terms, f.has) }

// concerns tells whether a request looks for something that may wait to be indexed.
func (f *freshTerms) concerns(r *request) bool {
	if f.count == 0 {
		return false
	}
	if r.given {
		for i := range r.appends {
			for _, id := range r.appends[i].given {
				if f.has(id) {
					return true
				}
			}
		}
	}
	for i := range r.appends {
		if a := &r.appends[i]; a.termed && !a.settled && f.has(a.kindTerm) {
			return true
		}
	}
	return r.cond != nil && f.mayMatch(&r.cond.selection)
}

func (f *freshTerms) mayMatch(s *selection) bool {
	for i := range s.items {
		it := &s.items[i]
		may := (len(it.streams) == 0 || f.anyOf(it.streams)) &&
			(len(it.categories) == 0 || f.anyOf(it.categories)) &&
			(len(it.types) == 0 || len(it.patterns) > 0 || f.anyOf(it.types))
		for k := 0; may && k < len(it.tags); k++ {
			may = f.has(it.tags[k])
		}
		if may {
			return true
		}
	}
	return false
}
