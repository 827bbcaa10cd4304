package main

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// columns are a table for people.
type columns struct {
	heads []string // those that begin with ">" are of numbers, which stand to the right
	rows  [][]string
}

func (c *columns) add(cells ...string) { c.rows = append(c.rows, cells) }

// write prints the table; the last column is as wide as it likes.
func (c *columns) write(to io.Writer) error {
	_, err := io.WriteString(to, strings.Join(c.lines(nil), "\n")+"\n")
	return err
}

// lines are the table's, the head first. Style makes of a cell's text what is written of it, and is told -1 as the row of the
// head; nil leaves them as they are.
func (c *columns) lines(style func(row, column int, text string) string) []string {
	right := make([]bool, len(c.heads))
	widths := make([]int, len(c.heads))
	heads := make([]string, len(c.heads))
	for i, head := range c.heads {
		heads[i], right[i] = strings.CutPrefix(head, ">")
		widths[i] = utf8.RuneCountInString(heads[i])
		for _, row := range c.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	lines := make([]string, 0, len(c.rows)+1)
	for n, row := range append([][]string{heads}, c.rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			room := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if style != nil && cell != "" {
				cell = style(n-1, i, cell)
			}
			if cells[i] = cell + room; right[i] {
				cells[i] = room + cell
			}
		}
		lines = append(lines, strings.TrimRight(strings.Join(cells, "  "), " "))
	}
	return lines
}

// plain is text of others for one line of a terminal: it has no control characters, and at most so many
// characters; 0 is no limit.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	if most > 0 && utf8.RuneCountInString(text) > most {
		return string([]rune(text)[:most-1]) + "…"
	}
	return text
}

// quotable is a text that can be given back to a shell where it has nothing odd, and is quoted where it has.
func quotable(text string) string {
	odd := func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'`\\$&|;<>(){}[]*?!#~", r)
	}
	if text == "" || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}
