package segment

import (
	"bytes"
	"fmt"

	"github.com/nacredb/nacre"
)

const (
	// MarkSize is the size of a mark's file: two slots.
	MarkSize = 2 * SlotSize
	// SlotSize is the size of a slot, which a disk writes whole or not at all.
	SlotSize = 512
)

// Mark tells how far a log is known to be durable.
type Mark struct {
	Number  uint64 // the greater one counts; below 1<<63
	Epoch   string // a ULID
	Durable nacre.Position
	Clean   bool // the log was closed
}

// Offset is where the mark's slot stands in the file.
func (m *Mark) Offset() int64 { return int64(m.Number % 2 * SlotSize) }

// EncodeMarkSlot gives the slot's bytes, which stand at the mark's Offset.
func EncodeMarkSlot(m *Mark) []byte {
	out := appendNumber(make([]byte, 0, SlotSize), `{"mark":`, m.Number)
	out = append(append(append(out, `,"epoch":"`...), m.Epoch...), '"')
	out = appendNumber(out, `,"durable":`, m.Durable)
	out = append(out, `,"clean":`...)
	if m.Clean {
		out = append(out, "true"...)
	} else {
		out = append(out, "false"...)
	}
	out = seal(out, 0)
	for len(out) < SlotSize-1 {
		out = append(out, ' ')
	}
	return append(out, '\n')
}

// DecodeMark reads a mark's file, whose name is for errors, and gives the mark that counts. A slot that
// is neither empty nor whole is damage, of type *nacre.DamageError; the other one is given all the same.
func DecodeMark(file string, data []byte) (m Mark, found bool, damage []error) {
	for slot := range 2 {
		from := slot * SlotSize
		text := data[min(from, len(data)):min(from+SlotSize, len(data))]
		if len(bytes.Trim(text, "\x00")) == 0 {
			continue
		}
		other, err := decodeSlot(text, slot)
		if err != nil {
			damage = append(damage, &nacre.DamageError{File: file, Line: int64(slot) + 1, Offset: int64(from), Reason: err.Error()})
			continue
		}
		if !found || other.Number > m.Number {
			m, found = other, true
		}
	}
	if len(data) > MarkSize {
		damage = append(damage, &nacre.DamageError{File: file, Offset: MarkSize, Reason: "something stands behind the mark's slots"})
	}
	return m, found, damage
}

func decodeSlot(text []byte, slot int) (m Mark, err error) {
	if len(text) < SlotSize || text[SlotSize-1] != '\n' {
		return m, fmt.Errorf("the slot is not %d bytes with a line feed at its end", SlotSize)
	}
	r := openRecord(bytes.TrimRight(text[:SlotSize-1], " "))
	r.begin(`{"mark":`)
	m.Number = uint64(r.number("mark"))
	r.key("epoch")
	m.Epoch = r.text("epoch")
	r.key("durable")
	m.Durable = nacre.Position(r.number("durable"))
	r.key("clean")
	m.Clean = r.flag("clean")
	if err := r.close(); err != nil {
		return m, err
	}
	if m.Number%2 != uint64(slot) {
		return m, fmt.Errorf("mark %d stands in the other one's slot", m.Number)
	}
	return m, nil
}
