package index

// Kind says what a term's text is.
type Kind byte

// The kinds. Their numbers are part of the format.
const (
	// Stream is a stream's id.
	Stream Kind = 1
	// Category is a stream's category.
	Category Kind = 2
	// Type is an event's type.
	Type Kind = 3
	// Tag is one of an event's tags.
	Tag Kind = 4
	// ID is an event's id within its stream: the stream's id, a zero byte, the
	// event's id. Ids have no names in a run.
	ID Kind = 5
)

// Hasher makes terms. It is a small value; copy it.
type Hasher struct {
	k0, k1 uint64
	mask   uint64
}

// NewHasher returns the hasher of a store's key. bits narrows the terms to
// that many bits, so that tests meet collisions; 0 means all 64.
func NewHasher(key [16]byte, bits int) Hasher { panic("") }

// Term hashes a text of a kind.
func (h Hasher) Term(kind Kind, text string) uint64 { panic("") }

// ID is the term of an event's id within its stream: Term of [ID] and the two
// texts with a zero byte between them, without joining them.
func (h Hasher) ID(stream, id string) uint64 { panic("") }
