package wire

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

func TestRunnersAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := document(t)
	now := time.UnixMicro(1_795_202_120_000_000).UTC()
	failure := FailureReply{Code: nacre.CodeDamaged, Message: "it broke", Position: 7, EventID: "e", At: now}
	least := RunnerReply{Kind: KindProcess, Name: "transfers", State: "STOPPED"}
	most := RunnerReply{
		Kind: KindProjection, Name: "balances", State: "REBUILDING", Held: true, Stale: true, Position: 1, Head: 4, Lag: 3, Rate: 1.5,
		SecondsLeft: 2, DeadLetters: 1, Rebuild: &RebuildReply{Position: 1, Target: 4, StartedAt: now, SecondsLeft: 2},
		Failure: &failure, LastOrder: &ObeyedReply{Order: 17, Do: "rebuild", At: now, Failure: &failure},
		Term: 3, Host: "web-1", PID: 812, StartedAt: now, UpdatedAt: now,
	}
	letter := DeadLetterReply{
		Kind: KindProcess, Name: "transfers", ID: "a/b", What: "command", Instance: "t-1", Position: 3, EventID: "e", StreamID: "s-1",
		Type: "t", Command: "c", To: "bob", Payload: []byte(`{"a":1}`), CommandID: "i", Timer: "n", Error: failure, Attempts: 2, At: now,
		Context: []byte(`null`),
	}
	for _, c := range []struct {
		schema       string
		value, again any
	}{
		{"Runner", &least, &RunnerReply{}},
		{"Runner", &most, &RunnerReply{}},
		{"Projections", &ProjectionsReply{Projections: []RunnerReply{most}}, &ProjectionsReply{}},
		{"ProcessManagers", &ProcessManagersReply{ProcessManagers: []RunnerReply{least}}, &ProcessManagersReply{}},
		{"Order", &OrderReply{Order: 17, Kind: KindProjection, Name: "balances", Do: "retry", Letter: "a/b", By: "ann", At: now}, &OrderReply{}},
		{"DeadLetter", &letter, &DeadLetterReply{}},
		{"DeadLetter", &DeadLetterReply{Kind: KindProjection, Name: "b", ID: "c", What: "event"}, &DeadLetterReply{}},
		{
			"DeadLetters",
			&DeadLettersReply{DeadLetters: []DeadLetterReply{letter}, TotalCount: 1, Pagination: Pagination{Limit: 100}},
			&DeadLettersReply{},
		},
		{"OrderRequest", &OrderRequest{By: "ann"}, &OrderRequest{}},
		{"OrderRequest", &OrderRequest{}, &OrderRequest{}},
	} {
		text, err := Encode(c.value)
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, doc, c.schema, text)
		if err := Decode(text, c.again); err != nil || !reflect.DeepEqual(c.value, c.again) {
			t.Errorf("%s comes back as %+v, %v", text, c.again, err)
		}
	}
}

func TestDecodeOrder(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{"": "", "{}": "", ` {"by":"ann"} `: "ann"} {
		if r, err := DecodeOrder([]byte(body)); err != nil || r.By != want {
			t.Errorf("%q: %+v, %v", body, r, err)
		}
	}
	for body, field := range map[string]string{
		"[]": "body", `{"by":1}`: "by", `{"by":""}`: "by", `{"who":"ann"}`: "who", `{"by":"a","by":"b"}`: "by",
		`{"by":"` + strings.Repeat("x", 256) + `"}`: "by", `{}{}`: "body", `{"by":"ann"`: "body",
	} {
		_, err := DecodeOrder([]byte(body))
		if e, ok := err.(*nacre.Error); !ok || e.Code != nacre.CodeInvalid || e.Field != field {
			t.Errorf("%.40q: %v, want something about %s", body, err, field)
		}
	}
}

func TestDeadLetterParameters(t *testing.T) {
	t.Parallel()
	p := DeadLettersParams{Kind: KindProcess, Name: "transfers", ID: "a/b", Limit: 7, Offset: 3}
	if got, err := ParseDeadLetters(p.Values()); err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseDeadLetters(nil); err != nil || got != (DeadLettersParams{Limit: 100}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseRunnerDeadLetters(url.Values{"id": {"x"}, "limit": {"1"}}); err != nil || got != (DeadLettersParams{ID: "x", Limit: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, err := range map[string]error{
		"kind":   second(ParseDeadLetters(url.Values{"kind": {"view"}})),
		"limit":  second(ParseDeadLetters(url.Values{"limit": {"0"}})),
		"offset": second(ParseDeadLetters(url.Values{"offset": {"-1"}})),
		"id":     second(ParseDeadLetters(url.Values{"id": {""}})),
		"name":   second(ParseRunnerDeadLetters(url.Values{"name": {"balances"}})), // the path has it
		"colour": second(ParseDeadLetters(url.Values{"colour": {"red"}})),
	} {
		if e, ok := err.(*nacre.Error); !ok || e.Code != nacre.CodeInvalid || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
