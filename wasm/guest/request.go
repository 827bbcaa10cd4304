package guest

import (
	"errors"

	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// The codes of errors that a reply has.
const (
	codeUnknownCommand = "UNKNOWN_COMMAND"
	codeDecodeCommand  = "DECODE_COMMAND"
	codeDecodeContext  = "DECODE_CONTEXT"
	codeDecodeState    = "DECODE_STATE"
	codeDecodeEvent    = "DECODE_EVENT"
	codeUnknownEvent   = "UNKNOWN_EVENT"
	codeInternal       = "INTERNAL"
)

// request is what was read of one. It is read in one go, in the order in which the host writes: the state is there
// when the events come, and the command's name when its payload does.
type request[S, C any] struct {
	id      string
	held    int64
	keep    int64
	keeps   bool
	gives   bool // the state
	missing bool
	state   sized[S]

	row     row // of the command
	given   C
	decoded bool
	context decider.Context

	code, message string // of an error
}

func (q *request[S, C]) fail(code, message string) {
	if q.code == "" {
		q.code, q.message = code, message
	}
}

// failed tells whether what was read ends the request; code is what an error of the reader means.
func (q *request[S, C]) failed(r *jsontext.Reader, code string) bool {
	if err := r.Err(); err != nil {
		q.fail(code, readable(err))
	}
	return q.code != "" || q.missing
}

// readable is what a reader's error says, without the place in a request that people never see.
func readable(err error) string {
	e, ok := errors.AsType[*jsontext.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Path == "":
		return e.Message
	default:
		return e.Path + ": " + e.Message
	}
}

// read reads a request, which is good until the next one. What is wrong with it stands in code.
func (a *aggregate[S, C, E]) read(text []byte) *request[S, C] {
	q := &a.request
	*q = request[S, C]{}
	a.in.Reset(text, false)
	r := &a.in
	if !r.Object() {
		q.fail(codeInternal, "the request is no JSON object")
		return q
	}
	for r.Member() {
		code := codeInternal
		switch string(r.Name()) {
		case "id":
			q.id = again(&a.lastID, r)
		case "held":
			q.held = r.Int(64)
			var ok bool
			q.state, ok = a.kept.get(q.held)
			q.missing = !ok
		case "state":
			code = codeDecodeState
			begin := r.Offset()
			q.state.state, _ = a.state.Read(r).(S)
			q.state.bytes = r.Offset() - begin
		case "events":
			code = codeDecodeEvent
			begin := r.Offset()
			a.apply(q)
			q.state.bytes += r.Offset() - begin
		case "keep":
			q.keep, q.keeps = r.Int(64), true
		case "return":
			q.gives = r.Bool()
		case "command":
			a.find(q)
		case "payload":
			code = codeDecodeCommand
			a.readCommand(q)
		case "context":
			code = codeInternal
			a.readContext(q)
		default:
			r.Unknown()
		}
		if q.failed(r, code) {
			return q
		}
	}
	if err := r.End(); err != nil {
		q.fail(codeInternal, "the request is no JSON: "+err.Error())
	}
	return q
}

// find reads a command's name.
func (a *aggregate[S, C, E]) find(q *request[S, C]) {
	name := a.in.Text()
	var ok bool
	if q.row, ok = a.commands[string(name)]; !ok && a.in.Err() == nil {
		q.fail(codeUnknownCommand, "there is no command "+quote(string(name)))
	}
}

// again reads a text, which as a rule is the one that was read before: that one is given again, and not copied.
func again(last *string, r *jsontext.Reader) string {
	if text := r.Text(); string(text) != *last {
		*last = string(text)
	}
	return *last
}

func (a *aggregate[S, C, E]) readCommand(q *request[S, C]) {
	if q.row.codec == nil {
		q.fail(codeInternal, "the request's payload stands before its command")
		return
	}
	a.in.Strictly(true)
	v := q.row.read(&a.in)
	a.in.Strictly(false)
	if a.in.Err() == nil {
		q.given, q.decoded = v.(C), true
	}
}

func (a *aggregate[S, C, E]) readContext(q *request[S, C]) {
	r, c := &a.in, &q.context
	for ok := r.Object(); ok && r.Member(); {
		switch string(r.Name()) {
		case "commandId":
			c.CommandID = r.String()
		case "time":
			c.Time = r.Time().UTC()
		case "actor":
			c.Actor = again(&a.lastActor, r)
		case "correlationId":
			c.CorrelationID = r.String()
		case "causationId":
			c.CausationID = r.String()
		case "sourceDevice":
			c.SourceDevice = r.String()
		case "metadata":
			v := r.Any()
			c.Metadata, _ = v.(map[string]any)
			if c.Metadata == nil && v != nil {
				r.Fail("the metadata is no object")
			}
			q.failed(r, codeDecodeContext)
		default:
			r.Unknown()
		}
	}
}
