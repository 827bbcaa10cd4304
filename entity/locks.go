package entity

import (
	"context"
	"slices"
	"sync"
)

// locks are held by name, for those who want to be alone with some entities. The zero value has none.
type locks struct {
	mu   sync.Mutex
	held map[name]chan struct{} // closed when it is given back
}

// lock takes all names, in their order, so that nobody waits for each other. It gives what gives them back.
func (l *locks) lock(ctx context.Context, names []name) (unlock func(), err error) {
	names = slices.Clone(names)
	slices.SortFunc(names, name.compare)
	names = slices.Compact(names)
	for i := range names {
		if err := l.one(ctx, names[i]); err != nil {
			l.give(names[:i])
			return nil, err
		}
	}
	return func() { l.give(names) }, nil
}

func (l *locks) one(ctx context.Context, n name) error {
	for {
		l.mu.Lock()
		held, there := l.held[n]
		if !there {
			if l.held == nil {
				l.held = map[name]chan struct{}{}
			}
			l.held[n] = make(chan struct{})
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *locks) give(names []name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names {
		close(l.held[n])
		delete(l.held, n)
	}
}
