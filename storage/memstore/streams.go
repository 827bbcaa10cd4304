package memstore

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

// Streams lists the streams as they are when the loop begins.
func (l *log) Streams(ctx context.Context, q nacre.StreamQuery) iter.Seq2[nacre.StreamInfo, error] {
	return func(yield func(nacre.StreamInfo, error) bool) {
		infos, err := l.list(ctx, q)
		if err != nil {
			yield(nacre.StreamInfo{}, err)
			return
		}
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				yield(nacre.StreamInfo{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (l *log) list(ctx context.Context, q nacre.StreamQuery) ([]nacre.StreamInfo, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	var out []nacre.StreamInfo
	for _, id := range slices.Sorted(maps.Keys(l.streams)) {
		if id <= q.After || !strings.HasPrefix(string(id), q.Prefix) || q.Category != "" && id.Category() != q.Category {
			continue
		}
		held := l.streams[id]
		first, last := l.at(held[0]), l.at(held[len(held)-1])
		out = append(out, nacre.StreamInfo{
			ID: id, Version: last.StreamPosition,
			FirstPosition: first.GlobalPosition, LastPosition: last.GlobalPosition,
			CreatedAt: first.CreatedAt, UpdatedAt: last.CreatedAt,
		})
		if len(out) == q.Limit {
			break
		}
	}
	return out, nil
}

// Stats counts. LogBytes are those of the events' bodies; there are no indexes, segments and syncs.
func (l *log) Stats(ctx context.Context) (nacre.Stats, error) {
	if err := l.open(ctx); err != nil {
		return nacre.Stats{}, err
	}
	defer l.mu.Unlock()
	out := nacre.Stats{Streams: int64(len(l.streams)), Events: int64(len(l.events)), Epoch: l.epoch}
	for i := range l.events {
		out.LogBytes += int64(l.events[i].event.BodySize())
	}
	if n := nacre.Position(len(l.events)); n > 0 {
		out.Oldest, out.Newest = l.at(1).CreatedAt, l.at(n).CreatedAt
	}
	return out, nil
}
