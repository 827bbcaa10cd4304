package bank_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/examples/bank/app"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/test/soak"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(tellerEnv); text != "" {
		fmt.Fprintln(os.Stderr, runTeller(text)) // it ends by being killed
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What stands in the accounts at first. The last account is closed: what is sent there comes back.
const (
	accounts = 8
	opening  = 10_000
)

func account(n int) string { return "acc-" + strconv.Itoa(n) }

// openStore opens a folder, or what a server serves.
func openStore(where string) (*nacre.Store, error) {
	if strings.HasPrefix(where, "http") {
		return client.Open(where, nil)
	}
	return filestore.Open(where, nil)
}

// prepare makes the accounts, where an earlier process has not.
func prepare(ctx context.Context, b *app.Bank) error {
	once := func(n int, what string) context.Context {
		return decider.With(ctx, decider.Context{CommandID: what + strconv.Itoa(n), Actor: "test"})
	}
	for n := range accounts {
		h := b.Accounts.Get(account(n))
		if _, err := h.Execute(once(n, "open"), model.Open{Owner: account(n)}); err != nil {
			return err
		}
		if n == accounts-1 {
			if _, err := h.Execute(once(n, "close"), model.Close{}); err != nil {
				return err
			}
			continue
		}
		if _, err := h.Execute(once(n, "deposit"), model.Deposit{Cents: opening}); err != nil {
			return err
		}
	}
	return nil
}

func TestMoneyOutlivesKilledTellers(t *testing.T) {
	random := soak.Seeded(t, "./test/bank")
	where := filepath.Join(t.TempDir(), "log")
	work(t, random, where, 8)
}

// work kills one teller after another, and then looks at the books.
func work(t *testing.T, random *rand.Rand, where string, n int) {
	tables := filepath.Join(t.TempDir(), "balances.db")
	requested := map[string]bool{}
	for range soak.Rounds(t, n) {
		teller := startTeller(t, where, tables, random.Uint64())
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		maps.Copy(requested, teller.kill())
	}
	if t.Failed() {
		return
	}
	audit(t, where, tables, requested)
}

// audit lets everything come to its end, and looks at every transfer and every cent.
func audit(t *testing.T, where, tables string, requested map[string]bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	store, err := openStore(where)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	b, err := app.Start(ctx, store, tables)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	if err := prepare(ctx, b); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for id, err := range b.Transfers.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		state, err := b.Ended(ctx, id, 0)
		if err != nil {
			t.Fatalf("transfer %s does not end: it is %q: %v", id, state.Status, err)
		}
		if requested[id] {
			seen++
		}
	}
	if seen != len(requested) {
		t.Errorf("%d transfers were acknowledged, and the log has %d of them", len(requested), seen)
	}
	t.Logf("%d transfers were acknowledged", seen)
	books := readBooks(ctx, t, store)
	books.check(t)
	compareTable(ctx, t, store, b, books)
	letters, err := runner.Letters(ctx, store, "", "")
	if err != nil || len(letters) > 0 {
		t.Errorf("%d dead letters, the first %+v, %v", len(letters), letters, err)
	}
}

// books are what the log says of the accounts and transfers.
type books struct {
	cents, movements map[string]int64
	legs             map[string]map[string]int // by transfer, how often a type of event came
	ends             map[string]string         // by transfer, how it ended
}

func readBooks(ctx context.Context, t *testing.T, store *nacre.Store) books {
	events := map[string]any{
		"account.opened": model.Opened{}, "account.deposited": model.Deposited{}, "account.withdrawn": model.Withdrawn{},
		"account.sent": model.Sent{}, "account.received": model.Received{}, "account.refunded": model.Refunded{},
		"account.closed": model.Closed{}, "transfer.requested": model.Requested{}, "transfer.approved": model.Approved{},
		"transfer.completed": model.Completed{}, "transfer.failed": model.Failed{},
	}
	initial := books{cents: map[string]int64{}, movements: map[string]int64{}, legs: map[string]map[string]int{}, ends: map[string]string{}}
	source := projection.Source{Filter: nacre.Filter{{Categories: []string{"account", "transfer"}}}}
	out, _, err := projection.Fold(ctx, store, source, events, nil, initial, func(b books, e codec.Event[any]) books {
		id := e.StreamID.Rest()
		leg := func(transfer string, cents int64) {
			b.cents[id] += cents
			b.movements[id]++
			if transfer == "" {
				return
			}
			if b.legs[transfer] == nil {
				b.legs[transfer] = map[string]int{}
			}
			b.legs[transfer][e.Type]++
		}
		switch d := e.Data.(type) {
		case model.Deposited:
			leg("", d.Cents)
		case model.Sent:
			leg(d.Transfer, -d.Cents)
		case model.Received:
			leg(d.Transfer, d.Cents)
		case model.Refunded:
			leg(d.Transfer, d.Cents)
		case model.Requested:
			b.ends[id] += "requested "
		case model.Completed:
			b.ends[id] += "completed"
		case model.Failed:
			b.ends[id] += "failed"
		}
		return b
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *books) check(t *testing.T) {
	total := int64(0)
	for id, cents := range b.cents {
		total += cents
		if cents < 0 {
			t.Errorf("account %s has %d cents", id, cents)
		}
	}
	if want := int64(opening * (accounts - 1)); total != want {
		t.Errorf("there are %d cents, and %d were paid in", total, want)
	}
	for id, end := range b.ends {
		legs := b.legs[id]
		ok := false
		switch end {
		case "requested completed":
			ok = legs["account.sent"] == 1 && legs["account.received"] == 1 && legs["account.refunded"] == 0
		case "requested failed":
			ok = legs["account.sent"] == legs["account.refunded"] && legs["account.sent"] <= 1 && legs["account.received"] == 0
		}
		if !ok {
			t.Errorf("transfer %s: %s, with %v", id, end, legs)
		}
	}
}

// compareTable looks that the table holds what the log says.
func compareTable(ctx context.Context, t *testing.T, store *nacre.Store, b *app.Bank, want books) {
	head, err := store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Balances.WaitFor(ctx, head.Position); err != nil {
		t.Fatal(err)
	}
	rows, err := b.Table.QueryContext(ctx, `SELECT account, cents, movements FROM balance`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id string
		var cents, movements int64
		if err := rows.Scan(&id, &cents, &movements); err != nil {
			t.Fatal(err)
		}
		if cents != want.cents[id] || movements != want.movements[id] {
			t.Errorf("the table has %d cents and %d movements of %s, and the log %d and %d", cents, movements, id, want.cents[id], want.movements[id])
		}
		n++
	}
	if err := errors.Join(rows.Err()); err != nil || n != len(want.cents) {
		t.Errorf("%d rows of %d, %v", n, len(want.cents), err)
	}
}
