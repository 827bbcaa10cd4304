package wire

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

func TestLiveMessages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]LiveMessage{
		`{"subscribe":{"id":1,"collection":"notes"}}`: {Subscribe: &LiveSubscribe{ID: 1, Collection: "notes"}},
		`{"subscribe":{"id":9007199254740991,"collection":"notes","q":"year > ? AND id IN :ids","args":[1,1.5,"a",true,null,["x"]],"named":{"ids":["a"]},"after":"7@e"}}`: {Subscribe: &LiveSubscribe{
			ID: maxLiveID, Collection: "notes", Q: "year > ? AND id IN :ids", Args: []any{int64(1), 1.5, "a", true, nil, []any{"x"}},
			Named: map[string]any{"ids": []any{"a"}}, Again: true,
		}},
		`{"replace":{"id":2,"collection":"a","q":""}}`: {Replace: &LiveSubscribe{ID: 2, Collection: "a"}},
		` {"unsubscribe":3} `:                          {Unsubscribe: 3},
	} {
		if got, err := DecodeLiveMessage([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v and %v, want %+v", text, got, err, want)
		}
	}
	for text, word := range map[string]string{
		``: "message", `[]`: "object", `{}`: "0 things", `{"subscribe":{"id":1,"collection":"a"},"unsubscribe":1}`: "2 things",
		`{"subscribe":{"collection":"a"}}`: "id", `{"subscribe":{"id":0,"collection":"a"}}`: "id", `{"subscribe":{"id":1}}`: "collection",
		`{"subscribe":{"id":"1","collection":"a"}}`: "number", `{"unsubscribe":9007199254740992}`: "9007199254740991", `{"poll":1}`: "poll",
		`{"subscribe":{"id":1,"collection":"a","q":1}}`: "q", `{"subscribe":{"id":1,"collection":"a","named":{"x":1,"x":2}}}`: "twice",
		`{"subscribe":{"id":1,"collection":"a","args":[[[1]]]}}`: "args", `{"subscribe":{"id":1,"collection":"a","colour":1}}`: "colour",
		`{"unsubscribe":1}{"unsubscribe":1}`: "", `{"subscribe":{"id":1,"collection":"a"}`: "", strings.Repeat(`{"subscribe":`, 1000): "",
	} {
		_, err := DecodeLiveMessage([]byte(text))
		if nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%.100s: %v, want %q in it", text, err, word)
		}
	}
}

func TestLiveParameters(t *testing.T) {
	t.Parallel()
	r, err := ParseLive(url.Values{"q": {"a = :x"}, "p.x": {"1"}, "p.y": {"1", "2"}}, "")
	if want := (LiveSubscribe{Q: "a = :x", Named: map[string]any{"x": "1", "y": []any{"1", "2"}}}); err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, again := range []struct {
		values url.Values
		last   string
	}{{url.Values{"after": {"3"}}, ""}, {url.Values{"after": {"3@e"}}, ""}, {nil, "7"}} {
		if r, err := ParseLive(again.values, again.last); err != nil || !r.Again {
			t.Errorf("%v: %+v, %v", again, r, err)
		}
	}
	for name, values := range map[string]url.Values{"after": {"after": {"x"}}, "limit": {"limit": {"1"}}, "q": {"q": {"a", "b"}}} {
		if _, err := ParseLive(values, ""); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", values, err)
		}
	}
	if _, err := ParseLive(nil, "x"); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), HeaderLastEventID) {
		t.Errorf("Last-Event-ID: %v", err)
	}
}

func TestPolicyRequests(t *testing.T) {
	t.Parallel()
	if p, err := DecodePolicies([]byte(`{"read":"owner = :sub"}`)); err != nil || p != (Policies{Read: "owner = :sub"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	r, err := DecodePolicyTest([]byte(`{"claims":{"sub":"ann","roles":["x"],"n":1},"values":{"a":1}}`))
	if err != nil || r.Claims["sub"] != "ann" || r.Claims["n"] != 1.0 || string(r.Values) != `{"a":1}` {
		t.Errorf("got %+v, %v", r, err)
	}
	for text, word := range map[string]string{
		`{}`: "values", `{"id":"a","values":{}}`: "one of them", `{"id":"a","claims":[]}`: "claims", `{"id":"a","claims":null}`: "claims",
		`{"id":"a","claims":{"a":}}`: "claims", `{"id":""}`: "id",
	} {
		if _, err := DecodePolicyTest([]byte(text)); nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want %q in it", text, err, word)
		}
	}
	if _, err := DecodePolicies([]byte(`{"reads":"x"}`)); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("got %v", err)
	}
}
