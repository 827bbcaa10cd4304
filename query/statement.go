package query

import (
	"fmt"
	"strings"
)

var aggregates = map[string]AggregateFunc{"count": Count, "sum": Sum, "min": Min, "max": Max, "avg": Avg}

// statement reads everything.
func (p *parser) statement() (*Query, error) {
	q := &Query{}
	var err error
	if p.tok.kind == wordSelect {
		q.Select = true
		if q.Items, err = p.items(); err != nil {
			return nil, err
		}
	}
	where, err := p.take(wordWhere)
	if err != nil {
		return nil, err
	}
	if where || !q.Select && !p.tail() && p.tok.kind != tokenEnd {
		if q.Where, err = p.condition(); err != nil {
			return nil, err
		}
	}
	if err := p.clauses(q); err != nil {
		return nil, err
	}
	return q, p.end(q)
}

// tail tells whether a clause behind the condition begins here.
func (p *parser) tail() bool {
	switch p.tok.kind {
	case wordGroup, wordOrder, wordLimit, wordOffset:
		return true
	}
	return false
}

func (p *parser) clauses(q *Query) error {
	if yes, err := p.words(wordGroup, wordBy, "BY behind GROUP", `"group"`); err != nil || yes {
		if err != nil {
			return err
		}
		if q.Group, err = p.group(); err != nil {
			return err
		}
	}
	if yes, err := p.words(wordOrder, wordBy, "BY behind ORDER", `"order"`); err != nil || yes {
		if err != nil {
			return err
		}
		if q.Order, err = p.order(); err != nil {
			return err
		}
	}
	if yes, err := p.take(wordLimit); err != nil || yes {
		if err != nil {
			return err
		}
		if q.Limit, err = p.count(); err != nil {
			return err
		}
	}
	if yes, err := p.take(wordOffset); err != nil || yes {
		if err != nil {
			return err
		}
		if q.Offset, err = p.count(); err != nil {
			return err
		}
	}
	return nil
}

// words passes over two words; where the first is there, the second must be.
func (p *parser) words(first, second kind, expected, name string) (bool, error) {
	yes, err := p.take(first)
	if err != nil || !yes {
		return false, err
	}
	return true, p.must(second, expected, "a property of this name stands in double quotes: "+name)
}

// end sees to it that nothing follows, and says what it may have been.
func (p *parser) end(q *Query) error {
	if p.tok.kind == tokenEnd {
		return nil
	}
	hint := ""
	switch {
	case p.tok.kind == wordWhere:
		hint = "WHERE stands behind SELECT and before GROUP, ORDER and LIMIT, and once"
	case p.tail():
		hint = "the order is WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET, each once"
	case p.tok.kind == tokenName && strings.EqualFold(p.tok.text, "from"):
		hint = "the collection stands beside the query: leave FROM out"
	case p.tok.kind == tokenName && strings.EqualFold(p.tok.text, "having"):
		hint = "there is no HAVING"
	case p.tok.kind == tokenClose:
		hint = "it closes nothing"
	}
	if q.Select && q.Where == nil && hint == "" {
		hint = "behind what SELECT names, the condition begins with WHERE"
	}
	expected := "the end"
	if q.Where != nil && q.Order == nil && q.Group == nil && q.Limit == nil {
		expected = "AND, OR, ORDER BY, LIMIT or the end"
	}
	return p.wrong(expected, hint)
}

func (p *parser) items() ([]Item, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokenStar {
		return nil, p.advance()
	}
	var items []Item
	for {
		if len(items) == maxItems {
			return nil, p.wrong(fmt.Sprintf("at most %d columns", maxItems), "")
		}
		of, err := p.column()
		if err != nil {
			return nil, err
		}
		item := Item{Of: of}
		if as, err := p.take(wordAs); err != nil || as {
			if err != nil {
				return nil, err
			}
			if p.tok.kind != tokenName && p.tok.kind != tokenQuoted {
				return nil, p.wrong("a name behind AS", p.valueHint())
			}
			if item.As = p.tok.text; item.As == "" {
				return nil, p.wrong("a name behind AS", "")
			}
			if err := p.advance(); err != nil {
				return nil, err
			}
		}
		items = append(items, item)
		if more, err := p.take(tokenComma); err != nil || !more {
			return items, err
		}
	}
}

// column reads a path or an aggregate.
func (p *parser) column() (Operand, error) {
	do, known := AggregateFunc(0), false
	if p.tok.kind == tokenName && p.ahead.kind == tokenOpen {
		if do, known = aggregates[strings.ToLower(p.tok.text)]; !known {
			return nil, p.wrong("count, sum, min, max or avg", "there are no other functions")
		}
	}
	if !known {
		return p.path("a property or an aggregate")
	}
	a := &Aggregate{At: p.tok.at, Do: do}
	if err := p.begin(); err != nil { // over the name and the parenthesis
		return nil, err
	}
	if p.tok.kind == tokenStar && do == Count {
		if err := p.advance(); err != nil {
			return nil, err
		}
	} else {
		of, err := p.path("a property in " + do.String() + "()")
		if err != nil {
			return nil, err
		}
		a.Of = of
	}
	return a, p.must(tokenClose, ") behind the property", "")
}

func (p *parser) group() ([]*Path, error) {
	var group []*Path
	for {
		if len(group) == maxItems {
			return nil, p.wrong(fmt.Sprintf("at most %d properties", maxItems), "")
		}
		path, err := p.path("a property")
		if err != nil {
			return nil, err
		}
		group = append(group, path)
		if more, err := p.take(tokenComma); err != nil || !more {
			return group, err
		}
	}
}

func (p *parser) order() ([]Order, error) {
	var order []Order
	for {
		if len(order) == maxItems {
			return nil, p.wrong(fmt.Sprintf("at most %d terms of order", maxItems), "")
		}
		by, err := p.column()
		if err != nil {
			return nil, err
		}
		o := Order{By: by}
		switch p.tok.kind {
		case wordDesc:
			o.Desc = true
			err = p.advance()
		case wordAsc:
			err = p.advance()
		}
		if err != nil {
			return nil, err
		}
		order = append(order, o)
		if more, err := p.take(tokenComma); err != nil || !more {
			return order, err
		}
	}
}

// count reads a number of rows, or a parameter.
func (p *parser) count() (Operand, error) {
	if p.tok.kind == tokenParam {
		return p.param()
	}
	if p.tok.kind == tokenNumber && p.tok.text == p.tok.raw {
		if n, ok := parseInt([]byte(p.tok.text)); ok && n >= 0 && p.tok.raw[0] != '-' {
			l := &Literal{At: p.tok.at, Value: intValue(n), Text: p.tok.text}
			return l, p.advance()
		}
	}
	return nil, p.wrong("a number of rows, from 0", "")
}
