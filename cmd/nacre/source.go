package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// maxLine is the most bytes of a line to import: an event of the largest size, and white space.
const maxLine = 4 << 20

// source reads the lines to import, from a file or the standard input, compressed or not. Its read may
// be called from any goroutine, the rest from one.
type source struct {
	name  string // for messages
	size  int64  // in bytes of the file; below 0 where it is not known
	bytes atomic.Int64

	r      *bufio.Reader
	file   io.Closer
	number int64  // of the last line, from 1
	long   []byte // a line that is longer than the reader's buffer
}

// openSource opens a file, or takes the standard input for "-".
func openSource(name string, stdin io.Reader) (*source, error) {
	s := &source{name: name, size: -1, file: io.NopCloser(nil)}
	in := stdin
	if name == "-" {
		s.name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, nacre.Errorf(nacre.CodeNotFound, "nothing can be imported: %w", err)
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = errors.New(name + " is a folder: give a file")
		}
		if err != nil {
			_ = file.Close()
			return nil, nacre.Errorf(nacre.CodeNotFound, "nothing can be imported: %w", err)
		}
		if info.Mode().IsRegular() {
			s.size = info.Size()
		}
		in, s.file = file, file
	}
	s.r = bufio.NewReaderSize(&counted{r: in, n: &s.bytes}, 64<<10)
	if head, _ := s.r.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(s.r)
		if err != nil {
			_ = s.file.Close()
			return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "%s: not gzip, though it begins like it: %w", s.name, err)}
		}
		s.r = bufio.NewReaderSize(zip, 256<<10)
	}
	if mark, _ := s.r.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = s.r.Discard(len(mark)) // the byte order mark of some editors, which means nothing in UTF-8
	}
	return s, nil
}

func (s *source) close() { _ = s.file.Close() }

var errLongLine = fmt.Errorf("is longer than %d bytes", maxLine)

// next is the next line that is not blank, without its end, valid until the call after; io.EOF behind the
// last one, errLongLine for one that is too long to be read, after which the next one can be.
func (s *source) next() ([]byte, error) {
	for {
		text, err := s.readLine()
		if err != nil {
			return nil, err
		}
		text = bytes.TrimSuffix(text, []byte("\r"))
		if len(bytes.TrimSpace(text)) > 0 {
			return text, nil
		}
	}
}

func (s *source) readLine() ([]byte, error) {
	text, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		s.long = s.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(s.long) <= maxLine { // what is longer is read over, not kept
				s.long = append(s.long, text...)
			}
			text, err = s.r.ReadSlice('\n')
		}
		s.long = append(s.long, text...)
		text = s.long
		if len(text) > maxLine+1 && (err == nil || err == io.EOF) {
			s.number++
			return nil, errLongLine
		}
	}
	if err == io.EOF && len(text) > 0 {
		err = nil // the last line may be without its end
	}
	if err == nil {
		s.number++
		return bytes.TrimSuffix(text, []byte("\n")), nil
	}
	return nil, err
}

// counted counts the bytes that are read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// entry is an event to import, with its place, or what is wrong there.
type entry struct {
	source   string // where it stands, for messages
	noun     string // what number counts there; empty for lines
	number   int64
	size     int // about, of the event in the store, in bytes
	imported line.Imported
	err      error
}

// read implements feed.
func (s *source) read(stop <-chan struct{}, to chan<- entry) {
	defer close(to)
	for {
		e, ok := s.entry()
		if !ok {
			return
		}
		select {
		case to <- e:
		case <-stop:
			return
		}
		if e.err != nil && !isLineError(e.err) {
			return
		}
	}
}

// entry is what the next line says; ok is false behind the last one.
func (s *source) entry() (e entry, ok bool) {
	text, err := s.next()
	e.source, e.number = s.name, s.number
	switch {
	case err == io.EOF:
		return e, false
	case err == nil:
		e.size = len(text) + generatedID
		e.imported, err = line.ParseImport(text)
	case err != errLongLine:
		e.err = nacre.Errorf(nacre.CodeInternal, "%s cannot be read behind line %d: %w", s.name, s.number, err)
		return e, true
	}
	if err != nil {
		e.err = &lineError{source: s.name, first: s.number, last: s.number, err: nacre.Errorf(nacre.CodeInvalid, "%w", err)}
	} else if e.imported.Event.ID == "" && e.imported.Event.Parents == nil { // in merge streams only their authors give ids
		e.imported.Event.ID = idOfLine(s.number, text)
	}
	return e, true
}

// generatedID is about what an id adds to a line that has none.
const generatedID = len(`"eventId":"","transactionId":""`) + 52

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// idOfLine is the id of an event whose line has none: the first 26 characters, in lower-case base32, of the
// SHA-256 of the line's number in decimal digits, a line feed, and the line's bytes without its end. So
// the same file gives the same ids, and importing it twice imports it once.
func idOfLine(number int64, text []byte) string {
	h := sha256.New()
	h.Write(strconv.AppendInt(nil, number, 10))
	h.Write([]byte{'\n'})
	h.Write(text)
	var sum [sha256.Size]byte
	return idText.EncodeToString(h.Sum(sum[:0]))[:26]
}

// lineError is what is wrong with a line to import, or with some that were committed together.
type lineError struct {
	source      string
	noun        string // what is counted; empty for lines
	first, last int64
	before      int64 // the first line of a transaction that the line breaks off, which was not imported; or 0
	err         error
}

func (e *lineError) Error() string {
	text := message(e.err)
	if e.before > 0 {
		text += fmt.Sprintf("; it breaks off the transaction that begins at line %d, which was not imported", e.before)
	}
	noun := e.noun
	if noun == "" {
		noun = "line"
	}
	if e.first == e.last {
		return fmt.Sprintf("%s, %s %d: %s", e.source, noun, e.first, text)
	}
	return fmt.Sprintf("%s, %ss %d to %d, which belong together: %s", e.source, noun, e.first, e.last, text)
}

func (e *lineError) Unwrap() error { return e.err }

func isLineError(err error) bool {
	_, ok := errors.AsType[*lineError](err)
	return ok
}
