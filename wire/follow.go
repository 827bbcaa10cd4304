package wire

import (
	"net/url"
	"strings"

	"github.com/nacredb/nacre"
)

// ParseFollow reads the parameters of a GET that follows the log, by SSE or WebSocket: type, category,
// streamId, tag, filter, where, DeltaBase's eventFilter (as type) and flat filter, after, fromDate and toDate; it
// passes over clientId, which selects nothing. lastEventID is the header's, and counts before after.
func ParseFollow(values url.Values, lastEventID string) (ReadParams, error) {
	q := newQuery(values)
	q.one(ParamClientID)
	for _, name := range []string{"before", "limit", "direction", "offset", "to", "toPosition"} {
		if _, given := q.left[name]; given {
			q.fail(name, "is not taken where the log is followed, which has no end")
		}
	}
	var p ReadParams
	p.Filter = q.filter()
	cursor := q.cursor("after")
	if lastEventID != "" {
		c, err := ParseCursor(HeaderLastEventID, lastEventID)
		if err != nil {
			q.fail(HeaderLastEventID, "%.80q is neither a position nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE", lastEventID)
		}
		cursor = c
	}
	p.Options.After, p.Epoch = cursor.Position, cursor.Epoch
	p.FromDate, p.ToDate, p.Where = q.date("fromDate", false), q.date("toDate", true), q.text("where")
	return p, q.done()
}

// anyFilter reads a filter, or DeltaBase's flat one: {"type":"todo.*","streamId":"todo-1"}, in which each
// member may also be a list.
func (s *scanner) anyFilter() nacre.Filter {
	if !s.flat() {
		return s.filter()
	}
	var it nacre.FilterItem
	names := 0
	for s.object(); s.member(); {
		name := string(s.path[len(s.path)-1].name)
		if strings.HasPrefix(name, "data") || strings.HasPrefix(name, "metadata") {
			s.fail("is not something that is filtered by: give type and streamId")
			s.err.Code = nacre.CodeUnsupported
			break
		}
		switch s.known(flatMembers) {
		case 0:
			it.Types = oneOrMore[string](s, &names)
		case 1:
			it.Streams = oneOrMore[nacre.StreamID](s, &names)
		}
	}
	if s.err != nil {
		return nil
	}
	return nacre.Filter{it}
}

var flatMembers = []string{"type", "streamId"}

// flat tells whether an object comes that has members, none of them items.
func (s *scanner) flat() bool {
	if s.err != nil || s.peek() != '{' {
		return false
	}
	ahead := scanner{src: s.src, at: s.at}
	some, items := false, false
	for ahead.object(); ahead.member(); ahead.raw() {
		some = true
		items = items || ahead.find(filterMembers) == 0
	}
	return ahead.err == nil && some && !items
}

func oneOrMore[T ~string](s *scanner, names *int) []T {
	if s.err == nil && s.peek() == '[' {
		return nameList[T](s, names)
	}
	return []T{T(s.given())}
}
