package query

import "iter"

// Scanner is what a query of a database gives: *sql.Rows.
type Scanner interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}

// Rows are the rows of a statement without columns, and without SQLOptions.Columns.
func (s *Statement) Rows(rows Scanner) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		in := tally{Bounds: s.plan.bounds}
		for rows.Next() {
			var id, state string
			if err := rows.Scan(&id, &state); err != nil {
				yield(nil, err)
				return
			}
			object := NewObject(id, []byte(state))
			if !yield(object, nil) || in.last(id, object.state) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// Table reads the result of a statement with columns.
func (s *Statement) Table(rows Scanner) (*Table, error) {
	t := &Table{Columns: s.plan.Columns()}
	var g *gathering
	if s.plan.gathers {
		g = s.plan.newGathering()
	}
	in := tally{Bounds: s.plan.bounds}
	into := make([]any, len(s.outputs))
	for i := range into {
		into[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		cells := make([]Value, len(into))
		for i := range into {
			cells[i] = s.outputs[i].value(*into[i].(*any))
		}
		switch {
		case g == nil:
			if err := in.cells(cells); err != nil {
				return nil, err
			}
			t.Rows = append(t.Rows, cells)
		case s.partial:
			g.merge(cells)
		default:
			g.row(cells)
		}
		if g != nil && g.err != nil {
			return nil, g.err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if g != nil {
		return g.table()
	}
	return t, nil
}

// value makes a value of what a database gave.
func (o output) value(given any) Value {
	var v Value
	switch g := given.(type) {
	case bool:
		return boolValue(g)
	case int64:
		switch o.typ {
		case TypeBool:
			return boolValue(g != 0)
		case TypeFloat64:
			return floatValue(float64(g))
		}
		return intValue(g)
	case float64:
		return floatValue(g)
	case string:
		v.b = []byte(g)
	case []byte:
		v.b = append([]byte{}, g...)
	default:
		return v
	}
	switch o.typ {
	case TypeJSON:
		var s scratch
		return s.readJSON(v.b)
	case TypeDecimal:
		v.kind = KindDecimal
	case TypeBytes:
		v.kind = KindBytes
	case TypeTime:
		n, ok := parseInstant(v.b, false)
		if !ok {
			return Value{}
		}
		return Value{kind: KindTime, n: n}
	default:
		v.kind = KindText
	}
	return v
}

// fields gives the values of the plan's group, the first cells.
func (g *gathering) fields(cells []Value) func(*field) Value {
	return func(f *field) Value {
		for i, of := range g.p.group {
			if of == f {
				return cells[i]
			}
		}
		return Value{}
	}
}

// row counts a row: the values of the group, and then those of the aggregates.
func (g *gathering) row(cells []Value) {
	in := g.of(g.fields(cells))
	at := len(g.p.group)
	for i := range g.states {
		v := boolValue(true)
		if g.states[i].f != nil {
			v = cells[at]
			at++
		}
		in.sums[i].add(g.states[i].do, &v)
	}
}

// merge counts a group that the database gathered.
func (g *gathering) merge(cells []Value) {
	in := g.of(g.fields(cells))
	at := len(g.p.group)
	for i := range g.states {
		s := &in.sums[i]
		switch do := g.states[i].do; do {
		case Count:
			s.count += cells[at].Int()
			at++
		case Min, Max:
			s.add(do, &cells[at])
			at++
		default:
			s.count += cells[at].Int()
			s.low += cells[at+2].Int()
			s.high += cells[at+1].Int() + s.low>>32
			s.low &= 1<<32 - 1
			at += 3
		}
	}
}
