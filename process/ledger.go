package process

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sort"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

// ledger is what a manager has written: an engine's memory, and how a new engine learns it.
type ledger struct {
	store  *nacre.Store
	system *nacre.Store
	blobs  nacre.BlobKeeper
	name   string
	log    *slog.Logger
}

func newLedger(store *nacre.Store, name string, log *slog.Logger) (*ledger, error) {
	system := store.System()
	if system == nil {
		return nil, nacre.Errorf(nacre.CodeUnsupported,
			"this store has no companion log, where process managers keep what they know: use a driver that has one")
	}
	blobs, err := store.Blobs()
	return &ledger{store: store, system: system, blobs: blobs, name: name, log: log}, err
}

// load implements memory.
func (l *ledger) load(ctx context.Context, instance string) (*truth, error) {
	o := &nacre.ReadOptions{Backwards: true, Limit: 1}
	for e, err := range l.system.ReadStream(ctx, instanceStream(l.name, instance), o) {
		if err != nil {
			return nil, err
		}
		var r record
		if err := read(&e, &r); err != nil {
			return nil, err
		}
		t := truthOf(e.StreamPosition, &r)
		t.outbox, t.timers = nil, nil
		return t, nil
	}
	return nobody, nil
}

// knows implements memory.
func (l *ledger) knows(ctx context.Context, instance, record string) (bool, error) {
	_, found, err := l.system.FindEvent(ctx, instanceStream(l.name, instance), record)
	return found, err
}

// open makes an engine that knows what the manager has written. Where it never ran, it begins behind after.
func (l *ledger) open(ctx context.Context, m *model, b bounds, after nacre.Position) (*engine, error) {
	e := newEngine(m, l, b)
	if err := l.readBlob(ctx, e); err != nil {
		return nil, err
	}
	if err := l.fold(ctx, e); err != nil {
		return nil, err
	}
	if err := l.begin(ctx, e, after); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(e.book.all)) {
		e.wakeUp(e.book.all[id])
	}
	for _, h := range e.heldNow {
		if h.Timer == nil && h.Letter == "" {
			e.marks.add(h.Position)
		}
	}
	if err := l.resume(ctx, e); err != nil {
		return nil, err
	}
	var err error
	e.letters, err = runner.OpenLetters(ctx, l.store, runner.ID{Kind: runner.Process, Name: l.name})
	return e, err
}

// fold takes what stands behind the last commit that the engine knows.
func (l *ledger) fold(ctx context.Context, e *engine) error {
	f := nacre.Filter{{Tags: []string{tagPrefix + l.name}}}
	for ev, err := range l.system.Read(ctx, f, &nacre.ReadOptions{After: e.last.Position}) {
		if err != nil {
			return err
		}
		switch ev.Type {
		case typeReacted:
			id, ok := instanceOf(l.name, ev.StreamID)
			if !ok {
				continue
			}
			var r record
			if err := read(&ev, &r); err != nil {
				return err
			}
			e.learn(id, truthOf(ev.StreamPosition, &r))
		case typeCommitted:
			var c committed
			if err := read(&ev, &c); err != nil {
				return err
			}
			e.learnCommit(&c)
			e.version, e.last = ev.StreamPosition, place{Position: ev.GlobalPosition, ID: ev.ID}
		}
		e.records++
	}
	return nil
}

// learn takes an instance's record.
func (e *engine) learn(id string, t *truth) {
	in := e.book.get(id)
	if in == nil {
		e.book.put(id, t)
		return
	}
	in.t = t
	e.book.rest(in)
}

// learnCommit takes a commit.
func (e *engine) learnCommit(c *committed) {
	e.position, e.epoch, e.lastSeen, e.careful = c.Position, c.Epoch, c.Seen, c.Known
	if c.Seen != nil {
		e.seen = *c.Seen
	}
	for _, h := range c.Held {
		e.heldNow[h.Key] = h
	}
	for _, key := range c.Taken {
		delete(e.heldNow, key)
	}
	for i := range c.Ended {
		e.learnEnd(&c.Ended[i])
	}
}

func (e *engine) learnEnd(end *ended) {
	in := e.book.get(end.Instance)
	if in == nil {
		return
	}
	if end.Timer != nil {
		in.t = in.t.unset(&timer{Name: end.Timer.Name, Due: end.Timer.Due, Set: end.Timer.Set})
	} else if c := in.t.command(end.Command); c != nil {
		in.t = in.t.drop(c)
	}
	e.book.rest(in)
}

// wakeUp makes an instance's commands and timers due.
func (e *engine) wakeUp(in *instance) {
	for _, c := range in.t.outbox {
		e.marks.add(c.Position)
	}
	for i := range in.t.timers {
		t := &in.t.timers[i]
		e.timers.add(alarm{at: t.Due, who: in.id, name: t.Name, set: t.Set})
	}
	e.readyUp(in)
}

// begin finds out where in the user's log the manager goes on.
func (l *ledger) begin(ctx context.Context, e *engine, after nacre.Position) error {
	head, err := l.store.Head(ctx)
	if err != nil {
		return err
	}
	switch {
	case e.version < 0:
		e.position = after
	case e.epoch != head.Epoch || e.position > max(head.Position, head.Last):
		return l.rewind(ctx, e, head.Epoch)
	}
	e.epoch, e.given = head.Epoch, e.position
	return nil
}

// rewind goes back to the last commit whose last event is still in the log: the log was cut or restored.
func (l *ledger) rewind(ctx context.Context, e *engine, epoch string) error {
	known := max(e.position, e.careful)
	var failed error
	// From the first commit that saw something that is gone on, all have.
	first := sort.Search(int(e.version)+1, func(version int) bool {
		if failed != nil {
			return true
		}
		c, err := l.commitAt(ctx, int64(version))
		if err != nil {
			failed = err
			return true
		}
		there, err := l.stands(ctx, c.Seen)
		failed = err
		return !there
	})
	if failed != nil {
		return failed
	}
	e.seen = place{}
	if first > 0 {
		c, err := l.commitAt(ctx, int64(first)-1)
		if err != nil {
			return err
		}
		if c.Seen != nil {
			e.seen = *c.Seen
		}
	}
	e.epoch, e.position, e.given, e.careful = epoch, e.seen.Position, e.seen.Position, known
	l.log.Warn("the log was cut or restored: a process manager goes on behind the last event that is still there",
		"manager", l.name, "position", uint64(e.position), "was", uint64(known))
	return nil
}

// commitAt is a commit of the manager.
func (l *ledger) commitAt(ctx context.Context, version int64) (*committed, error) {
	o := &nacre.ReadOptions{From: version, Limit: 1}
	for e, err := range l.system.ReadStream(ctx, commitStream(l.name), o) {
		if err != nil {
			return nil, err
		}
		var c committed
		return &c, read(&e, &c)
	}
	return nil, nacre.Errorf(nacre.CodeInternal, "stream %q of the companion log has no event at %d", commitStream(l.name), version)
}

// stands tells whether the user's log has that event at that position.
func (l *ledger) stands(ctx context.Context, p *place) (bool, error) {
	if p == nil {
		return true, nil
	}
	_, err := l.event(ctx, p.Position, p.ID)
	if nacre.CodeOf(err) == nacre.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// event is the event of the user's log at a position, where it has that id.
func (l *ledger) event(ctx context.Context, at nacre.Position, id string) (nacre.Event, error) {
	for e, err := range l.store.Read(ctx, nil, &nacre.ReadOptions{After: at - 1, Before: at + 1}) {
		if err != nil {
			return e, err
		}
		if e.ID == id {
			return e, nil
		}
	}
	return nacre.Event{}, nacre.Errorf(nacre.CodeNotFound, "the log has no event %q at position %d any more", id, at)
}

// resume brings back the inputs that were held.
func (l *ledger) resume(ctx context.Context, e *engine) error {
	for _, key := range sortedHeld(e.heldNow) {
		h := e.heldNow[key]
		it := &item{kind: itemEvent, index: h.Index, again: true, held: true, letter: h.Letter, life: h.Life}
		if h.Timer != nil {
			it.kind, it.instance, it.timer = itemTimer, h.Instance, *h.Timer
			if err := e.route(ctx, it); err != nil {
				return err
			}
		} else {
			event, err := l.event(ctx, h.Position, h.ID)
			switch {
			case nacre.CodeOf(err) == nacre.CodeNotFound: // the log was cut: it is no more
				it.discarded = true
				it.event.GlobalPosition = h.Position
			case err != nil:
				return err
			default:
				it.event = event
				if err := e.route(ctx, it); err != nil {
					return err
				}
			}
		}
		line := e.newLine(it)
		line.items = append(line.items, it)
		e.ripen(line)
	}
	return nil
}
