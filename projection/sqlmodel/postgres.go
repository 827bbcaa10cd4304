package sqlmodel

import (
	"context"
	"database/sql"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
)

// next is the schema in which a read model is made again.
func (m *Model) next() string { return m.o.Namespace + "_next" }

func (m *Model) drop(ctx context.Context, namespace string) error {
	_, err := m.db.ExecContext(ctx, `DROP SCHEMA IF EXISTS `+namespace+` CASCADE`)
	return err
}

// Fresh implements projection.Rebuilder, for Postgres.
func (m *Model) Fresh(ctx context.Context, name string) (projection.ReadModel[*Tx], error) {
	if m.o.Dialect != Postgres {
		return nil, nacre.Errorf(projection.CodeNoRebuild, "the read model of %q cannot be made again beside itself in this database: reset it", name)
	}
	if err := m.drop(ctx, m.next()); err != nil {
		return nil, err
	}
	o := m.o
	o.Namespace = m.next()
	return New(m.db, &o)
}

// Swap implements projection.Rebuilder: the schemas change places in one transaction.
func (m *Model) Swap(ctx context.Context, _ string, _ projection.ReadModel[*Tx]) error {
	return m.in(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DROP SCHEMA IF EXISTS `+m.o.Namespace+` CASCADE`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `ALTER SCHEMA `+m.next()+` RENAME TO `+m.o.Namespace)
		return err
	})
}

// Discard implements projection.Rebuilder.
func (m *Model) Discard(ctx context.Context, _ string, _ projection.ReadModel[*Tx]) error {
	return m.drop(ctx, m.next())
}
