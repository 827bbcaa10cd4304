// Package sqlite keeps a read model in a SQLite file of its own.
//
// [Open] makes or opens the file; the [ReadModel] is a projection.ReadModel of *sqlmodel.Tx, and is queried by
// its QueryContext and QueryRowContext, or by [ReadModel.DB].
//
// Guarantees:
//
//  1. The rows and the checkpoint commit together: an event counts exactly once, also when the process is killed. A
//     power loss may damage the file, which is then made again from the log.
//  2. A file that is damaged, was deleted, or was made by another schema text is made again.
//  3. A rebuilt file takes the place of the old one by its name, when it has caught up; queries that begin
//     afterwards read the new one.
//
// It is derived data, and so synchronous is off: nothing waits for the disk. Beside PATH there are PATH-wal and
// PATH-shm while it is open, and PATH.next while it is being made again. Other processes may read it by SQLite's
// own means. A ReadModel may be used from many goroutines.
//
// What this package does not do: it keeps no events, and one file is for one projection.
package sqlite
