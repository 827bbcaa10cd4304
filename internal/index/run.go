package index

import (
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/nacredb/nacre/internal/vfs"
)

// Run is an index file over a contiguous range of positions, open for reading.
type Run struct {
	image
	fs      vfs.FS
	mapping vfs.Mapping
	head    header
	// starts holds where each part begins.
	starts [partCount]uint64
	// filterLines is the number of the filter's lines.
	filterLines uint64
	buckets     ladder

	// references counts the owner's and everyone's who acquired the run; once
	// it is 0 it stays so.
	references atomic.Int64
	discarded  atomic.Bool
}

// OpenRun maps a run's file. It reads the header and the footer only. A file
// that was made with another key, or that has another run's name, is a
// *BadBlockError.
//
// The run has one reference, the caller's; see Acquire.
func OpenRun(fsys vfs.FS, path string, h Hasher) (*Run, error) {
	mapping, err := fsys.Map(path)
	if err != nil {
		return nil, err
	}
	r := &Run{image: image{path: path, data: mapping.Bytes()}, fs: fsys, mapping: mapping}
	if err := r.open(h); err != nil {
		// The file is bad: that closing it failed too adds nothing.
		_ = mapping.Close()
		return nil, err
	}
	r.references.Store(1)
	return r, nil
}

func (r *Run) open(h Hasher) error {
	var head [headerSize]byte
	if err := r.copyRange(head[:], 0, "the header"); err != nil {
		return err
	}
	var err error
	if r.head, err = decodeHeader(head[:]); err != nil {
		return r.bad(0, err.Error())
	}
	if r.head.identity != h.identity() {
		return r.bad(0, "the file was made with another store's key")
	}
	first, last, ok := ParseRunName(filepath.Base(r.path))
	if ok && (first != r.head.first || last != r.head.last) {
		return r.bad(0, fmt.Sprintf("the file is the run over positions %d to %d, under another run's name",
			r.head.first, r.head.last))
	}
	size := r.head.fileSize()
	if size != uint64(len(r.data)) {
		return r.bad(0, fmt.Sprintf("the file has %d bytes, and its header tells %d", len(r.data), size))
	}
	var footer [footerSize]byte
	if err := r.copyRange(footer[:], size-footerSize, "the footer"); err != nil {
		return err
	}
	if string(footer[:]) != string(encodeFooter(&r.head)) {
		return r.bad(size-footerSize, "the footer does not belong to the header")
	}
	r.salt = r.head.salt()
	r.filterLines = filterLines(r.head.terms)
	for part := range r.starts {
		r.starts[part] = r.head.start(part)
	}
	r.buckets = ladder{
		image: &r.image, at: r.starts[partBuckets], ranges: r.head.buckets(), end: r.head.terms,
		what: "the list of the directory's blocks",
	}
	return nil
}

// Lookup returns the positions of a term, zero Postings where it has none.
// Nothing is allocated.
func (r *Run) Lookup(term uint64) (Postings, error) {
	maybe, err := r.MayContain(term)
	if err != nil || !maybe {
		return Postings{}, err
	}
	return r.Find(term)
}

// Find is Lookup for a run that is one of the [Candidates]: it does not ask the
// filter again.
func (r *Run) Find(term uint64) (Postings, error) {
	v, ok, err := r.find(term)
	if err != nil || !ok {
		return Postings{}, err
	}
	return r.postings(v)
}

// MayContain asks the filter: false means that the term has no positions here,
// true that it has with a chance of about 99 in 100.
func (r *Run) MayContain(term uint64) (bool, error) {
	return mayContain(&r.image, r.starts[partFilter], r.filterLines, term)
}

// postings looks at what the directory says of a term.
func (r *Run) postings(v value) (Postings, error) {
	switch v.form() {
	case formLone:
		if v.offset() > r.head.last-r.head.first {
			return Postings{}, r.bad(r.starts[partDirectory], "the directory tells an impossible position")
		}
		return Postings{form: formLone, count: 1, last: r.head.first + v.offset()}, nil
	case formShort:
		return r.short(v)
	case formLong:
		return r.long(v)
	}
	return Postings{}, r.bad(r.starts[partDirectory], "the directory tells an unknown form of postings")
}

// All calls fn for each term, ascending, until it returns an error.
func (r *Run) All(fn func(term uint64, p Postings) error) error {
	c := directoryCursor{run: r}
	err := c.next()
	for ; err == nil && !c.end; err = c.next() {
		var p Postings
		if p, err = r.postings(c.value); err != nil {
			return err
		}
		if err = fn(c.term, p); err != nil {
			return err
		}
	}
	return err
}

// Path is the file's path.
func (r *Run) Path() string { return r.path }

// Range is what the run covers, and its level.
func (r *Run) Range() Range {
	return Range{First: r.head.first, Last: r.head.last, Level: levelOf(r.head.segments)}
}

// Segments counts the segments that the run covers.
func (r *Run) Segments() uint32 { return r.head.segments }

// Events counts the events that the run covers.
func (r *Run) Events() uint64 { return r.head.events }

// Streams counts those that began a stream.
func (r *Run) Streams() uint64 { return r.head.streams }

// Terms counts the distinct terms.
func (r *Run) Terms() uint64 { return r.head.terms }

// NameCount counts the names of a kind.
func (r *Run) NameCount(kind Kind) uint64 {
	if !kind.hasNames() {
		return 0
	}
	return r.head.names[kind-1]
}

// Size is the file's size in bytes.
func (r *Run) Size() int64 { return int64(len(r.data)) }

// Acquire adds a reference, for as long as a reader uses the run. It returns
// false where the last reference is gone already.
func (r *Run) Acquire() bool {
	for {
		n := r.references.Load()
		if n == 0 {
			return false
		}
		if r.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release drops a reference. With the last one the file is unmapped, and
// removed if Discard asked for it; the error is that of this.
func (r *Run) Release() error {
	switch n := r.references.Add(-1); {
	case n > 0:
		return nil
	case n < 0:
		panic("index: " + r.path + " was released more often than it was acquired")
	}
	err := r.mapping.Close()
	if err == nil && r.discarded.Load() {
		err = r.fs.Remove(r.path)
	}
	return err
}

// Discard asks for the file to be removed when the last reference is dropped.
// It drops none itself.
func (r *Run) Discard() { r.discarded.Store(true) }
