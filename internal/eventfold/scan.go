package eventfold

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nacredb/nacre/internal/vfs"
)

// scan reads the files of one stream after the other.
type scan struct {
	parser *lineParser
	lines  lineReader

	s      *treeStream
	report *Report
	give   func(sorted) error

	file     string
	archived bool
	at       int64 // the greatest time so far
	seen     map[sum]sum
	same     map[sum]int
}

// sum is enough of a SHA-256 to tell texts apart.
type sum [16]byte

func sumOf(kind byte, text []byte) sum {
	h := sha256.New()
	h.Write([]byte{kind})
	h.Write(text)
	return sum(h.Sum(nil)[:16])
}

// begin turns to another stream.
func (c *scan) begin(s *treeStream, report *Report, give func(sorted) error) {
	c.s, c.report, c.give, c.at = s, report, give, 0
	c.seen, c.same = make(map[sum]sum), make(map[sum]int)
}

// stream reads the stream's files: the archive, and then the file that it appends to.
func (c *scan) stream(ctx context.Context, t *tree) (err error) {
	open := func(size int64, name string) (vfs.File, error) {
		if size < 0 {
			return nil, nil
		}
		return t.o.FS.Open(join(t.dir, c.s.dir+"/"+name))
	}
	app, err := open(c.s.app, appName)
	if err != nil {
		return err
	}
	if app != nil {
		defer func() { err = errors.Join(err, app.Close()) }()
	}
	archive, err := open(c.s.archive, archiveName)
	if err != nil {
		return err
	}
	var segments []segment
	if archive != nil {
		defer func() { err = errors.Join(err, archive.Close()) }()
		if segments, err = c.archive(ctx, archive, app); err != nil {
			return err
		}
		if err := c.readArchive(ctx, archive, segments); err != nil {
			return err
		}
		t.progressed(c.s.archive)
	}
	if app == nil {
		c.report.add(Finding{Kind: Damage, File: c.s.dir, Byte: -1, Text: appName + " is missing, and the archive is there"})
		return nil
	}
	c.file, c.archived = c.s.dir+"/"+appName, false
	c.lines.reset(io.NewSectionReader(app, 0, c.s.app), 0)
	told := int64(0)
	return c.text(ctx, false, func() {
		t.progressed(c.lines.end - told)
		told = c.lines.end
	})
}

func (t *tree) progressed(bytes int64) {
	t.done += bytes
	t.o.Progress(t.done, t.total)
}

// archive finds the frames, and which of them stand again in what follows, which may be app.
func (c *scan) archive(ctx context.Context, archive, app vfs.File) ([]segment, error) {
	file := c.s.dir + "/" + archiveName
	found, err := parts(&window{file: archive, size: c.s.archive})
	if err != nil {
		return nil, err
	}
	var segments []segment
	for _, p := range found {
		if p.frame {
			segments = append(segments, segment{archived: true, part: p})
			continue
		}
		c.report.add(Finding{Kind: Damage, File: file, Byte: p.at, Text: fmt.Sprintf("%s: %s left out", p.flaw, areOf(p.end-p.at, "byte"))})
	}
	zip, err := newUnzip(archive)
	if err != nil {
		return nil, err
	}
	defer zip.close()
	var before *segment
	for i := range segments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := segments[i].measure(zip.open(segments[i].part), before); err != nil {
			return nil, err
		}
		before = &segments[i]
	}
	if app != nil && before != nil {
		var last segment
		if err := last.measure(io.NewSectionReader(app, 0, c.s.app), before); err != nil {
			return nil, err
		}
	}
	for i := range segments {
		next := "the next frame"
		if i+1 == len(segments) {
			if next = appName; app == nil || c.s.app == 0 {
				next = ""
			}
		}
		segments[i].tell(file, next, c.report)
	}
	return segments, nil
}

// readArchive reads the lines of the frames that do not stand again.
func (c *scan) readArchive(ctx context.Context, archive vfs.File, segments []segment) error {
	c.file, c.archived = c.s.dir+"/"+archiveName, true
	zip, err := newUnzip(archive)
	if err != nil {
		return err
	}
	defer zip.close()
	number := int64(0)
	for i := range segments {
		s := &segments[i]
		if !s.doubled {
			c.lines.reset(readable{zip.open(s.part)}, number)
			if err := c.text(ctx, s.broken != "" || s.part.flaw != "", func() {}); err != nil {
				return err
			}
		}
		number += s.lines
	}
	return nil
}

// text reads lines to their end. cut tells that the last one may be broken off by damage that was told.
func (c *scan) text(ctx context.Context, cut bool, progress func()) error {
	for n := 0; ; n++ {
		line, err := c.lines.next()
		if err == io.EOF {
			progress()
			return nil
		}
		if err != nil {
			return err
		}
		if n%1024 == 1023 {
			if err := ctx.Err(); err != nil {
				return err
			}
			progress()
		}
		if cut && !line.ended {
			continue
		}
		if err := c.line(line); err != nil {
			return err
		}
	}
}

// line reads one line.
func (c *scan) line(line oneLine) error {
	if len(bytes.TrimSpace(line.text)) == 0 {
		return nil
	}
	if line.long {
		c.tell(Unfit, 1, fmt.Sprintf("the line is longer than %d bytes, which is more than a store takes", maxLine))
		return nil
	}
	w, size, err := c.parser.event(line.text)
	if err == nil && line.ended && len(bytes.TrimSpace(line.text[size:])) == 0 {
		return c.event(&w, line.text[:size])
	}
	events, torn := c.parser.split(line.text)
	for _, raw := range events {
		again, _, e := c.parser.event(raw)
		if e != nil {
			return e
		}
		if e := c.event(&again, raw); e != nil {
			return e
		}
	}
	n := len(events)
	switch {
	case torn == nil && !line.ended && n == 1:
		c.tell(Note, 0, "the last line lacks its end: its event is whole, and is imported")
	case torn == nil && n > 1:
		c.tell(Note, 0, fmt.Sprintf("a line lacked its end, so that %d events stand on one: they are imported", n))
	case torn == nil:
	case !line.ended:
		c.tell(Damage, 0, fmt.Sprintf("the write of the last line was torn: %s left out", areOf(len(torn), "byte")))
	case n > 0:
		c.tell(Damage, 0, fmt.Sprintf("a write was torn, and another event was appended to it: %s left out, %s imported",
			areOf(len(torn), "byte"), areOf(n, "event")))
	default:
		c.tell(Damage, 0, fmt.Sprintf("the line is no event: %s; it is left out", strings.TrimPrefix(err.Error(), "jsontext: ")))
	}
	return nil
}

func (c *scan) tell(kind Kind, events int64, text string) {
	at := c.lines.at
	if c.archived {
		at = -1
	}
	c.report.addLine(Finding{Kind: kind, File: c.file, Line: c.lines.number, Byte: at, Text: text, Events: events})
}

// event gives an event, unless it was given before.
func (c *scan) event(w *written, raw []byte) error {
	id, double := c.identify(w, raw)
	if double {
		c.tell(Note, 1, "the event stands before already, with the same id: it is imported once")
		return nil
	}
	switch {
	case w.TS <= lastSecond:
		c.at = max(c.at, int64(w.TS))
	default:
		c.tell(Note, 0, "its ts is beyond the year 9999: the event gets the time of the one before")
	}
	return c.give(sorted{at: c.at, archived: c.archived, line: c.lines.number, id: id, raw: bytes.Clone(raw)})
}

// identify gives an event its id.
func (c *scan) identify(w *written, raw []byte) (id string, double bool) {
	line := sumOf('l', raw)
	if w.ID == nil {
		before := c.same[line]
		c.same[line]++
		return madeID(c.s.kind, c.s.id, before, raw), false
	}
	own := sumOf('i', []byte(*w.ID))
	first, taken := c.seen[own]
	switch {
	case !taken:
		c.seen[own] = line
		if validEventID(*w.ID) {
			return *w.ID, false
		}
		c.tell(Note, 0, "its id is none that a store takes: the event gets another one")
	case first == line:
		return "", true
	default:
		// The id stands in the stream with other content. That of this line may stand there, too.
		if _, again := c.seen[line]; again {
			return "", true
		}
		c.seen[line] = line
		c.tell(Note, 0, "its id stands before with another event: this one gets another id")
	}
	return madeID(c.s.kind, c.s.id, 0, raw), false
}
