package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/wire"
)

// Read implements nacre.Driver. Events are made of the stored lines, whose checksums are verified here
// again.
func (l *log) Read(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Event, error] {
	return func(yield func(nacre.Event, error) bool) {
		var v line.View
		var e nacre.Event
		r := reading{l: l, ctx: ctx, filter: f, o: *o}
		r.parse = func(text []byte) (nacre.Position, error) {
			err := line.Parse(text, &v)
			return v.Position, err
		}
		r.yield = func([]byte) bool {
			v.Event(&e, o.Borrowed)
			return yield(e, nil)
		}
		if err := r.run(); err != nil {
			yield(nacre.Event{}, err)
		}
	}
}

// ReadLines implements nacre.LineReader.
func (l *log) ReadLines(ctx context.Context, f nacre.Filter, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		r := reading{l: l, ctx: ctx, filter: f, o: *o}
		r.lines(yield)
	}
}

// ReadWhere is [nacre.Store.ReadLines] of a store that [Open] gave, with a condition over events in the language of package
// query beside the filter, which the server evaluates: what it is not true of is not sent. Limits count what it is true of. In
// an embedded store, query.Where does the same.
func ReadWhere(ctx context.Context, store *nacre.Store, f nacre.Filter, where string, o *nacre.ReadOptions) iter.Seq2[nacre.Line, error] {
	return func(yield func(nacre.Line, error) bool) {
		d, ok := store.Driver().(*driver)
		err := f.Check("filter")
		if !ok {
			err = nacre.Errorf(nacre.CodeUnsupported, "this store is not a server's: evaluate the condition with query.Where")
		}
		if err != nil {
			yield(nacre.Line{}, err)
			return
		}
		r := reading{l: d.log, ctx: ctx, filter: f, where: where}
		if o != nil {
			r.o = *o
		}
		r.lines(yield)
	}
}

// lines reads stored lines.
func (r *reading) lines(yield func(nacre.Line, error) bool) {
	r.parse = func(text []byte) (nacre.Position, error) {
		s, _, err := line.Check(text)
		return s.Position, err
	}
	r.yield = func(text []byte) bool { return yield(nacre.Line{Position: r.last, Bytes: text}, nil) }
	if err := r.run(); err != nil {
		yield(nacre.Line{}, err)
	}
}

// reading is one read, over as many replies as it takes.
type reading struct {
	l      *log
	ctx    context.Context
	filter nacre.Filter
	where  string
	o      nacre.ReadOptions
	parse  func(text []byte) (nacre.Position, error) // verifies a line
	yield  func(text []byte) bool                    // hands out what was parsed last

	asOf  wire.Cursor    // the log's end at the call; its Epoch is "" until the first reply told it
	last  nacre.Position // of the line that was yielded last; 0 before the first
	count int            // of the lines that were yielded
}

// run reads until the end, or until the loop is left, which gives nil.
func (r *reading) run() error {
	if r.l.closed.Load() {
		return errClosed
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.o.After >= math.MaxInt64 {
		return nil // beyond every log, and every number on the wire
	}
	if r.o.Before > math.MaxInt64 {
		r.o.Before = 0
	}
	for attempt := 0; ; attempt++ {
		count := r.count
		f := r.once()
		if f == nil {
			return nil
		}
		if r.count > count {
			attempt = 0
		}
		if r.count > 0 && r.asOf.Epoch == "" {
			f.again = false // what to go on up to is not known
		}
		if !r.l.pause(r.ctx, attempt, f) {
			return f.err
		}
	}
}

// once reads one reply: all that is left of the read, unless it breaks off.
func (r *reading) once() *failure {
	s, f := r.l.openLines(r.ctx, r.request())
	if f != nil {
		return f
	}
	defer s.close()
	if f := r.sameLog(s); f != nil {
		return f
	}
	for {
		text, err := s.next()
		if errors.Is(err, io.EOF) {
			return s.end()
		}
		if err != nil {
			return s.broken(err)
		}
		at, err := r.parse(text)
		if err == nil && r.count > 0 && (at == r.last || at < r.last != r.o.Backwards) {
			err = errors.New("it is not behind the one before it")
		}
		if err != nil {
			return &failure{again: true, err: &nacre.DamageError{
				File: r.l.peer.url, Position: at, Reason: "a line that the server sent arrived as another: " + err.Error(),
			}}
		}
		r.last = at
		r.count++
		if !r.yield(text) {
			s.leave(r.count == r.o.Limit)
			return nil
		}
		if f := s.ended(); f != nil {
			return f
		}
	}
}

// request asks for what is left.
func (r *reading) request() *request {
	o := r.o
	if r.count > 0 {
		if r.asOf.Position > 0 && (o.Before == 0 || o.Before > r.asOf.Position) {
			o.Before = r.asOf.Position + 1
		}
		if o.Backwards {
			o.Before = r.last
		} else {
			o.After = r.last
		}
		if o.Limit > 0 {
			o.Limit -= r.count
		}
	}
	out := *r.l.reads
	out.body = wire.EncodeReadWhere(make([]byte, 0, 256), r.filter, r.where, &o)
	return &out
}

// sameLog takes from the first reply what the read is as of, and refuses a later one of another history.
func (r *reading) sameLog(s *lines) *failure {
	text := s.resp.Header.Get(wire.HeaderReadAsOf)
	if text == "" {
		return nil
	}
	c, err := wire.ParseCursor(wire.HeaderReadAsOf, text)
	switch {
	case err != nil:
		return &failure{err: r.l.peer.misfit("is as of no cursor: %w", err)}
	case r.count == 0:
		r.asOf = c
	case c.Epoch != r.asOf.Epoch:
		return &failure{err: nacre.Errorf(nacre.CodeLogRewound,
			"the log of epoch %s became one of epoch %s while it was read: it was cut or restored", r.asOf.Epoch, c.Epoch)}
	}
	return nil
}
