package eventfold

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is the most bytes of a line that is read; a store takes an event of a mebibyte.
const maxLine = 4 << 20

// lineReader reads the lines of a text.
type lineReader struct {
	r      *bufio.Reader
	number int64 // of the line that was read last, from 1
	at     int64 // where it begins
	end    int64 // where it ends, its line feed included
	long   []byte
}

func (l *lineReader) reset(r io.Reader, number int64) {
	if l.r == nil {
		l.r = bufio.NewReaderSize(nil, 256<<10)
	}
	l.r.Reset(r)
	l.number, l.at, l.end = number, 0, 0
}

// oneLine is a line without its end, valid until the next one is read.
type oneLine struct {
	text  []byte
	ended bool // it has an end
	long  bool // it is longer than maxLine, and text is not all of it
}

// next is the next line; io.EOF behind the last one. With another error it gives what stood before it.
func (l *lineReader) next() (oneLine, error) {
	text, err := l.r.ReadSlice('\n')
	size := int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = l.r.ReadSlice('\n')
			size += int64(len(text))
			if len(l.long) <= maxLine { // what is longer is read over, not kept
				l.long = append(l.long, text...)
			}
		}
		text = l.long
	}
	if errors.Is(err, io.EOF) && size > 0 {
		err = nil
	}
	l.at = l.end
	l.end += size
	line := oneLine{long: size > maxLine+1}
	if size > 0 {
		l.number++
	}
	if err == nil && text[len(text)-1] == '\n' {
		line.ended = true
		text = text[:len(text)-1]
	}
	line.text = bytes.TrimSuffix(text, []byte("\r"))
	return line, err
}
