package filestore

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// log is one log in one folder: the user's, or the companion. It is the driver.
//
// Lock order: rebuildMu, manifestMu, publishMu, curMu; those of a seg, a memory, the queue and progress
// are leaves.
type log struct {
	progress

	dir    string
	fs     vfs.FS
	o      Options
	lg     *slog.Logger
	hasher index.Hasher
	epoch  string
	closed atomic.Bool

	lockPath string // of the store's lock, which covers its companion log too
	lock     io.Closer

	companion *log // nil in a companion log

	manifestMu   sync.Mutex
	manifest     segment.Manifest
	manifestText []byte         // as read, where the log is read only
	ends         nacre.Position // the log's last, as it was found when it was opened
	markNumber   uint64

	publishMu sync.Mutex
	curMu     sync.RWMutex
	cur       *snapshot
	latest    atomic.Pointer[snapshot] // cur, to see whether it has changed

	damaged atomic.Pointer[nacre.DamageError] // found at open: appends are refused

	// The append path.
	queue     *queue
	recent    *recentStreams
	kinds     kinds
	groups    chan *group
	groupPool sync.Pool
	next      nextSegment
	bell      chan struct{} // for the indexer
	indexing  sync.WaitGroup
	running   bool          // the goroutines have been started
	sequenced chan struct{} // closed when the sequencer has ended
	done      chan struct{} // closed when the writer has

	// The background.
	keeper    keeper
	rebuildMu sync.Mutex
	refreshMu sync.Mutex
	reading   readOnly
	blobMu    sync.Mutex
}

// Open opens the store in a folder, which it makes where there is none, and recovers it after a crash.
// Beside another process that writes, it fails with CodeLocked, which tells that process's id, unless
// o.ReadOnly. A damaged store opens: what is whole can be read, and appends fail with CodeDamaged.
func Open(dir string, o *Options) (*nacre.Store, error) {
	l, err := openStore(dir, o)
	if err != nil {
		return nil, err
	}
	return nacre.NewStore(l, l.o.Limits), nil
}

func openStore(dir string, o *Options) (*log, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "the folder %q: %w", dir, err)
	}
	l := newLog(abs, filepath.Join(abs, "LOCK"), opts)
	if err := l.takeLock(); err != nil {
		return nil, err
	}
	system := opts
	system.SegmentBytes = min(system.SegmentBytes, 4<<20)
	l.companion = newLog(filepath.Join(abs, "system"), l.lockPath, system)
	if err := l.open(); err != nil {
		l.leave()
		_ = l.unlock()
		return nil, err
	}
	if err := l.companion.open(); err != nil {
		l.companion.leave()
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

func newLog(dir, lockPath string, o Options) *log {
	l := &log{
		dir: dir, lockPath: lockPath, fs: o.env.fs, o: o, lg: o.Logger,
		queue: newQueue(), recent: new(recentStreams),
		groups: make(chan *group), bell: make(chan struct{}, 1),
		sequenced: make(chan struct{}), done: make(chan struct{}),
	}
	l.moved = make(chan struct{})
	l.groupPool.New = func() any { return new(group) }
	return l
}

// takeLock keeps other writers away, and tells who holds the store.
func (l *log) takeLock() error {
	if l.o.ReadOnly {
		if _, err := l.fs.Stat(l.dir); err != nil {
			return nacre.Errorf(nacre.CodeNotFound, "there is no store in %s: %w", l.dir, err)
		}
		return nil
	}
	if err := l.makeFolder(l.dir); err != nil {
		return err
	}
	lock, err := l.fs.Lock(l.lockPath, fmt.Sprintf("process %d", os.Getpid()))
	if held, ok := asLocked(err); ok {
		return nacre.Errorf(nacre.CodeLocked, "%s is being written by %s: stop it first, or open read-only", l.dir, holder(held))
	}
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the lock of %s cannot be taken: %w", l.dir, err)
	}
	l.lock = lock
	return nil
}

func holder(e *vfs.LockedError) string {
	if e.Holder == "" {
		return "another process"
	}
	return e.Holder
}

func (l *log) unlock() error {
	if l.lock == nil {
		return nil
	}
	lock := l.lock
	l.lock = nil
	return lock.Close()
}

func (l *log) indexDir() string { return filepath.Join(l.dir, "index") }

// open recovers the log and starts its goroutines.
func (l *log) open() error {
	if l.o.ReadOnly {
		return l.openReadOnly()
	}
	active, err := l.recover()
	if err != nil {
		return err
	}
	l.kinds.any.Store(l.mayHaveMerges())
	seq := &sequencer{l: l, snap: l.acquire(), next: l.visible() + 1, clock: active.clock}
	seq.fresh.since = l.visible()
	w := &writer{l: l}
	if active.seg != nil {
		seq.seg, seq.mem, seq.end = active.seg, active.seg.mem, l.bytes.Load()
		w.file, w.seg = active.file, active.seg
	}
	go seq.run()
	go w.run()
	l.indexing.Go(l.indexer)
	l.keeper.start(l)
	l.running = true
	return nil
}

// newGroup takes a group with an empty buffer.
func (l *log) newGroup() *group { return l.groupPool.Get().(*group) }

func (l *log) freeGroup(g *group) {
	if cap(g.buf) > 2*maxGroup {
		return
	}
	clear(g.requests)
	clear(g.results)
	*g = group{buf: g.buf[:0], requests: g.requests[:0], results: g.results[:0]}
	l.groupPool.Put(g)
}

func (l *log) indexBell() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// indexer indexes in the background what has been appended.
func (l *log) indexer() {
	for {
		select {
		case <-l.bell:
			s := l.acquire()
			s.fold()
			s.release()
		case <-l.sequenced:
			return
		}
	}
}

// damage is what recovery found, nil where all was whole.
func (l *log) damage() *nacre.DamageError { return l.damaged.Load() }

// told tells people of damage that a read met.
func (l *log) told(d *nacre.DamageError) {
	l.lg.Error("damage", "file", d.File, "line", d.Line, "byte", d.Offset, "position", uint64(d.Position), "reason", d.Reason)
}

// Head implements nacre.Driver.
func (l *log) Head(context.Context) (nacre.Head, error) {
	if l.closed.Load() {
		return nacre.Head{}, errClosed
	}
	if err := l.refresh(); err != nil {
		return nacre.Head{}, err
	}
	return nacre.Head{Position: nacre.Position(l.followed.Load()), Last: l.visible(), Epoch: l.presentEpoch()}, nil
}

// Wait implements nacre.Driver.
func (l *log) Wait(ctx context.Context, after nacre.Position) error {
	if l.o.ReadOnly {
		return l.waitReadOnly(ctx, after)
	}
	return l.waitFor(ctx, func() (bool, error) {
		switch {
		case l.closed.Load():
			return false, errClosed
		case nacre.Position(l.followed.Load()) > after:
			return true, nil
		}
		return false, l.failure()
	})
}

// System implements nacre.Companion.
func (l *log) System() nacre.Driver { return l.companion }

// Close implements nacre.Driver.
func (l *log) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	var err error
	if l.companion != nil && l.companion.cur != nil {
		err = l.companion.Close()
	}
	if l.o.ReadOnly {
		l.refreshMu.Lock() // who looks at the files at this moment ends first
		l.leave()
		l.refreshMu.Unlock()
	} else if l.running {
		l.queue.close()
		<-l.done
		l.indexing.Wait()
		l.keeper.stop()
		if failed := l.failure(); failed != nil && err == nil {
			err = failed
		}
		l.wake()
		l.leave()
	}
	if e := l.unlock(); e != nil && err == nil {
		err = nacre.Errorf(nacre.CodeInternal, "the lock: %w", e)
	}
	return err
}

// clockFloor is the time below which no new event is stamped: that of the log's newest line, unless it
// is more than a day ahead of the clock, as only an imported one can be.
func (l *log) clockFloor(newest int64) int64 {
	now := l.o.env.now()
	if newest > now.Add(24*time.Hour).UnixMicro() {
		return now.UnixMicro()
	}
	return newest
}
