package index

// NameSource yields names in bytewise order.
type NameSource interface {
	// Next goes to the next name; false at the end or after an error.
	Next() bool
	// Name is the present name; the bytes are valid until Next.
	Name() []byte
	// Err returns the error that ended the source early, if one did.
	Err() error
}

// UnionNames yields each name that one of the sources yields, once. All of
// them walk in direction dir.
func UnionNames(dir Direction, sources ...NameSource) NameSource { panic("") }
