package sqlmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
)

// Checkpoints are the columns of the table of checkpoints.
const Checkpoints = `(name VARCHAR(64) PRIMARY KEY, position BIGINT NOT NULL, epoch VARCHAR(64) NOT NULL, version BIGINT NOT NULL, ` +
	`late VARCHAR(128) NOT NULL)`

// Dialect is what a database's SQL is like.
type Dialect int

// The dialects.
const (
	SQLite   Dialect = iota // placeholders ?
	MySQL                   // placeholders ?
	Postgres                // placeholders $1; a schema of its own
)

// Options say what the tables are like.
type Options struct {
	// Dialect is the database's. Default SQLite.
	Dialect Dialect
	// Schema makes the tables, as CREATE TABLE statements; they are executed when the read model begins.
	Schema string
	// Namespace is the schema of a Postgres database that the tables and the checkpoint are in, which belongs
	// to the read model: it is made, dropped and swapped. Required there, and of no meaning elsewhere.
	Namespace string
	// Reset drops the tables, as statements: what emptying the read model is, where the dialect is not
	// Postgres. Without it, it cannot be emptied.
	Reset string
	// Table is the name of the table of checkpoints. Default nacre_checkpoint.
	Table string
}

// Model is a read model in tables.
type Model struct {
	db *sql.DB
	o  Options
}

// New makes a read model in a database, which stays the caller's to close. The options are checked; nothing is
// read or written yet.
func New(db *sql.DB, o *Options) (*Model, error) {
	m := &Model{db: db}
	if o != nil {
		m.o = *o
	}
	if m.o.Table == "" {
		m.o.Table = "nacre_checkpoint"
	}
	switch {
	case db == nil:
		return nil, invalid("db", "is nil")
	case !plain(m.o.Table):
		return nil, invalid("Table", "is %q: give letters, digits and _", m.o.Table)
	case m.o.Dialect == Postgres && !plain(m.o.Namespace):
		return nil, invalid("Namespace", "is %q: give a schema that belongs to this read model, of letters, digits and _", m.o.Namespace)
	case m.o.Dialect != Postgres && m.o.Namespace != "":
		return nil, invalid("Namespace", "is for Postgres")
	}
	return m, nil
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}

// plain is a name that needs no quotes.
func plain(name string) bool {
	return name != "" && len(name) <= 40 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
}

// placeholder is the n-th one, from 1.
func (m *Model) placeholder(n int) string {
	if m.o.Dialect == Postgres {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

// in runs a transaction; on Postgres, in the model's own schema.
func (m *Model) in(ctx context.Context, do func(tx *sql.Tx) error) (err error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			_ = tx.Rollback() // the panic is what is told
			panic(v)
		}
	}()
	if m.o.Dialect == Postgres {
		_, err = tx.ExecContext(ctx, `SET LOCAL search_path TO `+m.o.Namespace)
	}
	if err == nil {
		err = do(tx)
	}
	if err != nil {
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			return fmt.Errorf("%w; and it could not be rolled back: %w", err, back)
		}
		return err
	}
	return tx.Commit()
}

// begin makes the tables, where they are not there.
func (m *Model) begin(ctx context.Context, tx *sql.Tx) error {
	if m.o.Dialect == Postgres {
		if _, err := tx.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+m.o.Namespace); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+m.o.Table+` `+Checkpoints)
	return err
}

// Checkpoint implements projection.ReadModel.
func (m *Model) Checkpoint(ctx context.Context, name string) (cp projection.Checkpoint, err error) {
	err = m.in(ctx, func(tx *sql.Tx) error {
		if err := m.begin(ctx, tx); err != nil {
			return err
		}
		cp, _, err = m.read(ctx, tx, name)
		return err
	})
	return cp, err
}

func (m *Model) read(ctx context.Context, tx *sql.Tx, name string) (cp projection.Checkpoint, there bool, err error) {
	row := tx.QueryRowContext(ctx, `SELECT position, epoch, version, late FROM `+m.o.Table+` WHERE name = `+m.placeholder(1), name)
	var position, version int64
	switch err := row.Scan(&position, &cp.Epoch, &version, &cp.Late); {
	case errors.Is(err, sql.ErrNoRows):
		return projection.Checkpoint{}, false, nil
	case err != nil:
		return projection.Checkpoint{}, false, err
	}
	cp.Position, cp.Version = nacre.Position(position), int(version)
	return cp, true, nil
}

// Update implements projection.ReadModel.
func (m *Model) Update(ctx context.Context, name string, from, to projection.Checkpoint, write func(*Tx) error) error {
	return m.in(ctx, func(tx *sql.Tx) error {
		if err := m.move(ctx, tx, name, from, to); err != nil {
			return err
		}
		t := &Tx{tx: tx}
		defer t.close()
		return write(t)
	})
}

// move moves the checkpoint, and makes the tables with the first one. It comes before the rows, so that a second
// writer waits here for the first one, and then finds it moved.
func (m *Model) move(ctx context.Context, tx *sql.Tx, name string, from, to projection.Checkpoint) error {
	if (from == projection.Checkpoint{}) {
		is, there, err := m.read(ctx, tx, name)
		if err != nil {
			return err
		}
		if there {
			return projection.Moved(name, is, from)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+m.o.Table+` (name, position, epoch, version, late) VALUES (`+
			m.placeholder(1)+`, `+m.placeholder(2)+`, `+m.placeholder(3)+`, `+m.placeholder(4)+`, `+m.placeholder(5)+`)`,
			name, int64(to.Position), to.Epoch, int64(to.Version), to.Late); err != nil {
			return err
		}
		return m.run(ctx, tx, m.o.Schema)
	}
	done, err := tx.ExecContext(ctx, `UPDATE `+m.o.Table+` SET position = `+m.placeholder(1)+`, epoch = `+m.placeholder(2)+
		`, version = `+m.placeholder(3)+`, late = `+m.placeholder(4)+` WHERE name = `+m.placeholder(5)+` AND position = `+m.placeholder(6)+
		` AND epoch = `+m.placeholder(7)+` AND version = `+m.placeholder(8)+` AND late = `+m.placeholder(9),
		int64(to.Position), to.Epoch, int64(to.Version), to.Late, name, int64(from.Position), from.Epoch, int64(from.Version), from.Late)
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err != nil || n == 1 {
		return err
	}
	is, _, err := m.read(ctx, tx, name)
	if err != nil || is == from && from == to { // MySQL does not count a row that stays as it is
		return err
	}
	return projection.Moved(name, is, from)
}

// run executes statements, one after the other.
func (m *Model) run(ctx context.Context, tx *sql.Tx, text string) error {
	if m.o.Dialect == SQLite { // which takes a text as a whole, triggers and all
		_, err := tx.ExecContext(ctx, text)
		return err
	}
	for _, statement := range split(text) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.100s: %w", statement, err)
		}
	}
	return nil
}

// Reset implements projection.Resetter.
func (m *Model) Reset(ctx context.Context, name string) error {
	if m.o.Dialect == Postgres {
		return m.drop(ctx, m.o.Namespace)
	}
	if m.o.Reset == "" {
		return nacre.Errorf(projection.CodeNoRebuild, "the read model of %q has no Options.Reset, which drops its tables", name)
	}
	return m.in(ctx, func(tx *sql.Tx) error {
		if err := m.run(ctx, tx, m.o.Reset); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM `+m.o.Table+` WHERE name = `+m.placeholder(1), name)
		return err
	})
}
