package nacre

import (
	"fmt"
	"strconv"
)

// ExpectedVersion is what an append expects of its stream; it is checked in the commit. The zero value
// is [Any]. The version of a stream is the position of its last event, -1 where there is none.
type ExpectedVersion struct{ n int64 }

// What can be expected besides an exact version.
var (
	Any          = ExpectedVersion{}
	StreamExists = ExpectedVersion{1}
	NoStream     = Exactly(-1)
)

// Exactly expects the stream's last event at this stream position; -1 is NoStream. A version below -1 is
// refused by the append.
func Exactly(version int64) ExpectedVersion {
	if version < -1 {
		return ExpectedVersion{version} // below what stands for anything
	}
	return ExpectedVersion{min(version, maxVersion) + 3}
}

func (v ExpectedVersion) number() int64 {
	if v.n < 0 {
		return v.n
	}
	return v.n - 3
}

// Version is the exact version that is expected, -1 for NoStream; ok is false for Any and StreamExists.
func (v ExpectedVersion) Version() (version int64, ok bool) {
	return v.number(), v != Any && v != StreamExists
}

// Allows tells whether a stream at this version is as expected.
func (v ExpectedVersion) Allows(current int64) bool {
	switch v {
	case Any:
		return true
	case StreamExists:
		return current >= 0
	default:
		return v.number() == current
	}
}

func (v ExpectedVersion) valid() bool { return v == Any || v == StreamExists || v.n >= NoStream.n }

// String gives "any", "stream_exists", "no_stream" or the number.
func (v ExpectedVersion) String() string {
	switch v {
	case Any:
		return "any"
	case StreamExists:
		return "stream_exists"
	case NoStream:
		return "no_stream"
	default:
		return strconv.FormatInt(v.number(), 10)
	}
}

// ParseExpectedVersion reads what String gives; -1 is no_stream.
func ParseExpectedVersion(s string) (ExpectedVersion, error) {
	switch s {
	case "any":
		return Any, nil
	case "stream_exists":
		return StreamExists, nil
	case "no_stream":
		return NoStream, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1 || n > maxVersion {
		return Any, invalid("expectedStreamVersion", fmt.Sprintf(
			"%q is not an expected version: give any, no_stream, stream_exists or a number from 0", s))
	}
	return Exactly(n), nil
}

const maxVersion = 1<<53 - 1 // what a JSON number carries exactly everywhere
