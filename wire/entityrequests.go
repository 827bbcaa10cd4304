package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre"
)

// EntityEdit is one edit of a transaction.
type EntityEdit struct {
	Do         string          `json:"do"` // "create", "patch", "delete", "restore"
	Collection string          `json:"collection"`
	ID         string          `json:"id,omitzero"`     // a creation without one has one made
	Values     json.RawMessage `json:"values,omitzero"` // of a creation
	Patch      json.RawMessage `json:"patch,omitzero"`  // {"set":{…},"add":{…},"remove":{…}}
}

// TransactionRequest is the body of a POST …/transactions.
type TransactionRequest struct {
	Edits   []EntityEdit
	Strict  bool // fail where an entity has changed since it was read
	Context CommandContext
}

// EditRequest is the body of a request that edits one entity.
type EditRequest struct {
	ID      string          // of a creation; "" has one made
	Values  json.RawMessage // of a creation
	Patch   json.RawMessage // of a change
	Context CommandContext
}

// UndoRequest is the body of a POST …/transactions/undo.
type UndoRequest struct {
	Positions []nacre.Position // of any event of each transaction
	Context   CommandContext
}

// EntityQueryRequest is a query with its parameters, from a body or an address.
type EntityQueryRequest struct {
	Q     string
	Args  []any          // of ?: nil, bool, int64, float64, string and []any
	Named map[string]any // of :name
	After string
	Limit int // DefaultLimit unless given
}

var (
	createMembers      = []string{"id", "values", "context"}
	patchMembers       = []string{"set", "add", "remove", "context"}
	contextOnly        = []string{"context"}
	undoMembers        = []string{"positions", "context"}
	transactionMembers = []string{"edits", "strict", "context"}
	editMembers        = []string{"do", "collection", "id", "values", "patch"}
	entityQueryMembers = []string{"q", "args", "named", "after", "limit"}
)

// maxEdits is how many edits a transaction has at most; a store takes no more events at once.
const maxEdits = 1000

// DecodeCreate reads what creates an entity: {"id","values","context"}. No body is an empty one. What it, and the functions
// beside it, give shares no memory with the body.
func DecodeCreate(body []byte) (EditRequest, error) {
	return decodeEdit(body, createMembers, func(s *scanner, r *EditRequest, i int) {
		switch i {
		case 0:
			r.ID = strings.Clone(s.given())
		case 1:
			r.Values = bytes.Clone(s.whole())
		case 2:
			r.Context = s.commandContext()
		}
	})
}

// DecodeChange reads what changes an entity: {"set":{…},"add":{…},"remove":{…},"context":{…}}.
func DecodeChange(body []byte) (EditRequest, error) {
	patch := []byte{'{'}
	r, err := decodeEdit(body, patchMembers, func(s *scanner, r *EditRequest, i int) {
		switch i {
		case 0, 1, 2:
			if len(patch) > 1 {
				patch = append(patch, ',')
			}
			patch = append(appendText(patch, patchMembers[i]), ':')
			patch = append(patch, s.whole()...)
		case 3:
			r.Context = s.commandContext()
		}
	})
	if err == nil && len(patch) == 1 {
		return r, invalid("body", "says nothing to change: give set, add or remove, each {\"property\":…}")
	}
	r.Patch = append(patch, '}')
	return r, err
}

// DecodeEditContext reads {"context"}, for a restoration or an undo. No body is an empty one.
func DecodeEditContext(body []byte) (EditRequest, error) {
	return decodeEdit(body, contextOnly, func(s *scanner, r *EditRequest, i int) {
		if i == 0 {
			r.Context = s.commandContext()
		}
	})
}

// DecodeUndo reads {"positions":[…],"context"}.
func DecodeUndo(body []byte) (UndoRequest, error) {
	var r UndoRequest
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(undoMembers) {
		case 0:
			for s.list(); s.element(); {
				if len(r.Positions) == maxEdits {
					s.fail("is one too many: at most %d transactions are undone at once", maxEdits)
					break
				}
				r.Positions = append(r.Positions, nacre.Position(s.integer(1, math.MaxInt64)))
			}
		case 1:
			r.Context = s.commandContext()
		}
	}
	if s.end() == nil && len(r.Positions) == 0 {
		s.failAt("positions", "is missing or empty: give those of the transactions")
	}
	if s.err != nil {
		return UndoRequest{}, s.err
	}
	return r, nil
}

func decodeEdit(body []byte, members []string, take func(*scanner, *EditRequest, int)) (EditRequest, error) {
	var r EditRequest
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		take(&s, &r, s.known(members))
	}
	if err := s.end(); err != nil {
		return EditRequest{}, err
	}
	return r, nil
}

// DecodeTransaction reads a TransactionRequest.
func DecodeTransaction(body []byte) (TransactionRequest, error) {
	var r TransactionRequest
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(transactionMembers) {
		case 0:
			for s.list(); s.element(); {
				if len(r.Edits) == maxEdits {
					s.fail("is one too many: a transaction has at most %d edits", maxEdits)
					break
				}
				r.Edits = append(r.Edits, s.edit())
			}
		case 1:
			r.Strict = s.boolean()
		case 2:
			r.Context = s.commandContext()
		}
	}
	if s.end() == nil && len(r.Edits) == 0 {
		s.failAt("edits", "is missing or empty: give what to do")
	}
	if s.err != nil {
		return TransactionRequest{}, s.err
	}
	return r, nil
}

func (s *scanner) edit() (e EntityEdit) {
	for s.object(); s.member(); {
		switch s.known(editMembers) {
		case 0:
			e.Do = strings.Clone(s.given())
		case 1:
			e.Collection = strings.Clone(s.given())
		case 2:
			e.ID = strings.Clone(s.given())
		case 3:
			e.Values = bytes.Clone(s.whole())
		case 4:
			e.Patch = bytes.Clone(s.whole())
		}
	}
	switch {
	case s.err != nil:
	case e.Do == "":
		s.missing("do", `give "create", "patch", "delete" or "restore"`)
	case e.Collection == "":
		s.missing("collection", "name it")
	case e.Do != "create" && e.ID == "":
		s.missing("id", "give that of the entity")
	case e.Do != "create" && e.Values != nil:
		s.failAt("values", `goes with "create": give "patch"`)
	case e.Do != "patch" && e.Patch != nil:
		s.failAt("patch", `goes with "patch"`)
	case e.Do == "patch" && e.Patch == nil:
		s.missing("patch", `give {"set":{…},"add":{…},"remove":{…}}`)
	}
	return e
}

// DecodeEntityQuery reads {"q","args","named","after","limit"}. No body is every entity.
func DecodeEntityQuery(body []byte) (EntityQueryRequest, error) {
	r := EntityQueryRequest{Limit: DefaultLimit}
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(entityQueryMembers) {
		case 0:
			r.Q = strings.Clone(s.text())
		case 1:
			for s.list(); s.element(); {
				r.Args = append(r.Args, s.argument(true))
			}
		case 2:
			r.Named = s.namedArguments()
		case 3:
			r.After = strings.Clone(s.text())
		case 4:
			r.Limit = int(s.integer(1, MaxLimit))
		}
	}
	if err := s.end(); err != nil {
		return EntityQueryRequest{}, err
	}
	return r, nil
}

// namedArguments reads values for parameters, by name.
func (s *scanner) namedArguments() map[string]any {
	named := map[string]any{}
	for s.object(); s.member(); {
		name := string(s.path[len(s.path)-1].name)
		if _, twice := named[name]; twice {
			s.fail("stands twice")
		}
		named[name] = s.argument(true)
	}
	return named
}

// whole is raw, refusing what is not JSON.
func (s *scanner) whole() []byte {
	raw := s.raw()
	if s.err != nil {
		return nil
	}
	if _, err := jsontext.NewDecoder(bytes.NewReader(raw)).ReadValue(); err != nil {
		s.fail("is not JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return raw
}

// argument reads a value for a parameter of a query; lists are not nested.
func (s *scanner) argument(listed bool) any {
	switch b := s.peek(); {
	case b == '"':
		return strings.Clone(s.text())
	case b == 't' || b == 'f':
		return s.boolean()
	case b == 'n' && s.null():
		return nil
	case b == '[' && listed:
		list := []any{}
		for s.list(); s.element(); {
			list = append(list, s.argument(false))
		}
		return list
	case b == '-' || b-'0' <= 9:
		text := string(s.raw())
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && json.Valid([]byte(text)) {
			return n
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !json.Valid([]byte(text)) {
			s.fail("%.40q is not a number that is taken: give it as text", text)
			return nil
		}
		return f
	}
	if listed {
		s.wrongKind("text, a number, true, false, null or a list of these")
	} else {
		s.wrongKind("text, a number, true, false or null")
	}
	return nil
}

// paramPrefix stands before the name of a query's parameter in an address.
const paramPrefix = "p."

// ParseEntityQuery reads the parameters of a GET …/entities: q, after, limit, and p.NAME for the query's :NAME, whose value is a
// text, which counts as what it is compared with; one that is repeated is a list.
func ParseEntityQuery(values url.Values) (EntityQueryRequest, error) {
	q := newQuery(values)
	r := EntityQueryRequest{Limit: DefaultLimit}
	r.Q, _ = q.one("q")
	r.After = q.text("after")
	if n, given := q.integer("limit", 1, MaxLimit); given {
		r.Limit = int(n)
	}
	r.Named = q.named()
	return r, q.done()
}

// named takes the parameters p.NAME; nil where there are none.
func (q *query) named() map[string]any {
	var named map[string]any
	for name, given := range q.left {
		param, ok := strings.CutPrefix(name, paramPrefix)
		if !ok {
			continue
		}
		delete(q.left, name)
		if named == nil {
			named = map[string]any{}
		}
		named[param] = given[0]
		if len(given) > 1 {
			list := make([]any, len(given))
			for i := range given {
				list[i] = given[i]
			}
			named[param] = list
		}
	}
	return named
}

// ParseEditContext reads the parameters of a PUT or DELETE that stand for the context of a body: actor, correlationId and
// causationId.
func ParseEditContext(values url.Values) (CommandContext, error) {
	q := newQuery(values)
	c := CommandContext{Actor: q.text("actor"), CorrelationID: q.text("correlationId"), CausationID: q.text("causationId")}
	return c, q.done()
}

// maxHeads is how many events an address names at most.
const maxHeads = 1024

// ParseAt reads the parameter of a GET of an entity: at, ids of events with commas between; nil is now.
func ParseAt(values url.Values) ([]string, error) {
	q := newQuery(values)
	at := q.ids("at")
	return at, q.done()
}

// ParseEntityDiff reads the parameters of a GET …/diff: from, ids of events, none being the entity before its first; and
// to, none being now.
func ParseEntityDiff(values url.Values) (from, to []string, err error) {
	q := newQuery(values)
	from, to = q.ids("from"), q.ids("to")
	return from, to, q.done()
}

func (q *query) ids(name string) []string {
	text := q.text(name)
	if text == "" {
		return nil
	}
	ids := strings.Split(text, ",")
	if len(ids) > maxHeads {
		q.fail(name, "has %d ids, at most %d are taken", len(ids), maxHeads)
	}
	for _, id := range ids {
		if id == "" {
			q.fail(name, "has an empty id: give ids of events with commas between")
		}
	}
	return ids
}

// HistoryParams are those of a GET …/history.
type HistoryParams struct {
	After     nacre.Position
	Limit     int // DefaultLimit unless given
	Backwards bool
}

// ParseHistory reads after, limit and direction (or backwards=true).
func ParseHistory(values url.Values) (HistoryParams, error) {
	q := newQuery(values)
	p := HistoryParams{Limit: DefaultLimit}
	if n, given := q.integer("after", 0, math.MaxInt64); given {
		p.After = nacre.Position(n)
	}
	if n, given := q.integer("limit", 1, MaxLimit); given {
		p.Limit = int(n)
	}
	p.Backwards = q.backwards()
	if q.boolean("backwards") {
		p.Backwards = true
	}
	return p, q.done()
}
