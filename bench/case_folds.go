package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlite"
	"github.com/nacredb/nacre/projection/sqlmodel"
)

const (
	foldAccounts = 10_000
	reloadEvents = 10_000
	reloads      = 50

	memoryAim = 500_000.0
	sqliteAim = 100_000.0
	idleAim   = 4 << 10
)

// foldsCase measures what is made of events: read models, and the states of aggregates.
func foldsCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case folds", dir, int64(s.folded)*1000); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *settings, *report, string) error{rebuilds, reloading, idleInstances} {
		if err := inFolder(dir, "step", func(dir string) error { return step(ctx, s, r, dir) }); err != nil {
			return err
		}
	}
	return nil
}

// balances is what the table of a bank is.
type balances map[nacre.StreamID]account

// rebuilds makes read models of a whole log.
func rebuilds(ctx context.Context, s *settings, r *report, dir string) (err error) {
	store, err := openNacre(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := fillAccounts(ctx, store, s.folded); err != nil {
		return err
	}
	timed := func(make func(ctx context.Context, at string) error) func(context.Context, time.Duration) (slice, error) {
		made := 0
		return func(ctx context.Context, _ time.Duration) (slice, error) {
			made++
			at := filepath.Join(dir, "model-"+strconv.Itoa(made))
			start := time.Now()
			err := make(ctx, at)
			return slice{events: int64(s.folded), elapsed: time.Since(start)}, err
		}
	}
	options := &projection.Options{Logger: slog.New(slog.DiscardHandler)}
	intoMemory := timed(func(ctx context.Context, at string) error {
		name := filepath.Base(at)
		model := projection.NewMemory[balances](store, nil)
		p := projection.Projection[deposited, *balances]{
			Name: "memory-" + name, Events: accounts.Events,
			Apply: func(_ context.Context, to *balances, e codec.Event[deposited]) error {
				if *to == nil {
					*to = balances{}
				}
				a := (*to)[e.StreamID]
				(*to)[e.StreamID] = account{a.Cents + e.Data.Cents, a.Movements + 1}
				return nil
			},
		}
		if _, err := projection.CatchUp(ctx, store, p, model, options); err != nil {
			return err
		}
		total := 0
		model.View(func(b *balances) {
			for _, a := range *b {
				total += int(a.Movements)
			}
		})
		return counted(total, s.folded)
	})
	intoSQLite := timed(func(ctx context.Context, at string) (err error) {
		model, err := sqlite.Open(at+".db", `CREATE TABLE balance (account TEXT PRIMARY KEY, cents INTEGER, movements INTEGER)`, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, model.Close()) }()
		p := projection.Projection[deposited, *sqlmodel.Tx]{
			Name: "sqlite-" + filepath.Base(at), Events: accounts.Events,
			Apply: func(ctx context.Context, tx *sqlmodel.Tx, e codec.Event[deposited]) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO balance VALUES (?, ?, 1)
					ON CONFLICT DO UPDATE SET cents = cents + excluded.cents, movements = movements + 1`, string(e.StreamID), e.Data.Cents)
				return err
			},
		}
		if _, err := projection.CatchUp(ctx, store, p, model, options); err != nil {
			return err
		}
		total := 0
		if err := model.QueryRowContext(ctx, `SELECT sum(movements) FROM balance`).Scan(&total); err != nil {
			return err
		}
		return counted(total, s.folded)
	})
	what := fmt.Sprintf("read models of %s events", count(float64(s.folded)))
	lanes := []lane{{"into memory, typed", intoMemory}, {"into SQLite, an upsert an event", intoSQLite}}
	got, err := rotate(ctx, r, what, max(1, s.rounds/2), 0, lanes)
	if err != nil {
		return err
	}
	t := r.section("Framework: "+what, fmt.Sprintf("From an empty read model to the end of a log of %d streams, page cache warm, one projection; decoding included.", foldAccounts),
		"name", "events/s, median", "spread")
	for i, l := range lanes {
		cells := rateCells(got[l.name])
		t.row(l.name, cells[0], cells[1])
		aim := []float64{memoryAim, sqliteAim}[i]
		is := got[l.name].rate()
		r.figure("rebuild "+l.name, count(aim)+" events/s", count(is)+" events/s", is >= aim)
	}
	return nil
}

func counted(got, want int) error {
	if got != want {
		return fmt.Errorf("the read model counts %d events, and the log has %d", got, want)
	}
	return nil
}

// fillAccounts appends events of many accounts, in batches.
func fillAccounts(ctx context.Context, store *nacre.Store, events int) error {
	ws := newWriters(8, "fill", nil)
	_, err := drive(ctx, ws, func(ctx context.Context, w *writer) (int, error) {
		batch := make([]nacre.Append, batchSize)
		for i := range batch {
			w.taken++
			n := (w.taken*len(ws) + w.number) % foldAccounts
			batch[i] = nacre.Append{Stream: accountStream(n), Events: []nacre.Event{{Type: "account.deposited", Data: depositedData(int64(w.taken))}}}
		}
		if w.acknowledged.Load() >= int64(events/len(ws)) {
			time.Sleep(time.Millisecond)
			return 0, nil
		}
		_, err := store.Commit(ctx, nil, batch...)
		return len(batch), err
	}, func(ctx context.Context) {
		for acknowledged(ws) < int64(events) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	})
	if err != nil {
		return err
	}
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	return counted(int(head.Position), events)
}

// reloading brings a long aggregate back into memory.
func reloading(ctx context.Context, _ *settings, r *report, dir string) (err error) {
	store, err := openNacre(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for range reloadEvents / batchSize {
		events := make([]nacre.Event, batchSize)
		for i := range events {
			events[i] = nacre.Event{Type: "account.deposited", Data: depositedData(1)}
		}
		if _, err := store.Append(ctx, accountStream(1), nacre.Any, events...); err != nil {
			return err
		}
	}
	t := r.section("Framework: reloading an aggregate", fmt.Sprintf("%d events, an instance that is not in memory, page cache warm; median of %d.", reloadEvents, reloads),
		"snapshots", "time")
	for _, kept := range []bool{false, true} {
		o := &aggregate.Options{SnapshotEvery: -1, SnapshotAfter: -1, Logger: slog.New(slog.DiscardHandler)}
		name := "none"
		if kept {
			name, o.SnapshotEvery, o.SnapshotAfter = "kept", 0, 0
			// The first reload leaves one behind.
			first := aggregate.New(store, accounts, o)
			if _, err := first.Get("1").Execute(ctx, deposit{Cents: 1}); err != nil {
				return err
			}
			if err := first.Close(ctx); err != nil {
				return err
			}
		}
		var took []float64
		for range reloads {
			repository := aggregate.New(store, accounts, o)
			start := time.Now()
			state, err := repository.Get("1").State(ctx)
			took = append(took, time.Since(start).Seconds())
			if err = errors.Join(err, repository.Close(ctx)); err != nil {
				return err
			}
			if state.Movements < reloadEvents {
				return fmt.Errorf("the state counts %d events of %d", state.Movements, reloadEvents)
			}
		}
		middle := time.Duration(median(took) * float64(time.Second))
		r.say("reload of %d events, snapshots %s: %s", reloadEvents, name, short(middle))
		t.row(name, short(middle))
	}
	return nil
}

// idleInstances measures what an instance costs that was touched once.
func idleInstances(ctx context.Context, s *settings, r *report, dir string) (err error) {
	store, err := openNacre(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	n := s.instances
	repository := aggregate.New(store, accounts, &aggregate.Options{MaxInstances: 2 * n, SnapshotEvery: -1})
	defer func() { err = errors.Join(err, repository.Close(ctx)) }()
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	for _, id := range ids {
		if _, err := repository.Get(id).State(ctx); err != nil {
			return err
		}
	}
	each := (heap() - before) / int64(n)
	runtime.KeepAlive(ids)
	r.section("Framework: idle instances", "Heap and stacks before and after, by the number of instances.", "instances", "bytes each", "goroutines more").
		row(count(float64(n)), fmt.Sprint(each), fmt.Sprint(runtime.NumGoroutine()-goroutines))
	r.figure("memory of an idle instance", fmt.Sprintf("%d bytes", idleAim), fmt.Sprintf("%d bytes", each), each <= idleAim)
	return nil
}
