package memstore

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

// PutBlob keeps a copy of data.
func (l *log) PutBlob(ctx context.Context, key string, data []byte) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.mu.Unlock()
	l.blobs[strings.Clone(key)] = slices.Clone(data)
	return nil
}

// GetBlob gives a copy.
func (l *log) GetBlob(ctx context.Context, key string) ([]byte, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	data, ok := l.blobs[key]
	if !ok {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no blob %q", key)
	}
	return slices.Clone(data), nil
}

// DeleteBlob does nothing where there is none.
func (l *log) DeleteBlob(ctx context.Context, key string) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.mu.Unlock()
	delete(l.blobs, key)
	return nil
}

// ListBlobs yields the keys as they are when the loop begins, in byte order.
func (l *log) ListBlobs(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := l.open(ctx); err != nil {
			yield("", err)
			return
		}
		keys := slices.Sorted(maps.Keys(l.blobs))
		l.mu.Unlock()
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) && !yield(key, nil) {
				return
			}
		}
	}
}
