package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/storage/memstore"
)

// busy is a kind whose receiver wants to be left alone for an hour.
type busy struct{ asked chan struct{} }

func (busy) Name() string                                             { return "busy" }
func (busy) Check(config, _ json.RawMessage) (json.RawMessage, error) { return config, nil }
func (busy) Same(a, b json.RawMessage) bool                           { return string(a) == string(b) }
func (busy) Public(config json.RawMessage) json.RawMessage            { return config }
func (b busy) Open(json.RawMessage) (Sender, error)                   { return b, nil }
func (b busy) Close() error                                           { return nil }
func (b busy) Send(context.Context, *Batch) (Receipt, error) {
	b.asked <- struct{}{}
	return Receipt{}, &Failure{RetryAfter: time.Hour, Busy: true, Err: errors.New("later")}
}

// What is waited for is a time of the clock that nobody sets: that of the wall may be set forward or back by hours meanwhile.
// (In synctest there is but one clock, so this is asked of the times themselves.)
func TestNobodySetsTheClockThatIsWaitedBy(t *testing.T) {
	t.Parallel()
	store := memstore.Open(nil)
	defer store.Close()
	b := busy{make(chan struct{}, 8)}
	h, err := Open(t.Context(), store, &Options{Kinds: []Kind{b}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	for _, spec := range []Spec{{Name: "sent", Kind: "busy"}, {Name: "g", Kind: KindGroup}} {
		if _, _, err := h.Create(t.Context(), &spec); err != nil {
			t.Fatal(err)
		}
	}
	for _, stream := range []nacre.StreamID{"a-1", "a-2"} {
		put(t, store, stream)
	}
	<-b.asked
	var list []consumer.Delivery
	for len(list) < 2 {
		list = append(list, given(t, h, consumer.Request{Consumer: "ann", Max: 2, Wait: time.Minute})...)
	}
	answered(t, h, consumer.Answer{Nack: []consumer.Nack{{ID: list[0].ID, After: time.Hour}}})
	if err := h.saveCursors(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if st, err := h.Get(t.Context(), "sent"); err != nil {
			t.Fatal(err)
		} else if st.Waiting > 0 {
			break
		}
		time.Sleep(time.Millisecond) // until the answer has landed
	}
	waited := map[string]time.Time{"when cursors were kept": h.cursors.at}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range []string{"sent", "g"} {
		s := h.all[name]
		s.mu.Lock()
		defer s.mu.Unlock()
		waited["the next attempt of "+name] = s.q.next()
	}
	waited["the quiet"] = h.all["sent"].quiet
	g := h.all["g"].group
	waited["when the consumer was heard of"] = g.members["ann"].seen
	for _, l := range g.landing {
		waited["the deadline"] = l.deadline
	}
	if len(waited) != 6 {
		t.Fatalf("only these are waited for: %v", waited)
	}
	for what, at := range waited {
		if !strings.Contains(at.String(), " m=") {
			t.Errorf("%s is a time of the wall clock: %v", what, at)
		}
	}
}
