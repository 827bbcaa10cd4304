package eventfold

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// segment is a part of a stream's lines: a frame of its archive, or the file that it appends to.
type segment struct {
	archived bool
	part     part // of the archive

	size  int64 // of its text, as far as it can be read
	lines int64 // line feeds in it
	sum   [sha256.Size]byte
	// broken says why the text cannot be read beyond size.
	broken string
	// doubled tells that the whole text stands again at the beginning of the next segment's.
	doubled bool
}

// measured measures a text as it is written to it.
type measured struct {
	hash  hash.Hash
	size  int64
	lines int64
	// prefix is the size of the text before, and same tells whether this one begins with it.
	prefix int64
	sum    [sha256.Size]byte // of the text before
	same   bool
}

func (m *measured) Write(b []byte) (int, error) {
	n := len(b)
	m.lines += int64(bytes.Count(b, []byte{'\n'}))
	if left := m.prefix - m.size; left > 0 && left <= int64(n) {
		m.hash.Write(b[:left])
		m.size += left
		b = b[left:]
		m.same = [sha256.Size]byte(m.hash.Sum(nil)) == m.sum
	}
	m.hash.Write(b)
	m.size += int64(len(b))
	return n, nil
}

// measure reads a segment's text, and marks the one before it as doubled where it is.
func (s *segment) measure(text io.Reader, before *segment) error {
	m := measured{hash: sha256.New()}
	if before != nil {
		m.prefix, m.sum = before.size, before.sum
	}
	_, err := io.Copy(&m, struct{ io.Reader }{text}) // as it will be read, and not in any faster way
	s.size, s.lines, s.sum = m.size, m.lines, [sha256.Size]byte(m.hash.Sum(nil))
	if before != nil {
		before.doubled = m.same
	}
	if disk, ok := errors.AsType[*fileError](err); ok {
		return disk.err
	}
	if err != nil && !s.archived {
		return err
	}
	if err != nil {
		s.broken = fmt.Sprintf("it cannot be decompressed: %v", err)
	}
	return nil
}

// tell says what there is to say of a frame.
func (s *segment) tell(file string, next string, report *Report) {
	why := s.part.flaw
	if why == "" {
		why = s.broken
	}
	f := Finding{Kind: Note, File: file, Byte: s.part.at}
	switch {
	case why == "" && !s.doubled:
		return
	case why == "":
		f.Text = fmt.Sprintf("a rotation was interrupted: the frame's %s stand again at the beginning of %s, and are imported once",
			plural(s.lines, "line"), next)
	case s.doubled:
		f.Text = fmt.Sprintf("%s; the %s that can be read of it stand again at the beginning of %s, and are imported once",
			why, plural(s.size, "byte"), next)
	default:
		f.Kind = Damage
		f.Text = fmt.Sprintf("%s; %s can be read of it, and the rest is left out", why, plural(s.lines, "line"))
		if s.lines == 0 {
			f.Text = why + "; nothing of it can be read"
		}
		if next != "" {
			f.Text += "; where a rotation was interrupted, it stands again in " + next
		}
	}
	report.add(f)
}
