package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// probe is a kind that keeps what it is sent, by the configuration's "to".
type probe struct {
	mu      sync.Mutex
	sent    map[string][]delivery.Batch
	failing map[string]error
	hold    chan struct{} // where set, sending waits for it, or for the end of its context
	open    int
}

func newProbe() *probe {
	return &probe{sent: map[string][]delivery.Batch{}, failing: map[string]error{}}
}

type probeConfig struct {
	To     string `json:"to"`
	Secret string `json:"secret,omitempty"`
}

func (p *probe) Name() string { return "probe" }

func (p *probe) Check(config, before json.RawMessage) (json.RawMessage, error) {
	var c, old probeConfig
	if err := json.Unmarshal(config, &c); err != nil || c.To == "" {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "config.to", Message: "is missing"}
	}
	if before != nil && json.Unmarshal(before, &old) == nil && c.Secret == "" {
		c.Secret = old.Secret
	}
	return json.Marshal(c)
}

func (p *probe) Same(a, b json.RawMessage) bool { return string(a) == string(b) }

func (p *probe) Public(config json.RawMessage) json.RawMessage {
	var c probeConfig
	_ = json.Unmarshal(config, &c)
	out, _ := json.Marshal(probeConfig{To: c.To})
	return out
}

func (p *probe) Open(config json.RawMessage) (delivery.Sender, error) {
	var c probeConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
	return &probeSender{p, c.To}, nil
}

type probeSender struct {
	p  *probe
	to string
}

func (s *probeSender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	s.p.mu.Lock()
	hold, err := s.p.hold, s.p.failing[s.to]
	s.p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return delivery.Receipt{}, ctx.Err()
		}
	}
	if err != nil {
		return delivery.Receipt{Status: 500, Response: "no"}, err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	kept := *b
	kept.Events = slices.Clone(b.Events)
	for i := range kept.Events {
		kept.Events[i].Type = strings.Clone(kept.Events[i].Type)
	}
	s.p.sent[s.to] = append(s.p.sent[s.to], kept)
	return delivery.Receipt{Status: 200}, nil
}

func (s *probeSender) Close() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.open--
	return nil
}

// fail has what goes there fail; nil ends that.
func (p *probe) fail(to string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing[to] = err
}

// at are the positions that were sent there.
func (p *probe) at(to string) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []int{}
	for i := range p.sent[to] {
		out = append(out, positions(p.sent[to][i].Events)...)
	}
	return out
}

// got waits until as many events were sent there, and wants these, in any order.
func (p *probe) got(t *testing.T, to string, want ...int) {
	t.Helper()
	eventually(t, "events are sent", func() bool { return len(p.at(to)) >= len(want) })
	got := p.at(to)
	slices.Sort(got)
	same(t, got, want)
}

var errRefused = errors.New("the probe refuses")

// until asks again and again for a member to be a value.
func (h *harness) until(path string, want any, member ...any) *result {
	h.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	var got *result
	eventually(h.T, fmt.Sprintf("%v of %s is %v", member, path, want), func() bool {
		got = h.get(path).is(200)
		var at any = got.json()
		for _, step := range member {
			switch step := step.(type) {
			case string:
				object, _ := at.(map[string]any)
				at = object[step]
			case int:
				list, _ := at.([]any)
				if at = nil; step < len(list) {
					at = list[step]
				}
			}
		}
		return at == want
	})
	return got
}

// closed waits until no sender is open.
func (p *probe) closed(t *testing.T) {
	t.Helper()
	eventually(t, "no sender is open", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.open == 0
	})
}

// megabytes is for tests that move many of them, and have one goroutine: the race detector would be long at it.
func megabytes(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("it is tested without the race detector")
	}
}
