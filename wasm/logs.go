package wasm

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
)

// What a guest may log in one call; what is beyond is counted.
const (
	maxRecords  = 100
	maxLogBytes = 64 << 10
)

// Record is a line that a guest logged.
type Record struct {
	Level   slog.Level // -4, 0, 4 or 8
	Message string
	Fields  []Field
}

// Field is a member of a record.
type Field struct {
	Name  string
	Value json.RawMessage
}

// journal is what a guest logged in a call.
type journal struct {
	records []Record
	size    int
	lost    int
	lines   [2]journalLine // what was written to 1 and 2, without its end
}

// journalLine is the beginning of a line.
type journalLine struct{ text []byte }

func (j *journal) reset() {
	j.records, j.size, j.lost = nil, 0, 0
	for i := range j.lines {
		j.lines[i].text = j.lines[i].text[:0]
	}
}

func (j *journal) full() bool { return len(j.records) == maxRecords || j.size >= maxLogBytes }

// room tells whether there is some for a record, and counts it.
func (j *journal) room(size int) bool {
	if len(j.records) == maxRecords || j.size+size > maxLogBytes {
		j.lost++
		return false
	}
	j.size += size
	return true
}

// add takes a record that came by nacre.log; the text is the guest's memory.
func (j *journal) add(level int32, text []byte) {
	if !j.room(len(text)) {
		return
	}
	r := Record{Level: levelOf(level)}
	if !r.read(slices.Clone(text)) {
		r.Message, r.Fields = strings.ToValidUTF8(string(text), "\uFFFD"), nil
	}
	j.records = append(j.records, r)
}

// levelOf is the one of the four levels that a number says.
func levelOf(n int32) slog.Level {
	switch {
	case n < 0:
		return slog.LevelDebug
	case n < 4:
		return slog.LevelInfo
	case n < 8:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// read takes a JSON object, and is false where it is none.
func (r *Record) read(text []byte) bool {
	var s scanner
	s.reset(text)
	if !s.take('{') {
		return false
	}
	f := s.enter()
	for first := true; s.more(&first, '}'); {
		name, ok := s.member(f)
		if !ok {
			return false
		}
		field := string(name)
		if field == "message" && s.peek() == '"' {
			message, ok := s.str()
			if !ok {
				return false
			}
			r.Message = string(message)
			continue
		}
		value, ok := s.value()
		if !ok {
			return false
		}
		r.Fields = append(r.Fields, Field{field, value})
	}
	return s.leave(f) && s.end()
}

// write takes what a guest writes to 1 or 2: a line is a record.
func (j *journal) write(fd int, text []byte) {
	if j.full() {
		j.lost++
		return
	}
	line := &j.lines[fd-1]
	for len(text) > 0 {
		n := slices.Index(text, '\n')
		part := text
		if n >= 0 {
			part = text[:n]
		}
		// A line that there is no room for anyway is not kept whole.
		line.text = append(line.text, part[:min(len(part), max(0, maxLogBytes+1-len(line.text)))]...)
		if n < 0 {
			return
		}
		text = text[n+1:]
		j.line(fd)
	}
}

func (j *journal) line(fd int) {
	line := &j.lines[fd-1]
	if j.room(len(line.text)) {
		level := slog.LevelInfo
		if fd == 2 {
			level = slog.LevelWarn
		}
		j.records = append(j.records, Record{Level: level, Message: strings.ToValidUTF8(string(line.text), "\uFFFD")})
	}
	line.text = line.text[:0]
}

// flush ends the lines that have begun.
func (j *journal) flush() {
	for i := range j.lines {
		if len(j.lines[i].text) > 0 {
			j.line(i + 1)
		}
	}
}

// tell gives the records to a logger, with what they are about.
func (j *journal) tell(ctx context.Context, logger *slog.Logger, about ...any) {
	for i := range j.records {
		r := &j.records[i]
		if !logger.Enabled(ctx, r.Level) {
			continue
		}
		args := about
		for _, f := range r.Fields {
			args = append(slices.Clip(args), slog.Any(f.Name, f.value()))
		}
		logger.Log(ctx, r.Level, r.Message, args...)
	}
	if j.lost > 0 {
		logger.WarnContext(ctx, "a module logged more than is taken in one call", append(slices.Clip(about), "lost", j.lost)...)
	}
}

// value is the field's, as loggers like it: texts without quotes.
func (f *Field) value() any {
	var s scanner
	s.reset(f.Value)
	if s.peek() == '"' {
		if text, ok := s.str(); ok {
			return string(text)
		}
	}
	return f.Value
}
