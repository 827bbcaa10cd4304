package main

import (
	"bufio"
	"io"
	"iter"
	"os"
	"runtime"

	"github.com/nacredb/nacre"
	"golang.org/x/term"
)

// lineWriter writes stored lines, in large pieces.
type lineWriter struct {
	w *bufio.Writer
	n int // lines written
}

func newLineWriter(w io.Writer) *lineWriter {
	return &lineWriter{w: bufio.NewWriterSize(w, 256<<10)}
}

// copy writes lines as they come. What is in the buffer when an error ends them is written, too.
func (w *lineWriter) copy(lines iter.Seq2[nacre.Line, error]) error {
	for line, err := range lines {
		if err != nil {
			if e := w.w.Flush(); e != nil {
				return e
			}
			return err
		}
		if _, err := w.w.Write(line.Bytes); err != nil {
			return err
		}
		if err := w.w.WriteByte('\n'); err != nil {
			return err
		}
		w.n++
	}
	return w.w.Flush()
}

// printLines writes stored lines to the standard output and returns how many there were.
func (p *program) printLines(lines iter.Seq2[nacre.Line, error]) (int, error) {
	w := newLineWriter(p.out)
	err := w.copy(lines)
	return w.n, err
}

// isTerminal tells whether people look at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// obeys tells whether what is written goes to a terminal that does what it is told, by ANSI sequences.
func obeys(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("TERM") != "dumb" && (runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "")
}

// painted is text in a colour, or of another look, for a terminal that obeys.
func painted(look, text string) string { return "\x1b[" + look + "m" + text + "\x1b[0m" }
