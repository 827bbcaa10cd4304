package nats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/delivery/nats"
	"github.com/nacredb/nacre/internal/relay"
	"github.com/nats-io/nats.go/jetstream"
)

const elsewhere = `{"url":"nats://127.0.0.1:4"}`

// TestConformance is not beside others: the suite counts goroutines.
func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"one at a time": `"timeoutMs":60000`,
		"many":          `"timeoutMs":60000,"inFlight":64`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			n := 0
			deliverytest.Run(t, func(*testing.T) deliverytest.Fixture {
				n++
				stream := fmt.Sprintf("S%d", n)
				return deliverytest.Fixture{
					Kind: nats.New(nil),
					Config: fmt.Appendf(nil, `{"url":%q,"subject":"%s.{store}.{stream}.{type}","stream":%q,"create":true,%s}`,
						b.url, stream, stream, more),
					Elsewhere: json.RawMessage(elsewhere),
					Refused:   refused,
					Received:  func(t testing.TB) []nacre.Event { return b.events(t, stream) },
					Stop:      b.stop,
					Start:     b.start,
					Once:      true,
				}
			})
		})
	}
}

var refused = map[string]string{
	`{}`:                                               "config.url",
	`{"url":""}`:                                       "config.url",
	`{"url":"http://h"}`:                               "config.url",
	`{"url":"nats://"}`:                                "config.url",
	`{"url":"nats://h:0"}`:                             "config.url",
	`{"url":"nats://h:99999"}`:                         "config.url",
	`{"url":"nats://h:"}`:                              "config.url",
	`{"url":"nats://h:4222/path"}`:                     "config.url",
	`{"url":"nats://h?tls=no"}`:                        "config.url",
	`{"url":"nats://token@h"}`:                         "config.url",
	`{"url":"nats://h,"}`:                              "config.url",
	`{"url":"nats://u:-hidden-@h"}`:                    "config.url",
	`{"url":"nats://u:p@h","token":"t"}`:               "config.url",
	`{"url":"nats://%zz@h"}`:                           "config.url",
	`{"url":"nats://h","subject":"a b"}`:               "config.subject",
	`{"url":"nats://h","subject":"a..b"}`:              "config.subject",
	`{"url":"nats://h","subject":".a"}`:                "config.subject",
	`{"url":"nats://h","subject":"a.>"}`:               "config.subject",
	`{"url":"nats://h","subject":"a.*"}`:               "config.subject",
	`{"url":"nats://h","subject":"$JS.{store}"}`:       "config.subject",
	`{"url":"nats://h","subject":"a.{nonsense}"}`:      "config.subject",
	`{"url":"nats://h","stream":"a.b"}`:                "config.stream",
	`{"url":"nats://h","create":true}`:                 "config.stream",
	`{"url":"nats://h","token":"-hidden-"}`:            "config.token",
	`{"url":"nats://h","credentials":"nonsense"}`:      "config.credentials",
	`{"url":"nats://h","token":"t","credentials":"c"}`: "config.token",
	`{"url":"nats://h","inFlight":-1}`:                 "config.inFlight",
	`{"url":"nats://h","inFlight":257}`:                "config.inFlight",
	`{"url":"nats://h","timeoutMs":9}`:                 "config.timeoutMs",
}

// TestSecrets: what is shown can be given back with a change, and then has its secrets; another server never gets them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	k := nats.New(nil)
	for _, config := range []string{
		`{"url":"nats://u:s3cret@h:1,nats://u:s3cret@i:1"}`,
		`{"url":"nats://h:1","token":"s3cret"}`,
	} {
		checked, err := k.Check([]byte(config), nil)
		if err != nil {
			t.Fatal(err)
		}
		public := string(k.Public(checked))
		if strings.Contains(public, "s3cret") {
			t.Errorf("the secret shows in %s", public)
		}
		again, err := k.Check([]byte(public), checked)
		if err != nil || !k.Same(again, checked) {
			t.Errorf("given back, it is %s, %v", again, err)
		}
		evil := strings.ReplaceAll(public, "h:1", "evil:1")
		if got, err := k.Check([]byte(evil), checked); err == nil {
			t.Errorf("another server gets %s", got)
		}
	}
	if got := string(k.Public([]byte(`nonsense`))); got != "{}" {
		t.Errorf("nonsense shows as %s", got)
	}
}

func open(t testing.TB, config string, args ...any) delivery.Sender {
	t.Helper()
	k := nats.New(nil)
	checked, err := k.Check(fmt.Appendf(nil, config, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(checked)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestMessage is what a message has beside the event.
func TestMessage(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := open(t, `{"url":%q,"stream":"NACRE","create":true}`, b.url)
	events := deliverytest.Events(41, 3, 1)
	events[1].StreamID, events[1].Type = "a.b *>-1", ".placed"
	events[1].Metadata = []byte(`{"correlationId":" a\r\nInjected: yes"}`)
	events[2].Metadata = []byte(`{"correlationId":"` + strings.Repeat("ü", 5000) + `"}`)
	receipt, err := s.Send(t.Context(), &delivery.Batch{ID: "b-1", Store: "my.shop", Subscription: "all", Events: events})
	if err != nil || receipt.Response != "up to sequence 3 of stream NACRE" {
		t.Fatalf("got %+v, %v", receipt, err)
	}
	messages := b.messages(t, "NACRE")
	if len(messages) != 3 {
		t.Fatalf("%d messages are there", len(messages))
	}
	for i, want := range []map[string]string{
		{
			"": "nacre.my%2Eshop.order.order.placed", nats.HeaderEventID: events[0].ID, nats.HeaderType: "order.placed",
			nats.HeaderStreamID: "order-0", nats.HeaderStreamPosition: "41", nats.HeaderPosition: "42", nats.HeaderStore: "my.shop",
			nats.HeaderCorrelationID: "c-41", jetstream.MsgIDHeader: relay.MessageID("my.shop", "all", &events[0]),
		},
		{
			"": "nacre.my%2Eshop.a%2Eb%20%2A%3E.%2Eplaced", nats.HeaderType: ".placed", nats.HeaderStreamID: "a.b *>-1",
			nats.HeaderCorrelationID: "%20a%0D%0AInjected:%20yes", "Injected": "",
		},
		{nats.HeaderCorrelationID: strings.Repeat("ü", 512)},
	} {
		for header, value := range want {
			got := messages[i].Header.Get(header)
			if header == "" {
				got = messages[i].Subject
			}
			if got != value {
				t.Errorf("message %d: %q is %q, want %q", i, header, got, value)
			}
		}
	}
	// Sent again in other batches, they are known.
	for i := range events {
		receipt, err = s.Send(t.Context(), &delivery.Batch{ID: "b-2", Store: "my.shop", Subscription: "all", Attempt: 2, Events: events[i : i+1]})
		if want := fmt.Sprintf("up to sequence %d of stream NACRE, which had 1 of 1", i+1); err != nil || receipt.Response != want {
			t.Errorf("got %+v, %v, want %s", receipt, err, want)
		}
	}
	// Another subscription's are others.
	if _, err = s.Send(t.Context(), &delivery.Batch{ID: "b-3", Store: "my.shop", Subscription: "some", Events: events[:1]}); err != nil {
		t.Error(err)
	}
	if got := len(b.messages(t, "NACRE")); got != 4 {
		t.Errorf("%d messages are there", got)
	}
}

// TestStream: a stream that is not there is not made unless that is wanted, and says what to do; one that is there is
// not changed.
func TestStream(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	batch := deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]
	for _, c := range []struct{ config, problem string }{
		{`{"url":%q}`, "no stream takes this subject"},
		{`{"url":%q,"stream":"ABSENT"}`, "there is no stream ABSENT"},
	} {
		if _, err := open(t, c.config, b.url).Send(t.Context(), batch); err == nil || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: got %v", c.config, err)
		}
	}
	b.look(t, func(js jetstream.JetStream) {
		for _, stream := range []jetstream.StreamConfig{
			{Name: "OTHER", Subjects: []string{"other.>"}},
			{Name: "SMALL", Subjects: []string{"small.>"}, MaxMsgSize: 400},
		} {
			if _, err := js.CreateStream(t.Context(), stream); err != nil {
				t.Fatal(err)
			}
		}
	})
	if _, err := open(t, `{"url":%q,"stream":"OTHER","create":true}`, b.url).Send(t.Context(), batch); err == nil {
		t.Error("a stream took what is not its subject")
	}
	if _, err := open(t, `{"url":%q,"stream":"OTHER","subject":"small.{type}"}`, b.url).Send(t.Context(), batch); err == nil {
		t.Error("a stream took what was meant for another")
	}
	b.look(t, func(js jetstream.JetStream) {
		stream, err := js.Stream(t.Context(), "OTHER")
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().Config.Subjects; !slices.Equal(got, []string{"other.>"}) {
			t.Errorf("the stream was changed to %q", got)
		}
	})
	if got := len(b.events(t, "SMALL")); got != 0 {
		t.Errorf("%d events are in the wrong stream", got)
	}
	// What is too large is refused for ever, by the stream or by the server.
	for _, size := range []int{500, 2 << 20} {
		large := deliverytest.Events(0, 1, 1)
		large[0].Data = []byte(`"` + strings.Repeat("x", size) + `"`)
		_, err := open(t, `{"url":%q,"subject":"small.{type}"}`, b.url).Send(t.Context(), &delivery.Batch{ID: "b", Store: "s", Events: large})
		if f, is := errors.AsType[*delivery.Failure](err); !is || !f.Permanent {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
	// One without placeholders but the store's name.
	if _, err := open(t, `{"url":%q,"subject":"all.{store}","stream":"ALL","create":true}`, b.url).Send(t.Context(), batch); err != nil {
		t.Error(err)
	}
}

// TestStreamGoes: a stream that is removed while a sender is connected is made again, as it is at the beginning.
func TestStreamGoes(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := open(t, `{"url":%q,"stream":"S","create":true}`, b.url)
	batches := deliverytest.Batches(deliverytest.Events(0, 2, 1), 1)
	if _, err := s.Send(t.Context(), batches[0]); err != nil {
		t.Fatal(err)
	}
	b.look(t, func(js jetstream.JetStream) {
		if err := js.DeleteStream(t.Context(), "S"); err != nil {
			t.Fatal(err)
		}
	})
	if n, err := deliverytest.Deliver(t.Context(), s, batches[1]); err != nil || n > 2 {
		t.Errorf("it took %d attempts: %v", n, err)
	}
	if got := len(b.events(t, "S")); got != 1 {
		t.Errorf("%d events are there", got)
	}
}

func TestNoEvent(t *testing.T) {
	t.Parallel()
	s := open(t, elsewhere)
	events := deliverytest.Events(0, 1, 1)
	events[0].Data = nil
	_, err := s.Send(t.Context(), &delivery.Batch{ID: "b", Store: "s", Events: events})
	if f, is := errors.AsType[*delivery.Failure](err); !is || !f.Permanent {
		t.Errorf("got %v", err)
	}
}

// TestMute has an other side that takes connections and says nothing: neither the context nor Close waits for it.
func TestMute(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := nats.New(nil)
	s, err := k.Open(fmt.Appendf(nil, `{"url":"nats://%s","timeoutMs":600000}`, l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.Send(ctx, deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0])
		ended <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); err == nil {
		t.Error("a closed sender sends")
	}
}

// TestDial: a server may refuse places, whatever a name leads to.
func TestDial(t *testing.T) {
	t.Parallel()
	forbidden := errors.New("not this place")
	var asked []string
	k := nats.New(&nats.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		asked = append(asked, address)
		return nil, forbidden
	}})
	s, err := k.Open([]byte(`{"url":"nats://localhost:4222"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), deliverytest.Batches(deliverytest.Events(0, 1, 1), 1)[0]); err == nil {
		t.Error("got no error")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(asked, []string{"localhost:4222"}) {
		t.Errorf("asked for %q", asked)
	}
}
