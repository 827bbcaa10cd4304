package eventfold

import (
	"fmt"
	"strings"
)

// Kind says what a finding means.
type Kind int

// What is found.
const (
	// Note is what somebody should know, though nothing is missing.
	Note Kind = iota
	// Damage is what cannot be given: it is torn, changed or missing.
	Damage
	// Unfit is what is whole, and what a store does not take as it is. It is left out.
	Unfit
)

// Finding is something that was found in a source.
type Finding struct {
	Kind Kind
	// File is where, a slash path below the source's directory, or the source's own file.
	File string
	// Line is the line from 1, in an archive that of its uncompressed text; 0 where that says nothing.
	Line int64
	// Last is the last of the lines, where several that follow each other have the same; 0 otherwise.
	Last int64
	// Byte is the offset in the file, below 0 where that says nothing.
	Byte int64
	// Text says what was found and what became of it.
	Text string
	// Events is how many whole events are left out because of it.
	Events int64
}

// String is a line for people.
func (f *Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	switch {
	case f.Last > 0:
		fmt.Fprintf(&b, ", lines %d to %d", f.Line, f.Last)
	case f.Line > 0:
		fmt.Fprintf(&b, ", line %d", f.Line)
	}
	if f.Byte >= 0 {
		fmt.Fprintf(&b, ", byte %d", f.Byte)
	}
	b.WriteString(": ")
	b.WriteString(f.Text)
	return b.String()
}

// Report is what a source has.
type Report struct {
	// Format is what the source is, for people.
	Format string
	// Streams is how many streams have events that are given.
	Streams int
	// Empty is how many streams have none at all, and no damage either.
	Empty int
	// Events is how many events are given.
	Events int64
	// Findings are in the order in which they were found.
	Findings []Finding
}

// Count is how many findings of a kind there are.
func (r *Report) Count(k Kind) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Kind == k {
			n++
		}
	}
	return n
}

func (r *Report) add(f Finding) { r.Findings = append(r.Findings, f) }

// addLine is add for a line; one that says the same of the line after that of the last finding goes on with that.
func (r *Report) addLine(f Finding) {
	if n := len(r.Findings); n > 0 && f.Line > 0 {
		last := &r.Findings[n-1]
		if last.Kind == f.Kind && last.File == f.File && last.Text == f.Text && last.Line > 0 &&
			f.Line == max(last.Line, last.Last)+1 {
			last.Last = f.Line
			last.Events += f.Events
			return
		}
	}
	r.add(f)
}

// plural is a number with its noun.
func plural[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// areOf is a number with its noun and "is" or "are".
func areOf[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

// span is numbers with their noun.
func span(noun string, first, last uint64) string {
	if first == last {
		return fmt.Sprintf("%s %d", noun, first)
	}
	return fmt.Sprintf("%ss %d to %d", noun, first, last)
}
