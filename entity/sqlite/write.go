package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
)

// often is how many rows are written between two looks at the context.
const often = 256

// write is a batch that is being written.
type write struct {
	t       *Tables
	c       *conn
	ended   func() error
	numbers map[string]int64 // what t.numbers will be
	layouts layouts          // what t.current will be
	object  *query.Object
	was     *query.Object
	args    []any
	changed []int // columns
}

// Write implements entity.Tables.
func (t *Tables) Write(ctx context.Context, b *entity.Batch) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	err := t.transact(ctx, "writing a batch", func(w *write) error {
		if err := w.declare(b.Declared); err != nil {
			return err
		}
		if err := w.rows(b.Rows); err != nil {
			return err
		}
		if b.Waiting != nil {
			if err := w.waiting(t.waiting, b.Waiting); err != nil {
				return err
			}
		}
		return w.mark(b.Mark)
	})
	if err != nil {
		return err
	}
	if b.Waiting != nil {
		t.waiting = slices.Clone(b.Waiting)
	}
	t.keeper.wrote(t, len(b.Rows), len(b.Declared) > 0)
	return nil
}

// transact commits what do writes, all or nothing. t.writing is held.
func (t *Tables) transact(ctx context.Context, doing string, do func(w *write) error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	w := &write{t: t, c: t.writer, numbers: t.numbers, layouts: t.current, object: new(query.Object), was: new(query.Object)}
	w.ended = func() error { return cmp.Or(ctx.Err(), t.closing.Err()) }
	done, doneClosing := w.c.watch(ctx), t.watchClosing(w.c)
	err := w.c.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = do(w)
	}
	doneClosing()
	done()
	if err == nil {
		err = w.ended()
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		_ = w.c.exec("ROLLBACK") // which SQLite may have done itself
		if other, is := errors.AsType[*rowError](err); is {
			return other.err
		}
		return t.wrong(ctx, doing, err)
	}
	return nil
}

// watchClosing interrupts what a connection executes when Close begins.
func (t *Tables) watchClosing(c *conn) (done func()) { return c.watch(t.closing) }

// commit commits, and has readers take the tables that there are then.
func (w *write) commit() error {
	t := w.t
	if !maps.Equal(w.layouts, t.current) {
		t.shared.Lock()
		defer t.shared.Unlock()
	}
	if err := w.c.exec("COMMIT"); err != nil {
		return err
	}
	t.numbers = w.numbers
	if !maps.Equal(w.layouts, t.current) {
		t.current = w.layouts
	}
	return nil
}

// rowError is an error of whoever makes rows, which is not SQLite's.
type rowError struct{ err error }

func (e *rowError) Error() string { return e.err.Error() }

// number is the number of a collection, which gets one where it has none.
func (w *write) number(collection string) (int64, error) {
	if n, there := w.numbers[collection]; there {
		return n, nil
	}
	n := int64(len(w.numbers) + 1)
	if err := w.c.exec(`INSERT INTO "$collections" ("number", "name") VALUES (?1, ?2)`, n, collection); err != nil {
		return 0, err
	}
	w.numbers = maps.Clone(w.numbers)
	w.numbers[collection] = n
	return n, nil
}

// rows writes entities in the order of the trees that they stand in.
func (w *write) rows(rows []entity.TableRow) error {
	sorted := make([]*entity.TableRow, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	slices.SortFunc(sorted, func(a, b *entity.TableRow) int {
		return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.ID, b.ID))
	})
	for i, row := range sorted {
		if i%often == 0 && w.ended() != nil {
			return w.ended()
		}
		n, err := w.number(row.Collection)
		if err != nil {
			return err
		}
		l := w.layouts[row.Collection]
		if l == nil && row.Values != nil {
			return nacre.Errorf(nacre.CodeNotFound, "the collection %q has no table: it was not declared", row.Collection)
		}
		if err := w.row(l, n, row); err != nil {
			return err
		}
	}
	return nil
}

// row writes an entity: into the table, or with the states of those that have no row.
func (w *write) row(l *layout, number int64, row *entity.TableRow) error {
	if row.Values == nil {
		if err := w.state(number, row); err != nil || l == nil {
			return err
		}
		return w.c.exec(l.remove, row.ID)
	}
	w.object.Reset(row.ID, row.Values)
	if done, err := w.update(l, row); done || err != nil {
		return err
	}
	if err := w.upsert(l, row); err != nil {
		return err
	}
	return w.c.exec(`DELETE FROM "$states" WHERE "collection" = ?1 AND "id" = ?2`, number, row.ID)
}

// state writes the state of an entity that has no row.
func (w *write) state(number int64, row *entity.TableRow) error {
	state := stateOf(row)
	return w.c.exec(`REPLACE INTO "$states" VALUES (?1, ?2, ?3, ?4)`, number, row.ID, checksum(row.ID, state), state)
}

// stateOf is the state of an entity, which is never NULL.
func stateOf(row *entity.TableRow) []byte {
	if row.State == nil {
		return []byte{}
	}
	return row.State
}

// upsert writes all of a row, whose values w.object has.
func (w *write) upsert(l *layout, row *entity.TableRow) error {
	state := stateOf(row)
	w.args = append(w.args[:0], row.ID, string(row.Values), headsText(row.Heads), checksum(row.ID, state), state)
	for i := range l.Columns {
		w.args = append(w.args, query.SQLiteValue(l.Columns[i].typ, w.object.Get(l.Columns[i].Property)))
	}
	return w.c.exec(l.upsert, w.args...)
}

// update changes the columns of a row that are not what they were, so that indexes without them are left alone. Where
// the row is not there, or has other values than it is said to have, nothing is done.
func (w *write) update(l *layout, row *entity.TableRow) (done bool, err error) {
	was := string(row.Was)
	if row.Was == nil {
		if _, err := w.c.row(l.values, []any{row.ID}, &was); err != nil {
			return false, err
		}
	}
	if was == "" {
		return false, nil
	}
	w.was.Reset(row.ID, []byte(was))
	w.changed = w.changed[:0]
	for i := range l.Columns {
		if p := l.Columns[i].Property; !bytes.Equal(w.object.Get(p), w.was.Get(p)) {
			w.changed = append(w.changed, i)
		}
	}
	text := l.update(w.changed)
	if text == "" {
		return false, nil
	}
	state := stateOf(row)
	w.args = append(w.args[:0], row.ID, was, string(row.Values), headsText(row.Heads), checksum(row.ID, state), state)
	for _, i := range w.changed {
		w.args = append(w.args, query.SQLiteValue(l.Columns[i].typ, w.object.Get(l.Columns[i].Property)))
	}
	n, err := w.c.change(text, w.args...)
	return n > 0, err
}

// headsText are heads as a JSON array.
func headsText(heads []string) string {
	if len(heads) == 0 {
		return "[]"
	}
	text, err := json.Marshal(heads)
	if err != nil {
		return "[]" // texts always are JSON
	}
	return string(text)
}

// waiting writes down what changed of the events that wait.
func (w *write) waiting(was, is []nacre.Position) error {
	i, j := 0, 0
	for i < len(was) || j < len(is) {
		var err error
		switch {
		case j == len(is) || i < len(was) && was[i] < is[j]:
			err = w.c.exec(`DELETE FROM "$waiting" WHERE "position" = ?1`, int64(was[i]))
			i++
		case i == len(was) || is[j] < was[i]:
			err = w.c.exec(`INSERT INTO "$waiting" VALUES (?1)`, int64(is[j]))
			j++
		default:
			i++
			j++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *write) mark(m entity.Mark) error {
	return w.c.exec(`UPDATE "$mark" SET "epoch" = ?1, "position" = ?2, "event" = ?3`, m.Epoch, int64(m.Position), m.EventID)
}

// Reset implements entity.Tables.
func (t *Tables) Reset(ctx context.Context) error {
	t.keeper.mu.Lock()
	defer t.keeper.mu.Unlock()
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.broken.Load() {
		return t.replace(ctx)
	}
	err := t.transact(ctx, "emptying the tables", func(w *write) error {
		for _, name := range sortedKeys(w.layouts) {
			if err := w.c.exec("DROP TABLE " + quoted(w.layouts[name].table)); err != nil {
				return err
			}
		}
		for _, table := range []string{"$states", "$collections", "$waiting"} {
			if err := w.c.exec("DELETE FROM " + quoted(table)); err != nil {
				return err
			}
		}
		w.numbers, w.layouts = map[string]int64{}, layouts{}
		return w.mark(entity.Mark{})
	})
	if err != nil && nacre.CodeOf(err) == nacre.CodeDamaged {
		return t.replace(ctx)
	}
	if err == nil {
		t.waiting = nil
	}
	return err
}

// replace begins a new file. t.keeper.mu and t.writing are held.
func (t *Tables) replace(ctx context.Context) error {
	if err := cmp.Or(ctx.Err(), t.closing.Err()); err != nil {
		return t.wrong(ctx, "making the tables anew", err)
	}
	t.loading.Lock()
	defer t.loading.Unlock()
	t.drain(func(r *reader) { r.interrupt() })
	t.shared.Lock()
	defer t.shared.Unlock()
	t.disconnect()
	if err := t.remove(); err != nil {
		return err
	}
	if err := t.connectAll(); err != nil {
		return err
	}
	t.broken.Store(false)
	return nil
}
