package memory

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
)

// Tables are tables in memory.
type Tables struct {
	writing sync.Mutex // held by Write and Reset

	mu          sync.RWMutex // of what follows, which changes only while writing is held as well
	closed      bool
	mark        entity.Mark
	waiting     []nacre.Position
	collections map[string]*collection
}

// collection is what is kept of a collection.
type collection struct {
	declared bool
	states   map[string][]byte
	rows     map[string]*query.Object // of those that are not deleted
}

// Open makes empty tables.
func Open() *Tables { return &Tables{collections: map[string]*collection{}} }

// read locks for reading; the caller unlocks where there is no error.
func (t *Tables) read(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.RLock()
	if t.closed {
		t.mu.RUnlock()
		return errClosed()
	}
	return nil
}

func errClosed() error {
	return nacre.Errorf(nacre.CodeClosed, "the tables have been closed")
}

// Mark implements entity.Tables.
func (t *Tables) Mark(ctx context.Context) (entity.Mark, error) {
	if err := t.read(ctx); err != nil {
		return entity.Mark{}, err
	}
	defer t.mu.RUnlock()
	return t.mark, nil
}

// Waiting implements entity.Tables.
func (t *Tables) Waiting(ctx context.Context) ([]nacre.Position, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	return slices.Clone(t.waiting), nil
}

// Load implements entity.Tables.
func (t *Tables) Load(ctx context.Context, of, id string) ([]byte, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	c := t.collections[of]
	if c == nil {
		return nil, nil
	}
	return bytes.Clone(c.states[id]), nil
}

// Write implements entity.Tables.
func (t *Tables) Write(ctx context.Context, b *entity.Batch) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := t.read(ctx); err != nil {
		return err
	}
	t.mu.RUnlock()
	made, err := t.made(ctx, b)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed()
	}
	for name, rows := range made {
		c := t.collection(name)
		c.declared, c.rows = true, rows
	}
	for i := range b.Rows {
		row := &b.Rows[i]
		c := t.collection(row.Collection)
		state := bytes.Clone(row.State)
		if state == nil {
			state = []byte{} // there, and empty
		}
		c.states[row.ID] = state
		if row.Values == nil {
			delete(c.rows, row.ID)
		} else {
			c.rows[row.ID] = query.NewObject(row.ID, bytes.Clone(row.Values))
		}
	}
	t.mark = b.Mark
	if b.Waiting != nil {
		t.waiting = slices.Clone(b.Waiting)
	}
	return nil
}

// made makes the rows of the collections that are declared, and looks at what may be wrong with the batch. Nothing
// else changes meanwhile, and so no lock is held while others' code runs.
func (t *Tables) made(ctx context.Context, b *entity.Batch) (map[string]map[string]*query.Object, error) {
	made := map[string]map[string]*query.Object{}
	for _, d := range b.Declared {
		rows := map[string]*query.Object{}
		made[d.Collection] = rows
		c := t.collections[d.Collection]
		if c == nil {
			continue
		}
		for id, state := range c.states {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			row := entity.TableRow{Collection: d.Collection, ID: id, State: bytes.Clone(state)}
			if err := d.Row(&row); err != nil {
				return nil, err
			}
			if row.Values != nil {
				rows[id] = query.NewObject(id, bytes.Clone(row.Values))
			}
		}
	}
	for i := range b.Rows {
		row := &b.Rows[i]
		if row.Values == nil || made[row.Collection] != nil {
			continue
		}
		if c := t.collections[row.Collection]; c == nil || !c.declared {
			return nil, undeclared(row.Collection)
		}
	}
	return made, nil
}

func undeclared(collection string) error {
	return nacre.Errorf(nacre.CodeNotFound, "the collection %q has no table: it was not declared", collection)
}

// collection is the collection of a name, which is made where there is none. t.mu is held.
func (t *Tables) collection(name string) *collection {
	c := t.collections[name]
	if c == nil {
		c = &collection{states: map[string][]byte{}, rows: map[string]*query.Object{}}
		t.collections[name] = c
	}
	return c
}

// Query implements entity.Tables.
func (t *Tables) Query(ctx context.Context, of string, p *query.Plan, after []byte) (*entity.Result, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	asked := []string{of}
	for _, f := range p.Follows() {
		asked = append(asked, f.Collection)
	}
	for _, name := range asked {
		if c := t.collections[name]; c == nil || !c.declared {
			return nil, undeclared(name)
		}
	}
	o := &query.RunOptions{After: after, Lookup: func(of, id string) query.Row {
		if row := t.collections[of].rows[id]; row != nil {
			return row
		}
		return nil
	}}
	result := &entity.Result{Mark: t.mark}
	if p.Tabular() {
		table, err := p.Table(rowsOf(ctx, t.collections[of]), o)
		if err != nil {
			return nil, err
		}
		result.Table = table
		return result, nil
	}
	rows, err := p.Rows(rowsOf(ctx, t.collections[of]), o)
	if err != nil {
		return nil, err
	}
	result.Rows = make([]*query.Object, len(rows))
	for i, row := range rows {
		result.Rows[i] = query.NewObject(row.ID(), bytes.Clone(row.(*query.Object).State()))
	}
	return result, nil
}

// rowsOf goes over the rows of a collection, until the context ends.
func rowsOf(ctx context.Context, c *collection) iter.Seq2[query.Row, error] {
	return func(yield func(query.Row, error) bool) {
		const often = 64 // rows, between two looks at the context
		n := 0
		for _, row := range c.rows {
			if n++; n%often == 0 && ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Reset implements entity.Tables.
func (t *Tables) Reset(ctx context.Context) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed()
	}
	t.mark, t.waiting, t.collections = entity.Mark{}, nil, map[string]*collection{}
	return nil
}

// Close implements entity.Tables.
func (t *Tables) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.collections, t.waiting = true, nil, nil
	return nil
}
