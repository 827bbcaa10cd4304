package nacre

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// fewNames is how many names of an object are compared each with each; more are sorted at its end.
const fewNames = 64

// jsonName is where a name's text is, without escapes: in src, or in unescaped where escaped is set.
type jsonName struct {
	digest   uint64 // equal where the text is
	from, to int
	at       int // in src, for the error
	escaped  bool
}

// nameSet is the names of one object.
type nameSet struct {
	first int    // of compacter.names
	seen  uint64 // a bit for each digest
}

// add takes the name between the quotes at i and before end, and tells whether it is the first of its text.
func (c *compacter) add(own *nameSet, i, end int, escaped bool) bool {
	last := len(c.names)
	c.names = slices.Grow(c.names, 1)[:last+1]
	n := &c.names[last]
	n.from, n.to, n.at, n.escaped = i+1, end-1, i, escaped
	if escaped {
		n.from = len(c.unescaped)
		c.unescaped = appendUnescaped(c.unescaped, c.src[i+1:end-1])
		n.to = len(c.unescaped)
	}
	text := c.textOf(n)
	n.digest = digest(text)
	bit := uint64(1) << (n.digest >> 58)
	if own.seen&bit != 0 && last-own.first < fewNames {
		for k := own.first; k < last; k++ {
			if c.names[k].digest == n.digest && bytes.Equal(c.textOf(&c.names[k]), text) {
				c.twice(n)
				return false
			}
		}
	}
	own.seen |= bit
	return true
}

// digest mixes a name's length and its first and last eight bytes.
func digest(text []byte) uint64 {
	var head, tail uint64
	switch n := len(text); {
	case n >= 8:
		head, tail = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		head, tail = uint64(binary.LittleEndian.Uint32(text)), uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		head = uint64(text[0])<<16 | uint64(text[n/2])<<8 | uint64(text[n-1])
	}
	const odd = 0x9e3779b97f4a7c15
	return (head*odd ^ bits.RotateLeft64(tail, 29) ^ uint64(len(text))) * odd
}

// manyDiffer looks for a repeated name in an object that had too many for add to compare them all.
func (c *compacter) manyDiffer(first int) bool {
	names := c.names[first:]
	slices.SortFunc(names, func(a, b jsonName) int {
		if a.digest != b.digest {
			return cmp.Compare(a.digest, b.digest)
		}
		return cmp.Or(bytes.Compare(c.textOf(&a), c.textOf(&b)), cmp.Compare(a.at, b.at))
	})
	for k := 1; k < len(names); k++ {
		a, b := &names[k-1], &names[k]
		if a.digest == b.digest && bytes.Equal(c.textOf(a), c.textOf(b)) {
			c.twice(b)
			return false
		}
	}
	return true
}

func (c *compacter) textOf(n *jsonName) []byte {
	if n.escaped {
		return c.unescaped[n.from:n.to]
	}
	return c.src[n.from:n.to]
}

func (c *compacter) twice(n *jsonName) {
	c.fail(n.at, "the name %.100q stands twice in one object", c.textOf(n))
}

// appendUnescaped appends the text of a string that has been checked.
func appendUnescaped(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			dst = append(dst, text[i])
			continue
		}
		i++
		switch b := text[i]; b {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(text, i+1)
			i += 4
			if r >= 0xd800 && r < 0xdc00 {
				low, _ := hex4(text, i+3)
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a backslash or a slash
			dst = append(dst, b)
		}
	}
	return dst
}
