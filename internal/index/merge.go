package index

import (
	"context"
	"errors"
	"fmt"

	"github.com/nacredb/nacre/internal/vfs"
)

// MergeOptions tunes Merge; nil means the defaults.
type MergeOptions struct {
	// Progress, where set, is called from time to time with the number of
	// terms that were read, of all that will be. It runs in Merge's goroutine.
	// Default: nobody is told.
	Progress func(done, total uint64)
}

// progressEvery is after how many terms a merge looks up from its work.
const progressEvery = 1 << 13

// Merge writes one run over the ranges of several, which are adjacent and
// ascending, into dir and returns its path. The caller holds the runs, and
// replaces and discards them afterwards. It needs about a MiB of memory, and
// 8 bytes for each 64 names of a kind, whatever the size of the runs: the
// directories are read twice, first to count the terms, so that no filter is
// kept in memory. Ending ctx ends the merge with its error and leaves no file.
func Merge(ctx context.Context, fsys vfs.FS, dir string, runs []*Run, o *MergeOptions) (path string, err error) {
	if o == nil {
		o = &MergeOptions{}
	}
	m := &merger{ctx: ctx, runs: runs, progress: o.Progress}
	head, err := m.header()
	if err != nil {
		return "", err
	}
	if head.terms, err = m.countTerms(); err != nil {
		return "", err
	}
	w, err := newRunWriter(fsys, dir, head)
	if err != nil {
		return "", err
	}
	if err := m.write(w); err != nil {
		return "", w.out.abandon(err)
	}
	return w.finish()
}

type merger struct {
	ctx      context.Context
	runs     []*Run
	progress func(done, total uint64)
	// done and total count terms, over all runs and both passes.
	done, total uint64
}

// header adds up the headers of the runs.
func (m *merger) header() (head header, err error) {
	if len(m.runs) == 0 {
		return head, errors.New("index: there are no runs to merge")
	}
	head.first = m.runs[0].head.first
	head.identity = m.runs[0].head.identity
	for i, r := range m.runs {
		if i > 0 && (r.head.first != head.last+1 || r.head.identity != head.identity) {
			return head, fmt.Errorf("index: %s does not continue %s: only adjacent runs of one store merge",
				r.path, m.runs[i-1].path)
		}
		head.last = r.head.last
		head.segments += r.head.segments
		head.events += r.head.events
		head.streams += r.head.streams
		head.postings += r.head.postings
		m.total += 2 * r.head.terms
	}
	return head, nil
}

// each calls fn for each term that any of the runs has, ascending, with the
// runs that have it and their values, in the order of the runs.
func (m *merger) each(fn func(term uint64, in []found) error) error {
	cursors := make([]directoryCursor, len(m.runs))
	for i, r := range m.runs {
		cursors[i].run = r
		if err := cursors[i].next(); err != nil {
			return err
		}
	}
	in := make([]found, 0, len(m.runs))
	for round := 0; ; round++ {
		if round%progressEvery == 0 {
			if err := m.ctx.Err(); err != nil {
				return err
			}
			if m.progress != nil {
				m.progress(m.done, m.total)
			}
		}
		in = in[:0]
		var term uint64
		for i := range cursors {
			c := &cursors[i]
			if c.end || len(in) > 0 && c.term > term {
				continue
			}
			if len(in) > 0 && c.term < term {
				in = in[:0]
			}
			term = c.term
			in = append(in, found{run: i, value: c.value})
		}
		if len(in) == 0 {
			return nil
		}
		m.done += uint64(len(in))
		if err := fn(term, in); err != nil {
			return err
		}
		for _, f := range in {
			if err := cursors[f.run].next(); err != nil {
				return err
			}
		}
	}
}

// found is a run that has a term.
type found struct {
	run   int
	value value
}

func (m *merger) countTerms() (terms uint64, err error) {
	err = m.each(func(uint64, []found) error {
		terms++
		return nil
	})
	return terms, err
}

func (m *merger) write(w *runWriter) error {
	var it Iter
	err := m.each(func(term uint64, in []found) error {
		w.begin(term)
		for _, f := range in {
			p, err := m.runs[f.run].postings(f.value)
			if err != nil {
				return err
			}
			if p.form == formLone {
				w.add(p.last)
				continue
			}
			it.start(&p, Forward, 0)
			for pos, ok := it.Next(); ok; pos, ok = it.Next() {
				w.add(pos)
			}
			if err := it.Err(); err != nil {
				return err
			}
		}
		return w.end()
	})
	if err != nil {
		return err
	}
	if err := w.finishTerms(); err != nil {
		return err
	}
	for kind := Stream; kind.hasNames(); kind++ {
		if err := m.writeNames(w, kind); err != nil {
			return err
		}
	}
	return m.ctx.Err()
}

func (m *merger) writeNames(w *runWriter, kind Kind) error {
	sources := make([]NameSource, len(m.runs))
	for i, r := range m.runs {
		sources[i] = r.Names(kind, Forward, "", "")
	}
	names := UnionNames(Forward, sources...)
	w.beginNames(kind)
	for n := 1; names.Next(); n++ {
		w.names.add(names.Name())
		if n%progressEvery == 0 && m.ctx.Err() != nil {
			return m.ctx.Err()
		}
	}
	if err := names.Err(); err != nil {
		return err
	}
	return w.endNames(kind)
}
