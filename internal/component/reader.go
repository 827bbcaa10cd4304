package component

import (
	"fmt"
	"unicode/utf8"
)

// reader reads a part of a binary. The first error stays, and everything that is read after it is zero.
type reader struct {
	b       []byte // the whole binary
	at, end int    // what is left of the part
	section string
	items   int // of all lists, and sections, so far
	err     error
}

// fail keeps the first error.
func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("component: %s, byte %d: %s", r.section, at, fmt.Sprintf(format, args...))
	}
	r.at = r.end
}

// more tells whether something is left to read.
func (r *reader) more() bool { return r.err == nil && r.at < r.end }

func (r *reader) byte() byte {
	if r.at >= r.end {
		r.fail(r.at, "it ends in the middle of something")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// u32 is a number in LEB128.
func (r *reader) u32() uint32 {
	begin := r.at
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail(begin, "a number is above 32 bits")
	return 0
}

// s33 is a type's index, or a primitive type, which is negative.
func (r *reader) s33() int64 {
	begin := r.at
	var v int64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if c&0x40 != 0 {
				v -= 1 << (shift + 7)
			}
			if v < -1<<32 || v >= 1<<32 {
				break
			}
			return v
		}
	}
	r.fail(begin, "a number is above 33 bits")
	return 0
}

// maxItems bounds what the lists of a component have together: each item is read into much more than the byte or two
// that it may take. Components of real tools have some hundreds.
const maxItems = 100_000

// count is the length of a list, of which each item has a byte at least.
func (r *reader) count() int {
	begin := r.at
	n := r.length()
	r.item(begin, n)
	if r.err != nil {
		return 0
	}
	return n
}

// item counts some that stand at a place.
func (r *reader) item(at, n int) {
	if r.items += n; r.items > maxItems {
		r.fail(at, "there are more than %d items and sections", maxItems)
	}
}

// length is a number of things that have a byte at least.
func (r *reader) length() int {
	begin := r.at
	n := int64(r.u32())
	if n > int64(r.end-r.at) {
		r.fail(begin, "a list of %d items does not fit into the %d bytes that are left", n, r.end-r.at)
		return 0
	}
	return int(n)
}

// bytes gives so many of them, of the binary itself.
func (r *reader) bytes(n int) []byte {
	if n > r.end-r.at {
		r.fail(r.at, "%d bytes are wanted, and %d are left", n, r.end-r.at)
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) name() string {
	begin := r.at
	b := r.bytes(r.length())
	if !utf8.Valid(b) {
		r.fail(begin, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// externName is the name of an import or export: its first byte says what kind of name it is.
func (r *reader) externName() string {
	begin := r.at
	if kind := r.byte(); kind > 1 {
		r.fail(begin, "a name is of the unknown kind %#x", kind)
		return ""
	}
	return r.name()
}

// index is a number below the length of an index space.
func (r *reader) index(what string, length int) int {
	begin := r.at
	i := r.u32()
	if int64(i) >= int64(length) {
		r.fail(begin, "%s %d does not exist: there are %d before this place", what, i, length)
		return 0
	}
	return int(i)
}
