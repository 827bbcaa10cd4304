package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/wire"
)

func TestDuplicate(t *testing.T) {
	busy := answer(503, `{"error":"SHUTTING_DOWN","message":"later"}`)
	gateway := answer(502, "<html>bad gateway</html>")
	for _, c := range []struct {
		name      string
		ids       bool
		before    bool // the events stand there already
		steps     []step
		duplicate bool
		requests  int
	}{
		{"no ids", false, false, nil, false, 1},
		{"no ids, the answer lost", false, false, []step{lose}, false, 2},
		{"no ids, everything lost before", false, false, []step{drop, gateway, busy, lose}, false, 5},
		{"ids", true, false, nil, false, 1},
		{"ids, there already", true, true, nil, true, 1},
		{"ids, the answer lost", true, false, []step{lose}, false, 2},
		{"ids, the request lost", true, false, []step{drop}, false, 2},
		{"ids, there already, refused first", true, true, []step{refuse, busy}, true, 3},
		{"ids, there already and known to be, the answer lost", true, true, []step{lose}, true, 2},
		{"ids, there already and known to be, a bad gateway", true, true, []step{gateway, drop}, true, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, net := scripted(t, client.Options{})
			e := nacre.NewEvent("t", 1)
			if c.ids {
				e.ID = "a"
			}
			if c.before {
				if _, err := s.Append(t.Context(), "s-1", nacre.Any, e); err != nil {
					t.Fatal(err)
				}
			}
			net.then(c.steps...)
			a, err := s.Append(t.Context(), "s-1", nacre.Any, e)
			if err != nil {
				t.Fatal(err)
			}
			if a.Duplicate != c.duplicate || a.Version != 0 || a.Position() != 1 {
				t.Errorf("the outcome is %+v, want duplicate %t", a, c.duplicate)
			}
			if n := len(net.requests()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if log := readAll(t, s, nil); len(log) != 1 {
				t.Errorf("the log has %d events, want one", len(log))
			}
		})
	}
}

// TestDuplicateOfAnother: events that stand there without this store's knowledge count as this call's own,
// once an answer was lost.
func TestDuplicateOfAnother(t *testing.T) {
	to := &http.Transport{}
	t.Cleanup(to.CloseIdleConnections)
	net := &script{to: to}
	url := serve(t, "").url
	s, other := open(t, url, client.Hurried(client.Options{Transport: net})), open(t, url, nil)
	e := nacre.NewEvent("t", 1).WithID("a")
	if _, err := other.Append(t.Context(), "s-1", nacre.Any, e); err != nil {
		t.Fatal(err)
	}
	net.then(lose)
	if a, err := s.Append(t.Context(), "s-1", nacre.Any, e); err != nil || a.Duplicate {
		t.Errorf("the outcome is %+v, %v", a, err)
	}
	if a, err := s.Append(t.Context(), "s-1", nacre.Any, e); err != nil || !a.Duplicate {
		t.Errorf("the outcome of another call is %+v, %v", a, err)
	}
}

func TestConflictsAreNotRepeated(t *testing.T) {
	s, net := scripted(t, client.Options{})
	if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1).WithID("a").WithTags("x")); err != nil {
		t.Fatal(err)
	}
	for _, steps := range [][]step{nil, {drop}, {lose, drop}} {
		net.then(steps...)
		_, err := s.Append(t.Context(), "s-1", nacre.NoStream, nacre.NewEvent("t", 2))
		var version *nacre.ConflictError
		if !errors.As(err, &version) || version.Current != 0 || version.Stream != "s-1" {
			t.Errorf("a stale append: %v", err)
		}
		if n := len(net.requests()); n != len(steps)+1 {
			t.Errorf("%d requests, want %d", n, len(steps)+1)
		}
	}
	net.then(drop)
	_, err := s.Commit(t.Context(), &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"x"}}}},
		nacre.Append{Stream: "s-2", Events: []nacre.Event{nacre.NewEvent("t", 1)}})
	var condition *nacre.ConditionError
	if !errors.As(err, &condition) || len(condition.Positions) != 1 {
		t.Errorf("a condition that fails: %v", err)
	}
	net.then(drop)
	_, err = s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 2).WithID("a"))
	expectCode(t, "an id with other data", err, nacre.CodeEventIDConflict)
}

func TestUnknown(t *testing.T) {
	s, net := scripted(t, client.Options{Retries: 2})
	net.then(lose, drop, refuse)
	_, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1), nacre.NewEvent("t", 2))
	var unknown *client.UnknownError
	if !errors.As(err, &unknown) || unknown.Attempts != 3 || nacre.CodeOf(err) != nacre.CodeInternal {
		t.Fatalf("an append whose answer was lost: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "may or may not have been appended") || !strings.Contains(text, "append the same ids again") {
		t.Errorf("the error is %q", text)
	}
	out, err := s.Commit(t.Context(), nil, unknown.Batch...)
	if err != nil || !out[0].Duplicate || len(out[0].Events) != 2 {
		t.Errorf("the batch again: %+v, %v", out, err)
	}

	for _, c := range []struct {
		name    string
		steps   []step
		unknown bool
		code    nacre.Code
	}{
		{"nothing listens", []step{refuse, refuse, refuse}, false, nacre.CodeInternal},
		{"busy", []step{
			answer(429, `{"error":"RATE_LIMITED","message":"slowly"}`), answer(503, `{"error":"TOO_MANY_CONNECTIONS","message":""}`),
			answer(503, `{"error":"STORE_LOCKED","message":""}`),
		}, false, nacre.CodeLocked},
		{"a proxy's answers", []step{answer(502, ""), answer(503, "<html>"), answer(504, "")}, true, nacre.CodeDeadline},
		{"time-outs of the server", []step{answer(504, ""), answer(504, ""), answer(504, `{"error":"DEADLINE_EXCEEDED","message":"x"}`)}, true, nacre.CodeDeadline},
		{"an error inside", []step{answer(500, `{"error":"INTERNAL","message":"x"}`)}, true, nacre.CodeInternal},
		{"no answer of nacre", []step{answer(200, "<html>welcome</html>")}, true, nacre.CodeInternal},
		{"failed", []step{
			answer(503, `{"error":"STORE_FAILED","message":"x"}`), answer(503, `{"error":"STORE_FAILED","message":"x"}`),
			answer(503, `{"error":"STORE_FAILED","message":"x"}`),
		}, false, nacre.CodeFailed},
		{"forbidden", []step{answer(403, `{"error":"FORBIDDEN","message":"x"}`)}, false, wire.CodeForbidden},
		{"forbidden, behind a lost one", []step{drop, answer(403, `{"error":"FORBIDDEN","message":"x"}`)}, true, nacre.CodeInternal},
		{"full", []step{answer(507, `{"error":"STORE_FULL","message":"x"}`)}, false, nacre.CodeStoreFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			net.then(c.steps...)
			_, err := s.Append(t.Context(), "s-2", nacre.Any, nacre.NewEvent("t", 1))
			expectCode(t, "the append", err, c.code)
			if got := errors.As(err, &unknown); got != c.unknown {
				t.Errorf("unknown is %t, want %t: %v", got, c.unknown, err)
			}
			if n := len(net.requests()); n != len(c.steps) {
				t.Errorf("%d requests, want %d", n, len(c.steps))
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  step
		least time.Duration
		tried int
	}{
		{"details", answer(429, `{"error":"RATE_LIMITED","message":"","details":{"retryAfter":7}}`), 7 * time.Second, 2},
		{"header", answer(503, `{"error":"SHUTTING_DOWN","message":""}`, "Retry-After: 9"), 9 * time.Second, 2},
		{"date", answer(503, "", "Retry-After: Sat, 21 Nov 2026 06:00:20 GMT", "Date: Sat, 21 Nov 2026 06:00:09 GMT"), 11 * time.Second, 2},
		{"nonsense", answer(503, "", "Retry-After: soon"), 0, 2},
		{"longer than a minute", answer(429, `{"error":"RATE_LIMITED","message":"","details":{"retryAfter":61}}`), 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, net := alone(t, client.Options{}, c.step, answer(200, `{"globalPosition":4,"lastPosition":4,"epoch":"e"}`))
				began := time.Now()
				h, err := s.Head(t.Context())
				if took := time.Since(began); took < c.least || took > c.least+time.Second {
					t.Errorf("it took %v, want %v and up to a second", took, c.least)
				}
				if n := len(net.requests()); n != c.tried || (err == nil) != (c.tried == 2) || err == nil && h.Position != 4 {
					t.Errorf("%d requests, %+v, %v", n, h, err)
				}
			})
		})
	}
}

// TestWaitsGrow: with the default options, what never works ends after some seconds.
func TestWaitsGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []step{}
		for range 7 {
			steps = append(steps, refuse)
		}
		s, net := alone(t, client.Options{}, steps...)
		began := time.Now()
		_, err := s.Head(t.Context())
		if took := time.Since(began); took == 0 || took > 6300*time.Millisecond+3200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := len(net.requests()); n != 7 || nacre.CodeOf(err) != nacre.CodeInternal || !strings.Contains(err.Error(), "nacre serve") {
			t.Errorf("%d requests, %v", n, err)
		}
	})
}

func TestContextEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := alone(t, client.Options{}, drop, drop, drop, drop, drop, drop, drop)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Append(ctx, "s-1", nacre.Any, nacre.NewEvent("t", 1))
		var unknown *client.UnknownError
		if !errors.As(err, &unknown) || nacre.CodeOf(err) != nacre.CodeDeadline || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an append whose context ended between two attempts: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s, net := alone(t, client.Options{Timeout: time.Second, Retries: 1}, hang, hang, hang)
		_, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1))
		var unknown *client.UnknownError
		if !errors.As(err, &unknown) || nacre.CodeOf(err) != nacre.CodeDeadline || len(net.requests()) != 2 {
			t.Errorf("an append without an answer, after %d requests: %v", len(net.requests()), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err = s.Head(ctx)
		expectCode(t, "a head whose context ended", err, nacre.CodeCanceled)
	})
}

// TestImportsAreKnown: what a batch brings of a store's own is sent as an import, and nothing else is.
func TestImportsAreKnown(t *testing.T) {
	s, net := scripted(t, client.Options{})
	one, two := nacre.NewEvent("t", 1), nacre.NewEvent("t", 2)
	for range 2 {
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, one, two); err != nil {
			t.Fatal(err)
		}
	}
	old := nacre.NewEvent("t", 3)
	for i, given := range []struct {
		transactions [2]string
		imported     bool
	}{
		{[2]string{"", ""}, true},
		{[2]string{"01JD3Y8Q0V3M8S2Z6T5N9K4RWE", "01JD3Y8Q0V3M8S2Z6T5N9K4RWE"}, true},
		{[2]string{"t-1", "t-1"}, true},
		{[2]string{"t-1", "t-2"}, true},
	} {
		net.then()
		a, b := old, old
		a.TransactionID, b.TransactionID = given.transactions[0], given.transactions[1]
		out, err := s.Import(t.Context(), nacre.Append{Stream: "s-2", Events: []nacre.Event{a, b}})
		if err != nil {
			t.Fatal(err)
		}
		for j, e := range out[0].Events {
			if e.TransactionID != given.transactions[j] {
				t.Errorf("import %d: event %d has the transaction %q, want %q", i, j, e.TransactionID, given.transactions[j])
			}
		}
		if imported := strings.HasSuffix(net.requests()[0], "import=true"); imported != given.imported {
			t.Errorf("import %d was sent as %q", i, net.requests()[0])
		}
	}
	net.then()
	if _, err := s.Append(t.Context(), "s-1", nacre.Any, one, two); err != nil || strings.Contains(net.requests()[0], "import") {
		t.Errorf("an append was sent as %q: %v", net.requests(), err)
	}
}
