package query

import (
	"math"
	"math/big"
	"slices"
)

// gathering are the groups of a run.
type gathering struct {
	p      *Plan
	states []column // what is computed of each group: the aggregates of columns and order, each once
	at     map[string]int
	groups map[string]*group
	key    []byte
	tally  tally
	err    error // there are too many
}

type group struct {
	values []Value // of the plan's group
	sums   []sums  // of states
}

func (p *Plan) newGathering() *gathering {
	g := &gathering{p: p, at: map[string]int{}, groups: map[string]*group{}, tally: tally{Bounds: p.bounds}}
	need := func(c *column) {
		if !c.many {
			return
		}
		if _, ok := g.at[c.id()]; !ok {
			g.at[c.id()] = len(g.states)
			g.states = append(g.states, *c)
		}
	}
	for i := range p.columns {
		need(&p.columns[i])
	}
	for i := range p.order {
		need(&p.order[i].column)
	}
	if len(p.group) == 0 {
		g.groups[""] = &group{sums: make([]sums, len(g.states))}
	}
	return g
}

// id is what an aggregate computes.
func (c *column) id() string {
	if c.f == nil {
		return c.do.String()
	}
	return c.do.String() + " " + c.f.text
}

// of is the group of some values.
func (g *gathering) of(value func(*field) Value) *group {
	g.key = g.key[:0]
	values := make([]Value, len(g.p.group))
	for i, f := range g.p.group {
		v := value(f)
		switch {
		case v.kind == KindArray || v.kind == KindObject:
			v = Value{}
		case v.kind == KindFloat && isWhole(v.f):
			v = intValue(int64(v.f))
		}
		values[i] = v
		g.key = appendKey(g.key, &v)
	}
	if in, ok := g.groups[string(g.key)]; ok {
		return in
	}
	for i := range values {
		values[i] = values[i].clone()
	}
	if g.err == nil {
		g.err = g.tally.gathered(g.key)
	}
	in := &group{values: values, sums: make([]sums, len(g.states))}
	g.groups[string(g.key)] = in
	return in
}

// add counts a row.
func (g *gathering) add(value func(*field) Value) {
	in := g.of(value)
	for i := range g.states {
		s := &g.states[i]
		v := boolValue(true)
		if s.f != nil {
			v = value(s.f)
		}
		in.sums[i].add(s.do, &v)
	}
}

// table is the result.
func (g *gathering) table() (*Table, error) {
	if g.err != nil {
		return nil, g.err
	}
	type row struct{ order, cells, group []Value }
	rows := make([]row, 0, len(g.groups))
	for _, in := range g.groups {
		cell := func(c *column) Value {
			if !c.many {
				return in.values[c.from]
			}
			i := g.at[c.id()]
			return in.sums[i].result(c.do)
		}
		r := row{group: in.values}
		for i := range g.p.order {
			r.order = append(r.order, cell(&g.p.order[i].column))
		}
		for i := range g.p.columns {
			r.cells = append(r.cells, cell(&g.p.columns[i]))
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		for i := range a.order {
			if c := orderValues(&a.order[i], &b.order[i]); c != 0 {
				if g.p.order[i].desc {
					return -c
				}
				return c
			}
		}
		for i := range a.group {
			if c := orderValues(&a.group[i], &b.group[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	rows = rows[min(g.p.offset, int64(len(rows))):]
	if g.p.limit >= 0 {
		rows = rows[:min(g.p.limit, int64(len(rows)))]
	}
	t := &Table{Columns: g.p.Columns()}
	for _, r := range rows {
		t.Rows = append(t.Rows, r.cells)
	}
	if err := g.p.bounds.within(t); err != nil {
		return nil, err
	}
	return t, nil
}

// sums is one aggregate of one group. Sums are exact, so that the order of rows does not matter.
type sums struct {
	count int64 // of what counts
	best  Value // least or greatest
	// high and low are the sum of integers: high·2³² + low.
	high, low int64
	// floats is the sum of finite floats, times 2^floatScale; nil without floats.
	floats *big.Int
	// decimals is the sum of decimals, times ten to decimalSide; nil without decimals.
	decimals     *big.Int
	above, below bool // +Inf and -Inf are among the floats
}

// floatScale makes an integer of every finite float.
const floatScale = 1074

func (s *sums) add(do AggregateFunc, v *Value) {
	switch do {
	case Count:
		if v.kind != KindNull {
			s.count++
		}
	case Min, Max:
		if v.kind == KindNull || v.kind == KindArray || v.kind == KindObject {
			return
		}
		if c := orderValues(v, &s.best); s.count == 0 || do == Min && c < 0 || do == Max && c > 0 {
			s.best = v.clone()
		}
		s.count++
	default:
		s.sum(v)
	}
}

func (s *sums) sum(v *Value) {
	switch v.kind {
	case KindInt:
		s.low += v.n & math.MaxUint32
		s.high += v.n>>32 + s.low>>32
		s.low &= math.MaxUint32
	case KindFloat:
		if s.floats == nil {
			s.floats = new(big.Int)
		}
		switch {
		case math.IsInf(v.f, 1):
			s.above = true
		case math.IsInf(v.f, -1):
			s.below = true
		default:
			s.floats.Add(s.floats, scaledFloat(v.f))
		}
	case KindDecimal:
		if s.decimals == nil {
			s.decimals = new(big.Int)
		}
		s.decimals.Add(s.decimals, scaledDecimal(v.b))
	default:
		return
	}
	s.count++
}

// scaledFloat is f times 2^floatScale.
func scaledFloat(f float64) *big.Int {
	fraction, exponent := math.Frexp(f)
	n := big.NewInt(int64(math.Ldexp(fraction, 53)))
	if shift := exponent - 53 + floatScale; shift >= 0 {
		return n.Lsh(n, uint(shift))
	}
	return n.Rsh(n, uint(53-floatScale-exponent)) // of a subnormal: the bits that go are zero
}

// scaledDecimal is the number of a key text times ten to decimalSide.
func scaledDecimal(key []byte) *big.Int {
	negative, exponent, digits := decimalParts(key)
	n := new(big.Int)
	if len(digits) == 0 {
		return n
	}
	n.SetString(string(digits), 10)
	n.Mul(n, tenTo(exponent-len(digits)+decimalSide))
	if negative {
		n.Neg(n)
	}
	return n
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func (s *sums) integers() *big.Int {
	n := big.NewInt(s.high)
	n.Lsh(n, 32)
	return n.Add(n, big.NewInt(s.low))
}

func (s *sums) result(do AggregateFunc) Value {
	switch do {
	case Count:
		return intValue(s.count)
	case Min, Max:
		if v := s.best; v.kind == KindFloat && isWhole(v.f) {
			return intValue(int64(v.f))
		}
		return s.best
	}
	if s.count == 0 || s.above || s.below {
		return Value{}
	}
	if s.decimals != nil {
		return s.decimal(do)
	}
	n := s.integers()
	if do == Sum && s.floats == nil {
		return integerValue(n)
	}
	over := big.NewInt(1)
	if s.floats != nil {
		n.Lsh(n, floatScale)
		n.Add(n, s.floats)
		over.Lsh(over, floatScale)
	}
	if do == Avg {
		over.Mul(over, big.NewInt(s.count))
	}
	f, _ := new(big.Rat).SetFrac(n, over).Float64()
	if math.IsInf(f, 0) {
		return Value{}
	}
	if isWhole(f) {
		return intValue(int64(f))
	}
	return floatValue(f)
}

// integerValue is an integer of any size.
func integerValue(n *big.Int) Value {
	if n.IsInt64() {
		return intValue(n.Int64())
	}
	return Value{kind: KindBig, b: []byte(n.String())}
}

// compareBigs compares two numbers one of which is a sum that no int64 holds.
func compareBigs(a, b *Value) int {
	if x, y := endless(a), endless(b); x != y {
		return x - y
	}
	return bigOf(a).Cmp(bigOf(b))
}

// endless is -1 and 1 for floats that are infinite, and 0 for all other numbers.
func endless(v *Value) int {
	switch {
	case v.kind != KindFloat || !math.IsInf(v.f, 0):
		return 0
	case v.f < 0:
		return -1
	}
	return 1
}

// bigOf is a finite number as an exact fraction.
func bigOf(v *Value) *big.Rat {
	switch v.kind {
	case KindInt:
		return new(big.Rat).SetInt64(v.n)
	case KindFloat:
		return new(big.Rat).SetFloat64(v.f)
	}
	r, _ := new(big.Rat).SetString(string(v.b))
	return r
}

// averageDigits is how many digits an average of decimals has at most.
const averageDigits = 34

func (s *sums) decimal(do AggregateFunc) Value {
	n, scale := s.decimals, decimalSide
	if do == Avg {
		n, scale = divided(n, big.NewInt(s.count))
	}
	text := n.String() + "e" + big.NewInt(int64(-scale)).String()
	key, ok := appendDecimalKey(nil, []byte(text))
	if !ok {
		return Value{}
	}
	return Value{kind: KindDecimal, b: key}
}

// divided divides a number, which is scaled by ten to decimalSide, into averageDigits digits, half to even; it gives
// the digits and their scale.
func divided(n, by *big.Int) (quotient *big.Int, scale int) {
	if n.Sign() == 0 {
		return n, decimalSide
	}
	// The digits of the quotient's whole part say how many more are wanted.
	more := averageDigits - len(new(big.Int).Quo(new(big.Int).Abs(n), by).String())
	scale = decimalSide + more
	if most := decimalSide; scale > most {
		more, scale = more-(scale-most), most
	}
	top, bottom := new(big.Int).Set(n), new(big.Int).Set(by)
	if more >= 0 {
		top.Mul(top, tenTo(more))
	} else {
		bottom.Mul(bottom, tenTo(-more))
	}
	quotient, rest := new(big.Int).QuoRem(top, bottom, new(big.Int))
	twice := rest.Abs(rest).Lsh(rest, 1)
	if c := twice.Cmp(bottom); c > 0 || c == 0 && quotient.Bit(0) == 1 {
		quotient.Add(quotient, big.NewInt(int64(n.Sign())))
	}
	return quotient, scale
}
