package index

// None is a source without positions.
func None() Source { panic("") }

// Positions is a source over a sorted slice without duplicates, ascending
// whatever the direction is in which it is walked. The slice is kept.
func Positions(dir Direction, ascending []uint64) Source { panic("") }

// Union yields each position that one of the sources yields, once. All of them
// walk in direction dir.
func Union(dir Direction, sources ...Source) Source { panic("") }

// Intersect yields the positions that every one of the sources yields. All of
// them walk in direction dir; put the rarest first, it leads. Without sources
// it yields nothing.
func Intersect(dir Direction, sources ...Source) Source { panic("") }

// Part is a range of positions whose source is opened when it is reached.
type Part struct {
	// First and Last are the range, both included.
	First, Last uint64
	// Open returns the range's source, in the direction of Concat. A nil
	// source is empty.
	Open func() (Source, error)
}

// Concat yields what the parts yield, one after the other. The parts are in
// the order of the walk (descending where dir is Backward) and do not overlap.
// Parts that a Seek passes are not opened.
func Concat(dir Direction, parts []Part) Source { panic("") }
