package relay_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/relay"
	"pgregory.net/rapid"
)

type config struct {
	URL  string `json:"url"`
	Max  int64  `json:"max,omitempty"`
	Keep bool   `json:"keep"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		``:                      "",
		` { } `:                 "",
		`{"url":"u","max":3}`:   "",
		`{"url":"\u0075"}`:      "",
		`[]`:                    "config",
		`"url"`:                 "config",
		`{`:                     "config",
		`{"url":"u"`:            "config",
		`{"url":"u"} {}`:        "config",
		`{"url"}`:               "config.url",
		`{"URL":"u"}`:           "config.URL",
		`{"nonsense":1}`:        "config.nonsense",
		`{"url":"u","url":"v"}`: "config.url",
		`{"url":null}`:          "config.url",
		`{"url":7}`:             "config.url",
		`{"max":"3"}`:           "config.max",
		`{"max":1.5}`:           "config.max",
		`{"max":9999999999999999999999999999999999999}`: "config.max",
		`{"keep":{}}`: "config.keep",
		`{"keep":[]}`: "config.keep",
	} {
		var c config
		err := relay.Decode(json.RawMessage(text), &c)
		if field == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if e, is := errors.AsType[*nacre.Error](err); !is || e.Code != nacre.CodeInvalid || e.Field != field {
			t.Errorf("%s: got %v, want %s to be refused", text, err, field)
		}
	}
	var c config
	if err := relay.Decode(json.RawMessage(`{"keep":true,"max":3,"url":"a<b"}`), &c); err != nil || c != (config{"a<b", 3, true}) {
		t.Errorf("got %+v, %v", c, err)
	}
	if got := string(relay.Encode(c)); got != `{"url":"a<b","max":3,"keep":true}` {
		t.Errorf("encoded as %s", got)
	}
}

// TestDecodeShowsNoText: what stands in the wrong place may be a secret.
func TestDecodeShowsNoText(t *testing.T) {
	t.Parallel()
	var c config
	err := relay.Decode(json.RawMessage(`{"max":"hunter2"}`), &c)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	for value, want := range map[int64]int64{0: 5, 1: 1, 9: 9, 10: -1, -1: -1} {
		v := value
		if err := relay.Range("config.n", &v, 5, 1, 9); (err != nil) != (want < 0) || err == nil && v != want {
			t.Errorf("%d became %d, %v", value, v, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	before := "redis://u:s%23cret@a:1/0,redis://b:2"
	shown := relay.HideURL(before)
	if shown != "redis://u:-hidden-@a:1/0,redis://b:2" || !relay.HidesURL(shown) || relay.HidesURL(before) {
		t.Errorf("shown as %s", shown)
	}
	if got := relay.RestoreURL(shown, before); got != before {
		t.Errorf("restored as %s", got)
	}
	// A password is not sent to where it was not for.
	elsewhere := strings.Replace(shown, "@a:1", "@evil:1", 1)
	if got := relay.RestoreURL(elsewhere, before); got != elsewhere {
		t.Errorf("restored as %s", got)
	}
	if got := relay.HideURL("redis://u:secret@a:port"); strings.Contains(got, "secret") {
		t.Errorf("shown as %s", got)
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a.{nonsense}", "a.{", "a.}", "{store}}", "{{store}", "{}"} {
		_, err := relay.ParseTemplate("config.subject", bad)
		if e, is := errors.AsType[*nacre.Error](err); !is || e.Field != "config.subject" {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	made, err := relay.ParseTemplate("config.subject", "n.{store}.{category}/{stream}.{type}!")
	if err != nil {
		t.Fatal(err)
	}
	escape := func(_ relay.Value, s string) string { return relay.Escape(s, "") }
	e := &nacre.Event{StreamID: "or der-1", Type: "or%der.é"}
	if got := made.Name("shop", e, escape); got != "n.shop.or%20der/or%20der-1.or%25der%2E%C3%A9!" {
		t.Errorf("made %s", got)
	}
	if begin, all := made.Constant("shop", escape); begin != "n.shop." || all {
		t.Errorf("constant %s, %v", begin, all)
	}
	constant, err := relay.ParseTemplate("config.subject", "n.{store}")
	if err != nil {
		t.Fatal(err)
	}
	if begin, all := constant.Constant("shop", escape); begin != "n.shop" || !all {
		t.Errorf("constant %s, %v", begin, all)
	}
}

func TestEscapeIsReversible(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		escaped := relay.Escape(value, ".%")
		if strings.ContainsAny(escaped, " *>{}\r\n:") {
			t.Fatalf("%q is escaped as %q", value, escaped)
		}
		if back, err := url.PathUnescape(escaped); err != nil || back != value {
			t.Fatalf("%q is escaped as %q, which is %q, %v", value, escaped, back, err)
		}
	})
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	e := nacre.Event{GlobalPosition: 42, ID: "id", CreatedAt: time.UnixMicro(7)}
	id := relay.MessageID("shop", "all", &e)
	if id != "shop/all/42/id/7" {
		t.Errorf("got %s", id)
	}
}
