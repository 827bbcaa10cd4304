package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// served is the program, serving a directory on one address, killed and started again.
type served struct {
	t            *testing.T
	program, dir string
	address      string
	cmd          *exec.Cmd
	told         bytes.Buffer
}

func newServed(t *testing.T, program string) *served {
	t.Helper()
	// A port that is free now; each start takes it again.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, program: program, dir: t.TempDir(), address: ln.Addr().String()}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	return s
}

func (s *served) url() string { return "http://" + s.address }

// start starts the server, and waits until it is ready.
func (s *served) start() {
	s.t.Helper()
	s.told.Reset()
	s.cmd = exec.Command(s.program, "serve", "--data", s.dir, "--listen", s.address, "--segment-size", "64KiB", "--compress-after", "4")
	s.cmd.Stdout, s.cmd.Stderr = &s.told, &s.told
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 1000 {
		if reply, err := http.Get(s.url() + "/readyz"); err == nil {
			_ = reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.t.Fatalf("the server is not ready: %s", &s.told)
}

func (s *served) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// book is what was acknowledged: where each id stands.
type book struct {
	mu  sync.Mutex
	ids map[string]nacre.Event
}

func (b *book) note(events []nacre.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.ids[e.ID] = e
	}
}

// TestKilledServer kills a server under clients that append and follow, and starts it again on the same port.
// What was acknowledged is there once and in order, over all kills, and followers see every event once.
func TestKilledServer(t *testing.T) {
	rng := seeded(t)
	s := newServed(t, buildProgram(t))
	s.start()
	acked := &book{ids: make(map[string]nacre.Event)}
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	var writers, followers sync.WaitGroup
	for w := range 4 {
		r := rand.New(rand.NewPCG(rng.Uint64(), 1))
		writers.Go(func() { appendByClient(t, writing, s.url(), w, r, acked) })
	}
	for w := range 2 {
		writers.Go(func() { appendByKey(t, writing, s.url(), w, acked) })
	}
	following, end := context.WithCancel(t.Context())
	defer end()
	seen := [2]nacre.Position{}
	followers.Go(func() { seen[0] = followByClient(t, following, s.url()) })
	followers.Go(func() { seen[1] = followBySSE(t, following, s.url()) })
	kills := 0
	for range rounds(t, 6) {
		time.Sleep(time.Duration(50+rng.IntN(250)) * time.Millisecond)
		s.kill()
		kills++
		s.start()
	}
	stop()
	writers.Wait()
	head := headOf(t, s.url())
	time.Sleep(200 * time.Millisecond) // for the followers, which are told at once
	end()
	followers.Wait()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("a server that is told to stop ends with %v: %s", err, &s.told)
	}
	for i, position := range seen {
		if position != head {
			t.Errorf("follower %d has seen %d of %d events", i, position, head)
		}
	}
	t.Logf("%d kills, %d events, %d acknowledged", kills, head, len(acked.ids))
	checkServed(t, filepath.Join(s.dir, "default"), acked)
}

// appendByClient appends single events and batches with expected versions.
func appendByClient(t *testing.T, ctx context.Context, url string, w int, rng *rand.Rand, acked *book) {
	store, err := client.Open(url, &client.Options{Retries: 30})
	if err != nil {
		t.Error(err)
		return
	}
	defer store.Close()
	versions := [2]int64{-1, -1}
	for n := 0; ctx.Err() == nil; n++ {
		var batch []nacre.Append
		for k := range 1 + rng.IntN(2) {
			events := make([]nacre.Event, 1+rng.IntN(3))
			for i := range events {
				events[i] = nacre.NewEvent("step.taken", n)
			}
			batch = append(batch, nacre.Append{
				Stream: nacre.StreamID(fmt.Sprintf("client-%d-%d", w, k)), Expected: nacre.Exactly(versions[k]), Events: events,
			})
		}
		// What is under way when the test ends is finished: its outcome counts.
		out, err := store.Commit(t.Context(), nil, batch...)
		if err != nil {
			t.Errorf("writer %d, append %d: %v", w, n, err)
			return
		}
		for k := range out {
			versions[k] = out[k].Version
			acked.note(out[k].Events)
		}
	}
}

// appendByKey appends with plain requests, each repeated under its Idempotency-Key until it is answered.
func appendByKey(t *testing.T, ctx context.Context, url string, w int, acked *book) {
	for n := 0; ctx.Err() == nil; n++ {
		body := fmt.Sprintf(`{"events":[{"type":"step.taken","data":%d},{"type":"step.done","data":%d}]}`, n, n)
		for attempt := 0; ; attempt++ {
			text, status, err := post(url+fmt.Sprintf("/event-stores/default/streams/key-%d", w), fmt.Sprintf("%d-%d", w, n), body)
			if err == nil && (status == http.StatusCreated || status == http.StatusOK) {
				var reply struct{ Events []nacre.Event }
				if err := json.Unmarshal(text, &reply); err != nil || len(reply.Events) != 2 {
					t.Errorf("%s: %v", text, err)
					return
				}
				acked.note(reply.Events)
				break
			}
			if err == nil && status != http.StatusServiceUnavailable || attempt > 2000 {
				t.Errorf("request %d of %d: %d, %v: %s", n, w, status, err, text)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func post(url, key, body string) (text []byte, status int, err error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set(wire.HeaderIdempotencyKey, key)
	reply, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer reply.Body.Close()
	text, err = io.ReadAll(reply.Body)
	return text, reply.StatusCode, err
}

// followByClient follows with the client, and gives the last position seen.
func followByClient(t *testing.T, ctx context.Context, url string) (seen nacre.Position) {
	store, err := client.Open(url, &client.Options{Retries: 30})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer store.Close()
	for e, err := range store.Subscribe(ctx, nil, nil) {
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("following: %v", err)
			}
			return seen
		}
		if e.GlobalPosition != seen+1 {
			t.Errorf("position %d follows %d", e.GlobalPosition, seen)
			return seen
		}
		seen = e.GlobalPosition
	}
	return seen
}

// followBySSE follows as a browser does: it connects again, with the last id that it has seen.
func followBySSE(t *testing.T, ctx context.Context, url string) (seen nacre.Position) {
	last := ""
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/event-stores/default/events", nil)
		if err != nil {
			t.Error(err)
			return seen
		}
		req.Header.Set("Accept", wire.TypeSSE)
		if last != "" {
			req.Header.Set(wire.HeaderLastEventID, last)
		}
		reply, err := http.DefaultClient.Do(req)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		frames := wire.NewSSEReader(reply.Body, 0)
		for reply.StatusCode == http.StatusOK {
			frame, err := frames.Next()
			if err != nil {
				break
			}
			if frame.Err != nil && nacre.CodeOf(frame.Err) == nacre.CodeLogRewound {
				t.Errorf("after a kill: %v", frame.Err)
				break
			}
			if frame.Line == nil {
				continue
			}
			if frame.Cursor.Position != seen+1 {
				t.Errorf("position %d follows %d", frame.Cursor.Position, seen)
				break
			}
			seen, last = frame.Cursor.Position, frame.Cursor.String()
		}
		_ = reply.Body.Close()
		if t.Failed() {
			return seen
		}
	}
	return seen
}

func headOf(t *testing.T, url string) nacre.Position {
	t.Helper()
	store, err := client.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head.Position
}

// checkServed compares what a server left with what was acknowledged.
func checkServed(t *testing.T, dir string, acked *book) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	verify(t, dir)
	s, err := filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := make(map[string]nacre.Event)
	versions := make(map[nacre.StreamID]int64)
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := at[e.ID]; twice {
			t.Errorf("event %s is there twice", e.ID)
		}
		if e.StreamPosition != versions[e.StreamID] {
			t.Errorf("%s has position %d where %d is due", e.StreamID, e.StreamPosition, versions[e.StreamID])
		}
		versions[e.StreamID]++
		at[e.ID] = e
	}
	for id, want := range acked.ids {
		got, there := at[id]
		if !there || got.GlobalPosition != want.GlobalPosition || got.StreamPosition != want.StreamPosition || got.StreamID != want.StreamID {
			t.Errorf("acknowledged %+v, there is %+v (%t)", want, got, there)
		}
	}
	if len(acked.ids) == 0 {
		t.Error(errors.New("nothing was acknowledged"))
	}
}
