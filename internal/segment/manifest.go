package segment

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/nacredb/nacre"
)

// Manifest tells which segments a log has, and which log it is.
type Manifest struct {
	Store, Epoch string   // ULIDs
	Key          [16]byte // of the index's hashes
	Segments     []Info   // ascending; those at the end may not be sealed
}

// Info is what a manifest says about a segment.
type Info struct {
	Name  string // of the file that counts, as FileName gives it
	First nacre.Position
	// What follows is known of sealed segments only.
	Sealed bool
	Last   nacre.Position
	Bytes  int64 // uncompressed
	SHA256 [32]byte
	// Newest and Oldest are the greatest and the least time of the segment's events, in microseconds
	// since 1970; 0 where it is not known.
	Newest, Oldest int64
	Streams        int64 // how many streams begin in it
	Zstd           bool
}

// EncodeManifest gives the manifest's file.
func EncodeManifest(m *Manifest) []byte {
	out := append([]byte(nil), `{"manifest":1,"store":"`...)
	out = append(append(out, m.Store...), `","epoch":"`...)
	out = append(append(out, m.Epoch...), '"')
	out = appendHex(out, `,"key":"`, m.Key[:])
	out = appendNumber(out, `,"segments":`, int64(len(m.Segments)))
	out = append(seal(out, 0), '\n')
	for i := range m.Segments {
		out = append(m.Segments[i].append(out), '\n')
	}
	return out
}

func (s *Info) append(out []byte) []byte {
	start := len(out)
	out = append(append(append(out, `{"segment":"`...), s.Name...), '"')
	out = appendNumber(out, `,"first":`, s.First)
	if s.Sealed {
		out = appendNumber(out, `,"last":`, s.Last)
		out = appendNumber(out, `,"bytes":`, s.Bytes)
		out = appendHex(out, `,"sha256":"`, s.SHA256[:])
		if s.Newest != 0 {
			out = appendTime(out, `,"newest":"`, s.Newest)
		}
		if s.Oldest != 0 {
			out = appendTime(out, `,"oldest":"`, s.Oldest)
		}
		out = appendNumber(out, `,"streams":`, s.Streams)
	}
	if s.Zstd {
		out = append(out, `,"zstd":true`...)
	}
	return seal(out, start)
}

// DecodeManifest reads the manifest's file, whose name is for errors. Anything that EncodeManifest does
// not write is a *nacre.DamageError.
func DecodeManifest(file string, data []byte) (*Manifest, error) {
	d := manifestDecoder{damage: nacre.DamageError{File: file}}
	text := d.line(&data)
	if text == nil {
		return nil, d.failed("the manifest does not have a whole first line")
	}
	r := openRecord(text)
	r.begin(`{"manifest":1,"store":`)
	m := &Manifest{Store: r.text("store")}
	r.key("epoch")
	m.Epoch = r.text("epoch")
	r.key("key")
	r.bytes("key", m.Key[:])
	r.key("segments")
	count := r.number("segments")
	if err := r.close(); err != nil {
		return nil, d.failed(err.Error())
	}
	for int64(len(m.Segments)) < count {
		text := d.line(&data)
		if text == nil {
			return nil, d.failed(fmt.Sprintf("the manifest has %d of its %d segments", len(m.Segments), count))
		}
		s, err := decodeInfo(text)
		if err == nil && len(m.Segments) > 0 {
			err = s.follows(&m.Segments[len(m.Segments)-1])
		}
		if err != nil {
			return nil, d.failed(err.Error())
		}
		m.Segments = append(m.Segments, s)
	}
	if d.next(); len(data) > 0 {
		return nil, d.failed("something stands behind the manifest's last segment")
	}
	return m, nil
}

// manifestDecoder knows where it is.
type manifestDecoder struct {
	damage nacre.DamageError
	size   int
}

func (d *manifestDecoder) next() {
	d.damage.Line++
	d.damage.Offset += int64(d.size)
	d.size = 0
}

// line cuts the next line off, nil where there is no whole one.
func (d *manifestDecoder) line(data *[]byte) []byte {
	d.next()
	text, rest, ok := bytes.Cut(*data, []byte{'\n'})
	if !ok {
		return nil
	}
	d.size, *data = len(text)+1, rest
	return slices.Clip(text)
}

func (d *manifestDecoder) failed(reason string) error {
	d.damage.Reason = reason
	return &d.damage
}

func decodeInfo(text []byte) (s Info, err error) {
	r := openRecord(text)
	r.begin(`{"segment":`)
	s.Name = r.text("segment")
	r.key("first")
	s.First = nacre.Position(r.number("first"))
	if r.optional("last") {
		s.Sealed, s.Last = true, nacre.Position(r.number("last"))
		r.key("bytes")
		s.Bytes = r.number("bytes")
		r.key("sha256")
		r.bytes("sha256", s.SHA256[:])
		if r.optional("newest") {
			s.Newest = r.time("newest")
		}
		if r.optional("oldest") {
			s.Oldest = r.time("oldest")
		}
		r.key("streams")
		s.Streams = r.number("streams")
	}
	s.Zstd = r.has(`,"zstd":true`)
	if err := r.close(); err != nil {
		return s, err
	}
	switch {
	case s.First == 0 || s.Name != FileName(s.First, s.Zstd):
		return s, fmt.Errorf("a segment that begins at position %d is not named %q", s.First, s.Name)
	case s.Sealed && (s.Last < s.First || s.Bytes == 0):
		return s, fmt.Errorf("segment %q is sealed and empty", s.Name)
	case s.Zstd && !s.Sealed:
		return s, fmt.Errorf("segment %q is compressed and not sealed", s.Name)
	}
	return s, nil
}

func (s *Info) follows(before *Info) error {
	switch {
	case before.Sealed && s.First != before.Last+1:
		return fmt.Errorf("segment %q does not follow %q, which ends at position %d", s.Name, before.Name, before.Last)
	case s.First <= before.First:
		return fmt.Errorf("segment %q stands behind %q", s.Name, before.Name)
	case s.Sealed && !before.Sealed:
		return fmt.Errorf("segment %q is sealed, and %q before it is not", s.Name, before.Name)
	}
	return nil
}
