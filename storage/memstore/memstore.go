// Package memstore keeps a store in memory: for tests, and as the reference of what a store does.
//
// [Open] makes an empty store. It has everything that a store can have but backups: a companion log,
// stored lines, listings, figures, blobs.
//
// Guarantees:
//
//  1. It does what storage/storagetest asks of every driver; nothing is durable, all is gone with the
//     process.
//  2. It copies what it is given and what it returns: no caller can change what it holds.
//  3. Borrowed events are overwritten as soon as the next one is asked for, so that a test finds code
//     that keeps them.
//
// A store may be used from many goroutines. Reads see the log as it was when they began, hold no lock
// and never block appends. Every event is kept for ever, about twice its line's size; reading one stream
// costs what the stream holds, other reads scan the log.
//
// Errors are those of the root package; after Close all have the code STORE_CLOSED.
//
// What this package does not do: durability, files, limits on memory.
package memstore

import (
	"time"

	"github.com/nacredb/nacre"
)

// Options: nil means the defaults.
type Options struct {
	// Limits bound what an append may hold. Default: those of nacre.Limits.
	Limits *nacre.Limits
	// Now is the clock that gives events their time. Default time.Now.
	Now func() time.Time
}

// Open makes an empty store, with an empty companion log, of an epoch of their own.
func Open(o *Options) *nacre.Store {
	if o == nil {
		o = &Options{}
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return nacre.NewStore(&driver{log: newLog(now), system: newLog(now)}, o.Limits)
}

// driver is a log with its companion.
type driver struct {
	*log
	system *log
}

func (d *driver) System() nacre.Driver { return d.system }

func (d *driver) Close() error {
	_ = d.system.Close() // a log in memory has nothing that could fail
	return d.log.Close()
}

var (
	_ nacre.Driver       = (*driver)(nil)
	_ nacre.Companion    = (*driver)(nil)
	_ nacre.LineReader   = (*driver)(nil)
	_ nacre.EventFinder  = (*driver)(nil)
	_ nacre.StreamLister = (*driver)(nil)
	_ nacre.Statistician = (*driver)(nil)
	_ nacre.BlobKeeper   = (*driver)(nil)
)
