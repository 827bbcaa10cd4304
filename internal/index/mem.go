package index

// Mem is the index of the active segment, in memory.
//
// One goroutine at a time calls Add and AddName, and nothing else runs
// meanwhile; the caller has the lock. Lookup, LastOf and Names are called under
// that lock too, shared, and return at once; what Lookup and Names return is a
// snapshot that is read without any lock while events are added. A Mem that is
// not added to any more needs no lock.
type Mem struct{}

// NewMem returns an empty index whose first position is going to be first.
func NewMem(first uint64, h Hasher) *Mem { panic("") }

// Add adds an event. Positions ascend. newStream says that the event is the
// first of its stream. A term that occurs twice in terms counts once.
//
// The result tells which terms were new here: the names of the others are
// there already and need no AddName. (Two different names of one segment with
// the same 64-bit hash would list the first one only: one chance in 10^9 for
// 160,000 names. With a narrowed hasher every term is told to be new.)
func (m *Mem) Add(pos uint64, terms []uint64, newStream bool) Fresh { panic("") }

// Fresh tells which of the terms given to Add were new.
type Fresh [2]uint64

// Has tells whether term i was new; from the 129th term on it always says yes.
func (f Fresh) Has(i int) bool { panic("") }

// AddName adds a name to those that the run will list. A name that is there
// already changes nothing; kinds without names are ignored.
func (m *Mem) AddName(kind Kind, name string) { panic("") }

// Lookup returns the positions of a term, zero Postings where it has none.
func (m *Mem) Lookup(term uint64) Postings { panic("") }

// LastOf returns the last position of a term; ok is false where it has none.
func (m *Mem) LastOf(term uint64) (pos uint64, ok bool) { panic("") }

// Names returns the names added so far, as a snapshot.
func (m *Mem) Names() MemNames { panic("") }

// First is the position that the index begins at.
func (m *Mem) First() uint64 { panic("") }

// Last is the last position that was added, First()-1 where there is none.
func (m *Mem) Last() uint64 { panic("") }

// Events counts the events that were added.
func (m *Mem) Events() uint64 { panic("") }

// Streams counts the events that began a stream.
func (m *Mem) Streams() uint64 { panic("") }

// Bytes estimates the memory held.
func (m *Mem) Bytes() int { panic("") }

// MemNames is a snapshot of the names of a Mem.
type MemNames struct{}

// Iter returns the names of a kind that begin with prefix, as Run.Names does.
// It sorts as far as it is read.
func (s MemNames) Iter(kind Kind, dir Direction, prefix, from string) NameSource { panic("") }
