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
		if !utf8.ValidString(q.Category) || !utf8.ValidString(q.Prefix) {
			return // ids are UTF-8
		}
		p := wire.StreamsParams{Query: q}
		// The wire has UTF-8 only: the page begins before a bound that is none, and what is too much is left out.
		p.Query.After = nacre.StreamID(validPrefix(string(q.After)))
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
				if info.ID <= q.After {
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
	if at := strings.IndexFunc(strings.ToValidUTF8(text, "\x00"), func(r rune) bool { return r == 0 }); at >= 0 {
		return text[:at]
	}
	return text
}
