// Package filestore keeps a store in a directory, as lines of JSON that jq, grep and tail -f read.
//
// [Open] opens a directory and gives a nacre.Store; [Verify] checks one; [Restore] makes one of a backup.
//
// Guarantees:
//
//  1. An acknowledged append is on the disk, unless [Options.Durability] says otherwise by name. A crash
//     at any instant leaves every batch whole or absent.
//  2. Nothing is cut but a torn tail, which was never acknowledged; what was cut is kept in cut/.
//  3. Damage is told with file, line and byte, and never served, cut, or skipped in silence. A damaged
//     store opens; what is whole can be read, and appends are refused.
//  4. Everything in index/ is derived: it can be deleted, is checked whenever it is used, and is made
//     again from the lines where it is bad.
//  5. One process writes. Any number may read beside it, with [Options.ReadOnly].
//  6. Neither the time of an append nor the memory held grows with what the log holds already.
//
// A store may be used from many goroutines. Appends of many callers share one write and one sync: the
// more callers wait, the more events a sync makes durable. Reads take no lock while they read, and hold
// their files open until their loop ends.
//
// Limits: segments of 64 MiB, 2^53 events, and those of nacre.Limits. Sizes are bytes.
//
// Errors: CodeLocked, CodeReadOnly, CodeStoreFull, CodeDamaged, CodeFailed and CodeClosed, besides those
// that every driver gives.
//
// The format, the rules of recovery and what is assumed of disks are in spec/log-format.md; the index's
// files in spec/index-format.md.
//
// What this package does not do: it does not erase, does not merge streams, and does not replicate.
package filestore
