package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
)

// library sends with package client.
type library struct{ store *nacre.Store }

func (l library) version(ctx context.Context, stream nacre.StreamID) (int64, error) {
	for deadline := time.Now().Add(patience); ; {
		v, err := l.store.Version(ctx, stream)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return v, err
		}
		if err := passing(err); err != nil && nacre.CodeOf(err) != nacre.CodeLogRewound {
			return 0, err
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// passing gives an error that a killed server does not explain.
func passing(err error) error {
	if c := nacre.CodeOf(err); c == nacre.CodeInternal || c == nacre.CodeDeadline {
		return nil
	}
	return err
}

func (l library) send(ctx context.Context, b *batch, again bool) (entry, error) {
	out, err := l.store.Commit(ctx, b.condition, b.parts...)
	parts, open := b.parts, false // whether an attempt may have been taken
	for deadline := time.Now().Add(patience); err != nil; {
		lost, isLost := errors.AsType[*client.UnknownError](err)
		if isLost {
			parts, open = lost.Batch, true
		}
		code := nacre.CodeOf(err)
		switch {
		case ctx.Err() != nil || time.Now().After(deadline):
			return entry{batch: b, fate: unknown}, err
		case isLost:
		case code == nacre.CodeVersionConflict, code == nacre.CodeConditionFailed, code == nacre.CodeEventIDConflict:
			return entry{batch: b, fate: refused, why: code}, nil
		case passing(err) != nil:
			return entry{}, err
		case !open:
			return entry{batch: b, fate: refused, why: code}, nil
		}
		pause(ctx, 5*time.Millisecond)
		out, err = l.store.Commit(ctx, b.condition, parts...)
	}
	for i := range out {
		if again && !open && !out[i].Duplicate {
			return entry{}, fmt.Errorf("%s was there, and is no duplicate", b.name)
		}
	}
	return entry{batch: b, fate: written, places: placesOf(out)}, nil
}

// web sends with net/http alone.
type web struct {
	client *http.Client
	log    string // the URL of the store
	rng    *rand.Rand
	leaves bool // gives up at times where an answer did not come
}

// reply is what an append is answered with, in either form.
type reply struct {
	Error     nacre.Code    `json:"error"`
	Message   string        `json:"message"`
	Duplicate bool          `json:"duplicate"`
	Events    []nacre.Event `json:"events"`
	Appends   []struct {
		Events []nacre.Event `json:"events"`
	} `json:"appends"`
	Version int64 `json:"currentStreamVersion"`
	Details struct {
		Version   int64            `json:"currentStreamVersion"`
		Positions []nacre.Position `json:"conflictingPositions"`
	} `json:"details"`
}

func (w *web) version(ctx context.Context, stream nacre.StreamID) (int64, error) {
	for deadline := time.Now().Add(patience); ; {
		status, r, err := w.exchange(ctx, http.MethodGet, "/streams/"+string(stream)+"?limit=1", nil, "")
		switch {
		case err == nil && status == http.StatusOK:
			return r.Version, nil
		case err == nil:
			return 0, fmt.Errorf("%d: %+v", status, r)
		case ctx.Err() != nil || time.Now().After(deadline):
			return 0, err
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// exchange is one request. The error is that no whole answer came.
func (w *web) exchange(ctx context.Context, method, path string, body []byte, key string) (int, *reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.log+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	var out reply
	if err := json.Unmarshal(text, &out); err != nil {
		return resp.StatusCode, nil, fmt.Errorf("%d: %q: %w", resp.StatusCode, text, err)
	}
	return resp.StatusCode, &out, nil
}

// request is the body of a batch, the path to send it to, and the key that its ids come from.
func (w *web) request(b *batch) (path string, body []byte, key string) {
	type event struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
		Tags []string        `json:"tags"`
		ID   string          `json:"eventId,omitempty"`
	}
	type part struct {
		Stream   nacre.StreamID `json:"streamId,omitempty"`
		Expected any            `json:"expectedStreamVersion,omitempty"`
		Events   []event        `json:"events"`
	}
	parts := make([]part, len(b.parts))
	for i, p := range b.parts {
		parts[i].Stream = p.Stream
		if v, exact := p.Expected.Version(); exact {
			parts[i].Expected = v
		}
		for _, e := range p.Events {
			parts[i].Events = append(parts[i].Events, event{e.Type, e.Data, e.Tags, e.ID})
			if e.ID == "" {
				key = b.name
			}
		}
	}
	if len(parts) == 1 && b.condition == nil {
		parts[0].Stream, path = "", "/streams/"+string(b.parts[0].Stream)
		body, _ = json.Marshal(parts[0]) // it encodes
		return path, body, key
	}
	whole := map[string]any{"appends": parts}
	if b.condition != nil {
		whole["condition"] = map[string]any{
			"failIfEventsMatch": map[string]any{"items": []any{map[string]any{"tags": b.condition.FailIfEventsMatch[0].Tags}}},
			"after":             b.condition.After,
		}
	}
	body, _ = json.Marshal(whole) // it encodes
	return "/events", body, key
}

func (w *web) send(ctx context.Context, b *batch, again bool) (entry, error) {
	path, body, key := w.request(b)
	for open, deadline := false, time.Now().Add(patience); ; open = true {
		status, r, err := w.exchange(ctx, http.MethodPost, path, body, key)
		switch {
		case err != nil && r == nil && status != 0:
			return entry{}, err
		case err != nil && (ctx.Err() != nil || time.Now().After(deadline)):
			return entry{batch: b, fate: unknown}, err
		case err != nil && w.leaves && w.rng.IntN(4) == 0:
			return entry{batch: b, fate: unknown}, nil
		case err != nil:
			pause(ctx, 5*time.Millisecond)
			continue
		case status == http.StatusConflict:
			return entry{batch: b, fate: refused, why: r.Error}, nil
		case status != http.StatusCreated && status != http.StatusOK:
			return entry{}, fmt.Errorf("%s was answered with %d: %+v", b.name, status, r)
		case (status == http.StatusOK) != r.Duplicate:
			return entry{}, fmt.Errorf("%s was answered with %d: %+v", b.name, status, r)
		case again != r.Duplicate && !open:
			return entry{}, fmt.Errorf("%s: duplicate is %v", b.name, r.Duplicate)
		}
		return entry{batch: b, fate: written, places: r.places()}, nil
	}
}

func (r *reply) places() []place {
	var places []place
	for i := range r.Events {
		places = append(places, placeOf(&r.Events[i]))
	}
	for _, a := range r.Appends {
		for i := range a.Events {
			places = append(places, placeOf(&a.Events[i]))
		}
	}
	return places
}

// checkPlaces is for replies: as many places as events, in order.
func checkPlaces(t *testing.T, b *batch, places []place) {
	t.Helper()
	n := 0
	for _, p := range b.parts {
		for range p.Events {
			if n >= len(places) || places[n].Stream != p.Stream || places[n].Position != places[0].Position+nacre.Position(n) {
				t.Fatalf("%s was acknowledged at %+v", b.name, places)
			}
			n++
		}
	}
	if n != len(places) {
		t.Fatalf("%s has %d events, and was acknowledged at %+v", b.name, n, places)
	}
}
