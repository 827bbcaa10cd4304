// Bank moves money between accounts: two aggregates, a process manager that carries a transfer from one to the
// other and brings the money back where that fails, and a table of balances in SQL. The model is in package
// model, and does not know where it runs.
//
//	go run ./examples/bank data/default
//	go run ./examples/bank http://127.0.0.1:4321
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/examples/bank/app"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/storage/filestore"
)

func main() {
	where := append(os.Args, "data/default")[1]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tables := "balances.db" // beside the log, or here where that is on a server
	if !strings.HasPrefix(where, "http") {
		tables = filepath.Join(filepath.Dir(where), tables)
	}
	if err := run(ctx, os.Stdout, where, tables); err != nil {
		log.Fatal(err)
	}
}

// open is the only place that knows where the log is.
func open(where string) (*nacre.Store, error) {
	if strings.HasPrefix(where, "http") {
		return client.Open(where, nil)
	}
	return filestore.Open(where, nil)
}

func run(ctx context.Context, out io.Writer, where, tables string) (err error) {
	store, err := open(where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	b, err := app.Start(ctx, store, tables)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop(context.WithoutCancel(ctx))) }()

	// Ann has 500, Bob nothing; Cid's account is closed.
	for _, step := range []struct {
		account string
		do      model.AccountCommand
	}{
		{"ann", model.Open{Owner: "Ann"}},
		{"ann", model.Deposit{Cents: 500}},
		{"bob", model.Open{Owner: "Bob"}},
		{"cid", model.Open{Owner: "Cid"}},
		{"cid", model.Close{}},
	} {
		if _, err := b.Accounts.Get(step.account).Execute(ctx, step.do); err != nil {
			fmt.Fprintf(out, "%s: %T refused: %v\n", step.account, step.do, err) // it ran before
		}
	}

	_, err = b.Accounts.Get("ann").Execute(ctx, model.Withdraw{Cents: 900_000})
	if overdrawn, ok := errors.AsType[*model.Overdrawn](err); ok {
		fmt.Fprintln(out, "ann: withdrawing 900000 refused:", overdrawn.Short, "cents short")
	}

	for _, request := range []model.Request{
		{From: "ann", To: "bob", Cents: 120},
		{From: "ann", To: "cid", Cents: 30},     // comes back
		{From: "bob", To: "ann", Cents: 70_000}, // bob does not have it
	} {
		id := nacre.NewID()
		requested, err := b.Transfers.Get(id).Execute(ctx, request)
		if err != nil {
			return err
		}
		state, err := b.Ended(ctx, id, requested.Position)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s to %s, %d: %s %s\n", request.From, request.To, request.Cents, state.Status, state.Why)
	}
	return table(ctx, store, b, out)
}

// table shows the balances as of now.
func table(ctx context.Context, store *nacre.Store, b *app.Bank, out io.Writer) error {
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	if err := b.Balances.WaitFor(ctx, head.Position); err != nil {
		return err
	}
	rows, err := b.Table.QueryContext(ctx, `SELECT account, cents, movements FROM balance ORDER BY account`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var account string
		var cents, movements int64
		if err := rows.Scan(&account, &cents, &movements); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-8s %6d cents after %d movements\n", account, cents, movements)
	}
	return rows.Err()
}
