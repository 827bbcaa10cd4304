package guest

import (
	"reflect"
	"strconv"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

func (a *aggregate[S, C, E]) decide(text []byte) []byte {
	a.link()
	q := a.read(text)
	if q.row.codec == nil {
		q.fail(codeInternal, "the request has no command")
	}
	if q.missing {
		return a.missing()
	}
	if q.code != "" {
		return a.fail(q.code, q.message)
	}
	if !q.decoded { // no payload is null
		null := jsontext.NewReader([]byte("null"), true)
		v := q.row.read(null)
		if err := null.Err(); err != nil {
			return a.fail(codeDecodeCommand, "payload: "+readable(err))
		}
		q.given = v.(C)
	}
	q.context.ID = q.id
	events, err := a.d.Decide(q.state.state, q.given, q.context)
	if err != nil {
		return a.writeDomain(err)
	}
	return a.reply(q, events)
}

func (a *aggregate[S, C, E]) evolve(text []byte) []byte {
	a.link()
	q := a.read(text)
	if q.missing {
		return a.missing()
	}
	if q.code != "" {
		return a.fail(q.code, q.message)
	}
	return a.reply(q, nil)
}

// reply writes events, and the state after them, where it is asked for.
func (a *aggregate[S, C, E]) reply(q *request[S, C], events []E) []byte {
	w := &a.out
	w.Reset()
	w.Byte('{')
	if len(events) > 0 {
		w.Raw(`"events":[`)
		for i, e := range events {
			if i > 0 {
				w.Byte(',')
			}
			if message := a.writeEvent(e); message != "" {
				return a.fail(codeInternal, message)
			}
			if q.keeps || q.gives {
				q.state.state = a.d.Evolve(q.state.state, e)
			}
		}
		w.Byte(']')
		q.state.bytes += w.Len()
	}
	if q.gives {
		w.Comma()
		w.Raw(`"state":`)
		begin := w.Len()
		a.state.Write(w, q.state.state)
		if err := w.Err(); err != nil {
			return a.fail(codeInternal, "the state does not encode: "+err.Error())
		}
		q.state.bytes = w.Len() - begin
	}
	w.Byte('}')
	if q.keeps {
		a.kept.put(q.keep, q.state)
	}
	return w.Bytes()
}

// writeEvent writes an event that the decider gave, and says what is wrong with it.
func (a *aggregate[S, C, E]) writeEvent(e E) (wrong string) {
	v := any(e)
	row, ok := a.written[reflect.TypeOf(v)]
	if !ok {
		if v == nil {
			return "Decide gave an event that is nil"
		}
		return "Decide gave a " + reflect.TypeOf(v).String() + ", which the decider's Events do not have"
	}
	w := &a.out
	w.Raw(`{"type":`)
	w.String(row.name)
	w.Raw(`,"data":`)
	row.codec.Write(w, v)
	if row.tagged {
		writeTexts(w, "tags", v.(tagged).EventTags())
	}
	if version := a.o.Versions[row.name]; version > 1 {
		w.Raw(`,"schemaVersion":`)
		w.Int(int64(version))
	}
	w.Byte('}')
	if err := w.Err(); err != nil {
		return "an event " + quote(row.name) + " does not encode: " + err.Error()
	}
	return ""
}

func (a *aggregate[S, C, E]) missing() []byte {
	a.out.Reset()
	a.out.Raw(`{"missing":true}`)
	return a.out.Bytes()
}

func (a *aggregate[S, C, E]) fail(code, message string) []byte {
	a.out.Reset()
	a.out.Raw(`{"error":{"code":"` + code + `","message":`)
	a.out.String(valid(message))
	a.out.Raw(`}}`)
	return a.out.Bytes()
}

func quote(name string) string {
	const most = 128
	return strconv.Quote(name[:min(len(name), most)])
}
