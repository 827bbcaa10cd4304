package crashfs

import (
	"bytes"
	"io"
	"slices"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// maxFileSize keeps a wrong offset from taking the machine's memory.
const maxFileSize = 1 << 30

// content is a file's bytes twice: as they are read, and as the disk has them.
type content struct {
	cached []byte // what reads see: the page cache

	platter     []byte // what the disk holds; past its end there are zeros
	durableSize int64  // the size that the disk knows
	lowSize     int64  // the smallest size since then: what lies behind was cut off

	dirty     []bool // by sector: the next Sync writes it
	sizeDirty bool   // the next Sync writes the size

	reserved int64 // bytes that Preallocate set aside, from 0
}

func (c *content) size() int64 { return int64(len(c.cached)) }

// allocated is how much of the disk's capacity the file takes.
func (c *content) allocated() int64 { return max(c.size(), c.reserved) }

func (c *content) readAt(p []byte, offset int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if offset >= c.size() {
		return 0, io.EOF
	}
	n := copy(p, c.cached[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (c *content) writeAt(p []byte, offset int64) {
	if len(p) == 0 {
		return
	}
	end := offset + int64(len(p))
	if end > c.size() {
		c.cached = extend(c.cached, end)
		c.sizeDirty = true
	}
	copy(c.cached[offset:], p)
	first, last := offset/sectorSize, (end-1)/sectorSize
	for int64(len(c.dirty)) <= last {
		c.dirty = append(c.dirty, false)
	}
	for sector := first; sector <= last; sector++ {
		c.dirty[sector] = true
	}
}

func (c *content) truncate(size int64) {
	if size == c.size() {
		return
	}
	c.sizeDirty = true
	if size > c.size() {
		c.cached = extend(c.cached, size)
		return
	}
	clear(c.cached[size:]) // extending it again must find zeros
	c.cached = c.cached[:size]
	c.dirty = c.dirty[:min(int64(len(c.dirty)), sectors(size))]
	c.reserved = 0
	c.lowSize = min(c.lowSize, size)
	if size >= c.durableSize && size < int64(len(c.platter)) {
		clear(c.platter[size:]) // written back, but never part of the durable file
	}
}

// sync makes durable what is dirty, and with it the size.
func (c *content) sync() {
	if !c.sizeDirty && !slices.Contains(c.dirty, true) {
		return
	}
	if c.lowSize < c.durableSize && c.lowSize < int64(len(c.platter)) {
		clear(c.platter[c.lowSize:])
	}
	c.durableSize, c.lowSize = c.size(), c.size()
	for sector, dirty := range c.dirty {
		if dirty {
			c.toPlatter(int64(sector))
		}
	}
	c.markClean()
}

// markClean forgets what is dirty: after a Sync, and after one that failed.
func (c *content) markClean() {
	c.dirty, c.sizeDirty = c.dirty[:0], false
}

// toPlatter writes a sector to the disk.
func (c *content) toPlatter(sector int64) {
	at := sector * sectorSize
	if int64(len(c.platter)) < at+sectorSize {
		c.platter = extend(c.platter, at+sectorSize)
	}
	c.copySector(c.platter[at:at+sectorSize], c.cached, sector)
}

// copySector copies one sector out of an image, with zeros past its end.
func (c *content) copySector(to, image []byte, sector int64) {
	n := 0
	if at := sector * sectorSize; at < int64(len(image)) {
		n = copy(to, image[at:])
	}
	clear(to[n:])
}

// unsynced tells whether a sector may hold something else after a power loss:
// it waits for a Sync, or a Sync that failed dropped it. old is the disk's
// image of the file.
func (c *content) unsynced(sector int64, old []byte) bool {
	if sector < int64(len(c.dirty)) && c.dirty[sector] {
		return true
	}
	var now, then [sectorSize]byte
	c.copySector(now[:], c.cached, sector)
	c.copySector(then[:], old, sector)
	return !bytes.Equal(now[:], then[:])
}

// settle makes data the file's content, durably.
func (c *content) settle(data []byte) {
	*c = content{cached: duplicate(data), platter: duplicate(data), durableSize: int64(len(data)), lowSize: int64(len(data))}
}

func (c *content) clone() content {
	copied := *c
	copied.cached, copied.platter = duplicate(c.cached), duplicate(c.platter)
	copied.dirty = slices.Clone(c.dirty)
	return copied
}

// sectors is how many sectors a file of a size touches.
func sectors(size int64) int64 { return (size + sectorSize - 1) / sectorSize }

// extend grows a slice with zeros; what lies between its length and its
// capacity is always zero.
func extend(b []byte, size int64) []byte {
	if size <= int64(cap(b)) {
		return b[:size]
	}
	grown := make([]byte, size, max(size, 2*int64(cap(b))))
	copy(grown, b)
	return grown
}

// duplicate copies a slice without spare capacity, which need not be zero.
func duplicate(b []byte) []byte {
	copied := make([]byte, len(b))
	copy(copied, b)
	return copied
}
