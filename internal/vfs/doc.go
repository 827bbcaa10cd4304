// Package vfs is the one way to the disk: a small file system interface whose
// operations are named for what they make durable, so that the code above it
// runs unchanged on a real disk and on a simulated one that loses power.
//
// # Entry points
//
// [FS], [File] and [Mapping] are the interface. [OS] is the machine's file
// system. [ReadFile] and [WriteFileAtomic] are the two whole-file helpers,
// [Watch] tells a follower in another process that a directory changed, and
// [IsFull] recognises a full disk. Package crashfs beside this one holds the
// simulated file system: crashes, failed syncs, full disks, unreadable sectors.
//
// # Guarantees
//
// The contract of every implementation; one table of tests runs on all of them.
//
//  1. What [File.WriteAt], [File.Truncate] and the operations on names did is
//     seen at once by everyone who reads through the same file system, and is
//     durable only after the matching sync.
//  2. [File.Sync] makes the file's data durable, and the size needed to read
//     it, for every write that returned before Sync was called, through
//     whichever handle. It does not make the file's name durable.
//  3. [FS.SyncDir] makes the names in one directory durable: what was created,
//     linked, renamed to or from it and removed. It does not make the data in
//     those files durable, nor the directory's own name in its parent.
//  4. [FS.Rename] is atomic: at no instant, and after no crash, does the target
//     name lead to a mixture, and a file that was durable under its old name is
//     found under the old name or the new one.
//  5. After Sync failed, the data written since the last Sync that succeeded
//     may be lost although reads still show it and later calls of Sync
//     succeed. Only writing the data again makes it durable.
//  6. [FS.Lock] excludes every other holder, in this process and in others, and
//     ends with the process that holds it, however that ends.
//
// # Concurrency and ownership
//
// Every method of an [FS] and of a [File] may be called from many goroutines
// at once, except Close, which is called once and when nothing else runs.
// A [Mapping] may be read by many; its bytes must not be written, and not be
// used after Close. Slices that are passed in are not kept.
//
// # Units, limits, errors
//
// Sizes and offsets are bytes. Names are paths as the caller gave them; [OS]
// hands them to the operating system. Errors carry the operation and the name
// ([fs.PathError], [os.LinkError]) and answer to errors.Is with
// [fs.ErrNotExist], [fs.ErrExist] and [fs.ErrPermission]. [ErrNotSupported] is what the
// file system cannot do; [*LockedError] names who holds a lock.
//
// # What it does not do
//
// No buffering, no appending handles, no permissions (files are made 0640,
// directories 0750, less the umask), no symbolic links of its own making, no
// retry of what failed. On Windows directories cannot be synced and mapped
// files are read into memory instead; outside Linux nothing is preallocated
// and watching means polling.
package vfs
