package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// dataBytes is the size of an event's data, where nothing else is said.
const dataBytes = 256

const (
	// openStreams is how many streams a writer appends to in turn.
	openStreams = 4
	// streamAppends is how many appends a stream gets; then a new one takes its place. Real aggregates are
	// short, and a store that is fast on eternal streams only would be found out.
	streamAppends = 10
)

// payloads are data made beforehand: JSON objects of one size that do not compress well.
type payloads [][]byte

func newPayloads(size int) payloads {
	const count = 4096
	random := rand.New(rand.NewPCG(1, uint64(size)))
	out := make(payloads, count)
	for i := range out {
		const frame = `{"id":,"note":""}`
		id := strconv.Itoa(1_000_000 + i)
		note := make([]byte, size-len(frame)-len(id))
		for j := range note {
			note[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.IntN(64)]
		}
		out[i] = fmt.Appendf(nil, `{"id":%s,"note":"%s"}`, id, note)
	}
	return out
}

// writer appends to streams of its own. It is one goroutine's.
type writer struct {
	number  int
	prefix  string
	data    payloads
	streams [openStreams]openStream
	turn    int
	made    int // streams so far
	taken   int // payloads so far

	acknowledged atomic.Int64 // events, also for others to read
}

type openStream struct {
	cursor
	left int // appends
}

// newWriters makes writers whose streams begin with a prefix: "order-<prefix>-<writer>-<number>".
func newWriters(count int, prefix string, data payloads) []*writer {
	out := make([]*writer, count)
	for i := range out {
		out[i] = &writer{number: i, prefix: fmt.Sprintf("order-%s-%03d-", prefix, i), data: data, taken: i * 31}
	}
	return out
}

// stream is the one whose turn it is.
func (w *writer) stream() *cursor {
	w.turn = (w.turn + 1) % openStreams
	s := &w.streams[w.turn]
	if s.left == 0 {
		*s = openStream{cursor: w.fresh(), left: streamAppends}
	}
	s.left--
	return &s.cursor
}

// fresh is a stream that does not exist yet.
func (w *writer) fresh() cursor {
	w.made++
	return cursor{stream: w.prefix + strconv.Itoa(w.made), version: -1}
}

// one is the next event's data.
func (w *writer) one() []byte {
	w.taken++
	return w.data[w.taken%len(w.data)]
}

// some is the data of the next events.
func (w *writer) some(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = w.one()
	}
	return out
}
