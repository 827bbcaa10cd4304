package query

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Kind is what a [Value] is.
type Kind uint8

// The kinds.
const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindFloat
	KindBig // an integer beyond 64 bits: a sum
	KindDecimal
	KindTime
	KindText
	KindBytes
	KindArray  // of JSON
	KindObject // of JSON
)

// Value is a value of a query or a result. The zero value is null.
type Value struct {
	kind Kind
	n    int64   // booleans (0, 1), integers, microseconds since 1970
	f    float64 // floats
	// b is text, bytes, the key text of a decimal, the digits of a KindBig, the JSON of an array or object. It may be
	// a part of a row.
	b []byte
}

// Kind is what the value is.
func (v Value) Kind() Kind { return v.kind }

// IsNull tells whether the value is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Bool is a boolean's value, false for other kinds.
func (v Value) Bool() bool { return v.kind == KindBool && v.n != 0 }

// Int is an integer's value, 0 for other kinds.
func (v Value) Int() int64 {
	if v.kind != KindInt {
		return 0
	}
	return v.n
}

// Float is the value of an integer or float, 0 for other kinds.
func (v Value) Float() float64 {
	switch v.kind {
	case KindInt:
		return float64(v.n)
	case KindFloat:
		return v.f
	}
	return 0
}

// Text is the value as text: text itself, numbers in digits, times as in RFC 3339, bytes in base64, JSON for arrays
// and objects, "" for null.
func (v Value) Text() string {
	switch v.kind {
	case KindBool:
		return strconv.FormatBool(v.n != 0)
	case KindInt:
		return strconv.FormatInt(v.n, 10)
	case KindFloat:
		return formatFloat(v.f)
	case KindDecimal:
		return decimalText(v.b)
	case KindTime:
		return formatTime(v.n)
	case KindBytes:
		return base64.StdEncoding.EncodeToString(v.b)
	case KindText, KindBig, KindArray, KindObject:
		return string(v.b)
	}
	return ""
}

// Time is a time's value, the zero time for other kinds.
func (v Value) Time() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.UnixMicro(v.n).UTC()
}

// AppendJSON appends the value as JSON: decimals, times and bytes are strings. Floats beyond JSON's range are null.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case KindNull:
		return append(dst, "null"...)
	case KindBool:
		return strconv.AppendBool(dst, v.n != 0)
	case KindInt:
		return strconv.AppendInt(dst, v.n, 10)
	case KindFloat:
		if math.IsInf(v.f, 0) {
			return append(dst, "null"...)
		}
		return append(dst, formatFloat(v.f)...)
	case KindBig, KindArray, KindObject:
		return append(dst, v.b...)
	}
	return appendQuoted(dst, v.Text())
}

// MarshalJSON is AppendJSON for encoding/json.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// clone is a value that no row owns a part of.
func (v Value) clone() Value {
	v.b = bytes.Clone(v.b)
	return v
}

// Equal tells whether two values are the same, and of the same kind. Integers and floats of the same value are.
func (v Value) Equal(w Value) bool {
	c, r := compareValues(&v, &w)
	if r == same {
		return c == 0
	}
	return v.kind == w.kind && bytes.Equal(v.b, w.b)
}

func formatFloat(f float64) string {
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	if f == 0 {
		return "0"
	}
	return strconv.FormatFloat(f, format, -1, 64)
}

func boolValue(b bool) Value {
	if b {
		return Value{kind: KindBool, n: 1}
	}
	return Value{kind: KindBool}
}

func intValue(n int64) Value     { return Value{kind: KindInt, n: n} }
func floatValue(f float64) Value { return Value{kind: KindFloat, f: f} }
func textValue(s string) Value   { return Value{kind: KindText, b: []byte(s)} }

// Decimal is an exact number, as digits: "12.50".
type Decimal string

// valueOf makes a value of what a program gives for a parameter, other than a list.
func valueOf(given any) (Value, error) {
	switch g := given.(type) {
	case nil:
		return Value{}, nil
	case bool:
		return boolValue(g), nil
	case int:
		return intValue(int64(g)), nil
	case int8:
		return intValue(int64(g)), nil
	case int16:
		return intValue(int64(g)), nil
	case int32:
		return intValue(int64(g)), nil
	case int64:
		return intValue(g), nil
	case uint8:
		return intValue(int64(g)), nil
	case uint16:
		return intValue(int64(g)), nil
	case uint32:
		return intValue(int64(g)), nil
	case uint:
		return unsigned(uint64(g))
	case uint64:
		return unsigned(g)
	case float32:
		return finite(float64(g))
	case float64:
		return finite(g)
	case Decimal:
		key, ok := appendDecimalKey(nil, []byte(g))
		if !ok {
			return Value{}, fmt.Errorf("a decimal of at most 100 digits before the point and 100 behind, not %q", shown(string(g)))
		}
		return Value{kind: KindDecimal, b: key}, nil
	case string:
		return validText(g)
	case time.Time:
		return timeValue(g)
	case []byte:
		return Value{kind: KindBytes, b: bytes.Clone(g)}, nil
	case Value:
		if g.kind == KindArray || g.kind == KindObject || g.kind == KindBig {
			return Value{}, fmt.Errorf("a single value, not an array, an object or a number beyond 64 bits")
		}
		if g.kind == KindFloat {
			return finite(g.f)
		}
		return g.clone(), nil
	}
	return Value{}, fmt.Errorf("a boolean, number, text, time, []byte, query.Decimal or a list of these, not a %T", given)
}

func unsigned(u uint64) (Value, error) {
	if u > math.MaxInt64 {
		return Value{}, fmt.Errorf("an integer of 64 bits with sign, not %d", u)
	}
	return intValue(int64(u)), nil
}

func finite(f float64) (Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, fmt.Errorf("a finite number, not %v", f)
	}
	return floatValue(f), nil
}

// relation is what two values are to each other.
type relation uint8

const (
	same      relation = iota // of one type: they compare
	different                 // of two types: they are not equal, and neither is greater
	unknown                   // one is null, or both are containers of one type
)

// compareValues compares two values as conditions do. The number counts where they are of one type.
func compareValues(a, b *Value) (int, relation) {
	switch {
	case a.kind == KindNull || b.kind == KindNull:
		return 0, unknown
	case a.kind == KindInt && b.kind == KindInt:
		return compareInts(a.n, b.n), same
	case a.kind == KindFloat && b.kind == KindFloat:
		return compareFloats(a.f, b.f), same
	case a.kind == KindInt && b.kind == KindFloat:
		return compareIntFloat(a.n, b.f), same
	case a.kind == KindFloat && b.kind == KindInt:
		return -compareIntFloat(b.n, a.f), same
	case a.kind != b.kind:
		return 0, different
	}
	switch a.kind {
	case KindBool, KindTime:
		return compareInts(a.n, b.n), same
	case KindArray, KindObject, KindBig:
		return 0, unknown
	}
	return bytes.Compare(a.b, b.b), same
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareIntFloat is exact, though not every integer is a float.
func compareIntFloat(i int64, f float64) int {
	const edge = 1 << 63
	switch {
	case f >= edge:
		return -1
	case f < -edge:
		return 1
	}
	whole := math.Trunc(f)
	if c := compareInts(i, int64(whole)); c != 0 {
		return c
	}
	return compareFloats(whole, f)
}
