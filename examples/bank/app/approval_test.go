package app

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/process"
	"github.com/nacredb/nacre/storage/memstore"
)

// A large transfer waits for somebody: approved it goes on, and a day later it fails.
func TestLargeTransfersWaitForAnApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.Open(nil)
		defer store.Close()
		accounts, transfers := aggregate.New(store, model.Accounts, nil), aggregate.New(store, model.Transfers, nil)
		defer accounts.Close(t.Context())
		defer transfers.Close(t.Context())
		manager, err := process.Start(t.Context(), store, Transfers, aggregate.NewBus(accounts, transfers), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = manager.Stop(t.Context()) }()
		execute := func(id string, commands ...model.AccountCommand) {
			t.Helper()
			for _, c := range commands {
				if _, err := accounts.Get(id).Execute(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
		}
		execute("ann", model.Open{Owner: "Ann"}, model.Deposit{Cents: 5 * model.ApprovedAbove})
		execute("bob", model.Open{Owner: "Bob"})
		large := model.Request{From: "ann", To: "bob", Cents: 2 * model.ApprovedAbove}
		for _, id := range []string{"approved", "forgotten"} {
			if _, err := transfers.Get(id).Execute(t.Context(), large); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(id string, want model.Status) {
			t.Helper()
			synctest.Wait()
			if state, err := transfers.Get(id).State(t.Context()); err != nil || state.Status != want {
				t.Errorf("the transfer %q is %+v, %v, and should be %q", id, state, err, want)
			}
		}
		time.Sleep(approveWithin - time.Minute)
		expect("approved", model.StatusWaiting)
		ctx := decider.With(t.Context(), decider.Context{Actor: "eve"})
		if _, err := transfers.Get("approved").Execute(ctx, model.Approve{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect("approved", model.StatusCompleted)
		expect("forgotten", model.StatusWaiting)
		time.Sleep(2 * time.Minute)
		expect("forgotten", model.StatusFailed)
		if s, err := accounts.Get("bob").State(t.Context()); err != nil || s.Cents != large.Cents {
			t.Errorf("bob has %+v, %v", s, err)
		}
		// What the manager sent bears the actor of what caused it.
		for e, err := range store.ReadStream(t.Context(), "account-bob", &nacre.ReadOptions{Backwards: true, Limit: 1}) {
			if err != nil || e.Type != "account.received" {
				t.Errorf("%+v, %v", e, err)
			}
			if !strings.Contains(string(e.Metadata), `"actor":"eve"`) {
				t.Errorf("the metadata is %s", e.Metadata)
			}
		}
	})
}
