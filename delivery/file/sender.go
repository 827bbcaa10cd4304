package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// sender gathers the batches that wait, and has them written and synced together. It has a goroutine only while there
// is something to write.
type sender struct {
	writer *writer

	mutex   sync.Mutex
	waiting []*request
	writing bool
	closed  bool
	group   sync.WaitGroup
}

// request is a batch that is to be written.
type request struct {
	//nolint:containedctx // it is asked when the batch's turn comes, in the goroutine that writes
	ctx   context.Context
	lines []byte
	done  chan result // with room for the one
}

type result struct {
	end int64 // where the batch's lines end in the file
	err error
}

var errClosed = errors.New("the sender is closed")

// Send implements delivery.Sender.
func (s *sender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	lines, err := linesOf(b.Events)
	if err != nil {
		return delivery.Receipt{}, &delivery.Failure{Permanent: true, Err: err}
	}
	r := &request{ctx: ctx, lines: lines, done: make(chan result, 1)}
	if err := s.enqueue(r); err != nil {
		return delivery.Receipt{}, err
	}
	select {
	case <-ctx.Done():
		return delivery.Receipt{}, fmt.Errorf("file %s: %w", s.writer.config.Path, context.Cause(ctx))
	case done := <-r.done:
		if done.err != nil {
			return delivery.Receipt{}, fmt.Errorf("file %s: %w", s.writer.config.Path, done.err)
		}
		return delivery.Receipt{Response: fmt.Sprintf("%d bytes of %s, up to byte %d",
			len(lines), filepath.Base(s.writer.path), done.end)}, nil
	}
}

func (s *sender) enqueue(r *request) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return errClosed
	}
	s.waiting = append(s.waiting, r)
	if !s.writing {
		s.writing = true
		s.group.Go(s.write)
	}
	return nil
}

// write writes what waits, until nothing does.
func (s *sender) write() {
	for {
		s.mutex.Lock()
		batch := s.waiting
		s.waiting = nil
		if len(batch) == 0 {
			s.writing = false
			s.mutex.Unlock()
			return
		}
		s.mutex.Unlock()
		s.writeTogether(batch)
	}
}

// writeTogether writes batches with one sync. A batch whose context is over is left out: its Send has returned.
func (s *sender) writeTogether(batch []*request) {
	for len(batch) > 0 {
		var lines []byte
		var taken []*request
		for _, r := range batch {
			if r.ctx.Err() != nil {
				r.done <- result{err: context.Cause(r.ctx)}
				batch = batch[1:]
				continue
			}
			// A file that is full is for those that fit; the others have the next.
			if len(taken) > 0 && int64(len(lines)+len(r.lines)) > s.writer.config.MaxBytes {
				break
			}
			lines = append(lines, r.lines...)
			taken = append(taken, r)
			batch = batch[1:]
		}
		if len(taken) == 0 {
			return
		}
		end, err := s.writer.append(lines)
		end -= int64(len(lines))
		for _, r := range taken {
			end += int64(len(r.lines))
			r.done <- result{end: end, err: err}
		}
	}
}

// Close implements delivery.Sender.
func (s *sender) Close() error {
	s.mutex.Lock()
	closed := s.closed
	s.closed = true
	s.mutex.Unlock()
	if closed {
		return nil
	}
	s.group.Wait()
	return s.writer.close()
}

// linesOf are the lines of events, each with its end.
func linesOf(events []nacre.Event) ([]byte, error) {
	var out bytes.Buffer
	for i := range events {
		line, err := events[i].MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("event %q at position %d: %w", events[i].ID, events[i].GlobalPosition, err)
		}
		if bytes.IndexByte(line, '\n') >= 0 { // white space that its author left in
			if err := json.Compact(&out, line); err != nil {
				return nil, fmt.Errorf("event %q at position %d: %w", events[i].ID, events[i].GlobalPosition, err)
			}
		} else {
			out.Write(line)
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}
