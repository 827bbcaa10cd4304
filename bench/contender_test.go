package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(childMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// open opens a contender in a folder that another user's server can come through to.
func open(t *testing.T, k kind, writers int) contender {
	t.Helper()
	dir, err := os.MkdirTemp("", "nacre-bench-test-") //nolint:usetesting // the test's own folder is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := k.open(t.Context(), dir, writers)
	if absent, ok := errors.AsType[*unavailableError](err); ok {
		t.Skip(absent.reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestContendersStoreAndRefuse(t *testing.T) {
	for _, k := range contenders() {
		t.Run(k.name, func(t *testing.T) {
			c := open(t, k, 2)
			ctx := t.Context()
			data := newPayloads(dataBytes)
			cur := &cursor{stream: "order-1", version: -1}
			var want [][]byte
			for _, n := range []int{1, 1, 3, 100, 1} {
				part := data[len(want) : len(want)+n]
				if err := c.add(ctx, len(want)%2, cur, part); err != nil {
					t.Fatalf("adding %d events behind %d: %v", n, len(want), err)
				}
				want = append(want, part...)
				if cur.version != int64(len(want))-1 {
					t.Fatalf("after %d events the version is %d", len(want), cur.version)
				}
			}
			for _, n := range []int{1, 3} {
				stale := &cursor{stream: "order-1", version: -1}
				if err := c.add(ctx, 0, stale, data[:n]); !errors.Is(err, errStale) {
					t.Errorf("%d events on a stale version: %v", n, err)
				}
				if stale.version != -1 {
					t.Errorf("a refused append moved the cursor to %d", stale.version)
				}
			}
			if err := c.add(ctx, 1, &cursor{stream: "order-2", version: -1}, data[:1]); err != nil {
				t.Error(err)
			}
			got, err := c.stored(ctx, "order-1")
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d events are stored, %d were added", len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("event %d is %s, added was %s", i, got[i], want[i])
				}
			}
		})
	}
}

func TestContendersTakeManyWriters(t *testing.T) {
	for _, k := range contenders() {
		t.Run(k.name, func(t *testing.T) {
			const writers = 8
			c := open(t, k, writers)
			for _, batch := range []int{1, 10} {
				ws := newWriters(writers, typeOf(int64(batch)), newPayloads(dataBytes))
				out, err := drive(t.Context(), ws, appendTo(c, batch), func(ctx context.Context) {
					for acknowledged(ws) < 400 && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if out.events < 400 || out.events != acknowledged(ws) {
					t.Errorf("%d events were counted, %d acknowledged", out.events, acknowledged(ws))
				}
				if err := readBack(t.Context(), c, ws); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestReadBackTellsWhatIsMissing(t *testing.T) {
	c := open(t, nacreKind, 1)
	ws := newWriters(1, "short", newPayloads(dataBytes))
	if err := readBack(t.Context(), c, ws); err == nil {
		t.Error("writers that appended nothing passed")
	}
	if _, err := appendTo(c, 1)(t.Context(), ws[0]); err != nil {
		t.Fatal(err)
	}
	ws[0].streams[ws[0].turn].version++
	if err := readBack(t.Context(), c, ws); err == nil {
		t.Error("a stream that lacks an event passed")
	}
}

func TestEnterLeavesOutWhatIsNotHere(t *testing.T) {
	absent := kind{name: "absent", open: func(context.Context, string, int) (contender, error) {
		return nil, &unavailableError{"it is not installed"}
	}}
	broken := kind{name: "broken", open: func(context.Context, string, int) (contender, error) {
		return nil, errors.New("it does not start")
	}}
	r := newReport(io.Discard, t.TempDir())
	entries, err := enter(t.Context(), []kind{absent, nacreKind}, t.TempDir(), 1, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := leave(entries); err != nil {
		t.Error(err)
	}
	if len(entries) != 1 || entries[0].name != nacreKind.name || len(r.notes) != 1 {
		t.Errorf("%d contenders take part, with the notes %q", len(entries), r.notes)
	}
	dir := t.TempDir()
	if entries, err := enter(t.Context(), []kind{nacreKind, broken}, dir, 1, r); err == nil || len(entries) > 0 {
		t.Errorf("%d contenders take part beside one that does not start: %v", len(entries), err)
	}
	// The one that did start has been closed: its lock is free.
	if entries, err = enter(t.Context(), []kind{nacreKind}, dir, 1, r); err != nil {
		t.Fatal(err)
	}
	if err := leave(entries); err != nil {
		t.Error(err)
	}
}
