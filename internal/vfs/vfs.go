package vfs

import (
	"errors"
	"fmt"
	"io"
)

// FS is a file system. All names are slash paths as the caller gave them (for
// [OS], paths of the operating system).
type FS interface {
	// Create makes a file, or empties the one that is there, and opens it for
	// reading and writing.
	Create(name string) (File, error)

	// Open opens a file for reading only. An absent file is fs.ErrNotExist; a
	// directory is an error.
	Open(name string) (File, error)

	// OpenWrite opens a file that exists for reading and writing.
	OpenWrite(name string) (File, error)

	// Rename gives a file or directory another name. A file at `to` is
	// replaced by a file; anything else there is an error.
	Rename(from, to string) error

	// Remove removes a file or an empty directory. Open handles stay usable.
	Remove(name string) error

	// RemoveAll removes a file, or a directory and everything in it. It is no
	// error when nothing is there.
	RemoveAll(name string) error

	// Link gives a file a second name. `to` must be absent (fs.ErrExist).
	// Where the file system has no hard links, or not between these two
	// places, the error answers to errors.Is with ErrNotSupported and the
	// caller copies instead.
	Link(from, to string) error

	// MkdirAll makes a directory and its missing parents.
	MkdirAll(name string) error

	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]Entry, error)

	// Stat tells about one file or directory; Entry.Name is its last element.
	Stat(name string) (Entry, error)

	// SyncDir makes the names in a directory durable: creations, links,
	// renames and removals.
	SyncDir(name string) error

	// Lock takes an exclusive lock on a file, making the file where it is
	// absent, and writes holder (one line, such as "pid 4711, nacre serve")
	// into it for others to read. A lock that is held is a *LockedError: at
	// once where the holder has said who he is, else after some 50 ms, which a
	// probe, or a holder who is just coming or leaving, does not outlast.
	// Close empties the file, leaves it in its place and unlocks it.
	Lock(name, holder string) (io.Closer, error)

	// Locked tells whether someone holds the lock and what he wrote into it,
	// without taking it for longer than the question takes. An absent file is
	// not held.
	Locked(name string) (holder string, held bool, err error)

	// Map maps a whole file into memory, for reading. The mapping covers the
	// size that the file has now, and does not follow later growth. The file
	// must not be shortened while it is mapped.
	Map(name string) (Mapping, error)

	// Free tells how many bytes an ordinary user can still write to the file
	// system that holds dir.
	Free(dir string) (bytes uint64, err error)
}

// File is an open file. There is no position: reads and writes name their
// offset.
type File interface {
	// ReadAt reads at an offset; at the end of the file it returns io.EOF with
	// what there was.
	io.ReaderAt

	// WriteAt writes at an offset; past the end of the file it extends it, and
	// a gap reads as zeros. Where it fails, the first n bytes were written.
	io.WriterAt

	// Size tells the file's present size.
	Size() (int64, error)

	// Truncate cuts the file, or extends it with zeros.
	Truncate(size int64) error

	// Preallocate reserves space for the bytes before size without changing
	// the file's size, so that writing them cannot find the disk full. It does
	// nothing where the file system cannot do it. A full disk is an error for
	// which IsFull is true.
	Preallocate(size int64) error

	// Sync makes the file's data durable, and the size needed to read it. See
	// guarantee 5 of the package for what a failure leaves.
	Sync() error

	io.Closer
}

// Mapping is a file mapped into memory, for reading.
type Mapping interface {
	// Bytes is the content, empty for an empty file. It must not be written,
	// and not be used after Close.
	Bytes() []byte

	io.Closer
}

// ScatteredMapper is an FS whose mappings are no copies: they cost memory only
// for what is looked at.
type ScatteredMapper interface {
	FS

	// MapScattered is Map for content that will be read here and there: the
	// system does not read ahead where it can be told so.
	MapScattered(name string) (Mapping, error)
}

// Entry is a file or a directory as ReadDir and Stat tell it.
type Entry struct {
	// Name is the last element of the path.
	Name string
	// Size is a file's size in bytes; of a directory it means nothing.
	Size int64
	// Dir is true for a directory.
	Dir bool
}

// ErrNotSupported is what a file system cannot do, such as a hard link on a
// file system that has none.
var ErrNotSupported = errors.ErrUnsupported

// ErrFull is a full disk as simulated file systems report it. Ask with
// [IsFull], which also knows the operating system's errors.
var ErrFull = errors.New("no space left on the (simulated) disk")

// LockedError is what Lock returns where someone else holds the lock.
type LockedError struct {
	// Name is the lock file as it was given to Lock.
	Name string
	// Holder is what the holder wrote into it, empty where that is not known.
	Holder string
}

// Error implements error.
func (e *LockedError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "someone who did not say who"
	}
	return fmt.Sprintf("%s is locked by %s: end that process first, or use another directory", e.Name, holder)
}

// IsFull tells whether an error says that the disk, or the user's quota on it,
// is full.
func IsFull(err error) bool {
	return errors.Is(err, ErrFull) || isFull(err)
}
