package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// report collects what was measured, and writes it as Markdown that is readable as it is.
type report struct {
	started  time.Time
	progress io.Writer
	machine  []string
	sections []*section
	goals    []goal
	notes    []string
}

// section is a table.
type section struct {
	title, note string
	rows        [][]string // the first one is the head
}

// goal is a figure that something is asked of.
type goal struct {
	what, asked, is string
	reached, gates  bool
}

func newReport(progress io.Writer, dir string) *report {
	return &report{started: time.Now(), progress: progress, machine: machine(dir)}
}

// say tells how the run is getting on.
func (r *report) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, "%7.1fs  %s\n", time.Since(r.started).Seconds(), fmt.Sprintf(format, args...))
}

// remark says something that belongs into the report too.
func (r *report) remark(format string, args ...any) {
	r.say(format, args...)
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *report) section(title, note string, head ...string) *section {
	s := &section{title: title, note: note, rows: [][]string{head}}
	r.sections = append(r.sections, s)
	return s
}

func (s *section) row(cells ...string) { s.rows = append(s.rows, cells) }

// ratio notes a goal that gates: a ratio that has to be reached.
func (r *report) ratio(what string, is, atLeast float64) {
	show := percent
	if atLeast >= 2 {
		show = times
	}
	r.goals = append(r.goals, goal{what, "at least " + show(atLeast), show(is), is >= atLeast, true})
}

// holds notes a goal that is true or not.
func (r *report) holds(what, asked, is string, reached bool) {
	r.goals = append(r.goals, goal{what, asked, is, reached, true})
}

// figure notes an absolute figure, which gates nothing, beside the one that is aimed at.
func (r *report) figure(what, aim, is string, reached bool) {
	r.goals = append(r.goals, goal{what, aim, is, reached, false})
}

// write writes the whole report.
func (r *report) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nWritten by one run of `bench/`; what the rows mean, and why the comparison is fair, is in README.md beside this file.\n\n")
	fmt.Fprintf(&b, "- date: %s, the run took %s\n", r.started.UTC().Format("2006-01-02 15:04 UTC"), time.Since(r.started).Round(time.Second))
	for _, m := range r.machine {
		fmt.Fprintf(&b, "- %s\n", m)
	}
	for _, n := range r.notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	r.writeGoals(&b, "What must be reached", "", true)
	r.writeGoals(&b, "What is reported", "Absolute figures hold for one machine and gate nothing.", false)
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.note != "" {
			fmt.Fprintf(&b, "%s\n\n", s.note)
		}
		writeTable(&b, s.rows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *report) writeGoals(b *strings.Builder, title, note string, gates bool) {
	rows := [][]string{{"what", "asked", "measured", "reached"}}
	for _, g := range r.goals {
		if g.gates == gates {
			rows = append(rows, []string{g.what, g.asked, g.is, yes(g.reached)})
		}
	}
	if len(rows) == 1 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if note != "" {
		fmt.Fprintf(b, "%s\n\n", note)
	}
	writeTable(b, rows)
}

// save writes the report to a file as a whole, or not at all.
func (r *report) save(path string) error {
	var b strings.Builder
	if err := r.write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// writeTable writes a Markdown table whose columns stand below each other.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
	}
	line(rows[0])
	for _, w := range widths {
		b.WriteString("|" + strings.Repeat("-", w+2))
	}
	b.WriteString("|\n")
	for _, row := range rows[1:] {
		line(row)
	}
}

// rateCells are the cells that every measured lane has: median, spread, waits.
func rateCells(m *measured) []string {
	low, high := m.rates[0], m.rates[0]
	for _, v := range m.rates {
		low, high = min(low, v), max(high, v)
	}
	return []string{
		count(m.rate()), count(low) + " to " + count(high),
		short(m.waits.quantile(0.5)) + " / " + short(m.waits.quantile(0.99)),
	}
}

// rateHead names the cells of rateCells.
func rateHead(more ...string) []string {
	return append([]string{"name", "events/s, median", "spread", "wait p50 / p99"}, more...)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

// count shows three digits.
func count(n float64) string {
	switch {
	case n >= 9.995e6:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 999_500:
		return fmt.Sprintf("%.2fM", n/1e6)
	case n >= 99_950:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n >= 9_995:
		return fmt.Sprintf("%.1fk", n/1e3)
	default:
		return fmt.Sprintf("%.0f", n)
	}
}

func percent(ratio float64) string { return fmt.Sprintf("%.1f %%", 100*ratio) }
func times(ratio float64) string   { return fmt.Sprintf("%.1f times", ratio) }

// short shows a duration in three digits.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Microsecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.1f us", d.Seconds()*1e6)
	}
}

// mega shows bytes.
func mega(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }
