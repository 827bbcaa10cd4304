package index

import (
	"cmp"
	"errors"
	"slices"

	"github.com/nacredb/nacre/internal/vfs"
)

// BuildRun writes the run of a Mem, which must not change meanwhile and not be
// empty, into dir and returns its path. segments is the number of segments
// that it covers: 1 but where a run over several is rebuilt in one piece.
func BuildRun(fsys vfs.FS, dir string, m *Mem, segments uint32) (path string, err error) {
	if m.events == 0 || m.terms == 0 || segments == 0 {
		return "", errors.New("index: a run needs at least one event with a term, and one segment")
	}
	w, err := newRunWriter(fsys, dir, header{
		segments: segments, first: m.first, last: m.last, events: m.events, streams: m.streams,
		terms: m.terms, postings: m.postings, identity: m.hasher.identity(),
	})
	if err != nil {
		return "", err
	}
	if err := m.writeTo(w); err != nil {
		return "", w.out.abandon(err)
	}
	return w.finish()
}

func (m *Mem) writeTo(w *runWriter) error {
	var slots []slot
	var it Iter
	for i := range m.shards {
		// The shards follow each other in the order of the terms.
		slots = slots[:0]
		for _, s := range m.shards[i].slots {
			if s.count > 0 {
				slots = append(slots, s)
			}
		}
		slices.SortFunc(slots, func(a, b slot) int { return cmp.Compare(a.term, b.term) })
		for j := range slots {
			w.begin(slots[j].term)
			p := m.postingsOf(&slots[j])
			it.start(&p, Forward, 0)
			for pos, ok := it.Next(); ok; pos, ok = it.Next() {
				w.add(pos)
			}
			if err := w.end(); err != nil {
				return err
			}
		}
	}
	if err := w.finishTerms(); err != nil {
		return err
	}
	names := m.Names()
	for kind := Stream; kind.hasNames(); kind++ {
		w.beginNames(kind)
		for _, at := range names.sorted(kind) {
			w.names.add(nameAt(names.text, at))
		}
		if err := w.endNames(kind); err != nil {
			return err
		}
	}
	return nil
}
