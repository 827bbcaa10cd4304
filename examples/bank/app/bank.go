// Package app is the bank at work: the aggregates on a store, the process manager that moves the money between them,
// and the table of balances. [Start] runs all of it in this process, [Bank.Stop] ends it.
package app

import (
	"context"
	"errors"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlite"
)

// Bank is the model at work on a store.
type Bank struct {
	Accounts  *aggregate.Repository[model.Account, model.AccountCommand, model.AccountEvent]
	Transfers *aggregate.Repository[model.Transfer, model.TransferCommand, model.TransferEvent]
	Moves     *process.Runner
	Balances  *projection.Runner
	Table     *sqlite.ReadModel
}

// Start runs everything in this process. The manager and the table go on where they stopped.
func Start(ctx context.Context, store *nacre.Store, tables string) (*Bank, error) {
	b := &Bank{
		Accounts:  aggregate.New(store, model.Accounts, nil),
		Transfers: aggregate.New(store, model.Transfers, nil),
	}
	var err error
	if b.Table, err = sqlite.Open(tables, balanceSchema, nil); err != nil {
		return nil, err
	}
	if b.Balances, err = projection.Start(ctx, store, Balances, b.Table, nil); err != nil {
		return nil, errors.Join(err, b.Table.Close())
	}
	if b.Moves, err = process.Start(ctx, store, Transfers, aggregate.NewBus(b.Accounts, b.Transfers), nil); err != nil {
		return nil, errors.Join(err, b.Stop(ctx))
	}
	return b, nil
}

// Stop waits for what was begun.
func (b *Bank) Stop(ctx context.Context) error {
	var errs []error
	if b.Moves != nil {
		errs = append(errs, b.Moves.Stop(ctx))
	}
	return errors.Join(append(errs, b.Balances.Stop(ctx), b.Accounts.Close(ctx), b.Transfers.Close(ctx), b.Table.Close())...)
}

// Ended returns when a transfer has ended, with how it did. from is the position of a command of it.
func (b *Bank) Ended(ctx context.Context, id string, from nacre.Position) (model.Transfer, error) {
	for {
		if err := b.Moves.WaitFor(ctx, from); err != nil {
			return model.Transfer{}, err
		}
		state, err := b.Transfers.Get(id).State(ctx)
		if err != nil || state.Status == model.StatusCompleted || state.Status == model.StatusFailed {
			return state, err
		}
		from++ // what the manager did has led to more
	}
}
