package wire

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre/internal/line"
)

// appendText appends a string as JSON. What is not UTF-8 becomes U+FFFD.
func appendText[T ~string](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		if b := text[i]; b < ' ' || b == '"' || b == '\\' || b >= utf8.RuneSelf {
			return appendEscaped(append(dst, text[:i]...), string(text[i:]))
		}
	}
	dst = append(dst, text...)
	return append(dst, '"')
}

// appendEscaped appends the rest of a string, and its closing quote.
func appendEscaped(dst []byte, text string) []byte {
	const digits = "0123456789abcdef"
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// appendTexts appends a list of strings.
func appendTexts[T ~string](dst []byte, texts []T) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, text)
	}
	return append(dst, ']')
}

func appendNumber[T ~int | ~int64 | ~uint64](dst []byte, n T) []byte {
	if n < 0 {
		return strconv.AppendInt(dst, int64(n), 10)
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// appendTime appends a time as it stands in an event's line, in quotes.
func appendTime(dst []byte, t time.Time) []byte {
	return append(line.AppendTime(append(dst, '"'), t.UnixMicro()), '"')
}

func appendBase64(dst, data []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), data), '"')
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}
