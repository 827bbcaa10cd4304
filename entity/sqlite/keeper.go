package sqlite

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	pageBytes = 4096
	// checkpointAt is how much of the write-ahead log, in bytes, is copied into the file at once.
	checkpointAt = 4 << 20
	// restartAt is its size, in bytes, at which it is used again from its beginning.
	restartAt = 32 << 20
	// retryAfter is how much it grows, in bytes, before that is tried again.
	retryAfter = 16 << 20
	// overflowAt is its size, in bytes, at which who writes waits for that, since the keeper does not keep up.
	overflowAt = 128 << 20
	// keptWAL is how much of its file is kept when it is used again.
	keptWAL = 64 << 20
)

// keeper copies SQLite's write-ahead log into the file, so that no Write has to wait for the disk, and sees to it that
// the log is used again.
type keeper struct {
	poke    chan struct{}
	done    chan struct{}
	queries atomic.Int64 // that there were
	analyze atomic.Bool

	mu      sync.Mutex // held while it works; taken before Tables.writing
	tryAt   int64      // the size at which it tries again to begin anew
	seen    map[*reader]int64
	ordered atomic.Int64 // rows at which the tables are analyzed next

	waitAt int64 // the size at which who writes waits; Tables.writing is held
}

func (t *Tables) restartAt() int64  { return min(restartAt, t.o.MaxWAL/2) }
func (t *Tables) retryAfter() int64 { return min(retryAfter, t.o.MaxWAL/4) }
func (t *Tables) overflowAt() int64 { return min(overflowAt, t.o.MaxWAL) }

func (k *keeper) start(t *Tables) {
	k.poke, k.done, k.seen = make(chan struct{}, 1), make(chan struct{}), map[*reader]int64{}
	k.tryAt, k.waitAt = t.restartAt(), t.overflowAt()
	k.ordered.Store(1000)
	go func() {
		defer close(k.done)
		for {
			select {
			case <-t.closing.Done():
				return
			case <-k.poke:
				switch err := k.work(t); {
				case err == nil || t.closing.Err() != nil:
				case damaged(err):
					t.damage("looking after the tables: " + err.Error())
				default:
					t.o.Logger.Warn("the tables of entities could not be looked after; it is tried again", "file", t.path, "error", err)
				}
			}
		}
	}()
}

func (k *keeper) wait() { <-k.done }

// wrote tells the keeper of rows that were written. t.writing is held.
func (k *keeper) wrote(t *Tables, rows int, declared bool) {
	t.rows += int64(rows)
	due := declared
	if at := k.ordered.Load(); t.rows >= at {
		k.ordered.Store(4 * t.rows)
		due = true
	}
	if due {
		k.analyze.Store(true)
	}
	log, copied, _, err := checkpoint(t.writer, "NOOP")
	if err == nil && log >= k.waitAt {
		_, _, busy, err := checkpoint(t.writer, "RESTART")
		if k.waitAt = t.overflowAt(); busy || err != nil {
			k.waitAt = log + t.retryAfter()
		}
	}
	if !due && err == nil && log-copied < checkpointAt {
		return
	}
	select {
	case k.poke <- struct{}{}:
	default:
	}
}

// checkpoint copies what can be copied in a mode, and tells, in bytes, how long the log is and how much of it stands in
// the file, and whether somebody was in the way.
func checkpoint(c *conn, mode string) (log, copied int64, busy bool, err error) {
	var blocked, frames, done int64
	_, err = c.row("PRAGMA wal_checkpoint("+mode+")", nil, &blocked, &frames, &done)
	return max(frames, 0) * pageBytes, max(done, 0) * pageBytes, blocked != 0, err
}

func (k *keeper) work(t *Tables) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.broken.Load() {
		return nil
	}
	log, _, _, err := checkpoint(t.checkpoints, "PASSIVE")
	if err != nil {
		return fmt.Errorf("copying the write-ahead log: %w", err)
	}
	if log >= k.tryAt {
		if err := k.restart(t, log); err != nil {
			return fmt.Errorf("beginning the write-ahead log anew: %w", err)
		}
	} else if at := t.restartAt(); log < at {
		k.tryAt = at
	}
	if k.analyze.Swap(false) {
		if err := k.optimize(t); err != nil {
			return fmt.Errorf("looking how the tables are filled: %w", err)
		}
	}
	return nil
}

// optimize lets SQLite look at the tables, by which it chooses indexes.
func (k *keeper) optimize(t *Tables) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.closing.Err() != nil {
		return nil
	}
	if err := t.writer.exec("PRAGMA analysis_limit = 200"); err != nil {
		return err
	}
	return t.writer.exec("PRAGMA optimize = 0x10002")
}

// restart lets the log begin anew. Most of it stands in the file already, so that who writes does not wait long. The
// longer the log, the longer it waits for readers, and at the end it ends those that have been there since the last time.
func (k *keeper) restart(t *Tables, log int64) error {
	patience := 20
	if log >= t.o.MaxWAL {
		patience = 1000
		for _, r := range t.readers {
			if n := r.query.Load(); n != 0 && n == k.seen[r] {
				r.ended.Store(true)
				r.interrupt()
			}
		}
	}
	if err := t.checkpoints.exec("PRAGMA busy_timeout = " + strconv.Itoa(patience)); err != nil {
		return err
	}
	t.writing.Lock()
	_, _, busy, err := checkpoint(t.checkpoints, "RESTART")
	t.writing.Unlock()
	if err != nil {
		return err
	}
	clear(k.seen)
	if !busy {
		k.tryAt = t.restartAt()
		return nil
	}
	for _, r := range t.readers {
		k.seen[r] = r.query.Load()
	}
	k.tryAt = log + t.retryAfter()
	if log >= t.o.MaxWAL {
		t.o.Logger.Warn("readers keep the write-ahead log of the tables of entities from being used again: end other programs that read the file", "file", t.path, "bytes", log)
	}
	return nil
}
