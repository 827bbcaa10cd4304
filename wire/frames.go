package wire

import (
	"bytes"

	"github.com/nacredb/nacre"
)

// AppendFrameEvent appends the WebSocket message {"event":LINE}.
func AppendFrameEvent(dst, line []byte) []byte {
	return append(append(append(dst, `{"event":`...), line...), '}')
}

// AppendFrameCaughtUp appends {"caughtUp":{"globalPosition":N,"cursor":"N@epoch"}}.
func AppendFrameCaughtUp(dst []byte, c Cursor) []byte {
	dst = appendNumber(append(dst, `{"caughtUp":{"globalPosition":`...), c.Position)
	return append(appendText(append(dst, `,"cursor":`...), c.String()), '}', '}')
}

// AppendFrameError appends {"error":{…}}; body is FromError's.
func AppendFrameError(dst, body []byte) []byte {
	return append(append(append(dst, `{"error":`...), body...), '}')
}

var (
	messageMembers   = []string{"event", "caughtUp", "error"}
	caughtUpMembers  = []string{"cursor", "globalPosition"}
	subscribeMembers = []string{"action", "filter", "eventFilter", "after", "fromDate", "toDate", "where"}
)

// ParseFrame reads a WebSocket message of a server; Line is part of it.
func ParseFrame(message []byte) (Frame, error) {
	var s scanner
	s.init(message, "message")
	f, found := Frame{}, 0
	for s.object(); s.member(); {
		member := s.find(messageMembers)
		if member >= 0 {
			found++
			f.Kind = FrameKind(member)
		}
		switch member {
		case 0:
			f.Line = s.raw()
		case 1:
			f.Cursor = s.caughtUp()
		case 2:
			f.Err = ParseError(500, bytes.Clone(s.raw()))
		default:
			s.raw()
		}
	}
	if s.err == nil && found != 1 {
		s.fail("has not one of event, caughtUp and error")
	}
	if err := s.end(); err != nil {
		return Frame{}, nacre.Errorf(nacre.CodeInternal, "the server's stream: %w", err)
	}
	return f, nil
}

func (s *scanner) caughtUp() Cursor {
	var c Cursor
	for s.object(); s.member(); {
		switch s.find(caughtUpMembers) {
		case 0:
			c = s.cursor()
		case 1:
			if n := s.position(); c.Epoch == "" {
				c.Position = n
			}
		default:
			s.raw()
		}
	}
	return c
}

// DecodeSubscribe reads the first message of a WebSocket client: {"action":"subscribe",
// "filter"?:{"items":[…]}, "where"?, "after"?: position or cursor, "fromDate"?, "toDate"?}; or DeltaBase's
// {"action":"subscribe","eventFilter":"todo.*"}, whose filter is an event type, in which * is a wildcard,
// or a list of them, and whose other form is {"filter":{"type":…,"streamId":…}}.
func DecodeSubscribe(message []byte) (ReadParams, error) {
	var p ReadParams
	var s scanner
	s.init(message, "")
	action, filtered, names := "", false, 0
	for s.object(); s.member(); {
		member := s.known(subscribeMembers)
		if member == 1 || member == 2 {
			if filtered {
				s.fail("is a second filter: give filter or eventFilter")
				break
			}
			filtered = true
		}
		switch member {
		case 0:
			if action = s.text(); action != "subscribe" {
				s.fail("%.40q is not an action: give subscribe", action)
			}
		case 1:
			p.Filter = s.anyFilter()
		case 2:
			p.Filter = nacre.Filter{{Types: oneOrMore[string](&s, &names)}}
		case 3:
			c := s.cursor()
			p.Options.After, p.Epoch = c.Position, c.Epoch
		case 4:
			p.FromDate = s.time()
		case 5:
			p.ToDate = s.time()
		case 6:
			p.Where = s.given()
		}
	}
	if action == "" {
		s.missing("action", "give subscribe")
	}
	if err := s.end(); err != nil {
		return ReadParams{}, err
	}
	return p, nil
}

// EncodeSubscribe appends the message that DecodeSubscribe reads.
func EncodeSubscribe(dst []byte, p *ReadParams) []byte {
	dst = AppendFilter(append(dst, `{"action":"subscribe","filter":`...), p.Filter)
	if c := p.Cursor(); c != (Cursor{}) {
		dst = appendText(append(dst, `,"after":`...), c.String())
	}
	if !p.FromDate.IsZero() {
		dst = appendTime(append(dst, `,"fromDate":`...), p.FromDate)
	}
	if !p.ToDate.IsZero() {
		dst = appendTime(append(dst, `,"toDate":`...), p.ToDate)
	}
	if p.Where != "" {
		dst = appendText(append(dst, `,"where":`...), p.Where)
	}
	return append(dst, '}')
}
