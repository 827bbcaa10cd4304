package sqlite

import (
	"errors"
	"fmt"
	"maps"

	"github.com/nacredb/nacre/entity"
)

// declare makes tables of collections anew, of the states that there are.
func (w *write) declare(declared []entity.Declared) error {
	if len(declared) == 0 {
		return nil
	}
	w.layouts = maps.Clone(w.layouts)
	var collections []string
	for i := range declared {
		d := &declared[i]
		if problem := unspeakable(d.Collection); problem != "" {
			return &rowError{fmt.Errorf("the collection %q cannot have a table: its name %s", d.Collection, problem)}
		}
		if _, there := w.layouts[d.Collection]; !there {
			w.layouts[d.Collection] = nil
		}
	}
	collections = sortedKeys(w.layouts)
	names := tableNames(collections)
	if err := w.rename(names); err != nil {
		return err
	}
	for i := range declared {
		if err := w.make(&declared[i], names[declared[i].Collection]); err != nil {
			return err
		}
	}
	return nil
}

// rename gives tables the names that they have now that there are more of them.
func (w *write) rename(names map[string]string) error {
	var moved []*layout
	for _, collection := range sortedKeys(w.layouts) {
		l := w.layouts[collection]
		if l == nil || l.table == names[collection] {
			continue
		}
		// Two may take each other's name.
		passing := l.named(fmt.Sprintf("$renamed.%d", len(moved)))
		if err := l.rename(w.c, passing.table); err != nil {
			return err
		}
		moved = append(moved, passing)
	}
	for _, passing := range moved {
		l := passing.named(names[passing.collection])
		if err := passing.rename(w.c, l.table); err != nil {
			return err
		}
		if err := l.index(w.c); err != nil {
			return err
		}
		w.layouts[l.collection] = l
		if err := w.keep(l); err != nil {
			return err
		}
	}
	return nil
}

// make makes a table, beside the one that there is.
func (w *write) make(d *entity.Declared, name string) error {
	l, err := newLayout(d.Collection, d.Schema)
	if err != nil {
		return &rowError{err}
	}
	number, err := w.number(d.Collection)
	if err != nil {
		return err
	}
	beside := l.named("$new")
	if err := beside.create(w.c); err != nil {
		return err
	}
	if err := w.fill(d, number, beside, nil); err != nil {
		return err
	}
	if err := w.c.exec(`DELETE FROM "$states" WHERE "collection" = ?1 AND "id" IN (SELECT "id" FROM `+quoted(beside.table)+`)`, number); err != nil {
		return err
	}
	if was := w.layouts[d.Collection]; was != nil {
		if err := w.fill(d, number, beside, was); err != nil {
			return err
		}
		if err := w.c.exec("DROP TABLE " + quoted(was.table)); err != nil {
			return err
		}
	}
	if err := w.c.exec("ALTER TABLE " + quoted(beside.table) + " RENAME TO " + quoted(name)); err != nil {
		return err
	}
	l = l.named(name)
	if err := l.index(w.c); err != nil {
		return err
	}
	w.layouts[d.Collection] = l
	return w.keep(l)
}

// keep writes down what a table looks like.
func (w *write) keep(l *layout) error {
	text, err := l.text()
	if err != nil {
		return err
	}
	return w.c.exec(`UPDATE "$collections" SET "table" = ?1, "layout" = ?2 WHERE "name" = ?3`, l.table, text, l.collection)
}

// fill puts entities into the collection's new table, one after the other: those of the table that there was, or, where
// that is nil, those that have no row, and stay where they are.
func (w *write) fill(d *entity.Declared, number int64, l, was *layout) error {
	text, args := `SELECT "id", "sum", "state" FROM "$states" WHERE "collection" = ?1 ORDER BY "id"`, []any{number}
	if was != nil {
		text, args = `SELECT "id", "$sum", "$merge" FROM `+quoted(was.table)+` ORDER BY "id"`, nil
	}
	states, err := w.c.query(text, args...)
	if err != nil {
		return err
	}
	for n := 0; states.Next(); n++ {
		if n%often == 0 && w.ended() != nil {
			return errors.Join(w.ended(), states.close())
		}
		var id string
		var sum int64
		var state []byte
		if err := states.Scan(&id, &sum, &state); err != nil {
			return errors.Join(err, states.close())
		}
		if checksum(id, state) != sum {
			return errors.Join(errSum, states.close())
		}
		row := entity.TableRow{Collection: d.Collection, ID: id, State: state}
		if err := d.Row(&row); err != nil {
			return errors.Join(&rowError{err}, states.close())
		}
		row.ID, row.State = id, state
		switch {
		case row.Values != nil:
			w.object.Reset(id, row.Values)
			err = w.upsert(l, &row)
		case was != nil:
			err = w.state(number, &row)
		}
		if err != nil {
			return errors.Join(err, states.close())
		}
	}
	return errors.Join(states.Err(), states.close())
}
