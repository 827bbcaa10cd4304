package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
)

const (
	standingQueries = 100_000
	equalityGoal    = 500.0
	rangeGoal       = 50.0
	windowRows      = 100_000
	windowAim       = 20 * time.Microsecond
	noticeAim       = 50 * time.Microsecond
	standingAim     = 2 << 10
)

// liveCase measures live queries: which of many a change concerns, what it costs, and how soon it is told.
func liveCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case live", dir, 1<<30); err != nil {
		return err
	}
	if err := matching(s, r); err != nil {
		return err
	}
	if err := windows(s, r); err != nil {
		return err
	}
	if err := notices(ctx, s, r, dir); err != nil {
		return err
	}
	return liveFanout(ctx, s, r, dir)
}

// albumPlan checks a query against the schema of the bench.
func albumPlan(text string, args ...any) (*query.Plan, error) {
	schemas := &merge.Schemas{}
	data, err := schemas.Declare([]byte(albumSchema))
	if err == nil {
		err = schemas.Apply(data)
	}
	if err != nil {
		return nil, err
	}
	schema, _ := entity.QuerySchema("albums", func(string) *merge.Schema { return schemas.Current() })
	q, err := query.Parse(text)
	if err == nil {
		q, err = query.Bind(q, query.Args{Positional: args})
	}
	if err != nil {
		return nil, err
	}
	return query.Check(q, schema)
}

// matching compares the index of standing queries with looking at all of them.
func matching(s *settings, r *report) error {
	queries, rounds := standingQueries, 2000
	if s.quick {
		queries, rounds = queries/20, rounds/20
	}
	t := r.section("Live queries: one change against many", fmt.Sprintf("%s standing queries of one collection; a change of a row, whose old and new state are both looked up; at most 100 queries match. Beside it, every query's condition is evaluated on both rows.", thousands(queries)),
		"conditions", "matches", "by the index", "one by one", "faster")
	for _, c := range []struct {
		name string
		make func(n int) (text string, args []any)
		goal float64
	}{
		{"an equality", func(n int) (string, []any) {
			return "artist = ? AND year > ?", []any{fmt.Sprintf("artist %05d", n%(queries/100)), 1900 + n%50}
		}, equalityGoal},
		{"a one-sided range", func(n int) (string, []any) { return "year > ?", []any{n * 20} }, rangeGoal},
	} {
		var x reactor.Index[int]
		plans := make([]*query.Plan, queries)
		for n := range plans {
			text, args := c.make(n)
			p, err := albumPlan(text, args...)
			if err != nil {
				return err
			}
			plans[n] = p
			x.Add(n, p)
		}
		row := func(n int) *query.Object {
			return query.NewObject("a", fmt.Appendf(nil, `{"artist":"artist %05d","name":"Album","year":%d}`, n/2%(queries/100), 1960+n%40))
		}
		var found []int
		most := 0
		start := time.Now()
		for n := range rounds {
			found = x.Match(found[:0], row(2*n), row(2*n+1))
			most = max(most, len(found))
		}
		indexed := time.Since(start) / time.Duration(rounds)
		scans := max(3, rounds/200)
		hits := 0
		start = time.Now()
		for n := range scans {
			old, now := row(2*n), row(2*n+1)
			for _, p := range plans {
				if p.Match(old, nil) || p.Match(now, nil) {
					hits++
				}
			}
		}
		scanned := time.Since(start) / time.Duration(scans)
		if hits == 0 || most == 0 {
			return errors.New("nothing matches")
		}
		ratio := float64(scanned) / float64(indexed)
		t.row(c.name, fmt.Sprintf("up to %d", most), short(indexed), short(scanned), times(ratio))
		r.ratio("one change against "+thousands(queries)+" live queries, "+c.name+", against scanning them", ratio, c.goal)
	}
	return nil
}

// windows measures a change that concerns an ordered result with a limit.
func windows(s *settings, r *report) error {
	rows, rounds := windowRows, 20_000
	if s.quick {
		rows, rounds = rows/20, rounds/20
	}
	p, err := albumPlan("year >= 0 ORDER BY year, name LIMIT 50")
	if err != nil {
		return err
	}
	table := make([]*query.Object, rows)
	for n := range table {
		table[n] = query.NewObject(albumID(n), fmt.Appendf(nil, `{"name":"Album %07d","year":%d}`, n, n))
	}
	w := reactor.NewWindow(p)
	w.Fill(p, table[:w.Keep()], nil)
	w.Deltas()
	fills, told := 0, 0
	start := time.Now()
	for n := range rounds {
		// A row of the first hundred takes another place among them.
		id := n % 100
		if w.Apply(albumID(id), query.NewObject(albumID(id), fmt.Appendf(nil, `{"name":"Album %07d","year":%d}`, id, n*7919%100))) {
			fills++
			w.Fill(p, table[:w.Keep()], nil)
		}
		told += len(w.Deltas())
	}
	each := time.Since(start) / time.Duration(rounds)
	t := r.section("Live queries: a change of an ordered result", fmt.Sprintf("ORDER BY year, name LIMIT 50 over %s rows; each change moves a row among the first hundred: the window takes it, and tells what has become of its 50 rows.", thousands(rows)),
		"a change", "told", "filled again")
	t.row(short(each), fmt.Sprintf("%.1f changes a change", float64(told)/float64(rounds)), fmt.Sprintf("%.2f %%", 100*float64(fills)/float64(rounds)))
	r.figure("live over "+thousands(rows)+" rows, ORDER BY LIMIT 50, one change that matches", short(windowAim), short(each), each <= windowAim)
	return nil
}

// notices measures how soon a commit is told, and what standing queries take.
func notices(ctx context.Context, s *settings, r *report, dir string) (err error) {
	all, err := openEntities(ctx, filepath.Join(dir, "live"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	if err := all.fill(ctx, manyAlbums); err != nil {
		return err
	}
	l, err := all.Live(ctx, "albums", "ORDER BY name LIMIT 50", nil)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Next(ctx); err != nil {
		return err
	}
	type seen struct {
		at  time.Time
		err error
	}
	told := make(chan seen)
	go func() {
		for {
			_, err := l.Next(ctx)
			told <- seen{time.Now(), err}
			if err != nil {
				return
			}
		}
	}()
	var beyond latencies
	rounds := max(100, s.seen/3)
	for n := range rounds {
		_, err := all.Apply(ctx, nil, entity.Edit{Do: "patch", Collection: "albums", ID: albumID(n % 50), Patch: fmt.Appendf(nil, `{"set":{"year":%d}}`, n)})
		acknowledged := time.Now()
		if err != nil {
			return err
		}
		n := <-told
		if n.err != nil {
			return n.err
		}
		beyond.add(max(0, n.at.Sub(acknowledged)))
	}
	p50 := beyond.quantile(0.5)
	t := r.section("Live queries: from a commit to its notice", "In one process: one property of one entity is set; the time from the commit's acknowledgement to the notice of a live query of 50 rows, which is not waited for by the commit.", "notices", "p50", "p99")
	t.row(count(float64(beyond.total)), short(p50), short(beyond.quantile(0.99)))
	r.figure("commit to notice in process, p50, beyond the sync", short(noticeAim), short(p50), p50 <= noticeAim)
	return standingMemory(ctx, s, r, all)
}

// standingMemory measures what a standing query takes.
func standingMemory(ctx context.Context, s *settings, r *report, all *entities) error {
	queries := 10_000
	if s.quick {
		queries = 1000
	}
	before := heap()
	list := make([]*entity.Live, 0, queries)
	for n := range queries {
		l, err := all.Live(ctx, "albums", "artist = ? AND year > ?", &entity.LiveOptions{Args: query.Args{Positional: []any{fmt.Sprintf("artist %05d", n), n % 2000}}})
		if err != nil {
			return err
		}
		if _, err := l.Next(ctx); err != nil {
			return err
		}
		list = append(list, l)
	}
	each := (heap() - before) / int64(queries)
	for _, l := range list {
		l.Close()
	}
	t := r.section("Live queries: memory", "Standing queries with an equality and a range, of one row or none each; the growth of the heap after a collection.", "queries", "each")
	t.row(thousands(queries), fmt.Sprintf("%d bytes", each))
	r.figure("memory a standing query", fmt.Sprintf("%d bytes", standingAim), fmt.Sprintf("%d bytes", each), each <= standingAim)
	return nil
}

// heap is what lives on it.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
