package server_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/test/soak"
)

const (
	registers = 3 // streams
	labels    = 3 // tags
)

// searching is how long it may take to find the order of a history: many outcomes that are unknown make it
// long.
const searching = 10 * time.Second

// ask is what a client asks of the log: the version of a stream, where a tag was seen last, or an append of
// one event with a tag, where the stream is as expected and another tag was not seen behind a position.
type ask struct {
	Read     string // "version" or "tag"; else it is an append
	Stream   int
	Tag      int
	Expected nacre.ExpectedVersion
	Guard    int // a tag; -1 is no condition
	After    nacre.Position
}

// answer is what came.
type answer struct {
	Version  int64          // of the stream afterwards, or as a conflict told it
	Position nacre.Position // of what was written or read, or the first that made the condition fail
	Code     nacre.Code     // of the refusal
	Unknown  bool           // whether the append took place
}

// state is a log whose events have one tag each.
type state struct {
	head     nacre.Position
	versions [registers]int64 // one more than the version
	seen     [labels]nacre.Position
}

var logModel = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(before, input, output any) (bool, any) {
		s, in, out := before.(state), input.(ask), output.(answer)
		version := s.versions[in.Stream] - 1
		switch {
		case in.Read == "version":
			return out.Version == version, s
		case in.Read == "tag":
			return out.Position == s.seen[in.Tag], s
		case out.Code == nacre.CodeInternal:
			return true, s // nothing was written, whatever the log was like
		case !in.Expected.Allows(version):
			return out.Unknown || out.Code == nacre.CodeVersionConflict && out.Version == version, s
		case in.Guard >= 0 && s.seen[in.Guard] > in.After:
			return out.Unknown || out.Code == nacre.CodeConditionFailed && out.Position > in.After && out.Position <= s.seen[in.Guard], s
		}
		s.head++
		s.versions[in.Stream]++
		s.seen[in.Tag] = s.head
		return out.Unknown || out.Code == "" && out.Position == s.head && out.Version == version+1, s
	},
}

// teller answers what is asked.
type teller interface {
	tell(ctx context.Context, in ask) (out answer, failed error)
}

func streamOf(n int) nacre.StreamID { return nacre.StreamID(fmt.Sprintf("register-%d", n)) }

func tagOf(n int) string { return fmt.Sprintf("tag:%d", n) }

func (in *ask) batch() *batch {
	b := &batch{parts: []nacre.Append{{
		Stream: streamOf(in.Stream), Expected: in.Expected, Events: []nacre.Event{nacre.NewEvent("t", 1).WithTags(tagOf(in.Tag))},
	}}}
	if in.Guard >= 0 {
		b.condition = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{tagOf(in.Guard)}}}, After: in.After}
	}
	return b
}

// tell asks by the library.
func (l library) tell(ctx context.Context, in ask) (answer, error) {
	switch in.Read {
	case "version":
		v, err := l.store.Version(ctx, streamOf(in.Stream))
		return answer{Version: v}, err
	case "tag":
		o := &nacre.ReadOptions{Backwards: true, Limit: 1}
		for e, err := range l.store.Read(ctx, nacre.Filter{{Tags: []string{tagOf(in.Tag)}}}, o) {
			return answer{Position: e.GlobalPosition}, err
		}
		return answer{}, nil
	}
	b := in.batch()
	out, err := l.store.Commit(ctx, b.condition, b.parts...)
	if err == nil {
		return answer{Version: out[0].Version, Position: out[0].Position()}, nil
	}
	if _, lost := errors.AsType[*client.UnknownError](err); lost {
		return answer{Unknown: true}, nil
	}
	if conflict, ok := errors.AsType[*nacre.ConflictError](err); ok {
		return answer{Code: nacre.CodeVersionConflict, Version: conflict.Current}, nil
	}
	if failed, ok := errors.AsType[*nacre.ConditionError](err); ok {
		return answer{Code: nacre.CodeConditionFailed, Position: failed.Positions[0]}, nil
	}
	return answer{Code: nacre.CodeInternal}, passing(err)
}

// tell asks by net/http, once.
func (w *web) tell(ctx context.Context, in ask) (answer, error) {
	switch in.Read {
	case "version":
		status, r, err := w.exchange(ctx, http.MethodGet, "/streams/"+string(streamOf(in.Stream))+"?limit=1", nil, "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d: %+v", status, r)
		}
		if err != nil {
			return answer{}, err
		}
		return answer{Version: r.Version}, nil
	case "tag":
		status, r, err := w.exchange(ctx, http.MethodGet, "/events?direction=backwards&limit=1&tag="+tagOf(in.Tag), nil, "")
		switch {
		case err != nil:
			return answer{}, err
		case status != http.StatusOK:
			return answer{}, fmt.Errorf("%d: %+v", status, r)
		case len(r.Events) == 0:
			return answer{}, nil
		}
		return answer{Position: r.Events[0].GlobalPosition}, nil
	}
	path, body, _ := w.request(in.batch())
	status, r, err := w.exchange(ctx, http.MethodPost, path, body, "")
	switch {
	case err != nil && status == 0 && unsent(err):
		return answer{Code: nacre.CodeInternal}, nil
	case err != nil && status == 0:
		return answer{Unknown: true}, nil
	case err != nil:
		return answer{}, err
	case status == http.StatusCreated:
		places := r.places()
		return answer{Version: places[0].StreamPosition, Position: places[0].Position}, nil
	case status == http.StatusConflict && r.Error == nacre.CodeVersionConflict:
		return answer{Code: r.Error, Version: r.Details.Version}, nil
	case status == http.StatusConflict:
		return answer{Code: r.Error, Position: r.Details.Positions[0]}, nil
	}
	return answer{}, fmt.Errorf("%d: %+v", status, r)
}

// unsent tells whether there was no connection to send a request on. It is true of requests that net/http
// does not repeat by itself.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// history is what clients asked at the same time, and what they were told.
type history struct {
	mu    sync.Mutex
	began time.Time
	ops   []porcupine.Operation
	next  int // the number of a client that has asked nothing yet
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// client asks until enough is so. What it was not told may have come about until the end of time, so that
// it goes on as another client.
func (h *history) client(ctx context.Context, rng *rand.Rand, to teller, enough func(n int) bool) error {
	me := h.number()
	known := int64(-1)
	position := nacre.Position(0)
	for n := 0; !enough(n); n++ {
		in := ask{Stream: rng.IntN(registers), Tag: rng.IntN(labels), Guard: -1}
		switch rng.IntN(8) {
		case 0, 1:
			in.Read = "version"
		case 2:
			in.Read = "tag"
		case 3:
			in.Expected = nacre.Any
		case 4, 5:
			in.Expected = nacre.Exactly(max(-1, known+int64(rng.IntN(2))))
		case 6:
			in.Guard, in.After = rng.IntN(labels), position
		case 7:
			in.Expected, in.Guard, in.After = nacre.Exactly(known), rng.IntN(labels), position
		}
		call := h.now()
		out, err := to.tell(ctx, in)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && in.Read != "":
			pause(ctx, 5*time.Millisecond) // the server is down
			continue
		case err != nil:
			return err
		case out.Code == nacre.CodeInternal:
			pause(ctx, 5*time.Millisecond)
		}
		op := porcupine.Operation{ClientId: me, Input: in, Call: call, Output: out, Return: h.now()}
		if out.Unknown {
			op.Return = 1 << 60
			me = h.number()
		} else {
			known, position = max(out.Version, -1), max(position, out.Position)
		}
		h.mu.Lock()
		h.ops = append(h.ops, op)
		h.mu.Unlock()
	}
	return nil
}

func (h *history) number() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return h.next - 1
}

// check tells the history where no order of its operations explains it.
func (h *history) check(t *testing.T) {
	t.Helper()
	kinds := make(map[string]int)
	for _, op := range h.ops {
		in, out := op.Input.(ask), op.Output.(answer)
		switch {
		case in.Read != "":
			kinds["read"]++
		case out.Unknown:
			kinds["unknown"]++
		case out.Code != "":
			kinds[string(out.Code)]++
		default:
			kinds["written"]++
		}
	}
	t.Logf("%d operations: %v", len(h.ops), kinds)
	result := porcupine.CheckOperationsTimeout(logModel, h.ops, searching)
	switch result {
	case porcupine.Ok:
		return
	case porcupine.Unknown:
		t.Logf("whether the history is linearizable was not found out in %v", searching)
		return
	case porcupine.Illegal:
	}
	slices.SortFunc(h.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, op := range h.ops {
		fmt.Fprintf(&text, "%10d to %10d  client %d  %+v -> %+v\n", op.Call, op.Return, op.ClientId, op.Input, op.Output)
	}
	t.Fatalf("the history is not linearizable (%s); times are nanoseconds:\n%s", result, text.String())
}

// tellers are clients of all kinds.
func tellers(t *testing.T, rng *rand.Rand, url string) []teller {
	t.Helper()
	log := url + "/event-stores/" + server.DefaultStore
	return []teller{
		library{openClient(t, url, &client.Options{Timeout: patience})},
		library{openClient(t, url, &client.Options{Timeout: patience, Retries: -1})},
		&web{client: webClient(t), log: log, rng: branch(rng)},
		&web{client: webClient(t), log: log, rng: branch(rng)},
	}
}

// TestLinearizable lets several clients ask a server at the same time.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for i := range soak.Rounds(t, 8) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			address, _ := serve(t, &server.Options{})
			url := "http://" + address
			h := &history{began: time.Now()}
			var all sync.WaitGroup
			for _, to := range tellers(t, rng, url) {
				rng := branch(rng)
				all.Go(func() {
					if err := h.client(t.Context(), rng, to, func(n int) bool { return n == 25 }); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			h.check(t)
		})
	}
}

// TestLinearizableThroughKills does that while the server is killed.
func TestLinearizableThroughKills(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for i := range soak.Rounds(t, 2) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
			p := start(t, data, address, somehow(rng)...)
			h := &history{began: time.Now()}
			var all sync.WaitGroup
			ended := make(chan struct{})
			for _, to := range tellers(t, rng, p.url) {
				rng := branch(rng)
				all.Go(func() {
					err := h.client(t.Context(), rng, to, func(int) bool {
						pause(t.Context(), time.Duration(rng.IntN(10))*time.Millisecond)
						select {
						case <-ended:
							return true
						default:
							return false
						}
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			for range 3 {
				pause(t.Context(), time.Duration(rng.IntN(120))*time.Millisecond)
				p.kill(t)
				p = start(t, data, address, somehow(rng)...)
			}
			pause(t.Context(), time.Duration(rng.IntN(100))*time.Millisecond)
			close(ended)
			all.Wait()
			h.check(t)
			p.stop(t)
		})
	}
}
