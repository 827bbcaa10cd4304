package memstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		Open: func(*testing.T) *nacre.Store { return memstore.Open(nil) },
		Features: storagetest.Features{
			Companion: true, Lines: true, Listing: true, Stats: true, Blobs: true, Reserved: true,
		},
	})
}

// TestConformanceBare declares nothing: what a driver may leave out is told to be unsupported.
func TestConformanceBare(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		Open: func(t *testing.T) *nacre.Store {
			return nacre.NewStore(struct{ nacre.Driver }{memstore.Open(nil).Driver()}, nil)
		},
		Features: storagetest.Features{Reserved: true},
		Checks:   10,
	})
}

func open(t *testing.T, o *memstore.Options) *nacre.Store {
	t.Helper()
	s := memstore.Open(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func appendTo(t *testing.T, s *nacre.Store, id nacre.StreamID, events ...nacre.Event) []nacre.Event {
	t.Helper()
	a, err := s.Append(t.Context(), id, nacre.Any, events...)
	if err != nil {
		t.Fatal(err)
	}
	return a.Events
}

// TestBorrowedEventsAreOverwritten: code that keeps a borrowed event is found by its tests.
func TestBorrowedEventsAreOverwritten(t *testing.T) {
	s := open(t, nil)
	for range 2 {
		appendTo(t, s, "thing-1", nacre.NewEvent("thing.seen", 1).WithID("id"+nacre.NewID()).WithTags("tag").WithMetadata(map[string]int{"m": 1}))
	}
	var kept []nacre.Event
	for e, err := range s.Read(t.Context(), nil, &nacre.ReadOptions{Borrowed: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != "thing.seen" || string(e.Data) != "1" || e.Tags[0] != "tag" {
			t.Errorf("a borrowed event is %+v", e)
		}
		kept = append(kept, e)
	}
	for _, e := range kept {
		text := string(e.StreamID) + e.ID + e.Type + string(e.Data) + string(e.Metadata) + e.Tags[0]
		if text != strings.Repeat("#", len(text)) {
			t.Errorf("a borrowed event that was kept is still %q", text)
		}
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	s := open(t, &memstore.Options{Now: func() time.Time { return at }})
	for i, step := range []struct{ move, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {-time.Hour, time.Second}, {0, time.Second}, {2 * time.Hour, time.Hour + time.Second},
	} {
		at = at.Add(step.move)
		want := time.Date(2026, 11, 20, 11, 0, 0, 123456000, time.UTC).Add(step.want)
		if got := appendTo(t, s, "thing-1", nacre.NewEvent("thing.seen", i))[0].CreatedAt; got != want {
			t.Errorf("event %d is of %v, want %v", i, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	s := open(t, &memstore.Options{Limits: &nacre.Limits{BatchEvents: 1}})
	for _, s := range []*nacre.Store{s, s.System()} {
		_, err := s.Append(t.Context(), "thing-1", nacre.Any, nacre.NewEvent("a", 1), nacre.NewEvent("b", 2))
		if nacre.CodeOf(err) != nacre.CodeTooLarge {
			t.Errorf("two events where one is the most: %v", err)
		}
	}
}

func TestStoresAreApart(t *testing.T) {
	one, two := open(t, nil), open(t, nil)
	appendTo(t, one, "thing-1", nacre.NewEvent("thing.seen", 1))
	heads := map[string]bool{}
	for _, s := range []*nacre.Store{one, two, one.System(), two.System()} {
		h, err := s.Head(t.Context())
		if err != nil || heads[h.Epoch] || (h.Position == 1) != (s == one) {
			t.Errorf("a head is %+v, %v", h, err)
		}
		heads[h.Epoch] = true
	}
}

// TestReadsGoOnAfterClose: what has begun ends well.
func TestReadsGoOnAfterClose(t *testing.T) {
	s := open(t, nil)
	appendTo(t, s, "thing-1", nacre.NewEvent("a", 1), nacre.NewEvent("b", 2))
	n := 0
	for _, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 2 {
		t.Errorf("the read gave %d events, want 2", n)
	}
}

// TestNothingPolls: no time passes between an append and those who wait for it, and none while nothing
// happens.
func TestNothingPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.Open(nil)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string, 10)
		ended := make(chan error, 1)
		go func() {
			for e, err := range s.Subscribe(ctx, nil, nil) {
				if err != nil {
					ended <- err
					return
				}
				got <- e.Type
			}
		}()
		for i := range 3 {
			time.Sleep(time.Hour) // the bubble's clock: it moves only when every goroutine is blocked
			before := time.Now()
			appendTo(t, s, "thing-1", nacre.NewEvent(fmt.Sprintf("t%d", i), i))
			if eventType := <-got; eventType != fmt.Sprintf("t%d", i) || time.Since(before) > 0 {
				t.Errorf("event %d came as %s, after %v", i, eventType, time.Since(before))
			}
		}
		cancel()
		if err := <-ended; nacre.CodeOf(err) != nacre.CodeCanceled {
			t.Errorf("the subscription ended with %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
