package main

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
	"github.com/rogpeppe/go-internal/testscript"
)

// target is the store that is held, or that of the server at the URL.
func target(ts *testscript.TestScript, where string) *nacre.Store {
	if where == "held" {
		return ts.Value(heldStore{}).(*holder).store
	}
	store, err := client.Open(where, &client.Options{APIKey: ts.Getenv("KEY")})
	ts.Check(err)
	ts.Defer(func() { _ = store.Close() })
	return store
}

// follow held|URL KIND NAME: is a program that runs a projection or process manager on a store, until the script
// ends. It has done the first event, knows nothing of "reset", and obeys everything else.
func followLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: follow held|URL KIND NAME")
	}
	store, id := target(ts, args[0]), runner.ID{Kind: args[1], Name: args[2]}
	ctx, stop := context.WithCancel(context.Background())
	lease, err := runner.Acquire(ctx, store, id, &runner.Options{Heartbeat: 20 * time.Millisecond, Lease: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ended := make(chan error, 1)
	ts.Defer(func() {
		stop()
		if err := <-ended; err != nil {
			ts.Logf("following ended with %v", err)
		}
		_ = lease.Release(context.Background(), nil) // the server may be gone
	})
	head, err := store.Head(ctx)
	ts.Check(err)
	lease.Report(runner.Progress{Position: 1, Head: head.Position, Rate: 4})
	ts.Check(lease.Change(ctx, runner.Running, nil))
	go func() { ended <- obey(ctx, store, lease) }()
}

func obey(ctx context.Context, store *nacre.Store, l *runner.Lease) error {
	for {
		var o runner.Order
		select {
		case o = <-l.Orders():
		case <-ctx.Done():
			return nil
		}
		var err, failed error
		switch o.Do {
		case runner.Pause:
			err = l.Change(ctx, runner.Paused, nil)
		case runner.Resume:
			err = l.Change(ctx, runner.Running, nil)
		case runner.Retry, runner.Discard:
			err = settle(ctx, store, l.ID(), o)
		default:
			failed = errors.New("there is nothing to " + o.Do)
		}
		if err == nil {
			err = l.Obeyed(ctx, o, failed)
		}
		if err != nil {
			return err
		}
	}
}

func settle(ctx context.Context, store *nacre.Store, id runner.ID, o runner.Order) error {
	letters, err := runner.Letters(ctx, store, id.Kind, id.Name)
	if err != nil {
		return err
	}
	var ids []string
	for _, l := range letters {
		if o.Letter == "" || o.Letter == l.ID {
			ids = append(ids, l.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	how := map[string]string{runner.Retry: runner.Retried, runner.Discard: runner.Discarded}[o.Do]
	_, err = store.System().Commit(ctx, nil, runner.Settle(id, how, ids...))
	return err
}

// bury held|URL KIND NAME ID COMMAND [PAYLOAD]: is a dead letter.
func buryLetter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 || len(args) > 6 {
		ts.Fatalf("usage: bury held|URL KIND NAME ID COMMAND [PAYLOAD]")
	}
	l := runner.Letter{
		ID: args[3], What: runner.LetterCommand, Command: args[4], To: "bob", Instance: "t-1", Position: 1, EventID: "event-1",
		Attempts: 10, Error: runner.Failure{Message: "the account\nis closed"}, At: time.UnixMicro(1_795_202_120_000_000),
	}
	if len(args) > 5 {
		l.Payload = []byte(args[5])
	}
	_, err := target(ts, args[0]).System().Commit(context.Background(), nil, runner.Bury(runner.ID{Kind: args[1], Name: args[2]}, l))
	ts.Check(err)
}

// until PATTERN PROGRAM ARG...: runs the program until it succeeds and its output matches, as a reader beside a
// writer is a little behind.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARG...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		switch {
		case err == nil && pattern.MatchString(ts.ReadFile("stdout")):
			return
		case time.Since(begun) > time.Minute:
			ts.Fatalf("the output does not come to match %s: %v", args[0], err)
		}
	}
}

// What is open for reading only sees what the program that runs a projection tells, while it goes on.
func TestAReaderSeesStatesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lease, err := runner.Acquire(t.Context(), store, runner.ID{Kind: runner.Projection, Name: "balances"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lease.Release(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}()
	reader, err := filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, state := range []runner.State{runner.Running, runner.Paused, runner.Running} {
		if err := lease.Change(t.Context(), state, nil); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); ; time.Sleep(time.Millisecond) {
			r, err := companion{reader}.get(t.Context(), wire.KindProjection, "balances")
			if err == nil && r.State == string(state) {
				break
			}
			if time.Since(begun) > time.Minute {
				t.Fatalf("the reader sees %+v, %v, and not %s", r, err, state)
			}
		}
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	c := columns{heads: []string{"NAME", ">N", "NOTE"}}
	c.add("ä", "1", "")
	c.add("longer", "1000", plain("two\nlines \x1b[31mred", 12))
	var b strings.Builder
	if err := c.write(&b); err != nil {
		t.Fatal(err)
	}
	if want := "NAME       N  NOTE\nä          1\nlonger  1000  two lines  …\n"; b.String() != want {
		t.Errorf("got\n%q, want\n%q", b.String(), want)
	}
	for text, want := range map[string]string{"a/b-1": "a/b-1", "": `""`, "a b": `"a b"`, "$x": `"$x"`, "\x1b": `"\x1b"`, "é": `"é"`} {
		if got := quotable(text); got != want {
			t.Errorf("%q is shown as %s", text, got)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1_795_202_120_000_000)
	for want, r := range map[string]wire.RunnerReply{
		"":                               {State: "STOPPED"},
		"nobody runs it":                 {State: "PAUSED"},
		"caught up in 2 min":             {State: "CATCHING_UP", Held: true, SecondsLeft: 121},
		"rebuilt 50 %, 3 of 6, 3 h left": {State: "REBUILDING", Held: true, Rebuild: &wire.RebuildReply{Position: 3, Target: 6, SecondsLeft: 10_800}},
		"rebuilt 0 of 0":                 {State: "REBUILDING", Held: true, Rebuild: &wire.RebuildReply{}},
		"no sign of life since 2026-11-20T19:15:20Z": {State: "RUNNING", Held: true, Stale: true, UpdatedAt: at},
		"nobody runs it; at position 3 (event e): no such account (NOT_FOUND)": {
			State: "FAILED", Failure: &wire.FailureReply{Code: nacre.CodeNotFound, Message: "no such account", Position: 3, EventID: "e"},
		},
		"did not reset: it is busy": {State: "RUNNING", Held: true, LastOrder: &wire.ObeyedReply{Do: "reset", Failure: &wire.FailureReply{Message: "it is busy"}}},
	} {
		if got := noteOf(&r); got != want {
			t.Errorf("%+v is noted as %q, want %q", r, got, want)
		}
	}
}
