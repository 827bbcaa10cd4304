package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// What is sent is taken by the library of Standard Webhooks, and by the verifier, with each secret that signs.
func TestSignatureAgainstTheLibrary(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	// The library has no clock of its own.
	k := newKind(t, &Options{AllowPrivate: true, Clock: time.Now})
	config, err := k.Check(configOf(t, r.URL, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	old := config
	if config, err = k.Rotate(config, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{formatEvent, formatStructured, formatBinary} {
		all := members(t, config)
		all["format"] = []byte(strconv.Quote(format))
		text := `{"url":` + string(all["url"]) + `,"secrets":` + string(all["secrets"]) + `,"format":` + string(all["format"]) + `}`
		s := open(t, k, []byte(text))
		for _, b := range []int{1, 3} {
			batch := batchOf()
			for i := range b {
				batch.Events = append(batch.Events, event(i+1))
			}
			if _, err := s.Send(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	requests := r.requests()
	if len(requests) != 8 {
		t.Errorf("%d requests came, want 8", len(requests))
	}
	for _, got := range requests {
		if n := len(strings.Split(got.header.Get("webhook-signature"), " ")); n != 2 {
			t.Errorf("it has %d signatures, want 2: %v", n, got.header)
		}
		for _, key := range []string{Secret(config), Secret(old)} {
			library, err := standardwebhooks.NewWebhook(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := library.Verify(got.body, got.header); err != nil {
				t.Errorf("the library: %v", err)
			}
			v, err := NewVerifier(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(got.header, got.body); err != nil {
				t.Error(err)
			}
		}
		stranger, err := standardwebhooks.NewWebhook(makeSecret().Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := stranger.Verify(got.body, got.header); err == nil {
			t.Error("another secret fits as well")
		}
	}
}

// A secret that has ended does not sign, also where the configuration was opened before.
func TestSecretEndsWhileOpen(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	now := at
	k := newKind(t, &Options{AllowPrivate: true, Clock: func() time.Time { return now }})
	config, err := k.Rotate(configOf(t, r.URL, nil), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, k, config)
	v, err := NewVerifier(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	for after, signs := range map[time.Duration]bool{59 * time.Second: true, time.Minute: false} {
		now = at.Add(after)
		if _, err := s.Send(t.Context(), batchOf(event(1))); err != nil {
			t.Fatal(err)
		}
		got := r.last(t)
		if err := v.VerifyAt(got.header, got.body, now); (err == nil) != signs {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

// The vector that the libraries of Standard Webhooks share.
func TestKnownSignature(t *testing.T) {
	t.Parallel()
	v, err := NewVerifier(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if err := v.VerifyAt(h, []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0)); err != nil {
		t.Error(err)
	}
}

func signed(t testing.TB, key, id string, when time.Time, body string) http.Header {
	t.Helper()
	library, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := library.Sign(id, when, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", fmt.Sprint(when.Unix()))
	h.Set("webhook-signature", s)
	return h
}

func TestVerify(t *testing.T) {
	t.Parallel()
	other := makeSecret().Key
	v, err := NewVerifier(other, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"a":1}`
	change := func(name, value string) http.Header {
		h := signed(t, testSecret, "id.1", at, body)
		if value == "" {
			h.Del(name)
		} else {
			h.Set(name, strings.ReplaceAll(value, "SIGNATURE", h.Get("webhook-signature")))
		}
		return h
	}
	for _, c := range []struct {
		name   string
		header http.Header
		want   error
	}{
		{"good", change("x", "y"), nil},
		{"other secret", signed(t, other, "id.1", at, body), nil},
		{"unknown secret", signed(t, makeSecret().Key, "id.1", at, body), ErrSignature},
		{"no headers", nil, ErrHeaders},
		{"no id", change("webhook-id", ""), ErrHeaders},
		{"no time", change("webhook-timestamp", ""), ErrHeaders},
		{"no signature", change("webhook-signature", ""), ErrHeaders},
		{"another id", change("webhook-id", "id.2"), ErrSignature},
		{"dots moved", func() http.Header { h := change("webhook-id", "id"); h.Set("webhook-timestamp", "1"); return h }(), ErrTime},
		{"another time", change("webhook-timestamp", fmt.Sprint(at.Unix()+1)), ErrSignature},
		{"time as text", change("webhook-timestamp", "now"), ErrHeaders},
		{"time with a sign", change("webhook-timestamp", fmt.Sprintf("+%d", at.Unix())), ErrHeaders},
		{"time below zero", change("webhook-timestamp", "-9223372036854775808"), ErrHeaders},
		{"time beyond numbers", change("webhook-timestamp", "99999999999999999999"), ErrHeaders},
		{"time at the end", change("webhook-timestamp", "9223372036854775807"), ErrTime},
		{"at the edge", signed(t, testSecret, "i", at.Add(-tolerance), body), nil},
		{"too old", signed(t, testSecret, "i", at.Add(-tolerance-time.Second), body), ErrTime},
		{"at the other edge", signed(t, testSecret, "i", at.Add(tolerance), body), nil},
		{"too new", signed(t, testSecret, "i", at.Add(tolerance+time.Second), body), ErrTime},
		{"several", change("webhook-signature", "v1a,xyz v1,AAAA v1,% v2,SIGNATURE  SIGNATURE"), nil},
		{"no version", change("webhook-signature", "SIGNATURE"[3:]), ErrSignature},
		{"another version", change("webhook-signature", "v2,AAAA"), ErrSignature},
		{"empty", change("webhook-signature", "v1,"), ErrSignature},
		{"spaces", change("webhook-signature", "   "), ErrSignature},
	} {
		if err := v.VerifyAt(c.header, []byte(body), at); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	h := signed(t, testSecret, "id.1", at, body)
	for _, changed := range []string{``, `{"a":2}`, ` {"a":1}`, `{"a":1}` + "\n"} {
		if err := v.VerifyAt(h, []byte(changed), at); !errors.Is(err, ErrSignature) {
			t.Errorf("the body %q: %v", changed, err)
		}
	}
	if err := v.Verify(h, []byte(body)); !errors.Is(err, ErrTime) {
		t.Errorf("now: %v", err)
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {""}, {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, {testSecret, "whsec_AAAA"}, {"whsec_" + strings.Repeat("A", 200)}, {testSecret + "\n"}} {
		_, err := NewVerifier(secrets...)
		if err == nil {
			t.Errorf("%q is taken", secrets)
		} else if strings.Contains(err.Error(), "AAAA") || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	v, err := NewVerifier(testSecret)
	if err != nil {
		f.Fatal(err)
	}
	good := signed(f, testSecret, "id", at, "body")
	f.Add("id", fmt.Sprint(at.Unix()), good.Get("webhook-signature"), []byte("body"))
	f.Add("", "-1", "v1,", []byte(nil))
	f.Add("a.b", "99999999999999999999", "v1,AAAA v1a,x", []byte("{}"))
	library, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", timestamp)
		h.Set("webhook-signature", signature)
		err := v.VerifyAt(h, body, at)
		switch {
		case err == nil:
			// The library does not look at the clock here; what is taken has to be good for it, too.
			if e := library.VerifyIgnoringTimestamp(body, h); e != nil {
				t.Fatalf("%q, %q, %q: taken, but by the library: %v", id, timestamp, signature, e)
			}
		case !errors.Is(err, ErrHeaders) && !errors.Is(err, ErrTime) && !errors.Is(err, ErrSignature):
			t.Fatal(err)
		}
		// What is signed is taken.
		if id != "" {
			if err := v.VerifyAt(signed(t, testSecret, id, at, string(body)), body, at); err != nil {
				t.Fatalf("%q: %v", id, err)
			}
		}
	})
}

// The wall clock is set forward and back while a secret's overlap lasts: each request has the time of its own attempt, what
// stays signs always, and what is to end signs by the clock as it is.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	now := at
	k := newKind(t, &Options{AllowPrivate: true, Clock: func() time.Time { return now }})
	config, err := k.Rotate(configOf(t, r.URL, nil), 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, k, config)
	old, err := NewVerifier(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := NewVerifier(Secret(config))
	if err != nil {
		t.Fatal(err)
	}
	for i, off := range []time.Duration{0, 7 * time.Hour, -7 * time.Hour, time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour, 3 * time.Hour, 0} {
		now = at.Add(off)
		if _, err := s.Send(t.Context(), batchOf(event(i+1))); err != nil {
			t.Fatal(err)
		}
		got := r.last(t)
		if err := fresh.VerifyAt(got.header, got.body, now); err != nil {
			t.Errorf("off by %v: %v", off, err)
		}
		if err := old.VerifyAt(got.header, got.body, now); (err == nil) != (off < 2*time.Hour) {
			t.Errorf("off by %v, the old secret: %v", off, err)
		}
	}
}
