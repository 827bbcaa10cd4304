package index

import "encoding/binary"

// find looks a term up in the directory.
func (r *Run) find(term uint64) (v value, ok bool, err error) {
	block, _, err := r.directoryBlock(scale(term, r.head.buckets()))
	if err != nil {
		return 0, false, err
	}
	low, high := 0, len(block)/entrySize
	for low < high {
		middle := int(uint(low+high) >> 1)
		if binary.LittleEndian.Uint64(block[middle*entrySize:]) < term {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low*entrySize == len(block) {
		return 0, false, nil
	}
	found, v := directoryEntry(block, low)
	return v, found == term, nil
}

// directoryBlock returns the verified entries of a bucket, and where they
// stand. The directory has a block for each equal part of all terms, so that a
// term can be in one block only.
func (r *Run) directoryBlock(bucket uint64) (entries []byte, at uint64, err error) {
	from, to, err := r.buckets.step(bucket)
	if err != nil {
		return nil, 0, err
	}
	at = r.starts[partDirectory] + from*entrySize + bucket*checkSize
	entries, err = r.block(at, (to-from)*entrySize+checkSize, "a block of the directory")
	return entries, at, err
}

func directoryEntry(block []byte, i int) (term uint64, v value) {
	e := block[i*entrySize:]
	return binary.LittleEndian.Uint64(e), value(binary.LittleEndian.Uint64(e[8:]))
}

// directoryCursor walks the directory of a run in the order of the terms.
type directoryCursor struct {
	run *Run
	// term and value are the present entry, unless end is true.
	term  uint64
	value value
	end   bool

	bucket uint64
	block  []byte
	i      int
	count  uint64
}

// next goes to the next entry. Whatever is out of order is found here.
func (c *directoryCursor) next() error {
	for c.i*entrySize == len(c.block) {
		if c.bucket == c.run.head.buckets() {
			c.end = true
			if c.count != c.run.head.terms {
				return c.run.bad(c.run.starts[partDirectory], "the directory has another number of terms than the header tells")
			}
			return nil
		}
		block, _, err := c.run.directoryBlock(c.bucket)
		if err != nil {
			return err
		}
		c.block, c.i = block, 0
		c.bucket++
	}
	term, v := directoryEntry(c.block, c.i)
	if c.count > 0 && term <= c.term || scale(term, c.run.head.buckets()) != c.bucket-1 {
		return c.run.bad(c.run.starts[partDirectory], "the terms of the directory are out of order")
	}
	c.term, c.value = term, v
	c.count++
	c.i++
	return nil
}
