package query

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Args are the values of a query's parameters: null, booleans, integers, finite floats, [Decimal], text, time.Time,
// []byte, [Value], and slices of these.
type Args struct {
	// Positional are the values of ?, in order.
	Positional []any
	// Named are the values of :name. [Bind] refuses names that the query does not have, unless Spare is set.
	Named map[string]any
	// Spare allows Named to have more than the query takes: all that is known of a caller, say.
	Spare bool
}

// Bind gives the query with values in the place of its parameters. The query itself stays as it is and may be bound
// again. A query without parameters is returned itself. The error is an *[Error].
func Bind(q *Query, args Args) (*Query, error) {
	b := binder{args: args, taken: map[string]bool{}}
	bound := b.query(q)
	if b.err != nil {
		return nil, b.err
	}
	if b.next < len(args.Positional) {
		return nil, wrong(Pos{}, fmt.Sprintf("%d values for ?", b.next), fmt.Sprint(len(args.Positional)), "nothing takes the last ones")
	}
	if !args.Spare {
		for _, name := range slices.Sorted(maps.Keys(args.Named)) {
			if !b.taken[name] {
				return nil, wrong(Pos{}, "values for the query's parameters", ":"+shown(name),
					hintNear(name, slices.Sorted(maps.Keys(b.taken)), ":", "the query does not have it"))
			}
		}
	}
	return bound, nil
}

// hintNear proposes a name that is near, or gives another hint.
func hintNear(name string, names []string, mark, otherwise string) string {
	if n := nearest(name, names); n != "" {
		return "did you mean " + mark + n + "?"
	}
	return otherwise
}

// Params are the names of the query's parameters, sorted, each once, and the number of its ?.
func (q *Query) Params() (named []string, positional int) {
	b := binder{look: true, taken: map[string]bool{}}
	b.query(q)
	return slices.Sorted(maps.Keys(b.taken)), b.next
}

// binder copies what has parameters inside. Its first error ends it.
type binder struct {
	args  Args
	look  bool // only count
	next  int
	taken map[string]bool
	err   error
}

func (b *binder) query(q *Query) *Query {
	bound := *q
	if q.Where != nil {
		bound.Where = b.expr(q.Where)
	}
	bound.Limit = b.count(q.Limit)
	bound.Offset = b.count(q.Offset)
	if b.next == 0 && len(b.taken) == 0 {
		return q
	}
	return &bound
}

func (b *binder) count(o Operand) Operand {
	p, ok := o.(*Param)
	if !ok {
		return o
	}
	bound := b.operand(o)
	if l, ok := bound.(*Literal); !b.look && b.err == nil && (!ok || l.Value.kind != KindInt || l.Value.n < 0) {
		b.err = wrong(p.At, "a number of rows, from 0", "the value "+shown(bound.String()), "")
	}
	return bound
}

func (b *binder) exprs(xs []Expr) []Expr {
	out := make([]Expr, len(xs))
	for i, x := range xs {
		out[i] = b.expr(x)
	}
	return out
}

func (b *binder) expr(x Expr) Expr {
	switch x := x.(type) {
	case *Or:
		return &Or{At: x.At, Terms: b.exprs(x.Terms)}
	case *And:
		return &And{At: x.At, Terms: b.exprs(x.Terms)}
	case *Not:
		return &Not{At: x.At, X: b.expr(x.X)}
	case *Compare:
		return &Compare{At: x.At, Op: x.Op, Left: b.single(x.Left), Right: b.single(x.Right)}
	case *In:
		return b.in(x)
	case *Between:
		return &Between{At: x.At, X: b.single(x.X), Not: x.Not, Low: b.single(x.Low), High: b.single(x.High)}
	case *Like:
		return b.like(x)
	case *IsNull:
		return &IsNull{At: x.At, X: b.single(x.X), Not: x.Not}
	case *Contains:
		return b.contains(x)
	case *Affirm:
		return &Affirm{At: x.At, X: b.single(x.X)}
	}
	return x
}

func (b *binder) in(x *In) Expr {
	in := &In{At: x.At, X: b.single(x.X), Not: x.Not, List: b.operand(x.List)}
	if l, ok := in.List.(*Literal); ok && b.err == nil {
		b.err = wrong(l.At, "a list behind IN", "the value "+shown(l.String()), "a parameter with one value stands in parentheses: IN (?)")
	}
	return in
}

func (b *binder) like(x *Like) Expr {
	like := &Like{At: x.At, X: b.single(x.X), Not: x.Not, Fold: x.Fold, Pattern: b.single(x.Pattern), Escape: x.Escape}
	if l, ok := like.Pattern.(*Literal); ok && b.err == nil {
		b.err = checkPattern(l, x.Escape, "the value "+shown(l.String()))
	}
	return like
}

func (b *binder) contains(x *Contains) Expr {
	c := &Contains{At: x.At, X: b.operand(x.X), Not: x.Not, Element: b.single(x.Element)}
	if l, ok := c.X.(*Literal); ok && l.Value.kind != KindNull && b.err == nil {
		b.err = wrong(l.At, "a list on the left of CONTAINS", "the value "+shown(l.String()), "")
	}
	return c
}

// single binds an operand that is not to be a list.
func (b *binder) single(o Operand) Operand {
	bound := b.operand(o)
	if a, ok := bound.(*Array); ok && b.err == nil {
		if _, was := o.(*Param); was {
			b.err = wrong(a.At, "a single value", "a list", "lists stand behind IN and before CONTAINS")
		}
	}
	return bound
}

func (b *binder) operand(o Operand) Operand {
	switch o := o.(type) {
	case *Array:
		a := &Array{At: o.At, Values: make([]Operand, len(o.Values))}
		for i, v := range o.Values {
			a.Values[i] = b.single(v)
		}
		return a
	case *Param:
		return b.param(o)
	}
	return o
}

func (b *binder) param(p *Param) Operand {
	if p.Name == "" {
		b.next++
	} else {
		b.taken[p.Name] = true
	}
	if b.look || b.err != nil {
		return p
	}
	var given any
	if p.Name != "" {
		v, ok := b.args.Named[p.Name]
		if !ok {
			b.err = wrong(p.At, "a value for :"+shown(p.Name), "none", hintNear(p.Name, slices.Sorted(maps.Keys(b.args.Named)), ":", ""))
			return p
		}
		given = v
	} else {
		if b.next > len(b.args.Positional) {
			b.err = wrong(p.At, fmt.Sprintf("a value for ? number %d", b.next), "none", "")
			return p
		}
		given = b.args.Positional[b.next-1]
	}
	return b.bound(p, given)
}

// bound makes a literal of a value, or an array of a list.
func (b *binder) bound(p *Param, given any) Operand {
	v, err := valueOf(given)
	if err == nil {
		return &Literal{At: p.At, Value: v}
	}
	r := reflect.ValueOf(given)
	if r.Kind() != reflect.Slice && r.Kind() != reflect.Array {
		b.err = wrong(p.At, err.Error(), "", "")
		return p
	}
	if r.Len() > maxList {
		b.err = wrong(p.At, fmt.Sprintf("at most %d values", maxList), fmt.Sprint(r.Len()), "")
		return p
	}
	a := &Array{At: p.At, Values: make([]Operand, r.Len())}
	for i := range r.Len() {
		v, err := valueOf(r.Index(i).Interface())
		if err != nil {
			b.err = wrong(p.At, err.Error(), "", "")
			return p
		}
		a.Values[i] = &Literal{At: p.At, Value: v}
	}
	return a
}
