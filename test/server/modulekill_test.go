package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/test/soak"
	"github.com/nacredb/nacre/wasm/build"
	"github.com/nacredb/nacre/wire"
)

const (
	moduleCallers = 16
	// someAggregates are enough to show that it works, allAggregates is what has to be survived.
	someAggregates, allAggregates = 300, 10_000
)

// TestAggregatesOfModulesSurviveKills kills a server again and again while modules of three languages execute commands:
// what was acknowledged is there once, and every state is what its events come to.
func TestAggregatesOfModulesSurviveKills(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	aggregates := someAggregates
	if os.Getenv("NACRE_SOAK") != "" {
		aggregates = allAggregates
	}
	names, binaries := countersOfLanguages(t)
	for i := range soak.Rounds(t, 1) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { killedModules(t, branch(rng), aggregates, names, binaries) })
	}
}

// countersOfLanguages are three modules: the counter in Go, the one in Rust where its tool chain is here, and made by
// hand what is left. With the race detector, in a server that takes ten times as long to compile, all are made by hand.
func countersOfLanguages(t *testing.T) (names []string, binaries [][]byte) {
	t.Helper()
	add := func(name string, binary []byte) { names, binaries = append(names, name), append(binaries, binary) }
	if !raced && !testing.Short() {
		m, err := build.Build(t.Context(), filepath.Join("..", "..", "examples", "counter", "wasm"), nil)
		if err != nil {
			t.Fatal(err)
		}
		// Its name is in the data only, so another one can take its place; the module's own tests see to it.
		add("gophers", bytes.ReplaceAll(m.Binary, []byte("counter"), []byte("gophers")))
		if _, err := exec.LookPath("cargo"); err != nil {
			t.Log("the counter in Rust is left out: cargo is not here")
		} else if m, err := build.Build(t.Context(), filepath.Join("..", "..", "sdk", "rust", "examples", "counter"), nil); err != nil {
			t.Logf("the counter in Rust is left out: %v", err)
		} else {
			add("counter", m.Binary)
		}
	}
	for len(names) < 3 {
		name := fmt.Sprintf("ledger%d", len(names))
		add(name, ledger(t, name, 1))
	}
	return names, binaries
}

func killedModules(t *testing.T, rng *rand.Rand, aggregates int, names []string, binaries [][]byte) {
	data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
	p := start(t, data, address, somehow(rng)...)
	c := newCommander(t, p.url, moduleCallers)
	for i, name := range names {
		c.publish(t, name, binaries[i])
	}
	all := &orders{}
	ctx, rest := context.WithCancel(t.Context())
	defer rest()
	var callers sync.WaitGroup
	for n := range moduleCallers {
		rng := branch(rng)
		callers.Go(func() {
			for i := n; ctx.Err() == nil && !t.Failed(); i += moduleCallers {
				// First each aggregate in turn, then any, often the same ones as others do.
				id := i % aggregates
				if i >= aggregates {
					id = rng.IntN(1 + rng.IntN(aggregates))
				}
				o := &order{module: names[id%len(names)], id: fmt.Sprint(id), command: fmt.Sprintf("c%d", i)}
				err := c.execute(t.Context(), o, rng.IntN(20) > 0, false)
				if all.add(o); err != nil {
					t.Error(err)
				} else if o.sure && rng.IntN(30) == 0 {
					if err := c.execute(t.Context(), o, true, true); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	const kills = 4
	for range kills {
		before := all.sure()
		p.ready(t)
		until(t, "commands are executed", func() bool { return all.sure() >= before+max(50, aggregates/kills) || t.Failed() })
		pause(t.Context(), time.Duration(rng.IntN(150))*time.Millisecond)
		p.kill(t)
		p = launch(t, data, address, somehow(rng)...)
	}
	p.ready(t)
	until(t, "every aggregate had a command", func() bool { return all.sure() > aggregates+aggregates/4 || t.Failed() })
	rest()
	callers.Wait()
	p.stop(t)
	if t.Failed() {
		return
	}
	if out := run(t, "verify", "--data", data); !strings.Contains(out, "all is whole") {
		t.Errorf("verify told %s", out)
	}
	log, _ := readLog(t, filepath.Join(data, "default"))
	versions := all.check(t, log)

	p = start(t, data, address)
	c = newCommander(t, p.url, moduleCallers)
	statesAre(t, c, versions)
	p.stop(t)
	t.Logf("%d commands on %d aggregates, %d acknowledged; %d events", len(all.list), len(versions), all.sure(), len(log))
}

// statesAre wants each stream's state to be what its events come to: all of these modules count them.
func statesAre(t *testing.T, c *commander, events map[nacre.StreamID]int64) {
	t.Helper()
	for stream, want := range events {
		var reply wire.StateReply
		c.must(t, http.MethodGet, "/aggregates/"+stream.Category()+"/"+stream.Rest(), nil, &reply)
		got := int64(-1)
		if err := json.Unmarshal(reply.State, &got); err != nil {
			var object struct{ Count int64 }
			if err := json.Unmarshal(reply.State, &object); err != nil {
				t.Fatalf("the state of %s is %s", stream, reply.State)
			}
			got = object.Count
		}
		if got != want || reply.Version != want-1 {
			t.Errorf("%s has %d events, and the state %s at version %d", stream, want, reply.State, reply.Version)
		}
	}
}
