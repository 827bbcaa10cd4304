package main

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// graph draws events below each other, the newest first, with lines to their parents: as "git log --graph" draws commits.
// Each column, a lane, goes down to the event that it waits for.
type graph struct {
	lanes []string // the ids of the events that lanes lead to
}

// maxGraph is the most characters that a graph is wide; what goes beyond is cut off.
const maxGraph = 40

// event draws an event that has some parents, and puts the lines of its text beside it.
func (g *graph) event(id string, parents []string, text []string) []string {
	at := slices.Index(g.lanes, id)
	if at < 0 {
		at = len(g.lanes)
		g.lanes = append(g.lanes, id)
	}
	rows := []string{g.star(at)}
	rows = append(rows, g.descend(at, parents)...)
	var lines []string
	for i := range max(len(rows), len(text)) {
		row := strings.Repeat("| ", len(g.lanes))
		if i < len(rows) {
			row = rows[i]
		}
		row = strings.TrimRight(row, " ")
		if utf8.RuneCountInString(row) > maxGraph {
			row = row[:maxGraph-1] + "~"
		}
		if i < len(text) {
			// The text of one event stands below each other.
			row += strings.Repeat(" ", max(0, g.textAt(rows)-utf8.RuneCountInString(row))) + text[i]
		}
		lines = append(lines, strings.TrimRight(row, " "))
	}
	return lines
}

// textAt is where the text of an event begins, beside its rows.
func (g *graph) textAt(rows []string) int {
	widest := 2 * len(g.lanes)
	for _, row := range rows {
		widest = max(widest, utf8.RuneCountInString(strings.TrimRight(row, " "))+1)
	}
	return min(widest, maxGraph+1)
}

// star is the row of an event in a lane.
func (g *graph) star(at int) string {
	row := []byte(strings.Repeat("| ", len(g.lanes)))
	row[2*at] = '*'
	return string(row)
}

// descend leads an event's lane on to its parents, and gives the rows in which lanes begin and come together.
func (g *graph) descend(at int, parents []string) []string {
	if len(parents) == 0 {
		return g.end(at)
	}
	var rows []string
	g.lanes[at] = parents[0]
	for i, parent := range parents[1:] {
		rows = append(rows, g.branch(at+i))
		g.lanes = slices.Insert(g.lanes, at+i+1, parent)
	}
	// Lanes that lead to one event become one.
	for j := 1; j < len(g.lanes); j++ {
		if i := slices.Index(g.lanes[:j], g.lanes[j]); i >= 0 {
			rows = append(rows, g.join(i, j))
			g.lanes = slices.Delete(g.lanes, j, j+1)
			j--
		}
	}
	return rows
}

// end ends a lane: those behind it come nearer.
func (g *graph) end(at int) []string {
	g.lanes = slices.Delete(g.lanes, at, at+1)
	if at == len(g.lanes) {
		return nil
	}
	row := blank(2 * (len(g.lanes) + 1))
	for k := range len(g.lanes) {
		if k < at {
			row[2*k] = '|'
		} else {
			row[2*k+1] = '/'
		}
	}
	return []string{string(row)}
}

// branch is the row in which a lane begins behind another one.
func (g *graph) branch(at int) string {
	row := blank(2 * (len(g.lanes) + 1))
	for k := range g.lanes {
		if k <= at {
			row[2*k] = '|'
		} else {
			row[2*k+1] = '\\'
		}
	}
	row[2*at+1] = '\\'
	return string(row)
}

// join is the row in which lane j goes over to lane i, left of it.
func (g *graph) join(i, j int) string {
	row := blank(2 * len(g.lanes))
	for k := range g.lanes {
		switch {
		case k < j:
			row[2*k] = '|'
		case k >= j:
			row[2*k-1] = '/'
		}
	}
	for k := i; k < j-1; k++ {
		row[2*k+1] = '_'
	}
	return string(row)
}

func blank(n int) []byte { return []byte(strings.Repeat(" ", n)) }
