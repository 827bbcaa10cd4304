package filestore

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// kinds is what is known of categories, whether their streams are merge streams: of acknowledged events only, which
// decide for ever. It is a memory of what the index tells, and may forget.
type kinds struct {
	// any: the log may have merge streams. Until then nobody looks at kinds. The sequencer sets it with the first one.
	any atomic.Bool

	mu    sync.RWMutex
	merge map[string]bool
}

// manyKinds is how many categories are remembered.
const manyKinds = 4096

func (k *kinds) get(category string) (merge, known bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	merge, known = k.merge[category]
	return merge, known
}

func (k *kinds) put(category string, merge bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.merge == nil || len(k.merge) >= manyKinds {
		k.merge = make(map[string]bool)
	}
	k.merge[strings.Clone(category)] = merge
}

// open tells whether the kind of a category that is appended to is not known to be right.
func (k *kinds) open(r *request) bool {
	if !r.merge && !k.any.Load() {
		return false
	}
	open := false
	for i := range r.appends {
		a := &r.appends[i]
		if !a.settled {
			merge, known := k.get(a.stream.Category())
			a.settled = known && merge == r.merge
		}
		open = open || !a.settled
	}
	return open
}

// learn remembers what a request that was acknowledged has decided.
func (k *kinds) learn(r *request) {
	if !r.merge && !k.any.Load() {
		return
	}
	for i := range r.appends {
		if a := &r.appends[i]; !a.settled {
			k.put(a.stream.Category(), r.merge)
		}
	}
}

// mayHaveMerges tells whether the log may have merge streams. Where the index cannot be read, it may.
func (l *log) mayHaveMerges() bool {
	s := l.acquire()
	defer s.release()
	term := l.hasher.Term(index.Genesis, "")
	for c := range s.chunks(forward, 1, nacre.Position(index.End)) {
		if p, err := c.lookup(term); err != nil || p.Count() > 0 {
			return true
		}
	}
	return false
}

// checkKinds looks, up to a position, for events that tell the kinds of the categories that are appended to. Where
// there are none, the sequencer looks at what is behind.
func (l *log) checkKinds(s *snapshot, r *request, upTo nacre.Position) error {
	for i := range r.appends {
		a := &r.appends[i]
		if a.settled {
			continue
		}
		category := a.stream.Category()
		merge, known := l.kinds.get(category)
		if !known {
			if !a.termed {
				// A genesis tells that the category is of merge streams, any event that it is not.
				kind := index.Genesis
				if r.merge {
					kind = index.Category
				}
				a.kindTerm, a.termed = l.hasher.Term(kind, category), true
			}
			var err error
			if merge, known, err = l.kindIn(s, category, a.kindTerm, upTo); err != nil {
				return err
			}
			if !known {
				continue
			}
			l.kinds.put(category, merge)
		}
		if a.settled = merge == r.merge; !a.settled {
			return &nacre.StreamKindError{Stream: a.stream, Merge: merge}
		}
	}
	return nil
}

// kindIn is the kind of a category, as the last event up to a position tells that has a term.
func (l *log) kindIn(s *snapshot, category string, term uint64, upTo nacre.Position) (merge, known bool, err error) {
	var room [32]*index.Run
	candidates, err := index.Candidates(room[:0], s.runs, term)
	if err != nil || len(candidates) == 0 && !s.inMemory(term) {
		return false, false, err
	}
	for c := range s.chunks(backward, 1, upTo) {
		if c.run != nil && !slices.Contains(candidates, c.run) {
			continue
		}
		postings, err := c.lookup(term)
		if err != nil {
			return false, false, err
		}
		src := c.walk(postings, backward)
		for p, ok := src.Next(); ok; p, ok = src.Next() {
			v, free, err := l.viewAt(s, nacre.Position(p))
			if err != nil {
				return false, false, err
			}
			same := nacre.StreamID(v.StreamID).Category() == category
			merge := v.Parents != nil
			free()
			if same {
				return merge, true, nil
			}
		}
		if err := src.Err(); err != nil {
			return false, false, err
		}
	}
	return false, false, nil
}

// checkParents looks, up to a position, for the parents of a request's events. What was acknowledged before the request
// came stands there; a parent that is not acknowledged yet may be missed.
func (l *log) checkParents(s *snapshot, r *request, upTo nacre.Position) error {
	for i := range r.appends {
		a := &r.appends[i]
		own := make(map[string]struct{}, len(a.events))
		for j := range a.events {
			e := &a.events[j]
			var missing []string
			for _, parent := range e.Parents {
				if _, before := own[parent]; before {
					continue
				}
				_, found, err := l.findID(s, &nacre.Event{StreamID: a.stream, ID: parent}, l.hasher.ID(string(a.stream), parent), upTo)
				if err != nil {
					return err
				}
				if !found {
					missing = append(missing, parent)
				}
			}
			if missing != nil {
				return &nacre.ParentError{Stream: a.stream, ID: e.ID, Missing: missing}
			}
			own[e.ID] = struct{}{}
		}
	}
	return nil
}
