package wire

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// query takes parameters one by one; what nobody took is refused at the end. The first error stays.
type query struct {
	left map[string][]string
	err  *nacre.Error
}

func newQuery(q url.Values) *query {
	left := maps.Clone(q)
	if left == nil {
		left = url.Values{}
	}
	delete(left, ParamAPIKey)
	out := &query{left: left}
	for name, values := range left {
		for _, value := range values {
			if !utf8.ValidString(value) {
				out.fail(shorten([]byte(name)), "is not valid UTF-8")
			}
		}
	}
	return out
}

func (q *query) fail(field, format string, args ...any) {
	if q.err == nil {
		q.err = invalid(field, format, args...)
	}
}

// unsupported refuses a parameter that is known, and whose answer would not be true.
func (q *query) unsupported(field, format string, args ...any) {
	if q.err == nil {
		q.err = invalid(field, format, args...)
		q.err.Code = nacre.CodeUnsupported
	}
}

// many takes a parameter that may be repeated.
func (q *query) many(name string) []string {
	values := q.left[name]
	delete(q.left, name)
	if slices.Contains(values, "") {
		q.fail(name, "is empty: leave it out, or give a name")
	}
	return values
}

// one takes a parameter that may be given once.
func (q *query) one(name string) (value string, given bool) {
	values, given := q.left[name]
	if !given || len(values) == 0 {
		return "", false
	}
	delete(q.left, name)
	if len(values) > 1 {
		q.fail(name, "is given %d times: give it once", len(values))
	}
	return values[0], true
}

// text takes a parameter that must not be empty where it is given.
func (q *query) text(name string) string {
	value, given := q.one(name)
	if given && value == "" {
		q.fail(name, "is empty: leave it out, or give a text")
	}
	return value
}

// integer takes a whole number.
func (q *query) integer(name string, least, most int64) (n int64, given bool) {
	value, given := q.one(name)
	if !given {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most || value[0] == '+' {
		if most == math.MaxInt64 {
			q.fail(name, "%.40q is not a whole number from %d", value, least)
		} else {
			q.fail(name, "%.40q is not a whole number from %d to %d", value, least, most)
		}
		return 0, false
	}
	return n, true
}

// same takes a number that has several names, and refuses different ones.
func (q *query) same(least, most int64, names ...string) (n int64, given bool) {
	for _, name := range names {
		v, ok := q.integer(name, least, most)
		if ok && given && v != n {
			q.fail(name, "is %d, and by another name %d: give one", v, n)
		}
		if ok {
			n, given = v, true
		}
	}
	return n, given
}

// boolean takes true or false.
func (q *query) boolean(name string) bool {
	value, given := q.one(name)
	if given && value != "true" && value != "false" {
		q.fail(name, "%.40q is neither true nor false", value)
	}
	return value == "true"
}

// date takes a time, or a day, which stands for its first or last microsecond.
func (q *query) date(name string, last bool) time.Time {
	value, given := q.one(name)
	if !given {
		return time.Time{}
	}
	if t, ok := parseTime([]byte(value)); ok {
		return t
	}
	day, err := time.Parse(time.DateOnly, value)
	if err != nil {
		q.fail(name, "%.40q is neither a time such as 2026-11-20T18:55:20Z nor a day such as 2026-11-20", value)
		return time.Time{}
	}
	if last {
		return day.AddDate(0, 0, 1).Add(-time.Microsecond)
	}
	return day
}

// backwards takes the direction, by any of its names.
func (q *query) backwards() bool {
	backwards, given := false, false
	for _, name := range []string{"direction", "sortDirection"} {
		value, ok := q.one(name)
		if !ok {
			continue
		}
		b := false
		switch value {
		case "forwards", "forward", "asc":
		case "backwards", "backward", "desc":
			b = true
		default:
			q.fail(name, "%.40q is not a direction: give forwards or backwards", value)
		}
		if given && b != backwards {
			q.fail(name, "contradicts direction: give one")
		}
		backwards, given = b, true
	}
	return backwards
}

// cursor takes a position or a cursor.
func (q *query) cursor(name string) Cursor {
	value, given := q.one(name)
	if !given {
		return Cursor{}
	}
	c, err := ParseCursor(name, value)
	if err != nil {
		q.fail(name, "%.80q is neither a position nor a cursor such as 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE", value)
	}
	return c
}

// done refuses what nobody took.
func (q *query) done() error {
	if q.err == nil && len(q.left) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(q.left)))
		q.fail(shorten([]byte(name)), "is not a parameter of this request")
	}
	if q.err != nil {
		return q.err
	}
	return nil
}
