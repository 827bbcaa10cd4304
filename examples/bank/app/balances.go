package app

import (
	"context"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlmodel"
)

const balanceSchema = `CREATE TABLE balance (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, movements INTEGER NOT NULL)`

// Balances is a row an account. Rows and the position that they stand for commit together, so that no movement
// counts twice.
var Balances = projection.Projection[model.AccountEvent, *sqlmodel.Tx]{
	Name:   "balances",
	Events: model.Accounts.Events,
	Apply: func(ctx context.Context, tx *sqlmodel.Tx, e codec.Event[model.AccountEvent]) error {
		var cents int64
		switch d := e.Data.(type) {
		case model.Deposited:
			cents = d.Cents
		case model.Received:
			cents = d.Cents
		case model.Refunded:
			cents = d.Cents
		case model.Withdrawn:
			cents = -d.Cents
		case model.Sent:
			cents = -d.Cents
		default:
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO balance VALUES (?, ?, 1)
			ON CONFLICT DO UPDATE SET cents = cents + excluded.cents, movements = movements + 1`, e.StreamID.Rest(), cents)
		return err
	},
}
