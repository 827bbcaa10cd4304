package file

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// seed is that of NACRE_SEED, or a new one.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("NACRE_SEED"), 10, 64); err == nil {
		s = given
	}
	t.Logf("replay with: NACRE_SEED=%d go test -run '^%s$' ./delivery/file", s, t.Name())
	return s
}

// scenario is what is sent until the crash: batches of all sizes into small files, in two sessions.
func scenario() []*delivery.Batch {
	events := deliverytest.Events(0, 56, 4)
	var batches []*delivery.Batch
	for i := 0; len(events) > 0; i++ {
		n := min(1+i%5, len(events))
		batches = append(batches, deliverytest.Batches(events[:n], n)...)
		events = events[n:]
	}
	return batches
}

const crashPath = "deep/er/all.ndjson"

var crashConfigs = []string{
	`{"path":"` + crashPath + `","maxBytes":1500}`,
	`{"path":"` + crashPath + `","maxBytes":1500,"compress":true}`,
}

// TestCrashAtEveryPoint loses power before each operation that changes something. What was acknowledged is there, in
// order, and what is sent again from there on completes it.
func TestCrashAtEveryPoint(t *testing.T) {
	t.Parallel()
	s := seed(t)
	batches := scenario()
	for n, config := range crashConfigs {
		rng, hooked := rand.New(rand.NewPCG(s, uint64(n))), rand.New(rand.NewPCG(s, uint64(n)+2))
		fsys := crashfs.New()
		var acked atomic.Int64
		var mutex sync.Mutex // tidying goes on beside
		points, crashes := 0, 0
		fsys.SetHook(func(op crashfs.Op) error {
			if !op.Kind.Changes() {
				return nil
			}
			mutex.Lock()
			defer mutex.Unlock()
			if points++; points%stride != 0 {
				return nil
			}
			from := int(acked.Load())
			for _, how := range []crashfs.CrashOptions{{}, {}, {LoseAll: true}, {KeepAll: true}} {
				crashes++
				afterCrash(t, fsys.Crash(hooked, how), config, batches, from, fmt.Sprintf("%v %s, %+v", op.Kind, op.Name, how))
			}
			return nil
		})
		for len(batches) > int(acked.Load()) && !t.Failed() {
			sender := opened(t, on(fsys, nil), config)
			for range min(12, len(batches)-int(acked.Load())) {
				send(t, sender, batches[acked.Load()])
				acked.Add(1)
				if rng.IntN(2) == 0 {
					settle(sender)
				}
			}
			closed(t, sender)
		}
		fsys.SetHook(nil)
		t.Logf("%s: %d crashes", config, crashes)
		if crashes < 250/stride {
			t.Errorf("%d crashes are too few to have been at every point", crashes)
		}
	}
}

// afterCrash looks at what a crash left, and sends again from the batch that was not acknowledged.
func afterCrash(t *testing.T, fsys *crashfs.FS, config string, batches []*delivery.Batch, from int, when string) {
	if t.Failed() {
		return
	}
	const p = "/files/" + crashPath
	if err := missing(t, fsys, p, batches[:from]); err != nil {
		t.Errorf("crash at %s, with %d batches acknowledged: %v", when, from, err)
		return
	}
	// The hub's cursor may be a bit behind what was acknowledged.
	resume := max(0, from-1)
	sender := opened(t, on(fsys, nil), config)
	for _, b := range batches[resume:min(from+6, len(batches))] {
		if _, err := sender.Send(context.Background(), b); err != nil {
			t.Errorf("crash at %s, then batch %s: %v", when, b.ID, err)
			return
		}
	}
	if err := sender.Close(); err != nil {
		t.Errorf("crash at %s, then close: %v", when, err)
	}
	end := fsys.Crash(nil, crashfs.CrashOptions{LoseAll: true})
	if err := inOrder(t, end, p, batches[:min(from+6, len(batches))]); err != nil {
		t.Errorf("crash at %s, with %d batches acknowledged, and then more sent: %v", when, from, err)
	}
}

// missing tells what of batches is not there, in order.
func missing(t *testing.T, fsys *crashfs.FS, p string, batches []*delivery.Batch) error {
	got := firstPositions(t, fsys, p)
	i := 0
	for _, b := range batches {
		for _, e := range b.Events {
			if i >= len(got) || got[i] != int(e.GlobalPosition) {
				return fmt.Errorf("event %d is not where it belongs in %v", e.GlobalPosition, got)
			}
			i++
		}
	}
	return nil
}

// inOrder is missing for files that have nothing else, and no line that is not whole.
func inOrder(t *testing.T, fsys *crashfs.FS, p string, batches []*delivery.Batch) error {
	if err := missing(t, fsys, p, batches); err != nil {
		return err
	}
	all := lines(t, fsys, p)
	if events := received(t, fsys, p); len(events) != len(all) {
		return fmt.Errorf("%d of %d lines are not whole: %q", len(all)-len(events), len(all), all)
	}
	return nil
}

func firstPositions(t *testing.T, fsys *crashfs.FS, p string) []int {
	var out []int
	seen := map[int]bool{}
	for _, e := range received(t, fsys, p) {
		if at := int(e.GlobalPosition); !seen[at] {
			seen[at] = true
			out = append(out, at)
		}
	}
	return out
}

// TestFaultAtEveryPoint fails each operation once. The batch is sent again; nothing is lost, torn or out of order, also
// when the power goes right behind.
func TestFaultAtEveryPoint(t *testing.T) {
	t.Parallel()
	const p = "/files/" + crashPath
	s := seed(t)
	batches := scenario()[:10]
	for _, kind := range []crashfs.Kind{
		crashfs.OpCreate, crashfs.OpOpen, crashfs.OpRead, crashfs.OpWrite, crashfs.OpTruncate, crashfs.OpSync, crashfs.OpClose,
		crashfs.OpRename, crashfs.OpRemove, crashfs.OpMkdir, crashfs.OpReadDir, crashfs.OpStat, crashfs.OpSyncDir, crashfs.OpLock,
	} {
		reached := 0
		for n := 1; ; n += stride {
			rng := rand.New(rand.NewPCG(s, uint64(n)))
			fsys := crashfs.New()
			fault := errDisk
			if kind == crashfs.OpWrite {
				fault = &crashfs.PartialWrite{N: rng.IntN(400), Err: errDisk}
			}
			var failed atomic.Bool
			inner := crashfs.FailNth(kind, "", n, fault)
			fsys.SetHook(func(op crashfs.Op) error {
				err := inner(op)
				if err != nil {
					failed.Store(true)
				}
				return err
			})
			half := len(batches) / 2
			for _, part := range [][]*delivery.Batch{batches[:half], batches[half:]} {
				sender := opened(t, on(fsys, nil), crashConfigs[1])
				for _, b := range part {
					if attempt, err := patient(t, sender, b); err != nil || attempt > 2 {
						t.Fatalf("%v %d: batch %s, attempt %d: %v", kind, n, b.ID, attempt, err)
					}
					power := fsys.Crash(rng, crashfs.CrashOptions{})
					if err := missing(t, power, p, batches[:indexOf(batches, b)+1]); err != nil {
						t.Fatalf("%v %d: after batch %s: %v", kind, n, b.ID, err)
					}
				}
				settle(sender)
				_ = sender.Close() // the fault may be here, and the lock is free all the same
			}
			fsys.SetHook(nil)
			if err := inOrder(t, fsys, p, batches); err != nil {
				t.Fatalf("%v %d: %v", kind, n, err)
			}
			if !failed.Load() {
				break
			}
			reached++
		}
		if reached == 0 && kind != crashfs.OpTruncate {
			t.Errorf("no operation %v was reached", kind)
		}
	}
}

func indexOf(batches []*delivery.Batch, b *delivery.Batch) int {
	for i := range batches {
		if batches[i] == b {
			return i
		}
	}
	return -1
}

// patient sends a batch until it is taken, without waiting in between.
func patient(t *testing.T, s delivery.Sender, b *delivery.Batch) (attempt int, err error) {
	for attempt = 1; attempt <= 3; attempt++ {
		if _, err = s.Send(t.Context(), b); err == nil {
			return attempt, nil
		}
	}
	return attempt, err
}
