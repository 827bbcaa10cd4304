package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/query"
)

const (
	queriedAlbums = 1_000_000
	queryAim      = 100 * time.Microsecond
	busyQueryAim  = 20 * time.Millisecond
	busyCommits   = 10_000
	refillAim     = 50_000.0
)

// entityTablesStep measures queries of a large collection, and how soon its table is made again.
func entityTablesStep(ctx context.Context, s *settings, r *report, dir string) (err error) {
	albums := queriedAlbums
	if s.quick {
		albums = 20_000
	}
	all, err := openEntities(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	if err := all.fill(ctx, albums); err != nil {
		return err
	}
	t := r.section("Entities: queries by an index", fmt.Sprintf("10 rows of %s entities by a declared index (`artist = ? LIMIT 10`), one caller, each query with everything that was acknowledged before it. Beside commits: %s a second, one property of one entity each.",
		count(float64(albums)), thousands(busyCommits)), "beside", "queries", "p50", "p99")
	idle, err := all.ask(ctx, albums, s.slice)
	if err != nil {
		return err
	}
	t.row("nothing", count(float64(idle.total)), short(idle.quantile(0.5)), short(idle.quantile(0.99)))
	rate, busy, err := all.askBusy(ctx, albums, 3*s.slice)
	if err != nil {
		return err
	}
	t.row(count(rate)+" commits a second", count(float64(busy.total)), short(busy.quantile(0.5)), short(busy.quantile(0.99)))
	p50, p99 := idle.quantile(0.5), busy.quantile(0.99)
	r.figure("query by a declared index, 10 rows, idle, p50", short(queryAim), short(p50), p50 <= queryAim)
	r.figure("the same beside "+count(rate)+" commits/s, p99", short(busyQueryAim)+" beside "+count(busyCommits), short(p99), p99 <= busyQueryAim && rate >= 0.95*busyCommits)
	return all.refill(ctx, r, dir, albums)
}

// ask queries for a while, one query after the other.
func (e *entities) ask(ctx context.Context, albums int, d time.Duration) (waits latencies, err error) {
	for n, end := 0, time.Now().Add(d); time.Now().Before(end); n++ {
		artist := fmt.Sprintf("artist %05d", n*7919%min(albums/20, 50_000))
		start := time.Now()
		page, err := e.Query(ctx, "albums", "artist = ? LIMIT 10", &entity.QueryOptions{Args: query.Args{Positional: []any{artist}}})
		waits.add(time.Since(start))
		if err == nil && len(page.Entities) == 0 {
			err = fmt.Errorf("there is nothing of %q", artist)
		}
		if err != nil {
			return waits, err
		}
	}
	return waits, nil
}

// askBusy is ask beside commits of a fixed rate.
func (e *entities) askBusy(ctx context.Context, albums int, d time.Duration) (rate float64, waits latencies, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range entityWriters {
		wg.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1)
				time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / busyCommits)))
				at := int(n) * 7919 % albums
				_, err := e.Apply(ctx, nil, entity.Edit{Do: "patch", Collection: "albums", ID: albumID(at), Patch: fmt.Appendf(nil, `{"set":{"year":%d}}`, n)})
				if err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	waits, err = e.ask(ctx, albums, d)
	rate = float64(done.Load()) / time.Since(start).Seconds()
	if err == nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	wg.Wait()
	return rate, waits, err
}

// refill makes the tables again.
func (e *entities) refill(ctx context.Context, r *report, dir string, albums int) error {
	if err := e.Close(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Dir(sqlite.Path(dir))); err != nil {
		return err
	}
	start := time.Now()
	if err := e.open(ctx, dir); err != nil {
		return err
	}
	page, err := e.Query(ctx, "albums", "SELECT count(*)", nil)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if got := page.Table.Rows[0][0].Text(); got != fmt.Sprint(albums) {
		return fmt.Errorf("the table has %s rows, and %d albums were made", got, albums)
	}
	rate := float64(albums) / took.Seconds()
	t := r.section("Entities: a table is made again", "From no tables to a query's answer, page cache warm: events are read, folded, and their rows written, with two indexes.", "entities", "time", "entities/s")
	t.row(count(float64(albums)), short(took), count(rate))
	r.figure("rebuild of a collection's table", count(refillAim)+" entities/s", count(rate)+" entities/s", rate >= refillAim)
	return nil
}
