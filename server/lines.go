package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// lineBuffer is how much of a stream of lines is written at once.
const lineBuffer = 64 << 10

// lineBuffers are the buffers of streams of lines.
var lineBuffers = sync.Pool{New: func() any { return new([lineBuffer]byte) }}

// lineWriter collects lines and writes them in large pieces. The first piece begins the reply.
type lineWriter struct {
	x       *exchange
	asOf    wire.Cursor
	buf     []byte // a part of a buffer of lineBuffer bytes
	written bool   // the reply has begun
	last    nacre.Position
	count   int
}

// lines answers with the stored lines that are selected, each with a line feed.
func (x *exchange) lines(p *wire.ReadParams, within *within) error {
	if x.r.Method == http.MethodHead {
		x.w.Header()["Content-Type"] = typeNDJSON
		return nil
	}
	if p.Count {
		return &nacre.Error{Code: nacre.CodeUnsupported, Field: "includeCount", Message: "is told with " + wire.TypeJSON + " only"}
	}
	ctx, cancel := x.context()
	defer cancel()
	head, err := x.store.Head(ctx)
	if err != nil {
		return err
	}
	// As of now: whoever is cut off can go on to the same end.
	end := max(head.Position, head.Last)
	if p.Options.Before == 0 || p.Options.Before > end {
		p.Options.Before = end + 1
	}
	buffer := lineBuffers.Get().(*[lineBuffer]byte)
	defer lineBuffers.Put(buffer)
	w := lineWriter{x: x, asOf: wire.Cursor{Position: end, Epoch: head.Epoch}, buf: buffer[:0]}
	limited, err := w.copy(ctx, p, within)
	if err == nil {
		return w.end(readTo(p, &w, limited))
	}
	err = x.told(err)
	if !w.written || errors.Is(err, errClientGone) {
		return err // nothing has gone out: the error is the reply
	}
	return w.fail(err)
}

// copy copies the selected lines, and tells whether the limit ended it.
func (w *lineWriter) copy(ctx context.Context, p *wire.ReadParams, within *within) (limited bool, err error) {
	o := p.Options
	selective, skip := p.Selective() || within != nil, p.Offset
	plain := !selective && skip == 0
	if !plain {
		o.Limit = 0
	}
	for line, err := range w.x.store.ReadLines(ctx, within.filter(p), &o) {
		if err != nil {
			return false, err
		}
		if !plain {
			if selective {
				selected, err := selects(p, within, line.Bytes)
				if err != nil {
					return false, err
				}
				if !selected {
					continue
				}
			}
			if skip > 0 {
				skip--
				continue
			}
		}
		if len(w.buf)+len(line.Bytes) >= lineBuffer {
			if err := w.flush(); err != nil {
				return false, err
			}
		}
		if len(line.Bytes) >= lineBuffer {
			if err := w.long(line.Bytes); err != nil {
				return false, err
			}
		} else {
			w.buf = append(append(w.buf, line.Bytes...), '\n')
		}
		w.last = line.Position
		if w.count++; w.count == p.Options.Limit {
			return true, nil
		}
	}
	return false, nil
}

// flush writes what has been collected.
func (w *lineWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// long writes a line that does not fit into the buffer, which is empty.
func (w *lineWriter) long(line []byte) error {
	for len(line) > 0 {
		part := line[:min(len(line), replyPart)]
		line = line[len(part):]
		if err := w.write(part); err != nil {
			return err
		}
	}
	w.buf = append(w.buf, '\n')
	return nil
}

func (w *lineWriter) write(p []byte) error {
	w.begin()
	w.x.progress()
	if _, err := w.x.w.Write(p); err != nil {
		return errClientGone
	}
	return nil
}

func (w *lineWriter) begin() {
	if w.written {
		return
	}
	w.written = true
	h := w.x.w.Header()
	h["Content-Type"] = typeNDJSON
	h["Trailer"] = endTrailers
	h[wire.HeaderReadAsOf] = []string{w.asOf.String()}
	w.x.w.WriteHeader(http.StatusOK)
}

// end says that the stream is whole.
func (w *lineWriter) end(to nacre.Position) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.x.progress()
	w.begin()
	w.x.w.Header().Set(wire.TrailerEnd, strconv.FormatUint(uint64(to), 10))
	return nil
}

// fail says why the stream ends, behind the lines that are good.
func (w *lineWriter) fail(err error) error {
	if e := w.flush(); e != nil {
		return e
	}
	status, body := wire.FromError(err)
	w.x.s.note(w.x, status, err)
	w.x.progress()
	w.x.w.Header().Set(wire.TrailerError, headerText(body))
	return nil
}

// headerText makes a body fit for a header: JSON may have any character escaped that a header must not have.
func headerText(body []byte) string {
	var b strings.Builder
	for _, r := range string(body) {
		switch {
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r < 0x10000:
			b.WriteString(escapeRune(r))
		default:
			r -= 0x10000
			b.WriteString(escapeRune(0xd800 + r>>10))
			b.WriteString(escapeRune(0xdc00 + r&0x3ff))
		}
	}
	return b.String()
}

func escapeRune(r rune) string {
	const digits = "0123456789abcdef"
	return string([]byte{'\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}

// readTo is the position up to which a read has looked.
func readTo(p *wire.ReadParams, w *lineWriter, limited bool) nacre.Position {
	if limited || p.Options.Limit > 0 && w.count >= p.Options.Limit || p.Options.Backwards {
		return w.last
	}
	return max(p.Options.Before-1, w.last, p.Options.After)
}
