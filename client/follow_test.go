package client_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
)

// polls is a transport that counts the requests for the log's end that are held back at the same time.
type polls struct {
	http.RoundTripper
	mu        sync.Mutex
	now, most int
}

func (p *polls) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Has("wait") {
		p.mu.Lock()
		p.now++
		p.most = max(p.most, p.now)
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			p.now--
			p.mu.Unlock()
		}()
	}
	return p.RoundTripper.RoundTrip(r)
}

func TestOnePollForAll(t *testing.T) {
	to := &http.Transport{}
	t.Cleanup(to.CloseIdleConnections)
	p := &polls{RoundTripper: to}
	s := open(t, serve(t, "").url, &client.Options{Transport: p})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			next := nacre.Position(1)
			for e, err := range s.Subscribe(t.Context(), nil, nil) {
				if err != nil || e.GlobalPosition != next {
					t.Errorf("position %d came, want %d: %v", e.GlobalPosition, next, err)
				}
				if next++; err != nil || next > 10 {
					return
				}
			}
		})
	}
	most := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.most
	}
	until(t, "a poll", func() bool { return most() > 0 })
	for i := range 10 {
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", i)); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if n := most(); n != 1 {
		t.Errorf("%d polls at once, want one", n)
	}
}

// endsOf is a server that tells one log's end after the other, and holds back what asks for more.
func endsOf(heads ...string) []step {
	var steps []step
	for _, h := range heads {
		position, epoch, _ := strings.Cut(h, "@")
		steps = append(steps, answer(200, `{"globalPosition":`+position+`,"lastPosition":`+position+`,"epoch":"`+epoch+`"}`))
	}
	return append(steps, hang)
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		name  string
		heads []string
		told  bool // the first of them, by Head
		after nacre.Position
		asked int
	}{
		{"behind already", []string{"5@a"}, false, 3, 1},
		{"behind already, as Head told", []string{"5@a"}, true, 3, 1},
		{"grows", []string{"5@a", "6@a"}, true, 5, 2},
		{"grows, and Head was not asked", []string{"5@a", "6@a"}, false, 5, 2},
		{"nothing for a while", []string{"5@a", "5@a", "5@a", "6@a"}, true, 5, 4},
		{"ahead of the log", []string{"5@a", "6@a", "7@a", "9@a"}, true, 8, 4},
		{"another epoch", []string{"5@a", "2@b"}, true, 5, 2},
		{"another epoch, and Head was not asked", []string{"5@a", "2@b"}, false, 5, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps := endsOf(c.heads...)
				s, net := alone(t, client.Options{}, steps...)
				if c.told {
					if _, err := s.Head(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Wait(t.Context(), c.after); err != nil {
					t.Fatal(err)
				}
				// One more may be under way, for whoever waits next.
				asked := net.requests()
				if n := len(asked) - c.asked; n != 0 && n != 1 {
					t.Errorf("asked was %q, want %d requests", asked, c.asked)
				}
				if len(asked) > 1 && !strings.HasSuffix(asked[1], "/head?timeout=30&wait=5%40a") {
					t.Errorf("asked was %q", asked)
				}
			})
		})
	}
}

func TestWaitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heads := endsOf("5@a")
		s, net := alone(t, client.Options{Retries: 1}, heads[0], refuse, refuse)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				expectCode(t, "Wait, where nothing listens any more", s.Wait(t.Context(), 5), nacre.CodeInternal)
			})
		}
		all.Wait()
		// Whoever waits afterwards asks anew.
		heads = endsOf("5@a", "6@a")
		net.then(heads...)
		if err := s.Wait(t.Context(), 5); err != nil {
			t.Error(err)
		}
		net.then(answer(404, `{"error":"EVENT_STORE_NOT_FOUND","message":"it was deleted"}`))
		expectCode(t, "Wait, where the store was deleted", s.Wait(t.Context(), 9), "EVENT_STORE_NOT_FOUND")
	})
}

// TestWaitLeft: whoever leaves ends nobody else's wait, and a poll that hangs is given up.
func TestWaitLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heads := endsOf("5@a")
		s, net := alone(t, client.Options{Timeout: 10 * time.Second}, heads[0], hang, answer(200, `{"globalPosition":6,"epoch":"a"}`))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Wait(t.Context(), 5) }()
		expectCode(t, "Wait whose context ends", s.Wait(ctx, 5), nacre.CodeDeadline)
		began := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 39*time.Second || took > 41*time.Second {
			t.Errorf("a poll that hangs took %v, want what the server is asked for and the time-out", took)
		}
		if n := len(net.requests()); n < 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// until waits for something that happens in another goroutine.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !happened() {
		if ctx.Err() != nil {
			t.Fatalf("%s did not happen", what)
		}
		runtime.Gosched()
	}
}

func TestClose(t *testing.T) {
	release := make(chan struct{})
	slow := func(s *script, r *http.Request) (*http.Response, error) {
		<-release
		return answer(201, `{"appends":[{"streamId":"s-1","currentStreamVersion":0,"firstStreamPosition":0,"firstGlobalPosition":1,"createdAt":"2026-11-20T18:55:20.471204Z"}]}`)(s, r)
	}
	s, net := alone(t, client.Options{})
	begin := func(next step, what func() error) chan error {
		net.then(next)
		ended := make(chan error, 1)
		go func() { ended <- what() }()
		until(t, "a request", func() bool { return len(net.requests()) == 1 })
		return ended
	}
	add := func() error {
		_, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1))
		return err
	}
	appended := begin(slow, add)
	cut := map[string]chan error{
		"a wait": begin(hang, func() error { return s.Wait(t.Context(), 5) }),
		"a read": begin(hang, func() error {
			for _, err := range s.Read(t.Context(), nil, nil) {
				return err
			}
			return nil
		}),
		"an append between two attempts": begin(answer(503, "", "Retry-After: 30"), add),
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for what, ended := range cut {
		expectCode(t, what, <-ended, nacre.CodeClosed)
	}
	select {
	case err := <-closed:
		t.Errorf("Close did not wait for an append that was sent: %v", err)
	default:
	}
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-appended; err != nil {
		t.Errorf("the append that was sent before Close: %v", err)
	}
}
