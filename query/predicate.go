package query

import (
	"fmt"
	"unicode/utf8"
)

func (p *parser) predicate() (Expr, error) {
	if p.tok.kind == tokenOpen {
		return p.parentheses()
	}
	if p.counts.predicates++; p.counts.predicates > maxPredicates {
		return nil, p.wrong(fmt.Sprintf("at most %d comparisons in a query", maxPredicates), "for many values of one property, use IN")
	}
	at := p.tok.at
	x, err := p.operand("a condition")
	if err != nil {
		return nil, err
	}
	not := false
	behind := p.tok
	if p.tok.kind == wordNot {
		not = true
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	switch p.tok.kind {
	case tokenCompare:
		if !not {
			return p.comparison(at, x)
		}
	case wordIn:
		return p.in(at, x, not)
	case wordBetween:
		return p.between(at, x, not)
	case wordLike, wordIlike:
		return p.like(at, x, not)
	case wordContains:
		return p.contains(at, x, not)
	case wordIs:
		if !not {
			return p.isNull(at, x)
		}
	}
	if not {
		return nil, p.wrong("IN, BETWEEN, LIKE, ILIKE or CONTAINS behind NOT", "")
	}
	return p.truth(at, x, behind)
}

func (p *parser) parentheses() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	x, err := p.condition()
	if err != nil {
		return nil, err
	}
	p.nesting--
	if err := p.must(tokenClose, "AND, OR or )", ""); err != nil {
		return nil, err
	}
	if k := p.tok.kind; k == tokenCompare || k == wordIn || k == wordIs || k == wordBetween || k == wordLike || k == wordIlike || k == wordContains {
		return nil, p.wrong("AND, OR or the end of the condition", "parentheses stand around conditions, not around what they compare")
	}
	return x, nil
}

// truth is an operand that is the whole condition.
func (p *parser) truth(at Pos, x Operand, behind token) (Expr, error) {
	switch o := x.(type) {
	case *Path, *Param:
		if k := behind.kind; k == tokenName || k == tokenQuoted || k == tokenText || k == tokenNumber || k == tokenOpen {
			hint := ""
			if k == tokenOpen {
				hint = "there are no functions in conditions"
			}
			return nil, p.wrong("a comparison, AND, OR or the end of the condition", hint)
		}
		return &Affirm{At: at, X: x}, nil
	case *Literal:
		if o.Value.kind == KindBool || o.Value.kind == KindNull {
			return &Affirm{At: at, X: x}, nil
		}
	}
	return nil, p.wrong("a comparison", "")
}

func (p *parser) comparison(at Pos, left Operand) (Expr, error) {
	op := p.tok.op
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.operand("a value or a property")
	if err != nil {
		return nil, err
	}
	if p.tok.kind == tokenCompare {
		return nil, p.wrong("AND, OR or the end of the condition", "comparisons do not follow one another: write a < b AND b < c")
	}
	for _, side := range []Operand{left, right} {
		if a, ok := side.(*Array); ok {
			return nil, wrong(a.At, "a value or a property", "an array", "arrays stand behind IN and beside CONTAINS")
		}
	}
	return &Compare{At: at, Op: op, Left: left, Right: right}, nil
}

func (p *parser) in(at Pos, x Operand, not bool) (Expr, error) {
	if a, ok := x.(*Array); ok {
		return nil, wrong(a.At, "a value or a property", "an array", "whether an array has a value is said by CONTAINS")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	in := &In{At: at, X: x, Not: not}
	var err error
	switch p.tok.kind {
	case tokenOpen:
		in.List, err = p.list(tokenClose, ")")
	case tokenBegin:
		in.List, err = p.list(tokenFinish, "]")
	case tokenParam:
		in.List, err = p.param()
	default:
		return nil, p.wrong("( and values", "as in year IN (1999, 2000)")
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (p *parser) between(at Pos, x Operand, not bool) (Expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	low, err := p.operand("a value or a property")
	if err != nil {
		return nil, err
	}
	if err := p.must(wordAnd, "AND and the upper bound", "as in year BETWEEN 1990 AND 1999"); err != nil {
		return nil, err
	}
	high, err := p.operand("a value or a property")
	if err != nil {
		return nil, err
	}
	for _, o := range []Operand{x, low, high} {
		if a, ok := o.(*Array); ok {
			return nil, wrong(a.At, "a value or a property", "an array", "")
		}
	}
	return &Between{At: at, X: x, Not: not, Low: low, High: high}, nil
}

func (p *parser) like(at Pos, x Operand, not bool) (Expr, error) {
	if a, ok := x.(*Array); ok {
		return nil, wrong(a.At, "a text or a property", "an array", "")
	}
	l := &Like{At: at, X: x, Not: not, Fold: p.tok.kind == wordIlike}
	if err := p.advance(); err != nil {
		return nil, err
	}
	pattern := p.tok
	var err error
	if l.Pattern, err = p.value("a pattern: a text or a parameter"); err != nil {
		return nil, err
	}
	if p.tok.kind == wordEscape {
		if err := p.advance(); err != nil {
			return nil, err
		}
		r, size := utf8.DecodeRuneInString(p.tok.text)
		if p.tok.kind != tokenText || size == 0 || size != len(p.tok.text) || r == '%' || r == '_' {
			return nil, p.wrong("a text of one character that is neither % nor _", `as in LIKE '50\%' ESCAPE '\'`)
		}
		l.Escape = r
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if v, ok := l.Pattern.(*Literal); ok {
		if err := checkPattern(v, l.Escape, shown(pattern.raw)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (p *parser) contains(at Pos, x Operand, not bool) (Expr, error) {
	if l, ok := x.(*Literal); ok && l.Value.kind != KindNull {
		return nil, wrong(l.At, "a property or an array on the left of CONTAINS", "a value", "")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	element, err := p.operand("a value or a property")
	if err != nil {
		return nil, err
	}
	if a, ok := element.(*Array); ok {
		return nil, wrong(a.At, "a value or a property", "an array", "CONTAINS looks for one value; several are put together with AND or OR")
	}
	return &Contains{At: at, X: x, Not: not, Element: element}, nil
}

func (p *parser) isNull(at Pos, x Operand) (Expr, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	not, err := p.take(wordNot)
	if err != nil {
		return nil, err
	}
	if err := p.must(wordNull, "NULL or NOT NULL", "other values are compared with ="); err != nil {
		return nil, err
	}
	if a, ok := x.(*Array); ok {
		return nil, wrong(a.At, "a property", "an array", "")
	}
	return &IsNull{At: at, X: x, Not: not}, nil
}
