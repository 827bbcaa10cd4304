package query

import (
	"bytes"
	"maps"
	"slices"
)

// Reads are the query's own properties that the plan's condition, order and columns read, sorted. A change of
// others changes no result, unless the plan gives rows.
func (p *Plan) Reads() []string {
	var names []string
	p.visit(func(f *field) {
		name := f.name
		if len(f.refs) > 0 {
			name = f.refs[0].property
		}
		names = append(names, name)
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Follow is a property of another collection that a plan reads by a reference.
type Follow struct {
	Collection string
	Property   string
}

// Follows are the properties of other collections that the plan reads, sorted. A plan that follows nothing is decided
// by the row alone.
func (p *Plan) Follows() []Follow {
	var out []Follow
	p.visit(func(f *field) {
		for i, h := range f.refs {
			name := f.name
			if i+1 < len(f.refs) {
				name = f.refs[i+1].property
			}
			out = append(out, Follow{h.collection, name})
		}
	})
	slices.SortFunc(out, func(a, b Follow) int {
		if a.Collection != b.Collection {
			return bytes.Compare([]byte(a.Collection), []byte(b.Collection))
		}
		return bytes.Compare([]byte(a.Property), []byte(b.Property))
	})
	return slices.Compact(out)
}

// visit gives every field of the plan.
func (p *Plan) visit(see func(*field)) {
	p.where.visit(see)
	for _, f := range p.group {
		see(f)
	}
	for i := range p.columns {
		if f := p.columns[i].f; f != nil {
			see(f)
		}
	}
	for i := range p.order {
		if f := p.order[i].f; f != nil {
			see(f)
		}
		if f := p.order[i].column.f; f != nil {
			see(f)
		}
	}
}

// Term is a range of keys of a path: what an index of standing queries files a plan under.
type Term struct {
	// Path is the canonical text of a path of the row itself: it follows no references.
	Path string
	// Low and High bound the keys of the path's value, both included; nil is no bound. They are equal for an
	// equality. A row's key is AppendKey's.
	Low, High []byte

	f *field
}

// Equality tells whether the term is of one value.
func (t *Term) Equality() bool { return t.Low != nil && bytes.Equal(t.Low, t.High) }

// AppendKey appends the key of the path's value in a row. Keys of one path compare byte by byte as values do, and
// equal values have equal keys.
func (t *Term) AppendKey(dst []byte, row Row) []byte {
	e := newEval(row, nil)
	v := t.f.value(e)
	dst = appendKey(dst, &v)
	e.free()
	return dst
}

// Holds tells whether a row's key is in the term's range.
func (t *Term) Holds(key []byte) bool {
	return (t.Low == nil || bytes.Compare(t.Low, key) <= 0) && (t.High == nil || bytes.Compare(key, t.High) <= 0)
}

// Index gives terms of which at least one holds of every row that the plan's condition is true of: an index needs to
// look at the plan only for rows of which one does. It is false where there are no such terms, as for NOT, != and
// LIKE '%x': the plan has to be looked at for every row. No terms and true mean that the condition is true of no row.
func (p *Plan) Index() ([]Term, bool) { return p.where.terms() }

// Conjuncts are the conditions that have to be true together, each a plan of its own without order, columns, limit
// and offset.
func (p *Plan) Conjuncts() []*Plan {
	parts := []condition{p.where}
	if and, ok := p.where.(both); ok {
		parts = and
	}
	out := make([]*Plan, len(parts))
	for i, x := range parts {
		out[i] = &Plan{query: p.query, where: x, limit: -1}
	}
	return out
}

// demands tells whether the condition is true only of rows in which a field is not null.
func (p *Plan) demands(f *field) bool {
	parts := []condition{p.where}
	if and, ok := p.where.(both); ok {
		parts = and
	}
	for _, x := range parts {
		switch x := x.(type) {
		case *compared:
			if x.f == f {
				return true
			}
		case *among:
			if x.f == f {
				return true
			}
		case *alike:
			if x.f == f {
				return true
			}
		case *affirmed:
			if x.f == f {
				return true
			}
		case negated:
			if m, ok := x.x.(*missing); ok && m.f == f {
				return true
			}
		}
	}
	return false
}

// cost orders sets of terms: the less, the fewer rows an index expects to look at.
func cost(terms []Term) int {
	sum := 0
	for i := range terms {
		switch t := &terms[i]; {
		case t.Equality() && len(t.Low) == 1: // null and booleans, which many rows have
			sum += 1000
		case t.Equality():
			sum++
		case t.Low != nil && t.High != nil && !t.open():
			sum += 100
		default:
			sum += 10_000
		}
	}
	return sum
}

// open tells whether one of the bounds is only that of the value's type.
func (t *Term) open() bool { return len(t.Low) == 1 || len(t.High) == 1 }

func (c constant) terms() ([]Term, bool) { return nil, Truth(c) != True }

func (c both) terms() ([]Term, bool) {
	var best []Term
	found := false
	for _, x := range c {
		terms, ok := x.terms()
		if ok && (!found || cost(terms) < cost(best)) {
			best, found = terms, true
		}
	}
	if merged, ok := c.merged(); ok && (!found || cost(merged) < cost(best)) {
		return merged, true
	}
	return best, found
}

// merged puts the ranges of one path together: a >= 1 AND a < 5. The tightest of the paths' ranges is taken.
func (c both) merged() ([]Term, bool) {
	ranges := map[string]*Term{}
	for _, x := range c {
		terms, ok := x.terms()
		if !ok || len(terms) != 1 {
			continue
		}
		t := terms[0]
		r, ok := ranges[t.Path]
		if !ok {
			ranges[t.Path] = &t
			continue
		}
		if r.Low == nil || t.Low != nil && bytes.Compare(t.Low, r.Low) > 0 {
			r.Low = t.Low
		}
		if r.High == nil || t.High != nil && bytes.Compare(t.High, r.High) < 0 {
			r.High = t.High
		}
		if r.Low != nil && r.High != nil && bytes.Compare(r.Low, r.High) > 0 {
			return nil, true
		}
	}
	var best []Term
	for _, path := range slices.Sorted(maps.Keys(ranges)) {
		if one := []Term{*ranges[path]}; best == nil || cost(one) < cost(best) {
			best = one
		}
	}
	return best, best != nil
}

func (c either) terms() ([]Term, bool) {
	var all []Term
	for _, x := range c {
		terms, ok := x.terms()
		if !ok {
			return nil, false
		}
		all = append(all, terms...)
	}
	return all, true
}

// own makes terms of a field, where it is the row's own.
func (f *field) own(low, high []byte) ([]Term, bool) {
	if len(f.refs) > 0 {
		return nil, false
	}
	return []Term{{Path: f.text, Low: low, High: high, f: f}}, true
}

func (c negated) terms() ([]Term, bool) {
	if m, ok := c.x.(*missing); ok { // behind null
		return m.f.own([]byte{tagNull + 1}, nil)
	}
	if a, ok := c.x.(*affirmed); ok {
		return a.f.own([]byte{tagFalse}, []byte{tagFalse})
	}
	return nil, false
}

func (c *compared) terms() ([]Term, bool) {
	key := appendKey(nil, &c.v)
	switch c.op {
	case Equal:
		return c.f.own(key, key)
	case Less, LessOrEqual:
		return c.f.own([]byte{lowest(key[0])}, key)
	case Greater, GreaterOrEqual:
		return c.f.own(key, []byte{lowest(key[0]) + 2})
	}
	return nil, false
}

// lowest is the first tag of a value's type. Two above it begin others.
func lowest(tag byte) byte { return tag &^ 1 }

func (*related) terms() ([]Term, bool) { return nil, false }

func (c *among) terms() ([]Term, bool) {
	if len(c.f.refs) > 0 {
		return nil, false
	}
	var out []Term
	for i := range c.values {
		key := appendKey(nil, &c.values[i])
		out = append(out, Term{Path: c.f.text, Low: key, High: key, f: c.f})
	}
	return out, true
}

func (c *alike) terms() ([]Term, bool) {
	if c.pattern.fold || len(c.pattern.prefix) == 0 {
		return nil, false
	}
	low := append([]byte{tagText}, c.pattern.prefix...)
	if high := above(c.pattern.prefix); high != nil {
		return c.f.own(low, append([]byte{tagText}, high...))
	}
	return c.f.own(low, []byte{tagText + 1})
}

func (c *missing) terms() ([]Term, bool)  { return c.f.own([]byte{tagNull}, []byte{tagNull}) }
func (c *affirmed) terms() ([]Term, bool) { return c.f.own([]byte{tagTrue}, []byte{tagTrue}) }
func (*holding) terms() ([]Term, bool)    { return nil, false }
