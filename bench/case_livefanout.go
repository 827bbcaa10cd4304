package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/server"
)

// updated is what the notices have that clients of live queries wait for.
const updated = `"kind":"update"`

// entities has a server's stores have entities, with their tables beside the logs.
func (do *task) entities(o *server.Options) {
	if !do.Entities {
		return
	}
	o.Entities = func(ctx context.Context, name string, store *nacre.Store) (server.Entities, error) {
		tables, err := sqlite.Open(sqlite.Path(filepath.Join(do.Dir, name)), &sqlite.Options{Logger: o.Logger})
		if err != nil {
			return nil, err
		}
		return entity.Open(ctx, store, tables, &entity.Options{Logger: o.Logger})
	}
}

// liveFanout measures one change to many WebSockets with a live query each, beside a bare relay that writes the same frames.
func liveFanout(ctx context.Context, s *settings, r *report, dir string) (err error) {
	on, err := startServerOf(ctx, task{Dir: filepath.Join(dir, "served"), Entities: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.stop()) }()
	limit, err := startChild(ctx, task{What: childRelay})
	if err != nil {
		return err
	}
	defer limit.kill()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	c := newCaller(on, storeName, 1)
	defer c.leave()
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPut, "/collections/albums", albumSchema, http.StatusCreated},
		{http.MethodPost, "/collections/albums/entities", `{"id":"a","values":{"name":"A","artist":"x","year":1}}`, http.StatusCreated},
	} {
		if err := c.do(ctx, step.method, step.path, []byte(step.body), step.status); err != nil {
			return err
		}
	}
	followers, err := gather(ctx, c.log+"/live", `{"subscribe":{"id":1,"collection":"albums","q":"artist = 'x' ORDER BY name"}}`, updated)
	if err != nil {
		return err
	}
	defer followers.leave()
	listeners, err := gather(ctx, limit.told.URL, "", updated)
	if err != nil {
		return err
	}
	defer listeners.leave()
	ours := func(i int, into *latencies) error {
		start := time.Now()
		if err := c.do(ctx, http.MethodPatch, "/collections/albums/entities/a", fmt.Appendf(nil, `{"set":{"year":%d}}`, 1_000_000+i), http.StatusOK); err != nil {
			return err
		}
		return followers.all(ctx, start, into)
	}
	if err := warmUp(ctx, c, followers); err != nil {
		return err
	}
	we, limits, err := inTurn(s.fanouts, func(i int, into *latencies) error { return ours(i+1_000_000, into) },
		func(into *latencies) error {
			return relayed(ctx, limit.told.URL, *followers.frame.Load(), listeners, into)
		})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("one change to %d WebSocket clients with a live query each", fans)
	t := r.section("Live queries: "+what, fmt.Sprintf("%d changes of one property over HTTP, each told to all before the next one, in turn with a bare relay that writes the same frame to as many. "+
		"Server, relay and clients share the machine; the change is synced, the relay keeps nothing.", s.fanouts), "from the request to the client", "p50", "p99")
	t.row("a server, the sync included", short(we.quantile(0.5)), short(we.quantile(0.99)))
	t.row("a bare relay", short(limits.quantile(0.5)), short(limits.quantile(0.99)))
	ratio := float64(we.quantile(0.99)) / float64(limits.quantile(0.99))
	r.say("%s: p99 %s, of a bare relay %s", what, short(we.quantile(0.99)), short(limits.quantile(0.99)))
	r.holds(what+", p99 of a bare relay's", "at most 3 x", fmt.Sprintf("%.2f x", ratio), ratio <= 3)
	return nil
}

// warmUp changes the entity until every client has heard of a change: then each of them has its first result.
func warmUp(ctx context.Context, c *caller, followers *crowd) error {
	heard := map[int]bool{}
	for year := 2; len(heard) < fans; year++ {
		if err := c.do(ctx, http.MethodPatch, "/collections/albums/entities/a", fmt.Appendf(nil, `{"set":{"year":%d}}`, year), http.StatusOK); err != nil {
			return err
		}
		quiet := time.After(time.Second)
		for loop := true; loop; {
			select {
			case i := <-followers.left:
				heard[i] = true
			case err := <-followers.fails:
				return err
			case <-quiet:
				loop = false
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}
