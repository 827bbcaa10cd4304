package filestore

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// keeper does in the background what no append waits for, unless it is a whole segment behind: one
// goroutine seals segments, another merges runs and compresses old segments.
type keeper struct {
	l      *log
	cancel context.CancelFunc
	wg     sync.WaitGroup
	seal   chan struct{}
	tidy   chan struct{}

	mu      sync.Mutex
	sealErr error // why the last attempt to seal failed
}

// retryAfter is how long after a failed attempt the background tries again.
const retryAfter = time.Second

func (k *keeper) start(l *log) {
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(context.Background())
	k.l = l
	k.seal, k.tidy = make(chan struct{}, 1), make(chan struct{}, 1)
	k.loop(ctx, k.seal, k.sealAll)
	k.loop(ctx, k.tidy, k.tidyUp)
	k.ring()
}

// loop runs work whenever its bell rings, and again a while after it failed.
func (k *keeper) loop(ctx context.Context, bell chan struct{}, work func(context.Context) error) {
	k.wg.Go(func() {
		retry := time.NewTimer(retryAfter)
		defer retry.Stop()
		retry.Stop()
		for {
			select {
			case <-bell:
			case <-retry.C:
			case <-ctx.Done():
				return
			}
			if err := work(ctx); err != nil && ctx.Err() == nil {
				k.l.lg.Warn("work in the background failed, it will be tried again", "store", k.l.dir, "error", err)
				retry.Reset(retryAfter)
			}
		}
	})
}

func (k *keeper) ring() {
	for _, bell := range []chan struct{}{k.seal, k.tidy} {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

func (k *keeper) stop() {
	if k.cancel != nil {
		k.cancel()
		k.wg.Wait()
	}
}

// sealAll seals every segment but the active one.
func (k *keeper) sealAll(ctx context.Context) error {
	l := k.l
	for ctx.Err() == nil && l.damage() == nil {
		s := l.acquire()
		var g *seg
		if len(s.mems) > 1 && nacre.Position(l.written.Load())+1 >= s.mems[1].first && k.listed(s.mems[1].first) {
			g = s.segAt(s.mems[0].first)
		}
		if g == nil {
			s.release()
			return nil
		}
		err := l.sealSegment(g, s.mems[0], s.mems[1].first-1)
		s.release()
		k.mu.Lock()
		k.sealErr = err
		k.mu.Unlock()
		l.wake()
		if err != nil {
			return err
		}
		k.ring()
	}
	return nil
}

// listed tells whether the segment that begins at a position has its file.
func (k *keeper) listed(first nacre.Position) bool {
	k.l.manifestMu.Lock()
	defer k.l.manifestMu.Unlock()
	n := len(k.l.manifest.Segments)
	return n > 0 && k.l.manifest.Segments[n-1].First >= first
}

// sealSegment writes a segment's run, offsets and seal, and lets its memory go.
func (l *log) sealSegment(g *seg, m *memory, last nacre.Position) error {
	m.fold()
	if m.folded != last {
		return nacre.Errorf(nacre.CodeInternal, "the index of the segment at %d goes to %d, not to %d", g.first, m.folded, last)
	}
	run, err := l.saveRun(g, m)
	if err != nil {
		return err
	}
	defer func() { _ = run.Release() }() // a snapshot takes a reference of its own
	r, err := g.reader()
	if err != nil {
		return err
	}
	sum, err := segment.Sum(context.Background(), r, m.end, nil)
	if err != nil {
		return err
	}
	info, err := l.changeInfo(g.first, func(i *segment.Info) {
		i.Sealed, i.Last, i.Bytes, i.SHA256 = true, last, m.end, sum
		i.Streams = int64(m.idx.Streams())
		i.Oldest, i.Newest = m.oldest, m.newest
	})
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.info = info
	g.mu.Unlock()
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		return segs, append(runs, run), mems[1:]
	})
	g.mu.Lock()
	g.mem = nil
	g.mu.Unlock()
	return nil
}

// waitSealed waits until at most the active segment has no run, or tells why it cannot get one. gen is
// that of the caller's state: after a fault, a segment that was begun never gets its file.
func (l *log) waitSealed(gen uint64) error {
	return l.waitFor(context.Background(), func() (bool, error) {
		s := l.acquire()
		behind := len(s.mems) > 1
		s.release()
		if !behind {
			return true, nil
		}
		if err := l.failure(); err != nil {
			return false, err
		}
		if l.faultGen() != gen {
			return false, l.lastFault()
		}
		l.keeper.mu.Lock()
		err := l.keeper.sealErr
		l.keeper.mu.Unlock()
		switch {
		case err == nil:
			return false, nil
		case vfs.IsFull(err):
			return false, nacre.Errorf(nacre.CodeStoreFull, "no space is left for the index of %s: make room, reads go on and appends will again: %w", l.dir, err)
		default:
			return false, nacre.Errorf(nacre.CodeInternal, "the index of %s cannot be written: %w", l.dir, err)
		}
	})
}

// tidyUp merges runs and compresses what is old enough.
func (k *keeper) tidyUp(ctx context.Context) error {
	if err := k.l.merge(ctx); err != nil {
		return err
	}
	return k.compress(ctx)
}

// compress compresses the sealed segments but the newest ones that are to stay as they are.
func (k *keeper) compress(ctx context.Context) error {
	l := k.l
	if l.o.CompressAfter == 0 || l.damage() != nil {
		return nil
	}
	l.manifestMu.Lock()
	infos := append([]segment.Info(nil), l.manifest.Segments...)
	l.manifestMu.Unlock()
	var raw []segment.Info
	for _, i := range infos {
		if i.Sealed {
			raw = append(raw, i)
		}
	}
	for i := 0; i < len(raw)-l.o.CompressAfter; i++ {
		if raw[i].Zstd {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := l.compressSegment(ctx, raw[i]); err != nil {
			return err
		}
	}
	return nil
}

// compressSegment swaps a sealed segment's file for a compressed one. Until the manifest says so, the raw
// file counts.
func (l *log) compressSegment(ctx context.Context, info segment.Info) error {
	path := filepath.Join(l.dir, info.Name)
	compressed, err := segment.Compress(ctx, l.fs, path, path+".zst")
	if err != nil {
		return err
	}
	if compressed.SHA256 != info.SHA256 {
		_ = l.fs.Remove(path + ".zst")
		return &nacre.DamageError{File: path, Position: info.First, Reason: "the segment's bytes are not those that were sealed"}
	}
	changed, err := l.changeInfo(info.First, func(i *segment.Info) { i.Name, i.Zstd = info.Name+".zst", true })
	if err != nil {
		return err
	}
	// Who reads the raw file goes on with it; it is gone once the last one lets go.
	l.publish(func(segs []*seg, runs []*index.Run, mems []*memory) ([]*seg, []*index.Run, []*memory) {
		for i, g := range segs {
			if g.first == info.First {
				segs[i] = &seg{log: l, first: g.first, info: changed}
			}
		}
		return segs, runs, mems
	})
	if err := l.fs.Remove(path); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
