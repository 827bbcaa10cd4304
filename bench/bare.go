package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/nacredb/nacre"
)

const bareName = "bare loop"

// bareHow says what the bare loop does.
var bareHow = "the limit: one goroutine writes lines made beforehand, in groups as large as all writers' next events " +
	"together, with one write and one " + syncName + " a group, into a file whose blocks were reserved"

// bareLoop is the limit of the disk for a number of writers: it does nothing but write and sync.
type bareLoop struct {
	dir   string
	group []byte
	lines int
	files int
}

// bareAhead is how much is reserved at once. The first piece is reserved before the time runs.
const bareAhead = 1 << 30

// newBareLoop makes the group of lines: real ones, made by a store with as many writers, whose numbers are
// widened to what they are in a log of some millions of events.
func newBareLoop(ctx context.Context, dir string, writers, batch int, data payloads) (*bareLoop, error) {
	scratch, err := os.MkdirTemp(dir, "lines-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	store, err := openNacre(scratch)
	if err != nil {
		return nil, err
	}
	c := &nacreContender{store}
	ws := newWriters(writers, "bare", data)
	_, err = driveFor(ctx, ws, 50*time.Millisecond, appendTo(c, batch))
	b := &bareLoop{dir: dir, lines: writers * batch}
	if err == nil {
		err = b.take(ctx, store)
	}
	return b, errors.Join(err, store.Close())
}

// take fills the group with the store's lines, repeated where they are too few.
func (b *bareLoop) take(ctx context.Context, store *nacre.Store) error {
	for n := 0; n < b.lines; {
		before := n
		for l, err := range store.ReadLines(ctx, nil, &nacre.ReadOptions{Limit: b.lines - n}) {
			if err != nil {
				return err
			}
			b.group = append(append(b.group, widen(l.Bytes)...), '\n')
			n++
		}
		if n == before {
			return errors.New("the store that was to give lines is empty")
		}
	}
	return nil
}

// stampNumbers are the numbers of a line's stamp that grow with the log.
var stampNumbers = regexp.MustCompile(`"(globalPosition|synced)":(\d+)|"batch":\[(\d+),(\d+)\]`)

// widen gives the stamp's numbers the width that they have in a log of millions.
func widen(line []byte) []byte {
	at := bytes.LastIndex(line, []byte(`,"globalPosition":`))
	if at < 0 {
		return line
	}
	stamp := stampNumbers.ReplaceAllFunc(line[at:], func(m []byte) []byte {
		if bytes.HasPrefix(m, []byte(`"batch"`)) {
			return []byte(`"batch":[1000000,1000099]`)
		}
		key, _, _ := bytes.Cut(m, []byte(":"))
		return fmt.Appendf(nil, "%s:1000000", key)
	})
	return append(bytes.Clone(line[:at]), stamp...)
}

// lineBytes is the mean length of a line.
func (b *bareLoop) lineBytes() float64 { return float64(len(b.group)) / float64(b.lines) }

// lane measures the loop beside others.
func (b *bareLoop) lane() lane { return lane{bareName, b.run} }

// run writes groups for a while, into a new file each time: rewriting blocks would be faster than any log
// can be. The files stay until the case ends, since discarding blocks would disturb the slice that follows.
func (b *bareLoop) run(ctx context.Context, d time.Duration) (out slice, err error) {
	b.files++
	f, err := os.Create(b.path(b.files))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := reserve(f, 0, bareAhead); err != nil {
		return out, err
	}
	reserved := int64(bareAhead)
	start := time.Now()
	for began, end := start, int64(0); out.elapsed < d && ctx.Err() == nil; {
		if end+int64(len(b.group)) > reserved {
			if err := reserve(f, reserved, bareAhead); err != nil {
				return out, err
			}
			reserved += bareAhead
		}
		if _, err := f.WriteAt(b.group, end); err != nil {
			return out, err
		}
		if err := datasync(f); err != nil {
			return out, err
		}
		end += int64(len(b.group))
		now := time.Now()
		out.waits.add(now.Sub(began))
		began, out.elapsed = now, now.Sub(start)
		out.events += int64(b.lines)
	}
	return out, ctx.Err()
}

// appendTo is an append of a batch to the writer's next stream.
func appendTo(c contender, batch int) appendFunc {
	return func(ctx context.Context, w *writer) (int, error) {
		return batch, c.add(ctx, w.number, w.stream(), w.some(batch))
	}
}

// remove removes what the loop wrote.
func (b *bareLoop) remove() {
	for i := range b.files {
		_ = os.Remove(b.path(i + 1))
	}
}

func (b *bareLoop) path(number int) string {
	return filepath.Join(b.dir, fmt.Sprintf("bare-%d", number))
}
