package query

import (
	"bytes"
	"slices"
	"sync"
)

// Plan is a query that was bound and checked: what the engines evaluate. It does not change and may be used from many
// goroutines.
type Plan struct {
	query   *Query
	where   condition
	columns []column // none for rows
	group   []*field
	gathers bool // rows are gathered in groups
	order   []term
	limit   int64 // -1 where there is none
	offset  int64
	bounds  Bounds
}

// column is a column of the result.
type column struct {
	name string
	f    *field // nil for count(*)
	do   AggregateFunc
	many bool // an aggregate
	from int  // the term of group that it shows, where rows are gathered and it is no aggregate
}

// term is a term of the order.
type term struct {
	f      *field // nil where rows are gathered
	column column // where rows are gathered
	desc   bool
}

// result checks what a statement gives, and in which order.
func (c *checker) result(p *Plan, q *Query) {
	for _, path := range q.Group {
		p.group = append(p.group, c.field(path))
	}
	p.gathers = len(q.Group) > 0
	for _, item := range q.Items {
		_, many := item.Of.(*Aggregate)
		p.gathers = p.gathers || many
	}
	if p.gathers && len(q.Items) == 0 {
		at := q.Group[0].At
		c.fail(wrong(at, "SELECT and what it gives, before GROUP BY", "none", "as in SELECT artist, count(*) GROUP BY artist"))
	}
	for _, item := range q.Items {
		col := c.column(p, item.Of)
		if item.As != "" {
			col.name = item.As
		}
		p.columns = append(p.columns, col)
	}
	for _, o := range q.Order {
		t := term{desc: o.Desc}
		if p.gathers {
			t.column = c.ordered(p, q, o.By)
		} else if path, ok := o.By.(*Path); ok {
			t.f = c.field(path)
		} else {
			c.fail(wrong(o.By.Position(), "a property", shown(o.By.String()), "only a query that gathers rows is ordered by an aggregate"))
		}
		p.order = append(p.order, t)
	}
}

// ordered is a term of the order of a query that gathers rows: a name given by AS, or what may be a column.
func (c *checker) ordered(p *Plan, q *Query, by Operand) column {
	if path, ok := by.(*Path); ok && len(path.Steps) == 1 {
		for i, item := range q.Items {
			if item.As == path.Steps[0].Name {
				return p.columns[i]
			}
		}
	}
	return c.column(p, by)
}

func (c *checker) column(p *Plan, of Operand) column {
	switch of := of.(type) {
	case *Path:
		col := column{name: of.String(), f: c.field(of)}
		if p.gathers {
			if col.from = slices.Index(p.group, col.f); col.from < 0 {
				c.fail(wrong(of.At, "an aggregate or a property of GROUP BY", shown(col.f.text),
					"a group has many rows: gather by it, or take its min, max, sum, avg or count"))
			}
		}
		return col
	case *Aggregate:
		col := column{name: of.String(), do: of.Do, many: true}
		if of.Of != nil {
			col.f = c.field(of.Of)
			if k := col.f.typ.class(); (of.Do == Sum || of.Do == Avg) && k != classNumber && k != classDecimal && k != classJSON {
				c.fail(wrong(of.Of.At, "a number", shown(col.f.text)+", of type "+col.f.typ.String(), "only numbers have "+of.Do.String()+"()"))
			}
		}
		return col
	}
	c.fail(wrong(of.Position(), "a property or an aggregate", shown(of.String()), ""))
	return column{}
}

// Query is what the plan was made of.
func (p *Plan) Query() *Query { return p.query }

// Columns are the names of the result's columns; none where the result is rows.
func (p *Plan) Columns() []string {
	var names []string
	for i := range p.columns {
		names = append(names, p.columns[i].name)
	}
	return names
}

// Tabular tells whether the plan's result is a table of columns; otherwise it is rows.
func (p *Plan) Tabular() bool { return len(p.Columns()) > 0 || p.Gathers() }

// Gathers tells whether the plan puts rows in groups: it has an aggregate or GROUP BY.
func (p *Plan) Gathers() bool { return p.gathers }

// Limit is how many rows the plan gives at most; false where it says nothing.
func (p *Plan) Limit() (int64, bool) { return max(p.limit, 0), p.limit >= 0 }

// Offset is how many rows the plan leaves out.
func (p *Plan) Offset() int64 { return p.offset }

// Within is the plan with another limit and offset; a limit below 0 is none.
func (p *Plan) Within(limit, offset int64) *Plan {
	other := *p
	other.limit, other.offset = max(limit, -1), max(offset, 0)
	return &other
}

var evals = sync.Pool{New: func() any { return new(eval) }}

func newEval(row Row, lookup Lookup) *eval {
	e := evals.Get().(*eval)
	e.row, e.lookup, e.buffer = row, lookup, e.buffer[:0]
	return e
}

func (e *eval) free() {
	e.row, e.lookup = nil, nil
	if cap(e.buffer) <= 1<<16 {
		evals.Put(e)
	}
}

// Match tells whether the condition is true of a row. lookup may be nil where the plan follows no references.
func (p *Plan) Match(row Row, lookup Lookup) bool { return p.Truth(row, lookup) == True }

// Truth is what the condition is of a row.
func (p *Plan) Truth(row Row, lookup Lookup) Truth {
	e := newEval(row, lookup)
	t := p.where.truth(e)
	e.free()
	return t
}

// AppendSortKey appends the sort key of a row by spec/query.md: keys compare byte by byte as the rows do in the
// plan's order, and no two rows of a collection have the same. It is meant for plans that do not gather rows.
func (p *Plan) AppendSortKey(dst []byte, row Row, lookup Lookup) []byte {
	e := newEval(row, lookup)
	for i := range p.order {
		t := &p.order[i]
		if t.f == nil {
			continue
		}
		v := t.f.value(e)
		begin := len(dst)
		dst = appendKey(dst, &v)
		if t.desc {
			invert(dst[begin:])
		}
	}
	e.buffer = append(e.buffer[:0], row.ID()...)
	dst = appendKey(dst, &Value{kind: KindText, b: e.buffer})
	e.free()
	return dst
}

// cursor takes a sort key apart: a value for each term, and the id. The error is about a key that is of no row of
// this plan's.
func (p *Plan) cursor(key []byte) ([]Value, string, error) {
	values := make([]Value, len(p.order))
	ok := !p.gathers
	for i := range p.order {
		if !ok {
			break
		}
		values[i], key, ok = cutKey(key, p.order[i].desc)
		ok = ok && p.order[i].f.typ.has(&values[i])
	}
	var id Value
	if ok {
		id, key, ok = cutKey(key, false)
	}
	if !ok || id.kind != KindText || len(key) > 0 {
		return nil, "", wrong(Pos{}, "a cursor of this query", "another", "a cursor goes with the query, order and parameters that it came from")
	}
	return values, string(id.b), nil
}

// has tells whether a value can be one of a type's.
func (t Type) has(v *Value) bool {
	switch v.kind {
	case KindNull:
		return true
	case KindBool:
		return t == TypeBool || t == TypeJSON
	case KindInt, KindFloat:
		return t.class() == classNumber || t == TypeJSON
	case KindText:
		return t.class() == classText || t == TypeJSON
	case KindDecimal:
		return t == TypeDecimal
	case KindTime:
		return t == TypeTime
	case KindBytes:
		return t == TypeBytes
	}
	return t == TypeJSON
}

// CheckCursor tells whether a sort key can be one of the plan's.
func (p *Plan) CheckCursor(key []byte) error {
	_, _, err := p.cursor(key)
	return err
}

// Behind tells whether a row sorts behind a sort key.
func (p *Plan) Behind(row Row, lookup Lookup, key []byte) bool {
	return bytes.Compare(p.AppendSortKey(nil, row, lookup), key) > 0
}
