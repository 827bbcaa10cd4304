package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cursor is a stream that one writer appends to: what that writer knows of it.
type cursor struct {
	stream   string
	version  int64  // of the last event; -1 before the first
	sequence uint64 // JetStream's number of the last event; 0 before the first
}

// contender keeps events. Its methods may be called from many goroutines, with a writer's number by one
// at a time.
type contender interface {
	// add appends events with this data at the end of c's stream, all or none, and returns when they are
	// durable. It moves c forward; where the stream is not at c's version, it fails with errStale.
	add(ctx context.Context, writer int, c *cursor, data [][]byte) error
	// stored gives the data of a stream's events, in order.
	stored(ctx context.Context, stream string) ([][]byte, error)
	close() error
}

// kind is a way to keep events, and how it is set up.
type kind struct {
	name string
	how  string // what is synced when, and what was chosen in its favour
	open func(ctx context.Context, dir string, writers int) (contender, error)
}

var errStale = errors.New("the stream is not at the expected version")

// unavailableError says why a contender does not take part on this machine.
type unavailableError struct{ reason string }

func (e *unavailableError) Error() string { return e.reason }

// contenders are this store, then its peers.
func contenders() []kind { return []kind{nacreKind, jetstreamKind, sqliteKind, postgresKind} }

// typeOf gives the type of a stream's event by its position: five types, as a small domain has.
func typeOf(version int64) string {
	return [...]string{"order.placed", "order.paid", "order.packed", "order.shipped", "order.returned"}[version%5]
}

// entry is a contender at work.
type entry struct {
	kind
	contender
}

// enter opens every contender that can take part, each in its own folder.
func enter(ctx context.Context, kinds []kind, dir string, writers int, r *report) (entries []entry, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, leave(entries))
			entries = nil
		}
	}()
	for _, k := range kinds {
		at := filepath.Join(dir, k.name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return entries, err
		}
		c, err := k.open(ctx, at, writers)
		if absent, ok := errors.AsType[*unavailableError](err); ok {
			r.remark("%s does not take part: %s", k.name, absent.reason)
			continue
		}
		if err != nil {
			return entries, fmt.Errorf("%s: %w", k.name, err)
		}
		entries = append(entries, entry{k, c})
	}
	return entries, nil
}

func leave(entries []entry) error {
	var all error
	for _, e := range entries {
		if err := e.close(); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", e.name, err))
		}
	}
	return all
}
