package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/internal/vfs"
)

// writer is a path and the file that stands there now. Its methods are called by one goroutine at a time, apart from
// what tidies up beside.
type writer struct {
	env    environment
	config *config
	path   string // of the operating system
	root   string // above this no folder is made by this package
	log    *slog.Logger

	lock  io.Closer // nil until something is written
	file  vfs.File  // nil until something is written to it
	size  int64     // of what is acknowledged, or was found
	began time.Time // zero where nobody knows
	// number is the largest that a rotated file has, of those that were seen.
	number int
	// dirty is when something that failed may stand behind size.
	dirty bool
	// unnamed is when the file's name may not be durable.
	unnamed bool

	tidying  sync.WaitGroup
	oneTidy  sync.Mutex
	stopping atomic.Bool
}

// append writes lines and syncs them. Where it fails, the lines are not there for anybody who reads whole lines after
// the next append.
func (w *writer) append(lines []byte) (end int64, err error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	if w.due(len(lines)) {
		if err := w.rotate(); err != nil {
			return 0, err
		}
		if err := w.open(); err != nil {
			return 0, err
		}
	}
	if err := w.clean(); err != nil {
		return 0, err
	}
	w.dirty = true
	if err := w.put(lines); err != nil {
		// At once, since a process that ends now leaves lines that look whole and may not be durable. Where it
		// fails, the next append does it.
		_ = w.file.Truncate(w.size)
		return 0, err
	}
	w.dirty, w.unnamed = false, false
	if w.size == 0 {
		w.began = w.env.now()
	}
	w.size += int64(len(lines))
	return w.size, nil
}

// clean cuts what failed, durably: were the next lines written over it first, a crash could mix the two into lines that
// look whole.
func (w *writer) clean() error {
	if !w.dirty {
		return nil
	}
	if err := w.file.Truncate(w.size); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	w.dirty = false
	return nil
}

func (w *writer) put(lines []byte) error {
	if _, err := w.file.WriteAt(lines, w.size); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if w.unnamed {
		return w.env.fs.SyncDir(filepath.Dir(w.path))
	}
	return nil
}

// ready has the file open that stands at the path now.
func (w *writer) ready() error {
	if w.lock == nil {
		if err := w.take(); err != nil {
			return err
		}
	}
	if w.file != nil {
		entry, err := w.env.fs.Stat(w.path)
		if err == nil && (entry.Size == w.size || w.dirty) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// Somebody moved it away, or wrote to it.
		if err := w.release(); err != nil {
			return err
		}
	}
	return w.open()
}

// take makes the folders and takes the lock.
func (w *writer) take() error {
	dir := filepath.Dir(w.path)
	if err := w.env.fs.MkdirAll(dir); err != nil {
		return err
	}
	// The folders' own names: of each up to the root, the one above it.
	for {
		above := filepath.Dir(dir)
		if above == dir {
			break
		}
		if err := w.env.fs.SyncDir(above); err != nil {
			return err
		}
		if dir == w.root {
			break
		}
		dir = above
	}
	lock, err := w.env.fs.Lock(w.path+".lock", fmt.Sprintf("pid %d, a subscription to %s", os.Getpid(), w.config.Path))
	if held, is := errors.AsType[*vfs.LockedError](err); is {
		return fmt.Errorf("another subscription, or another process, writes to it: give each its own path: %w", held)
	}
	if err != nil {
		return err
	}
	w.lock = lock
	w.tidy() // what an earlier process left
	return nil
}

// open opens the file, or makes it, and mends its end.
func (w *writer) open() error {
	file, err := w.env.fs.OpenWrite(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = w.env.fs.Create(w.path)
		if err != nil {
			return err
		}
		w.file, w.size, w.began, w.dirty, w.unnamed = file, 0, w.env.now(), false, true
		return nil
	}
	if err != nil {
		return err
	}
	size, err := w.mend(file)
	if err == nil {
		w.began, err = w.lastRotation()
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	// What is behind size has been cut, but the name may be as new as what was cut.
	w.file, w.size, w.dirty, w.unnamed = file, size, false, true
	return nil
}

// due tells whether a new file is to be begun before so many bytes.
func (w *writer) due(more int) bool {
	switch {
	case w.size == 0:
		return false
	case w.size+int64(more) > w.config.MaxBytes:
		return true
	case w.config.MaxAgeSeconds == 0:
		return false
	case w.began.IsZero():
		return true
	}
	return w.env.now().Sub(w.began) >= w.config.maxAge()
}

// rotate gives the file its other name. The next file's SyncDir makes that durable, before anything in it is
// acknowledged.
func (w *writer) rotate() error {
	if err := w.clean(); err != nil {
		return err
	}
	found, err := w.rotated()
	if err != nil {
		return err
	}
	// A listing misses what is compressed at this moment; no number is given twice.
	if len(found) > 0 {
		w.number = max(w.number, found[len(found)-1].number)
	}
	w.number++
	// Nor does a clock that was set back put a file before an older one, for who goes by the names.
	at := w.env.now()
	for _, p := range found {
		if p.at.After(at) {
			at = p.at
		}
	}
	if err := w.release(); err != nil {
		return err
	}
	if err := w.env.fs.Rename(w.path, w.names().rotated(at, w.number)); err != nil {
		return err
	}
	w.tidy()
	return nil
}

// release closes the file.
func (w *writer) release() error {
	file := w.file
	w.file, w.dirty = nil, false
	return file.Close()
}

// close frees everything. What failed is not left behind where it can be cut.
func (w *writer) close() error {
	w.stopping.Store(true)
	w.tidying.Wait()
	var failed []error
	if w.file != nil {
		if w.dirty {
			failed = append(failed, w.file.Truncate(w.size))
		}
		failed = append(failed, w.release())
	}
	if w.lock != nil {
		failed = append(failed, w.lock.Close())
		w.lock = nil
	}
	return errors.Join(failed...)
}
