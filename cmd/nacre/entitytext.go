package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/wire"
	"golang.org/x/term"
)

// schemaOf reads a collection's schema.
func schemaOf(c *wire.CollectionReply) (*merge.Schema, error) {
	s := new(merge.Schema)
	if err := json.Unmarshal(c.Schema, s); err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the schema of %s cannot be read: %w", c.Name, err)
	}
	return s, nil
}

// propertyText is what a property is: "text", "set of text", "counter", "one of artists".
func propertyText(p *merge.SchemaProperty) string {
	switch p.Kind {
	case "register":
		return p.Type
	case "reference":
		return "reference to " + p.Of
	case "counter":
		if p.Type == "int64" {
			return p.Kind
		}
	}
	return p.Kind + " of " + p.Type
}

// schemaText is a schema in one line.
func schemaText(s *merge.Schema) string {
	parts := make([]string, 0, len(s.Properties))
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		parts = append(parts, plain(name, 0)+": "+propertyText(&p))
	}
	return strings.Join(parts, ", ")
}

// valueText is a JSON value for people: a text without quotes, unless it would look like nothing.
func valueText(value json.RawMessage) string {
	if len(value) == 0 || string(value) == "null" {
		return "-"
	}
	if value[0] != '"' {
		return string(value)
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil || text == "" || text == "-" || strings.TrimSpace(text) != text {
		return string(value)
	}
	return text
}

// numeric tells whether a property's values stand to the right.
func numeric(p *merge.SchemaProperty) bool {
	switch p.Kind {
	case "counter":
		return true
	case "register":
		return p.Type == "int64" || p.Type == "float64" || p.Type == "decimal"
	}
	return false
}

// entityTable is a page of entities: their ids and the schema's properties.
func entityTable(s *merge.Schema, found []wire.EntityRow) *columns {
	names := slices.Sorted(maps.Keys(s.Properties))
	t := &columns{heads: []string{"id"}}
	for _, name := range names {
		p := s.Properties[name]
		head := plain(name, 0)
		if numeric(&p) {
			head = ">" + head
		}
		t.heads = append(t.heads, head)
	}
	for i := range found {
		var values map[string]json.RawMessage
		_ = json.Unmarshal(found[i].Values, &values) // what the store wrote
		row := []string{plain(found[i].ID, 0)}
		for _, name := range names {
			row = append(row, plain(valueText(values[name]), 0))
		}
		t.add(row...)
	}
	return t
}

// resultTable is what a query with columns gives.
func resultTable(page *wire.EntitiesReply) *columns {
	t := &columns{}
	for i, name := range page.Columns {
		head := plain(name, 0)
		if slices.ContainsFunc(page.Rows, func(row []json.RawMessage) bool { return isNumeral(row[i]) }) {
			head = ">" + head
		}
		t.heads = append(t.heads, head)
	}
	for _, row := range page.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(valueText(cell), 0)
		}
		t.add(cells...)
	}
	return t
}

func isNumeral(value json.RawMessage) bool {
	return len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

const (
	// maxCell is the most characters of a cell, leastCell how few it is cut to where a terminal is narrow. The first
	// column is never cut: it tells rows apart.
	maxCell   = 60
	leastCell = 12
)

// fit prints a table so that it fits the terminal, if it is one.
func (p *program) fit(t *columns) error {
	width := 0
	if f, ok := p.out.(*os.File); ok && isTerminal(p.out) {
		width, _, _ = term.GetSize(int(f.Fd())) // 0 where it is not known
	}
	return t.writeWithin(p.out, width)
}

// writeWithin prints a table in lines of at most so many characters, 0 being any number: without columns that have nothing,
// with cells cut off, and where that is not enough, row by row with a line a cell.
func (c *columns) writeWithin(to io.Writer, width int) error {
	room := maxCell
	if width > 0 && c.width(room) > width {
		c = c.only(c.filled())
	}
	for width > 0 && room >= leastCell && c.width(room) > width {
		room--
	}
	if room < leastCell {
		return c.writeRecords(to)
	}
	return c.cut(room).write(to)
}

// cut is the table with cells of at most so many characters behind the first column, or of as many as their head has.
func (c *columns) cut(room int) *columns {
	out := &columns{heads: c.heads}
	for _, row := range c.rows {
		cells := slices.Clone(row)
		for i := 1; i < len(cells); i++ {
			cells[i] = plain(cells[i], max(room, utf8.RuneCountInString(c.head(i))))
		}
		out.add(cells...)
	}
	return out
}

func (c *columns) head(i int) string { return strings.TrimPrefix(c.heads[i], ">") }

// filled are the columns in which some row has something, and the first one.
func (c *columns) filled() []int {
	var out []int
	for i := range c.heads {
		if i == 0 || slices.ContainsFunc(c.rows, func(row []string) bool { return row[i] != "-" }) {
			out = append(out, i)
		}
	}
	return out
}

// only is the table with some of its columns.
func (c *columns) only(kept []int) *columns {
	out := &columns{}
	for _, i := range kept {
		out.heads = append(out.heads, c.heads[i])
	}
	for _, row := range c.rows {
		cells := make([]string, len(kept))
		for k, i := range kept {
			cells[k] = row[i]
		}
		out.add(cells...)
	}
	return out
}

// width is that of the table, with cells of at most so many characters behind the first column.
func (c *columns) width(room int) int {
	total := 2 * (len(c.heads) - 1)
	for i := range c.heads {
		head, most := utf8.RuneCountInString(c.head(i)), 0
		for _, row := range c.rows {
			most = max(most, utf8.RuneCountInString(row[i]))
		}
		if i > 0 {
			most = min(most, room)
		}
		total += max(head, most)
	}
	return total
}

// writeRecords prints a line for each cell that has something, and an empty line between rows.
func (c *columns) writeRecords(to io.Writer) error {
	var b strings.Builder
	for n, row := range c.rows {
		if n > 0 {
			b.WriteByte('\n')
		}
		var members [][2]string
		for i, cell := range row {
			if cell != "-" {
				members = append(members, [2]string{c.head(i), cell})
			}
		}
		writeMembers(&b, "", members)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// writeMembers writes names and values, a line each, the values below each other.
func writeMembers(b *strings.Builder, indent string, members [][2]string) {
	widest := 0
	for _, m := range members {
		widest = max(widest, utf8.RuneCountInString(m[0]))
	}
	for _, m := range members {
		room := strings.Repeat(" ", widest-utf8.RuneCountInString(m[0]))
		b.WriteString(strings.TrimRight(indent+m[0]+room+"  "+m[1], " ") + "\n")
	}
}

// committedText says where in the log something stands.
func committedText(c *wire.Committed) string {
	if c.FirstPosition == c.LastPosition {
		return fmt.Sprintf("at position %d", c.LastPosition)
	}
	return fmt.Sprintf("at positions %d to %d", c.FirstPosition, c.LastPosition)
}

// indented is JSON for people who edit it.
func indented(text json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return append(slices.Clone(text), '\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// editText says of an edit what it did.
func editText(e *wire.EntityEdit, id string) string {
	did := map[string]string{"create": "created", "patch": "changed", "delete": "deleted", "restore": "restored"}[e.Do]
	return e.Collection + " " + quotable(id) + " " + cmp.Or(did, strconv.Quote(e.Do))
}
