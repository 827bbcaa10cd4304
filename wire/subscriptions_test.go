package wire

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

func TestSubscriptionRequestsComeBack(t *testing.T) {
	t.Parallel()
	position, jitter := nacre.Position(7), 0.0
	policy := &SubscriptionPolicy{
		Order: "global", Window: 9, Parallel: 2, Batch: 3, OnExhausted: "suspend", AckDeadlineMS: 500, Pinned: true,
		Retry: &SubscriptionRetry{MaxAttempts: 4, Strategy: "fixed", InitialDelayMS: 5, MaxDelayMS: 6, Multiplier: 1.5, JitterPercent: &jitter},
	}
	filter := nacre.Filter{{Types: []string{"user.*"}, Tags: []string{"a"}}, {Streams: []nacre.StreamID{"s-1"}}}
	for _, want := range []SubscriptionRequest{
		{Kind: "group", Name: "g"},
		{Kind: "webhook", Filter: filter, Where: "data.total > 100\n", Start: SubscriptionStart{Earliest: true}, Config: json.RawMessage(`{"url":"x"}`), Policy: policy},
		{Kind: "file", Start: SubscriptionStart{After: &position}},
		{Kind: "file", Start: SubscriptionStart{At: time.Date(2026, 11, 20, 18, 55, 20, 471204000, time.UTC)}},
	} {
		body, err := EncodeSubscription(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeSubscription(body)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s comes back as %+v, %v", body, got, err)
		}
	}
	change := SubscriptionChange{Filter: &filter, Config: json.RawMessage(`{"url":"y"}`), Policy: policy}
	where, none := "data.total > 100", ""
	for _, change := range []SubscriptionChange{change, {Where: &where}, {Where: &none}} {
		body, err := EncodeSubscriptionChange(&change)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeSubscriptionChange(body); err != nil || !reflect.DeepEqual(got, change) {
			t.Errorf("%s comes back as %+v, %v", body, got, err)
		}
	}
	for field, body := range map[string]string{
		"where": `{"kind":"group","where":""}`, "body": `{}`,
	} {
		_, err := DecodeSubscription([]byte(body))
		if field == "body" {
			_, err = DecodeSubscriptionChange([]byte(body))
		}
		if e, ok := errors.AsType[*nacre.Error](err); !ok || e.Field != field {
			t.Errorf("%s gives %v", body, err)
		}
	}
	page := SubscriptionsParams{Kind: "webhook", Status: "PAUSED", EventFilter: "a.*", Limit: 3, Offset: 4}
	if got, err := ParseSubscriptions(page.Values()); err != nil || got != page {
		t.Errorf("%v comes back as %+v, %v", page.Values(), got, err)
	}
	plain := PageParams{Limit: 5, Offset: 6}
	if got, err := ParsePage(plain.Values()); err != nil || got != plain {
		t.Errorf("%v comes back as %+v, %v", plain.Values(), got, err)
	}
	if r, err := DecodeReplay(url.Values{"from": {"4"}}, []byte(`{"from":4}`)); err != nil || r.From != 4 {
		t.Errorf("a replay that is told twice is %+v, %v", r, err)
	}
}

func TestConsumerMessagesComeBack(t *testing.T) {
	t.Parallel()
	poll := PollRequest{Consumer: "c", Max: 4, WaitMS: 50}
	message, err := EncodeConsumerPoll(&poll)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := DecodeConsumerMessage(message); err != nil || m.Ack != nil || *m.Poll != poll {
		t.Errorf("%s comes back as %+v, %v", message, m, err)
	}
	ack := AckRequest{Consumer: "c", Ack: []string{"1", "2"}, Nack: []NackRequest{{DeliveryID: "3", Action: "park", AfterMS: 4, Reason: "no"}}}
	if message, err = Encode(&ack); err != nil {
		t.Fatal(err)
	}
	if m, err := DecodeConsumerMessage(message); err != nil || m.Poll != nil || !reflect.DeepEqual(*m.Ack, ack) {
		t.Errorf("%s comes back as %+v, %v", message, m, err)
	}
	if got, err := DecodeAck(message); err != nil || !reflect.DeepEqual(got, ack) {
		t.Errorf("%s comes back as %+v, %v", message, got, err)
	}

	stored := stored(hundred())
	text := BeginDeliveries(nil)
	for i := range 2 {
		text = AppendDelivery(text, `id"`, i+1, &stored.Events[i])
	}
	text = EndDeliveries(text)
	doc := document(t)
	conforms(t, doc, "Deliveries", text)
	m, err := ParseGroupMessage(text)
	if err != nil || m.Deliveries == nil || len(m.Deliveries.Deliveries) != 2 {
		t.Fatalf("%s is %+v, %v", text, m, err)
	}
	if d := m.Deliveries.Deliveries[1]; d.DeliveryID != `id"` || d.Attempt != 2 || d.Event.ID != stored.Events[1].ID {
		t.Errorf("a delivery comes back as %+v", d)
	}
	none := EndDeliveries(BeginDeliveries(nil))
	if m, err := ParseGroupMessage(none); err != nil || m.Deliveries == nil || len(m.Deliveries.Deliveries) != 0 {
		t.Errorf("%s is %+v, %v", none, m, err)
	}
	if m, err := ParseGroupMessage([]byte(`{"done":3,"unknown":["x"],"later":{}}`)); err != nil || m.Answered.Done != 3 || m.Answered.Unknown[0] != "x" {
		t.Errorf("an answer is %+v, %v", m, err)
	}
	_, body := FromError(nacre.Errorf(CodeSubscriptionHalted, "it is paused"))
	if m, err := ParseGroupMessage(AppendFrameError(nil, body)); err != nil || nacre.CodeOf(m.Err) != CodeSubscriptionHalted {
		t.Errorf("an error is %+v, %v", m, err)
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"done":"x"}`, `{"deliveries":7}`, `{"deliveries":[]`} {
		if m, err := ParseGroupMessage([]byte(bad)); nacre.CodeOf(err) != nacre.CodeInternal {
			t.Errorf("%s is %+v, %v", bad, m, err)
		}
	}
}

// Nothing that a client says makes a decoder panic, and what is refused is told as that.
func FuzzSubscriptionRequests(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","kind":"group","filter":{"items":[{"types":["a"]}]},"start":4,"policy":{"retry":{"multiplier":2.5}}}`,
		`{"eventFilter":["a"],"subscriber":{"type":"webhook","config":{"url":"x","retryPolicy":{"backoffMinutes":1}}},"initialPosition":"latest"}`,
		`{"poll":{"consumer":"a","max":3,"waitMs":4}}`, `{"consumer":"a","ack":["1"],"nack":[{"deliveryId":"x"}]}`, `{"ids":["a"]}`, `{"from":1}`, `{}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(err error) {
			if e, ok := errors.AsType[*nacre.Error](err); err != nil && (!ok || e.Code != nacre.CodeInvalid || e.Field == "") {
				t.Fatalf("%q is refused with %#v", body, err)
			}
		}
		r, err := DecodeSubscription(body)
		check(err)
		if err == nil {
			again, err := EncodeSubscription(&r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeSubscription(again); err != nil {
				t.Fatalf("%s, encoded again as %s, is refused: %v", body, again, err)
			}
		}
		_, err = DecodeDeltaBaseSubscription(body)
		check(err)
		_, err = DecodeSubscriptionChange(body)
		check(err)
		_, err = DecodeConsumerMessage(body)
		check(err)
		_, err = DecodePoll(body)
		check(err)
		_, err = DecodeAck(body)
		check(err)
		_, err = DecodeLeave(body)
		check(err)
		_, err = DecodeLetters(body)
		check(err)
		_, err = DecodeReplay(nil, body)
		check(err)
		check(DecodeNothing(body))
		_, _ = ParseGroupMessage(body) // a server's, whose errors are its own
	})
}
