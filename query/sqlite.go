package query

import (
	"strconv"
)

// SQLite is the dialect of SQLite 3.38 and later. The statements need no function that SQLite does not have itself.
var SQLite Dialect = sqlite{}

type sqlite struct{}

func (sqlite) Name() string                        { return "SQLite" }
func (sqlite) placeholder(n int) string            { return "?" + strconv.Itoa(n) }
func (sqlite) jsonType(state, path string) string  { return "json_type(" + state + ", " + path + ")" }
func (sqlite) jsonValue(state, path string) string { return "(" + state + " ->> " + path + ")" }
func (sqlite) jsonText(state, path string) string  { return "(" + state + " -> " + path + ")" }

func (sqlite) elements(state, path, alias string) string {
	return "json_each(" + state + ", " + path + ") AS " + alias
}

func (sqlite) array(w *writer, json string) string { return "json_each(" + w.arg(json) + ")" }

func (sqlite) column(_ Type, v *Value) any { return sqliteValue(v) }

// sqliteValue is a value as a column of a type has it.
func sqliteValue(v *Value) any {
	switch v.kind {
	case KindBool, KindInt:
		return v.n
	case KindFloat:
		return v.f
	case KindTime:
		return formatTime(v.n)
	case KindText, KindDecimal:
		return string(v.b)
	case KindBytes:
		return append([]byte{}, v.b...)
	}
	return nil
}

// noNUL keeps texts with U+0000 away from LIKE and GLOB, which see them only up to there.
func noNUL(text string) string { return "instr(" + text + ", char(0)) = 0" }

// like is by GLOB, since SQLite's LIKE takes capitals as small letters, and by the range of what begins with the
// pattern's prefix, which an index serves.
func (sqlite) like(w *writer, text string, c *alike) string {
	p := c.pattern
	if p.fold {
		return "(" + text + " LIKE " + w.arg(likeText(p)) + ` ESCAPE '\' AND ` + noNUL(text) + ")"
	}
	if p.exact() {
		return "(" + text + " = " + w.arg(string(p.prefix)) + ")"
	}
	out := "("
	if len(p.prefix) > 0 {
		out += text + " >= " + w.arg(string(p.prefix)) + " AND "
		if high := above(p.prefix); high != nil {
			out += text + " < " + w.arg(string(high)) + " AND "
		}
	}
	if p.rest {
		out += text + " GLOB " + w.arg(globText(p)) + " AND "
	}
	return out + noNUL(text) + ")"
}

// exact tells whether the pattern is one text.
func (p *pattern) exact() bool {
	for _, want := range p.pieces {
		if want.any || want.many {
			return false
		}
	}
	return true
}

func globText(p *pattern) string {
	var b []byte
	for _, want := range p.pieces {
		switch {
		case want.many:
			b = append(b, '*')
		case want.any:
			b = append(b, '?')
		case want.char == '*' || want.char == '?' || want.char == '[':
			b = append(b, '[', byte(want.char), ']')
		default:
			b = append(b, string(want.char)...)
		}
	}
	return string(b)
}

func likeText(p *pattern) string {
	var b []byte
	for _, want := range p.pieces {
		switch {
		case want.many:
			b = append(b, '%')
		case want.any:
			b = append(b, '_')
		case want.char == '%' || want.char == '_' || want.char == '\\':
			b = append(b, '\\', byte(want.char))
		default:
			b = append(b, string(want.char)...)
		}
	}
	return string(b)
}

// SQLiteColumn is the type of the column of a property in a table of SQLite, "" where it has none, by spec/query.md,
// "Tables".
func SQLiteColumn(t Type) string {
	switch t {
	case TypeText, TypeRef, TypeDecimal, TypeTime:
		return "TEXT"
	case TypeBool, TypeInt64:
		return "INTEGER"
	case TypeFloat64:
		return "REAL"
	case TypeBytes:
		return "BLOB"
	}
	return ""
}

// SQLiteValue is what the column of a property has for its JSON, nil being NULL.
func SQLiteValue(t Type, json []byte) any {
	var s scratch
	v := s.read(t, json)
	return sqliteValue(&v)
}
