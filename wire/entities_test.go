package wire

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

func TestEntityRequests(t *testing.T) {
	t.Parallel()
	create, err := DecodeCreate([]byte(` {"id":"a\u002f1","values": {"n": [1, {"x":null}]} ,"context":{"actor":"ann","metadata":{"k":1}}} `))
	if err != nil || create.ID != "a/1" || string(create.Values) != `{"n": [1, {"x":null}]}` || create.Context.Actor != "ann" {
		t.Errorf("%+v %v", create, err)
	}
	change, err := DecodeChange([]byte(`{"remove":{"a":["x"]},"context":{"correlationId":"c"},"set":{"b":1}}`))
	if err != nil || string(change.Patch) != `{"remove":{"a":["x"]},"set":{"b":1}}` || change.Context.CorrelationID != "c" {
		t.Errorf("%s %v", change.Patch, err)
	}
	tx, err := DecodeTransaction([]byte(`{"strict":true,"edits":[{"do":"create","collection":"c"},{"do":"patch","collection":"c","id":"i","patch":{"set":{}}}]}`))
	if err != nil || !tx.Strict || len(tx.Edits) != 2 || string(tx.Edits[1].Patch) != `{"set":{}}` {
		t.Errorf("%+v %v", tx, err)
	}
	q, err := DecodeEntityQuery([]byte(`{"q":"a = ?","args":[1,-2.5,9223372036854775808,"t",true,null,[1,"x"]],"named":{"n":[]},"after":"c","limit":7}`))
	want := EntityQueryRequest{
		Q: "a = ?", Args: []any{int64(1), -2.5, 9223372036854775808.0, "t", true, nil, []any{int64(1), "x"}},
		Named: map[string]any{"n": []any{}}, After: "c", Limit: 7,
	}
	if err != nil || !reflect.DeepEqual(q, want) {
		t.Errorf("%+v %v", q, err)
	}
	for _, empty := range []func() (int, error){
		func() (int, error) { r, err := DecodeEntityQuery(nil); return r.Limit, err },
		func() (int, error) { r, err := ParseEntityQuery(nil); return r.Limit, err },
		func() (int, error) { r, err := ParseHistory(nil); return r.Limit, err },
	} {
		if limit, err := empty(); limit != DefaultLimit || err != nil {
			t.Errorf("nothing at all is %d, %v", limit, err)
		}
	}
	asked, err := ParseEntityQuery(url.Values{"q": {"x"}, "p.a": {"1"}, "p.b": {"1", "2"}, "p.": {""}, "limit": {"3"}, ParamAPIKey: {"k"}})
	want = EntityQueryRequest{Q: "x", Named: map[string]any{"a": "1", "b": []any{"1", "2"}, "": ""}, Limit: 3}
	if err != nil || !reflect.DeepEqual(asked, want) {
		t.Errorf("%+v %v", asked, err)
	}
	history, err := ParseHistory(url.Values{"after": {"9"}, "limit": {"2"}, "backwards": {"true"}})
	if err != nil || history != (HistoryParams{After: 9, Limit: 2, Backwards: true}) {
		t.Errorf("%+v %v", history, err)
	}
	from, to, err := ParseEntityDiff(url.Values{"from": {"a,b"}})
	if err != nil || !reflect.DeepEqual(from, []string{"a", "b"}) || to != nil {
		t.Errorf("%q %q %v", from, to, err)
	}
	c, err := ParseEditContext(url.Values{"actor": {"ann"}, "causationId": {"x"}})
	if err != nil || c.Actor != "ann" || c.CausationID != "x" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestEntityRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	refused := func(what string, err error, field string) {
		t.Helper()
		e, ok := errors.AsType[*nacre.Error](err)
		if !ok || e.Code != nacre.CodeInvalid || !strings.HasPrefix(e.Field, field) {
			t.Errorf("%s: %v, want the field %q", what, err, field)
		}
	}
	for body, field := range map[string]string{
		`{"id":""}`: "id", `{"values":{"a":1,}}`: "values", `{"values":{"a":1,"a":2}}`: "values", `{"values":nul}`: "values", `[]`: "body", `{`: "body",
		`{} x`: "body", `{"x":1}`: "x", "{\"values\":\"\xff\"}": "values",
	} {
		_, err := DecodeCreate([]byte(body))
		refused(body, err, field)
	}
	for _, body := range []string{``, `{}`, `{"context":{}}`} {
		_, err := DecodeChange([]byte(body))
		refused(body, err, "body")
	}
	for body, field := range map[string]string{
		`{"args":{}}`: "args", `{"args":[{}]}`: "args[0]", `{"args":[[[]]]}`: "args[0][0]", `{"args":[01]}`: "args[0]", `{"args":[1e400]}`: "args[0]",
		`{"args":[-]}`: "args[0]", `{"named":{"a":1,"a":2}}`: "named.a", `{"limit":0}`: "limit", `{"limit":10001}`: "limit", `{"q":null}`: "q",
	} {
		_, err := DecodeEntityQuery([]byte(body))
		refused(body, err, field)
	}
	for body, why := range map[string]string{`{"values":{"a":1,"a":2}}`: `duplicate object member name "a"`, `{"values":{"a":"\ud800"}}`: "surrogate"} {
		if _, err := DecodeCreate([]byte(body)); !strings.Contains(fmt.Sprint(err), why) {
			t.Errorf("%s: %v, want that it says %s", body, err, why)
		}
	}
	_, err := ParseAt(url.Values{"at": {"a,,b"}})
	refused("at", err, "at")
	_, err = ParseEditContext(url.Values{"actor": {""}})
	refused("actor", err, "actor")
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	for _, e := range []*QueryError{
		{Field: "q", Line: 2, Column: 7, Expected: "a value", Found: ">", Hint: "give one"},
		{Field: "q", Expected: "a value for :y"},
	} {
		status, body := FromError(e)
		got := ParseError(status, body)
		if status != 400 || !reflect.DeepEqual(got, error(e)) || nacre.CodeOf(got) != nacre.CodeInvalid {
			t.Errorf("%#v came as %d %#v", e, status, got)
		}
		conforms(t, document(t), "Error", body)
	}
}
