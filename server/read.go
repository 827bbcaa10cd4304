package server

import (
	"context"
	"net/http"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// pageBytes bounds a page of JSON, beside its limit.
const pageBytes = 16 << 20

// readStream answers GET …/streams/{stream}.
func (s *Server) readStream(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseStreamRead(values, x.path.stream)
	if err != nil {
		return err
	}
	format := x.format()
	if format == formatSSE {
		return nacre.Errorf(nacre.CodeUnsupported, "one stream is followed at …/events with the parameter streamId=%s", x.path.stream)
	}
	within, err := x.readable(&p)
	if err != nil {
		return err
	}
	// The version comes first, and events up to it only: whoever appends with it has seen them all.
	ctx := x.r.Context()
	version, last, err := x.end(ctx, x.path.stream)
	if err != nil {
		return err
	}
	if !p.Expected.Allows(version) {
		return &nacre.ConflictError{Stream: x.path.stream, Expected: p.Expected, Current: version}
	}
	if format == formatLines {
		return x.lines(&p, within)
	}
	if p.Options.Before == 0 || p.Options.Before > last+1 {
		p.Options.Before = last + 1
	}
	return x.page(&p, within, version < 0, func(reply *wire.EventsReply, page *page) []byte {
		return reply.EndStream(wire.StreamPage{
			Stream: x.path.stream, Version: version,
			HasMore: page.more, Limit: page.limit, Offset: p.Offset, Total: page.total,
		})
	})
}

// end is a stream's version and the position of its last event; -1 and 0 where there is none.
func (x *exchange) end(ctx context.Context, id nacre.StreamID) (version int64, last nacre.Position, err error) {
	for e, err := range x.store.ReadStream(ctx, id, &nacre.ReadOptions{Backwards: true, Limit: 1, Borrowed: true}) {
		if err != nil {
			return 0, 0, err
		}
		return e.StreamPosition, e.GlobalPosition, nil
	}
	return -1, 0, nil
}

// findEvent answers GET …/streams/{stream}/events/{eventId} with the stored line.
func (s *Server) findEvent(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	id := x.path.stream
	if err := x.grant.CheckStream(id); err != nil {
		return err
	}
	if !x.route.system {
		if err := x.mayReach(id, "an event"); err != nil {
			return err
		}
	}
	ctx, cancel := x.context()
	defer cancel()
	e, found, err := x.store.FindEvent(ctx, id, x.path.event)
	switch {
	case err != nil:
		return err
	case !found:
		return &wire.EventNotFoundError{Stream: id, ID: x.path.event}
	}
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	for line, err := range x.store.ReadLines(ctx, nil, &nacre.ReadOptions{After: e.GlobalPosition - 1, Limit: 1}) {
		if err != nil {
			return err
		}
		*buffer = append((*buffer)[:0], line.Bytes...)
	}
	return x.answer(http.StatusOK, *buffer)
}

// readEvents answers GET …/events, in whichever format is wanted.
func (s *Server) readEvents(x *exchange) error {
	format := x.format()
	if format == formatSSE {
		return s.followSSE(x)
	}
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseEventsRead(values)
	if err != nil {
		return err
	}
	return x.readAll(&p, format)
}

// queryEvents answers POST …/query.
func (s *Server) queryEvents(x *exchange) error {
	p, err := decoded(x, wire.DecodeQuery)
	if err != nil {
		return err
	}
	format := x.format()
	if format == formatSSE {
		return nacre.Errorf(nacre.CodeUnsupported, "a log is followed by GET …/events")
	}
	return x.readAll(&p, format)
}

// readLines answers POST …/read.
func (s *Server) readLines(x *exchange) error {
	p, err := decoded(x, wire.DecodeRead)
	if err != nil {
		return err
	}
	within, err := x.readable(&p)
	if err != nil {
		return err
	}
	return x.lines(&p, within)
}

// readable checks a read against the grant, and its cursor against the log.
func (x *exchange) readable(p *wire.ReadParams) (*within, error) {
	within, err := x.confine(p)
	if err != nil || p.Epoch == "" {
		return within, err
	}
	head, err := x.store.Head(x.r.Context())
	if err != nil {
		return nil, err
	}
	return within, p.Cursor().Check(head)
}

// selects applies what a filter of the store cannot say to a line.
func selects(p *wire.ReadParams, within *within, line []byte) (bool, error) {
	var e nacre.Event
	if err := wire.ParseLine(line, &e); err != nil {
		return false, err
	}
	return p.Selects(&e) && within.selects(&e), nil
}

// readAll answers a read of many streams.
func (x *exchange) readAll(p *wire.ReadParams, format format) error {
	within, err := x.readable(p)
	if err != nil {
		return err
	}
	if format == formatLines {
		return x.lines(p, within)
	}
	return x.page(p, within, false, func(reply *wire.EventsReply, page *page) []byte {
		last := reply.Last
		switch {
		case reply.Count > 0:
		case p.Options.Backwards:
			last = p.Options.Before
		default:
			last = p.Options.After
		}
		return reply.EndEvents(wire.EventsPage{
			LastPosition: last, HasMore: page.more, Limit: page.limit, Offset: p.Offset, Total: page.total,
		})
	})
}

// page is what a page of events came to, beside them.
type page struct {
	limit int
	more  bool
	total *int64
}

// page answers with a page of events as JSON; end writes what stands behind them.
func (x *exchange) page(p *wire.ReadParams, within *within, empty bool, end func(*wire.EventsReply, *page) []byte) error {
	limit, err := p.PageLimit()
	if err != nil {
		return err
	}
	out := page{limit: limit}
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	reply := wire.BeginEvents((*buffer)[:0])
	if p.Count {
		out.total = new(int64)
	}
	if !empty {
		ctx, cancel := x.context()
		err = x.fillPage(ctx, p, within, reply, &out)
		cancel()
	}
	*buffer = reply.Bytes
	if err != nil {
		return err
	}
	*buffer = end(reply, &out)
	return x.answer(http.StatusOK, *buffer)
}

// fillPage adds events until the page is full.
func (x *exchange) fillPage(ctx context.Context, p *wire.ReadParams, within *within, reply *wire.EventsReply, out *page) error {
	o := p.Options
	o.Limit = 0
	selective := p.Selective() || within != nil
	if !selective && !p.Count {
		o.Limit = p.Offset + out.limit + 1 // one more tells whether there is more
	}
	seen := 0
	for line, err := range x.store.ReadLines(ctx, within.filter(p), &o) {
		if err != nil {
			return err
		}
		if selective {
			selected, err := selects(p, within, line.Bytes)
			if err != nil {
				return err
			}
			if !selected {
				continue
			}
		}
		if out.total != nil {
			*out.total++
		}
		if seen++; out.more || seen <= p.Offset {
			continue
		}
		full := reply.Count > 0 && len(reply.Bytes)+len(line.Bytes) > pageBytes
		if reply.Count == out.limit || full {
			if out.more = true; out.total == nil {
				return nil
			}
			continue
		}
		reply.Line(line)
	}
	return nil
}
