package wasm

import (
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// waits returns when so many calls wait for an instance.
func waits(t testing.TB, p *pool, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		waiting := len(p.waiting)
		p.mu.Unlock()
		if waiting == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls wait, and not %d", waiting, n)
		}
	}
}

// TestThaloEntitiesShareNoInstance has memory for one instance only, so that who comes second waits for it: what it
// gets has nothing of the first.
func TestThaloEntitiesShareNoInstance(t *testing.T) {
	t.Parallel()
	e, err := NewEngine(t.Context(), &EngineOptions{Memory: 256 << 10, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	m, err := e.CompileAs(t.Context(), "counter", wasmtest.Counter(t, wasmtest.Entity), &Limits{Memory: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	ann := m.evolve(nil, Event{Type: "Added", Data: json.RawMessage("5")})
	standing := ann.now()
	in, err := m.inhabited(t.Context(), time.Now(), &standing, "ann")
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		events []Event
		err    error
	}
	bob := make(chan shown)
	go func() {
		events, err := m.Decide(t.Context(), nil, Command{Command: "Show"}, decider.Context{ID: "bob"})
		bob <- shown{events, err}
	}()
	waits(t, &m.pool, 1)
	m.pool.put(in)
	got := <-bob
	if got.err != nil || len(got.events) != 1 || string(got.events[0].Data) != "0" {
		t.Errorf("bob is shown %+v, %v; nothing has happened to him", got.events, got.err)
	}
}

// TestNobodyWaitsBesideAnIdleInstance has memory for one instance of two, so that calls which come together find no
// room at about the moment at which the other one's ends.
func TestNobodyWaitsBesideAnIdleInstance(t *testing.T) {
	t.Parallel()
	m := teller(t, one, one, `{"state":{"n":7}}`)
	m.limits.Instances = 2
	m.memory.most = 8 * page
	m.limits.Call = time.Minute
	for range 3000 {
		m.pool.dismiss(func(*instance) bool { return true })
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if _, err := m.Decide(t.Context(), nil, Command{Command: "go"}, noon); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
	}
}
