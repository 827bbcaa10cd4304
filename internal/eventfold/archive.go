package eventfold

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxFrameWindow is the most memory that a frame may ask for, in bytes. Those of eventfold ask for 2 MiB.
	maxFrameWindow = 64 << 20
	// Of the Zstandard format, RFC 8878.
	blockHeader = 3
	maxBlock    = 128 << 10
)

var frameMagic = binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)

// part is a frame of an archive, or bytes that are none.
type part struct {
	at, end int64
	frame   bool
	// flaw says what is wrong with its form; empty for a frame that is there from end to end.
	flaw string
}

// parts finds an archive's frames, and what stands between them. It decompresses nothing.
func parts(w *window) ([]part, error) {
	var found []part
	wasted := int64(0)
	for at := int64(0); at < w.size; {
		p, skip, err := partAt(w, at)
		if err != nil {
			return nil, err
		}
		if p.flaw != "" {
			wasted += p.end - at
			if p.end = w.size; wasted/mostWaste <= w.size {
				if p.end, err = nextFrame(w, at+1); err != nil {
					return nil, err
				}
			}
		}
		if !skip {
			found = append(found, p)
		}
		at = p.end
	}
	return found, nil
}

// partAt is what stands at an offset; where it has a flaw, its end is how far it was read. skip tells that a decoder
// passes over it.
func partAt(w *window, at int64) (p part, skip bool, err error) {
	p = part{at: at, end: at}
	head, err := w.bytes(at, zstd.HeaderMaxSize)
	if err != nil {
		return p, false, err
	}
	var h zstd.Header
	if h.Decode(head) != nil {
		p.flaw = "it is no beginning of a frame"
		return p, false, nil
	}
	if h.Skippable {
		p.end = at + int64(h.HeaderSize) + int64(h.SkippableSize)
		if p.end > w.size {
			p.flaw = "the file ends inside of what is no event"
		}
		return p, p.flaw == "", nil
	}
	p.frame = true
	p.end, p.flaw, err = frameEnd(w, at+int64(h.HeaderSize), h.HasCheckSum)
	if err != nil || p.flaw != "" || p.end == w.size {
		return p, false, err
	}
	// A frame that was torn, and that others were appended to, seems to end somewhere inside of those.
	behind, err := w.bytes(p.end, zstd.HeaderMaxSize)
	if err == nil && h.Decode(behind) != nil {
		p.flaw = "no other frame follows where it seems to end"
	}
	return p, false, err
}

// frameEnd walks over a frame's blocks. Where there is a flaw, end is how far.
func frameEnd(w *window, at int64, sum bool) (end int64, flaw string, err error) {
	for last := false; !last; {
		b, err := w.bytes(at, blockHeader)
		if err != nil {
			return 0, "", err
		}
		if len(b) < blockHeader {
			return at, "the file ends inside of the frame", nil
		}
		header := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last = header&1 == 1
		size := header >> 3
		switch header >> 1 & 3 {
		case 1: // one byte, repeated
			size = 1
		case 3:
			return at, "a block of the frame has an unknown form", nil
		}
		if size > maxBlock {
			return at, "a block of the frame has an impossible size", nil
		}
		at += blockHeader + size
	}
	if sum {
		at += 4
	}
	if at > w.size {
		return at, "the file ends inside of the frame", nil
	}
	return at, "", nil
}

// nextFrame is where the next thing stands that looks like the beginning of a frame, or the file's end.
func nextFrame(w *window, from int64) (int64, error) {
	for {
		at, err := w.find(frameMagic, from)
		if err != nil || at == w.size {
			return at, err
		}
		head, err := w.bytes(at, zstd.HeaderMaxSize)
		if err != nil {
			return 0, err
		}
		var h zstd.Header
		if h.Decode(head) == nil && h.FirstBlock.OK {
			return at, nil
		}
		from = at + 1
	}
}

// unzip decompresses one frame at a time.
type unzip struct {
	file    io.ReaderAt
	decoder *zstd.Decoder
}

func newUnzip(file io.ReaderAt) (*unzip, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxFrameWindow))
	if err != nil {
		return nil, err
	}
	return &unzip{file: file, decoder: d}, nil
}

// open begins with a frame's text. An error of the reader that it returns is what is wrong with the frame,
// or that the file cannot be read, which is a *fileError.
func (u *unzip) open(p part) io.Reader {
	err := u.decoder.Reset(&fileReader{io.NewSectionReader(u.file, p.at, p.end-p.at)})
	if err != nil {
		return failing{err}
	}
	return u.decoder
}

// failing is a reader that has nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (u *unzip) close() { u.decoder.Close() }

// readable ends a text where what is wrong with its frame begins, which has been told.
type readable struct{ r io.Reader }

func (t readable) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if _, disk := errors.AsType[*fileError](err); err != nil && !disk {
		err = io.EOF
	}
	return n, err
}

// fileError is an error of the disk, as opposed to one of what stands on it.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// fileReader makes errors of the disk *fileErrors.
type fileReader struct{ r io.Reader }

func (f *fileReader) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		err = &fileError{err}
	}
	return n, err
}
