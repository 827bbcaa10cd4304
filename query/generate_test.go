package query

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// generator makes random schemas, rows and queries.
type generator struct {
	*rand.Rand
	c *collection
	// values are what was put into rows, by type: queries take from them, so that they match.
	texts []string
	args  []any // of the present query
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// world makes a few collections that refer to each other, and returns the first.
func (g *generator) world() *collection {
	all := map[string]*collection{}
	names := []string{"albums", "artists", "odd \"name"}
	for _, n := range names {
		c := &collection{name: n, all: all}
		all[n] = c
		for i, t := range []Type{TypeText, TypeBool, TypeInt64, TypeFloat64, TypeDecimal, TypeTime, TypeBytes, TypeJSON, TypeRef} {
			for k := range 1 + g.IntN(2) {
				name := fmt.Sprintf("%s%d", typeNames[i0(t)], k)
				if g.IntN(6) == 0 {
					name = pick(g, "order", "é", "a b", "Limit", `q"uote`, "x.y", "state", "null") + strconv.Itoa(10*i+k)
				}
				c.props = append(c.props, namedProperty{name, Property{Type: t, Collection: pick(g, names...)}})
			}
		}
	}
	g.c = all["albums"]
	for _, n := range names {
		c := all[n]
		for i := range g.IntN(14) {
			id := fmt.Sprintf("%c%d", 'a'+g.IntN(3), i)
			if g.IntN(10) == 0 {
				id = g.text() + strconv.Itoa(i)
			}
			c.rows = append(c.rows, NewObject(id, g.state(c)))
		}
	}
	return g.c
}

func i0(t Type) int { return int(t) }

// state is a row: mostly what the types want.
func (g *generator) state(c *collection) []byte {
	members := map[string]json.RawMessage{}
	for _, p := range c.props {
		switch g.IntN(10) {
		case 0:
		case 1:
			members[p.name] = []byte("null")
		case 2:
			members[p.name] = g.json(2)
		default:
			members[p.name] = g.of(p.Property)
		}
	}
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return b
}

// of is JSON of a type.
func (g *generator) of(p Property) []byte {
	switch p.Type {
	case TypeText:
		return g.quoted(g.text())
	case TypeBool:
		return []byte(pick(g, "true", "false"))
	case TypeInt64:
		return []byte(strconv.FormatInt(g.integer(), 10))
	case TypeFloat64:
		return []byte(g.float())
	case TypeDecimal:
		if d := g.decimal(); g.IntN(2) == 0 && json.Valid([]byte(d)) {
			return []byte(d)
		}
		return g.quoted(g.decimal())
	case TypeTime:
		return g.quoted(g.time())
	case TypeBytes:
		return g.quoted(g.base64())
	case TypeRef:
		rows := g.c.all[p.Collection].rows
		if len(rows) > 0 && g.IntN(5) > 0 {
			return g.quoted(rows[g.IntN(len(rows))].ID())
		}
		return g.quoted(fmt.Sprintf("%c%d", 'a'+g.IntN(3), g.IntN(14)))
	}
	return g.json(3)
}

func (g *generator) quoted(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *generator) text() string {
	if len(g.texts) > 0 && g.IntN(3) > 0 {
		return pick(g, g.texts...)
	}
	parts := []string{"a", "b", "A", "Z", "Origin", "%", "_", "*", "?", "[", "]", "\\", "'", "\"", "é", "É", "ß", "日本", "😀", "\U0010FFFF", "\uD7FF", "\uE000", " ", "\n", "\t", "0", "9", "1.5", "true", "-"}
	if g.IntN(8) == 0 {
		parts = append(parts, "\x00", "\x01", "\x7f")
	}
	s := ""
	for range g.IntN(5) {
		s += pick(g, parts...)
	}
	if len(g.texts) < 40 {
		g.texts = append(g.texts, s)
	}
	return s
}

func (g *generator) integer() int64 {
	switch g.IntN(8) {
	case 0:
		return pick[int64](g, math.MaxInt64, math.MinInt64, math.MaxInt64-1, math.MinInt64+1, 1<<53, 1<<53+1, 1<<53-1, -1<<53-1, 1<<32, -1<<32)
	case 1:
		return int64(g.Uint64())
	}
	return int64(g.IntN(7)) - 3
}

func (g *generator) float() string {
	switch g.IntN(9) {
	case 0:
		return pick(g, "0", "-0", "-0.0", "0.0", "1e400", "-1e400", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9007199254740993",
			"9007199254740993.0", "5e-324", "1.7976931348623157e308", "1E2", "1e-7", "123456789012345678901234567890", "2.5e0")
	case 1:
		f := math.Float64frombits(g.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return "1"
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	case 2:
		return strconv.FormatInt(int64(g.IntN(7))-3, 10) + ".0"
	}
	return strconv.FormatFloat(float64(g.IntN(13)-6)/4, 'f', -1, 64)
}

func (g *generator) decimal() string {
	switch g.IntN(7) {
	case 0:
		return pick(g, "0", "-0", "0.00", "1e-100", "1e99", "-1e99", "1e100", "1e-101", "0.1", "-0.1", "100", "1.0", "00012", "123456789.987654321e5")
	case 1:
		return strconv.FormatInt(g.Int64()-g.Int64(), 10) + "." + strconv.FormatUint(g.Uint64(), 10)
	}
	return fmt.Sprintf("%.2f", float64(g.IntN(21)-10)/4)
}

func (g *generator) time() string {
	switch g.IntN(8) {
	case 0:
		return pick(g, "0000-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "0000-03-01T00:00:00Z", "0001-01-15T01:00:00+01:00", "0004-02-29T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-11-20", "1969-12-31T23:59:59.9999995Z",
			"2026-11-20t18:55:20z", "0000-01-01T00:00:00+01:00")
	case 1:
		return time.Unix(g.Int64N(1<<36)-1<<35, g.Int64N(1e9)).In(time.FixedZone("", g.IntN(1400)*60-42000)).Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("2026-11-2%dT18:55:20.%dZ", g.IntN(3), g.IntN(3))
}

func (g *generator) base64() string {
	if g.IntN(8) == 0 {
		return g.text()
	}
	b := make([]byte, g.IntN(4))
	for i := range b {
		b[i] = byte(pick(g, 0, 1, 'a', 0xff))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// json is any JSON.
func (g *generator) json(depth int) []byte {
	n := 8
	if depth == 0 {
		n = 6
	}
	switch g.IntN(n) {
	case 0:
		return []byte(pick(g, "null", "true", "false"))
	case 1:
		return []byte(strconv.FormatInt(g.integer(), 10))
	case 2:
		return []byte(g.float())
	case 3, 4:
		return g.quoted(g.text())
	case 5:
		return []byte(pick(g, "1", `"a"`, "true", "2.5", "[]", "{}"))
	case 6:
		var elements []string
		for range g.IntN(5) {
			elements = append(elements, string(g.json(depth-1)))
		}
		return []byte("[" + strings.Join(elements, ",") + "]")
	}
	members := map[string]json.RawMessage{}
	for range g.IntN(4) {
		members[g.member()] = g.json(depth - 1)
	}
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *generator) member() string {
	if g.IntN(6) == 0 {
		return g.text()
	}
	return pick(g, "city", "a", "b", "x y", "é", `q"`, "", "0")
}

// statement is the text of a query. Its parameters are in g.args.
func (g *generator) statement() string {
	g.args = nil
	var b strings.Builder
	where := ""
	if g.IntN(12) > 0 {
		where = g.condition(g.IntN(5))
	}
	var order []string
	for range g.IntN(3) {
		order = append(order, g.path(g.any())+pick(g, "", " ASC", " DESC"))
	}
	group := ""
	switch g.IntN(6) {
	case 0:
		b.WriteString("SELECT " + g.list(4, func() string { return g.path(g.any()) }) + " WHERE ")
	case 1, 2:
		where, group, order = g.gathers(&b, where)
	}
	if where == "" && b.Len() > 0 {
		where = "TRUE"
	}
	b.WriteString(where + group)
	if len(order) > 0 {
		b.WriteString(" ORDER BY " + strings.Join(order, ", "))
	}
	if g.IntN(3) == 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(g.IntN(8)))
	}
	if g.IntN(5) == 0 {
		b.WriteString(" OFFSET " + strconv.Itoa(g.IntN(4)))
	}
	return b.String()
}

func (g *generator) gathers(b *strings.Builder, where string) (condition, group string, order []string) {
	var paths []string
	for range g.IntN(3) {
		paths = append(paths, g.path(g.any()))
	}
	items := []string{g.aggregate()}
	for _, p := range paths {
		if g.IntN(4) > 0 {
			items = append(items, p)
		}
		if g.IntN(3) == 0 {
			order = append(order, p+pick(g, "", " DESC"))
		}
	}
	for range g.IntN(3) {
		items = append(items, g.aggregate())
	}
	if g.IntN(3) == 0 {
		order = append(order, g.aggregate()+pick(g, "", " DESC"))
	}
	b.WriteString("SELECT " + strings.Join(items, ", ") + " WHERE ")
	if where == "" {
		where = "TRUE"
	}
	if len(paths) > 0 {
		group = " GROUP BY " + strings.Join(paths, ", ")
	}
	return where, group, order
}

func (g *generator) aggregate() string {
	switch g.IntN(6) {
	case 0:
		return "count(*)"
	case 1:
		return "count(" + g.path(g.any()) + ")"
	case 2, 3:
		return pick(g, "min", "max") + "(" + g.path(g.any()) + ")"
	}
	return pick(g, "sum", "avg") + "(" + g.path(pick(g, TypeInt64, TypeInt64, TypeFloat64, TypeDecimal, TypeJSON)) + ")"
}

func (g *generator) any() Type { return Type(g.IntN(len(typeNames))) }

func (g *generator) list(most int, item func() string) string {
	var items []string
	for range 1 + g.IntN(most) {
		items = append(items, item())
	}
	return strings.Join(items, ", ")
}

// path is a path to a property of a type, perhaps by references.
func (g *generator) path(t Type) string {
	c, out := g.c, ""
	for range 3 {
		if g.IntN(8) > 0 {
			break
		}
		p := c.property(g, TypeRef)
		out += name(p.name) + "."
		c = g.c.all[p.Collection]
	}
	if t == TypeText && g.IntN(10) == 0 {
		return out + "id"
	}
	out += name(c.property(g, t).name)
	if t == TypeJSON {
		for range g.IntN(3) {
			if g.IntN(4) == 0 {
				out += fmt.Sprintf("[%d]", g.IntN(3))
			} else {
				out += "." + name(g.member())
			}
		}
	}
	return out
}

func (c *collection) property(g *generator, t Type) namedProperty {
	for {
		if p := c.props[g.IntN(len(c.props))]; p.Type == t {
			return p
		}
	}
}

func name(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if isPlain(s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func (g *generator) condition(depth int) string {
	if depth == 0 {
		return g.predicate()
	}
	switch g.IntN(5) {
	case 0:
		return "NOT (" + g.condition(depth-1) + ")"
	case 1, 2:
		return "(" + g.condition(depth-1) + ") AND " + g.condition(depth-1)
	case 3:
		return "(" + g.condition(depth-1) + " OR " + g.condition(depth-1) + ")"
	}
	return g.predicate()
}

func (g *generator) predicate() string {
	t := g.any()
	not := pick(g, "", "", "NOT ")
	switch g.IntN(11) {
	case 0:
		return g.path(t) + " IS " + not + "NULL"
	case 1:
		if g.IntN(6) == 0 {
			return g.path(t) + " " + not + "IN []"
		}
		return g.path(t) + " " + not + "IN (" + g.list(pick(g, 3, 3, 12, 70), func() string { return g.value(t) }) + ")"
	case 2:
		return g.path(t) + " " + not + "BETWEEN " + g.value(t) + " AND " + g.value(t)
	case 3, 4:
		return g.path(pick(g, TypeText, TypeText, TypeRef, TypeJSON)) + " " + not + g.pattern()
	case 5:
		return pick(g, "", "NOT ") + g.path(pick(g, TypeBool, TypeJSON))
	case 6:
		if g.IntN(4) == 0 {
			return "[" + g.list(3, func() string { return g.value(t) }) + "] " + not + "CONTAINS " + g.path(t)
		}
		if g.IntN(3) == 0 {
			return g.path(TypeJSON) + " " + not + "CONTAINS " + g.path(pick(g, TypeText, TypeRef, TypeBool, TypeInt64, TypeFloat64, TypeJSON))
		}
		return g.path(TypeJSON) + " " + not + "CONTAINS " + g.value(TypeJSON)
	case 7:
		other := t
		switch t.class() {
		case classText:
			other = pick(g, TypeText, TypeRef, TypeJSON)
		case classNumber:
			other = pick(g, TypeInt64, TypeFloat64, TypeJSON)
		case classJSON:
			other = pick(g, TypeText, TypeRef, TypeBool, TypeInt64, TypeFloat64, TypeJSON)
		}
		return g.path(t) + g.comparison() + g.path(other)
	case 8:
		return g.value(t) + g.comparison() + g.path(t)
	}
	return g.path(t) + g.comparison() + g.value(t)
}

func (g *generator) comparison() string {
	return " " + pick(g, "=", "=", "!=", "<>", "<", "<=", ">", ">=") + " "
}

func (g *generator) pattern() string {
	p := ""
	if g.IntN(2) == 0 { // what some text is like
		for _, r := range g.text() {
			p += pick(g, string(r), string(r), string(r), "%", "_", "%"+string(r))
		}
		p += pick(g, "", "", "%")
	}
	for range g.IntN(3) * g.IntN(2) {
		p += pick(g, "%", "_", strings.ReplaceAll(g.text(), "\x00", ""), string([]rune(g.text() + "a")[:1]))
	}
	p = strings.ReplaceAll(p, "\x00", "")
	word := pick(g, "LIKE ", "LIKE ", "ILIKE ")
	if g.IntN(4) == 0 {
		e := pick(g, "\\", "!", "é")
		p = strings.NewReplacer(e, e+e, "%", pick(g, "%", e+"%"), "_", pick(g, "_", e+"_")).Replace(p)
		return word + g.literal(p) + " ESCAPE " + quote(e)
	}
	return word + g.literal(p)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// literal is a text as a literal or a parameter.
func (g *generator) literal(s string) string {
	if g.IntN(3) == 0 || strings.Contains(s, "\x00") {
		g.args = append(g.args, s)
		return "?"
	}
	return quote(s)
}

// value is a value that goes with a type.
func (g *generator) value(t Type) string {
	if g.IntN(20) == 0 {
		return "NULL"
	}
	param := func(v any) string {
		g.args = append(g.args, v)
		return "?"
	}
	switch t {
	case TypeText:
		if g.IntN(8) == 0 {
			return g.finite()
		}
		return g.literal(g.text())
	case TypeBool:
		return pick(g, "TRUE", "FALSE", "'true'")
	case TypeInt64, TypeFloat64:
		switch g.IntN(5) {
		case 0:
			return param(g.integer())
		case 1:
			return "'" + g.finite() + "'"
		case 2:
			return strconv.FormatInt(g.integer(), 10)
		}
		return g.finite()
	case TypeDecimal:
		for {
			d := g.decimal()
			if _, ok := appendDecimalKey(nil, []byte(d)); ok {
				if g.IntN(3) == 0 {
					return param(Decimal(d))
				}
				return pick(g, d, "'"+d+"'")
			}
		}
	case TypeTime:
		for {
			s := g.time()
			if n, ok := parseInstant([]byte(s), true); ok {
				if g.IntN(3) == 0 {
					return param(time.UnixMicro(n))
				}
				return quote(s)
			}
		}
	case TypeBytes:
		for {
			s := g.base64()
			if v, ok := toBytes(textValue(s)); ok {
				if g.IntN(3) == 0 {
					return param(v.b)
				}
				return quote(s)
			}
		}
	case TypeRef:
		return g.literal(string(g.unquoted(g.of(Property{Type: TypeRef, Collection: "artists"}))))
	}
	return g.value(pick(g, TypeText, TypeText, TypeBool, TypeInt64, TypeFloat64, TypeText, TypeInt64, TypeDecimal))
}

func (g *generator) unquoted(b []byte) []byte { return unquote(nil, b) }

// finite is a number that a query may have.
func (g *generator) finite() string {
	for {
		if s := g.float(); isNumber(s) {
			if _, ok := numberValue(s); ok {
				return s
			}
		}
	}
}
