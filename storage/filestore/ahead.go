package filestore

import (
	"context"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

const (
	// slowChunk is longer than a look at a part of the index takes where nothing comes from the disk.
	slowChunk = 150 * time.Microsecond
	// aheadWorkers is how many pages are asked for at once: disks serve many as quickly as one.
	aheadWorkers = 16
	// aheadLines is how many lines of each part of the index are touched.
	aheadLines = 32
)

// ahead touches what a read of one stream is about to need, so that it is in memory when the read comes to
// it: on an empty page cache such a read waits for some sixty pages, one after the other. Nothing hangs on
// what it finds; what it cannot read, the read will tell of.
type ahead struct {
	lines  int // the most that are touched in each part of the index
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// startAhead begins with what is left of the read.
func (sc *scanning) startAhead(ctx context.Context, term uint64) *ahead {
	a := &ahead{lines: aheadLines}
	if sc.o.Limit > 0 {
		a.lines = min(a.lines, sc.o.Limit)
	}
	ctx, a.cancel = context.WithCancel(ctx)
	s, dir := sc.s, sc.dir()
	first, last := sc.first, sc.last
	chunks := make(chan chunk)
	for range aheadWorkers {
		a.wg.Go(func() {
			for c := range chunks {
				a.touch(ctx, sc.l, s, &c, dir, term)
			}
		})
	}
	a.wg.Go(func() {
		defer close(chunks)
		for c := range s.chunks(dir, first, last) {
			if c.run == nil {
				continue // memories are in memory
			}
			select {
			case chunks <- *c:
			case <-ctx.Done():
				return
			}
		}
	})
	return a
}

// stop ends what is not needed any more, and waits for it.
func (a *ahead) stop() {
	if a != nil {
		a.cancel()
		a.wg.Wait()
	}
}

// touch reads a term's first lines in a part of the index, each in a goroutine of its own.
func (a *ahead) touch(ctx context.Context, l *log, s *snapshot, c *chunk, dir index.Direction, term uint64) {
	postings, err := c.lookup(term)
	if err != nil || postings.Count() == 0 {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	src := c.walk(postings, dir)
	for range a.lines {
		p, ok := src.Next()
		if !ok || ctx.Err() != nil {
			return
		}
		wg.Go(func() {
			f := l.newFetcher(s)
			defer f.free()
			f.quiet = true
			_, _ = f.line(nacre.Position(p))
		})
	}
}
