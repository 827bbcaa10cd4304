package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

// benchEvents is a segment of 64 MiB at about 400 bytes a line.
const benchEvents = 160_000

// workload is events with five kinds and two tags: streams of about ten
// events, tags of about ten and of thousands.
type workload struct {
	terms [][]uint64
	names [][5]string
}

func newWorkload(h Hasher, events, from int) *workload {
	rng := rand.New(rand.NewPCG(uint64(from), 0))
	w := &workload{terms: make([][]uint64, events), names: make([][5]string, events)}
	for i := range events {
		stream := from/10 + rng.IntN(events/10)
		category := []string{"order", "customer", "invoice", "shipment", "payment"}[stream%5]
		names := [5]string{
			fmt.Sprintf("%s-%08d", category, stream), category,
			fmt.Sprintf("%s.type%02d", category, rng.IntN(20)),
			fmt.Sprintf("customer:%08d", from/10+rng.IntN(events/10)),
			fmt.Sprintf("region:%02d", rng.IntN(20)),
		}
		w.names[i] = names
		w.terms[i] = []uint64{
			h.Term(Stream, names[0]), h.Term(Category, names[1]), h.Term(Type, names[2]),
			h.Term(Tag, names[3]), h.Term(Tag, names[4]),
			h.ID(names[0], fmt.Sprintf("01JD3Y%020d", from+i)),
		}
	}
	return w
}

func (w *workload) index(h Hasher, first uint64) *Mem {
	m := NewMem(first, h)
	kinds := [5]Kind{Stream, Category, Type, Tag, Tag}
	for i, terms := range w.terms {
		fresh := m.Add(first+uint64(i), terms, false)
		if fresh != (Fresh{}) {
			for j, kind := range kinds {
				if fresh.Has(j) {
					m.AddName(kind, w.names[i][j])
				}
			}
		}
	}
	return m
}

func BenchmarkMemAdd(b *testing.B) {
	h := NewHasher(testKey, 0)
	w := newWorkload(h, benchEvents, 0)
	var m *Mem
	for b.Loop() {
		m = w.index(h, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEvents), "ns/event")
	b.ReportMetric(float64(m.Bytes())/1e6, "MB")
}

func benchRun(b *testing.B) (*Run, *workload, Hasher) {
	b.Helper()
	h := NewHasher(testKey, 0)
	w := newWorkload(h, benchEvents, 0)
	return mustRun(b, vfs.OS, b.TempDir(), w.index(h, 1), 1), w, h
}

func BenchmarkLookup(b *testing.B) {
	r, w, h := benchRun(b)
	absent := make([]uint64, 1<<12)
	for i := range absent {
		absent[i] = h.Term(Stream, fmt.Sprint("absent", i))
	}
	run := func(name string, terms func(i int) uint64, count func(Postings) bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p, err := r.Lookup(terms(i))
				if err != nil || !count(p) {
					b.Fatal(p.Count(), err)
				}
			}
		})
	}
	// of picks terms beforehand, spread over the log, so that reading the
	// workload is not measured.
	of := func(which int) func(i int) uint64 {
		terms := make([]uint64, 1<<12)
		for i := range terms {
			terms[i] = w.terms[i*7919%benchEvents][which]
		}
		return func(i int) uint64 { return terms[i%len(terms)] }
	}
	run("absent", func(i int) uint64 { return absent[i%len(absent)] }, func(p Postings) bool { return p.Count() == 0 })
	run("lone", of(5), func(p Postings) bool { return p.Count() == 1 })
	run("stream", of(0), func(p Postings) bool { return p.Count() > 0 })
	run("category", of(1), func(p Postings) bool { return p.Count() > 1000 })
}

func BenchmarkMemLookup(b *testing.B) {
	h := NewHasher(testKey, 0)
	w := newWorkload(h, benchEvents, 0)
	m := w.index(h, 1)
	for i := 0; b.Loop(); i++ {
		last, _ := m.LastOf(w.terms[i*7919%benchEvents][0])
		sink += last
	}
}

func BenchmarkIterate(b *testing.B) {
	r, w, h := benchRun(b)
	m := w.index(h, 1)
	category, stream := w.terms[0][1], w.terms[0][0]
	for _, x := range []struct {
		name string
		of   looker
	}{{"run", r}, {"mem", m}} {
		for _, dir := range []Direction{Forward, Backward} {
			bound := uint64(0)
			name := "forward"
			if dir == Backward {
				bound, name = End, "backward"
			}
			b.Run(x.name+"/category/"+name, func(b *testing.B) {
				n := 0
				for b.Loop() {
					p, _ := x.of.lookup(category)
					it := p.Walk(dir, bound)
					for _, ok := it.Next(); ok; _, ok = it.Next() {
						n++
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/posting")
			})
			b.Run(x.name+"/stream/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, _ := x.of.lookup(stream)
					it := p.Walk(dir, bound)
					for pos, ok := it.Next(); ok; pos, ok = it.Next() {
						sink += pos
					}
				}
			})
		}
	}
}

func BenchmarkSets(b *testing.B) {
	r, w, _ := benchRun(b)
	walk := func(term uint64) Source {
		p, err := r.Lookup(term)
		if err != nil {
			b.Fatal(err)
		}
		return p.Walk(Forward, 0)
	}
	count := func(b *testing.B, make func() Source) {
		n := 0
		for b.Loop() {
			s := make()
			for _, ok := s.Next(); ok; _, ok = s.Next() {
				n++
			}
			if s.Err() != nil {
				b.Fatal(s.Err())
			}
		}
		b.ReportMetric(float64(n)/float64(b.N), "found")
	}
	b.Run("union of 5 categories", func(b *testing.B) {
		count(b, func() Source {
			var all []Source
			for i := range 40 {
				if i < 5 || w.names[i][1] != w.names[0][1] && len(all) < 5 {
					all = append(all, walk(w.terms[i][1]))
				}
			}
			return Union(Forward, all...)
		})
	})
	b.Run("category and region", func(b *testing.B) {
		count(b, func() Source { return Intersect(Forward, walk(w.terms[0][4]), walk(w.terms[0][1])) })
	})
	b.Run("customer and category", func(b *testing.B) {
		count(b, func() Source { return Intersect(Forward, walk(w.terms[0][3]), walk(w.terms[0][1])) })
	})
}

func BenchmarkBuildRun(b *testing.B) {
	h := NewHasher(testKey, 0)
	m := newWorkload(h, benchEvents, 0).index(h, 1)
	dir := b.TempDir()
	var size int64
	for b.Loop() {
		path, err := BuildRun(vfs.OS, dir, m, 1)
		if err != nil {
			b.Fatal(err)
		}
		entry, _ := vfs.OS.Stat(path)
		size = entry.Size
	}
	b.ReportMetric(float64(size)/benchEvents, "B/event")
}

func BenchmarkMerge(b *testing.B) {
	h := NewHasher(testKey, 0)
	dir := b.TempDir()
	var runs []*Run
	postings := uint64(0)
	for i := range Fanout {
		m := newWorkload(h, benchEvents, i*benchEvents/2).index(h, 1+uint64(i)*benchEvents)
		runs = append(runs, mustRun(b, vfs.OS, dir, m, 1))
		postings += m.postings
	}
	to := b.TempDir()
	var size int64
	for b.Loop() {
		path, err := Merge(context.Background(), vfs.OS, to, runs, nil)
		if err != nil {
			b.Fatal(err)
		}
		entry, _ := vfs.OS.Stat(path)
		size = entry.Size
	}
	b.ReportMetric(float64(postings)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpostings/s")
	b.ReportMetric(float64(size)/benchEvents/Fanout, "B/event")
}

func BenchmarkNames(b *testing.B) {
	r, w, h := benchRun(b)
	m := w.index(h, 1)
	for _, x := range []struct {
		name string
		of   looker
	}{{"run", r}, {"mem", m}} {
		b.Run(x.name+"/page of 100", func(b *testing.B) {
			for b.Loop() {
				it := x.of.listed(Stream, Forward, "order-", "order-00008000")
				for range 100 {
					if !it.Next() {
						b.Fatal(it.Err())
					}
				}
			}
		})
	}
}

func BenchmarkOffsets(b *testing.B) {
	offsets := make([]uint32, benchEvents)
	for i := range offsets {
		offsets[i] = uint32(i * 400)
	}
	dir := b.TempDir()
	path, err := WriteOffsets(vfs.OS, dir, 1, offsets, 400*benchEvents)
	if err != nil {
		b.Fatal(err)
	}
	o, err := OpenOffsets(vfs.OS, path)
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	b.Run("range", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			start, _, err := o.Range(i * 7919 % benchEvents)
			if err != nil {
				b.Fatal(err)
			}
			sink += uint64(start)
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := WriteOffsets(vfs.OS, dir, 1, offsets, 400*benchEvents); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenRun(b *testing.B) {
	r, _, h := benchRun(b)
	for b.Loop() {
		again, err := OpenRun(vfs.OS, r.Path(), h)
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Release(); err != nil {
			b.Fatal(err)
		}
	}
}
