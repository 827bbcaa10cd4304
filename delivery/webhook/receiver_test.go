package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery/webhook"
)

// Inbox takes events, each once.
type Inbox struct {
	verifier *webhook.Verifier

	mu   sync.Mutex
	seen map[string]bool // a table with a unique key, in the transaction of what the event changes
}

func NewInbox(secrets ...string) (*Inbox, error) {
	verifier, err := webhook.NewVerifier(secrets...)
	return &Inbox{verifier: verifier, seen: map[string]bool{}}, err
}

func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusRequestEntityTooLarge)
		return
	}
	if err := in.verifier.Verify(r.Header, body); err != nil {
		http.Error(w, "not signed as agreed", http.StatusUnauthorized)
		return
	}
	var message struct {
		Event  *nacre.Event  `json:"event"`
		Events []nacre.Event `json:"events"` // where the policy has batches
	}
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	if message.Event != nil {
		message.Events = append(message.Events, *message.Event)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, event := range message.Events {
		key := string(event.StreamID) + " " + event.ID
		if !in.seen[key] {
			fmt.Println(event.Type, event.StreamID, string(event.Data))
			in.seen[key] = true
		}
	}
}

func ExampleNewVerifier() {
	kind, err := webhook.New(&webhook.Options{AllowPrivate: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := kind.Check(json.RawMessage(`{"url":"http://127.0.0.1/"}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	inbox, err := NewInbox(webhook.Secret(config))
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver := httptest.NewServer(inbox)
	defer receiver.Close()
	if err := sendTwice(kind, receiver.URL, config); err != nil {
		fmt.Println(err)
	}
	// Output: order.shipped order-456 {"carrier":"snail"}
}

// sendTwice sends one event two times, as a server that was killed in between does.
func sendTwice(kind *webhook.Kind, address string, before json.RawMessage) error {
	config, err := kind.Check(json.RawMessage(`{"url":"`+address+`"}`), before)
	if err != nil {
		return err
	}
	sender, err := kind.Open(config)
	if err != nil {
		return err
	}
	defer sender.Close()
	for attempt := range 2 {
		if _, err := sender.Send(context(), shipped(attempt+1)); err != nil {
			return err
		}
	}
	return nil
}
