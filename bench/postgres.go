package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var postgresKind = kind{
	name: "postgres",
	how: "a private cluster, `fsync=on`, `synchronous_commit=on`: the WAL is synced at each commit; gapless positions in " +
		"commit order from a head row; one statement an append; a connection a writer, over a unix socket; " +
		"`shared_buffers` and `max_wal_size` so large that no checkpoint falls into the run; `unique(stream, version)`",
	open: openPostgres,
}

type postgresContender struct {
	cluster *cluster
	conns   []*pgx.Conn // a writer's each
}

// The head row is locked until its transaction has ended, so positions are given in commit order, and a
// transaction that fails gives its positions back.
const (
	pgSchema = `
create table if not exists head (position bigint not null) with (fillfactor = 10);
insert into head select 0 where not exists (select from head);
create table if not exists events (
	position bigint primary key, stream text not null, version bigint not null,
	type text not null, data text not null, unique (stream, version))`
	pgAppend = `
with h as (update head set position = position + 1 returning position)
insert into events select position, $1, $2, $3, $4 from h`
	pgAppendMany = `
with h as (update head set position = position + cardinality($3::text[]) returning position)
insert into events
select h.position - cardinality($3::text[]) + e.i, $1, $2 + e.i - 1, e.type, e.data
from h, unnest($3::text[], $4::text[]) with ordinality as e(type, data, i)`
	pgUniqueViolation = "23505"
)

func openPostgres(ctx context.Context, dir string, writers int) (contender, error) {
	c, err := startCluster(ctx, dir, writers+8)
	if err != nil {
		return nil, err
	}
	p := &postgresContender{cluster: c}
	for range max(1, writers) {
		conn, err := pgx.Connect(ctx, c.dsn())
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.conns = append(p.conns, conn)
	}
	for name, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"} {
		var is string
		if err := p.conns[0].QueryRow(ctx, "show "+name).Scan(&is); err != nil {
			return nil, errors.Join(err, p.close())
		}
		if is != want {
			return nil, errors.Join(fmt.Errorf("%s is %s: %s was asked for", name, is, want), p.close())
		}
	}
	if _, err := p.conns[0].Exec(ctx, pgSchema); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *postgresContender) add(ctx context.Context, writer int, c *cursor, data [][]byte) error {
	var err error
	if len(data) == 1 {
		_, err = p.conns[writer].Exec(ctx, pgAppend, c.stream, c.version+1, typeOf(c.version+1), string(data[0]))
	} else {
		types, texts := make([]string, len(data)), make([]string, len(data))
		for i, d := range data {
			types[i], texts[i] = typeOf(c.version+1+int64(i)), string(d)
		}
		_, err = p.conns[writer].Exec(ctx, pgAppendMany, c.stream, c.version+1, types, texts)
	}
	if err != nil {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == pgUniqueViolation {
			return fmt.Errorf("%w: %w", errStale, err)
		}
		return err
	}
	c.version += int64(len(data))
	return nil
}

func (p *postgresContender) stored(ctx context.Context, stream string) ([][]byte, error) {
	rows, err := p.conns[0].Query(ctx, "select data from events where stream = $1 order by version", stream)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d []byte, err error) {
		return d, row.Scan(&d)
	})
}

func (p *postgresContender) close() error {
	// The cluster ends also where the run's context has.
	ctx := context.Background()
	for _, c := range p.conns {
		_ = c.Close(ctx)
	}
	return p.cluster.stop()
}
