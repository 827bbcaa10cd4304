package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre/consumer"
)

// Limits of what consumers ask.
const (
	maxPoll     = 1000
	maxWait     = time.Minute
	maxNackWait = time.Hour
	maxAnswer   = 10_000
	maxReason   = 1000
)

// Poll gives events of a group to a consumer. It waits for some, r.Wait at most, and gives none where the consumer leaves
// meanwhile. Nothing is given to whom the context has ended for.
func (h *Hub) Poll(ctx context.Context, name string, r consumer.Request) ([]consumer.Delivery, error) {
	if err := checkRequest(&r); err != nil {
		return nil, err
	}
	s, err := h.groupOf(name)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(r.Wait)
	defer patience.Stop()
	for {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case h.serving.Err() != nil:
			return nil, errClosed()
		}
		s.mu.Lock()
		if s.group == nil {
			goOn := false
			if s, goOn, err = h.started(ctx, s, patience); !goOn {
				return nil, err
			}
			continue
		}
		g, now := s.group, time.Now()
		m := g.meet(r.Consumer, now)
		ready, shape := len(g.s.q.ready), g.shape
		g.sweep(now)
		g.s.q.due(now)
		stirred := len(g.s.q.ready) > ready || g.shape != shape
		out := g.give(m, max(1, r.Max), now)
		if len(out) > 0 || r.Wait <= 0 {
			s.serve() // what is left is for others who wait
			s.refill()
			s.mu.Unlock()
			return out, nil
		}
		if stirred { // what is new is for others who wait, and the alarm is set anew
			g.call()
		}
		more := g.more
		m.asking++
		g.asking++
		g.alarm()
		s.mu.Unlock()
		var over error
		left := false
		select {
		case <-more:
		case <-patience.C:
			left = true
		case <-ctx.Done():
			over = ctx.Err()
		case <-h.serving.Done():
			over = errClosed()
		}
		s.mu.Lock()
		m.asking--
		g.asking--
		m.seen = time.Now()
		left = left || m.left
		s.mu.Unlock()
		if over != nil || left {
			return nil, over
		}
	}
}

// started waits for a group that is stopped while it is being changed, and tells whether the poll goes on. Its lock is
// held, and is given back.
func (h *Hub) started(ctx context.Context, s *subscription, patience *time.Timer) (_ *subscription, goOn bool, err error) {
	if reason := s.halted(); reason != "" {
		s.mu.Unlock()
		return nil, false, s.haltedError(reason)
	}
	if s.starting == nil {
		s.starting = make(chan struct{})
	}
	starting := s.starting
	s.mu.Unlock()
	now, err := h.groupOf(s.name)
	if err != nil || now != s { // it was deleted, and another one made perhaps
		return now, err == nil, err
	}
	select {
	case <-starting:
		return s, true, nil
	case <-patience.C:
		return nil, false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-h.serving.Done():
		return nil, false, errClosed()
	}
}

// Ack tells what became of a group's deliveries.
func (h *Hub) Ack(_ context.Context, name string, a consumer.Answer) (consumer.Outcome, error) {
	if err := checkAnswer(&a); err != nil {
		return consumer.Outcome{}, err
	}
	s, err := h.groupOf(name)
	if err != nil {
		return consumer.Outcome{}, err
	}
	var out consumer.Outcome
	var late []*entry
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group
	if g == nil {
		return consumer.Outcome{Unknown: append(slices.Clone(a.Ack), nackIDs(a.Nack)...)}, nil
	}
	if a.Consumer != "" {
		g.meet(a.Consumer, time.Now())
	}
	for _, id := range a.Ack {
		e := g.flying[id]
		switch {
		case e == nil:
			out.Unknown = append(out.Unknown, id)
			continue
		case e.letter != "" && !e.dropped:
			g.land(e)
			late = append(late, e)
		default:
			s.history.delivered++
			g.done(e)
		}
		out.Done++
	}
	for i := range a.Nack {
		n := &a.Nack[i]
		e := g.flying[n.ID]
		if e == nil {
			out.Unknown = append(out.Unknown, n.ID)
			continue
		}
		out.Done++
		g.refuse(e, n)
	}
	if len(late) > 0 {
		g.settle(late)
	}
	s.serve()
	s.refill()
	return out, nil
}

// Return takes deliveries back that nobody has tried, such as those whose way to the consumer broke off: they are given out
// again at once, and that does not count as tried. Those that are nobody's any more are passed over.
func (h *Hub) Return(name string, ids []string) error {
	s, err := h.groupOf(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group == nil {
		return nil
	}
	for _, id := range ids {
		if e := s.group.flying[id]; e != nil {
			s.group.untried(e)
		}
	}
	s.serve()
	return nil
}

// Awaited gives those of a group's deliveries that are to be answered for still.
func (h *Hub) Awaited(name string, ids []string) ([]string, error) {
	s, err := h.groupOf(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group == nil {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return s.group.flying[id] == nil }), nil
}

// Forget is Leave for a consumer of whom another connection may know: it does nothing where that has deliveries, or asks
// for some.
func (h *Hub) Forget(name, who string) error {
	s, err := h.groupOf(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group
	if g == nil || g.members[who] == nil || g.members[who].asking > 0 || g.members[who].flying > 0 {
		return nil
	}
	g.forget(who)
	s.serve()
	return nil
}

// Leave tells that a consumer goes: others get what it had at once, and that does not count as tried. Polls of it that wait
// end with nothing.
func (h *Hub) Leave(_ context.Context, name, who string) error {
	s, err := h.groupOf(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group
	if g == nil || g.members[who] == nil {
		return nil
	}
	m := g.members[who]
	for i := range g.landing {
		if l := &g.landing[i]; !l.stale() && l.e.consumer == m {
			g.untried(l.e)
		}
	}
	m.left = true
	if m.asking > 0 {
		g.wake()
	}
	g.forget(who)
	s.serve()
	return nil
}

// Group is a consumer group of this hub.
func (h *Hub) Group(name string) consumer.Group { return hubGroup{h, name} }

type hubGroup struct {
	h    *Hub
	name string
}

func (g hubGroup) Poll(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
	return g.h.Poll(ctx, g.name, r)
}

func (g hubGroup) Ack(ctx context.Context, a consumer.Answer) (consumer.Outcome, error) {
	return g.h.Ack(ctx, g.name, a)
}

func (g hubGroup) Leave(ctx context.Context, who string) error { return g.h.Leave(ctx, g.name, who) }

func nackIDs(list []consumer.Nack) (ids []string) {
	for _, n := range list {
		ids = append(ids, n.ID)
	}
	return ids
}

func checkRequest(r *consumer.Request) error {
	switch {
	case r.Consumer == "" || len(r.Consumer) > maxName || strings.ContainsFunc(r.Consumer, func(c rune) bool { return !plain(c) }):
		return invalid("consumer", `is %q: give 1 to %d of "a-z A-Z 0-9 . _ -", another one for each consumer`, r.Consumer, maxName)
	case r.Max < 0 || r.Max > maxPoll:
		return invalid("max", "is %d: give 1 to %d", r.Max, maxPoll)
	case r.Wait < 0 || r.Wait > maxWait:
		return invalid("waitMs", "is %d: give 0 to %d", r.Wait.Milliseconds(), maxWait.Milliseconds())
	}
	return nil
}

func checkAnswer(a *consumer.Answer) error {
	if n := len(a.Ack) + len(a.Nack); n > maxAnswer {
		return invalid("ack", "and nack have %d deliveries: at most %d are taken", n, maxAnswer)
	}
	for i := range a.Nack {
		n := &a.Nack[i]
		field := fmt.Sprintf("nack[%d].", i)
		switch n.Action {
		case "", consumer.Retry, consumer.Park, consumer.Skip:
		default:
			return invalid(field+"action", `is %q: give "retry", "park" or "skip"`, n.Action)
		}
		if n.After < 0 || n.After > maxNackWait {
			return invalid(field+"afterMs", "is %d: give 0 to %d", n.After.Milliseconds(), maxNackWait.Milliseconds())
		}
		if len(n.Reason) > maxReason {
			return invalid(field+"reason", "has %d bytes: at most %d are taken", len(n.Reason), maxReason)
		}
	}
	return nil
}
