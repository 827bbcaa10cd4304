package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/wire"
)

// window is how many characters and lines a terminal shows.
type window struct{ width, height int }

// liveTable is the result of a live query for a terminal, with marks of what has changed lately.
type liveTable struct {
	title   string
	schema  *merge.Schema
	trouble string // with the connection; "" for none

	begun    bool
	position nacre.Position
	columns  []string // of a query with columns; else nil
	rows     []liveRow
	marks    map[string]*liveMark // by the rows' keys
}

// liveRow is a row: its key is an entity's id.
type liveRow struct {
	key   string
	cells map[string]json.RawMessage // by property, or by the number of the column
}

// liveMark says since when a row is there, and since when its cells are as they are, where that is not long ago.
type liveMark struct {
	added time.Time
	cells map[string]time.Time
}

func newLiveTable(s *merge.Schema) *liveTable {
	return &liveTable{schema: s, marks: map[string]*liveMark{}}
}

// take takes a notice.
func (t *liveTable) take(n *wire.LiveNotice, now time.Time) {
	t.position, t.trouble = n.Position, ""
	first := !t.begun || n.Reset
	t.begun = true
	if first {
		t.rows, t.columns = nil, nil
		clear(t.marks)
	}
	if n.Columns != nil {
		t.replace(n, first || !slices.Equal(t.columns, n.Columns), now)
		return
	}
	for i := range n.Changes {
		t.change(&n.Changes[i], now)
	}
}

// change makes a change of a row.
func (t *liveTable) change(c *wire.LiveChange, now time.Time) {
	at := c.Index
	if c.Kind == "update" || c.Kind == "move" || c.Kind == "remove" {
		if at >= len(t.rows) || t.rows[at].key != c.ID {
			at = slices.IndexFunc(t.rows, func(r liveRow) bool { return r.key == c.ID })
		}
		if at < 0 {
			return // what the server never told of
		}
	}
	row := liveRow{key: c.ID}
	_ = json.Unmarshal(c.Row, &row.cells) // what the store wrote
	switch c.Kind {
	case "update":
		t.compare(t.rows[at].cells, &row, now)
		t.rows[at] = row
	case "remove":
		t.rows = slices.Delete(t.rows, at, at+1)
		delete(t.marks, c.ID)
	case "move":
		t.compare(t.rows[at].cells, &row, now)
		t.rows = slices.Delete(t.rows, at, at+1)
		t.rows = slices.Insert(t.rows, min(c.Index, len(t.rows)), row)
	default:
		t.rows = slices.Insert(t.rows, min(c.Index, len(t.rows)), row)
		if c.Kind == "add" {
			t.marks[c.ID] = &liveMark{added: now}
		}
	}
}

// compare marks the cells of a row that differ from what they were.
func (t *liveTable) compare(old map[string]json.RawMessage, row *liveRow, now time.Time) {
	mark := t.marks[row.key]
	if mark == nil {
		mark = &liveMark{}
	}
	if mark.cells == nil {
		mark.cells = map[string]time.Time{}
	}
	for name, value := range row.cells {
		if !bytes.Equal(old[name], value) {
			mark.cells[name] = now
		}
	}
	for name := range old {
		if _, there := row.cells[name]; !there {
			mark.cells[name] = now
		}
	}
	if len(mark.cells) > 0 {
		t.marks[row.key] = mark
	}
}

// replace has another result of a query with columns in the place of the one that there was. What its rows are called, only
// the query knows: they are taken for the same where their first cells are, as groups mostly have it.
func (t *liveTable) replace(n *wire.LiveNotice, first bool, now time.Time) {
	before := make(map[string]map[string]json.RawMessage, len(t.rows))
	for _, r := range t.rows {
		before[r.key] = r.cells
	}
	if first {
		clear(t.marks)
	}
	t.columns, t.rows = n.Columns, make([]liveRow, len(n.Rows))
	there := make(map[string]bool, len(n.Rows))
	for i, cells := range n.Rows {
		row := &t.rows[i]
		row.cells = make(map[string]json.RawMessage, len(cells))
		for k, cell := range cells {
			row.cells[fmt.Sprint(k)] = cell
		}
		if len(n.Rows) > 1 {
			row.key = string(row.cells["0"])
		}
		for there[row.key] {
			row.key += " "
		}
		there[row.key] = true
		old, was := before[row.key]
		switch {
		case first:
		case was:
			t.compare(old, row, now)
		default:
			t.marks[row.key] = &liveMark{added: now}
		}
	}
	maps.DeleteFunc(t.marks, func(key string, _ *liveMark) bool { return !there[key] })
}

// forget takes marks away that have been shown for long enough.
func (t *liveTable) forget(now time.Time) {
	old := func(at time.Time) bool { return now.Sub(at) >= markTime }
	maps.DeleteFunc(t.marks, func(_ string, m *liveMark) bool {
		maps.DeleteFunc(m.cells, func(_ string, at time.Time) bool { return old(at) })
		return old(m.added) && len(m.cells) == 0
	})
}

// frame is what a terminal shows: a line about the result, and of its rows as many as there is room for. In front of rows that
// were added stands a "+", and of those that have changed a "~"; what is new of them is bold.
func (t *liveTable) frame(w window, now time.Time) []string {
	t.forget(now)
	about := fmt.Sprintf("%s, position %d", count(len(t.rows), "row", "rows"), t.position)
	if t.trouble != "" {
		about = t.trouble + "; trying again"
	}
	head := plain(about, max(w.width, 1))
	if room := w.width - utf8.RuneCountInString(about) - 2; room >= leastCell {
		head = painted(bold, plain(t.title, room)) + "  " + about
	}
	return append([]string{head}, t.table(window{w.width, w.height - 1}, true)...)
}

// rest is what stays of the table when it is not live any more.
func (t *liveTable) rest(w window) []string {
	return t.table(window{w.width, w.height - 1}, false)
}

// table are a head and the first rows.
func (t *liveTable) table(w window, marked bool) []string {
	rows := t.rows
	if len(rows) > w.height-1 {
		rows = rows[:max(w.height-2, 0)]
	}
	names, all := t.shown(rows)
	gutter := 0
	if marked {
		gutter = 2
	}
	c, kept := all.inside(w.width - gutter)
	lines := c.lines(func(row, column int, text string) string {
		switch {
		case !marked:
			return text
		case row < 0:
			return painted(dim, text)
		}
		mark := t.marks[rows[row].key]
		if mark == nil {
			return text
		}
		if _, changed := mark.cells[names[kept[column]]]; changed || !mark.added.IsZero() {
			return painted(bold, text)
		}
		return text
	})
	for i := range lines {
		if marked {
			lines[i] = t.gutter(rows, i-1) + lines[i]
		}
	}
	if more := len(t.rows) - len(rows); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return lines[:min(len(lines), max(w.height, 0))]
}

// gutter stands in front of a row; that of -1 is the head.
func (t *liveTable) gutter(rows []liveRow, row int) string {
	if row < 0 {
		return "  "
	}
	switch mark := t.marks[rows[row].key]; {
	case mark == nil:
		return "  "
	case !mark.added.IsZero():
		return "+ "
	}
	return "~ "
}

// shown are rows as a table, and the names of its columns among the rows' cells; "" is the id.
func (t *liveTable) shown(rows []liveRow) (names []string, c *columns) {
	c = &columns{}
	if t.columns != nil {
		for i, head := range t.columns {
			name := fmt.Sprint(i)
			names = append(names, name)
			if slices.ContainsFunc(rows, func(r liveRow) bool { return isNumeral(r.cells[name]) }) {
				head = ">" + head
			}
			c.heads = append(c.heads, head)
		}
	} else {
		c.heads, names = []string{"id"}, append(names, "")
		for _, name := range t.properties(rows) {
			p, head := t.schema.Properties[name], plain(name, 0)
			if numeric(&p) {
				head = ">" + head
			}
			names, c.heads = append(names, name), append(c.heads, head)
		}
	}
	for _, r := range rows {
		cells := make([]string, len(names))
		for i, name := range names {
			if cells[i] = plain(valueText(r.cells[name]), 0); name == "" {
				cells[i] = plain(r.key, 0)
			}
		}
		c.add(cells...)
	}
	return names, c
}

// properties are those of the schema, and those that rows have since it was changed.
func (t *liveTable) properties(rows []liveRow) []string {
	all := make(map[string]struct{}, len(t.schema.Properties))
	for name := range t.schema.Properties {
		all[name] = struct{}{}
	}
	for _, r := range rows {
		for name := range r.cells {
			all[name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// inside is the table in lines of at most so many characters, whatever that takes: without columns that have nothing, with cells
// cut off, and without the last columns. Kept are the columns that it has left.
func (c *columns) inside(width int) (out *columns, kept []int) {
	for i := range c.heads {
		kept = append(kept, i)
	}
	out = c
	if out.width(maxCell) > width {
		kept = c.filled()
		out = c.only(kept)
	}
	room := maxCell
	for room > leastCell && out.width(room) > width {
		room--
	}
	for len(kept) > 1 && out.width(room) > width {
		kept = kept[:len(kept)-1]
		out = c.only(kept)
	}
	return out.cut(room), kept
}
