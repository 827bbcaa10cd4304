package segment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
)

const (
	rawSuffix  = ".ndjson"
	zstdSuffix = ".ndjson.zst"
	nameDigits = 20
)

// FileName is the name of the segment that begins at a position.
func FileName(first nacre.Position, compressed bool) string {
	if compressed {
		return fmt.Sprintf("%0*d%s", nameDigits, first, zstdSuffix)
	}
	return fmt.Sprintf("%0*d%s", nameDigits, first, rawSuffix)
}

// ParseFileName reads what FileName gives; ok is false for the name of any other file.
func ParseFileName(name string) (first nacre.Position, compressed, ok bool) {
	digits, compressed := strings.CutSuffix(name, zstdSuffix)
	if !compressed {
		digits, ok = strings.CutSuffix(name, rawSuffix)
		if !ok {
			return 0, false, false
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || len(digits) != nameDigits {
		return 0, false, false
	}
	return nacre.Position(n), compressed, true
}
