package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// listStreams answers GET …/streams and GET …/stream-types/{type}/streams.
func (s *Server) listStreams(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseStreams(values)
	if err != nil {
		return err
	}
	if category := x.path.category; category != "" {
		if p.Query.Category != "" && p.Query.Category != category {
			return &nacre.Error{Code: nacre.CodeInvalid, Field: "category", Message: "contradicts the path: give one"}
		}
		p.Query.Category = category
	}
	ctx, cancel := x.context()
	defer cancel()
	list := streamList{limit: p.Query.Limit, offset: p.Offset, count: p.Count}
	if !x.route.system {
		if list.hidden, err = x.named.guardedFrom(ctx, x.grant); err != nil {
			return err
		}
	}
	list.reply.Streams = []wire.StreamReply{}
	for _, q := range x.streamQueries(&p) {
		if done, err := list.add(ctx, x.store, q); err != nil {
			return err
		} else if done {
			break
		}
	}
	list.reply.Pagination = wire.Pagination{Limit: p.Query.Limit, Offset: p.Offset, HasMore: list.reply.HasMore}
	if p.Count {
		list.reply.Pagination.Total = &list.total
	}
	if n := len(list.reply.Streams); n > 0 && list.reply.HasMore {
		list.reply.NextCursor = string(list.reply.Streams[n-1].StreamID)
	}
	return x.answerWith(http.StatusOK, &list.reply)
}

// streamQueries are what to ask the store for, one behind the other.
func (x *exchange) streamQueries(p *wire.StreamsParams) []nacre.StreamQuery {
	base := p.Query
	base.Limit = 0
	if p.Stream != "" {
		// One stream is the first of those that begin with its id.
		if !x.grant.AllowsStream(p.Stream) || len(p.Stream) < len(base.Prefix) || string(p.Stream[:len(base.Prefix)]) != base.Prefix {
			return nil
		}
		base.Prefix, base.Limit = string(p.Stream), 1
		return []nacre.StreamQuery{base}
	}
	var out []nacre.StreamQuery
	for _, prefix := range x.prefixes(base.Prefix) {
		q := base
		q.Prefix = prefix
		out = append(out, q)
	}
	return out
}

// streamList is a page of streams in the making.
type streamList struct {
	limit, offset int
	count         bool
	hidden        []string // categories
	seen, total   int64
	reply         wire.StreamsReply
}

// add adds what a query gives, and tells whether the page is done.
func (l *streamList) add(ctx context.Context, store *nacre.Store, q nacre.StreamQuery) (done bool, err error) {
	one := q.Limit == 1
	if !one && !l.count && l.hidden == nil {
		q.Limit = l.limit + l.offset + 1
	}
	for info, err := range store.Streams(ctx, q) {
		if err != nil {
			return false, err
		}
		if one && string(info.ID) != q.Prefix || slices.Contains(l.hidden, info.ID.Category()) {
			continue
		}
		l.total++
		if l.seen++; l.reply.HasMore || l.seen <= int64(l.offset) {
			continue
		}
		if len(l.reply.Streams) == l.limit {
			if l.reply.HasMore = true; !l.count {
				return true, nil
			}
			continue
		}
		l.reply.Streams = append(l.reply.Streams, wire.NewStreamReply(info))
	}
	return false, nil
}
