package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
)

const (
	conditionRecentGoal = 0.90
	conditionZeroGoal   = 0.50
	// taggedEvents is how many events bear each of the tags that conditions ask for.
	taggedEvents = 500
)

// conditionsCase appends with a condition on two tags beside the same append without one.
func conditionsCase(ctx context.Context, s *settings, r *report, dir string) (err error) {
	if err := s.room(r, "the case conditions", dir, 24<<30); err != nil {
		return err
	}
	store, err := openNacre(filepath.Join(dir, "conditions"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	data := newPayloads(dataBytes)
	c := &conditions{store: store, subjects: s.tagged / 5 / taggedEvents}
	if err := c.prepare(ctx, s.tagged, data); err != nil {
		return err
	}
	r.say("conditions: %d events stand, %d customers and %d courses with %d each", s.tagged, c.subjects, c.subjects, taggedEvents)
	for _, writers := range []int{64, 256} {
		if err := c.measure(ctx, s, r, writers, data); err != nil {
			return err
		}
	}
	return nil
}

// conditions is a store of events with tags.
type conditions struct {
	store    *nacre.Store
	subjects int // customers, and as many courses
}

// prepare fills the store: of five events one bears a customer, one a course, and none bears both.
func (c *conditions) prepare(ctx context.Context, events int, data payloads) error {
	const batch = 1000
	for first := 0; first < events; first += batch {
		part := make([]nacre.Event, batch)
		for i := range part {
			n := first + i
			tag := "filler:" + strconv.Itoa(n%1000)
			switch n % 5 {
			case 0:
				tag = customer(n / 5 % c.subjects)
			case 1:
				tag = course(n / 5 % c.subjects)
			}
			part[i] = nacre.Event{Type: typeOf(int64(n)), Data: data[n%len(data)], Tags: []string{tag}}
		}
		if _, err := c.store.Append(ctx, nacre.StreamID("past-"+strconv.Itoa(first/batch)), nacre.NoStream, part...); err != nil {
			return err
		}
	}
	return nil
}

func customer(n int) string { return "customer:" + strconv.Itoa(n) }
func course(n int) string   { return "course:" + strconv.Itoa(n) }

// decider is a writer's state besides its streams.
type decider struct {
	own    [2]string      // the tags that its events bear
	last   nacre.Position // of its last append
	random *rand.Rand
	made   int
}

// freshTags are two tags that nothing bears yet.
func (d *decider) freshTags() []string {
	d.made++
	n := strconv.Itoa(d.made)
	return []string{d.own[0] + "-" + n, d.own[1] + "-" + n}
}

// both is a condition on two tags.
func both(after nacre.Position, tags ...string) *nacre.Condition {
	return &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: tags}}, After: after}
}

// side is one of the ways to append that are compared.
type side struct {
	name string
	// decide gives the tags of the next event and its condition.
	decide func(d *decider) ([]string, *nacre.Condition)
	base   string // what it is compared with
	goal   float64
}

const (
	plain    = "no condition"
	plainNew = "no condition, new tags"
)

func (c *conditions) sides() []side {
	own := func(d *decider) []string { return d.own[:] }
	return []side{
		{plain, func(d *decider) ([]string, *nacre.Condition) { return own(d), nil }, plain, 0},
		{"recent: after the writer's last append", func(d *decider) ([]string, *nacre.Condition) {
			return own(d), both(d.last, own(d)...)
		}, plain, conditionRecentGoal},
		{fmt.Sprintf("after 0, tags with %d events", taggedEvents), func(d *decider) ([]string, *nacre.Condition) {
			return own(d), both(0, customer(d.random.IntN(c.subjects)), course(d.random.IntN(c.subjects)))
		}, plain, conditionZeroGoal},
		{plainNew, func(d *decider) ([]string, *nacre.Condition) { return d.freshTags(), nil }, plainNew, 0},
		{"after 0, new tags", func(d *decider) ([]string, *nacre.Condition) {
			tags := d.freshTags()
			return tags, both(0, tags...)
		}, plainNew, conditionRecentGoal},
	}
}

func (c *conditions) measure(ctx context.Context, s *settings, r *report, writers int, data payloads) error {
	head, err := c.store.Head(ctx)
	if err != nil {
		return err
	}
	sides := c.sides()
	lanes := make([]lane, len(sides))
	for i, side := range sides {
		ws := newWriters(writers, fmt.Sprintf("condition%d-%d", i, writers), data)
		ds := make([]decider, writers)
		for k := range ds {
			name := fmt.Sprintf("%d-%d-%d", i, writers, k)
			ds[k] = decider{
				own: [2]string{"customer:w" + name, "course:w" + name}, last: head.Position,
				random: rand.New(rand.NewPCG(uint64(i), uint64(k))),
			}
		}
		do := func(ctx context.Context, w *writer) (int, error) {
			d, cur := &ds[w.number], w.stream()
			tags, condition := side.decide(d)
			out, err := c.store.Commit(ctx, condition, nacre.Append{
				Stream: nacre.StreamID(cur.stream), Expected: nacre.Exactly(cur.version),
				Events: []nacre.Event{{Type: typeOf(cur.version + 1), Data: w.one(), Tags: tags}},
			})
			if err != nil {
				return 0, err
			}
			cur.version, d.last = out[0].Version, out[0].Position()
			return 1, nil
		}
		lanes[i] = lane{side.name, func(ctx context.Context, d time.Duration) (slice, error) {
			return driveFor(ctx, ws, d, do)
		}}
	}
	what := fmt.Sprintf("%d writers, condition on two tags", writers)
	got, err := rotate(ctx, r, what, s.rounds, s.slice*2/3, lanes)
	if err != nil {
		return err
	}
	t := r.section("Appending: "+what, fmt.Sprintf("One event an append, data of %d bytes, two tags, the exact version expected; %d events stood before. No condition fails.",
		dataBytes, s.tagged), rateHead("of the same without")...)
	for _, side := range sides {
		m, base := got[side.name], got[side.base]
		t.row(append(append([]string{side.name}, rateCells(m)...), percent(m.rate()/base.rate()))...)
		if side.goal > 0 {
			r.ratio(what+", "+side.name, m.rate()/base.rate(), side.goal)
		}
	}
	return c.refuses(ctx)
}

// refuses makes sure that conditions are looked at: one that matches has to fail.
func (c *conditions) refuses(ctx context.Context) error {
	_, err := c.store.Commit(ctx, both(0, customer(0)), nacre.Append{
		Stream: "order-refused", Expected: nacre.NoStream, Events: []nacre.Event{{Type: typeOf(0), Data: []byte("{}")}},
	})
	if nacre.CodeOf(err) != nacre.CodeConditionFailed {
		return fmt.Errorf("an append whose condition matches %d events came to: %w", taggedEvents, err)
	}
	return nil
}
