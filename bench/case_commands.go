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
	lanes := []lane{plainLane(dir, plainSpread, spreadCallers, manyAccounts), plainLane(dir, plainSingle, singleCallers, 1)}
	for _, c := range cases {
		lanes = append(lanes, c.lane(dir))
	}
	const what = "commands to aggregates"
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	of := map[string]string{cases[0].name(): plainSpread, cases[3].name(): plainSingle}
	t := r.section("Framework: "+what, fmt.Sprintf("A command decides one event of %d bytes of data; it is acknowledged when the event is durable. "+
		"Each slice opens its store again. Plain appends give the same events: 256 writers with exact versions on streams of their own, 64 writers on one stream without.",
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

// plainLane appends the events that commands would lead to.
func plainLane(dir, name string, writers, streams int) lane {
	at := filepath.Join(dir, "plain-"+strconv.Itoa(writers))
	return lane{name, func(ctx context.Context, d time.Duration) (out slice, err error) {
		store, err := openNacre(at)
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		ws := newWriters(writers, "plain", nil)
		versions := make([]int64, streams)
		for i := range versions {
			versions[i] = -2 // not known yet
		}
		return driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			e := nacre.Event{Type: "account.deposited", Data: depositedData(int64(w.taken))}
			if streams == 1 {
				_, err := store.Append(ctx, "account-0", nacre.Any, e)
				return 1, err
			}
			// Each writer has every 256th stream for itself.
			n := w.number + w.taken*writers%(streams/writers*writers)
			id := accountStream(n)
			if versions[n] < -1 {
				if versions[n], err = store.Version(ctx, id); err != nil {
					return 0, err
				}
			}
			done, err := store.Append(ctx, id, nacre.Exactly(versions[n]), e)
			versions[n] = done.Version
			return 1, err
		})
	}}
}

func accountStream(n int) nacre.StreamID { return nacre.StreamID("account-" + strconv.Itoa(n)) }

// lane executes commands, and looks afterwards that the log holds what was acknowledged.
func (c commandCase) lane(dir string) lane {
	at := filepath.Join(dir, fmt.Sprintf("commands-%d-%d", c.callers, c.aggregates))
	return lane{c.name(), func(ctx context.Context, d time.Duration) (out slice, err error) {
		store, err := openNacre(at)
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		before, err := store.Head(ctx)
		if err != nil {
			return out, err
		}
		repository := aggregate.New(store, accounts, nil)
		ws := newWriters(c.callers, "commands", nil)
		out, err = driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			n := (w.number*7919 + w.taken*c.callers) % c.aggregates
			_, err := repository.Get(strconv.Itoa(n)).Execute(ctx, deposit{Cents: int64(w.taken)})
			return 1, err
		})
		if err = errors.Join(err, repository.Close(ctx)); err != nil {
			return out, err
		}
		after, err := store.Head(ctx)
		if err == nil && int64(after.Position-before.Position) != out.events {
			err = fmt.Errorf("%d commands were acknowledged, and the log grew by %d events", out.events, after.Position-before.Position)
		}
		return out, err
	}}
}
