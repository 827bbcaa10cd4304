package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// SubscriptionStart is where a subscription begins; its zero value is the log's end.
type SubscriptionStart struct {
	Earliest bool            // with the first event
	After    *nacre.Position // behind a position
	At       time.Time       // with what was created then or later
}

// SubscriptionRequest is the body of a POST …/subscriptions, or of one of DeltaBase's to …/subscribe.
type SubscriptionRequest struct {
	Name   string // "" has one made
	Kind   string
	Filter nacre.Filter
	Where  string // a condition beside the filter; "" is none
	Start  SubscriptionStart
	Config json.RawMessage // nil where it was not given
	Policy *SubscriptionPolicy

	deltaBase bool // the form
	patterns  bool // the filter was given as eventFilter
}

// SubscriptionChange is the body of a PATCH of a subscription. What is nil stays; what is given takes the whole place of
// what was.
type SubscriptionChange struct {
	Filter *nacre.Filter
	Where  *string // "" is none
	Config json.RawMessage
	Policy *SubscriptionPolicy

	patterns bool
}

var (
	subscriptionMembers = []string{"filter", "eventFilter", "config", "policy", "where", "name", "kind", "start"}
	policyMembers       = []string{"order", "window", "parallel", "batch", "retry", "onExhausted", "ackDeadlineMs", "pinned"}
	retryMembers        = []string{"maxAttempts", "strategy", "initialDelayMs", "maxDelayMs", "multiplier", "jitterPercent"}
)

// changeMembers is how many of subscriptionMembers a change has.
const changeMembers = 5

// DecodeSubscription reads a SubscriptionRequest:
//
//	{"name"?, "kind", "filter"? or "eventFilter"?, "where"?, "start"?, "config"?, "policy"?}
//
// A filter is as in reads, or DeltaBase's flat one; eventFilter is an event type with wildcards, or a list of them; where
// is a condition over events, which is not looked into here; start is "earliest", "latest", a position behind which to
// begin, or a time. What the values of config and policy may be, the kind of the subscription says.
func DecodeSubscription(body []byte) (SubscriptionRequest, error) {
	var r SubscriptionRequest
	var s scanner
	s.init(body, "")
	filtered := false
	for s.object(); s.member(); {
		switch s.known(subscriptionMembers) {
		case 0:
			r.Filter = s.onlyFilter(&filtered, false)
		case 1:
			r.Filter, r.patterns = s.onlyFilter(&filtered, true), true
		case 2:
			r.Config = s.config()
		case 3:
			r.Policy = s.policy()
		case 4:
			r.Where = s.given()
		case 5:
			r.Name = s.given()
		case 6:
			r.Kind = s.given()
		case 7:
			r.Start = s.start()
		}
	}
	if r.Kind == "" {
		s.missing("kind", `give "webhook", "group" or another kind that the server has`)
	}
	if err := s.end(); err != nil {
		return SubscriptionRequest{}, err
	}
	return r, nil
}

// DecodeSubscriptionChange reads a SubscriptionChange, in which a where of "" is none. One that changes nothing is refused.
func DecodeSubscriptionChange(body []byte) (SubscriptionChange, error) {
	var c SubscriptionChange
	var s scanner
	s.init(body, "")
	filtered := false
	for s.object(); s.member(); {
		switch s.known(subscriptionMembers[:changeMembers]) {
		case 0:
			f := s.onlyFilter(&filtered, false)
			c.Filter = &f
		case 1:
			f := s.onlyFilter(&filtered, true)
			c.Filter, c.patterns = &f, true
		case 2:
			c.Config = s.config()
		case 3:
			c.Policy = s.policy()
		case 4:
			where := s.text()
			c.Where = &where
		}
	}
	if err := s.end(); err != nil {
		return SubscriptionChange{}, err
	}
	if c.Filter == nil && c.Where == nil && c.Config == nil && c.Policy == nil {
		return SubscriptionChange{}, invalid("body", "changes nothing: give filter, where, config or policy")
	}
	return c, nil
}

// onlyFilter reads a filter where none was before it.
func (s *scanner) onlyFilter(filtered *bool, patterns bool) nacre.Filter {
	if *filtered {
		s.fail("is a second filter: give filter or eventFilter")
		return nil
	}
	*filtered = true
	if !patterns {
		return s.anyFilter()
	}
	return s.patterns()
}

// patterns reads an event type with wildcards, or a list of them. "*" is every event.
func (s *scanner) patterns() nacre.Filter {
	names := 0
	types := oneOrMore[string](s, &names)
	if len(types) == 0 {
		s.fail(`is empty: give a type such as "user.*", or "*" for every event`)
	}
	if slices.Contains(types, "*") {
		return nil
	}
	return nacre.Filter{{Types: types}}
}

// config reads an object whose members are somebody else's to check; a copy of it.
func (s *scanner) config() json.RawMessage {
	if s.err == nil && s.peek() != '{' {
		s.wrongKind("an object")
		return nil
	}
	raw := bytes.Clone(s.raw())
	if s.err == nil && !json.Valid(raw) {
		s.fail("is not JSON")
	}
	return raw
}

func (s *scanner) policy() *SubscriptionPolicy {
	p := &SubscriptionPolicy{}
	for s.object(); s.member(); {
		switch s.known(policyMembers) {
		case 0:
			p.Order = s.given()
		case 1:
			p.Window = s.positive()
		case 2:
			p.Parallel = s.positive()
		case 3:
			p.Batch = s.positive()
		case 4:
			p.Retry = s.retry()
		case 5:
			p.OnExhausted = s.given()
		case 6:
			p.AckDeadlineMS = s.integer(1, math.MaxInt64)
		case 7:
			p.Pinned = s.boolean()
		}
	}
	return p
}

func (s *scanner) positive() int { return int(s.integer(1, math.MaxInt32)) }

func (s *scanner) retry() *SubscriptionRetry {
	r := &SubscriptionRetry{}
	for s.object(); s.member(); {
		s.retryMember(s.known(retryMembers), r)
	}
	return r
}

// retryMember reads one of retryMembers.
func (s *scanner) retryMember(member int, r *SubscriptionRetry) {
	switch member {
	case 0:
		r.MaxAttempts = s.positive()
	case 1:
		r.Strategy = s.given()
	case 2:
		r.InitialDelayMS = s.integer(0, math.MaxInt64)
	case 3:
		r.MaxDelayMS = s.integer(1, math.MaxInt64)
	case 4:
		r.Multiplier = s.number(1)
	case 5:
		n := s.number(0)
		r.JitterPercent = &n
	}
}

// number reads any number from least on.
func (s *scanner) number(least float64) float64 {
	if s.err != nil {
		return 0
	}
	if b := s.peek(); b != '-' && b-'0' > 9 {
		s.wrongKind("a number")
		return 0
	}
	raw := s.raw()
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case s.err != nil:
	case err != nil || !json.Valid(raw):
		s.fail("is not a number")
	case n < least:
		s.fail("is less than %v", least)
	}
	return n
}

// start reads where a subscription begins.
func (s *scanner) start() SubscriptionStart {
	if b := s.peek(); s.err == nil && (b-'0' <= 9 || b == '-') {
		p := s.position()
		return SubscriptionStart{After: &p}
	}
	text := s.text()
	switch text {
	case "earliest":
		return SubscriptionStart{Earliest: true}
	case "latest":
		return SubscriptionStart{}
	}
	at, ok := parseTime([]byte(text))
	if !ok {
		s.fail(`%.40q is neither "earliest" nor "latest", nor a time such as 2026-11-20T18:55:20Z; a position is a number`, text)
	}
	return SubscriptionStart{At: at}
}

// EncodeSubscription is the body that DecodeSubscription reads.
func EncodeSubscription(r *SubscriptionRequest) ([]byte, error) {
	var start any
	switch {
	case r.Start.Earliest:
		start = "earliest"
	case r.Start.After != nil:
		start = *r.Start.After
	case !r.Start.At.IsZero():
		start = r.Start.At
	}
	return Encode(struct {
		Name   string              `json:"name,omitzero"`
		Kind   string              `json:"kind"`
		Filter json.RawMessage     `json:"filter"`
		Where  string              `json:"where,omitzero"`
		Start  any                 `json:"start,omitzero"`
		Config json.RawMessage     `json:"config,omitzero"`
		Policy *SubscriptionPolicy `json:"policy,omitzero"`
	}{r.Name, r.Kind, AppendFilter(nil, r.Filter), r.Where, start, r.Config, r.Policy})
}

// EncodeSubscriptionChange is the body that DecodeSubscriptionChange reads.
func EncodeSubscriptionChange(c *SubscriptionChange) ([]byte, error) {
	var filter json.RawMessage
	if c.Filter != nil {
		filter = AppendFilter(nil, *c.Filter)
	}
	return Encode(struct {
		Filter json.RawMessage     `json:"filter,omitzero"`
		Where  *string             `json:"where,omitzero"`
		Config json.RawMessage     `json:"config,omitzero"`
		Policy *SubscriptionPolicy `json:"policy,omitzero"`
	}{filter, c.Where, c.Config, c.Policy})
}

// Locate gives an error about a subscription the path that its field has in the request.
func (r *SubscriptionRequest) Locate(err error) error {
	return relocate(err, func(field string) string {
		if !r.deltaBase {
			return inFilter(field, r.patterns)
		}
		for _, names := range [][2]string{
			{"policy.retry", "subscriber.config.retryPolicy"},
			{"config", "subscriber.config"},
			{"kind", "subscriber.type"},
			{"name", "id"},
			{"start", "initialPosition"},
		} {
			if rest, ok := strings.CutPrefix(field, names[0]); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				return names[1] + rest
			}
		}
		return inFilter(field, true)
	})
}

// Locate gives an error about a subscription the path that its field has in the request.
func (c *SubscriptionChange) Locate(err error) error {
	return relocate(err, func(field string) string { return inFilter(field, c.patterns) })
}

func inFilter(field string, patterns bool) string {
	rest, ok := strings.CutPrefix(field, "filter[")
	switch {
	case !ok:
		return field
	case patterns:
		return "eventFilter"
	}
	return "filter.items[" + rest
}

// ReplayRequest is where a subscription goes back to.
type ReplayRequest struct {
	From nacre.Position // the first that is delivered again
}

// DecodeReplay reads what a POST …/replay says: from, as a parameter or in the body.
func DecodeReplay(values url.Values, body []byte) (ReplayRequest, error) {
	q := newQuery(values)
	from, given := q.integer("from", 0, math.MaxInt64)
	if err := q.done(); err != nil {
		return ReplayRequest{}, err
	}
	if len(body) > 0 {
		var s scanner
		s.init(body, "")
		for s.object(); s.member(); {
			if s.known([]string{"from"}) == 0 {
				n := s.integer(0, math.MaxInt64)
				if given && n != from {
					s.fail("is %d, and %d as a parameter: give one", n, from)
				}
				from, given = n, true
			}
		}
		if err := s.end(); err != nil {
			return ReplayRequest{}, err
		}
	}
	if !given {
		return ReplayRequest{}, invalid("from", "is missing: give the position of the first event that is to be delivered again")
	}
	return ReplayRequest{From: nacre.Position(from)}, nil
}

// LettersRequest says which dead letters are meant.
type LettersRequest struct {
	IDs []string `json:"ids,omitempty"` // none are all
}

// maxLetterIDs is how many dead letters a request may name.
const maxLetterIDs = 1_000

// DecodeLetters reads a LettersRequest; no body is an empty one. A list of ids that is empty is refused: it would be all.
func DecodeLetters(body []byte) (LettersRequest, error) {
	var r LettersRequest
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		if s.known([]string{"ids"}) < 0 {
			break
		}
		if r.IDs = s.ids(maxLetterIDs); len(r.IDs) == 0 {
			s.fail("is empty: leave it out for all of them")
		}
	}
	if err := s.end(); err != nil {
		return LettersRequest{}, err
	}
	return r, nil
}

// ids reads a list of ids.
func (s *scanner) ids(most int) []string {
	var out []string
	for s.list(); s.element(); {
		if len(out) == most {
			s.fail("is one more than the %d that are taken", most)
			break
		}
		out = append(out, s.given())
	}
	return out
}

// DecodeNothing reads the body of a request that has nothing to say: none, or an empty object.
func DecodeNothing(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		s.fail("is not known here: this request has no members")
	}
	return s.end()
}
