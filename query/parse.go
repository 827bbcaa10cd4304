package query

import (
	"fmt"
	"math"
	"strconv"
)

// Parse reads a statement. The error is an *[Error].
func Parse(text string) (*Query, error) {
	p, err := begin(text)
	if err != nil {
		return nil, err
	}
	return p.statement()
}

// begin stands at the first token of a text.
func begin(text string) (*parser, error) {
	p := &parser{lexer: lexer{text: text, at: Pos{Line: 1, Column: 1}}}
	if len(text) > maxText {
		return nil, wrong(p.lexer.at, fmt.Sprintf("a query of at most %d bytes", maxText), fmt.Sprintf("one of %d", len(text)), "")
	}
	return p, p.begin()
}

// parser reads one statement. It looks one token ahead of the one that it stands at.
type parser struct {
	lexer   lexer
	tok     token
	ahead   token
	nesting int
	counts  struct{ predicates, values int }
	// named and placed are where the first parameter of each kind stands.
	named, placed *Pos
}

func (p *parser) begin() error {
	if err := p.advance(); err != nil {
		return err
	}
	return p.advance()
}

func (p *parser) advance() error {
	p.tok = p.ahead
	t, err := p.lexer.next()
	p.ahead = t
	return err
}

// found is the present token as an error tells it.
func (p *parser) found() string {
	if p.tok.kind == tokenEnd {
		return "the end"
	}
	return shown(p.tok.raw)
}

func (p *parser) wrong(expected, hint string) error {
	return wrong(p.tok.at, expected, p.found(), hint)
}

// take passes over a token of a kind, and tells whether it was there.
func (p *parser) take(k kind) (bool, error) {
	if p.tok.kind != k {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) must(k kind, expected, hint string) error {
	if p.tok.kind != k {
		return p.wrong(expected, hint)
	}
	return p.advance()
}

// enter counts a level of nesting, which the caller leaves.
func (p *parser) enter() error {
	if p.nesting++; p.nesting > maxNesting {
		return p.wrong(fmt.Sprintf("at most %d conditions inside each other", maxNesting), "")
	}
	return nil
}

func (p *parser) condition() (Expr, error) {
	at := p.tok.at
	var terms []Expr
	first, err := p.conjunction()
	if err != nil {
		return nil, err
	}
	for p.tok.kind == wordOr {
		if err := p.advance(); err != nil {
			return nil, err
		}
		next, err := p.conjunction()
		if err != nil {
			return nil, err
		}
		if terms == nil {
			terms = flatOr(nil, first)
		}
		terms = flatOr(terms, next)
	}
	if terms == nil {
		return first, nil
	}
	return &Or{At: at, Terms: terms}, nil
}

func flatOr(terms []Expr, x Expr) []Expr {
	if or, ok := x.(*Or); ok {
		return append(terms, or.Terms...)
	}
	return append(terms, x)
}

func (p *parser) conjunction() (Expr, error) {
	at := p.tok.at
	var terms []Expr
	first, err := p.negation()
	if err != nil {
		return nil, err
	}
	for p.tok.kind == wordAnd {
		if err := p.advance(); err != nil {
			return nil, err
		}
		next, err := p.negation()
		if err != nil {
			return nil, err
		}
		if terms == nil {
			terms = flatAnd(nil, first)
		}
		terms = flatAnd(terms, next)
	}
	if terms == nil {
		return first, nil
	}
	return &And{At: at, Terms: terms}, nil
}

func flatAnd(terms []Expr, x Expr) []Expr {
	if and, ok := x.(*And); ok {
		return append(terms, and.Terms...)
	}
	return append(terms, x)
}

func (p *parser) negation() (Expr, error) {
	if p.tok.kind != wordNot {
		return p.predicate()
	}
	at := p.tok.at
	if err := p.enter(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.negation()
	p.nesting--
	if err != nil {
		return nil, err
	}
	return &Not{At: at, X: x}, nil
}

// list reads values up to a closing token; the present one opened it.
func (p *parser) list(end kind, closing string) (*Array, error) {
	a := &Array{At: p.tok.at}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if end == tokenFinish && p.tok.kind == end {
		return a, p.advance()
	}
	if p.tok.kind == end {
		return nil, p.wrong("a value", "a list without values is []")
	}
	for {
		if len(a.Values) == maxList {
			return nil, p.wrong(fmt.Sprintf("at most %d values", maxList), "")
		}
		if p.counts.values++; p.counts.values > maxValues {
			return nil, p.wrong(fmt.Sprintf("at most %d values in a query", maxValues), "")
		}
		v, err := p.value("a value")
		if err != nil {
			return nil, err
		}
		a.Values = append(a.Values, v)
		if p.tok.kind == tokenComma {
			if err := p.advance(); err != nil {
				return nil, err
			}
			continue
		}
		return a, p.must(end, ", or "+closing, "")
	}
}

// operand reads a path, a value or an array.
func (p *parser) operand(expected string) (Operand, error) {
	switch p.tok.kind {
	case tokenName, tokenQuoted:
		return p.path(expected)
	case tokenBegin:
		return p.list(tokenFinish, "]")
	}
	return p.value(expected)
}

// value reads a literal or a parameter.
func (p *parser) value(expected string) (Operand, error) {
	l := &Literal{At: p.tok.at}
	switch p.tok.kind {
	case tokenText:
		l.Value = textValue(p.tok.text)
	case tokenNumber:
		l.Text = p.tok.text
		v, ok := numberValue(l.Text)
		if !ok {
			return nil, p.wrong("a number in the range of 64-bit floats", "")
		}
		l.Value = v
	case wordTrue:
		l.Value = boolValue(true)
	case wordFalse:
		l.Value = boolValue(false)
	case wordNull:
	case tokenParam:
		return p.param()
	default:
		return nil, p.wrong(expected, p.valueHint())
	}
	return l, p.advance()
}

// valueHint says what may have been meant where a value is missing.
func (p *parser) valueHint() string {
	switch p.tok.kind {
	case tokenName:
		return "text stands in single quotes: '" + shown(p.tok.text) + "'"
	case tokenQuoted:
		return "double quotes are for names; text stands in single quotes"
	case wordSelect:
		return "there are no queries inside queries"
	case tokenDot:
		return "a number has a digit before its point: 0.5"
	case tokenOpen:
		return "parentheses stand around conditions, and around the values of IN"
	}
	if p.tok.kind >= wordAnd {
		return "a property of this name stands in double quotes"
	}
	return ""
}

// numberValue is an integer where the number is spelled as one and fits, else a float.
func numberValue(text string) (Value, bool) {
	if n, ok := parseInt([]byte(text)); ok {
		return intValue(n), true
	}
	f, err := strconv.ParseFloat(text, 64)
	return floatValue(f), err == nil && !math.IsInf(f, 0)
}

func (p *parser) param() (Operand, error) {
	q := &Param{At: p.tok.at, Name: p.tok.text}
	first, other := &p.placed, p.named
	if q.Name != "" {
		first, other = &p.named, p.placed
	}
	if other != nil {
		return nil, p.wrong("parameters of one kind", "one query has either ? or names")
	}
	if *first == nil {
		*first = &q.At
	}
	return q, p.advance()
}

// path reads a path; the present token is a name.
func (p *parser) path(expected string) (*Path, error) {
	if p.tok.kind != tokenName && p.tok.kind != tokenQuoted {
		return nil, p.wrong(expected, p.valueHint())
	}
	path := &Path{At: p.tok.at, Steps: make([]Step, 1, 2)}
	path.Steps[0] = Step{At: p.tok.at, Name: p.tok.text, Index: -1}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for {
		k := p.tok.kind
		if k != tokenDot && k != tokenBegin {
			return path, nil
		}
		if len(path.Steps) == maxSteps {
			return nil, p.wrong(fmt.Sprintf("a path of at most %d parts", maxSteps), "")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		s := Step{At: p.tok.at, Name: p.tok.text, Index: -1}
		if k == tokenDot {
			if p.tok.kind != tokenName && p.tok.kind != tokenQuoted {
				return nil, p.wrong("a name behind the point", p.valueHint())
			}
			path.Steps = append(path.Steps, s)
			if err := p.advance(); err != nil {
				return nil, err
			}
			continue
		}
		n, err := strconv.ParseUint(p.tok.raw, 10, 31)
		if p.tok.kind != tokenNumber || err != nil {
			return nil, p.wrong("an index from 0", "as in tags[0]; names follow a point")
		}
		s.Name, s.Index = "", int(n)
		path.Steps = append(path.Steps, s)
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.must(tokenFinish, "] behind the index", ""); err != nil {
			return nil, err
		}
	}
}
