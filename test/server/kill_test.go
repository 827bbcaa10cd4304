package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/test/soak"
)

// TestKilledServer kills a server again and again, while others append to it and follow it.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for i := range soak.Rounds(t, 1) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { killedServer(t, branch(rng)) })
	}
}

// somehow are flags that must make no difference.
func somehow(rng *rand.Rand) []string {
	return []string{
		// A process's end loses nothing that was written, so weaker durability has to keep it, too.
		"--durability", []string{"always", "always", "interval", "never"}[rng.IntN(4)],
		"--segment-size", []string{"16KiB", "256KiB", "64MiB"}[rng.IntN(3)],
		"--compress-after", fmt.Sprint(rng.IntN(3)),
		"--heartbeat", "100ms",
	}
}

// tear leaves a log as a kill in the middle of a write does, which is rare.
func tear(t *testing.T, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "[0-9]*.ndjson"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	file, err := os.OpenFile(slices.Max(segments), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(`{"streamId":"shared-1","eventId":"`); err != nil {
		t.Fatal(err)
	}
}

func killedServer(t *testing.T, rng *rand.Rand) {
	data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
	url := "http://" + address
	log := url + "/event-stores/default"
	j := newJournal()
	p := start(t, data, address, somehow(rng)...)

	library := func(retries int) library {
		return library{openClient(t, url, &client.Options{Retries: retries, Timeout: patience})}
	}
	steady := library(30)
	senders := []named{
		{"steady", steady},
		{"steady2", steady},
		{"hasty", library(-1)},
		{"usual", library(0)},
		{"web", &web{client: webClient(t), log: log, rng: branch(rng)}},
		{"web2", &web{client: webClient(t), log: url + "/api/event-stores/default", rng: branch(rng)}},
		{"leaver", &web{client: webClient(t), log: log, rng: branch(rng), leaves: true}},
	}
	some := nacre.Filter{{Types: []string{"kind-1", "kind-3", lastType}}}
	shared := nacre.Filter{{Categories: []string{"shared"}}}
	var g followers
	g.begin(t,
		subscriber("subscriber", steady.store, nil),
		subscriber("hasty subscriber", library(-1).store, some),
		listener("listener", webClient(t), log, nil, branch(rng)),
		listener("listener of some types", webClient(t), log, some, branch(rng)),
		listener("listener of a category", webClient(t), log, shared, branch(rng)),
		socket("socket", webClient(t), log))
	crew := hire(t, rng, j, senders...)
	keeper := newKeeper(url, webClient(t), branch(rng))
	crew.wg.Go(func() { keeper.work(t, crew) })

	torn := 0 // how often a batch was under way that was cut off then
	tears := rng.IntN(2) == 0
	for range 7 {
		switch rng.IntN(4) {
		case 0: // at any time, also while it opens its stores
			pause(t.Context(), time.Duration(rng.IntN(100))*time.Millisecond)
		default:
			p.ready(t)
			before := crew.appends.Load()
			until(t, "something is appended", func() bool { return crew.appends.Load() > before+5 || t.Failed() })
			pause(t.Context(), time.Duration(rng.IntN(250))*time.Millisecond)
		}
		p.kill(t)
		torn += p.cuts()
		if t.Failed() {
			return
		}
		if tears && rng.IntN(4) == 0 {
			tear(t, filepath.Join(data, "default"))
		}
		p = launch(t, data, address, somehow(rng)...)
	}
	p.ready(t)
	pause(t.Context(), 100*time.Millisecond)
	crew.rest()
	end := newBatch(rng, "the-end", []int{1}, "shared-end")
	end.parts[0].Events[0].Type = lastType
	e, err := steady.send(t.Context(), end, false)
	if err != nil || e.fate != written {
		t.Fatalf("%+v, %v", e, err)
	}
	j.note("end", e)
	g.finish(t)
	p.stop(t)
	torn += p.cuts()
	if t.Failed() {
		return
	}

	dir := filepath.Join(data, "default")
	if out := run(t, "verify", "--data", data); !strings.Contains(out, "all is whole") {
		t.Errorf("verify told %s", out)
	}
	events, head := readLog(t, dir)
	j.check(t, events)
	for _, f := range g.all {
		if f.epoch != "" && f.epoch != head.Epoch {
			t.Errorf("%s followed the epoch %s, the log's is %s", f.name, f.epoch, head.Epoch)
		}
		if len(f.earlier) > torn {
			t.Errorf("%s was told %d times that the log was cut, it was %d times", f.name, len(f.earlier), torn)
		}
		f.check(t, events)
	}
	keeper.check(t, data)
	cuts := 0
	for _, f := range g.all {
		cuts += f.cuts
	}
	t.Logf("%d events; %s; %d cut tails; followers began again %d times; %s", len(events), j.summary(), torn, cuts, keeper.summary())
	_ = os.RemoveAll(data)
}
