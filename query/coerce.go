package query

import (
	"math"
	"strings"
)

// written is a literal as an error tells it.
func written(l *Literal) string { return shown(l.String()) }

// plainValue is a literal as it counts beside json and other literals.
func plainValue(l *Literal) Value {
	switch l.Value.kind {
	case KindDecimal:
		v, _ := numberValue(decimalText(l.Value.b)) // 100 digits are in range
		return v
	case KindTime, KindBytes:
		return textValue(l.Value.Text())
	}
	return l.Value
}

// coerce makes of a literal a value of the type of a property that it is compared with.
func coerce(l *Literal, f *field) (Value, error) {
	v := l.Value
	if v.kind == KindNull {
		return v, nil
	}
	ok := false
	switch f.typ {
	case TypeJSON:
		return plainValue(l), nil
	case TypeText, TypeRef:
		if v.kind == KindBool {
			return v, wrong(l.At, "a text", written(l), f.text+" is of type "+f.typ.String()+": write '"+v.Text()+"'")
		}
		if l.Text != "" {
			return textValue(l.Text), nil
		}
		return textValue(v.Text()), nil
	case TypeBool:
		v, ok = toBool(v)
	case TypeInt64:
		v, ok = toNumber(l)
	case TypeFloat64:
		if v, ok = toNumber(l); ok && v.kind == KindInt {
			v = floatValue(float64(v.n))
		}
	case TypeDecimal:
		v, ok = toDecimal(l)
	case TypeTime:
		v, ok = toTime(v)
	case TypeBytes:
		v, ok = toBytes(v)
	}
	if !ok {
		return v, wrong(l.At, expectedOf[f.typ], written(l), f.text+" is of type "+f.typ.String())
	}
	return v, nil
}

var expectedOf = map[Type]string{
	TypeBool:    "TRUE or FALSE",
	TypeInt64:   "a number",
	TypeFloat64: "a number",
	TypeDecimal: "a decimal of at most 100 digits before the point and 100 behind",
	TypeTime:    "a time as in '2026-11-20T18:55:20Z', or a date as in '2026-11-20'",
	TypeBytes:   "bytes in base64, as in 'aGk='",
}

func toBool(v Value) (Value, bool) {
	if v.kind == KindText {
		switch strings.ToLower(string(v.b)) {
		case "true":
			return boolValue(true), true
		case "false":
			return boolValue(false), true
		}
	}
	return v, v.kind == KindBool
}

// toNumber is an integer, or a finite float.
func toNumber(l *Literal) (Value, bool) {
	switch v := l.Value; v.kind {
	case KindInt, KindFloat:
		return v, true
	case KindDecimal:
		return plainValue(l), true
	case KindText:
		return numberOf(v.b)
	}
	return Value{}, false
}

// numberOf reads a text as the number of a literal.
func numberOf(text []byte) (Value, bool) {
	s := strings.TrimPrefix(string(text), "+")
	if !isNumber(s) {
		return Value{}, false
	}
	return numberValue(s)
}

// isNumber tells whether a text is spelled as a number of the language.
func isNumber(s string) bool {
	l := lexer{text: s, at: Pos{Line: 1, Column: 1}}
	t, err := l.next()
	return err == nil && t.kind == tokenNumber && len(t.raw) == len(s)
}

func toDecimal(l *Literal) (Value, bool) {
	text := l.Text
	switch v := l.Value; v.kind {
	case KindDecimal:
		return v, true
	case KindText:
		if text = strings.TrimPrefix(string(v.b), "+"); !isNumber(text) {
			return v, false
		}
	case KindInt:
		text = v.Text()
	case KindFloat:
		if text == "" {
			text = v.Text()
		}
	default:
		return v, false
	}
	key, ok := appendDecimalKey(nil, []byte(text))
	return Value{kind: KindDecimal, b: key}, ok
}

func toTime(v Value) (Value, bool) {
	if v.kind == KindText {
		n, ok := parseInstant(v.b, true)
		return Value{kind: KindTime, n: n}, ok
	}
	return v, v.kind == KindTime
}

func toBytes(v Value) (Value, bool) {
	if v.kind == KindText {
		var s scratch
		v = s.base64(v.b)
	}
	return v, v.kind == KindBytes
}

// isWhole tells whether a float is an integer of 64 bits.
func isWhole(f float64) bool {
	return f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63
}
