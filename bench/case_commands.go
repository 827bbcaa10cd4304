package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	domain "github.com/nacredb/nacre/decider"
)

const (
	spreadCallers = 256
	spreadGoal    = 0.60
	singleCallers = 64
	singleGoal    = 0.80
	// manyAccounts is how many aggregates the callers of a case share at most.
	manyAccounts = 10_000

	plainSpread = "appends, 256 writers, 10,000 streams"
	plainSingle = "appends, 64 writers, 1 stream"
)

// The aggregate of the bench: what it decides and folds costs next to nothing, so that what is measured is the
// framework.
type (
	deposit   struct{ Cents int64 }
	deposited struct {
		Cents int64
		Note  string
	}
	account struct{ Cents, Movements int64 }
)

// note makes events as large as those of the other cases.
const note = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLw"

var accounts = domain.Decider[account, deposit, deposited]{
	Category: "account",
	Decide: func(_ account, c deposit, _ domain.Context) ([]deposited, error) {
		return []deposited{{Cents: c.Cents, Note: note}}, nil
	},
	Evolve: func(a account, e deposited) account {
		return account{Cents: a.Cents + e.Cents, Movements: a.Movements + 1}
	},
	Commands: map[string]deposit{"deposit": {}},
	Events:   map[string]deposited{"account.deposited": {}},
}

// depositedData is the data of the same events, for those who append them plainly.
func depositedData(cents int64) []byte {
	return fmt.Appendf(nil, `{"Cents":%d,"Note":"%s"}`, cents, note)
}

// commandCase is callers that share aggregates.
type commandCase struct {
	callers, aggregates int
}

func (c commandCase) name() string {
	noun := "aggregates"
	if c.aggregates == 1 {
		noun = "aggregate"
	}
	return fmt.Sprintf("commands, %d callers, %s %s", c.callers, thousands(c.aggregates), noun)
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// commandsCase compares commands to aggregates with plain appends of the same events.
func commandsCase(ctx context.Context, s *settings, r *report, dir string) (err error) {
	if err := s.room(r, "the case commands", dir, 16<<30); err != nil {
		return err
	}
	cases := []commandCase{
		{spreadCallers, manyAccounts}, {spreadCallers, 100}, {singleCallers, manyAccounts}, {singleCallers, 1}, {1, manyAccounts}, {1, 1},
	}
	var lanes []lane
	var open []func() error
	defer func() {
		for _, end := range open {
			err = errors.Join(err, end())
		}
	}()
	add := func(l lane, end func() error, err error) error {
		lanes, open = append(lanes, l), append(open, end)
		return err
	}
	if err := errors.Join(add(plainLane(dir, plainSpread, spreadCallers, manyAccounts)), add(plainLane(dir, plainSingle, singleCallers, 1))); err != nil {
		return err
	}
	for _, c := range cases {
		if err := add(c.lane(dir)); err != nil {
			return err
		}
	}
	const what = "commands to aggregates"
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	of := map[string]string{cases[0].name(): plainSpread, cases[3].name(): plainSingle}
	t := r.section("Framework: "+what, fmt.Sprintf("A command decides one event of %d bytes of data; it is acknowledged when the event is durable. "+
		"Each row has a store of its own, in which its streams grow; instances and versions stay in memory from slice to slice. Plain appends give the same events: 256 writers with exact versions on streams of their own, 64 writers on one stream without.",
		len(depositedData(1000))), rateHead("of the plain appends")...)
	for _, l := range lanes {
		ratio := ""
		if plain := of[l.name]; plain != "" {
			ratio = percent(got[l.name].rate() / got[plain].rate())
		}
		t.row(append(append([]string{l.name}, rateCells(got[l.name])...), ratio)...)
	}
	r.ratio(cases[0].name(), got[cases[0].name()].rate()/got[plainSpread].rate(), spreadGoal)
	r.ratio(cases[3].name(), got[cases[3].name()].rate()/got[plainSingle].rate(), singleGoal)
	return nil
}

func nothing() error { return nil }

// plainLane appends the events that commands would lead to.
func plainLane(dir, name string, writers, streams int) (lane, func() error, error) {
	store, err := openNacre(filepath.Join(dir, "plain-"+strconv.Itoa(writers)))
	if err != nil {
		return lane{}, nothing, err
	}
	ws := newWriters(writers, "plain", nil)
	versions := make([]int64, streams)
	for i := range versions {
		versions[i] = -1
	}
	return lane{name, func(ctx context.Context, d time.Duration) (out slice, err error) {
		return driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			e := nacre.Event{Type: "account.deposited", Data: depositedData(int64(w.taken))}
			if streams == 1 {
				_, err := store.Append(ctx, "account-0", nacre.Any, e)
				return 1, err
			}
			// Each writer has every 256th stream for itself.
			n := w.number + w.taken*writers%(streams/writers*writers)
			done, err := store.Append(ctx, accountStream(n), nacre.Exactly(versions[n]), e)
			versions[n] = done.Version
			return 1, err
		})
	}}, store.Close, nil
}

func accountStream(n int) nacre.StreamID { return nacre.StreamID("account-" + strconv.Itoa(n)) }

// lane executes commands, and looks after each slice that the log holds what was acknowledged.
func (c commandCase) lane(dir string) (lane, func() error, error) {
	store, err := openNacre(filepath.Join(dir, fmt.Sprintf("commands-%d-%d", c.callers, c.aggregates)))
	if err != nil {
		return lane{}, nothing, err
	}
	repository := aggregate.New(store, accounts, nil)
	ws := newWriters(c.callers, "commands", nil)
	run := func(ctx context.Context, d time.Duration) (out slice, err error) {
		before, err := store.Head(ctx)
		if err != nil {
			return out, err
		}
		out, err = driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			n := (w.number*7919 + w.taken*c.callers) % c.aggregates
			_, err := repository.Get(strconv.Itoa(n)).Execute(ctx, deposit{Cents: int64(w.taken)})
			return 1, err
		})
		if err != nil {
			return out, err
		}
		after, err := store.Head(ctx)
		if err == nil && int64(after.Position-before.Position) != out.events {
			err = fmt.Errorf("%d commands were acknowledged, and the log grew by %d events", out.events, after.Position-before.Position)
		}
		return out, err
	}
	end := func() error { return errors.Join(repository.Close(context.Background()), store.Close()) }
	return lane{c.name(), run}, end, nil
}
