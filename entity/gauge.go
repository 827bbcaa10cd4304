package entity

import (
	"context"
	"sync"

	"github.com/nacredb/nacre"
)

// gauge is a position that grows, and that others wait for. Its zero value stands at 0.
type gauge struct {
	mu      sync.Mutex
	at      nacre.Position
	trouble error
	over    bool           // the trouble is for ever
	moved   chan struct{}  // nil where nobody waits
	want    nacre.Position // the furthest that was waited for
}

// wanted tells whether somebody waits, or has waited, for a position that it is not at yet, up to the one given.
func (g *gauge) wanted(upTo nacre.Position) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.want > g.at && g.at < upTo
}

// ask notes that somebody is about to wait.
func (g *gauge) ask(at nacre.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.want = max(g.want, at)
}

// set moves the gauge, which ends its trouble.
func (g *gauge) set(at nacre.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.to(at)
}

// restart is set where the gauge may go back: what was waited for may never come.
func (g *gauge) restart(at nacre.Position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.want = 0
	g.to(at)
}

func (g *gauge) to(at nacre.Position) {
	g.at = at
	if !g.over {
		g.trouble = nil
	}
	g.wake()
}

// fail tells those who wait why they wait in vain.
func (g *gauge) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.trouble = err
	}
	g.wake()
}

// close is fail for ever.
func (g *gauge) close(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trouble, g.over = err, true
	g.wake()
}

func (g *gauge) wake() {
	if g.moved != nil {
		close(g.moved)
		g.moved = nil
	}
}

func (g *gauge) state() (nacre.Position, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at, g.trouble
}

// wait returns when the gauge is at a position, with its trouble, or with the context's error.
func (g *gauge) wait(ctx context.Context, at nacre.Position) error {
	for {
		g.mu.Lock()
		if g.at >= at {
			g.mu.Unlock()
			return nil
		}
		if err := g.trouble; err != nil {
			g.mu.Unlock()
			return err
		}
		if g.moved == nil {
			g.moved = make(chan struct{})
		}
		moved := g.moved
		g.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
