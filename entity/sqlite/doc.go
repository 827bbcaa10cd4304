// Package sqlite keeps the tables of entities in a SQLite file.
//
// [Open] makes or opens the file; the [Tables] are an entity.Tables. [OpenSQL] reads the file of others by SQL, also while
// they write. [Path] is where a store has its file. spec/tables.md specifies the layout.
//
// Guarantees:
//
//  1. A batch, its mark and the tables that it declares commit together. After a crash, also of the machine, the file
//     stands at some batch, which the mark tells.
//  2. A query and its mark are of one moment. Queries do not wait for a Write, nor a Write for queries.
//  3. A file that is not Nacre's is set aside, one that is of another format or damaged is removed, and the tables begin
//     empty; the logger is told. Damage that is found later, in the file or in an entity's state, which has a
//     checksum, is an error with the code DAMAGED until Reset or the next Open begins anew.
//  4. One process writes: a second one gets the code STORE_LOCKED.
//
// Nothing waits for the disk but a checkpoint, in the background: after a power cut the last batches may be gone, and come
// again from the log. A reader that does not end keeps SQLite's write-ahead log from being used again; when it has
// grown to Options.MaxWAL, the queries of this process that hold it are ended with the code DEADLINE_EXCEEDED, and
// the logger is told of the readers of others. Where the file is removed while it is open, all goes on with what is
// open, and the next Open begins anew.
//
// Tables may be used from many goroutines. What they are given is copied. A property has a column where its type has one,
// at most 1,990 a collection. An index ends before the first property that has no column.
//
// Beside PATH there are PATH-wal and PATH-shm while it is open, and PATH.lock.
//
// Errors are of the root package, or package query's; a context that ended is its own error.
//
// What this package does not do: it keeps nothing that is not in the log, and has no limit on a query's time or
// memory but its context.
package sqlite
