package client

import (
	"bytes"
	"context"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// Append implements nacre.Driver. Every event that is sent has an id, so that what was sent twice is
// written once.
func (l *log) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	select {
	case l.peer.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-l.peer.slots }()

	if c != nil && c.After > math.MaxInt64 {
		// Behind the end of every log, as is the greatest number that the wire takes.
		c = &nacre.Condition{FailIfEventsMatch: c.FailIfEventsMatch, After: math.MaxInt64}
	}
	made := giveIDs(batch)
	r, imported := *l.commits, c == nil && isImport(batch)
	if imported {
		r = *l.imports
	}
	p := payloads.Get().(*payload)
	p.body = wire.EncodeCommit(p.body[:0], batch, c, imported)
	r.body, r.again = p.body, p.again

	before := nacre.Position(l.seen.Load())
	var out []nacre.Appended
	first := true
	failed := l.repeat(ctx, func(unknown bool) *failure {
		body, f := l.peer.exchange(ctx, &r, p.reply, l.peer.timeout)
		if f == nil {
			p.reply = body
			var err error
			if out, err = wire.ParseCommitReply(body, batch); err != nil {
				f = &failure{err: err, unknown: true}
			} else if made || unknown && isNewer(out, before) {
				own(out)
			}
		}
		if f != nil || unknown {
			first = false
		}
		return f
	})
	if failed != nil {
		if !imported {
			giveUp(batch)
		}
		return nil, l.undecided(ctx, failed, batch)
	}
	// An attempt that failed may still be read from; so is a reply that has events.
	if first && len(p.body) <= maxKept {
		if len(p.reply) > maxKept || bytes.Contains(p.reply, []byte(`"events":[`)) {
			p.reply = nil
		}
		payloads.Put(p)
	}
	l.noteSeen(out)
	return out, nil
}

// payload is what an append sends and is answered. A carrier may read the body until the reply is there,
// and longer where an attempt failed.
type payload struct {
	body, reply []byte
	again       func() (io.ReadCloser, error)
}

// maxKept is the largest body that is kept for another append.
const maxKept = 256 << 10

var payloads = sync.Pool{New: func() any {
	p := &payload{}
	p.again = func() (io.ReadCloser, error) { return reader(p.body), nil }
	return p
}}

// giveIDs gives an id to each event that has none, and tells whether there was one.
func giveIDs(batch []nacre.Append) (made bool) {
	for i := range batch {
		for j := range batch[i].Events {
			if e := &batch[i].Events[j]; e.ID == "" {
				e.ID, made = nacre.NewID(), true
			}
		}
	}
	return made
}

// giveUp takes back what a Store gave the events, which would refuse to be given it.
func giveUp(batch []nacre.Append) {
	for i := range batch {
		for j := range batch[i].Events {
			batch[i].Events[j].TransactionID, batch[i].Events[j].TransactionSize = "", 0
		}
	}
}

// isImport tells whether events bring what a store gives. A Store itself gives the events of a batch one
// transaction id, which is made right before it comes here; one that is older was brought.
func isImport(batch []nacre.Append) bool {
	transaction, events := batch[0].Events[0].TransactionID, 0
	merge, size := batch[0].Events[0].Parents != nil, batch[0].Events[0].TransactionSize
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			if !e.CreatedAt.IsZero() || e.TransactionID != transaction {
				return true
			}
			events++
		}
	}
	switch {
	case merge && events > 1:
		return events != size // several transactions, or none; one that is the batch is what a Store makes of it
	case events == 1:
		return transaction != ""
	case transaction == "":
		return true
	default:
		at, ok := timeOf(transaction)
		now, _ := timeOf(nacre.NewID())
		return !ok || (now-at).Abs() > time.Minute
	}
}

// timeOf is the time in a ULID, since 1970.
func timeOf(id string) (time.Duration, bool) {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	if len(id) != 26 {
		return 0, false
	}
	ms := int64(0)
	for i := range 10 {
		n := strings.IndexByte(digits, id[i])
		if n < 0 {
			return 0, false
		}
		ms = ms<<5 | int64(n)
	}
	return time.Duration(ms) * time.Millisecond, true
}

// isNewer tells whether all events stand behind a position. A batch is there whole or not at all, so that
// where one of them is older, none was written by this call.
func isNewer(out []nacre.Appended, than nacre.Position) bool {
	for i := range out {
		if len(out[i].Events) > 0 && out[i].Events[0].GlobalPosition <= than {
			return false
		}
	}
	return true
}

// own takes an outcome for this call's: an earlier attempt of it wrote the events.
func own(out []nacre.Appended) {
	for i := range out {
		out[i].Duplicate = false
	}
}

func (l *log) noteSeen(out []nacre.Appended) {
	last := nacre.Position(0)
	for i := range out {
		last = max(last, out[i].Position())
	}
	for {
		seen := l.seen.Load()
		if uint64(last) <= seen || l.seen.CompareAndSwap(seen, uint64(last)) {
			return
		}
	}
}

// undecided is the error of an append: what the server decided, or that it is not known.
func (l *log) undecided(ctx context.Context, f *failure, batch []nacre.Append) error {
	if !f.unknown {
		return f.err
	}
	e := &UnknownError{Code: nacre.CodeInternal, Batch: batch, Attempts: f.tried, Err: f.err}
	switch c := nacre.CodeOf(f.err); {
	case c == nacre.CodeVersionConflict, c == nacre.CodeConditionFailed, c == nacre.CodeEventIDConflict,
		c == nacre.CodeWrongStreamKind, c == nacre.CodeParentMissing:
		// Ids are looked at first: had an earlier attempt written them, this would be their outcome.
		return f.err
	case c == nacre.CodeFailed:
		return f.err // says itself that it is not known
	case ctx.Err() != nil:
		e.Code = nacre.CodeOf(ctx.Err())
	case l.closed.Load():
		e.Code = nacre.CodeClosed
	case c == nacre.CodeDeadline:
		e.Code = c
	}
	return e
}
