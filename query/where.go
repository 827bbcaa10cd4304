package query

import (
	"slices"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
)

// Condition is a condition over a log's events: what a filter cannot say. It does not change, and may be used from
// many goroutines. A nil Condition is true of every event.
type Condition struct {
	plan   *Plan
	text   string
	within nacre.Filter
	rows   sync.Pool // of *Event
}

// Where reads a condition over events, by the schema [Events]: type LIKE 'order.%' AND data.total > 100. It has no
// parameters, order, limit or columns. The error is an *[Error].
func Where(text string) (*Condition, error) {
	p, err := begin(text)
	if err != nil {
		return nil, err
	}
	q := &Query{}
	if q.Where, err = p.only(); err != nil {
		return nil, err
	}
	plan, err := Check(q, Events)
	if err != nil {
		return nil, err
	}
	c := &Condition{plan: plan, text: q.Where.String(), within: bounds(q.Where)}
	c.rows.New = func() any { return new(Event) }
	return c, nil
}

// Matches tells whether the condition is true of an event. It never fails: what is not there, or is not of a property's
// type, reads as null.
func (c *Condition) Matches(e *nacre.Event) bool {
	if c == nil {
		return true
	}
	row := c.rows.Get().(*Event)
	row.Reset(e)
	matches := c.plan.Match(row, nil)
	row.Reset(nil) // a pool must not hold what it was given
	c.rows.Put(row)
	return matches
}

// String is the condition's canonical text, "" for nil.
func (c *Condition) String() string {
	if c == nil {
		return ""
	}
	return c.text
}

// Narrow gives a filter for a log's indexes that selects each event that f selects and the condition is true of, and
// perhaps others. It is f itself where nothing narrower is known.
func (c *Condition) Narrow(f nacre.Filter) nacre.Filter {
	if c == nil || len(c.within) == 0 || f.Check("filter") != nil {
		return f
	}
	return intersect(f, c.within)
}

// only reads a condition, and nothing beside it.
func (p *parser) only() (Expr, error) {
	const whole = "a condition"
	if p.tok.kind == wordSelect {
		return nil, p.wrong(whole, "events come whole: there are no columns here")
	}
	if _, err := p.take(wordWhere); err != nil {
		return nil, err
	}
	if p.tail() {
		return nil, p.wrong(whole, tails[p.tok.kind])
	}
	x, err := p.condition()
	if err != nil || p.tok.kind == tokenEnd {
		return x, p.unbound(err)
	}
	hint := tails[p.tok.kind]
	if p.tok.kind == tokenClose {
		hint = "it closes nothing"
	}
	return nil, p.wrong("AND, OR or the end", hint)
}

// tails says why a condition over events has none of the clauses that a query has.
var tails = map[kind]string{
	wordOrder:  "events come in the order of the log: there is no ORDER BY here",
	wordGroup:  "events come whole: there is no GROUP BY here",
	wordLimit:  "a condition looks at each event by itself: there is no LIMIT here",
	wordOffset: "a condition looks at each event by itself: there is no OFFSET here",
}

// unbound refuses parameters, where nobody gives them values.
func (p *parser) unbound(err error) error {
	at, found := p.placed, "?"
	if p.named != nil {
		at, found = p.named, "a parameter"
	}
	if err != nil || at == nil {
		return err
	}
	return wrong(*at, "a value", found, "there are no parameters here: write the value itself, text in single quotes")
}

// maxBounds is how many items and names a filter may have that conditions are narrowed with. More would cost more than
// they save.
const maxBounds = 200

// bounds gives a filter that selects every event that a condition is true of; nil is every event.
func bounds(x Expr) nacre.Filter {
	switch x := x.(type) {
	case *And:
		var f nacre.Filter
		for _, term := range x.Terms {
			if within := bounds(term); len(within) > 0 {
				f = intersect(f, within)
			}
		}
		return f
	case *Or:
		var f nacre.Filter
		for _, term := range x.Terms {
			within := bounds(term)
			if len(within) == 0 {
				return nil
			}
			f = append(f, within...)
		}
		return bounded(f, nil)
	case *Compare:
		if x.Op != Equal {
			return nil
		}
		if name := property(x.Left); name != "" {
			return itemOf(name, texts(x.Right))
		}
		return itemOf(property(x.Right), texts(x.Left))
	case *In:
		if !x.Not {
			return itemOf(property(x.X), texts(x.List))
		}
	case *Contains:
		if element := texts(x.Element); !x.Not && property(x.X) == "tags" && nameable(element) {
			return nacre.Filter{{Tags: element}}
		}
	case *Like:
		return like(x)
	}
	return nil
}

// property is the name of a property that stands by itself, "" for others.
func property(o Operand) string {
	if p, ok := o.(*Path); ok && len(p.Steps) == 1 {
		return p.Steps[0].Name
	}
	return ""
}

// texts are the texts of a literal, or of a list that has nothing else; none for others.
func texts(o Operand) []string {
	switch o := o.(type) {
	case *Literal:
		if o.Value.Kind() == KindText {
			return []string{o.Value.Text()}
		}
	case *Array:
		var all []string
		for _, v := range o.Values {
			one := texts(v)
			if len(one) != 1 {
				return nil
			}
			all = append(all, one[0])
		}
		return all
	}
	return nil
}

// nameable tells whether texts may stand in a filter: there are some, and none is empty.
func nameable(names []string) bool {
	return len(names) > 0 && !slices.Contains(names, "")
}

// itemOf selects the events of which a property is one of some texts. A type with a "*" selects others as well, which does no
// harm.
func itemOf(name string, values []string) nacre.Filter {
	if !nameable(values) {
		return nil
	}
	var it nacre.FilterItem
	switch name {
	case "type":
		it.Types = values
	case "category":
		it.Categories = values
	case "streamId":
		for _, v := range values {
			it.Streams = append(it.Streams, nacre.StreamID(v))
		}
	default:
		return nil
	}
	return bounded(nacre.Filter{it}, nil)
}

// like selects the types that begin with the text of a pattern such as 'order.%'. A filter's "*" is one character or more,
// so that the text itself stands beside it.
func like(x *Like) nacre.Filter {
	pattern := texts(x.Pattern)
	if x.Not || x.Fold || x.Escape != 0 || property(x.X) != "type" || !nameable(pattern) {
		return nil
	}
	head, at := pattern[0], strings.IndexAny(pattern[0], "%_")
	if at < 0 {
		return itemOf("type", pattern)
	}
	if head = head[:at]; head == "" {
		return nil
	}
	return itemOf("type", []string{head, head + "*"})
}

// intersect gives a filter that selects at least what both filters do.
func intersect(f, g nacre.Filter) nacre.Filter {
	if len(f) == 0 {
		return g
	}
	if len(g) == 0 || len(f)*len(g) > maxBounds {
		return f
	}
	var out nacre.Filter
	for i := range f {
		for j := range g {
			it := f[i]
			if len(it.Streams) == 0 {
				it.Streams = g[j].Streams
			}
			if len(it.Categories) == 0 {
				it.Categories = g[j].Categories
			}
			if len(it.Types) == 0 {
				it.Types = g[j].Types
			}
			it.Tags = append(slices.Clip(it.Tags), g[j].Tags...)
			out = append(out, it)
		}
	}
	return bounded(out, f)
}

// bounded gives a filter, or another one in its place where it has too many names.
func bounded(f, otherwise nacre.Filter) nacre.Filter {
	n := len(f)
	for i := range f {
		n += len(f[i].Streams) + len(f[i].Categories) + len(f[i].Types) + len(f[i].Tags)
	}
	if n > maxBounds {
		return otherwise
	}
	return f
}
