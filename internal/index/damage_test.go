package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
)

// smallRun is a run of some events, and of some more with one term that thereby
// has a tree: all forms of postings, and names of every kind.
func smallRun(r random, events int) (mem *Mem, m *model) {
	h := NewHasher(testKey, 0)
	a := newAuthor(r.Rand, 1000)
	a.breadth = 9
	mem, m = a.fill(h, events)
	term := h.Term(Tag, "everywhere")
	for range leafPostings + 3 {
		m.last++
		mem.Add(m.last, []uint64{term}, false)
		m.lists[term] = append(m.lists[term], m.last)
	}
	return mem, m
}

// isBad fails unless an error is a *BadBlockError about the file.
func (r random) isBad(err error, path string) {
	r.Helper()
	var bad *BadBlockError
	if !errors.As(err, &bad) {
		r.Fatalf("the error is no *BadBlockError: %v", err)
	}
	if bad.File != path || bad.Offset < 0 || bad.What == "" {
		r.Fatalf("the error does not tell the place: %+v", bad)
	}
}

// askAll asks a run that may be damaged: every answer must be the right one or
// a bad block. It returns how many answers were bad blocks.
func (m *model) askAll(r random, run *Run) (refused int) {
	r.Helper()
	for term, list := range m.lists {
		p, err := run.Lookup(term)
		for _, dir := range []Direction{Forward, Backward} {
			if err != nil {
				break
			}
			bound := uint64(0)
			if dir == Backward {
				bound = End
			}
			var got []uint64
			if got, err = collect(p.Walk(dir, bound)); err == nil && !slices.Equal(got, between(list, dir, bound)) {
				r.Fatalf("term %x walks to %v, want %v", term, got, list)
			}
		}
		if err != nil {
			r.isBad(err, run.path)
			refused++
		}
	}
	for kind := Stream; kind <= Tag; kind++ {
		for _, dir := range []Direction{Forward, Backward} {
			want := m.sortedNames(kind)
			if dir == Backward {
				slices.Reverse(want)
			}
			got, err := collectNames(run.Names(kind, dir, "", ""))
			if err != nil {
				r.isBad(err, run.path)
				refused++
				got, want = got[:min(len(got), len(want))], want[:min(len(got), len(want))]
			}
			if !slices.Equal(got, want) {
				r.Fatalf("the names of kind %v are %q, want %q", kind, got, want)
			}
		}
	}
	return refused
}

// memoryFS has one file, whose content changes under its readers.
type memoryFS struct {
	vfs.FS
	data []byte
}

func (f *memoryFS) Map(string) (vfs.Mapping, error) { return f, nil }
func (f *memoryFS) Bytes() []byte                   { return f.data }
func (f *memoryFS) Close() error                    { return nil }

// TestEveryFlippedBitIsFound flips each bit of a small run in turn.
func TestEveryFlippedBitIsFound(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		mem, m := smallRun(r, 40)
		fsys := newDisk(t)
		path, err := BuildRun(fsys, "/index", mem, 1)
		r.must(err)
		data, err := fsys.ReadFile(path)
		r.must(err)
		file := &memoryFS{data: data}
		refusedOpen, refused := 0, 0
		for bit := range 8 * len(data) {
			data[bit/8] ^= 1 << (bit % 8)
			run, err := OpenRun(file, path, mem.hasher)
			if err != nil {
				r.isBad(err, path)
				refusedOpen++
			} else {
				// The whole run is asked for some bits, and checked for all.
				if bit%8 == bit/8%8 && m.askAll(r, run) > 0 {
					refused++
				}
				if err := run.Check(); err == nil {
					r.Fatalf("Check does not find bit %d of byte %d", bit%8, bit/8)
				} else {
					r.isBad(err, path)
				}
			}
			data[bit/8] ^= 1 << (bit % 8)
		}
		if refusedOpen < 8*(headerSize+footerSize) || refused == 0 {
			r.Fatalf("opening was refused %d times, an answer %d times", refusedOpen, refused)
		}
		run, err := OpenRun(file, path, mem.hasher)
		r.must(err)
		r.must(run.Check())
		m.compare(r, run)
	})
}

// TestRotUnderAnOpenRun damages a run after it was opened, in more places.
func TestRotUnderAnOpenRun(t *testing.T) {
	forSeeds(t, 3, func(r random) {
		mem, m := smallRun(r, 2500)
		fsys := newDisk(t)
		path, err := BuildRun(fsys, "/index", mem, 1)
		r.must(err)
		data, err := fsys.ReadFile(path)
		r.must(err)
		run, err := OpenRun(&memoryFS{data: data}, path, mem.hasher)
		r.must(err)
		for range 60 {
			at := headerSize + r.IntN(len(data)-headerSize-footerSize)
			n := 1 + r.IntN(min(600, len(data)-footerSize-at))
			before := slices.Clone(data[at : at+n])
			switch r.IntN(3) {
			case 0: // a sector of zeros
				clear(data[at : at+n])
			case 1: // another part of the file
				copy(data[at:at+n], data[headerSize+r.IntN(len(data)-headerSize):])
			case 2:
				for i := range data[at : at+n] {
					data[at+i] = byte(r.Uint32())
				}
			}
			refused := m.askAll(r, run)
			if !slices.Equal(before, data[at:at+n]) {
				if err := run.Check(); err == nil {
					r.Fatalf("Check does not find %d changed bytes at %d", n, at)
				}
			} else if refused > 0 {
				r.Fatalf("%d answers were refused and nothing was changed", refused)
			}
			copy(data[at:], before)
		}
		r.must(run.Check())
	})
}

// TestTruncatedRuns cuts a run at each length.
func TestTruncatedRuns(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		mem, _ := smallRun(r, 30)
		fsys := newDisk(t)
		path, err := BuildRun(fsys, "/index", mem, 1)
		r.must(err)
		data, err := fsys.ReadFile(path)
		r.must(err)
		for n := range len(data) {
			_, err := OpenRun(&memoryFS{data: data[:n]}, path, mem.hasher)
			r.isBad(err, path)
		}
		_, err = OpenRun(&memoryFS{data: append(data, 0)}, path, mem.hasher)
		r.isBad(err, path)
	})
}

func TestOpenRefusesWhatIsNotItsOwn(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		mem, m := smallRun(r, 30)
		fsys := newDisk(t)
		path, err := BuildRun(fsys, "/index", mem, 1)
		r.must(err)
		for _, h := range []Hasher{NewHasher([16]byte{}, 0), NewHasher(testKey, 8)} {
			_, err = OpenRun(fsys, path, h)
			r.isBad(err, path)
		}
		renamed := "/index/" + RunName(m.first+1, m.last+1)
		r.must(fsys.Rename(path, renamed))
		_, err = OpenRun(fsys, renamed, mem.hasher)
		r.isBad(err, renamed)
		if _, err = OpenRun(fsys, path, mem.hasher); !errors.Is(err, os.ErrNotExist) {
			r.Fatalf("an absent run is %v", err)
		}
	})
}

// TestBlocksAreBoundToTheirFileAndPlace puts a whole and valid block of another
// run, and of another place, where one is asked for.
func TestBlocksAreBoundToTheirFileAndPlace(t *testing.T) {
	h := NewHasher(testKey, 0)
	build := func(first uint64) *Run {
		m := NewMem(first, h)
		for i := range uint64(200) {
			m.Add(first+i, []uint64{h.Term(Stream, fmt.Sprint(first+i))}, true)
		}
		return mustRun(t, newDisk(t), "/index", m, 1)
	}
	run, other := build(1), build(201)
	at := run.starts[partFilter]
	if _, err := run.block(at, lineSize, "line"); err != nil {
		t.Fatal(err)
	}
	own := slices.Clone(run.data)
	copy(run.data[at:at+lineSize], other.data[at:])
	if _, err := run.block(at, lineSize, "line"); err == nil {
		t.Error("a line of another run's filter is taken")
	}
	copy(run.data[at:at+lineSize], own[at+lineSize:])
	if _, err := run.block(at, lineSize, "line"); err == nil {
		t.Error("another line of the filter is taken")
	}
}

// TestUnreadableSectors makes the processor fault in the mapping, as it does
// where the disk cannot read a sector.
func TestUnreadableSectors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not mapped on Windows")
	}
	forSeeds(t, 1, func(r random) {
		mem, m := smallRun(r, 3000)
		run := mustRun(t, vfs.OS, t.TempDir(), mem, 1)
		offsets := make([]uint32, 5000)
		for i := range offsets {
			offsets[i] = uint32(i * 10)
		}
		path, err := WriteOffsets(vfs.OS, filepath.Dir(run.path), 1, offsets, 50_000)
		r.must(err)
		o, err := OpenOffsets(vfs.OS, path)
		r.must(err)
		defer o.Close()
		// Pages of a mapping that lie behind the end of the file cannot be read.
		r.must(os.Truncate(run.path, int64(len(run.data)/2)))
		r.must(os.Truncate(path, offsetsBlock))
		if m.askAll(r, run) == 0 {
			r.Fatalf("half a run gives every answer")
		}
		r.isBad(run.Check(), run.path)
		_, _, err = o.Range(4000)
		r.isBad(err, path)
		r.isBad(o.Check(), path)
		_, err = OpenRun(vfs.OS, run.path, mem.hasher)
		r.isBad(err, run.path)
	})
}
