package wasm

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// thaloSaid is an error as a guest says it.
type thaloSaid struct {
	name  string
	texts []string
}

// view reads what a call returned. The first thing that is wrong stays.
type view struct {
	in   *instance
	at   uint32
	left int // bytes of texts
	err  error
}

func (in *instance) view(result uint64) *view {
	v := &view{in: in, at: api.DecodeU32(result), left: in.m.limits.Reply}
	if v.at%alignText != 0 {
		v.bad("its result is at %d, which is no multiple of %d", v.at, alignText)
	}
	return v
}

func (v *view) bad(format string, args ...any) {
	if v.err == nil {
		v.err = v.in.run.error(CodeReply, fmt.Sprintf(format, args...), nil)
	}
}

// bytes are a part of the memory; nil after an error.
func (v *view) bytes(at, length uint32) []byte {
	if v.err != nil {
		return nil
	}
	b, ok := v.in.linear.read(at, length)
	if !ok {
		v.bad("its result leads to %d bytes at %d, and its memory ends at %d", length, at, len(v.in.linear.bytes))
		return nil
	}
	return b
}

func (v *view) word(at uint32) uint32 {
	if b := v.bytes(at, wordSize); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// tag is a byte that tells which of so many cases it is.
func (v *view) tag(at uint32, cases int) int {
	b := v.bytes(at, 1)
	switch {
	case b == nil:
		return 0
	case int(b[0]) >= cases:
		v.bad("its result has case %d, of %d", b[0], cases)
		return 0
	}
	return int(b[0])
}

func (v *view) isErr() bool { return v.tag(v.at, 2) == 1 }

func (v *view) text(at uint32) string {
	from, length := v.word(at), v.word(at+wordSize)
	if v.left -= int(min(length, 1<<31-1)); v.left < 0 {
		v.bad("its reply has more than %d bytes", v.in.m.limits.Reply)
	}
	b := v.bytes(from, length)
	if !utf8.Valid(b) {
		v.bad("its reply has a text that is not UTF-8")
	}
	if v.err != nil {
		return ""
	}
	return string(b)
}

// fault reads the error of a result.
func (v *view) fault(faults []thaloFault) *thaloSaid {
	at := v.at + wordSize
	f := faults[v.tag(at, len(faults))]
	said := &thaloSaid{name: f.name}
	at += wordSize
	if f.maybe {
		if v.tag(at, 2) == 0 {
			return said
		}
		at += wordSize
	}
	for i := range f.texts {
		said.texts = append(said.texts, v.text(at+uint32(i*textSize)))
	}
	return said
}

// events reads the list of them.
func (v *view) events(at uint32) []Event {
	list, n := v.word(at), v.word(at+wordSize)
	if int64(n) > int64(v.in.m.limits.Events) {
		v.bad("it gave %d events, of at most %d", n, v.in.m.limits.Events)
		return nil
	}
	if list%alignText != 0 {
		v.bad("its events are at %d, which is no multiple of %d", list, alignText)
	}
	if whole := uint64(n) * pairSize; uint64(list)+whole > uint64(len(v.in.linear.bytes)) {
		v.bad("its result leads to %d bytes at %d, and its memory ends at %d", whole, list, len(v.in.linear.bytes))
	}
	size := 0
	for i := uint32(0); i < 2*n; i++ {
		size += int(min(v.word(list+i*textSize+wordSize), 1<<24))
	}
	var out []Event
	if v.err == nil {
		v.err = v.in.run.aside(size, func() error {
			for i := uint32(0); i < n && v.err == nil; i++ {
				out = append(out, v.event(list+i*pairSize))
			}
			return v.err
		})
	}
	return out
}

// event reads a record of two texts as one.
func (v *view) event(at uint32) Event {
	e := Event{Type: v.text(at), SchemaVersion: 1, of: openReading, checked: true}
	data := v.text(at + textSize)
	if v.err != nil {
		return e
	}
	if !validEventType(e.Type) {
		v.bad("it gave an event whose name is no type of events here: %q", trim(e.Type, 100))
		return e
	}
	compacted, err := checkJSON([]byte(data))
	if err != nil {
		v.bad("it gave an event %q whose payload is no JSON: %v", e.Type, err)
	}
	e.Data = compacted
	return e
}
