package query

import (
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// Error is a query that is wrong, and where. Its code is INVALID_ARGUMENT.
type Error struct {
	Line     int    // from 1; 0 where the error is about no place, as for a parameter that nothing takes
	Column   int    // in code points, from 1
	Expected string // what should have stood there
	Found    string // what stands there; "" where that says nothing
	Hint     string // what to do; "" where there is none
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("query: ")
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	b.WriteString("expected " + e.Expected)
	if e.Found != "" {
		b.WriteString(", found " + e.Found)
	}
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// ErrorCode is what nacre.CodeOf finds.
func (*Error) ErrorCode() nacre.Code { return nacre.CodeInvalid }

func wrong(at Pos, expected, found, hint string) *Error {
	return &Error{Line: at.Line, Column: at.Column, Expected: expected, Found: found, Hint: hint}
}

// shown is a text of a query as an error tells it: not too long, and on one line.
func shown(text string) string {
	const most = 40
	runes := []rune(text)
	if len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// nearest is the name that somebody may have meant, "" where none is near.
func nearest(name string, names []string) string {
	best, least := "", 3
	if len(name) < 4 {
		least = 2
	}
	if len(name) > 64 {
		return ""
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		if len(n) > 64 {
			continue
		}
		if d := distance(name, n); d < least && d < len(name) {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of letters that two names differ by.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
