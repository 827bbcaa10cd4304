package query

import (
	"strconv"
	"strings"
)

// printer writes canonical text.
type printer struct {
	b strings.Builder
}

func (p *printer) put(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func printed(n Node) string {
	var p printer
	n.write(&p)
	return p.b.String()
}

// String is the canonical text of the statement: parsing it gives the statement again, apart from positions.
func (q *Query) String() string {
	var p printer
	gap := func(words string) {
		if p.b.Len() > 0 {
			p.put(" ")
		}
		p.put(words)
	}
	if q.Select {
		gap("SELECT ")
		if len(q.Items) == 0 {
			p.put("*")
		}
		for i, item := range q.Items {
			p.comma(i)
			item.Of.write(&p)
			if item.As != "" {
				p.put(" AS ")
				p.name(item.As)
			}
		}
	}
	if q.Where != nil {
		if q.Select {
			gap("WHERE ")
		}
		q.Where.write(&p)
	}
	for i, path := range q.Group {
		if i == 0 {
			gap("GROUP BY ")
		}
		p.comma(i)
		path.write(&p)
	}
	for i, o := range q.Order {
		if i == 0 {
			gap("ORDER BY ")
		}
		p.comma(i)
		o.By.write(&p)
		if o.Desc {
			p.put(" DESC")
		}
	}
	if q.Limit != nil {
		gap("LIMIT ")
		q.Limit.write(&p)
	}
	if q.Offset != nil {
		gap("OFFSET ")
		q.Offset.write(&p)
	}
	return p.b.String()
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.put(", ")
	}
}

func (p *printer) name(name string) {
	if isPlain(name) {
		p.put(name)
		return
	}
	p.put(`"`, strings.ReplaceAll(name, `"`, `""`), `"`)
}

func (p *printer) text(s string) { p.put("'", strings.ReplaceAll(s, "'", "''"), "'") }

// inside writes a condition that binds less than its place wants in parentheses.
func (p *printer) inside(x Expr, parentheses bool) {
	if parentheses {
		p.put("(")
	}
	x.write(p)
	if parentheses {
		p.put(")")
	}
}

func (x *Or) write(p *printer) {
	for i, t := range x.Terms {
		if i > 0 {
			p.put(" OR ")
		}
		_, or := t.(*Or)
		p.inside(t, or)
	}
}

func (x *And) write(p *printer) {
	for i, t := range x.Terms {
		if i > 0 {
			p.put(" AND ")
		}
		_, or := t.(*Or)
		_, and := t.(*And)
		p.inside(t, or || and)
	}
}

func (x *Not) write(p *printer) {
	p.put("NOT ")
	_, or := x.X.(*Or)
	_, and := x.X.(*And)
	p.inside(x.X, or || and)
}

func (x *Compare) write(p *printer) {
	x.Left.write(p)
	p.put(" ", x.Op.String(), " ")
	x.Right.write(p)
}

func (p *printer) word(not bool, word string) {
	if not {
		p.put(" NOT")
	}
	p.put(" ", word, " ")
}

func (x *In) write(p *printer) {
	x.X.write(p)
	p.word(x.Not, "IN")
	if a, ok := x.List.(*Array); ok && len(a.Values) > 0 {
		p.put("(")
		p.values(a.Values)
		p.put(")")
		return
	}
	x.List.write(p)
}

func (x *Between) write(p *printer) {
	x.X.write(p)
	p.word(x.Not, "BETWEEN")
	x.Low.write(p)
	p.put(" AND ")
	x.High.write(p)
}

func (x *Like) write(p *printer) {
	x.X.write(p)
	word := "LIKE"
	if x.Fold {
		word = "ILIKE"
	}
	p.word(x.Not, word)
	x.Pattern.write(p)
	if x.Escape != 0 {
		p.put(" ESCAPE ")
		p.text(string(x.Escape))
	}
}

func (x *IsNull) write(p *printer) {
	x.X.write(p)
	p.put(" IS ")
	if x.Not {
		p.put("NOT ")
	}
	p.put("NULL")
}

func (x *Contains) write(p *printer) {
	x.X.write(p)
	p.word(x.Not, "CONTAINS")
	x.Element.write(p)
}

func (x *Affirm) write(p *printer) { x.X.write(p) }

func (x *Path) write(p *printer) {
	for i, s := range x.Steps {
		if s.Index >= 0 {
			p.put("[", strconv.Itoa(s.Index), "]")
			continue
		}
		if i > 0 {
			p.put(".")
		}
		p.name(s.Name)
	}
}

func (x *Literal) write(p *printer) {
	switch x.Value.kind {
	case KindNull:
		p.put("NULL")
	case KindBool:
		p.put(strings.ToUpper(x.Value.Text()))
	case KindInt, KindFloat, KindDecimal:
		if x.Text != "" {
			p.put(x.Text)
			return
		}
		p.put(x.Value.Text())
	default:
		p.text(x.Value.Text())
	}
}

func (x *Param) write(p *printer) {
	if x.Name == "" {
		p.put("?")
		return
	}
	p.put(":", x.Name)
}

func (p *printer) values(values []Operand) {
	for i, v := range values {
		p.comma(i)
		v.write(p)
	}
}

func (x *Array) write(p *printer) {
	p.put("[")
	p.values(x.Values)
	p.put("]")
}

func (x *Aggregate) write(p *printer) {
	p.put(x.Do.String(), "(")
	if x.Of == nil {
		p.put("*")
	} else {
		x.Of.write(p)
	}
	p.put(")")
}

// String is the canonical text.
func (x *Or) String() string { return printed(x) }

// String is the canonical text.
func (x *And) String() string { return printed(x) }

// String is the canonical text.
func (x *Not) String() string { return printed(x) }

// String is the canonical text.
func (x *Compare) String() string { return printed(x) }

// String is the canonical text.
func (x *In) String() string { return printed(x) }

// String is the canonical text.
func (x *Between) String() string { return printed(x) }

// String is the canonical text.
func (x *Like) String() string { return printed(x) }

// String is the canonical text.
func (x *IsNull) String() string { return printed(x) }

// String is the canonical text.
func (x *Contains) String() string { return printed(x) }

// String is the canonical text.
func (x *Affirm) String() string { return printed(x) }

// String is the canonical text.
func (x *Path) String() string { return printed(x) }

// String is the canonical text.
func (x *Literal) String() string { return printed(x) }

// String is the canonical text.
func (x *Param) String() string { return printed(x) }

// String is the canonical text.
func (x *Array) String() string { return printed(x) }

// String is the canonical text.
func (x *Aggregate) String() string { return printed(x) }
