package main

import (
	"github.com/nacredb/nacre"
)

// What a store takes at once, a little below the limits: entry.size is not exact.
const (
	mostEvents = 1000
	mostBytes  = 12 << 20
)

// unit is one entry, or the entries of one transaction, or of merge streams those of one batch, which may have several
// transactions: they are imported together or not at all.
type unit struct {
	entries []entry
	bytes   int
}

func (u *unit) stream(i int) nacre.StreamID { return u.entries[i].imported.Event.StreamID }

func (u *unit) transaction() string { return u.entries[0].imported.Event.TransactionID }

// merge tells whether the unit is of merge streams.
func (u *unit) merge() bool { return u.entries[0].imported.Event.Parents != nil }

// ended tells whether nothing can come that belongs to the unit.
func (u *unit) ended() bool {
	last := &u.entries[len(u.entries)-1].imported
	if u.merge() && last.BatchLast == 0 {
		return len(u.entries) >= last.Event.TransactionSize
	}
	if u.merge() {
		return last.Position >= last.BatchLast
	}
	return u.transaction() == "" || last.BatchLast != 0 && last.Position >= last.BatchLast
}

// continues tells whether an entry belongs to the unit. A transaction that a store cannot take at once
// goes on as another unit, except in merge streams, where it is whole or nothing.
func (u *unit) continues(e *entry) bool {
	event := &e.imported.Event
	if u.merge() {
		last := &u.entries[len(u.entries)-1].imported
		return !u.ended() && event.Parents != nil && e.imported.BatchFirst == last.BatchFirst &&
			(last.BatchFirst != 0 || event.TransactionID == u.transaction())
	}
	if u.ended() || event.Parents != nil || event.TransactionID != u.transaction() || len(u.entries) >= mostEvents || u.bytes+e.size > mostBytes {
		return false
	}
	if event.StreamID == u.stream(len(u.entries)-1) {
		return true
	}
	for i := range u.entries {
		if u.stream(i) == event.StreamID {
			return false // a batch names each stream once, and the order is kept
		}
	}
	return true
}

// batcher makes batches of entries. A batch has what comes one behind the other, as long as each
// stream's events stand side by side: an import keeps the order of its file.
type batcher struct {
	most int      // events of a batch
	full [][]unit // batches that are ready, for the caller to take away

	open unit // what comes next may belong to it

	units   []unit
	events  int
	bytes   int
	streams map[nacre.StreamID]struct{}
	last    nacre.StreamID
}

func newBatcher(most int) *batcher {
	return &batcher{most: most, streams: make(map[nacre.StreamID]struct{})}
}

func (b *batcher) add(e entry) {
	if len(b.open.entries) > 0 && !b.open.continues(&e) {
		b.closeUnit()
	}
	b.open.entries = append(b.open.entries, e)
	b.open.bytes += e.size
	if b.open.ended() {
		b.closeUnit()
	}
}

// closeUnit puts the open unit into the batch, or where that has no room into the next one.
func (b *batcher) closeUnit() {
	u := b.open
	b.open = unit{}
	if len(u.entries) == 0 {
		return
	}
	if !b.hasRoom(&u) {
		b.cut()
	}
	b.units = append(b.units, u)
	b.events += len(u.entries)
	b.bytes += u.bytes
	for i := range u.entries {
		b.streams[u.stream(i)] = struct{}{}
	}
	b.last = u.stream(len(u.entries) - 1)
}

func (b *batcher) hasRoom(u *unit) bool {
	if len(b.units) > 0 && b.units[0].merge() != u.merge() {
		return false
	}
	if b.events+len(u.entries) > b.most || b.bytes+u.bytes > mostBytes {
		return false
	}
	follows := u.stream(0) == b.last
	for i := range u.entries {
		if _, there := b.streams[u.stream(i)]; there && !(follows && u.stream(i) == b.last) {
			return false
		}
	}
	return true
}

// cut ends the batch. The open unit stays open.
func (b *batcher) cut() {
	if len(b.units) > 0 {
		b.full = append(b.full, b.units)
	}
	b.units, b.events, b.bytes, b.last = nil, 0, 0, ""
	clear(b.streams)
}

// drop forgets the open unit, and returns it.
func (b *batcher) drop() unit {
	u := b.open
	b.open = unit{}
	return u
}

// appends is the units as a store takes them: each stream once. Of a transaction of merge streams whose streams
// alternate, each stream keeps its order.
func appends(units []unit) []nacre.Append {
	var out []nacre.Append
	places := make(map[nacre.StreamID]int)
	for _, u := range units {
		for i := range u.entries {
			event := &u.entries[i].imported.Event
			at, there := places[event.StreamID]
			if !there {
				at = len(out)
				places[event.StreamID] = at
				out = append(out, nacre.Append{Stream: event.StreamID})
			}
			out[at].Events = append(out[at].Events, *event)
		}
	}
	return out
}
