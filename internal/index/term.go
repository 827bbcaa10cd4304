package index

import (
	"encoding/binary"
	"math/bits"
)

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
	// Genesis marks the events that begin a branch of a merge stream, those without
	// parents: by the stream's category, and once more by the empty text. It has
	// no names in a run.
	Genesis Kind = 6
)

// named counts the kinds with names, Stream to Tag.
const named = 4

// hasNames tells whether a run lists the names of a kind.
func (k Kind) hasNames() bool { return k >= Stream && k <= Tag }

// String is the kind's word, for messages.
func (k Kind) String() string {
	switch k {
	case Stream:
		return "stream"
	case Category:
		return "category"
	case Type:
		return "type"
	case Tag:
		return "tag"
	case ID:
		return "event id"
	case Genesis:
		return "merge stream's category"
	}
	return "unknown kind"
}

// Hasher makes terms. It is a small value; copy it. The zero value hashes with
// a key of zeros.
type Hasher struct {
	k0, k1 uint64
	// drop has the bits set that a narrowed hasher leaves out.
	drop uint64
}

// NewHasher returns the hasher of a store's key. narrow keeps only that many
// bits of each term, the upper ones, so that tests meet collisions; 0 means all
// 64.
func NewHasher(key [16]byte, narrow int) Hasher {
	h := Hasher{k0: binary.LittleEndian.Uint64(key[:8]), k1: binary.LittleEndian.Uint64(key[8:])}
	if narrow > 0 && narrow < 64 {
		h.drop = 1<<(64-narrow) - 1
	}
	return h
}

// narrowed tells whether terms have fewer than 64 bits.
func (h Hasher) narrowed() bool { return h.drop != 0 }

// identity is stored in a run, to tell a run of another key, another width or
// another hash function.
func (h Hasher) identity() uint64 {
	return hash(h.k0, h.k1, 0, "the key of this index") ^ h.drop
}

// Term hashes a text of a kind.
func (h Hasher) Term(kind Kind, text string) uint64 {
	return hash(h.k0, h.k1, kind, text) &^ h.drop
}

// ID is the term of an event's id within its stream: Term of [ID] and the two
// texts with a zero byte between them.
func (h Hasher) ID(stream, id string) uint64 {
	// Names and ids have at most 256 and 64 bytes where appends were checked;
	// a longer text costs an allocation.
	var room [384]byte
	text := append(room[:0], stream...)
	text = append(text, 0)
	text = append(text, id...)
	return hash(h.k0, h.k1, ID, text) &^ h.drop
}

// The constants of the hash: odd, with as many ones as zeros and no pattern
// (fractions of the golden ratio and of square roots).
const (
	mix0 = 0x9e3779b97f4a7c15
	mix1 = 0xbb67ae8584caa73b
	mix2 = 0x3c6ef372fe94f82b
)

// fold multiplies to 128 bits and folds the halves together: every bit of the
// factors reaches the middle of the product, and the fold brings it everywhere.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// hash is a keyed hash by folded multiplication, 16 bytes a step. It spreads
// well and is fast; it is no message authentication code. It is part of the
// format: runs store its results.
func hash[T string | []byte](k0, k1 uint64, kind Kind, text T) uint64 {
	state := k0 ^ uint64(kind)*mix0
	n := len(text)
	var a, b uint64
	switch {
	case n > 16:
		for i := 0; i+16 < n; i += 16 {
			state = fold(load64(text[i:i+8])^k1^mix1, load64(text[i+8:i+16])^state)
		}
		// The last 16 bytes, which may overlap with those of the last step.
		a, b = load64(text[n-16:]), load64(text[n-8:])
	case n >= 8:
		a, b = load64(text), load64(text[n-8:])
	case n >= 4:
		a, b = load32(text), load32(text[n-4:])
	case n > 0:
		a = uint64(text[0])<<16 | uint64(text[n>>1])<<8 | uint64(text[n-1])
	}
	state = fold(a^k1^mix1, b^state)
	return fold(state^mix2, uint64(n)^k1^mix0)
}

func load64[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32[T string | []byte](s T) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
