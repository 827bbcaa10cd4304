package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre/test/soak"
	"github.com/nacredb/nacre/wire"
)

// TestModulesAreExchangedUnderLoad publishes, pins and rolls back versions while 64 callers send commands: none is lost or
// repeated, and each version decides in its own time only.
func TestModulesAreExchangedUnderLoad(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for i := range soak.Rounds(t, 1) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { exchangedModules(t, branch(rng)) })
	}
}

func exchangedModules(t *testing.T, rng *rand.Rand) {
	const (
		callers   = 64
		instances = 100
		changes   = 25
		name      = "ledger"
	)
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data, freePort(t))
	c := newCommander(t, p.url, callers)
	first := c.publish(t, name, ledger(t, name, 1))
	active := []int{first.Module.Active} // one version after the other
	all := &orders{}
	ctx, rest := context.WithCancel(t.Context())
	defer rest()
	var working sync.WaitGroup
	for n := range callers {
		rng := branch(rng)
		working.Go(func() {
			for i := 0; ctx.Err() == nil && !t.Failed(); i++ {
				o := &order{module: name, id: fmt.Sprint(rng.IntN(1 + rng.IntN(instances))), command: fmt.Sprintf("c%d-%d", n, i)}
				err := c.execute(t.Context(), o, false, false)
				if err == nil && !o.sure {
					err = fmt.Errorf("%s was not answered by a server that works", o.command)
				}
				if all.add(o); err == nil && rng.IntN(5) == 0 { // the version may be another one by then
					err = c.execute(t.Context(), o, false, true)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	published := 1
	for range changes {
		before := all.sure()
		until(t, "commands are executed", func() bool { return all.sure() > before+callers || t.Failed() })
		var done wire.ModuleReply
		switch one := fmt.Appendf(nil, `{"version":%d}`, 1+rng.IntN(published)); rng.IntN(6) {
		case 0:
			c.must(t, http.MethodPost, "/modules/"+name+"/pin", one, &done)
		case 1:
			c.must(t, http.MethodDelete, "/modules/"+name+"/pin", nil, &done)
		case 2:
			c.must(t, http.MethodPost, "/modules/"+name+"/rollback", one, &done)
		case 3: // what was there already
			done = c.publish(t, name, ledger(t, name, 1+rng.IntN(published))).Module
		default:
			published++
			done = c.publish(t, name, ledger(t, name, published)).Module
		}
		if active[len(active)-1] != done.Active {
			active = append(active, done.Active)
		}
	}
	before := all.sure()
	until(t, "commands are executed", func() bool { return all.sure() > before+callers || t.Failed() })
	rest()
	working.Wait()
	if t.Failed() {
		return
	}
	events := map[string]int{}
	var versions wire.ModuleVersionsReply
	c.must(t, http.MethodGet, "/modules/"+name+"/versions", nil, &versions)
	if len(versions.Versions) != published {
		t.Errorf("there are %d versions, %d were published", len(versions.Versions), published)
	}
	p.stop(t)

	log, _ := readLog(t, filepath.Join(data, "default"))
	streams := all.check(t, log)
	turn := 0 // which of the active versions wrote the event before
	for i := range log {
		var d struct{ N, V int64 }
		if err := json.Unmarshal(log[i].Data, &d); err != nil || d.N != log[i].StreamPosition {
			t.Fatalf("at %d of %s, the event was decided on a state of %d events", log[i].StreamPosition, log[i].StreamID, d.N)
		}
		events[fmt.Sprint(d.V)]++
		for turn < len(active) && int64(active[turn]) != d.V {
			turn++
		}
		if turn == len(active) {
			t.Fatalf("the event at %d is version %d's, out of its turn: active were %v", i+1, d.V, active)
		}
	}
	if turn != len(active)-1 {
		t.Errorf("the last event is version %d's, and version %d was the last active one of %v", active[turn], active[len(active)-1], active)
	}
	p = start(t, data, strings.TrimPrefix(p.url, "http://"))
	statesAre(t, newCommander(t, p.url, callers), streams)
	p.stop(t)
	t.Logf("%d commands on %d aggregates; active were %v, with %v events", len(log), len(streams), active, events)
}
