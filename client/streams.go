package client

import (
	"context"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// pageOfStreams is how many streams are asked for at once.
const pageOfStreams = 1000

// Streams implements nacre.StreamLister, page by page.
func (l *log) Streams(ctx context.Context, q nacre.StreamQuery) iter.Seq2[nacre.StreamInfo, error] {
	return func(yield func(nacre.StreamInfo, error) bool) {
		if !utf8.ValidString(q.Category) {
			return // ids are UTF-8
		}
		// The wire has UTF-8 only, and bounds may end within a character: what is asked for is too much then,
		// and left out here.
		p := wire.StreamsParams{Query: q}
		p.Query.After = nacre.StreamID(validPrefix(string(q.After)))
		p.Query.Prefix = validPrefix(q.Prefix)
		for left := q.Limit; ; {
			p.Query.Limit = pageOfStreams
			if left > 0 {
				p.Query.Limit = min(left, pageOfStreams)
			}
			var page wire.StreamsReply
			if err := l.get(ctx, l.at("/streams", p.Values()), &page); err != nil {
				yield(nacre.StreamInfo{}, err)
				return
			}
			for i := range page.Streams {
				info := page.Streams[i].Info()
				if info.ID <= p.Query.After {
					yield(nacre.StreamInfo{}, l.peer.misfit("lists streams out of their order"))
					return
				}
				p.Query.After = info.ID
				if info.ID <= q.After || !strings.HasPrefix(string(info.ID), q.Prefix) {
					continue
				}
				if !yield(info, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if !page.HasMore || len(page.Streams) == 0 {
				return
			}
		}
	}
}

// validPrefix is what a text begins with that is UTF-8.
func validPrefix(text string) string {
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return text[:i]
		}
	}
	return text
}
