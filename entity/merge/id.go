package merge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// ID is an event's id: a ULID. Ids are ordered as their bytes are, and so are their texts. The zero ID is no event's.
type ID [16]byte

const (
	idText   = 26 // characters
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// MaxTransaction is the most events that a transaction may have.
const MaxTransaction = 1000

// letters is the value of each character of the alphabet, 0xff for others.
var letters = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range alphabet {
		table[alphabet[i]] = byte(i)
	}
	return table
}()

// ParseID reads an id. Only canonical text is one: 26 capital letters and digits.
func ParseID(text string) (ID, error) {
	id, ok := parseID(text)
	if !ok {
		return ID{}, invalid("eventId", fmt.Sprintf("%.40q is not a ULID in canonical text: 26 of the characters %s, the first one 0 to 7", text, alphabet))
	}
	return id, nil
}

func parseID[T string | []byte](text T) (id ID, ok bool) {
	if len(text) != idText || text[0] > '7' {
		return ID{}, false
	}
	var high, low uint64
	for i := range idText {
		v := letters[text[i]]
		if v == 0xff {
			return ID{}, false
		}
		high = high<<5 | low>>59
		low = low<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id, true
}

// String is the id's canonical text.
func (id ID) String() string { return string(id.AppendText(nil)) }

// AppendText appends the id's canonical text.
func (id ID) AppendText(dst []byte) []byte {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [idText]byte
	for i := idText - 1; i >= 0; i-- {
		text[i] = alphabet[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return append(dst, text[:]...)
}

// Compare orders ids.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// IsZero tells whether it is no id.
func (id ID) IsZero() bool { return id == ID{} }

// Time is the time in the id, to the millisecond: what its author's clock said, or a parent's time where that was ahead.
func (id ID) Time() time.Time {
	return time.UnixMilli(id.milliseconds()).UTC()
}

func (id ID) milliseconds() int64 {
	return int64(binary.BigEndian.Uint64(id[:8]) >> 16)
}

// next is the id that is greater by n.
func (id ID) next(n uint64) (ID, bool) {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	sum := low + n
	if sum < low {
		high++
		if high == 0 {
			return ID{}, false
		}
	}
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], sum)
	return id, true
}

// NewIDs makes the ids of a transaction of n events. now is the author's clock, greatest the greatest of all parents
// that its events have outside of it, zero where there are none, and random fresh randomness, of which 54 bits count.
func NewIDs(now time.Time, greatest ID, random uint64, n int) ([]ID, error) {
	if n < 1 || n > MaxTransaction {
		return nil, invalid("transactionSize", fmt.Sprintf("is %d: a transaction has 1 to %d events", n, MaxTransaction))
	}
	ms := now.UnixMilli()
	if ms < 0 || ms >= 1<<48 {
		return nil, invalid("createdAt", fmt.Sprintf("the clock says %s, which no id can hold", now.UTC().Format(time.RFC3339)))
	}
	stamp := uint64(ms) << 16
	if !greatest.IsZero() {
		after := binary.BigEndian.Uint64(greatest[:8]) + 1
		if after == 0 {
			return nil, invalid("parents", fmt.Sprintf("the parent %s is the last id that there can be: nothing can come after it", greatest))
		}
		stamp = max(stamp, after)
	}
	var first ID
	binary.BigEndian.PutUint64(first[:8], stamp)
	binary.BigEndian.PutUint64(first[8:], random<<10)
	ids := make([]ID, n)
	for i := range ids {
		ids[i], _ = first.next(uint64(i)) // the index has room for more than a transaction's
	}
	return ids, nil
}

// ErrVoid is what an entity answers to a void: its effect is that of folding all events anew, without those that are voided.
var ErrVoid = errors.New("merge: the event voids others: fold the stream anew")

func invalid(field, message string) *nacre.Error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: message}
}

// checkProperty tells what is wrong with a property's id, "" where nothing is. Reserved ones are not looked for.
func checkProperty(id string) string {
	switch {
	case id == "":
		return "is empty"
	case len(id) > 256:
		return fmt.Sprintf("has %d bytes, at most 256 are taken", len(id))
	case strings.ContainsFunc(id, func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
	}):
		return "has a quote, a backslash, a control character or a line separator"
	}
	return ""
}
