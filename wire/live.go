package wire

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/nacredb/nacre"
)

// LiveNotice is what became of a live query's result, as the data of a server-sent event and as a message of a WebSocket:
// Changes of rows, or Columns and Rows of a query with columns.
type LiveNotice struct {
	ID       int64          `json:"id,omitzero"` // of the query, on a WebSocket
	Position nacre.Position `json:"position"`    // where the result is the query's
	// Reset says that what was told before counts no more: Changes are all rows, as "initial".
	Reset bool `json:"reset,omitzero"`
	// Changes turn the result into the present one, made one after the other; empty where there are no rows at first.
	Changes []LiveChange        `json:"changes,omitzero"`
	Columns []string            `json:"columns,omitzero"`
	Rows    [][]json.RawMessage `json:"rows,omitzero"`
}

// LiveChange is a change of a result, which is a list. Of "remove", Index is where the row stands before; of the others, where it
// stands afterwards, and a row that moves is taken out first.
type LiveChange struct {
	Kind  string          `json:"kind"` // "initial", "add", "update", "move", "remove"
	ID    string          `json:"id"`
	Row   json.RawMessage `json:"row,omitzero"` // its values by name; absent for "remove"
	Index int             `json:"index"`
}

// LiveEnd ends one query of a WebSocket: {"id","error"}, or {"id","unsubscribed":true} as the client wanted.
type LiveEnd struct {
	ID           int64      `json:"id"`
	Error        *ErrorBody `json:"error,omitzero"`
	Unsubscribed bool       `json:"unsubscribed,omitzero"`
}

// LiveSubscribe is a live query.
type LiveSubscribe struct {
	ID         int64 // the client's name for it, on a WebSocket; from 1
	Collection string
	Q          string
	Args       []any          // of ?
	Named      map[string]any // of :name
	// Again says that the client has had the result before, up to some position: the first notice is a reset.
	Again bool
}

// LiveMessage is what a client of a WebSocket says: one of these.
type LiveMessage struct {
	Subscribe, Replace *LiveSubscribe
	Unsubscribe        int64 // 0 where it is another one
}

var (
	liveMembers      = []string{"subscribe", "replace", "unsubscribe"}
	liveQueryMembers = []string{"id", "collection", "q", "args", "named", "after"}
)

// maxLiveID is the greatest id of a live query, which JavaScript still tells from its neighbours.
const maxLiveID = 1<<53 - 1

// ParseLive reads the parameters of a GET …/live: q, p.NAME as of a GET …/entities, and after, which a Last-Event-ID stands for,
// too: a position up to which the client has the result.
func ParseLive(values url.Values, lastEventID string) (LiveSubscribe, error) {
	q := newQuery(values)
	var r LiveSubscribe
	r.Q, _ = q.one("q")
	after := q.cursor("after")
	r.Again = after != (Cursor{})
	if lastEventID != "" {
		if _, err := ParseCursor(HeaderLastEventID, lastEventID); err != nil {
			return LiveSubscribe{}, err
		}
		r.Again = true
	}
	r.Named = q.named()
	return r, q.done()
}

// DecodeLiveMessage reads a client's message: {"subscribe":{"id","collection","q","args"|"named","after"?}}, {"replace":{…}} with
// the same members, or {"unsubscribe":ID}. What it gives shares no memory with the message.
func DecodeLiveMessage(message []byte) (LiveMessage, error) {
	var s scanner
	s.init(message, "message")
	var m LiveMessage
	said := 0
	for s.object(); s.member(); {
		said++
		switch s.known(liveMembers) {
		case 0:
			m.Subscribe = s.liveQuery()
		case 1:
			m.Replace = s.liveQuery()
		case 2:
			m.Unsubscribe = s.integer(1, maxLiveID)
		}
	}
	if s.err == nil && said != 1 {
		s.fail("says %d things: give one of subscribe, replace and unsubscribe", said)
	}
	if err := s.end(); err != nil {
		return LiveMessage{}, err
	}
	return m, nil
}

func (s *scanner) liveQuery() *LiveSubscribe {
	r := &LiveSubscribe{}
	for s.object(); s.member(); {
		switch s.known(liveQueryMembers) {
		case 0:
			r.ID = s.integer(1, maxLiveID)
		case 1:
			r.Collection = strings.Clone(s.given())
		case 2:
			r.Q = strings.Clone(s.text())
		case 3:
			for s.list(); s.element(); {
				r.Args = append(r.Args, s.argument(true))
			}
		case 4:
			r.Named = s.namedArguments()
		case 5:
			s.cursor()
			r.Again = true
		}
	}
	switch {
	case s.err != nil:
	case r.ID == 0:
		s.missing("id", "give the query a number from 1")
	case r.Collection == "":
		s.missing("collection", "name it")
	}
	return r
}

// Policies are the conditions that say who may read and who may write which entities of a collection; an empty one lets
// everybody.
type Policies struct {
	Read  string `json:"read"`
	Write string `json:"write"`
}

// PolicyTestRequest is the body of a POST …/policies/test: a caller, and an entity that is there or values of one.
type PolicyTestRequest struct {
	Claims map[string]any // as JSON has them
	ID     string
	Values json.RawMessage
}

// PolicyTestReply is what policies come to.
type PolicyTestReply struct {
	Read  PolicyVerdict `json:"read"`
	Write PolicyVerdict `json:"write"`
}

// PolicyVerdict is what a policy says of an entity and a caller.
type PolicyVerdict struct {
	Allowed bool         `json:"allowed"`
	Rule    string       `json:"rule,omitzero"`    // absent where there is none
	Terms   []PolicyTerm `json:"terms,omitzero"`   // of which one that is true is enough
	Problem string       `json:"problem,omitzero"` // why it cannot be evaluated
}

// PolicyTerm is a part of a rule: "true", "false", or "unknown" where something is null.
type PolicyTerm struct {
	Term string `json:"term"`
	Is   string `json:"is"`
}

var (
	policiesMembers   = []string{"read", "write"}
	policyTestMembers = []string{"claims", "id", "values"}
)

// DecodePolicies reads {"read","write"}; who leaves one out lets everybody.
func DecodePolicies(body []byte) (Policies, error) {
	var p Policies
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(policiesMembers) {
		case 0:
			p.Read = strings.Clone(s.text())
		case 1:
			p.Write = strings.Clone(s.text())
		}
	}
	return p, s.end()
}

// DecodePolicyTest reads a PolicyTestRequest.
func DecodePolicyTest(body []byte) (PolicyTestRequest, error) {
	var r PolicyTestRequest
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(policyTestMembers) {
		case 0:
			if raw := s.whole(); s.err == nil {
				if json.Unmarshal(raw, &r.Claims) != nil || r.Claims == nil {
					s.fail("is no object of claims by name")
				}
			}
		case 1:
			r.ID = strings.Clone(s.given())
		case 2:
			r.Values = append(json.RawMessage(nil), s.whole()...)
		}
	}
	if s.err == nil && (r.ID == "") == (r.Values == nil) {
		s.failAt("id", "or values is to be given, one of them: an entity that is there, or what one would be")
	}
	if err := s.end(); err != nil {
		return PolicyTestRequest{}, err
	}
	return r, nil
}
