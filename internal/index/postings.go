package index

// Direction is the order in which positions or names are walked.
type Direction bool

// The directions.
const (
	// Forward is ascending.
	Forward Direction = false
	// Backward is descending.
	Backward Direction = true
)

// End stands behind every position: Descend(End) begins at the last one.
const End = ^uint64(0)

// Source yields positions, strictly ascending or strictly descending.
type Source interface {
	// Next returns the next position; ok is false at the end or after an
	// error.
	Next() (pos uint64, ok bool)

	// Seek is Next, but leaves out positions that stand before pos in the
	// source's direction: ascending it returns the first one left that is at
	// least pos, descending the first one left that is at most pos. It never
	// goes back.
	Seek(pos uint64) (found uint64, ok bool)

	// Err returns the error that ended the source early, if one did.
	Err() error
}

// Postings are the positions of one term in a Mem or a Run. The zero value has
// none. Those of a run must not be used after the run was released.
type Postings struct{}

// Count is the number of positions.
func (p Postings) Count() uint64 { panic("") }

// Last is the greatest position, 0 where there is none.
func (p Postings) Last() uint64 { panic("") }

// Ascend walks the positions after `after`, ascending.
func (p Postings) Ascend(after uint64) Iter { panic("") }

// Descend walks the positions before `before`, descending; see End.
func (p Postings) Descend(before uint64) Iter { panic("") }

// Walk is Ascend or Descend as a Source, nil-free also where there is nothing.
func (p Postings) Walk(dir Direction, bound uint64) Source { panic("") }

// Iter walks postings in one direction; *Iter is a Source.
type Iter struct{}

// Next implements Source.
func (it *Iter) Next() (pos uint64, ok bool) { panic("") }

// Seek implements Source.
func (it *Iter) Seek(pos uint64) (found uint64, ok bool) { panic("") }

// Err implements Source.
func (it *Iter) Err() error { panic("") }

var _ Source = (*Iter)(nil)
