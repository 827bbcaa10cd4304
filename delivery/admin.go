package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// Create makes a subscription, which is delivered from then on. Where there is one already that sends the same
// events to the same place in the same way, it is that one, and existed is true; another one of the same name is
// SUBSCRIPTION_EXISTS.
func (h *Hub) Create(ctx context.Context, spec *Spec) (st Status, existed bool, err error) {
	d, err := h.define(ctx, spec)
	if err != nil {
		return Status{}, false, err
	}
	h.admin.Lock()
	defer h.admin.Unlock()
	if h.closed.Load() {
		return Status{}, false, errClosed()
	}
	old, taken := h.alike(d, spec.Name == "")
	if old != nil {
		st, err := h.Get(ctx, old.name)
		return st, true, err
	}
	if taken {
		return Status{}, false, nacre.Errorf(CodeExists, "there is another subscription %q: give another name, or change that one", d.name)
	}
	if _, before := h.versions[d.name]; before {
		// A deletion that broke off has left what was the former one's.
		if err := h.clear(ctx, newSubscription(h, &known{definition: d})); err != nil {
			return Status{}, false, err
		}
	}
	e := nacre.NewEvent(typeCreated, recordOf(d))
	w, err := h.write(ctx, d.name, nil, e)
	if err != nil {
		return Status{}, false, errors.Join(err, h.reread(ctx, d.name))
	}
	h.enter(w)
	st, err = h.Get(ctx, d.name)
	return st, false, err
}

// alike gives the subscription that a definition would repeat: the one of its name, or, where that was made up, any. Its
// name may be taken by another one; one that was made up is changed then.
func (h *Hub) alike(d *definition, unnamed bool) (old *known, taken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.all[d.name]; s != nil && s.known.same(d, h.kinds[d.kind]) {
		return s.known, true
	}
	if !unnamed {
		return nil, h.all[d.name] != nil
	}
	for _, s := range h.all {
		if s.known.same(d, h.kinds[d.kind]) {
			return s.known, true
		}
	}
	for base, n := d.name, 2; h.all[d.name] != nil; n++ {
		d.name = fmt.Sprintf("%s-%d", base, n)
	}
	return nil, false
}

// define checks a specification.
func (h *Hub) define(ctx context.Context, spec *Spec) (*definition, error) {
	kind := h.kinds[spec.Kind]
	if kind == nil && spec.Kind != KindGroup {
		return nil, invalid("kind", "is %q: this server has %q", spec.Kind, h.kindNames())
	}
	d := &definition{name: spec.Name, kind: spec.Kind, policy: spec.Policy.filled(spec.Kind)}
	if spec.Name != "" || spec.Kind == KindGroup {
		if err := CheckName(spec.Name); err != nil {
			return nil, err
		}
	}
	if err := d.choose(spec.Filter, spec.Where); err != nil {
		return nil, err
	}
	if err := d.policy.check(spec.Kind); err != nil {
		return nil, err
	}
	if err := d.configure(kind, spec.Config, nil); err != nil {
		return nil, err
	}
	var err error
	if d.after, err = h.begin(ctx, &spec.Start); err != nil {
		return nil, err
	}
	if d.name == "" {
		d.name = madeUp(d, kind)
	}
	return d, nil
}

// configure takes a configuration over, in the place of another one.
func (d *definition) configure(kind Kind, config, before json.RawMessage) error {
	if err := checkConfig(d.kind, config); err != nil {
		return err
	}
	if kind == nil {
		return nil
	}
	if len(config) == 0 {
		config = json.RawMessage("{}")
	}
	checked, err := kind.Check(config, before)
	d.config = checked
	return err
}

// madeUp is a name for what has none: the same for the same.
func madeUp(d *definition, kind Kind) string {
	hash := fnv.New64a()
	policy := d.policy
	jitter := -1.0
	if policy.Retry.JitterPercent != nil {
		jitter, policy.Retry.JitterPercent = *policy.Retry.JitterPercent, nil
	}
	_, _ = fmt.Fprintf(hash, "%s %s %s %+v %v", d.kind, wire.AppendFilter(nil, d.filter), kind.Public(d.config), policy, jitter)
	if d.where != "" {
		_, _ = fmt.Fprintf(hash, " where %s", d.meaning())
	}
	return fmt.Sprintf("%s-%012x", d.kind, mix(hash.Sum64())>>16)
}

func (h *Hub) kindNames() []string {
	names := []string{KindGroup}
	for name := range h.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// begin gives the position that a start is behind.
func (h *Hub) begin(ctx context.Context, s *Start) (nacre.Position, error) {
	ways := 0
	for _, given := range []bool{s.Earliest, s.After != nil, !s.At.IsZero()} {
		if given {
			ways++
		}
	}
	head, err := h.store.Head(ctx)
	switch {
	case err != nil:
		return 0, err
	case ways > 1:
		return 0, invalid("start", "is given in more than one way")
	case s.Earliest:
		return 0, nil
	case s.After != nil:
		if *s.After > head.Position {
			return 0, invalid("start", "is position %d, and the log ends at %d", *s.After, head.Position)
		}
		return *s.After, nil
	case !s.At.IsZero():
		return h.before(ctx, s.At, head.Position)
	}
	return head.Position, nil
}

// before finds the position behind which events were created at a time or later. Times grow with positions, but for
// imported events, by which it may be misled.
func (h *Hub) before(ctx context.Context, at time.Time, head nacre.Position) (nacre.Position, error) {
	low, high := nacre.Position(0), head // what is at low is before, what is behind high is not
	for low < high {
		middle := low + (high-low+1)/2
		var created time.Time
		for e, err := range h.store.Read(ctx, nil, &nacre.ReadOptions{After: middle - 1, Limit: 1, Borrowed: true}) {
			if err != nil {
				return 0, err
			}
			created = e.CreatedAt
		}
		if created.Before(at) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// written is what is known after an event about a subscription, and where that stands in the companion log.
type written struct {
	*known
	at nacre.Position
}

// write appends an event about a subscription, as it was known. The admin lock is held.
func (h *Hub) write(ctx context.Context, name string, old *known, e nacre.Event) (written, error) {
	expected := nacre.NoStream
	if v, there := h.versions[name]; there {
		expected = nacre.Exactly(v)
	}
	// Who asked may have left: what is written is then to be known all the same.
	done, err := h.system.Append(context.WithoutCancel(ctx), streamOf(name), expected, e)
	if err != nil {
		return written{}, err
	}
	h.versions[name] = done.Version
	k, err := old.next(&done.Events[0])
	return written{k, done.Position()}, err
}

// reread takes over what the companion log says of a subscription, after an append of which it is not known whether it took
// place. The admin lock is held.
func (h *Hub) reread(ctx context.Context, name string) error {
	var w written
	version := int64(-1)
	for e, err := range h.system.ReadStream(context.WithoutCancel(ctx), streamOf(name), nil) {
		if err != nil {
			return err
		}
		if w.known, err = w.known.next(&e); err != nil {
			return err
		}
		version, w.at = e.StreamPosition, e.GlobalPosition
	}
	if before, there := h.versions[name]; version < 0 || there && before == version {
		return nil
	}
	h.versions[name] = version
	h.mu.Lock()
	s := h.all[name]
	h.mu.Unlock()
	switch {
	case s != nil:
		h.apply(s, w, func() {
			if w.placed > s.placed {
				s.place(w.after)
			}
		})
	case w.known != nil:
		h.enter(w)
	}
	return nil
}

// enter takes a subscription in that was created.
func (h *Hub) enter(w written) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := newSubscription(h, w.known)
	s.place(w.after)
	h.all[w.name], h.through = s, max(h.through, w.at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
	h.changed.Store(true)
}

// change writes an event about a subscription, and has it begin anew as that says. move, if not nil, changes where; it is
// called with the locks held. The admin lock is held.
func (h *Hub) change(ctx context.Context, s *subscription, e nacre.Event, move func()) error {
	w, err := h.write(ctx, s.name, s.known, e)
	if err != nil {
		return errors.Join(err, h.reread(ctx, s.name))
	}
	h.apply(s, w, move)
	return nil
}

// apply has a subscription begin anew as it is known now.
func (h *Hub) apply(s *subscription, w written, move func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	h.through = max(h.through, w.at)
	s.stop()
	if s.outlet != nil && (w.known == nil || string(w.config) != string(s.config)) {
		s.outlet.closeLater(h, s.name)
		s.outlet = nil
	}
	h.changed.Store(true)
	if w.known == nil {
		delete(h.all, s.name)
		s.tellWaiting()
		return
	}
	if move != nil {
		move()
	}
	s.known = w.known
	s.adopt()
	s.start()
}

// Change is what is to be another way of a subscription; what is nil stays.
type Change struct {
	Filter *nacre.Filter
	Where  *string // "" is none
	Config json.RawMessage
	Policy *Policy // as a whole
}

// Update changes a subscription. It goes on where it was: what is open stays so, and what a new filter or condition selects
// of the past is not delivered.
func (h *Hub) Update(ctx context.Context, name string, c *Change) (Status, error) {
	err := h.administer(ctx, name, func(s *subscription) error {
		d := *s.definition
		if c.Filter != nil || c.Where != nil {
			if err := d.choose(deref(c.Filter, d.filter), deref(c.Where, d.where)); err != nil {
				return err
			}
		}
		if c.Policy != nil {
			d.policy = c.Policy.filled(d.kind)
			if err := d.policy.check(d.kind); err != nil {
				return err
			}
		}
		if c.Config != nil {
			if s.kind == nil && s.known.kind != KindGroup {
				return nacre.Errorf(CodeWrongKind, "the configuration of %q cannot be checked: %s", name, s.cause)
			}
			if err := d.configure(s.kind, c.Config, d.config); err != nil {
				return err
			}
		}
		if c.Filter != nil || c.Where != nil {
			// What the old filter selected up to here is to be kept as such before the new one counts.
			h.halt(s)
			defer h.goOn(s)
			if err := h.saveCursors(ctx); err != nil {
				return err
			}
		}
		return h.change(ctx, s, nacre.NewEvent(typeChanged, recordOf(&d)), nil)
	})
	if err != nil {
		return Status{}, err
	}
	return h.Get(ctx, name)
}

// deref is what a pointer has, or what stands in its place.
func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// halt stops a subscription for a moment, and goOn starts it again.
func (h *Hub) halt(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (h *Hub) goOn(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.all[s.name] == s {
		s.start()
	}
}

// administer finds a subscription and does something with it while nobody else changes any.
func (h *Hub) administer(ctx context.Context, name string, do func(*subscription) error) error {
	h.admin.Lock()
	defer h.admin.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := h.find(name)
	if err != nil {
		return err
	}
	return do(s)
}

// Delete ends a subscription. Its dead letters are discarded; what is being sent at this moment arrives.
func (h *Hub) Delete(ctx context.Context, name string) error {
	return h.administer(ctx, name, func(s *subscription) error {
		if err := h.change(ctx, s, nacre.NewEvent(typeDeleted, record{}), nil); err != nil {
			return err
		}
		ctx := context.WithoutCancel(ctx)
		s.mu.Lock()
		for s.burying > 0 {
			s.buried.Wait()
		}
		s.mu.Unlock()
		return h.clear(ctx, s)
	})
}

// clear gives up all dead letters of a subscription, and forgets its attempts.
func (h *Hub) clear(ctx context.Context, s *subscription) error {
	for {
		if n, err := h.discard(ctx, s, nil); n == 0 || err != nil {
			return errors.Join(err, h.blobs.DeleteBlob(ctx, attemptsKey(s.name)))
		}
	}
}

// Pause stops the deliveries until Resume; what is being sent at this moment arrives. A second Pause does nothing.
func (h *Hub) Pause(ctx context.Context, name string) error {
	return h.administer(ctx, name, func(s *subscription) error {
		if s.known.paused {
			return nil
		}
		return h.change(ctx, s, nacre.NewEvent(typePaused, record{}), nil)
	})
}

// Resume goes on behind what was done, with no attempts counted, where the subscription is paused or suspended. It does
// nothing elsewhere.
func (h *Hub) Resume(ctx context.Context, name string) error {
	return h.administer(ctx, name, func(s *subscription) error {
		if !s.paused && s.suspended == "" {
			return nil
		}
		return h.change(ctx, s, nacre.NewEvent(typeResumed, record{}), func() {
			for i := range s.pending {
				s.pending[i].Attempts = 0
			}
		})
	})
}

// Replay delivers everything behind a position, again where it was delivered before. A paused subscription stays so.
func (h *Hub) Replay(ctx context.Context, name string, after nacre.Position) error {
	head, err := h.store.Head(ctx)
	if err != nil {
		return err
	}
	if after > head.Position {
		return invalid("from", "is behind the log's end at position %d", head.Position)
	}
	return h.administer(ctx, name, func(s *subscription) error {
		return h.change(ctx, s, nacre.NewEvent(typeReplayed, record{After: after}), func() {
			s.place(after)
		})
	})
}

// suspendFor stops a subscription for something that happened in a life of it, unless that is over.
func (h *Hub) suspendFor(s *subscription, life context.Context, reason string) error {
	h.admin.Lock()
	defer h.admin.Unlock()
	s.mu.Lock()
	over := s.life != life || s.q == nil
	s.mu.Unlock()
	if over || h.closed.Load() {
		return nil
	}
	reason = clip(reason, maxMessage)
	h.o.Logger.Error("a subscription is suspended", "subscription", s.name, "reason", reason)
	return h.change(h.ctx, s, nacre.NewEvent(typeSuspended, record{Reason: reason}), nil)
}
