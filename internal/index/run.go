package index

import (
	"github.com/nacredb/nacre/internal/vfs"
)

// Run is an index file over a contiguous range of positions, open for reading.
type Run struct{}

// OpenRun maps a run's file. It reads the header and the footer only. A file
// that was made with another key is a *BadBlockError.
//
// The run has one reference, the caller's; see Acquire.
func OpenRun(fsys vfs.FS, path string, h Hasher) (*Run, error) { panic("") }

// Lookup returns the positions of a term, zero Postings where it has none.
// Nothing is allocated.
func (r *Run) Lookup(term uint64) (Postings, error) { panic("") }

// MayContain asks the filter: false means that the term has no positions here,
// true that it has with a chance of about 99 in 100.
func (r *Run) MayContain(term uint64) (bool, error) { panic("") }

// All calls fn for each term, ascending, until it returns an error.
func (r *Run) All(fn func(term uint64, p Postings) error) error { panic("") }

// Names yields the names of a kind that begin with prefix: Forward those from
// `from` on, Backward those before `from`, an empty `from` being no bound. The
// run must be held while the source is used.
func (r *Run) Names(kind Kind, dir Direction, prefix, from string) NameSource { panic("") }

// Check verifies every byte of the file and the order of everything in it.
func (r *Run) Check() error { panic("") }

// Path is the file's path.
func (r *Run) Path() string { panic("") }

// Range is what the run covers, and its level.
func (r *Run) Range() Range { panic("") }

// Segments counts the segments that the run covers.
func (r *Run) Segments() uint32 { panic("") }

// Events counts the events that the run covers.
func (r *Run) Events() uint64 { panic("") }

// Streams counts those that began a stream.
func (r *Run) Streams() uint64 { panic("") }

// Terms counts the distinct terms.
func (r *Run) Terms() uint64 { panic("") }

// NameCount counts the names of a kind.
func (r *Run) NameCount(kind Kind) uint64 { panic("") }

// Size is the file's size in bytes.
func (r *Run) Size() int64 { panic("") }

// Acquire adds a reference, for as long as a reader uses the run. It returns
// false where the last reference is gone already.
func (r *Run) Acquire() bool { panic("") }

// Release drops a reference. With the last one the file is unmapped, and
// removed if Discard asked for it; the error is that of this.
func (r *Run) Release() error { panic("") }

// Discard asks for the file to be removed when the last reference is dropped.
// It drops none itself.
func (r *Run) Discard() { panic("") }
