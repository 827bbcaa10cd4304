package segment

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// frameCacheBytes bounds what all compressed segments of the process keep decompressed: a few hundred
// frames, however many segments are read.
const frameCacheBytes = 16 << 20

// frames is shared, because what is worth keeping is not known to any one segment's reader.
var frames = frameCache{most: frameCacheBytes}

var lastZstd atomic.Uint64

// frameCache keeps the frames that were used last.
type frameCache struct {
	most int64

	mu      sync.Mutex
	bytes   int64
	entries map[frameKey]*list.Element
	order   list.List // of *cachedFrame, the one used last in front
}

type frameKey struct {
	zstd  uint64 // of which reader
	frame int
}

type cachedFrame struct {
	key     frameKey
	content []byte // nobody writes to it
}

func (c *frameCache) get(key frameKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedFrame).content
}

func (c *frameCache) put(key frameKey, content []byte) {
	size := int64(len(content))
	if size > c.most/4 {
		return // one long line is not worth all the others
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return // two came at once
	}
	if c.entries == nil {
		c.entries = make(map[frameKey]*list.Element)
	}
	c.entries[key] = c.order.PushFront(&cachedFrame{key, content})
	for c.bytes += size; c.bytes > c.most; {
		oldest := c.order.Remove(c.order.Back()).(*cachedFrame)
		delete(c.entries, oldest.key)
		c.bytes -= int64(len(oldest.content))
	}
}
