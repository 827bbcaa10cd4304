package delivery

import (
	"context"
	"encoding/json"
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
	if old := h.alike(d, spec.Name == ""); old != nil {
		if !old.definition.same(d, h.kinds[d.kind]) {
			return Status{}, false, nacre.Errorf(CodeExists, "there is another subscription %q: give another name, or change that one", d.name)
		}
		st, err := h.Get(ctx, old.name)
		return st, true, err
	}
	e := nacre.NewEvent(typeCreated, recordOf(d))
	w, err := h.write(ctx, d.name, nil, e)
	if err != nil {
		return Status{}, false, err
	}
	h.mu.Lock()
	s := newSubscription(h, w.known)
	s.position = d.after
	h.all[d.name], h.through = s, w.at
	s.mu.Lock()
	s.start()
	s.mu.Unlock()
	h.mu.Unlock()
	h.changed.Store(true)
	st, err = h.Get(ctx, d.name)
	return st, false, err
}

// alike gives the subscription that a definition would repeat: by its name, or, where that was made up, by what it does.
func (h *Hub) alike(d *definition, unnamed bool) *known {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.all[d.name]; s != nil {
		return s.known
	}
	if unnamed {
		for _, s := range h.all {
			if s.known.same(d, h.kinds[d.kind]) {
				return s.known
			}
		}
	}
	return nil
}

// define checks a specification.
func (h *Hub) define(ctx context.Context, spec *Spec) (*definition, error) {
	kind := h.kinds[spec.Kind]
	if kind == nil && spec.Kind != KindGroup {
		return nil, invalid("kind", "is %q: this server has %q", spec.Kind, h.kindNames())
	}
	d := &definition{name: spec.Name, kind: spec.Kind, filter: slices.Clone(spec.Filter), policy: spec.Policy.filled(spec.Kind)}
	if spec.Name != "" || spec.Kind == KindGroup {
		if err := CheckName(spec.Name); err != nil {
			return nil, err
		}
	}
	if err := spec.Filter.Check("filter"); err != nil {
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
	done, err := h.system.Append(ctx, streamOf(name), expected, e)
	if err != nil {
		return written{}, err
	}
	h.versions[name] = done.Version
	k, err := old.next(&done.Events[0])
	return written{k, done.Position()}, err
}

// change writes an event about a subscription, and has it begin anew as that says. move, if not nil, changes where; it is
// called with the locks held. The admin lock is held.
func (h *Hub) change(ctx context.Context, s *subscription, e nacre.Event, move func()) error {
	w, err := h.write(ctx, s.name, s.known, e)
	if err != nil {
		return err
	}
	h.mu.Lock()
	s.mu.Lock()
	h.through = max(h.through, w.at)
	s.stop()
	if s.outlet != nil && (w.known == nil || string(w.config) != string(s.config)) {
		s.outlet.closeLater(h, s.name)
		s.outlet = nil
	}
	if w.known == nil {
		delete(h.all, s.name)
	} else {
		s.known = w.known
		s.adopt()
		if move != nil {
			move()
		}
		s.start()
	}
	s.mu.Unlock()
	h.mu.Unlock()
	h.changed.Store(true)
	return nil
}

// Change is what is to be another way of a subscription; what is nil stays.
type Change struct {
	Filter *nacre.Filter
	Config json.RawMessage
	Policy *Policy // as a whole
}

// Update changes a subscription. It goes on where it was: what a new filter selects of the past is not delivered.
func (h *Hub) Update(ctx context.Context, name string, c *Change) (Status, error) {
	err := h.administer(ctx, name, func(s *subscription) error {
		d := *s.definition
		if c.Filter != nil {
			if err := c.Filter.Check("filter"); err != nil {
				return err
			}
			d.filter = slices.Clone(*c.Filter)
		}
		if c.Policy != nil {
			d.policy = c.Policy.filled(d.kind)
			if err := d.policy.check(d.kind); err != nil {
				return err
			}
		}
		if c.Config != nil {
			if s.cause != "" {
				return nacre.Errorf(CodeWrongKind, "the configuration of %q cannot be checked: %s", name, s.cause)
			}
			if err := d.configure(s.kind, c.Config, d.config); err != nil {
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
		for {
			n, err := h.Discard(ctx, name)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		if err := h.change(ctx, s, nacre.NewEvent(typeDeleted, record{}), nil); err != nil {
			return err
		}
		return h.blobs.DeleteBlob(ctx, attemptsKey(name))
	})
}

// Pause stops the deliveries until Resume; what is being sent at this moment arrives. A second Pause does nothing.
func (h *Hub) Pause(ctx context.Context, name string) error {
	return h.administer(ctx, name, func(s *subscription) error {
		if s.paused {
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
		return h.change(ctx, s, nacre.NewEvent(typeResumed, record{}), func() { s.tried = nil })
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
			s.position, s.done, s.tried = after, nil, nil
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
