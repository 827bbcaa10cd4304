package query

import (
	"strconv"
	"strings"
)

func (c constant) sql(*writer) string {
	return [...]string{"0", "NULL", "1"}[Truth(c)]
}

func (c both) sql(w *writer) string   { return balanced(sqls(w, c), " AND ") }
func (c either) sql(w *writer) string { return balanced(sqls(w, c), " OR ") }

func sqls(w *writer, xs []condition) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = x.sql(w)
	}
	return out
}

// balanced puts terms together so that the tree is not deep, since databases limit that.
func balanced(xs []string, word string) string {
	if len(xs) == 1 {
		return xs[0]
	}
	half := len(xs) / 2
	return "(" + balanced(xs[:half], word) + word + balanced(xs[half:], word) + ")"
}

func (c negated) sql(w *writer) string {
	if m, ok := c.x.(*missing); ok && m.f.typ != TypeJSON {
		return "(" + w.value(m.f) + " IS NOT NULL)"
	}
	return "(NOT " + c.x.sql(w) + ")"
}

// isOf is whether a JSON type is that of a value.
func isOf(typ string, k class) string {
	switch k {
	case classNumber:
		return typ + " IN ('integer', 'real')"
	case classBool:
		return typ + " IN ('true', 'false')"
	}
	return typ + " = 'text'"
}

// classOf is the class of a value of json.
func classOf(v *Value) class {
	switch v.kind {
	case KindBool:
		return classBool
	case KindInt, KindFloat:
		return classNumber
	}
	return classText
}

func (c *compared) sql(w *writer) string {
	value := w.arg(w.d.column(c.f.typ, &c.v))
	if c.f.typ != TypeJSON {
		return "(" + w.value(c.f) + " " + c.op.sql() + " " + value + ")"
	}
	typ, v := w.parts(c.f)
	is := isOf(typ, classOf(&c.v))
	switch c.op {
	case Equal:
		return "(CASE WHEN " + is + " THEN " + v + " = " + value + " WHEN " + typ + " <> 'null' THEN 0 END)"
	case NotEqual:
		return "(CASE WHEN " + is + " THEN " + v + " <> " + value + " WHEN " + typ + " <> 'null' THEN 1 END)"
	}
	return "(CASE WHEN " + is + " THEN " + v + " " + c.op.sql() + " " + value + " END)"
}

func (o Op) sql() string {
	if o == NotEqual {
		return "<>"
	}
	return o.String()
}

func (c *related) sql(w *writer) string {
	l, r, op := c.left, c.right, c.op
	if l.typ != TypeJSON && r.typ != TypeJSON {
		return "(" + w.value(l) + " " + op.sql() + " " + w.value(r) + ")"
	}
	if l.typ == TypeJSON && r.typ == TypeJSON {
		return w.both(op, l, r)
	}
	if l.typ == TypeJSON {
		l, r, op = r, l, op.flipped()
	}
	own := w.value(l)
	typ, v := w.parts(r)
	is := isOf(typ, l.typ.class())
	compare := own + " " + op.sql() + " " + v
	if op != Equal && op != NotEqual {
		return "(CASE WHEN " + is + " THEN " + compare + " END)"
	}
	return "(CASE WHEN " + own + " IS NULL OR coalesce(" + typ + ", 'null') = 'null' THEN NULL WHEN " + is + " THEN " + compare + " ELSE " + differing(op) + " END)"
}

// differing is what values of two types give.
func differing(op Op) string {
	if op == NotEqual {
		return "1"
	}
	return "0"
}

// both compares two fields of json.
func (w *writer) both(op Op, l, r *field) string {
	lt, lv := w.parts(l)
	rt, rv := w.parts(r)
	kind := func(t string) string {
		return "CASE " + t + " WHEN 'integer' THEN 'real' WHEN 'false' THEN 'true' ELSE " + t + " END"
	}
	compare := lv + " " + op.sql() + " " + rv
	if op != Equal && op != NotEqual {
		return "(CASE WHEN " + kind(lt) + " = " + kind(rt) + " AND " + lt + " NOT IN ('null', 'array', 'object') THEN " + compare + " END)"
	}
	return "(CASE WHEN coalesce(" + lt + ", 'null') = 'null' OR coalesce(" + rt + ", 'null') = 'null' THEN NULL WHEN " +
		kind(lt) + " <> " + kind(rt) + " THEN " + differing(op) + " WHEN " + lt + " NOT IN ('array', 'object') THEN " + compare + " END)"
}

func (c *among) sql(w *writer) string {
	if c.f.typ == TypeJSON {
		return c.json(w)
	}
	own := w.value(c.f)
	if len(c.values) == 0 {
		return "(CASE WHEN " + own + " IS NOT NULL THEN 0 END)"
	}
	return "(" + own + " IN (" + w.list(c.f.typ, c.values, c.orNull) + "))"
}

// longList is the number of values from which on a list is one argument: databases bind many arguments slowly.
const longList = 32

// list is what stands in the parentheses of IN.
func (w *writer) list(t Type, values []Value, orNull bool) string {
	if len(values) >= longList && t != TypeBytes {
		list := "SELECT value FROM " + w.d.array(w, w.array(t, values))
		if orNull {
			list += " UNION ALL SELECT NULL"
		}
		return list
	}
	places := make([]string, len(values), len(values)+1)
	for i := range values {
		places[i] = w.arg(w.d.column(t, &values[i]))
	}
	if orNull {
		places = append(places, "NULL")
	}
	return strings.Join(places, ", ")
}

// array is a JSON array of values as columns have them.
func (w *writer) array(t Type, values []Value) string {
	out := []byte{'['}
	for i := range values {
		if i > 0 {
			out = append(out, ',')
		}
		switch v := w.d.column(t, &values[i]).(type) {
		case int64:
			out = strconv.AppendInt(out, v, 10)
		case float64:
			out = append(out, formatFloat(v)...)
		case string:
			out = appendQuoted(out, v)
		}
	}
	return string(append(out, ']'))
}

func (c *among) json(w *writer) string {
	var texts, numbers []Value
	yes := map[bool]bool{}
	for _, v := range c.values {
		switch classOf(&v) {
		case classText:
			texts = append(texts, v)
		case classNumber:
			numbers = append(numbers, v)
		case classBool:
			yes[v.n != 0] = true
		}
	}
	typ, v := w.parts(c.f)
	out := "CASE"
	if len(texts) > 0 {
		out += " WHEN " + isOf(typ, classText) + " THEN " + v + " IN (" + w.list(TypeJSON, texts, false) + ")"
	}
	if len(numbers) > 0 {
		out += " WHEN " + isOf(typ, classNumber) + " THEN " + v + " IN (" + w.list(TypeJSON, numbers, false) + ")"
	}
	if yes[true] {
		out += " WHEN " + typ + " = 'true' THEN 1"
	}
	if yes[false] {
		out += " WHEN " + typ + " = 'false' THEN 1"
	}
	out += " WHEN " + typ + " <> 'null' THEN 0 END"
	if c.orNull {
		return "nullif(" + out + ", 0)"
	}
	return "(" + out + ")"
}

func (c *alike) sql(w *writer) string {
	if c.f.typ != TypeJSON {
		return w.d.like(w, w.value(c.f), c)
	}
	typ, v := w.parts(c.f)
	return "(CASE WHEN " + isOf(typ, classText) + " THEN " + w.d.like(w, v, c) + " WHEN " + typ + " <> 'null' THEN 0 END)"
}

func (c *missing) sql(w *writer) string {
	if c.f.typ != TypeJSON {
		return "(" + w.value(c.f) + " IS NULL)"
	}
	typ, _ := w.parts(c.f)
	return "(coalesce(" + typ + ", 'null') = 'null')"
}

func (c *affirmed) sql(w *writer) string {
	if c.f.typ != TypeJSON {
		return "(" + w.value(c.f) + " = 1)"
	}
	typ, _ := w.parts(c.f)
	return "(CASE " + typ + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)"
}

func (c *holding) sql(w *writer) string {
	state, path := w.json(c.f)
	typ := w.d.jsonType(state, path)
	a := w.alias()
	null, equal := "", ""
	switch {
	case c.element == nil:
		equal = isOf(a+".type", classOf(&c.v)) + " AND " + a + ".atom = " + w.arg(w.d.column(TypeJSON, &c.v))
	case c.element.typ != TypeJSON:
		own := w.value(c.element)
		null = own + " IS NULL"
		equal = isOf(a+".type", c.element.typ.class()) + " AND " + a + ".atom = " + own
	default:
		other, v := w.parts(c.element)
		null = "coalesce(" + other + ", 'null') = 'null'"
		equal = "CASE " + other + " WHEN 'integer' THEN 'real' WHEN 'false' THEN 'true' ELSE " + other + " END = CASE " + a +
			".type WHEN 'integer' THEN 'real' WHEN 'false' THEN 'true' ELSE " + a + ".type END AND " + a + ".atom = " + v
	}
	out := "(CASE"
	if null != "" {
		out += " WHEN " + null + " THEN NULL"
	}
	return out + " WHEN " + typ + " = 'array' THEN EXISTS (SELECT 1 FROM " + w.d.elements(state, path, a) + " WHERE " + equal + ") WHEN " +
		typ + " <> 'null' THEN 0 END)"
}
