package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

func TestCheckFills(t *testing.T) {
	t.Parallel()
	k := newKind(t, &Options{})
	got, err := k.Check(json.RawMessage(` {"url":"https://example.com/a?b=<c>&d","headers":{"x-tenant":"7"}} `), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := Secret(got)
	want := fmt.Sprintf(`{"url":"https://example.com/a?b=<c>&d","headers":{"X-Tenant":"7"},"timeoutMs":15000,"format":"event","secrets":[{"key":"%s"}]}`, key)
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if bytes, err := keyOf(key); err != nil || len(bytes) != 32 {
		t.Errorf("the secret %q has %d bytes: %v", key, len(bytes), err)
	}
	other, err := k.Check(json.RawMessage(`{"url":"https://example.com/"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if Secret(other) == key {
		t.Error("two subscriptions have the same secret")
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	k := newKind(t, &Options{})
	many := map[string]any{}
	for i := range maxHeaders + 1 {
		many[fmt.Sprintf("X-%d", i)] = "v"
	}
	secrets := make([]string, maxSecrets+1)
	for i := range secrets {
		secrets[i] = makeSecret().Key
	}
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	full := func(member string) string { return `{"url":"https://example.com",` + member + `}` }
	for config, field := range map[string]string{
		``: "config.url", `null`: "config.url", `{}`: "config.url", `[]`: "config", `"x"`: "config", `{`: "config", `{} {}`: "config",
		`{"url":null}`: "config.url", `{"url":1}`: "config.url", `{"url":""}`: "config.url", `{"url":"example.com"}`: "config.url",
		`{"url":"ftp://example.com"}`: "config.url", `{"url":"https:"}`: "config.url", `{"url":"https:///x"}`: "config.url", `{"url":"https:x"}`: "config.url",
		`{"url":"https://u@example.com"}`: "config.url", `{"url":"https://u:p@example.com"}`: "config.url", `{"url":"https://example.com#a"}`: "config.url",
		`{"url":"https://example.com#"}`: "config.url", `{"url":"https://example.com:"}`: "config.url", `{"url":"https://example.com:0"}`: "config.url",
		`{"url":"https://example.com:65536"}`: "config.url", `{"url":"https://example.com:x"}`: "config.url", `{"url":"https://a..b"}`: "config.url",
		`{"url":"https://a b"}`: "config.url", `{"url":"https://a%00b"}`: "config.url", `{"url":"https://."}`: "config.url", `{"url":"https://[::1"}`: "config.url",
		`{"url":"https://2130706433"}`: "config.url", `{"url":"https://127.1"}`: "config.url", `{"url":"https://0x7f000001"}`: "config.url", `{"url":"https://0177.0.0.1"}`: "config.url",
		`{"url":"https://1.2.3.256"}`: "config.url", `{"url":"https://x/` + strings.Repeat("a", maxURL) + `"}`: "config.url",
		`{"url":"https://` + strings.Repeat("a", 64) + `.com"}`: "config.url", `{"url":"https://example.com\n"}`: "config.url",
		full(`"URL":"https://example.com"`): "config.URL", full(`"retry":{}`): "config.retry", full(`"success":[200]`): "config.success",
		full(`"timeoutMs":99`): "config.timeoutMs", full(`"timeoutMs":120001`): "config.timeoutMs", full(`"timeoutMs":"1s"`): "config.timeoutMs",
		full(`"timeoutMs":0`): "config.timeoutMs", full(`"timeoutMs":1e3`): "config.timeoutMs", full(`"timeoutMs":-5`): "config.timeoutMs",
		full(`"format":"xml"`): "config.format", full(`"format":1`): "config.format", full(`"followRedirects":"yes"`): "config.followRedirects",
		full(`"eventStoreName":"a\nb"`): "config.eventStoreName", full(`"eventStoreName":"` + strings.Repeat("a", 257) + `"`): "config.eventStoreName",
		full(`"headers":[]`): "config.headers", full(`"headers":{"A":1}`): "config.headers", full(`"headers":{"A":null}`): "config.headers.A",
		full(`"headers":` + text(many)): "config.headers", full(`"headers":{"A":"1","a":"2"}`): "config.headers.a",
		full(`"headers":{"A":"` + strings.Repeat("v", maxHeaderBytes) + `"}`): "config.headers",
		full(`"headers":{"A":"[hidden]"}`):                                    "config.headers.A",
		full(`"headers":{"":"v"}`):                                            "config.headers", full(`"headers":{"a b":"v"}`): "config.headers", full(`"headers":{"a\r\nb":"v"}`): "config.headers",
		full(`"headers":{"A":"a\nb"}`): "config.headers.A", full(`"headers":{"A":" a"}`): "config.headers.A", full(`"headers":{"A":"ü"}`): "config.headers.A",
		full(`"headers":{"host":"v"}`): "config.headers.host", full(`"headers":{"Content-Type":"v"}`): "config.headers.Content-Type",
		full(`"headers":{"connection":"v"}`): "config.headers.connection", full(`"headers":{"Transfer-Encoding":"v"}`): "config.headers.Transfer-Encoding",
		full(`"headers":{"te":"v"}`): "config.headers.te", full(`"headers":{"upgrade":"v"}`): "config.headers.upgrade", full(`"headers":{"Content-Length":"1"}`): "config.headers.Content-Length",
		full(`"headers":{"webhook-id":"v"}`): "config.headers.webhook-id", full(`"headers":{"Webhook-Other":"v"}`): "config.headers.Webhook-Other",
		full(`"headers":{"ce-id":"v"}`): "config.headers.ce-id", full(`"headers":{"Proxy-Authorization":"v"}`): "config.headers.Proxy-Authorization",
		full(`"secrets":"x"`): "config.secrets", full(`"secrets":[1]`): "config.secrets[0]", full(`"secrets":[null]`): "config.secrets[0]",
		full(`"secrets":["hunter2hunter2"]`): "config.secrets[0]", full(`"secrets":["whsec_!"]`): "config.secrets[0]", full(`"secrets":["whsec_AAAA"]`): "config.secrets[0]",
		full(`"secrets":[{}]`): "config.secrets[0]", full(`"secrets":[{"key":"` + testSecret + `","more":1}]`): "config.secrets[0]",
		full(`"secrets":["` + testSecret + `","` + testSecret + `"]`): "config.secrets[1]", full(`"secrets":` + text(secrets)): "config.secrets",
		full(`"secrets":[{"key":"` + testSecret + `","until":"2030-01-01T00:00:00Z"}]`): "config.secrets[0]",
		full(`"secrets":[{"key":"` + testSecret + `","until":"soon"}]`):                 "config.secrets[0]",
		full(`"secrets":[{"hint":"LaSw"}]`):                                             "config.secrets[0]",
	} {
		for _, before := range []json.RawMessage{nil, json.RawMessage(`broken`)} {
			got, err := k.Check(json.RawMessage(config), before)
			e, is := errors.AsType[*nacre.Error](err)
			if !is || e.Code != nacre.CodeInvalid || e.Field != field {
				t.Errorf("%.100s: got %s, %v, want %s to be refused", config, got, err, field)
				continue
			}
			for _, private := range []string{"hunter2", testSecret, "u:p"} {
				if strings.Contains(e.Message, private) {
					t.Errorf("%.100s: the error shows %q", config, private)
				}
			}
		}
	}
}

func TestCheckTakes(t *testing.T) {
	t.Parallel()
	k := newKind(t, &Options{})
	for _, config := range []string{
		`{"url":"HTTPS://Example.COM:8443/a%20b?c"}`, `{"url":"http://8.8.8.8"}`, `{"url":"https://[2606:4700::1]:1/"}`, `{"url":"https://bücher.example"}`,
		`{"url":"https://example.com.","headers":null,"secrets":null,"format":null,"timeoutMs":null}`, `{"url":"https://a_b.example","secrets":[]}`,
		`{"url":"https://example.com","headers":{"Authorization":"Bearer x","User-Agent":"me","X":""},"timeoutMs":120000,"format":"cloudevents-binary","followRedirects":true}`,
		`{"url":"https://example.com","eventStoreName":"büro","secrets":["` + testSecret + `",{"key":"` + makeSecret().Key + `","until":"2099-01-01T00:00:00+01:00"}]}`,
	} {
		checked, err := k.Check(json.RawMessage(config), nil)
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		again, err := k.Check(checked, nil)
		if err != nil || string(again) != string(checked) {
			t.Errorf("%s became %s, then %s: %v", config, checked, again, err)
		}
	}
}

func TestSecretsOfBefore(t *testing.T) {
	t.Parallel()
	k := newKind(t, nil)
	first, err := k.Check(configOf(t, "https://a.example", map[string]any{"headers": map[string]string{"Authorization": "Bearer topsecret"}}), nil)
	if err != nil {
		t.Fatal(err)
	}
	moved, err := k.Check(json.RawMessage(`{"url":"https://b.example"}`), first)
	if err != nil || Secret(moved) != testSecret {
		t.Errorf("a new address lost the secret: %s, %v", moved, err)
	}
	// What is public can be changed and given back.
	public := k.Public(first)
	back, err := k.Check(public, first)
	if err != nil || string(back) != string(first) {
		t.Errorf("%s given back became %s: %v", public, back, err)
	}
	if _, err := k.Check(public, nil); err == nil {
		t.Error("what is public was taken for a configuration")
	}
	// A header's value goes nowhere else.
	for address, same := range map[string]bool{
		"https://a.example/other?path=1": true, "https://A.example:443": true, "https://b.example": false, "http://a.example": false,
		"https://a.example:444": false, "https://a.example.b.example": false,
	} {
		moved, err := k.Check(json.RawMessage(strings.Replace(string(public), "https://a.example", address, 1)), first)
		if same && (err != nil || !strings.Contains(string(moved), "topsecret")) {
			t.Errorf("%s: %s, %v", address, moved, err)
		} else if e, is := errors.AsType[*nacre.Error](err); !same && (!is || e.Field != "config.headers.Authorization") {
			t.Errorf("%s gets %s, %v", address, moved, err)
		}
	}
	other := makeSecret().Key
	changed, err := k.Check(configOf(t, "https://a.example", map[string]any{"secrets": []string{other}}), first)
	if err != nil || Secret(changed) != other {
		t.Errorf("a secret that was given is not there: %s, %v", changed, err)
	}
}

func TestPublicHidesSecrets(t *testing.T) {
	t.Parallel()
	k := newKind(t, nil)
	checked, err := k.Check(configOf(t, "https://a.example", map[string]any{"headers": map[string]string{"Authorization": "Bearer topsecret"}}), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := string(k.Public(checked))
	want := `{"url":"https://a.example","headers":{"Authorization":"[hidden]"},"timeoutMs":15000,"format":"event","secrets":[{"hint":"LaSw"}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(k.Public(json.RawMessage(`broken "whsec_x"`))); got != `{}` {
		t.Errorf("what cannot be read shows as %s", got)
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	k := newKind(t, nil)
	base := json.RawMessage(`{"url":"https://a.example/x","headers":{"A":"1"}}`)
	for config, same := range map[string]bool{
		`{"url":"https://a.example/x","headers":{"a":"1"},"timeoutMs":15000,"format":"event"}`:                             true,
		`{"url":"HTTPS://A.example:443/x","headers":{"A":"1"}}`:                                                            true,
		`{"url":"https://a.example/x","headers":{"A":"1"},"secrets":["` + testSecret + `"],"eventStoreName":"other-name"}`: true,
		`{"url":"http://a.example/x","headers":{"A":"1"}}`:                                                                 false,
		`{"url":"https://a.example/X","headers":{"A":"1"}}`:                                                                false,
		`{"url":"https://a.example:444/x","headers":{"A":"1"}}`:                                                            false,
		`{"url":"https://a.example/x","headers":{"A":"2"}}`:                                                                false,
		`{"url":"https://a.example/x"}`:                                                                                    false,
		`{"url":"https://a.example/x","headers":{"A":"1"},"timeoutMs":100}`:                                                false,
		`{"url":"https://a.example/x","headers":{"A":"1"},"format":"cloudevents-binary"}`:                                  false,
	} {
		if k.Same(base, json.RawMessage(config)) != same || k.Same(json.RawMessage(config), base) != same {
			t.Errorf("%s: want %v", config, same)
		}
	}
	for _, pair := range [][2]string{{"https://a.example", "https://a.example/"}, {"http://[::1]:80/", "http://[::1]"}} {
		a, b := json.RawMessage(`{"url":"`+pair[0]+`"}`), json.RawMessage(`{"url":"`+pair[1]+`"}`)
		if !k.Same(a, b) {
			t.Errorf("%v are not the same", pair)
		}
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	now := at
	k := newKind(t, &Options{AllowPrivate: true, Clock: func() time.Time { return now }})
	config, err := k.Check(configOf(t, "https://a.example", nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := k.Rotate(config, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`[{"key":"%s"},{"key":"%s","until":"2026-11-20T19:55:20Z"}]`, Secret(first), testSecret)
	if got := string(members(t, first)["secrets"]); got != want || Secret(first) == testSecret {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if again, err := k.Check(first, config); err != nil || string(again) != string(first) {
		t.Errorf("what was rotated is refused or changed: %s, %v", again, err)
	}
	// Another time, longer: ends do not move away.
	second, err := k.Rotate(first, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf(`[{"key":"%s"},{"key":"%s","until":"2026-11-20T20:55:20Z"},{"key":"%s","until":"2026-11-20T19:55:20Z"}]`, Secret(second), Secret(first), testSecret)
	if got := string(members(t, second)["secrets"]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What has ended goes.
	now = at.Add(90 * time.Minute)
	if checked, err := k.Check(second, nil); err != nil || strings.Contains(string(checked), testSecret) || !strings.Contains(string(checked), Secret(first)) {
		t.Errorf("after the end there is %s: %v", checked, err)
	}
	alone, err := k.Rotate(second, 0)
	if err != nil || strings.Count(string(alone), "whsec_") != 1 || Secret(alone) == Secret(second) {
		t.Errorf("without an overlap there is %s: %v", alone, err)
	}
	for i := range maxSecrets - 1 {
		if alone, err = k.Rotate(alone, time.Hour); err != nil {
			t.Fatalf("rotation %d: %v", i, err)
		}
	}
	if _, err := k.Rotate(alone, time.Hour); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("there are as many secrets as one likes: %v", err)
	}
	if _, err := k.Rotate(alone, 0); err != nil {
		t.Errorf("there is no way out: %v", err)
	}
	for _, overlap := range []time.Duration{-1, maxOverlap + 1} {
		if _, err := k.Rotate(config, overlap); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("an overlap of %v: %v", overlap, err)
		}
	}
	if _, err := k.Rotate(json.RawMessage(`[]`), 0); err == nil {
		t.Error("no configuration was rotated")
	}
}

// A change of the configuration can ask for a rotation: what is public, given back with that, is all it takes.
func TestRotateByAChange(t *testing.T) {
	t.Parallel()
	now := at
	k := newKind(t, &Options{Clock: func() time.Time { return now }})
	config, err := k.Check(json.RawMessage(`{"url":"https://a.example","headers":{"A":"topsecret"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{Secret(config)}
	change := func(seconds string, count int) {
		t.Helper()
		text := strings.TrimSuffix(string(k.Public(config)), "}") + `,"rotateSeconds":` + seconds + "}"
		if config, err = k.Check(json.RawMessage(text), config); err != nil {
			t.Fatal(err)
		}
		c, err := parse(config)
		if err != nil || len(c.Secrets) != count || strings.Contains(string(config), "rotate") || c.Headers["A"] != "topsecret" {
			t.Errorf("%s became %s, %v; want %d secrets", text, config, err, count)
		}
		if s := Secret(config); slices.Contains(secrets, s) {
			t.Errorf("the first secret is still %s", s)
		} else {
			secrets = append(secrets, s)
		}
		if count > 1 && (c.Secrets[1].Key != secrets[len(secrets)-2] || !c.Secrets[0].Until.IsZero()) {
			t.Errorf("the old secret is not beside the new one: %s", config)
		}
	}
	change("86400", 2)
	change("3600", 3)
	if c, _ := parse(config); !c.Secrets[1].Until.Equal(at.Add(time.Hour)) || !c.Secrets[2].Until.Equal(at.Add(time.Hour)) {
		t.Errorf("they end at other times: %s", config)
	}
	now = now.Add(2 * time.Hour)
	change("60", 2)
	change("0", 1)
	for text, field := range map[string]string{"-1": "rotateSeconds", "7776001": "rotateSeconds", "true": "rotateSeconds", `"1"`: "rotateSeconds", "1e3": "rotateSeconds"} {
		_, err := k.Check(json.RawMessage(`{"url":"https://a.example","rotateSeconds":`+text+`}`), config)
		if e, is := errors.AsType[*nacre.Error](err); !is || e.Field != "config."+field {
			t.Errorf("%s: got %v", text, err)
		}
	}
	_, err = k.Check(json.RawMessage(`{"url":"https://a.example","rotateSeconds":1}`), nil)
	if e, is := errors.AsType[*nacre.Error](err); !is || e.Field != "config.rotateSeconds" {
		t.Errorf("a new subscription: got %v", err)
	}
	same, err := k.Check(json.RawMessage(`{"url":"https://a.example","headers":{"A":"[hidden]"},"rotateSeconds":null}`), config)
	if err != nil || string(same) != string(config) {
		t.Errorf("null is a rotation: %s, %v", same, err)
	}
}

func TestOpenRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	k := newKind(t, nil)
	for _, config := range []string{``, `[]`, `{"url":"x"}`, `{"url":"https://a.example","secrets":["whsec_AAAA"]}`} {
		if s, err := k.Open(json.RawMessage(config)); err == nil {
			t.Errorf("%s was opened: %v", config, s)
		}
	}
	if Secret(json.RawMessage(`x`)) != "" || Secret(json.RawMessage(`{}`)) != "" {
		t.Error("there is a secret where there is none")
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"url":"https://example.com"}`, `{"url":"http://[::1]:80/x?y#z","headers":{"A":"b"},"timeoutMs":100,"format":"event","secrets":["` + testSecret + `"]}`,
		`{"secrets":[{"key":"whsec_","until":"2026-11-20T18:55:20Z","hint":"x"}]}`, `{"headers":{"\u0000":null}}`, `{"url":"https://\ud800"}`, `[`, `{"url":"http://0x7f.1"}`,
	} {
		f.Add([]byte(seed), []byte(`{"url":"https://example.com","secrets":["`+testSecret+`"]}`))
	}
	k, err := New(&Options{Clock: func() time.Time { return at }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, before []byte) {
		checked, err := k.Check(config, before)
		k.Public(config)
		k.Same(config, before)
		if err != nil {
			if e, is := errors.AsType[*nacre.Error](err); !is || e.Code != nacre.CodeInvalid || !strings.HasPrefix(e.Field, "config") {
				t.Fatalf("%q: %v", config, err)
			}
			return
		}
		again, err := k.Check(checked, nil)
		if err != nil || string(again) != string(checked) {
			t.Fatalf("%q became %s, then %s: %v", config, checked, again, err)
		}
		if !k.Same(checked, again) {
			t.Fatalf("%s is not the same as itself", checked)
		}
		s, err := k.Open(checked)
		if err != nil {
			t.Fatalf("%s does not open: %v", checked, err)
		}
		s.Close()
		public := k.Public(checked)
		if strings.Contains(string(public), "whsec_") && !strings.Contains(string(config), "whsec_") {
			t.Fatalf("a secret shows in %s", public)
		}
		if _, err := k.Rotate(checked, time.Hour); err != nil && nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Fatal(err)
		}
	})
}
