package modules_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// Two hosts of one store, as two processes have them, are asked for everything at once, by callers of whom some leave. What
// was acknowledged stands in the log once, nothing fails for another reason than it may, and both have the same in the end.
func TestHostsAgreeWhateverIsAskedOfThem(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with NACRE_SEED=%d go test ./wasm/modules -run %s", seed, t.Name())
	r := newRigWith(t, &modules.Options{Aggregate: &aggregate.Options{Retries: 1000, SnapshotEvery: 5}})
	hosts := []*modules.Host{r.h, r.open()}
	var binaries [][]byte
	for i := range 6 {
		binaries = append(binaries, wasmtest.Guest{
			Description: light(""), Note: fmt.Sprint(i), Decide: fmt.Sprintf(`{"events":[{"type":"light.on","data":%d}],"state":1}`, i),
		}.Build(t))
	}
	if _, err := r.h.Publish(t.Context(), "light", binaries[0], nil); err != nil {
		t.Fatal(err)
	}
	r.until("both have it", func() bool { _, err := hosts[1].Module("light"); return err == nil })
	var sure, unsure atomic.Int64
	may := func(what string, err error, codes ...nacre.Code) {
		if err != nil && !slices.Contains(append(codes, nacre.CodeDeadline, nacre.CodeCanceled), nacre.CodeOf(err)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var working sync.WaitGroup
	for n := range 8 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		h := hosts[n%2]
		working.Go(func() {
			for range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(10) == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(rng.IntN(3_000))*time.Microsecond)
				}
				change := func(do func() error) {
					may("a change", do(), nacre.CodeVersionConflict, nacre.CodeNotFound, nacre.CodeInvalid)
				}
				switch rng.IntN(24) {
				case 0, 1, 2:
					change(func() error { _, err := h.Publish(ctx, "light", binaries[rng.IntN(len(binaries))], nil); return err })
				case 3:
					change(func() error { _, err := h.Pin(ctx, "light", 1+rng.IntN(4)); return err })
				case 4, 5:
					change(func() error { _, err := h.Unpin(ctx, "light"); return err })
				case 6:
					change(func() error { _, err := h.Rollback(ctx, "light", rng.IntN(3)); return err })
				case 7:
					change(func() error { _, err := h.Retire(ctx, "light"); return err })
				case 8, 9, 10:
					_, err := h.View(ctx, "light", fmt.Sprint(rng.IntN(4)), aggregate.Moment{})
					may("a look", err, aggregate.CodeUnknownCommand)
				default:
					_, err := h.ExecuteNamed(ctx, "light", fmt.Sprint(rng.IntN(4)), "on", nil)
					may("a command", err, aggregate.CodeUnknownCommand)
					switch {
					case err == nil:
						sure.Add(1)
					case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
						unsure.Add(1)
					}
				}
				cancel()
			}
		})
	}
	working.Wait()
	if _, err := r.h.Publish(t.Context(), "light", binaries[0], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.h.Unpin(t.Context(), "light"); err != nil {
		t.Fatal(err)
	}
	want, err := r.h.Module("light")
	if err != nil {
		t.Fatal(err)
	}
	r.until("both have the same", func() bool {
		m, err := hosts[1].Module("light")
		return err == nil && m.Active == want.Active && len(m.Versions) == len(want.Versions) && !m.Pinned
	})
	for _, h := range hosts {
		out, err := h.ExecuteNamed(t.Context(), "light", "last", "on", nil)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := want.Version(want.Active)
		note := slices.IndexFunc(binaries, func(b []byte) bool { return len(b) == v.Size && hash(b) == v.Hash })
		if string(out.Events[0].Data) != fmt.Sprint(note) {
			t.Errorf("version %d is active, and %s decided", want.Active, out.Events[0].Data)
		}
	}
	var stored int64
	for _, err := range r.store.Read(t.Context(), nacre.Filter{{Categories: []string{"light"}}}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if stored -= 2; stored < sure.Load() || stored > sure.Load()+unsure.Load() {
		t.Errorf("%d events are stored, of %d commands that were acknowledged and %d that may have taken place", stored, sure.Load(), unsure.Load())
	}
}

func hash(binary []byte) string {
	sum := sha256.Sum256(binary)
	return hex.EncodeToString(sum[:])
}
