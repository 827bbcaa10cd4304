package entity

import (
	"context"
	"encoding"
	"iter"
	"reflect"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

// Query yields the entities that a query gives, all of them, page by page: "year > ? ORDER BY year". Arguments are the values
// of its ?, or one query.Args for names. Each page has everything that was acknowledged before it was read; the whole is no
// snapshot. An error ends it.
func (c *Collection[T]) Query(ctx context.Context, text string, args ...any) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		q, err := bind(text, args)
		if err != nil {
			yield(nil, err)
			return
		}
		var o QueryOptions
		for {
			page, err := c.page(ctx, q, &o)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Entities {
				value, err := c.read(page.Entities[i].ID, page.Entities[i].Values)
				if !yield(value, err) || err != nil {
					return
				}
			}
			if o.After = page.Next; o.After == "" {
				return
			}
		}
	}
}

func bind(text string, args []any) (*query.Query, error) {
	q, err := query.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		if given, ok := args[0].(query.Args); ok {
			return query.Bind(q, plainArgs(given))
		}
	}
	return query.Bind(q, plainArgs(query.Args{Positional: args}))
}

func (c *Collection[T]) page(ctx context.Context, q *query.Query, o *QueryOptions) (*Page, error) {
	if len(q.Items) > 0 || len(q.Group) > 0 {
		return nil, invalid("query", "has columns, so it gives no entities: use Query of the DB for tables")
	}
	return c.db.Select(ctx, c.name, q, o)
}

// PageOf is a page of entities.
type PageOf[T any] struct {
	Entities []*T
	// Next is the cursor of the next page, "" where there is none.
	Next string
	// Position is up to where the log counts.
	Position nacre.Position
}

// QueryPage gives one page of a query.
func (c *Collection[T]) QueryPage(ctx context.Context, text string, o *QueryOptions) (*PageOf[T], error) {
	if o == nil {
		o = &QueryOptions{}
	}
	q, err := bind(text, []any{o.Args})
	if err != nil {
		return nil, err
	}
	page, err := c.page(ctx, q, o)
	if err != nil {
		return nil, err
	}
	out := &PageOf[T]{Entities: make([]*T, len(page.Entities)), Next: page.Next, Position: page.Position}
	for i := range page.Entities {
		if out.Entities[i], err = c.read(page.Entities[i].ID, page.Entities[i].Values); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// First gives the first entity of a query, or CodeNotFound where there is none.
func (c *Collection[T]) First(ctx context.Context, text string, args ...any) (*T, error) {
	q, err := bind(text, args)
	if err != nil {
		return nil, err
	}
	page, err := c.page(ctx, q, &QueryOptions{Most: 1})
	switch {
	case err != nil:
		return nil, err
	case len(page.Entities) == 0:
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no entity in %s for the query %q", c.name, text)
	}
	return c.read(page.Entities[0].ID, page.Entities[0].Values)
}

// Count counts the entities for which a condition is true: "year > ?". The empty one counts all.
func (c *Collection[T]) Count(ctx context.Context, condition string, args ...any) (int64, error) {
	q, err := bind(condition, args)
	if err != nil {
		return 0, err
	}
	if len(q.Items) > 0 || len(q.Group) > 0 || q.Limit != nil || q.Offset != nil {
		return 0, invalid("query", "is counted by its condition: leave columns, GROUP BY, LIMIT and OFFSET out")
	}
	count := *q
	count.Select, count.Items, count.Order = true, []query.Item{{Of: &query.Aggregate{Do: query.Count}}}, nil
	page, err := c.db.Select(ctx, c.name, &count, nil)
	if err != nil {
		return 0, err
	}
	return page.Table.Rows[0][0].Int(), nil
}

// Watch yields an entity as it is, nil while it is deleted, and again when it has changed, until ctx ends (with its error) or
// the loop breaks.
func (c *Collection[T]) Watch(ctx context.Context, id string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for v, err := range c.db.Watch(ctx, c.name, id) {
			var value *T
			if err == nil && !v.Deleted {
				value, err = c.read(id, v.Values)
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}

// At is an entity as it was at events of its history: see [DB.At]. Where it was deleted, it is CodeDeleted.
func (c *Collection[T]) At(ctx context.Context, id string, events ...string) (*T, error) {
	v, err := c.db.At(ctx, c.name, id, events...)
	if err != nil {
		return nil, err
	}
	if v.Deleted {
		return nil, nacre.Errorf(CodeDeleted, "%q in %s was deleted at these events", id, c.name)
	}
	return c.read(id, v.Values)
}

// plainArgs makes arguments of named types what package query takes.
func plainArgs(args query.Args) query.Args {
	out := query.Args{Positional: make([]any, len(args.Positional)), Spare: args.Spare}
	for i := range args.Positional {
		out.Positional[i] = plainArg(args.Positional[i])
	}
	if args.Named != nil {
		out.Named = make(map[string]any, len(args.Named))
		for name := range args.Named {
			out.Named[name] = plainArg(args.Named[name])
		}
	}
	return out
}

func plainArg(given any) any {
	v := reflect.ValueOf(given)
	if !v.IsValid() || v.Type() == timeType || v.Type() == decimalType || v.Type() == reflect.TypeFor[query.Value]() {
		return given
	}
	if v.Kind() != reflect.Pointer && v.Type().Implements(textType) {
		if text, err := given.(encoding.TextMarshaler).MarshalText(); err == nil {
			return string(text)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plainArg(v.Elem().Interface())
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Slice:
		if v.Type().Elem() == reflect.TypeFor[byte]() {
			return v.Bytes()
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainArg(v.Index(i).Interface())
		}
		return list
	}
	return given
}
