package sqlmodel

import (
	"context"
	"database/sql"
	"sync"
)

// Tx is the transaction that a batch of events is written in. Its methods are those of *sql.Tx; each statement is
// prepared once a batch, which makes writing many events several times faster.
type Tx struct {
	tx *sql.Tx

	mu    sync.Mutex // of the statements: an Apply may run for several streams at once
	stmts map[string]*sql.Stmt
}

// Tx is the transaction itself, for what has no method here. It must not be committed or rolled back.
func (t *Tx) Tx() *sql.Tx { return t.tx }

// ExecContext executes a statement.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext asks for rows.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := t.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext asks for one row.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := t.statement(ctx, query)
	if err != nil {
		return t.tx.QueryRowContext(ctx, query, args...) // which tells of the error
	}
	return s.QueryRowContext(ctx, args...)
}

// maxStatements is how many statements stay prepared; who has more builds texts, and should use parameters.
const maxStatements = 256

func (t *Tx) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.stmts[query]; s != nil {
		return s, nil
	}
	if len(t.stmts) >= maxStatements {
		t.close()
	}
	s, err := t.tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if t.stmts == nil {
		t.stmts = map[string]*sql.Stmt{}
	}
	t.stmts[query] = s
	return s, nil
}

// close frees the statements.
func (t *Tx) close() {
	for _, s := range t.stmts {
		_ = s.Close() // it ends with its transaction
	}
	clear(t.stmts)
}
