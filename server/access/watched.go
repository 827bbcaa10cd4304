package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookInterval is how often a file is looked at.
	lookInterval = time.Second
	// settleTime is for how long after its change a file is read again though it looks the same: clocks of
	// file systems are coarse, and two changes can bear one time.
	settleTime = 2 * time.Second
)

// watched is what some files say, read again when they change. Nothing runs in the background: a call that
// comes a second after the last look takes the next one, and calls beside it go on with what is known.
type watched[T any] struct {
	paths []string
	limit int64 // bytes of each file
	// optional says that the first file may be absent, as long as it never was there: parse gets nil then.
	optional bool
	parse    func(contents [][]byte) (T, error)
	clock    Clock

	looked atomic.Int64 // when the files were last looked at, in nanoseconds
	mu     sync.Mutex   // held by the one who looks
	now    atomic.Pointer[reading[T]]
}

// reading is what was last read. It is not changed.
type reading[T any] struct {
	value  T     // of the last time that it could be read
	good   bool  // there is a value
	exists bool  // the files were there, then or before
	err    error // why the present files cannot be read
	stamps []fileStamp
	at     time.Time
}

// fileStamp tells a file from another one or another state of it.
type fileStamp struct {
	info os.FileInfo // nil where the file is absent
}

func (s fileStamp) same(other fileStamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() &&
		s.info.ModTime().Equal(other.info.ModTime())
}

// get tells what the files say, looking at them at most once a second.
func (w *watched[T]) get() *reading[T] {
	now := w.clock()
	// A clock that was set back must not keep the files from being looked at.
	if since := now.UnixNano() - w.looked.Load(); since >= 0 && since < int64(lookInterval) {
		return w.now.Load()
	}
	if w.mu.TryLock() {
		defer w.mu.Unlock()
		if since := now.UnixNano() - w.looked.Load(); since < 0 || since >= int64(lookInterval) {
			w.look(now, false)
		}
	}
	return w.now.Load()
}

// reread reads the files now.
func (w *watched[T]) reread() *reading[T] {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look(w.clock(), true)
	return w.now.Load()
}

// look is called by the holder of mu.
func (w *watched[T]) look(now time.Time, always bool) {
	// Only after the reading is stored may others take it for a fresh one.
	defer w.looked.Store(now.UnixNano())
	last := w.now.Load()
	if last == nil {
		last = &reading[T]{}
	} else if !always && last.err == nil && w.unchanged(last) {
		return
	}
	next := &reading[T]{value: last.value, good: last.good, exists: last.exists, at: now}
	contents, stamps, err := w.read()
	next.stamps = stamps
	switch {
	case err != nil:
		next.err = err
	case stamps[0].info == nil && last.exists:
		next.err = fmt.Errorf("%s has vanished: put it back, or start again without it", w.paths[0])
	default:
		value, err := w.parse(contents)
		if err != nil {
			next.err = err
			break
		}
		next.value, next.good = value, true
	}
	if len(stamps) > 0 && stamps[0].info != nil {
		next.exists = true
	}
	w.now.Store(next)
}

// unchanged tells whether the files are those that were read, and have been long enough to be sure.
func (w *watched[T]) unchanged(last *reading[T]) bool {
	for i, path := range w.paths {
		info, err := os.Stat(path)
		if err != nil {
			info = nil
			if !errors.Is(err, fs.ErrNotExist) {
				return false // reading it says why
			}
		}
		if !last.stamps[i].same(fileStamp{info}) {
			return false
		}
		if info != nil && last.at.Sub(info.ModTime()) < settleTime {
			return false
		}
	}
	return true
}

func (w *watched[T]) read() (contents [][]byte, stamps []fileStamp, err error) {
	for i, path := range w.paths {
		data, info, err := readFile(path, w.limit)
		if errors.Is(err, fs.ErrNotExist) && w.optional && i == 0 {
			err = nil
		}
		if err != nil {
			// The first file may have been seen all the same.
			return nil, stamps, err
		}
		contents, stamps = append(contents, data), append(stamps, fileStamp{info})
	}
	return contents, stamps, nil
}

// readFile reads a regular file of at most so many bytes. The stamp is of the very file that was read.
func readFile(path string, limit int64) (data []byte, info os.FileInfo, err error) {
	// Before it is opened, since opening a named pipe waits for its writer.
	if info, err = os.Stat(path); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if data, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, nil, err
	}
	if int64(len(data)) > limit {
		return nil, nil, fmt.Errorf("%s has more than %d bytes: it is not what it should be", path, limit)
	}
	return data, info, nil
}
