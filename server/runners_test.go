package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// steered is a server with a store that the test has, too, as a program that follows its log would.
type steered struct {
	*harness
	store *nacre.Store
}

func newSteered(t *testing.T) *steered {
	t.Helper()
	store := memstore.Open(nil)
	backend := newMemory()
	backend.make = func(string) *nacre.Store { return store }
	return &steered{newHarness(t, &Options{Backend: backend}), store}
}

// acquire runs something for the length of the test.
func (r *steered) acquire(kind, name string) *runner.Lease {
	r.Helper()
	l, err := runner.Acquire(r.Context(), r.store, runner.ID{Kind: kind, Name: name}, &runner.Options{Heartbeat: 5 * time.Millisecond})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = l.Release(context.Background(), nil) }) // the test may have done it
	return l
}

func (r *steered) bury(kind, name string, letters ...runner.Letter) {
	r.Helper()
	for _, l := range letters {
		if _, err := r.store.System().Commit(r.Context(), nil, runner.Bury(runner.ID{Kind: kind, Name: name}, l)); err != nil {
			r.Fatal(err)
		}
	}
}

// until asks again and again for what a heartbeat is to tell.
func (r *steered) until(path string, good func(*result) bool) *result {
	r.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		got := r.get(path).is(200)
		if good(got) {
			return got
		}
		if time.Since(begun) > time.Minute {
			r.Fatalf("%s stays at %s", path, got.body)
		}
	}
}

const (
	balances  = logPath + "/projections/balances"
	transfers = logPath + "/process-managers/transfers"
)

func TestRunners(t *testing.T) {
	t.Parallel()
	r := newSteered(t)
	r.fill()
	if got := string(r.get(logPath + "/projections").is(200).body); got != `{"projections":[]}` {
		t.Errorf("no projections are %s", got)
	}
	if got := string(r.get("/api" + logPath + "/process-managers").is(200).body); got != `{"processManagers":[]}` {
		t.Errorf("no process managers are %s", got)
	}
	for _, path := range []string{balances, transfers, balances + "/dead-letters"} {
		r.get(path).refused(nacre.CodeNotFound, "none of that name ever ran")
	}

	l := r.acquire(runner.Projection, "balances")
	r.acquire(runner.Process, "transfers")
	r.acquire(runner.Projection, "Accounts.v2_x-1")
	if err := l.Change(t.Context(), runner.Running, nil); err != nil {
		t.Fatal(err)
	}
	l.Report(runner.Progress{Position: 2, Head: 6, Rate: 8, DeadLetters: 3})
	got := r.until(balances, func(got *result) bool { return got.json()["position"] == 2.0 })
	got.has("projection", "kind").has("balances", "name").has("RUNNING", "state").has(true, "held").has(false, "stale").
		has(6, "head").has(4, "lag").has(8, "rate").has(0.5, "secondsLeft").has(3, "deadLetters").has(1, "term").has(nil, "failure").has(nil, "token")
	r.get(logPath+"/projections").is(200).has("Accounts.v2_x-1", "projections", 0, "name").has(4, "projections", 1, "lag")
	r.get(logPath+"/process-managers").is(200).has("transfers", "processManagers", 0, "name")
	r.get(logPath+"/projections/Accounts.v2_x-1").has("CATCHING_UP", "state").has(nil, "secondsLeft")

	// A rebuild, and a failure.
	begun := time.Now()
	l.Report(runner.Progress{Position: 2, Head: 6, Rebuild: &runner.Rebuild{Position: 1, Target: 6, StartedAt: begun, SecondsLeft: 2.5}})
	if err := l.Change(t.Context(), runner.Rebuilding, nil); err != nil {
		t.Fatal(err)
	}
	got = r.until(balances, func(got *result) bool { return got.json()["rebuild"] != nil })
	got.has("REBUILDING", "state").has(1, "rebuild", "position").has(6, "rebuild", "target").has(2.5, "rebuild", "secondsLeft")
	f := runner.FailureOf(errors.New("the table is full"), begun)
	f.Position, f.EventID = 3, "event-3"
	if err := l.Release(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	r.get(balances).has("FAILED", "state").has(false, "held").has("the table is full", "failure", "message").has(3, "failure", "position").
		has("event-3", "failure", "eventId").has(nil, "failure", "code").has(nil, "rebuild").has(0, "rate")

	// Input that is wrong.
	r.get(logPath+"/projections?limit=1").refused(nacre.CodeInvalid, "limit")
	r.get(balances+"?colour=red").refused(nacre.CodeInvalid, "colour")
	r.get(logPath+"/projections/a%20b").refused(nacre.CodeInvalid, "name")
	r.get(logPath+"/projections/"+strings.Repeat("a", 65)).refused(nacre.CodeInvalid, "65 characters")
	r.get(logPath+"/projections/transfers").refused(nacre.CodeNotFound, "transfers")
	r.do("DELETE", balances, "").refused(wire.CodeMethodNotAllowed)
	r.get("/event-stores/none/projections").refused(wire.CodeStoreNotFound)
}

func TestAStaleRunnerIsTold(t *testing.T) {
	t.Parallel()
	r := newSteered(t)
	started := nacre.NewEvent("runner.started", map[string]any{
		"term": 7, "token": "elsewhere", "host": "web-1", "pid": 812, "lease": 1e-6, "startedAt": time.Now(),
	})
	if _, err := r.store.System().Append(t.Context(), "runner-process.transfers", nacre.Any, started); err != nil {
		t.Fatal(err)
	}
	r.bury(runner.Process, "transfers", runner.Letter{ID: "a", What: runner.LetterTimer})
	r.until(transfers, func(got *result) bool { return got.json()["stale"] == true }).
		has(true, "held").has("web-1", "host").has(812, "pid").has(7, "term").has(1, "deadLetters")
	if told := string(r.get("/metrics").is(200).body); !strings.Contains(told, `nacre_runner_held{kind="process",name="transfers",store="default"} 0`) {
		t.Errorf("a stale runner is told as held:\n%s", told)
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	r := newSteered(t)
	r.post(balances+"/pause", "").refused(nacre.CodeNotFound)
	l, p := r.acquire(runner.Projection, "balances"), r.acquire(runner.Process, "transfers")
	obey := func(l *runner.Lease, err error) runner.Order {
		t.Helper()
		o := <-l.Orders()
		if err := l.Obeyed(t.Context(), o, err); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, do := range []string{"pause", "resume", "reset", "rebuild"} {
		got := r.post(balances+"/"+do, `{"by":"ann"}`).is(202).
			has("projection", "kind").has("balances", "name").has(do, "do").has("ann", "by").has(nil, "letter")
		o := obey(l, nil)
		if o.Do != do || o.By != "ann" || got.json()["order"] != float64(o.Place) {
			t.Errorf("%s arrives as %+v: %s", do, o, got.body)
		}
		r.get(balances).has(int(o.Place), "lastOrder", "order").has(do, "lastOrder", "do").has(nil, "lastOrder", "failure")
	}
	r.post(transfers+"/pause", "").is(202).has("open:anybody", "by")
	obey(p, errors.New("it is busy"))
	r.get(transfers).has("pause", "lastOrder", "do").has("it is busy", "lastOrder", "failure", "message")
	r.post("/api"+transfers+"/resume", `{}`).is(202)
	obey(p, nil)

	r.post(transfers+"/reset", "").refused(nacre.CodeNotFound, "no route")
	r.post(balances+"/explode", "").refused(nacre.CodeNotFound, "no route")
	r.get(balances + "/pause").refused(wire.CodeMethodNotAllowed)
	for body, word := range map[string]string{`{"by":1}`: "by", `{"by":""}`: "by", `[]`: "object", `{"who":"ann"}`: "who", `{`: "body"} {
		r.post(balances+"/pause", body).refused(nacre.CodeInvalid, word)
	}
	r.post(balances+"/pause?by=ann", "").refused(nacre.CodeInvalid, "by")
	r.post(logPath+"/projections/../pause", "").refused(nacre.CodeInvalid, "name")

	// One that has stopped is given orders for its next start.
	if err := l.Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r.post(balances+"/pause", "").is(202)
	if o := <-r.acquire(runner.Projection, "balances").Orders(); o.Do != "pause" {
		t.Errorf("got %+v", o)
	}
	if told := r.log.String(); !strings.Contains(told, "an order was given") {
		t.Error("the server's log does not tell of orders")
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	r := newSteered(t)
	l, p := r.acquire(runner.Projection, "balances"), r.acquire(runner.Process, "transfers")
	at := time.UnixMicro(1_795_202_120_000_000)
	const odd = "order-1/7?%&= ü"
	r.bury(runner.Projection, "balances", runner.Letter{
		ID: odd, What: runner.LetterEvent, Position: 7, EventID: "event-7", Stream: "order-1", Type: "order.placed",
		Payload: []byte(`{"total":30}`), Error: runner.Failure{Message: "no such account", At: at}, Attempts: 10, At: at,
	})
	r.bury(runner.Process, "transfers",
		runner.Letter{
			ID: "retry", What: runner.LetterCommand, Instance: "t-1", Command: "account.deposit", To: "bob", CommandID: "c-1",
			Error: runner.Failure{Code: nacre.CodeVersionConflict, Message: "it moved"}, Context: []byte(`{"correlationId":"x"}`),
		},
		runner.Letter{ID: "b", What: runner.LetterTimer, Timer: "expire"}, runner.Letter{ID: "c", What: runner.LetterTimer})
	list := func(path string) []string {
		t.Helper()
		out := []string{}
		for _, one := range r.get(path).is(200).json()["deadLetters"].([]any) {
			out = append(out, one.(map[string]any)["id"].(string))
		}
		return out
	}
	all := logPath + "/dead-letters"
	for path, want := range map[string][]string{
		all:                                       {odd, "retry", "b", "c"},
		all + "?kind=process":                     {"retry", "b", "c"},
		all + "?name=transfers&id=b":              {"b"},
		all + "?name=nobody":                      {},
		all + "?limit=2":                          {odd, "retry"},
		all + "?limit=2&offset=3":                 {"c"},
		balances + "/dead-letters":                {odd},
		transfers + "/dead-letters?limit=1":       {"retry"},
		transfers + "/dead-letters?id=" + odd[:5]: {},
	} {
		same(t, list(path), want)
	}
	r.get(all+"?limit=2").has(4, "totalCount").has(true, "pagination", "hasMore").has(2, "pagination", "limit")
	r.get(all+"?limit=2&offset=2").has(4, "totalCount").has(false, "pagination", "hasMore")
	r.get(all).has("projection", "deadLetters", 0, "kind").has("balances", "deadLetters", 0, "name").has("order-1", "deadLetters", 0, "streamId").
		has("order.placed", "deadLetters", 0, "type").has("event-7", "deadLetters", 0, "eventId").has(30, "deadLetters", 0, "payload", "total").
		has("no such account", "deadLetters", 0, "error", "message").has(10, "deadLetters", 0, "attempts").has("2026-11-20T19:15:20.000000Z", "deadLetters", 0, "at")

	// One, whatever its id is.
	const escaped = "/dead-letters/order-1%2F7%3F%25%26=%20%C3%BC"
	r.get(balances+escaped).is(200).has(odd, "id").has(7, "position")
	r.get(transfers+"/dead-letters/%72etry").is(200).has("account.deposit", "command").has("bob", "to").has("x", "context", "correlationId").has("it moved", "error", "message")
	r.get(transfers + "/dead-letters/retry").refused(wire.CodeMethodNotAllowed)
	r.get(transfers+"/dead-letters/nothing").refused(nacre.CodeNotFound, "nothing")
	r.get(transfers + escaped).refused(nacre.CodeNotFound)

	// Orders about them.
	ordered := func(l *runner.Lease, path, do, letter string) {
		t.Helper()
		got := r.post(path, "").is(202).has(do, "do")
		if letter != "" {
			got.has(letter, "letter")
		}
		if o := <-l.Orders(); o.Do != do || o.Letter != letter {
			t.Errorf("%s arrives as %+v", path, o)
		} else if err := l.Obeyed(t.Context(), o, nil); err != nil {
			t.Fatal(err)
		}
	}
	ordered(l, balances+escaped+"/retry", "retry", odd)
	ordered(l, balances+escaped+"/discard", "discard", odd)
	ordered(p, transfers+"/dead-letters/retry/retry", "retry", "retry")
	ordered(p, transfers+"/dead-letters/retry", "retry", "")
	ordered(p, transfers+"/dead-letters/discard", "discard", "")
	r.post(transfers+"/dead-letters/nothing/retry", "").refused(nacre.CodeNotFound, "nothing")
	if _, err := r.store.System().Commit(t.Context(), nil, runner.Settle(runner.ID{Kind: runner.Process, Name: "transfers"}, runner.Discarded, "b")); err != nil {
		t.Fatal(err)
	}
	same(t, list(all), []string{odd, "retry", "c"})
	r.post(transfers+"/dead-letters/b/discard", "").refused(nacre.CodeNotFound)

	r.get(all+"?kind=view").refused(nacre.CodeInvalid, "kind")
	r.get(all+"?name=a%20b").refused(nacre.CodeInvalid, "name")
	r.get(balances+"/dead-letters?kind=process").refused(nacre.CodeInvalid, "kind")
	r.get(all+"?limit=10001").refused(nacre.CodeInvalid, "limit")
}

// A page of dead letters is bounded by what they hold as well.
func TestLargeDeadLetters(t *testing.T) {
	megabytes(t)
	t.Parallel()
	r := newSteered(t)
	payload := fmt.Appendf(nil, "%q", strings.Repeat("x", 900<<10))
	for i := range 20 {
		r.bury(runner.Projection, "balances", runner.Letter{ID: fmt.Sprint(i), What: runner.LetterEvent, Payload: payload})
	}
	got := r.get(logPath+"/dead-letters").is(200).has(20, "totalCount").has(true, "pagination", "hasMore")
	n := len(got.json()["deadLetters"].([]any))
	if len(got.body) > pageBytes+1<<20 || n < 15 {
		t.Fatalf("the page has %d letters in %d bytes", n, len(got.body))
	}
	r.get(fmt.Sprintf("%s/dead-letters?offset=%d", logPath, n)).has(fmt.Sprint(n), "deadLetters", 0, "id").has(false, "pagination", "hasMore")
}

// Reading is for who may read all events, ordering for who manages subscriptions, and neither for who is confined.
func TestGrantsOfRunners(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	started := `{"appends":[{"streamId":"runner-projection.balances","events":[{"type":"runner.started","data":{"term":1,"lease":1000}}]}]}`
	all := g.key(t, access.KeySpec{Permissions: []string{"*"}})
	g.post(logPath+"/system/events", started, all...).is(201)
	reader := g.key(t, access.KeySpec{Permissions: []string{"read:events"}})
	manager := g.key(t, access.KeySpec{Permissions: []string{"manage:subscriptions"}})
	confined := g.key(t, access.KeySpec{Permissions: []string{"*"}, Streams: []string{"order-"}})
	elsewhere := g.key(t, access.KeySpec{Permissions: []string{"*"}, Stores: []string{"other"}})
	for _, path := range []string{logPath + "/projections", balances, balances + "/dead-letters", logPath + "/dead-letters", logPath + "/process-managers"} {
		g.get(path, reader...).is(200)
		g.get(path, manager...).refused(wire.CodeForbidden, "read:events")
		g.get(path, confined...).refused(wire.CodeForbidden, "reaches beyond its streams")
		g.get(path, elsewhere...).refused(wire.CodeForbidden, "default")
	}
	for _, path := range []string{balances + "/pause", balances + "/dead-letters/retry"} {
		g.post(path, "", reader...).refused(wire.CodeForbidden, "manage:subscriptions")
		g.post(path, "", confined...).refused(wire.CodeForbidden, "reaches beyond its streams")
		got := g.post(path, "", manager...).is(202)
		if by, _ := got.json()["by"].(string); !strings.HasPrefix(by, "key:") {
			t.Errorf("it was ordered by %q", by)
		}
	}
	g.post(balances+"/pause", "", append([]string{"Origin", "https://evil.example"}, manager...)...).refused(wire.CodeCrossOrigin)
}

func TestRunnersOfAStoreWithoutACompanionLog(t *testing.T) {
	t.Parallel()
	backend := newMemory()
	backend.make = func(name string) *nacre.Store {
		if name != "plain" {
			return memstore.Open(nil)
		}
		return nacre.NewStore(bareDriver{memstore.Open(nil).Driver()}, nil)
	}
	h := newHarness(t, &Options{Backend: backend})
	h.post("/event-stores", `{"name":"plain"}`).is(201)
	for _, path := range []string{"/projections", "/projections/a", "/process-managers", "/dead-letters", "/projections/a/dead-letters"} {
		h.get("/event-stores/plain"+path).refused(nacre.CodeUnsupported, "no companion log")
	}
	h.post("/event-stores/plain/projections/a/pause", "").refused(nacre.CodeUnsupported, "no companion log")
	if told := string(h.get("/metrics").is(200).body); strings.Contains(told, "nacre_runner") || !strings.Contains(told, `nacre_store_head_position{store="plain"}`) {
		t.Errorf("the figures are\n%s", told)
	}
}

func TestFiguresOfRunners(t *testing.T) {
	t.Parallel()
	r := newSteered(t)
	r.fill()
	if told := string(r.get("/metrics").is(200).body); strings.Contains(told, "nacre_runner") {
		t.Errorf("there are figures of no runner:\n%s", told)
	}
	l := r.acquire(runner.Projection, "balances")
	if err := l.Change(t.Context(), runner.Running, nil); err != nil {
		t.Fatal(err)
	}
	l.Report(runner.Progress{Position: 2, Head: 6, DeadLetters: 3})
	r.until(balances, func(got *result) bool { return got.json()["deadLetters"] == 3.0 })
	if err := r.acquire(runner.Process, "transfers").Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	told := strings.Split(string(r.get("/metrics").is(200).body), "\n")
	for _, want := range []string{
		`nacre_runner_lag{kind="projection",name="balances",store="default"} 4`,
		`nacre_runner_dead_letters{kind="projection",name="balances",store="default"} 3`,
		`nacre_runner_held{kind="projection",name="balances",store="default"} 1`,
		`nacre_runner_state{kind="projection",name="balances",state="RUNNING",store="default"} 1`,
		`nacre_runner_held{kind="process",name="transfers",store="default"} 0`,
		`nacre_runner_state{kind="process",name="transfers",state="STOPPED",store="default"} 1`,
	} {
		if !slices.Contains(told, want) {
			t.Errorf("the figures have no %s:\n%s", want, strings.Join(told, "\n"))
		}
	}
}
