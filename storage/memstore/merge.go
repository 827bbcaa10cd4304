package memstore

import (
	"github.com/nacredb/nacre"
)

// checkKinds checks that each category is of the kind of streams that is appended to.
func (l *log) checkKinds(batch []nacre.Append) error {
	for i := range batch {
		a := &batch[i]
		if merge, ok := l.kinds[a.Stream.Category()]; ok && merge != (a.Events[0].Parents != nil) {
			return &nacre.StreamKindError{Stream: a.Stream, Merge: merge}
		}
	}
	return nil
}

// checkParents checks that each parent is in its child's stream, or before it in the append.
func (l *log) checkParents(batch []nacre.Append) error {
	for i := range batch {
		a := &batch[i]
		if a.Events[0].Parents == nil {
			continue
		}
		before := make(map[string]struct{}, len(a.Events))
		for j := range a.Events {
			e := &a.Events[j]
			var missing []string
			for _, parent := range e.Parents {
				_, own := before[parent]
				if _, held := l.ids[heldID{a.Stream, parent}]; !held && !own {
					missing = append(missing, parent)
				}
			}
			if missing != nil {
				return &nacre.ParentError{Stream: a.Stream, ID: e.ID, Missing: missing}
			}
			before[e.ID] = struct{}{}
		}
	}
	return nil
}
