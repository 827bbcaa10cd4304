package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// Many who ask for a store at once wait for one opening.
func TestOneOpeningForAll(t *testing.T) {
	t.Parallel()
	b := newMemory("default", "shared")
	h := newHarness(t, &Options{Backend: b})
	before := b.opened["shared"] // the look for subscriptions
	b.slow = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if i == 0 { // the first who asks leaves before it is open
				n, err := h.s.shelf.acquire(ctx, "shared")
				if err == nil {
					h.s.shelf.release(n)
				}
				return
			}
			if r, err := h.try("GET", "/event-stores/shared/head", ""); err != nil || r.status != 200 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	cancel()
	close(b.slow)
	wg.Wait()
	if n := b.opened["shared"] - before; n != 1 {
		t.Errorf("the store was opened %d times", n)
	}
}

// Of many who make a store one does, and the others are told.
func TestOneMaker(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	var made, told atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch r, err := h.try("POST", "/event-stores", `{"name":"orders"}`); {
			case err != nil:
				t.Error(err)
			case r.status == 201:
				made.Add(1)
			case r.status == 409:
				told.Add(1)
			default:
				t.Errorf("%d: %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || told.Load() != 15 {
		t.Errorf("%d made it, %d were told", made.Load(), told.Load())
	}
}

// Stores come and go under load: each request is answered, with an outcome or with an error that says that the
// store is gone, and what was answered to an append of a store that stayed is there.
func TestStoresComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		const rounds = 25
		var wg sync.WaitGroup
		stop := make(chan struct{})
		gone := []nacre.Code{wire.CodeStoreNotFound, nacre.CodeClosed}
		var answered atomic.Int64
		use := func(method, path, body string, headers ...string) {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := h.try(method, path, body, headers...)
				if err != nil {
					t.Errorf("%s %s: %v", method, path, err)
					return
				}
				if r.status < 300 {
					answered.Add(1)
					if text := r.end.Get(wire.TrailerError); text != "" && !strings.Contains(text, string(wire.CodeStoreNotFound)) {
						t.Errorf("lines ended with %s", text)
					}
					continue
				}
				var body wire.ErrorBody
				if err := wire.Decode(r.body, &body); err != nil || !slices.Contains(gone, body.Code) {
					t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
					return
				}
			}
		}
		for i := range 3 {
			wg.Go(func() {
				use("POST", fmt.Sprintf("/event-stores/brief/streams/s-%d", i), `{"events":[{"type":"a","data":1}]}`)
			})
		}
		wg.Go(func() { use("GET", "/event-stores/brief/events", "", "Accept", wire.TypeNDJSON) })
		wg.Go(func() { use("GET", "/event-stores/brief/head?wait=100000&timeout=300", "") })
		wg.Go(func() { use("GET", "/event-stores/brief", "") })
		var kept atomic.Int64
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r, err := h.try("POST", logPath+"/streams/kept", `{"events":[{"type":"a","data":1}]}`); err == nil && r.status == 201 {
					kept.Add(1)
				}
			}
		})
		for range rounds {
			h.post("/event-stores", `{"name":"brief"}`).is(201)
			h.post("/event-stores/brief/streams/mine", `{"events":[{"type":"a","data":1}]}`).is(201)
			h.do("DELETE", "/event-stores/brief?confirm=true", "").is(200)
		}
		close(stop)
		wg.Wait()
		if answered.Load() == 0 {
			t.Error("nobody was answered")
		}
		h.get(logPath+"/streams/kept?limit=1").has(int(kept.Load())-1, "currentStreamVersion")
		for _, n := range h.s.shelf.open() {
			h.s.shelf.release(n)
			if h.s.shelf.mu.Lock(); n.name != DefaultStore || n.refs != 0 {
				t.Errorf("the store %s is open, and %d have it", n.name, n.refs)
			}
			h.s.shelf.mu.Unlock()
		}
	})
}

// Who waits in a store that is deleted is told so.
func TestDeletionEndsWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.post("/event-stores", `{"name":"brief"}`).is(201)
	done := make(chan *result, 1)
	go func() {
		r, _ := h.try("GET", "/event-stores/brief/head?wait=9&timeout=300", "")
		done <- r
	}()
	for {
		n, err := h.s.shelf.acquire(t.Context(), "brief")
		if err != nil {
			t.Fatal(err)
		}
		h.s.shelf.mu.Lock()
		waiting := n.refs > 1
		h.s.shelf.mu.Unlock()
		h.s.shelf.release(n)
		if waiting {
			break
		}
	}
	h.do("DELETE", "/event-stores/brief?confirm=true", "").is(200)
	(<-done).refused(wire.CodeStoreNotFound)
}

// An append whose client leaves behind its body takes place.
func TestAppendsOfClientsThatLeave(t *testing.T) {
	t.Parallel()
	b := newMemory()
	reached, goOn := make(chan struct{}), make(chan struct{})
	b.make = func(string) *nacre.Store {
		return nacre.NewStore(&slowDriver{Driver: memoryDriver(), reached: reached, goOn: goOn}, nil)
	}
	h := newHarness(t, &Options{Backend: b})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.web.URL+logPath+"/streams/s-1", strings.NewReader(`{"events":[{"type":"a","data":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error)
	go func() {
		reply, err := h.web.Client().Do(r)
		if err == nil {
			_ = reply.Body.Close()
		}
		left <- err
	}()
	<-reached
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the client got %v", err)
	}
	close(goOn)
	h.get(logPath+"/head?wait=0&timeout=60").is(200).has(1, "globalPosition")
}

func memoryDriver() nacre.Driver { return memstore.Open(nil).Driver() }

// slowDriver waits in each append.
type slowDriver struct {
	nacre.Driver
	reached, goOn chan struct{}
}

func (d *slowDriver) Append(ctx context.Context, batch []nacre.Append, c *nacre.Condition) ([]nacre.Appended, error) {
	d.reached <- struct{}{}
	select {
	case <-d.goOn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return d.Driver.Append(ctx, batch, c)
}

// A stop finishes what was accepted, tells those who wait, and answers nothing more; closing again does nothing.
func TestStopFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	b := newMemory()
	reached, goOn := make(chan struct{}), make(chan struct{})
	b.make = func(string) *nacre.Store {
		return nacre.NewStore(&slowDriver{Driver: memoryDriver(), reached: reached, goOn: goOn}, nil)
	}
	h := newHarness(t, &Options{Backend: b})
	appended, waited := make(chan *result, 1), make(chan *result, 1)
	go func() {
		r, _ := h.try("POST", logPath+"/streams/s-1", `{"events":[{"type":"a","data":1}]}`)
		appended <- r
	}()
	<-reached
	go func() {
		r, _ := h.try("GET", logPath+"/head?wait=5&timeout=300", "")
		waited <- r
	}()
	closed := make(chan error, 1)
	go func() { closed <- h.s.Close(context.Background()) }()
	(<-waited).refused(wire.CodeShuttingDown)
	h.get("/healthz").is(200)
	h.get("/readyz").refused(wire.CodeShuttingDown)
	r := h.post(logPath+"/streams/s-2", `{"events":[{"type":"a","data":1}]}`)
	r.refused(wire.CodeShuttingDown)
	select {
	case err := <-closed:
		t.Fatalf("the server closed while an append was under way: %v", err)
	default:
	}
	close(goOn)
	(<-appended).is(201).has(1, "globalPosition")
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := h.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A stop does not wait for ever.
func TestStopCutsOff(t *testing.T) {
	t.Parallel()
	s, err := New(&Options{Backend: newMemory()})
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.shelf.acquire(t.Context(), DefaultStore)
	if err != nil {
		t.Fatal(err)
	}
	s.enter()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	go func() {
		<-ctx.Done()
		s.shelf.release(n)
	}()
	if err := s.Close(ctx); nacre.CodeOf(err) != nacre.CodeDeadline {
		t.Errorf("closing gave %v", err)
	}
	s.inFlight.Done()
}
