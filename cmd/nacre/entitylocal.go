package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
)

// localEntities are those of a store that is open here.
type localEntities struct {
	db     *entity.DB
	actor  string
	edited string // a collection that was written to, "" for none
}

func (l *localEntities) options() *entity.TxOptions { return &entity.TxOptions{Actor: l.actor} }

func (l *localEntities) collections(ctx context.Context) ([]wire.CollectionReply, error) {
	names, err := l.db.Collections(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]wire.CollectionReply, len(names))
	for i, name := range names {
		c, err := l.collection(ctx, name)
		if err != nil {
			return nil, err
		}
		out[i] = *c
	}
	return out, nil
}

func (l *localEntities) collection(ctx context.Context, name string) (*wire.CollectionReply, error) {
	s, err := l.db.Schema(ctx, name)
	if err != nil {
		return nil, err
	}
	return collectionOf(name, s)
}

func collectionOf(name string, s *merge.Schema) (*wire.CollectionReply, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the schema of %s cannot be written: %w", name, err)
	}
	return &wire.CollectionReply{Name: name, Schema: text}, nil
}

func (l *localEntities) declare(ctx context.Context, name string, schema json.RawMessage) (*wire.CollectionReply, error) {
	s, err := l.db.Declare(ctx, name, schema, l.options())
	if err != nil {
		return nil, err
	}
	l.edited = name
	return collectionOf(name, s)
}

func (l *localEntities) query(ctx context.Context, collection string, q *queryRequest) (*wire.EntitiesReply, error) {
	args, err := q.values()
	if err != nil {
		return nil, err
	}
	o := &entity.QueryOptions{After: q.After, Most: q.Limit, Args: args}
	page, err := l.db.Query(ctx, collection, q.Text, o)
	if err != nil {
		return nil, err
	}
	out := &wire.EntitiesReply{Next: page.Next, Position: page.Position}
	for i := range page.Entities {
		out.Entities = append(out.Entities, wire.EntityRow{ID: page.Entities[i].ID, Values: page.Entities[i].Values})
	}
	if page.Table != nil {
		out.Columns, out.Rows = page.Table.Columns, tableRows(page.Table)
	}
	return out, nil
}

// values are those of the query's parameters.
func (q *queryRequest) values() (query.Args, error) {
	var args query.Args
	for _, arg := range q.Args {
		v, err := argument(arg)
		if err != nil {
			return args, err
		}
		args.Positional = append(args.Positional, v)
	}
	for name, arg := range q.Named {
		v, err := argument(arg)
		if err != nil {
			return args, err
		}
		if args.Named == nil {
			args.Named = map[string]any{}
		}
		args.Named[name] = v
	}
	return args, nil
}

// argument is a parameter's value that is given as JSON, exact.
func argument(text json.RawMessage) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "a parameter's value is no JSON: %w", err)
	}
	return plainArgument(v)
}

func plainArgument(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, nil
		}
		return query.Decimal(v), nil
	case []any:
		for i := range v {
			one, err := plainArgument(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = one
		}
	case map[string]any:
		return nil, nacre.Errorf(nacre.CodeInvalid, "a parameter's value is an object: give a text, a number, true, false, null, or a list of these")
	}
	return v, nil
}

func (l *localEntities) get(ctx context.Context, collection, id string) (*wire.EntityReply, error) {
	v, err := l.db.Get(ctx, collection, id)
	return entityReply(v), err
}

// entityReply is a view as the server's routes give it.
func entityReply(v *entity.View) *wire.EntityReply {
	if v == nil {
		return nil
	}
	return &wire.EntityReply{Collection: v.Collection, ID: v.ID, Values: v.Values, Heads: v.Heads, Deleted: v.Deleted}
}

func (l *localEntities) apply(ctx context.Context, edits ...wire.EntityEdit) (*wire.TransactionReply, error) {
	own := make([]entity.Edit, len(edits))
	for i := range edits {
		own[i] = entity.Edit(edits[i])
	}
	done, err := l.db.Apply(ctx, l.options(), own...)
	if err != nil {
		return nil, err
	}
	if done.First > 0 {
		l.edited = edits[0].Collection
	}
	return &wire.TransactionReply{Committed: committed(&done.Commit), IDs: done.IDs}, nil
}

func committed(c *entity.Commit) wire.Committed {
	return wire.Committed{TransactionID: c.TransactionID, FirstPosition: c.First, LastPosition: c.Last}
}

func (l *localEntities) watch(ctx context.Context, collection, id string) iter.Seq2[*wire.EntityReply, error] {
	return func(yield func(*wire.EntityReply, error) bool) {
		for v, err := range l.db.Watch(ctx, collection, id) {
			if !yield(entityReply(v), err) {
				return
			}
		}
	}
}

func (l *localEntities) at(ctx context.Context, collection, id string, events []string) (*wire.EntityReply, error) {
	v, err := l.db.At(ctx, collection, id, events...)
	return entityReply(v), err
}

func (l *localEntities) inspect(ctx context.Context, collection, id string) (*entity.Inspection, error) {
	return l.db.Inspect(ctx, collection, id)
}

func (l *localEntities) history(ctx context.Context, collection, id string, o *entity.HistoryOptions) ([]entity.Entry, error) {
	return l.db.History(ctx, collection, id, o)
}

func (l *localEntities) conflicts(ctx context.Context, collection, id string) ([]entity.Conflict, error) {
	return l.db.Conflicts(ctx, collection, id)
}

func (l *localEntities) diff(ctx context.Context, collection, id string, from, to []string) ([]entity.Difference, error) {
	return l.db.Diff(ctx, collection, id, from, to)
}

func (l *localEntities) undo(ctx context.Context, positions ...nacre.Position) (*wire.Committed, error) {
	what := make([]entity.Commit, len(positions))
	for i, at := range positions {
		var err error
		if what[i], err = l.db.Transaction(ctx, at); err != nil {
			return nil, err
		}
	}
	done, err := l.db.Undo(ctx, l.options(), what...)
	if err != nil {
		return nil, err
	}
	if len(done.Events) > 0 {
		l.edited, _, _ = strings.Cut(string(done.Events[0].StreamID), "-")
	}
	out := committed(&done)
	return &out, nil
}
