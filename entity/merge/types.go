package merge

import (
	"encoding/base64"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// types are the types of values that schemas know.
var types = []string{"text", "bool", "int64", "float64", "decimal", "time", "bytes", "json", "ref"}

// instant is a time as in RFC 3339; package time takes some others, too.
var instant = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ofType tells whether a canonical value is of a type. Null is a value of every type.
func ofType(name string, value []byte) bool {
	if string(value) == "null" || name == "json" {
		return true
	}
	text, isText := textOf(value)
	number := value[0] == '-' || value[0] >= '0' && value[0] <= '9'
	switch name {
	case "text", "ref":
		return isText
	case "bool":
		return value[0] == 't' || value[0] == 'f'
	case "int64":
		_, err := strconv.ParseInt(string(value), 10, 64)
		return number && err == nil
	case "float64":
		f, err := strconv.ParseFloat(string(value), 64)
		return number && err == nil && !math.IsInf(f, 0)
	case "decimal":
		if isText {
			canonical, err := Canonical([]byte(text))
			return err == nil && ofType("decimal", canonical) && canonical[0] != '"' && string(canonical) != "null"
		}
		return number && isDecimal(string(value))
	case "time":
		text = strings.ToUpper(text)
		t, err := time.Parse(time.RFC3339Nano, text)
		return isText && err == nil && instant.MatchString(text) && t.UTC().Year() >= 0 && t.UTC().Year() <= 9999
	case "bytes":
		_, err := base64.StdEncoding.Strict().DecodeString(text)
		return isText && err == nil && !strings.ContainsAny(text, "\r\n")
	}
	return false
}

// isDecimal tells whether a canonical number has at most 100 digits before its point and behind it.
func isDecimal(number string) bool {
	number = strings.TrimPrefix(number, "-")
	mantissa, exponent, scientific := strings.Cut(number, "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !scientific {
		return len(whole) <= 100 && len(fraction) <= 100
	}
	power, err := strconv.Atoi(exponent)
	// Canonical numbers have an exponent where they are beyond 100 digits, or below a millionth.
	return err == nil && power < 0 && len(fraction)-power <= 100
}

// date is a date alone, a value in canonical JSON. What stands before it is no escape.
var date = regexp.MustCompile(`(^|[^\\])"(\d{4}-\d\d-\d\d)"`)

// datesToTimes makes times of the dates among canonical values: midnight in UTC. Names of members stay.
func datesToTimes(canonical []byte) []byte {
	var out []byte
	done := 0
	for _, at := range date.FindAllSubmatchIndex(canonical, -1) {
		begin, end := at[4], at[5]
		if _, err := time.Parse(time.DateOnly, string(canonical[begin:end])); err != nil || end+1 < len(canonical) && canonical[end+1] == ':' {
			continue
		}
		out = append(append(out, canonical[done:end]...), "T00:00:00Z"...)
		done = end
	}
	if done == 0 {
		return canonical
	}
	return append(out, canonical[done:]...)
}

// castTo makes a value of a type of a canonical value of another one. It tells whether there is one.
func castTo(name string, value []byte) ([]byte, bool) {
	if ofType(name, value) {
		return value, true
	}
	text, isText := textOf(value)
	scalar := value[0] != '{' && value[0] != '['
	switch name {
	case "text":
		return appendString(nil, string(value)), scalar && !isText
	case "bool", "int64", "float64", "decimal":
		canonical, err := Canonical([]byte(text))
		ok := isText && err == nil && string(canonical) != "null" && canonical[0] != '"' && ofType(name, canonical)
		return canonical, ok
	case "time":
		value = datesToTimes(value)
		return value, ofType(name, value)
	}
	return nil, false
}
