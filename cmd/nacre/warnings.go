package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// warnings writes a store's log records as lines for people.
type warnings struct {
	to    *program
	level slog.Level
	attrs []slog.Attr
}

func (p *program) level() slog.Level {
	if p.verbose {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= w.level }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("nacre: ")
	if r.Level >= slog.LevelWarn {
		b.WriteString("warning: ")
	}
	b.WriteString(r.Message)
	var parts []string
	add := func(a slog.Attr) bool {
		parts = append(parts, fmt.Sprintf("%s %v", a.Key, a.Value))
		return true
	}
	for _, a := range w.attrs {
		add(a)
	}
	r.Attrs(add)
	if len(parts) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(parts, ", "))
	}
	b.WriteByte('\n')
	// One write, so that lines of several goroutines do not mix.
	_, err := w.to.err.Write([]byte(b.String()))
	return err
}

func (w *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *w
	out.attrs = append(slices.Clip(out.attrs), attrs...)
	return &out
}

// WithGroup leaves groups out: a line for people has no use for them.
func (w *warnings) WithGroup(string) slog.Handler { return w }
