package merge

import (
	"math/big"
	"strings"
)

// maxDigits is how many digits a counter's operation may have.
const maxDigits = 1000

type counterKind struct{}

// exact is a decimal number: digits divided by ten to the scale.
type exact struct {
	digits big.Int
	scale  int
}

// counterOp adds; text tells that it was spelled as a string.
type counterOp struct {
	exact
	text bool
}

func (*counterOp) Names(dst []ID) []ID { return dst }

// counter is a sum. It is there once anything was added.
type counter struct {
	sum     exact
	any     bool
	decimal bool
}

func (counterKind) Name() string { return "counter" }

func (counterKind) Claims(op []Member) bool {
	v, ok := find(op, "add")
	return ok && v[0] != '{'
}

func (counterKind) Decode(op []Member) (Operation, error) {
	v, _ := find(op, "add")
	o, err := parseAmount(v)
	if err == nil && len(op) != 1 {
		err = shape(`a counter is added to by {"add":amount} and nothing else`)
	}
	return o, err
}

func (counterKind) New() State { return &counter{} }

func (counterKind) Load(state []byte) (State, error) {
	parts, _ := elementsOf(state)
	if len(parts) != 2 {
		return nil, shape("a counter is a kind and a sum")
	}
	kind, _ := textOf(parts[0])
	text, _ := textOf(parts[1])
	c := &counter{any: true, decimal: kind == "decimal"}
	if !c.sum.parse(text) || kind != "decimal" && (kind != "integer" || c.sum.scale > 0) {
		return nil, shape("%.40q is not a counter's sum", text)
	}
	return c, nil
}

// parseAmount reads what is added. Canonical numbers with an exponent are integers of more than a hundred digits.
func parseAmount(v []byte) (*counterOp, error) {
	o := new(counterOp)
	text, isText := textOf(v)
	if !isText {
		text = string(v)
		if mantissa, power, found := strings.Cut(text, "e"); found {
			text = expand(mantissa, power)
		}
	}
	digits := len(text) - strings.Count(text, "-") - strings.Count(text, ".")
	switch o.text = isText; {
	case digits > maxDigits:
		return nil, shape("a counter takes at most %d digits at once", maxDigits)
	case !o.parse(text), !isText && o.scale > 0:
		return nil, shape(`a counter takes an integer, or a decimal as a string: 3 or "0.50"`)
	}
	return o, nil
}

// expand spells a canonical number with an exponent as an integer, and as "" where it is none that a counter takes.
func expand(mantissa, power string) string {
	var n int
	for _, c := range []byte(power) {
		if n = n*10 + int(c-'0'); c < '0' || c > '9' || n > maxDigits {
			return ""
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if len(fraction) > n {
		return ""
	}
	return whole + fraction + strings.Repeat("0", n-len(fraction))
}

// parse reads -?(0|[1-9][0-9]*)(\.[0-9]+)?
func (e *exact) parse(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || whole[0] == '0' && len(whole) > 1 || point && fraction == "" ||
		strings.Trim(whole, "0123456789") != "" || strings.Trim(fraction, "0123456789") != "" {
		return false
	}
	e.digits.SetString(whole+fraction, 10)
	if len(digits) < len(text) {
		e.digits.Neg(&e.digits)
	}
	e.scale = len(fraction)
	return true
}

func powerOfTen(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// add adds other, or takes it away.
func (e *exact) add(other *exact, negative bool) {
	amount := new(big.Int).Set(&other.digits)
	if negative {
		amount.Neg(amount)
	}
	switch {
	case other.scale < e.scale:
		amount.Mul(amount, powerOfTen(e.scale-other.scale))
	case other.scale > e.scale:
		e.digits.Mul(&e.digits, powerOfTen(other.scale-e.scale))
		e.scale = other.scale
	}
	e.digits.Add(&e.digits, amount)
}

func (e *exact) clone() (out exact) {
	out.digits.Set(&e.digits)
	out.scale = e.scale
	return out
}

// String has no zero behind the last digit of a fraction.
func (e *exact) String() string {
	text := e.digits.String()
	if e.scale == 0 {
		return text
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if len(text) <= e.scale {
		text = strings.Repeat("0", e.scale+1-len(text)) + text
	}
	whole, fraction := text[:len(text)-e.scale], strings.TrimRight(text[len(text)-e.scale:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

func (c *counter) Apply(_ ID, op Operation) {
	o := op.(*counterOp)
	c.sum.add(&o.exact, false)
	c.any = true
	c.decimal = c.decimal || o.text
}

func (c *counter) AppendState(dst []byte) []byte {
	kind := `["integer","`
	if c.decimal {
		kind = `["decimal","`
	}
	return append(append(append(dst, kind...), c.sum.String()...), `"]`...)
}

func (c *counter) AppendValue(dst []byte) ([]byte, bool) {
	if !c.any {
		return dst, false
	}
	return appendAmount(dst, &c.sum, c.decimal), true
}

// appendAmount appends a decimal as a string, and an integer as a canonical number.
func appendAmount(dst []byte, e *exact, decimal bool) []byte {
	if decimal {
		return append(append(append(dst, '"'), e.String()...), '"')
	}
	s := scanner{src: []byte(e.String())}
	dst, _ = s.number(dst)
	return dst
}

func (*counter) Conflicts() []Conflict { return nil }

func (c *counter) Clone() State {
	return &counter{sum: c.sum.clone(), any: c.any, decimal: c.decimal}
}

func (c *counter) Undo(done []Done, _ State) []byte {
	var amount exact
	text := false
	for _, d := range done {
		o := d.Operation.(*counterOp)
		amount.add(&o.exact, true)
		text = text || o.text
	}
	return appendAdd(&amount, text)
}

// appendAdd is the operation that adds the amount, nil where that is nothing.
func appendAdd(amount *exact, decimal bool) []byte {
	if amount.digits.Sign() == 0 {
		return nil
	}
	return append(appendAmount([]byte(`{"add":`), amount, decimal), '}')
}

func (c *counter) Change() Change {
	return &counterChange{base: c}
}

// counterChange is a counter and what a user adds to it.
type counterChange struct {
	base    *counter
	amount  exact
	decimal bool // something was added as a string
	set     bool // it was set: zero is a value, too
}

func (c *counterChange) take(value []byte, do func(o *counterOp)) error {
	canonical, err := Canonical(value)
	if err != nil {
		return err
	}
	o, err := parseAmount(canonical)
	if err != nil {
		return err
	}
	c.decimal = c.decimal || o.text
	do(o)
	return nil
}

func (c *counterChange) Set(value []byte) error {
	return c.take(value, func(o *counterOp) {
		var amount exact
		amount.add(&o.exact, false)
		amount.add(&c.base.sum, true)
		c.amount, c.set = amount, true
	})
}

func (c *counterChange) Add(value []byte) error {
	return c.take(value, func(o *counterOp) { c.amount.add(&o.exact, false) })
}

func (c *counterChange) Remove(value []byte) error {
	return c.take(value, func(o *counterOp) { c.amount.add(&o.exact, true) })
}

func (c *counterChange) AppendValue(dst []byte) ([]byte, bool) {
	if !c.base.any && !c.set && c.amount.digits.Sign() == 0 {
		return dst, false
	}
	sum := c.base.sum.clone()
	sum.add(&c.amount, false)
	return appendAmount(dst, &sum, c.base.decimal || c.decimal), true
}

func (c *counterChange) Operation() []byte {
	if c.set && !c.base.any && c.amount.digits.Sign() == 0 {
		return append(appendAmount([]byte(`{"add":`), &c.amount, c.decimal), '}')
	}
	return appendAdd(&c.amount, c.decimal || c.base.decimal)
}
