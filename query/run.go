package query

import (
	"bytes"
	"container/heap"
	"iter"
	"slices"
)

// Table is a result with columns.
type Table struct {
	Columns []string
	Rows    [][]Value
}

// RunOptions are the options of a run in memory; nil is the defaults.
type RunOptions struct {
	// Lookup finds what references lead to. Without it, they lead nowhere.
	Lookup Lookup
	// After is the sort key behind which the result begins. Default: none.
	After []byte
}

// Rows gives the rows that the plan selects, in its order, from its offset up to its limit. They must not be reused
// while they are gone through. Columns do not count. Of a plan with a limit, no more rows are kept than that and its
// offset. Objects count against the plan's bounds.
func (p *Plan) Rows(rows iter.Seq2[Row, error], o *RunOptions) ([]Row, error) {
	kept, err := p.keep(rows, o)
	if err != nil {
		return nil, err
	}
	out := make([]Row, 0, len(kept))
	in := tally{Bounds: p.bounds}
	for i := range kept {
		row := kept[i].row
		out = append(out, row)
		if o, ok := row.(*Object); ok && in.last(o.id, o.state) {
			break
		}
	}
	return out, nil
}

// Table gives the columns that the plan selects. The plan has columns.
func (p *Plan) Table(rows iter.Seq2[Row, error], o *RunOptions) (*Table, error) {
	if p.gathers {
		return p.gather(rows, o)
	}
	kept, err := p.keep(rows, o)
	if err != nil {
		return nil, err
	}
	t := &Table{Columns: p.Columns()}
	in := tally{Bounds: p.bounds}
	for i := range kept {
		e := newEval(kept[i].row, lookupOf(o))
		cells := make([]Value, len(p.columns))
		for j := range p.columns {
			cells[j] = p.columns[j].f.value(e).clone()
		}
		e.free()
		if err := in.cells(cells); err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, cells)
	}
	return t, nil
}

func lookupOf(o *RunOptions) Lookup {
	if o == nil {
		return nil
	}
	return o.Lookup
}

// keyed is a row with its sort key.
type keyed struct {
	row Row
	key []byte
}

// last is a heap of rows, the last one in order on top.
type last []keyed

func (l last) Len() int           { return len(l) }
func (l last) Less(i, j int) bool { return bytes.Compare(l[i].key, l[j].key) > 0 }
func (l last) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *last) Push(x any)        { *l = append(*l, x.(keyed)) }

func (l *last) Pop() any {
	n := len(*l) - 1
	x := (*l)[n]
	*l = (*l)[:n]
	return x
}

// keep selects, sorts and cuts.
func (p *Plan) keep(rows iter.Seq2[Row, error], o *RunOptions) ([]keyed, error) {
	lookup := lookupOf(o)
	var after []byte
	if o != nil {
		after = o.After
	}
	if after != nil {
		if err := p.CheckCursor(after); err != nil {
			return nil, err
		}
	}
	most := int64(-1)
	if p.limit >= 0 {
		if most = p.limit + p.offset; most < 0 {
			most = -1
		}
	}
	var kept last
	var scratch []byte
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if most == 0 || !p.Match(row, lookup) {
			continue
		}
		scratch = p.AppendSortKey(scratch[:0], row, lookup)
		if after != nil && bytes.Compare(scratch, after) <= 0 {
			continue
		}
		if most < 0 {
			kept = append(kept, keyed{row, bytes.Clone(scratch)})
			continue
		}
		if int64(len(kept)) < most {
			heap.Push(&kept, keyed{row, bytes.Clone(scratch)})
		} else if bytes.Compare(scratch, kept[0].key) < 0 {
			kept[0] = keyed{row, bytes.Clone(scratch)}
			heap.Fix(&kept, 0)
		}
	}
	slices.SortFunc(kept, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	from := min(p.offset, int64(len(kept)))
	return kept[from:], nil
}

// gather puts rows in groups.
func (p *Plan) gather(rows iter.Seq2[Row, error], o *RunOptions) (*Table, error) {
	if o != nil && o.After != nil {
		return nil, wrong(Pos{}, "a query without aggregates", "one that gathers rows", "its result has no cursor")
	}
	g := p.newGathering()
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		e := newEval(row, lookupOf(o))
		if p.where.truth(e) == True {
			g.add(func(f *field) Value { return f.value(e) })
		}
		e.free()
		if g.err != nil {
			return nil, g.err
		}
	}
	return g.table()
}
