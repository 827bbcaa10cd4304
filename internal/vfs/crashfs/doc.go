// Package crashfs is a file system in memory that knows what a power loss would
// leave of it: the disk of every crash and fault test.
//
// # Entry points
//
// [New] makes an empty one, an implementation of vfs.FS. [FS.Crash] returns a
// new, independent file system as a power loss at this instant may leave it;
// [FS.SetHook] sees every operation before it happens and may make it fail;
// [FailNth], [FailFrom], [FS.DiskFull] and [FS.UnreadableRange] are the usual
// faults; [FS.Corrupt] rots bits.
//
// # Guarantees
//
//  1. What was synced survives every crash: data up to the last Sync that
//     succeeded, names up to the last SyncDir. A file survives only if the
//     names of all the directories above it do.
//  2. A 512-byte sector lands whole or not at all. Each one that is not synced
//     holds, independently, its durable content, its newest content, or zeros.
//     The sector in which the durable file ends never loses its durable bytes.
//  3. The size after a crash lies between the durable size and the newest one.
//     A truncation that is not synced happened entirely or not at all.
//  4. Operations on names that are not synced are kept or lost independently,
//     except that of those on one name, each needs the ones before it. A rename
//     is atomic, also between directories: a file that was durable under its
//     old name is found under the old or the new one, and not under both.
//     SyncDir of either directory makes it durable.
//  5. After a failed Sync (a hook's error) the data is marked clean but was not
//     written: reads show it, later calls of Sync succeed, and it stays as
//     lossy as it was until it is written and synced again. A failed SyncDir
//     may be repeated.
//  6. The same operations, options and random seed leave the same files.
//
// Crash with KeepAll is the end of the process and not of the machine: all is
// there, and what was not synced is still not. [FS.Writeback] is the kernel
// writing some of it back on its own. No crash leaves a lock, a handle or a
// reserved block.
//
// # Concurrency and ownership
//
// Everything may be called from many goroutines. No lock is held while a hook
// runs, so that it may call anything here, Crash included. Byte slices that are
// passed in or out are copies; a Mapping is a copy of the bytes at the call.
//
// # Units, limits, errors
//
// Names are slash paths from the root "/", which exists; "a/b" and "/a/b" are
// the same. A file holds at most 1 GiB (EFBIG). Unreadable ranges give EIO, a
// full disk gives vfs.ErrFull, all inside an fs.PathError.
//
// # What it does not do
//
// No permissions, symbolic links or times. Space is counted in bytes of file
// size or reservation, without blocks or metadata. A sector is never torn, and
// none that was synced decays but by Corrupt.
package crashfs
