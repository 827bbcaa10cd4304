package segment

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/internal/line"
)

// record reads a checksummed line of JSON whose members have a fixed order and plain strings: a line of a
// manifest, a mark, a blob's header. After the first thing that is not as it should be, err says what,
// and everything else reads as nothing.
type record struct {
	rest string
	err  error
}

// openRecord verifies the line's checksum.
func openRecord(text []byte) *record {
	covered, err := line.SplitCRC(text)
	return &record{rest: string(covered), err: err}
}

func (r *record) fail(format string, args ...any) {
	if r.err == nil {
		r.err, r.rest = fmt.Errorf(format, args...), ""
	}
}

// has goes over the text, where it stands there.
func (r *record) has(text string) bool {
	rest, ok := strings.CutPrefix(r.rest, text)
	if ok {
		r.rest = rest
	}
	return ok
}

// begin goes over how the record begins.
func (r *record) begin(text string) {
	if !r.has(text) {
		r.fail("the line does not begin with %s", text)
	}
}

// key goes over a member's name.
func (r *record) key(name string) {
	if !r.optional(name) {
		r.fail("%q is missing in its place", name)
	}
}

// optional is key for a member that may be absent.
func (r *record) optional(name string) bool { return r.has(`,"` + name + `":`) }

func (r *record) number(name string) int64 {
	n := 0
	for n < len(r.rest) && r.rest[n] >= '0' && r.rest[n] <= '9' {
		n++
	}
	digits := r.rest[:n]
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > 1 && digits[0] == '0' {
		r.fail("%q is not a number from 0", name)
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *record) text(name string) string {
	if value, rest, ok := strings.Cut(strings.TrimPrefix(r.rest, `"`), `"`); ok && r.has(`"`) {
		r.rest = rest
		return value
	}
	r.fail("%q is not a string", name)
	return ""
}

func (r *record) bytes(name string, dst []byte) {
	text := r.text(name)
	if n, err := hex.Decode(dst, []byte(text[:min(len(text), 2*len(dst))])); err != nil ||
		n != len(dst) || len(text) != 2*n || strings.ToLower(text) != text {
		r.fail("%q is not %d hexadecimal digits in lower case", name, 2*len(dst))
	}
}

func (r *record) time(name string) int64 {
	micros, ok := line.ParseTime([]byte(r.text(name)))
	if !ok || micros == 0 {
		r.fail("%q is not a time other than 1970, which stands for none", name)
	}
	return micros
}

func (r *record) flag(name string) bool {
	switch {
	case r.has("true"):
		return true
	case r.has("false"):
	default:
		r.fail("%q is not true or false", name)
	}
	return false
}

// close makes sure that there is nothing more.
func (r *record) close() error {
	if r.rest != "" {
		r.fail("%.20q should not be there", r.rest)
	}
	return r.err
}

// seal appends the checksum of the record that begins at start.
func seal(dst []byte, start int) []byte {
	return line.AppendCRC(dst, line.Checksum(dst[start:]), "}")
}

func appendNumber[N ~int64 | ~uint64](dst []byte, key string, n N) []byte {
	return strconv.AppendUint(append(dst, key...), uint64(n), 10)
}

func appendHex(dst []byte, key string, value []byte) []byte {
	return append(hex.AppendEncode(append(dst, key...), value), '"')
}

func appendTime(dst []byte, key string, micros int64) []byte {
	return append(line.AppendTime(append(dst, key...), micros), '"')
}
