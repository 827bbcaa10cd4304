package segment

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
)

const (
	scanChunk = 1 << 20
	sector    = 512
	// page is what is given up where a disk cannot read: no system reads less of a file.
	page = 4096
	// unread stands for bytes that cannot be read: no line has it, and it is no zero.
	unread = 0xff
)

// pieces cuts a file at its line feeds.
type pieces struct {
	r    io.ReaderAt
	size int64

	buf  []byte
	base int64 // the offset of buf[0]
	keep int   // what stands before it in buf is not needed any more
	at   int   // what of buf has been given
	seen int   // up to where there is no further line feed

	failed []failure
}

// failure is a part of the file that could not be read.
type failure struct {
	from, to int64
	err      error
}

// piece is what stands up to a line feed, which ended tells whether there is, or up to the file's end. It
// is valid until the next one is asked for, or, from where keep is, as long as keep stays.
type piece struct {
	off   int64
	text  []byte // without the line feed
	ended bool
}

func (p *piece) end() int64 {
	end := p.off + int64(len(p.text))
	if p.ended {
		end++
	}
	return end
}

// next gives the next piece; ok is false at the file's end. What cannot be read counts as content that no
// line has; the error is one that says nothing about the file.
func (p *pieces) next() (out piece, ok bool, err error) {
	for {
		if n := bytes.IndexByte(p.buf[p.seen:], '\n'); n >= 0 {
			out = piece{p.base + int64(p.at), p.buf[p.at : p.seen+n], true}
			p.at = p.seen + n + 1
			p.seen = p.at
			return out, true, nil
		}
		p.seen = len(p.buf)
		end := p.base + int64(len(p.buf))
		if end >= p.size {
			out = piece{p.base + int64(p.at), p.buf[p.at:], false}
			p.at = len(p.buf)
			return out, len(out.text) > 0, nil
		}
		if err := p.fill(end); err != nil {
			return out, false, err
		}
	}
}

// release says that nothing before the next piece is needed any more.
func (p *pieces) release() { p.keep = p.at }

// kept is a part of the file from where keep is.
func (p *pieces) kept(off int64, size int) []byte {
	from := int(off - p.base)
	return p.buf[from : from+size]
}

// fill reads on behind the buffer, which then begins with what is kept.
func (p *pieces) fill(end int64) error {
	rest := p.buf[p.keep:]
	left := p.size - end
	if room := int64(cap(p.buf) - len(rest)); room < min(left, scanChunk/2) {
		more := min(left, int64(max(scanChunk, len(rest))))
		p.buf = append(make([]byte, 0, len(rest)+int(more)), rest...)
	} else {
		p.buf = p.buf[:copy(p.buf, rest)]
	}
	p.base += int64(p.keep)
	p.at, p.seen, p.keep = p.at-p.keep, p.seen-p.keep, 0
	from := len(p.buf)
	n := int(min(left, int64(cap(p.buf)-from)))
	n, err := p.read(p.buf[from:from+n], end)
	p.buf = p.buf[:from+n]
	return err
}

// read is ReadAt for a file that may have become shorter, and that may be unreadable in parts.
func (p *pieces) read(dst []byte, off int64) (n int, err error) {
	for most := len(dst); n < len(dst); {
		part := dst[n:min(len(dst), n+most)]
		got, err := p.r.ReadAt(part, off+int64(n))
		if n += got; got == len(part) {
			continue
		}
		at := off + int64(n)
		switch {
		case err == nil || errors.Is(err, io.EOF):
			p.size = at
			return n, nil
		case tellsNothing(err):
			return n, err
		}
		bad := dst[n:min(len(dst), n+page-int(at%page))]
		for i := range bad {
			bad[i] = unread
		}
		n += len(bad)
		p.failed = append(p.failed, failure{at, at + int64(len(bad)), err})
		most = page // to lose as little as possible around what cannot be read
	}
	return n, nil
}

// tellsNothing is true for errors that are not of the file's content.
func tellsNothing(err error) bool {
	return errors.Is(err, fs.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// failureIn is the first failure to read that concerns a part of the file.
func (p *pieces) failureIn(from, to int64) *failure {
	for i := range p.failed {
		if f := &p.failed[i]; f.from < to && f.to > from {
			return f
		}
	}
	return nil
}
