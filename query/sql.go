package query

import (
	"strconv"
	"strings"
)

// Dialect is the SQL of a database: [SQLite].
type Dialect interface {
	// Name is the database's.
	Name() string

	// placeholder is the place of argument n, from 1.
	placeholder(n int) string
	// jsonType is the type at a path of a JSON text, in SQLite's words, NULL where there is nothing.
	jsonType(state, path string) string
	// jsonValue is the value at a path: text, number, or 0 and 1.
	jsonValue(state, path string) string
	// jsonText is the JSON at a path.
	jsonText(state, path string) string
	// elements is a FROM of an array's elements: alias.type is their type, alias.atom their value.
	elements(state, path, alias string) string
	// array is a FROM of a JSON array's values, which are called value.
	array(w *writer, json string) string
	// like is whether a text is like a pattern.
	like(w *writer, text string, c *alike) string
	// column is a value as a column of a type has it.
	column(t Type, v *Value) any
}

// Tables says where collections are kept, in the layout of spec/query.md, "Tables".
type Tables interface {
	// Table is the table of a collection. The plan's own is asked for as "", and by its name where a reference leads there.
	Table(collection string) string
	// Column is the column of a declared property that is not of type json.
	Column(collection, property string) string
}

// SQLOptions are the options of a statement; nil is the defaults.
type SQLOptions struct {
	// After is the sort key behind which the result begins. Default: none.
	After []byte
	// Columns are further columns of the table that a statement for rows selects, behind id and state. Default: none.
	Columns []string
}

// Statement is SQL with its arguments.
type Statement struct {
	Text string
	Args []any

	plan    *Plan
	outputs []output
	partial bool // the database gathered
}

// output is what a column of the SQL has.
type output struct {
	typ Type
}

// SQL makes a statement that gives what the plan selects. Of a plan for rows it selects id, state and o.Columns; see
// [Statement.Rows]. The result of other plans is read with [Statement.Table].
func (p *Plan) SQL(d Dialect, t Tables, o *SQLOptions) (*Statement, error) {
	if o == nil {
		o = &SQLOptions{}
	}
	w := &writer{d: d, tables: t, paths: map[string]string{}}
	s := &Statement{plan: p}
	var selected []string
	switch {
	case p.gathers:
		selected = w.gathered(s)
	case len(p.columns) > 0:
		for i := range p.columns {
			selected = append(selected, w.output(s, p.columns[i].f))
		}
	default:
		selected = []string{`t0."id"`, `t0."state"`}
		for _, c := range o.Columns {
			selected = append(selected, "t0."+quoteName(c))
		}
	}
	w.put("SELECT ", strings.Join(selected, ", "), " FROM ", quoteName(t.Table("")), " AS t0")
	if err := w.where(p, o.After); err != nil {
		return nil, err
	}
	if s.partial && len(p.group) > 0 {
		w.put(" GROUP BY ")
		for i, f := range p.group {
			w.comma(i)
			w.put(w.value(f))
		}
	}
	if !p.gathers {
		w.order(p)
		w.cut(p)
	}
	s.Text, s.Args = w.b.String(), w.args
	return s, nil
}

// writer writes a statement.
type writer struct {
	b       strings.Builder
	args    []any
	d       Dialect
	tables  Tables
	aliases int
	paths   map[string]string // the placeholders of JSON paths
}

func (w *writer) put(parts ...string) {
	for _, s := range parts {
		w.b.WriteString(s)
	}
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.put(", ")
	}
}

// arg is the place of a value.
func (w *writer) arg(v any) string {
	w.args = append(w.args, v)
	return w.d.placeholder(len(w.args))
}

func (w *writer) alias() string {
	w.aliases++
	return "t" + strconv.Itoa(w.aliases)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// at is a column of the row that a field's references lead to.
func (w *writer) at(f *field, column func(collection string) string) string {
	if len(f.refs) == 0 {
		return "t0." + column("")
	}
	id := "t0." + quoteName(w.tables.Column("", f.refs[0].property))
	for i, h := range f.refs {
		name := column(h.collection)
		if i+1 < len(f.refs) {
			name = quoteName(w.tables.Column(h.collection, f.refs[i+1].property))
		}
		a := w.alias()
		id = "(SELECT " + a + "." + name + " FROM " + quoteName(w.tables.Table(h.collection)) + " AS " + a + " WHERE " + a + `."id" = ` + id + ")"
	}
	return id
}

// value is a field that is declared.
func (w *writer) value(f *field) string {
	return w.at(f, func(collection string) string {
		if f.name == idName {
			return `"id"`
		}
		return quoteName(w.tables.Column(collection, f.name))
	})
}

// json are the JSON text and the path in it of a field that is not declared.
func (w *writer) json(f *field) (state, path string) {
	steps := []byte{'$', '.'}
	steps = appendQuoted(steps, f.name)
	for _, s := range f.steps {
		if s.Index >= 0 {
			steps = append(strconv.AppendInt(append(steps, '['), int64(s.Index), 10), ']')
			continue
		}
		steps = appendQuoted(append(steps, '.'), s.Name)
	}
	path, ok := w.paths[string(steps)]
	if !ok {
		path = w.arg(string(steps))
		w.paths[string(steps)] = path
	}
	return w.at(f, func(string) string { return `"state"` }), path
}

// parts are the type and value of a field that is not declared.
func (w *writer) parts(f *field) (typ, value string) {
	state, path := w.json(f)
	return w.d.jsonType(state, path), w.d.jsonValue(state, path)
}

func (w *writer) output(s *Statement, f *field) string {
	s.outputs = append(s.outputs, output{typ: f.typ})
	if f.typ != TypeJSON {
		return w.value(f)
	}
	return w.d.jsonText(w.json(f))
}

func (w *writer) where(p *Plan, after []byte) error {
	conditions := []string{}
	if c, ok := p.where.(constant); !ok || Truth(c) != True {
		conditions = append(conditions, p.where.sql(w))
	}
	if after != nil {
		behind, err := w.behind(p, after)
		if err != nil {
			return err
		}
		conditions = append(conditions, behind)
	}
	if len(conditions) > 0 {
		w.put(" WHERE ", strings.Join(conditions, " AND "))
	}
	return nil
}

// sortTerm is a part of ORDER BY, with its value in a row that a page ended with.
type sortTerm struct {
	expr string
	desc bool
	null bool // it may be null
	last any
}

// sortTerms are the terms of the order. values are of the row that a page ended with; none for none.
func (w *writer) sortTerms(p *Plan, values []Value, id string) []sortTerm {
	var terms []sortTerm
	for i := range p.order {
		t := &p.order[i]
		var v *Value
		if values != nil {
			v = &values[i]
		}
		if t.f.name == idName && len(t.f.refs) == 0 {
			return append(terms, sortTerm{expr: `t0."id"`, desc: t.desc, last: id})
		}
		if t.f.typ != TypeJSON {
			s := sortTerm{expr: w.value(t.f), desc: t.desc, null: !p.demands(t.f)}
			if v != nil {
				s.last = w.d.column(t.f.typ, v)
			}
			terms = append(terms, s)
			continue
		}
		typ, value := w.parts(t.f)
		place := sortTerm{desc: t.desc, expr: "CASE coalesce(" + typ + ", 'null') WHEN 'null' THEN 0 WHEN 'false' THEN 1 WHEN 'true' THEN 2 " +
			"WHEN 'integer' THEN 3 WHEN 'real' THEN 3 WHEN 'text' THEN 4 ELSE 5 END"}
		within := sortTerm{desc: t.desc, null: true, expr: "CASE WHEN " + typ + " IN ('integer', 'real', 'text') THEN " + value + " END"}
		if v != nil {
			place.last, within.last = jsonPlace(v), w.d.column(TypeJSON, v)
			if v.kind == KindBool || v.kind == KindArray {
				within.last = nil
			}
		}
		terms = append(terms, place, within)
	}
	return append(terms, sortTerm{expr: `t0."id"`, last: id})
}

// jsonPlace is the place of a value's type in the order of the SQL.
func jsonPlace(v *Value) int64 {
	switch v.kind {
	case KindNull:
		return 0
	case KindBool:
		return 1 + v.n
	case KindInt, KindFloat:
		return 3
	case KindText:
		return 4
	}
	return 5
}

// behind is a condition that is true of what sorts behind a row. It begins with the range of the first term, which an
// index serves.
func (w *writer) behind(p *Plan, after []byte) (string, error) {
	values, id, err := p.cursor(after)
	if err != nil {
		return "", err
	}
	terms := w.sortTerms(p, values, id)
	inner := ""
	for i := len(terms) - 1; i >= 0; i-- {
		t := &terms[i]
		greater := ""
		switch {
		case t.last == nil && t.desc:
			greater = "0"
		case t.last == nil:
			greater = t.expr + " IS NOT NULL"
		case t.desc && t.null:
			greater = "(" + t.expr + " < " + w.arg(t.last) + " OR " + t.expr + " IS NULL)"
		case t.desc:
			greater = t.expr + " < " + w.arg(t.last)
		default:
			greater = t.expr + " > " + w.arg(t.last)
		}
		if inner == "" {
			inner = greater
			continue
		}
		equal := t.expr + " IS NULL"
		if t.last != nil {
			equal = t.expr + " = " + w.arg(t.last)
		}
		inner = "(" + greater + " OR (" + equal + " AND " + inner + "))"
		if i > 0 || t.last == nil {
			continue
		}
		if !t.desc {
			inner = t.expr + " >= " + w.arg(t.last) + " AND " + inner
		} else if !t.null {
			inner = t.expr + " <= " + w.arg(t.last) + " AND " + inner
		}
	}
	return "(" + inner + ")", nil
}

func (w *writer) order(p *Plan) {
	w.put(" ORDER BY ")
	for i, t := range w.sortTerms(p, nil, "") {
		w.comma(i)
		w.put(t.expr)
		if t.desc {
			w.put(" DESC")
		}
	}
}

func (w *writer) cut(p *Plan) {
	if p.limit >= 0 || p.offset > 0 {
		w.put(" LIMIT ", w.arg(p.limit)) // -1 is all
	}
	if p.offset > 0 {
		w.put(" OFFSET ", w.arg(p.offset))
	}
}

// gathered selects what groups are made of: partial sums where the database can make exact ones, else the values
// themselves.
func (w *writer) gathered(s *Statement) []string {
	g := s.plan.newGathering()
	s.partial = true
	for _, f := range s.plan.group {
		s.partial = s.partial && f.typ != TypeJSON
	}
	for i := range g.states {
		c := &g.states[i]
		switch c.do {
		case Sum, Avg:
			s.partial = s.partial && c.f.typ == TypeInt64
		case Min, Max:
			s.partial = s.partial && c.f.typ != TypeJSON
		}
	}
	var selected []string
	for _, f := range s.plan.group {
		selected = append(selected, w.output(s, f))
	}
	for i := range g.states {
		selected = append(selected, w.state(s, &g.states[i])...)
	}
	if len(selected) == 0 { // count(*) of rows that were not gathered
		selected = append(selected, "1")
		s.outputs = append(s.outputs, output{})
	}
	return selected
}

func (w *writer) state(s *Statement, c *column) []string {
	integer := output{typ: TypeInt64}
	switch {
	case !s.partial && c.f == nil:
		return nil
	case !s.partial:
		return []string{w.output(s, c.f)}
	case c.f == nil:
		s.outputs = append(s.outputs, integer)
		return []string{"count(*)"}
	case c.do == Count && c.f.typ == TypeJSON:
		s.outputs = append(s.outputs, integer)
		typ, _ := w.parts(c.f)
		return []string{"count(nullif(" + typ + ", 'null'))"}
	case c.do == Count:
		s.outputs = append(s.outputs, integer)
		return []string{"count(" + w.value(c.f) + ")"}
	case c.do == Min || c.do == Max:
		s.outputs = append(s.outputs, output{typ: c.f.typ})
		return []string{c.do.String() + "(" + w.value(c.f) + ")"}
	}
	v := w.value(c.f)
	s.outputs = append(s.outputs, integer, integer, integer)
	return []string{"count(" + v + ")", "sum(" + v + " >> 32)", "sum(" + v + " & 4294967295)"}
}
