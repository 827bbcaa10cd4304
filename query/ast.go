package query

// Pos is a place in a query's text.
type Pos struct {
	Offset int // in bytes, from 0
	Line   int // from 1
	Column int // in code points, from 1
}

// Node is a part of a query: the sealed interfaces [Expr] and [Operand] are its two kinds.
type Node interface {
	// Position is where the part begins.
	Position() Pos
	// String is the canonical text: parsing it gives the same part, apart from positions.
	String() string
	write(*printer)
}

// Expr is a condition: *Or, *And, *Not, *Compare, *In, *Between, *Like, *IsNull, *Contains or *Affirm.
type Expr interface {
	Node
	expr()
}

// Operand is what conditions are about: *Path, *Literal, *Param, *Array; in items and orders also *Aggregate.
type Operand interface {
	Node
	operand()
}

// Query is a statement. The zero value selects every row.
type Query struct {
	Select bool   // the text has SELECT
	Items  []Item // none for rows
	Where  Expr   // nil for every row
	Group  []*Path
	Order  []Order
	Limit  Operand // *Literal, *Param or nil
	Offset Operand // *Literal, *Param or nil
}

// And gives the statement with a condition that has to be true as well: a policy's, say. The query itself stays as it
// is.
func (q *Query) And(x Expr) *Query {
	restricted := *q
	switch {
	case x == nil:
	case q.Where == nil:
		restricted.Where = x
	default:
		at := q.Where.Position()
		restricted.Where = &And{At: at, Terms: flatAnd(flatAnd(nil, q.Where), x)}
	}
	return &restricted
}

// Item is a column of the result.
type Item struct {
	Of Operand // *Path or *Aggregate
	As string  // "" where none was given
}

// Order is a term of ORDER BY.
type Order struct {
	By   Operand // *Path or *Aggregate
	Desc bool
}

// Or is true where a term is. It has two terms or more, none of them an *Or.
type Or struct {
	At    Pos
	Terms []Expr
}

// And is true where all terms are. It has two terms or more, none of them an *And.
type And struct {
	At    Pos
	Terms []Expr
}

// Not swaps true and false.
type Not struct {
	At Pos
	X  Expr
}

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

// String is the operator as it is written.
func (o Op) String() string { return [...]string{"=", "!=", "<", "<=", ">", ">="}[o] }

// flipped is the operator with its sides exchanged.
func (o Op) flipped() Op {
	return [...]Op{Equal, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual}[o]
}

// opposite is true where the operator is false, and false where it is true.
func (o Op) opposite() Op {
	return [...]Op{NotEqual, Equal, GreaterOrEqual, Greater, LessOrEqual, Less}[o]
}

// Compare is a comparison of two operands.
type Compare struct {
	At    Pos
	Op    Op
	Left  Operand
	Right Operand
}

// In is true where the operand is equal to a value of the list.
type In struct {
	At   Pos
	X    Operand
	Not  bool
	List Operand // *Array or *Param
}

// Between is true from Low to High, both included.
type Between struct {
	At        Pos
	X         Operand
	Not       bool
	Low, High Operand
}

// Like compares text with a pattern.
type Like struct {
	At      Pos
	X       Operand
	Not     bool
	Fold    bool    // ILIKE
	Pattern Operand // *Literal or *Param
	Escape  rune    // 0 where none was given
}

// IsNull is true where the operand is null.
type IsNull struct {
	At  Pos
	X   Operand
	Not bool
}

// Contains is true where an element of the operand is equal to another operand.
type Contains struct {
	At      Pos
	X       Operand
	Not     bool
	Element Operand
}

// Affirm is an operand that is a condition itself.
type Affirm struct {
	At Pos
	X  Operand
}

// Step is a part of a path: a name, or an index where Name is "" and Index is not below 0.
type Step struct {
	At    Pos
	Name  string
	Index int // -1 where the step is a name
}

// Path leads to a value. Its first step is a name, a property's.
type Path struct {
	At    Pos
	Steps []Step
}

// Literal is a value that stands in the text, or that was bound.
type Literal struct {
	At    Pos
	Value Value
	// Text is the number as it was spelled, without a plus; "" for other values.
	Text string
}

// Param is a place for a value: of the name, or the next one in order where Name is "".
type Param struct {
	At   Pos
	Name string
}

// Array is a list of values: *Literal and *Param.
type Array struct {
	At     Pos
	Values []Operand
}

// Aggregate is a function of many rows.
type Aggregate struct {
	At Pos
	Do AggregateFunc
	Of *Path // nil for count(*)
}

// AggregateFunc is what an aggregate does.
type AggregateFunc uint8

// The aggregates.
const (
	Count AggregateFunc = iota
	Sum
	Min
	Max
	Avg
)

// String is the function's name.
func (f AggregateFunc) String() string { return [...]string{"count", "sum", "min", "max", "avg"}[f] }

func (*Or) expr()       {}
func (*And) expr()      {}
func (*Not) expr()      {}
func (*Compare) expr()  {}
func (*In) expr()       {}
func (*Between) expr()  {}
func (*Like) expr()     {}
func (*IsNull) expr()   {}
func (*Contains) expr() {}
func (*Affirm) expr()   {}

func (*Path) operand()      {}
func (*Literal) operand()   {}
func (*Param) operand()     {}
func (*Array) operand()     {}
func (*Aggregate) operand() {}

// Position is where the condition begins.
func (x *Or) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *And) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Not) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Compare) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *In) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Between) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Like) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *IsNull) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Contains) Position() Pos { return x.At }

// Position is where the condition begins.
func (x *Affirm) Position() Pos { return x.At }

// Position is where the path begins.
func (x *Path) Position() Pos { return x.At }

// Position is where the value stands.
func (x *Literal) Position() Pos { return x.At }

// Position is where the parameter stands.
func (x *Param) Position() Pos { return x.At }

// Position is where the array begins.
func (x *Array) Position() Pos { return x.At }

// Position is where the aggregate begins.
func (x *Aggregate) Position() Pos { return x.At }
