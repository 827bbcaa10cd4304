package server_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wire"
)

// keeper makes and deletes stores over HTTP.
type keeper struct {
	web     *web
	rng     *rand.Rand
	stores  map[string]int // how many events each has
	deleted map[string]bool
}

func newKeeper(url string, client *http.Client, rng *rand.Rand) *keeper {
	return &keeper{
		web: &web{client: client, log: url + "/event-stores"}, rng: rng,
		stores: make(map[string]int), deleted: make(map[string]bool),
	}
}

// work goes on until the crew has enough.
func (k *keeper) work(t *testing.T, c *crew) {
	for n := 0; c.ctx.Err() == nil; n++ {
		if err := k.step(t.Context(), n); err != nil && t.Context().Err() == nil {
			t.Errorf("the keeper's step %d: %v", n, err)
			return
		}
		pause(c.ctx, time.Duration(k.rng.IntN(20))*time.Millisecond)
	}
}

func (k *keeper) step(ctx context.Context, n int) error {
	names := slices.Sorted(maps.Keys(k.stores))
	switch {
	case len(names) < 2:
		name := fmt.Sprintf("store-%d", n)
		err := k.ask(ctx, http.MethodPost, "", fmt.Sprintf(`{"name":%q}`, name), http.StatusCreated, wire.CodeStoreExists)
		k.stores[name] = 0
		return err
	case k.rng.IntN(4) == 0:
		name := names[k.rng.IntN(len(names))]
		err := k.ask(ctx, http.MethodDelete, "/"+name+"?confirm=true", "", http.StatusOK, wire.CodeStoreNotFound)
		delete(k.stores, name)
		k.deleted[name] = true
		return err
	}
	name := names[k.rng.IntN(len(names))]
	body := fmt.Sprintf(`{"events":[{"type":"x","data":%d,"eventId":"e%d"}],"expectedStreamVersion":%d}`,
		k.stores[name], k.stores[name], k.stores[name]-1)
	err := k.ask(ctx, http.MethodPost, "/"+name+"/streams/s-1", body, http.StatusCreated, "")
	k.stores[name]++
	return err
}

// ask asks as often as it takes. done is the code of what an attempt before has done already.
func (k *keeper) ask(ctx context.Context, method, path, body string, want int, done nacre.Code) error {
	for open, deadline := false, time.Now().Add(patience); ; open = true {
		status, r, err := k.web.exchange(ctx, method, path, []byte(body), "")
		switch {
		case err != nil && (status != 0 || ctx.Err() != nil || time.Now().After(deadline)):
			return err
		case err != nil:
			pause(ctx, 5*time.Millisecond)
			continue
		case status == want, open && (done != "" && r.Error == done || r.Duplicate):
			return nil
		}
		return fmt.Errorf("%s %s %s was answered with %d: %+v", method, path, body, status, r)
	}
}

// check looks at what is on the disk.
func (k *keeper) check(t *testing.T, data string) {
	t.Helper()
	nothingElse(t, data, append(slices.Sorted(maps.Keys(k.stores)), server.DefaultStore)...)
	for name, n := range k.stores {
		if log, _ := readLog(t, filepath.Join(data, name)); len(log) != n {
			t.Errorf("the store %s has %d events, %d were acknowledged", name, len(log), n)
		}
		if out := run(t, "verify", "--data", data, "--store", name); !strings.Contains(out, "all is whole") {
			t.Errorf("verify told %s", out)
		}
	}
}

// nothingElse expects nothing in the directory of the stores but these and the lock.
func nothingElse(t *testing.T, data string, stores ...string) {
	t.Helper()
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".server.lock" && !slices.Contains(stores, e.Name()) {
			t.Errorf("%s is left in the directory of the stores", e.Name())
		}
	}
}

func (k *keeper) summary() string {
	return fmt.Sprintf("%d stores, %d were deleted", len(k.stores), len(k.deleted))
}
