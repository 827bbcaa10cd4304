package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

var nacreKind = kind{
	name: "nacre",
	how:  "durability `always`, all options at their defaults: one write and one fdatasync a group, a group being what waits; indexes on",
	open: func(_ context.Context, dir string, _ int) (contender, error) {
		s, err := openNacre(dir)
		if err != nil {
			return nil, err
		}
		return &nacreContender{s}, nil
	},
}

// openNacre opens a store with all options at their defaults, without a log of its own.
func openNacre(dir string) (*nacre.Store, error) {
	return filestore.Open(dir, &filestore.Options{Logger: slog.New(slog.DiscardHandler)})
}

type nacreContender struct{ store *nacre.Store }

func (n *nacreContender) add(ctx context.Context, _ int, c *cursor, data [][]byte) error {
	events := make([]nacre.Event, len(data))
	for i, d := range data {
		events[i] = nacre.Event{Type: typeOf(c.version + 1 + int64(i)), Data: d}
	}
	out, err := n.store.Append(ctx, nacre.StreamID(c.stream), nacre.Exactly(c.version), events...)
	if err != nil {
		if _, stale := errors.AsType[*nacre.ConflictError](err); stale {
			return fmt.Errorf("%w: %w", errStale, err)
		}
		return err
	}
	c.version = out.Version
	return nil
}

func (n *nacreContender) stored(ctx context.Context, stream string) ([][]byte, error) {
	var out [][]byte
	for e, err := range n.store.ReadStream(ctx, nacre.StreamID(stream), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, e.Data)
	}
	return out, nil
}

func (n *nacreContender) close() error { return n.store.Close() }
