package sqlite

import (
	"context"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
)

// acquire takes a connection of the pool.
func (t *Tables) acquire(ctx context.Context) (*reader, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case r := <-t.pool:
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.closing.Done():
		return nil, errClosed()
	}
}

// drain takes all connections out of the pool, and asks those who use them to make haste.
func (t *Tables) drain(hurry func(r *reader)) {
	const patience = 5 * time.Millisecond
	for range t.readers {
		for waiting := true; waiting; {
			select {
			case <-t.pool:
				waiting = false
			case <-time.After(patience):
				for _, r := range t.readers {
					hurry(r)
				}
			}
		}
	}
}

// Query implements entity.Tables.
func (t *Tables) Query(ctx context.Context, collection string, p *query.Plan, after []byte) (*entity.Result, error) {
	if after != nil {
		if err := p.CheckCursor(after); err != nil {
			return nil, err
		}
	}
	var result *entity.Result
	err := t.reading(ctx, "querying "+collection, func(c *conn) (err error) {
		result, err = t.ask(c, collection, p, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// reading calls use with a connection of the pool, in a transaction that use begins.
func (t *Tables) reading(ctx context.Context, doing string, use func(c *conn) error) error {
	r, err := t.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { t.pool <- r }()
	r.ended.Store(false)
	r.query.Store(t.keeper.queries.Add(1))
	defer r.query.Store(0)
	done := r.watch(ctx)
	err = use(r.conn)
	done()
	if e := r.exec("COMMIT"); err == nil {
		err = e
	}
	if err != nil && ctx.Err() == nil && r.ended.Load() {
		return nacre.Errorf(nacre.CodeDeadline, "the query held the tables while %d bytes of changes were written behind it, and was ended: ask for less at once: %w", t.o.MaxWAL, err)
	}
	return t.wrong(ctx, doing, err)
}

// ask begins to read, and asks.
func (t *Tables) ask(c *conn, collection string, p *query.Plan, after []byte) (*entity.Result, error) {
	m, tables, err := t.begin(c)
	if err != nil {
		return nil, err
	}
	a := &asked{of: collection, all: tables}
	s, err := p.SQL(query.SQLite, a, &query.SQLOptions{After: after})
	if a.missing != nil {
		return nil, a.missing
	}
	if err != nil {
		return nil, err
	}
	r, err := c.query(s.Text, s.Args...)
	if err != nil {
		return nil, err
	}
	result := &entity.Result{Mark: m}
	if p.Tabular() {
		result.Table, err = s.Table(r)
	} else {
		result.Rows = []*query.Object{}
		for row, e := range s.Rows(r) {
			if err = e; err != nil {
				break
			}
			result.Rows = append(result.Rows, row)
		}
	}
	if e := r.close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// begin begins a transaction that reads, and gives the mark and the tables in it.
func (t *Tables) begin(c *conn) (entity.Mark, layouts, error) {
	t.shared.RLock()
	defer t.shared.RUnlock()
	if err := c.exec("BEGIN"); err != nil {
		return entity.Mark{}, nil, err
	}
	m, err := mark(c)
	return m, t.current, err
}
