// Package index holds the data structures of a log's inverted index: which
// events, by global position, carry a term.
//
// A term is a keyed 64-bit hash of a kind and a text ([Hasher]): a stream, a
// category, a type, a tag, an event's id within its stream, or the category of a
// merge stream.
//
// # Entry points
//
// [Mem] indexes the active segment in memory. [BuildRun] writes a Mem to a
// [Run], an immutable file over a contiguous range of positions, and [Merge]
// joins adjacent runs into one; [PlanMerge] says which, [ListRuns] what a
// directory holds. Mem.Lookup and Run.Lookup both give [Postings], the
// positions of one term; [Concat], [Union] and [Intersect] combine them into
// the positions of a filter. Mem.Names and Run.Names list what the terms were
// made of, and [UnionNames] joins the lists. [Offsets] tells where each line of
// a sealed segment stands.
//
// # Guarantees
//
//  1. Everything here is derived from the log. Each file may be deleted at any
//     time when it is not open, and comes back from the log with the same
//     bytes: a run is a function of the events of its range, of the number of
//     segments that it covers and of the key, however it came about.
//  2. A file appears under its name whole and durable, or not at all: it is
//     written and synced beside its place, renamed, and the directory synced.
//  3. No byte of a file is believed before the checksum of its block agreed,
//     on every access. Damage, a truncated file and an unreadable sector are a
//     [*BadBlockError], never a wrong answer, and never a panic.
//  4. A lookup may say that a term is there that is not, where two terms have
//     one hash: who reads the events' lines compares. It never says that a
//     term is not there that is.
//
// # Concurrency and ownership
//
// A Mem is changed by one goroutine at a time and has no lock of its own; see
// its methods for what may be read beside that. Runs and Offsets may be read
// from many goroutines. A Run is counted: it stays mapped, and its file in
// place, until the owner and everyone who acquired it let go. Postings and
// iterators of a run must not be used after the run was released. An iterator
// belongs to one goroutine.
//
// # Units and limits
//
// Positions are global positions, from 1; 0 stands before all of them. Offsets
// and lengths are bytes. A Mem covers at most 2^32-1 positions, a run at most
// 2^40-1 terms and 16 TiB of posting lists.
//
// # Errors
//
// [*BadBlockError] where a file is not what was written: delete it and build it
// again. Any other error is the file system's.
//
// The formats of the files are in spec/index-format.md. What this package does
// not do: it does not read the log, does not decide when to build, merge or
// rebuild, and does not check a term's text against an event.
package index
