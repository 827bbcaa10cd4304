package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteKind = kind{
	name: "sqlite",
	how: "WAL, `synchronous=FULL`: the WAL is synced at each commit; a transaction an append; one connection " +
		"with prepared statements behind a mutex, which is no slower than several connections; " +
		"`unique(stream, version)`",
	open: openSQLite,
}

type sqliteContender struct {
	db *sql.DB

	mu     sync.Mutex
	insert *sql.Stmt
}

func openSQLite(_ context.Context, dir string, _ int) (contender, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "events.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &sqliteContender{db: db}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *sqliteContender) prepare() error {
	if _, err := s.db.Exec(`create table if not exists events (
		position integer primary key, stream text not null, version integer not null,
		type text not null, data text not null, unique (stream, version))`); err != nil {
		return err
	}
	var journal string
	var synchronous int
	if err := s.db.QueryRow("pragma journal_mode").Scan(&journal); err != nil {
		return err
	}
	if err := s.db.QueryRow("pragma synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if journal != "wal" || synchronous != 2 {
		return fmt.Errorf("journal_mode is %s and synchronous %d: wal and 2 (full) were asked for", journal, synchronous)
	}
	var err error
	s.insert, err = s.db.Prepare("insert into events (stream, version, type, data) values (?, ?, ?, ?)")
	return err
}

// add leaves ctx out: a context that can end makes the driver start a goroutine for each statement.
func (s *sqliteContender) add(_ context.Context, _ int, c *cursor, data [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(c, data); err != nil {
		if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
			return fmt.Errorf("%w: %w", errStale, err)
		}
		return err
	}
	c.version += int64(len(data))
	return nil
}

func (s *sqliteContender) commit(c *cursor, data [][]byte) error {
	if len(data) == 1 {
		_, err := s.insert.Exec(c.stream, c.version+1, typeOf(c.version+1), string(data[0]))
		return err // a statement alone is a transaction
	}
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	insert := tx.Stmt(s.insert) //nolint:sqlclosecheck // closed with its transaction
	for i, d := range data {
		version := c.version + 1 + int64(i)
		if _, err := insert.Exec(c.stream, version, typeOf(version), string(d)); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (s *sqliteContender) stored(ctx context.Context, stream string) (out [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, err := s.db.QueryContext(ctx, "select data from events where stream = ? order by version", stream)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d []byte
		if err := rows.Scan(&d); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

func (s *sqliteContender) close() error { return errors.Join(s.insert.Close(), s.db.Close()) }
