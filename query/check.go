package query

// Check makes a plan of a query whose parameters are bound: every path is looked up in the schema, and every literal
// becomes a value of the type that it is compared with. The error is an *[Error].
func Check(q *Query, s Schema) (*Plan, error) {
	if named, positional := q.Params(); len(named) > 0 || positional > 0 {
		what := "?"
		if positional == 0 {
			what = ":" + named[0]
		}
		return nil, wrong(Pos{}, "a query whose parameters are bound", what, "give it a value with Bind")
	}
	c := checker{schema: s, fields: map[string]*field{}}
	p := &Plan{query: q, where: constant(True), limit: -1}
	if q.Where != nil {
		p.where = c.expr(q.Where)
	}
	c.result(p, q)
	if c.err != nil {
		return nil, c.err
	}
	if l, ok := q.Limit.(*Literal); ok {
		p.limit = l.Value.n
	}
	if l, ok := q.Offset.(*Literal); ok {
		p.offset = l.Value.n
	}
	return p, nil
}

// checker builds a plan. Its first error is the one that counts, and it goes on with something harmless.
type checker struct {
	schema Schema
	fields map[string]*field // by their canonical text
	err    error
}

func (c *checker) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *checker) exprs(xs []Expr) []condition {
	out := make([]condition, len(xs))
	for i, x := range xs {
		out[i] = c.expr(x)
	}
	return out
}

// expr makes a condition. What is the same of every row is evaluated here.
func (c *checker) expr(x Expr) condition {
	switch x := x.(type) {
	case *Or:
		return orOf(c.exprs(x.Terms))
	case *And:
		return andOf(c.exprs(x.Terms))
	case *Not:
		return notOf(c.expr(x.X), true)
	case *Compare:
		return c.compare(x.Op, x.Left, x.Right)
	case *In:
		return notOf(c.in(x.X, x.List, false), x.Not)
	case *Between:
		low := c.compare(GreaterOrEqual, x.X, x.Low)
		return notOf(andOf([]condition{low, c.compare(LessOrEqual, x.X, x.High)}), x.Not)
	case *Like:
		return notOf(c.like(x), x.Not)
	case *IsNull:
		return notOf(c.isNull(x), x.Not)
	case *Contains:
		return notOf(c.contains(x), x.Not)
	case *Affirm:
		return c.truth(x.X)
	}
	return constant(Unknown)
}

func notOf(x condition, not bool) condition {
	if !not {
		return x
	}
	switch x := x.(type) {
	case constant:
		return constant(Truth(x).not())
	case negated:
		return x.x
	case *compared:
		return &compared{f: x.f, op: x.op.opposite(), v: x.v}
	case *related:
		return &related{left: x.left, right: x.right, op: x.op.opposite()}
	}
	return negated{x}
}

func andOf(xs []condition) condition {
	var out both
	least := True
	for _, x := range xs {
		switch x := x.(type) {
		case constant:
			least = min(least, Truth(x))
		case both:
			out = append(out, x...)
		default:
			out = append(out, x)
		}
	}
	if least == False || len(out) == 0 {
		return constant(least)
	}
	if least == Unknown {
		out = append(out, constant(Unknown))
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

func orOf(xs []condition) condition {
	var out either
	most := False
	for _, x := range xs {
		switch x := x.(type) {
		case constant:
			most = max(most, Truth(x))
		case either:
			out = append(out, x...)
		default:
			out = append(out, x)
		}
	}
	if most == True || len(out) == 0 {
		return constant(most)
	}
	if most == Unknown {
		out = append(out, constant(Unknown))
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

func (c *checker) compare(op Op, left, right Operand) condition {
	lp, lok := left.(*Path)
	rp, rok := right.(*Path)
	ll, _ := left.(*Literal)
	rl, _ := right.(*Literal)
	switch {
	case lok && rok:
		return c.relate(op, c.field(lp), c.field(rp), rp.At)
	case lok && rl != nil:
		return c.literal(op, c.field(lp), rl)
	case rok && ll != nil:
		return c.literal(op.flipped(), c.field(rp), ll)
	case ll != nil && rl != nil:
		a, b := plainValue(ll), plainValue(rl)
		return constant(op.holds(&a, &b))
	}
	c.fail(wrong(left.Position(), "a value or a property", shown(left.String()), ""))
	return constant(Unknown)
}

func (c *checker) literal(op Op, f *field, l *Literal) condition {
	v := c.coerce(l, f)
	if v.kind == KindNull {
		return constant(Unknown)
	}
	return &compared{f: f, op: op, v: v}
}

func (c *checker) coerce(l *Literal, f *field) Value {
	v, err := coerce(l, f)
	if err != nil {
		c.fail(err)
		return Value{}
	}
	return v
}

// relate compares two fields, whose types have to be of one kind.
func (c *checker) relate(op Op, l, r *field, at Pos) condition {
	if !compatible(l.typ, r.typ) {
		c.fail(wrong(at, "a property that compares with "+shown(l.text)+", of type "+l.typ.String(), shown(r.text)+", of type "+r.typ.String(), ""))
	}
	return &related{left: l, right: r, op: op}
}

// compatible tells whether properties of two types compare with each other.
func compatible(a, b Type) bool {
	x, y := a.class(), b.class()
	if y == classJSON {
		x, y = y, x
	}
	return x == y || x == classJSON && y != classDecimal && y != classTime && y != classBytes
}

// in looks for an operand in a list. demands makes it unknown where the operand is null.
func (c *checker) in(x, list Operand, demands bool) condition {
	a, ok := list.(*Array)
	if !ok {
		c.fail(wrong(list.Position(), "a list behind IN", shown(list.String()), ""))
		return constant(Unknown)
	}
	if l, ok := x.(*Literal); ok {
		v := plainValue(l)
		found := False
		for _, o := range a.Values {
			w := plainValue(o.(*Literal))
			if demands && w.kind == KindNull {
				continue
			}
			found = max(found, Equal.holds(&v, &w))
		}
		if demands && v.kind == KindNull {
			found = Unknown
		}
		return constant(found)
	}
	path, ok := x.(*Path)
	if !ok {
		c.fail(wrong(x.Position(), "a value or a property", shown(x.String()), ""))
		return constant(Unknown)
	}
	f := c.field(path)
	in := &among{f: f, demands: demands}
	for _, o := range a.Values {
		v := c.coerce(o.(*Literal), f)
		if v.kind == KindNull {
			in.orNull = !demands
			continue
		}
		in.values = append(in.values, v)
	}
	if len(in.values) == 0 && !demands {
		if in.orNull {
			return constant(Unknown)
		}
		return constant(False)
	}
	in.index()
	return in
}

// index makes keys of many values.
func (c *among) index() {
	const few = 8
	if len(c.values) <= few {
		return
	}
	c.keys = make(map[string]bool, len(c.values))
	for i := range c.values {
		c.keys[string(appendKey(nil, &c.values[i]))] = true
	}
}

func (c *checker) like(x *Like) condition {
	l, ok := x.Pattern.(*Literal)
	if !ok {
		c.fail(wrong(x.Pattern.Position(), "a pattern", shown(x.Pattern.String()), ""))
		return constant(Unknown)
	}
	if err := checkPattern(l, x.Escape, written(l)); err != nil {
		c.fail(err)
		return constant(Unknown)
	}
	pattern, _ := parsePattern(l.Value.b, x.Escape, x.Fold)
	switch o := x.X.(type) {
	case *Path:
		f := c.field(o)
		if k := f.typ.class(); k != classText && k != classJSON {
			c.fail(wrong(o.At, "a text", shown(f.text)+", of type "+f.typ.String(), "only text is like a pattern"))
		}
		if l.Value.kind == KindNull {
			return constant(Unknown)
		}
		return &alike{f: f, pattern: pattern, text: l.Value.b, escape: x.Escape}
	case *Literal:
		v := plainValue(o)
		if v.kind == KindNull || l.Value.kind == KindNull {
			return constant(Unknown)
		}
		return constant(truthOf(v.kind == KindText && pattern.match(v.b)))
	}
	c.fail(wrong(x.X.Position(), "a text or a property", shown(x.X.String()), ""))
	return constant(Unknown)
}

func (c *checker) isNull(x *IsNull) condition {
	switch o := x.X.(type) {
	case *Path:
		f := c.field(o)
		if f.name == idName && len(f.refs) == 0 {
			return constant(False)
		}
		return &missing{f: f}
	case *Literal:
		return constant(truthOf(o.Value.kind == KindNull))
	}
	c.fail(wrong(x.X.Position(), "a property", shown(x.X.String()), ""))
	return constant(Unknown)
}

func (c *checker) contains(x *Contains) condition {
	if _, ok := x.X.(*Array); ok {
		return c.in(x.Element, x.X, true)
	}
	path, ok := x.X.(*Path)
	if !ok { // null
		if p, ok := x.Element.(*Path); ok {
			c.field(p)
		}
		return constant(Unknown)
	}
	f := c.field(path)
	if f.typ != TypeJSON {
		c.fail(wrong(path.At, "an array", shown(f.text)+", of type "+f.typ.String(), "CONTAINS is for sets and arrays; a part of a text is LIKE '%part%'"))
		return constant(Unknown)
	}
	if p, ok := x.Element.(*Path); ok {
		element := c.field(p)
		if !compatible(TypeJSON, element.typ) {
			c.fail(wrong(p.At, "a property that compares with json", shown(element.text)+", of type "+element.typ.String(), ""))
		}
		return &holding{f: f, element: element}
	}
	l, ok := x.Element.(*Literal)
	if !ok {
		c.fail(wrong(x.Element.Position(), "a value or a property", shown(x.Element.String()), ""))
		return constant(Unknown)
	}
	v := plainValue(l)
	if v.kind == KindNull {
		return constant(Unknown)
	}
	return &holding{f: f, v: v}
}

func (c *checker) truth(x Operand) condition {
	switch o := x.(type) {
	case *Path:
		f := c.field(o)
		if f.typ != TypeBool && f.typ != TypeJSON {
			c.fail(wrong(o.At, "a comparison of "+shown(f.text), "type "+f.typ.String()+" alone", "only a bool is a condition itself"))
		}
		return &affirmed{f: f}
	case *Literal:
		switch o.Value.kind {
		case KindBool:
			return constant(truthOf(o.Value.n != 0))
		case KindNull:
			return constant(Unknown)
		}
	}
	c.fail(wrong(x.Position(), "a condition", shown(x.String()), "only a boolean is a condition itself"))
	return constant(Unknown)
}
