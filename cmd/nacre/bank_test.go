//go:build unix

package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
	"github.com/nacredb/nacre/storage/filestore"
)

// bankStore makes the store that the documents show projections and process managers on: what programs on other
// machines, which run them, have told of them. The format is spec/companion-log.md.
func bankStore(t *testing.T, dir string) {
	t.Helper()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	log, system := store, store.System()
	put := func(to *nacre.Store, stream nacre.StreamID, eventType string, data any) {
		t.Helper()
		if _, err := to.Append(t.Context(), stream, nacre.Any, nacre.NewEvent(eventType, data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []struct {
		stream nacre.StreamID
		kind   string
		data   string
	}{
		{"account-ann", "account.opened", `{}`},
		{"account-bob", "account.opened", `{}`},
		{"account-ann", "account.deposited", `{"cents":5000}`},
		{"transfer-1", "transfer.requested", `{"from":"ann","to":"bob","cents":2000}`},
		{"account-ann", "account.withdrawn", `{"cents":2000}`},
		{"account-bob", "account.closed", `{}`},
	} {
		put(log, e.stream, e.kind, json.RawMessage(e.data))
	}

	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	// told is a runner, with its last state and, unless it is nil, its last heartbeat.
	told := func(kind, name string, state, beat map[string]any) {
		t.Helper()
		stream := nacre.StreamID("runner-" + kind + "." + name)
		put(system, stream, "runner.started", map[string]any{
			"term": 1, "token": name, "host": "web-1", "pid": 812, "lease": 1_000_000, "startedAt": now,
		})
		state["term"] = 1
		eventType := "runner.changed"
		if beat == nil {
			eventType = "runner.stopped"
		}
		put(system, stream, eventType, state)
		if beat == nil {
			return
		}
		beat["term"], beat["head"], beat["updatedAt"] = 1, 6, now
		text, err := json.Marshal(beat)
		if err != nil {
			t.Fatal(err)
		}
		if err := blobs.PutBlob(t.Context(), "runners/"+kind+"/"+name+".json", text); err != nil {
			t.Fatal(err)
		}
	}
	told("projection", "balances", map[string]any{"state": "RUNNING"}, map[string]any{"position": 6, "rate": 812.5})
	told("projection", "statements", map[string]any{"state": "REBUILDING"}, map[string]any{
		"position": 6, "rate": 0.1, "rebuild": map[string]any{"position": 3, "target": 6, "startedAt": now, "secondsLeft": 30},
	})
	told("projection", "audit", map[string]any{
		"state": "RUNNING", "position": 4,
		"failure": map[string]any{"message": "no such currency", "position": 5, "eventId": "withdrawal-5", "at": now},
	}, nil)
	told("process", "transfers", map[string]any{"state": "RUNNING"}, map[string]any{"position": 6, "rate": 120, "deadLetters": 1})
	bury := runner.Bury(runner.ID{Kind: runner.Process, Name: "transfers"}, runner.Letter{
		ID: "transfer-1/deposit", What: runner.LetterCommand, Instance: "transfer-1", Position: 5, EventID: "withdrawal-5",
		Stream: "account-ann", Type: "account.withdrawn", Command: "account.deposit", To: "bob",
		Payload: []byte(`{"cents":2000}`), Attempts: 10, Error: runner.Failure{Message: "the account of bob is closed"}, At: now,
	})
	if _, err := system.Commit(t.Context(), nil, bury); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
