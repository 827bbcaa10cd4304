package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

const (
	// lockPatience is for how long Lock waits out what ends by itself: probes,
	// a holder who has not yet written who he is, one who is just leaving.
	lockPatience = 50 * time.Millisecond
	// lockTries is how often it tries at the least: on a machine under load one
	// pause may take all of the patience.
	lockTries = 20
	// lockPause is the mean pause between two tries.
	lockPause = time.Millisecond
	// holderLimit bounds how much of a lock file is read: more than anyone
	// writes, little enough when the file is not a lock file at all.
	holderLimit = 4096
)

// Lock tells a probe from a holder by the kind of lock: a probe's is shared.
// So a shared lock that is granted means that only probes are in the way. The
// text cannot tell, since a process that was killed leaves its text behind.
func (osFS) Lock(name, holder string) (io.Closer, error) {
	deadline := time.Now().Add(lockPatience)
	for try := 1; ; try++ {
		f, err := openRegular(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		locked, err := tryLock(f, true)
		if err != nil {
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: name, Err: err}, f.Close())
		}
		if locked && isStill(f, name) {
			return own(f, holder)
		}
		text := ""
		if !locked {
			text = presentHolder(f)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		if text != "" || try >= lockTries && time.Now().After(deadline) {
			return nil, &LockedError{Name: name, Holder: text}
		}
		// A random pause, so that two who wait do not meet again and again.
		time.Sleep(lockPause/2 + rand.N(lockPause))
	}
}

// Locked implements FS.
func (osFS) Locked(name string) (holder string, held bool, err error) {
	f, err := openRegular(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	// Closing the file also ends the shared lock, if it was granted.
	defer func() { err = errors.Join(err, f.Close()) }()
	deadline := time.Now().Add(lockPatience)
	for {
		free, err := tryLock(f, false)
		if err != nil {
			return "", false, &fs.PathError{Op: "probe lock", Path: name, Err: err}
		}
		if free {
			return "", false, unlock(f)
		}
		if text := readHolder(f); text != "" || time.Now().After(deadline) {
			return text, true, nil
		}
		time.Sleep(lockPause/2 + rand.N(lockPause))
	}
}

// isStill tells whether name still leads to the open file. A lock on a file
// that was removed meanwhile excludes nobody.
func isStill(f *os.File, name string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(open, named)
}

// presentHolder returns what the holder of an exclusive lock wrote, and
// nothing where only probes hold it or the holder has not written yet.
func presentHolder(f *os.File) string {
	onlyProbes, err := tryLock(f, false)
	if err != nil || onlyProbes {
		return ""
	}
	return readHolder(f)
}

func readHolder(f *os.File) string {
	text := make([]byte, holderLimit)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(text[:n]))
}

// own writes the holder into a file that is locked. It empties it first, so
// that a reader never takes two holders' texts for one.
func own(f *os.File, holder string) (io.Closer, error) {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strings.TrimSpace(holder)+"\n"), 0)
	}
	if err != nil && !IsFull(err) {
		return nil, errors.Join(err, unlock(f), f.Close())
	}
	// On a full disk the lock holds without its text: a store that can still
	// be read is worth more than the holder's name.
	return &osLock{file: f}, nil
}

type osLock struct{ file *os.File }

// Close empties the file before it unlocks, so that a text in an unlocked file
// means a process that was killed. A second Close is fs.ErrClosed.
func (l *osLock) Close() error {
	if err := l.file.Truncate(0); errors.Is(err, fs.ErrClosed) {
		return err
	} else if err != nil {
		return errors.Join(err, unlock(l.file), l.file.Close())
	}
	return errors.Join(unlock(l.file), l.file.Close())
}
