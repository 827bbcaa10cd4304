package filestore

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
)

// Streams implements nacre.StreamLister.
func (l *log) Streams(ctx context.Context, q nacre.StreamQuery) iter.Seq2[nacre.StreamInfo, error] {
	return func(yield func(nacre.StreamInfo, error) bool) {
		if l.closed.Load() {
			yield(nacre.StreamInfo{}, errClosed)
			return
		}
		if err := l.refresh(); err != nil {
			yield(nacre.StreamInfo{}, err)
			return
		}
		last := l.visible()
		ended, given := false, 0
		err := l.healing(func(s *snapshot) error {
			s.fold()
			return l.listStreams(ctx, s, &q, last, func(i nacre.StreamInfo) bool {
				q.After = i.ID // where a bad block makes it begin again
				given++
				ended = !yield(i, nil) || given == q.Limit
				return !ended
			})
		})
		if err != nil && !ended {
			yield(nacre.StreamInfo{}, err)
		}
	}
}

func (l *log) listStreams(ctx context.Context, s *snapshot, q *nacre.StreamQuery, last nacre.Position, give func(nacre.StreamInfo) bool) error {
	prefix := q.Prefix
	if q.Category != "" && strings.HasPrefix(q.Category, prefix) {
		prefix = q.Category
	}
	from := ""
	if q.After != "" {
		from = string(q.After) + "\x00" // the first name behind it
	}
	var sources []index.NameSource
	for c := range s.chunks(forward, 1, last) {
		sources = append(sources, c.names(index.Stream, prefix, from))
	}
	names := index.UnionNames(forward, sources...)
	for names.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := nacre.StreamID(names.Name())
		if q.Category != "" && id.Category() != q.Category || !strings.HasPrefix(string(id), q.Prefix) {
			continue
		}
		info, ok, err := l.streamInfo(s, id, last)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !give(info) {
			return nil
		}
	}
	return names.Err()
}

// streamInfo reads a stream's first and last line.
func (l *log) streamInfo(s *snapshot, id nacre.StreamID, last nacre.Position) (nacre.StreamInfo, bool, error) {
	info := nacre.StreamInfo{ID: id}
	term := l.hasher.Term(index.Stream, string(id))
	for _, dir := range []index.Direction{forward, backward} {
		found, err := l.endOf(s, id, term, dir, last, &info)
		if err != nil || !found {
			return info, false, err
		}
	}
	return info, true, nil
}

func (l *log) endOf(s *snapshot, id nacre.StreamID, term uint64, dir index.Direction, last nacre.Position, info *nacre.StreamInfo) (bool, error) {
	for c := range s.chunks(dir, 1, last) {
		p, err := c.lookup(term)
		if err != nil {
			return false, err
		}
		if p.Count() == 0 {
			continue
		}
		src := c.walk(p, dir)
		for pos, ok := src.Next(); ok; pos, ok = src.Next() {
			v, free, err := l.viewAt(s, nacre.Position(pos))
			if err != nil {
				return false, err
			}
			same := string(v.StreamID) == string(id)
			at, created := v.Stamp.StreamPosition, time.UnixMicro(v.Stamp.CreatedAt).UTC()
			free()
			if !same {
				continue
			}
			if dir == forward {
				info.FirstPosition, info.CreatedAt = nacre.Position(pos), created
			} else {
				info.LastPosition, info.UpdatedAt, info.Version = nacre.Position(pos), created, at
			}
			return true, nil
		}
		if err := src.Err(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Stats implements nacre.Statistician.
func (l *log) Stats(ctx context.Context) (nacre.Stats, error) {
	if l.closed.Load() {
		return nacre.Stats{}, errClosed
	}
	if err := l.refresh(); err != nil {
		return nacre.Stats{}, err
	}
	s := l.acquire()
	defer s.release()
	if s.left {
		return nacre.Stats{}, errClosed
	}
	s.fold()
	st := nacre.Stats{Epoch: l.presentEpoch()}
	st.Events, st.Segments, st.Syncs = int64(l.visible()), len(s.segs), l.syncs.Load()
	for _, r := range s.runs {
		st.Streams += int64(r.Streams())
		st.IndexBytes += r.Size()
	}
	for _, m := range s.mems {
		m.mu.RLock()
		st.Streams += int64(m.idx.Streams())
		m.mu.RUnlock()
	}
	for _, g := range s.segs {
		g.mu.Lock()
		info := g.info
		g.mu.Unlock()
		if info.Sealed {
			st.LogBytes += info.Bytes
		} else {
			st.LogBytes += l.bytes.Load()
		}
	}
	for _, end := range []struct {
		backwards bool
		at        *time.Time
	}{{false, &st.Oldest}, {true, &st.Newest}} {
		for e, err := range l.Read(ctx, nil, &nacre.ReadOptions{Limit: 1, Backwards: end.backwards, Borrowed: true}) {
			if err != nil {
				return st, err
			}
			*end.at = e.CreatedAt
		}
	}
	return st, nil
}
