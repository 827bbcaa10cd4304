package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

// written makes lines by hand: position, batch and what was synced.
func written(stamps ...line.Stamp) (file []byte) {
	for _, s := range stamps {
		e := nacre.Event{StreamID: "s-1", ID: "E", Type: "t", Data: []byte(`{"a":1}`)}
		file = line.Append(file, &e, &s)
	}
	return file
}

func single(p nacre.Position) line.Stamp { return line.Stamp{Position: p, Synced: p - 1} }

func TestScanVerdicts(t *testing.T) {
	three := written(single(1), single(2), single(3))
	unsynced := written(line.Stamp{Position: 1}, line.Stamp{Position: 2}, line.Stamp{Position: 3})
	at := int64(len(three)) / 3
	zeros := make([]byte, 2*sector)
	half := written(line.Stamp{Position: 1}, line.Stamp{Position: 2, BatchFirst: 2, BatchLast: 4}, line.Stamp{Position: 3, BatchFirst: 2, BatchLast: 4})
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for _, c := range []struct {
		name string
		file []byte
		o    segment.ScanOptions
		kind segment.Kind
		last nacre.Position
		// of the damage:
		line, offset int64
		tells        string
	}{
		{name: "empty", o: segment.ScanOptions{First: 8}, last: 7},
		{name: "empty, and nothing more is durable", o: segment.ScanOptions{First: 8, Durable: 7, Tail: true}, last: 7},
		{name: "empty, and more is durable", o: segment.ScanOptions{First: 8, Durable: 8, Tail: true}, kind: segment.Damaged, last: 7, line: 1, tells: "the file ends"},
		{name: "whole", file: three, o: segment.ScanOptions{First: 1, Durable: 3}, last: 3},
		{name: "whole, and more is durable", file: three, o: segment.ScanOptions{First: 1, Durable: 4, Tail: true}, kind: segment.Damaged, last: 3, line: 4, offset: 3 * at, tells: "durable up to position 4"},
		{name: "of another position", file: three, o: segment.ScanOptions{First: 2, Tail: true}, kind: segment.Damaged, last: 1, line: 1, tells: "has position 1, and 2 is due"},
		{name: "cut in a line", file: three[:3*at-5], o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 2},
		{name: "cut before a line feed", file: three[:3*at-1], o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 2},
		{name: "cut between lines", file: three[:2*at], o: segment.ScanOptions{First: 1, Tail: true}, last: 2},
		{name: "cut in a line, and sealed", file: three[:3*at-5], o: segment.ScanOptions{First: 1}, kind: segment.Damaged, last: 2, line: 3, offset: 2 * at, tells: "line feed"},
		{name: "cut in a line that was durable", file: three[:3*at-5], o: segment.ScanOptions{First: 1, Durable: 3, Tail: true}, kind: segment.Damaged, last: 2, line: 3, offset: 2 * at, tells: "line feed"},
		{name: "zeros behind", file: join(three, zeros), o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 3},
		{name: "zeros behind a sealed one", file: join(three, zeros), o: segment.ScanOptions{First: 1}, kind: segment.Damaged, last: 3, line: 4, offset: 3 * at},
		{name: "zeros to the file's end, less than a sector", file: join(three, zeros[:7]), o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 3},
		{
			name: "zeros with a line feed in the same sector", file: join(unsynced, zeros[:7], []byte("\n")),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 3, line: 4, offset: 3 * at,
		},
		{name: "zeros, and a line that was lost", file: join(unsynced[:at], zeros, []byte("\n"), unsynced[2*at:]), o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 1},
		{
			name: "zeros, and a line behind that knew more to be durable", file: join(three[:at], zeros, []byte("\n"), three[2*at:]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 2, offset: at, tells: "durable up to position 2",
		},
		{
			name: "zeros between lines that stand side by side", file: join(unsynced[:at], zeros, []byte("\n"), unsynced[at:]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 3, offset: at + 2*sector + 1, tells: "has position 2",
		},
		{
			name: "a line that is missing without a trace", file: join(unsynced[:at], unsynced[2*at:]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 2, offset: at, tells: "has position 3, and 2 is due",
		},
		{
			name: "a line that stands twice", file: join(unsynced, unsynced[2*at:]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 3, line: 4, offset: 3 * at, tells: "has position 3, and 4 is due",
		},
		{
			name: "lines in another order", file: join(unsynced[:at], unsynced[2*at:], unsynced[at:2*at]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 2, offset: at, tells: "has position 3, and 2 is due",
		},
		{name: "an empty line", file: join(unsynced, []byte("\n")), o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 3, line: 4, offset: 3 * at},
		{name: "an empty line in front", file: join([]byte("\n"), unsynced), o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, line: 1},
		{
			name: "another terminator at the end", file: join(unsynced[:3*at-1], []byte("\v")),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 2, line: 3, offset: 2 * at,
		},
		{
			name: "another terminator, and a torn line behind it", file: join(unsynced[:2*at-1], []byte("\v"), unsynced[2*at:3*at-9]),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 2, offset: at,
		},
		{
			name: "another terminator, and zeros behind it", file: join(unsynced[:3*at-1], []byte("\v"), zeros, zeros),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 2, line: 3, offset: 2 * at,
		},
		{name: "a batch that is not whole", file: half, o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Torn, last: 1},
		{name: "a batch that is not whole, and sealed", file: half, o: segment.ScanOptions{First: 1}, kind: segment.Damaged, last: 1, line: 4, offset: int64(len(half)), tells: "within the batch of positions 2 to 4"},
		{name: "a batch that is not whole, and was durable", file: half, o: segment.ScanOptions{First: 1, Durable: 4, Tail: true}, kind: segment.Damaged, last: 1, line: 4, offset: int64(len(half)), tells: "durable up to position 4"},
		{name: "a batch that is not whole, and was durable in part", file: half, o: segment.ScanOptions{First: 1, Durable: 2, Tail: true}, kind: segment.Damaged, last: 1, line: 4, offset: int64(len(half)), tells: "durable up to position 2"},
		{
			name: "a batch that another one interrupts", file: join(half, written(line.Stamp{Position: 4})),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 4, offset: int64(len(half)), tells: "batch of positions 2 to 4 is not whole",
		},
		{
			name: "a batch without its beginning", file: written(line.Stamp{Position: 1}, line.Stamp{Position: 2, BatchFirst: 1, BatchLast: 2}),
			o: segment.ScanOptions{First: 1, Tail: true}, kind: segment.Damaged, last: 1, line: 2, offset: at, tells: "begins at position 1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := scan(t, c.file, c.o)
			if v.Kind != c.kind || v.Last != c.last {
				t.Fatalf("%v up to %d, want %v up to %d: %v", v.Kind, v.Last, c.kind, c.last, v.Damage)
			}
			if d := v.Damage; d != nil && (d.Line != c.line || d.Offset != c.offset || !strings.Contains(d.Reason, c.tells)) {
				t.Errorf("the damage is told as %v, want line %d, byte %d, %q", d, c.line, c.offset, c.tells)
			}
		})
	}
}

func TestScanTellsOfStretches(t *testing.T) {
	lines := written(line.Stamp{Position: 1}, line.Stamp{Position: 2}, line.Stamp{Position: 3}, line.Stamp{Position: 4}, line.Stamp{Position: 5}, line.Stamp{Position: 6})
	at := int64(len(lines)) / 6
	lines[at+5] ^= 1   // the second
	lines[4*at+20] = 0 // the fifth
	lines = lines[:6*at-3]
	v := scan(t, lines, segment.ScanOptions{First: 1, Tail: true})
	want := []segment.Stretch{
		{Offset: at, Length: at, First: 2, Last: 2, Reason: string(line.RuleChecksum)},
		{Offset: 4 * at, Length: 2*at - 3, First: 5, Reason: string(line.RuleChecksum)},
	}
	if v.Kind != segment.Damaged || !slices.Equal(v.Bad, want) {
		t.Errorf("%v, %+v, want %+v", v.Kind, v.Bad, want)
	}
	var given []nacre.Position
	bad, err := segment.ScanDamaged(bytes.NewReader(lines), int64(len(lines)), 1, func(off int64, text []byte, v *line.View) error {
		if off != int64(v.Position-1)*at || int64(len(text)) != at-1 {
			return fmt.Errorf("position %d is given at %d", v.Position, off)
		}
		given = append(given, v.Position)
		return nil
	})
	if err != nil || !slices.Equal(bad, want) || !slices.Equal(given, []nacre.Position{1, 3, 4}) {
		t.Errorf("given %v, %+v, %v", given, bad, err)
	}
	// Lines of other positions, and lines that stand twice, are not given.
	given = nil
	doubled := slices.Concat(written(single(9)), written(single(3)), written(single(4)), written(single(3)), written(single(5)))
	bad, err = segment.ScanDamaged(bytes.NewReader(doubled), int64(len(doubled)), 3, func(_ int64, _ []byte, v *line.View) error {
		given = append(given, v.Position)
		return nil
	})
	if err != nil || !slices.Equal(given, []nacre.Position{9}) || len(bad) != 1 {
		t.Errorf("given %v, %+v, %v", given, bad, err)
	}
}

// TestScanLongLines has lines and batches that are longer than what is read at once.
func TestScanLongLines(t *testing.T) {
	rng := random(t)
	l := newLog(rng, 1)
	l.size = 100_000
	for range 8 {
		l.write(8)
	}
	huge := nacre.Event{StreamID: "s-1", ID: "E", Type: "t", Data: []byte(`"` + strings.Repeat("z", 3<<20) + `"`)}
	for i := range nacre.Position(4) {
		l.bytes = line.Append(l.bytes, &huge, &line.Stamp{Position: l.next + i, BatchFirst: l.next, BatchLast: l.next + 3, Synced: l.next - 1})
	}
	l.next += 4
	whole := len(l.bytes)
	l.write(5)
	if v := scan(t, l.bytes, segment.ScanOptions{First: 1, Durable: l.next - 1}); v.Kind != segment.Clean || v.Last != l.next-1 {
		t.Fatalf("%v up to %d of %d: %v", v.Kind, v.Last, l.next-1, v.Damage)
	}
	cut := l.bytes[:whole-1]
	if v := scan(t, cut, segment.ScanOptions{First: 1, Tail: true}); v.Kind != segment.Torn || v.Last != l.groups[7].last || v.End != l.groups[7].end {
		t.Fatalf("without its last byte: %v up to %d: %v", v.Kind, v.Last, v.Damage)
	}
}

func TestScanFrom(t *testing.T) {
	rng := random(t)
	l := newLog(rng, 1)
	for range 20 {
		l.write(3)
	}
	file := append(bytes.Clone(l.bytes), make([]byte, 5*sector)...)
	for _, g := range l.groups {
		next := g.last + 1
		end := g.end
		v, err := segment.Scan(bytes.NewReader(file), int64(len(file)), "f", &segment.ScanOptions{
			From: g.end, First: next, Durable: g.last, Tail: true,
			OnLine: func(off int64, text []byte, v *line.View) error {
				if v.Position != next || off != end || !bytes.Equal(text, file[off:off+int64(len(text))]) {
					return fmt.Errorf("position %d at %d, want %d at %d", v.Position, off, next, end)
				}
				next, end = next+1, end+int64(len(text))+1
				return nil
			},
		})
		if err != nil || v.Kind != segment.Torn || v.Last != l.next-1 || v.End != int64(len(l.bytes)) {
			t.Fatalf("from %d: %+v, %v", g.end, v, err)
		}
	}
}

// brokenReader fails to read a part of a file.
type brokenReader struct {
	*bytes.Reader
	from, to int64
	err      error
}

var errDisk = errors.New("input/output error")

func (r *brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off < r.to && off+int64(len(p)) > r.from {
		n := max(0, int(r.from-off))
		if n > 0 {
			if _, err := r.Reader.ReadAt(p[:n], off); err != nil {
				return 0, err
			}
		}
		return n, r.err
	}
	return r.Reader.ReadAt(p, off)
}

func TestScanUnreadable(t *testing.T) {
	rng := random(t)
	l := newLog(rng, 1)
	for range 200 {
		l.write(5)
	}
	durable := l.groups[100]
	for range 200 {
		from := rng.Int64N(int64(len(l.bytes)))
		r := &brokenReader{bytes.NewReader(l.bytes), from, from + 1 + rng.Int64N(10_000), errDisk}
		v, err := segment.Scan(r, int64(len(l.bytes)), "f", &segment.ScanOptions{First: 1, Durable: durable.last, Tail: true})
		if err != nil || v.Kind != segment.Damaged || !strings.Contains(v.Damage.Reason, "cannot be read: input/output error") {
			t.Fatalf("unreadable from %d: %+v, %v", from, v, err)
		}
		if at := l.lineOf(from); v.Damage.Offset != at.off || v.Damage.Position != at.position {
			t.Fatalf("unreadable from %d, in line %d at %d: %v", from, at.position, at.off, v.Damage)
		}
		good := map[nacre.Position]bool{}
		if _, err := segment.ScanDamaged(r, int64(len(l.bytes)), 1, func(_ int64, _ []byte, v *line.View) error {
			good[v.Position] = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, at := range l.lines {
			// What is lost is in whole pages around what cannot be read, and the line that begins behind
			// the line feed at the end of one.
			if want := at.end <= r.from || at.off > (r.to+page-1)/page*page; want && !good[at.position] {
				t.Fatalf("unreadable from %d to %d: position %d, at %d to %d, is not given", r.from, r.to, at.position, at.off, at.end)
			}
		}
	}
}

// TestScanUnreadableAndTorn: what cannot be read is not explained by a crash, although zeros stand beside.
func TestScanUnreadableAndTorn(t *testing.T) {
	file := append(written(line.Stamp{Position: 1}, line.Stamp{Position: 2}), make([]byte, 4*page)...)
	r := &brokenReader{bytes.NewReader(file), 2 * page, 2*page + 1, errDisk}
	v, err := segment.Scan(r, int64(len(file)), "f", &segment.ScanOptions{First: 1, Tail: true})
	if err != nil || v.Kind != segment.Damaged || v.Last != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

const page = 4096

func TestScanErrors(t *testing.T) {
	file := written(single(1), single(2))
	o := &segment.ScanOptions{First: 1}
	for _, err := range []error{fs.ErrClosed, &fs.PathError{Op: "read", Path: "x", Err: fs.ErrClosed}} {
		r := &brokenReader{bytes.NewReader(file), 5, 6, err}
		if v, got := segment.Scan(r, int64(len(file)), "f", o); !errors.Is(got, fs.ErrClosed) {
			t.Errorf("a closed file is judged: %+v, %v", v, got)
		}
		if _, got := segment.ScanDamaged(r, int64(len(file)), 1, func(int64, []byte, *line.View) error { return nil }); !errors.Is(got, fs.ErrClosed) {
			t.Errorf("a closed file is read: %v", got)
		}
	}
	mine := errors.New("mine")
	o.OnLine = func(int64, []byte, *line.View) error { return mine }
	if _, err := segment.Scan(bytes.NewReader(file), int64(len(file)), "f", o); err != mine {
		t.Errorf("the callback's error is not returned: %v", err)
	}
	if _, err := segment.ScanDamaged(bytes.NewReader(file), int64(len(file)), 1, o.OnLine); err != mine {
		t.Errorf("the callback's error is not returned: %v", err)
	}
	two := written(line.Stamp{Position: 1, BatchFirst: 1, BatchLast: 2}, line.Stamp{Position: 2, BatchFirst: 1, BatchLast: 2})
	if _, err := segment.Scan(bytes.NewReader(two), int64(len(two)), "f", o); err != mine {
		t.Errorf("the callback's error is not returned: %v", err)
	}
}

// TestScanOfAFileThatBecomesShorter reads less than it was told to.
func TestScanOfAFileThatBecomesShorter(t *testing.T) {
	file := written(single(1), single(2))
	v, err := segment.Scan(bytes.NewReader(file), int64(len(file))+5000, "f", &segment.ScanOptions{First: 1, Tail: true})
	if err != nil || v.Kind != segment.Clean || v.Last != 2 || v.Size != int64(len(file)) {
		t.Errorf("%+v, %v", v, err)
	}
}

// FuzzScan changes a log in ways that no model has.
func FuzzScan(f *testing.F) {
	l := newLog(random(f), 1)
	for range 4 {
		l.write(2)
	}
	f.Add(l.bytes, uint64(1), uint64(0), true)
	f.Add(l.bytes[:len(l.bytes)-7], uint64(1), uint64(3), true)
	f.Add(append(bytes.Clone(l.bytes[:l.groups[1].end]), make([]byte, 2*sector)...), uint64(1), uint64(3), true)
	f.Add(l.bytes, uint64(2), uint64(0), false)
	f.Fuzz(func(t *testing.T, file []byte, first, durable uint64, tail bool) {
		first = max(1, first&(1<<62-1))
		o := segment.ScanOptions{First: nacre.Position(first), Durable: nacre.Position(durable & (1<<62 - 1)), Tail: tail}
		v := scan(t, file, o)
		if !tail && v.Kind == segment.Torn {
			t.Fatalf("a sealed segment is torn: %+v", v)
		}
		if v.Kind == segment.Torn {
			o.OnLine = nil
			again, err := segment.Scan(bytes.NewReader(file[:v.End]), v.End, "f", &o)
			if err != nil || again.Kind != segment.Clean || again.Last != v.Last {
				t.Fatalf("after the cut: %+v, %v; before: %+v", again, err, v)
			}
		}
		var last nacre.Position
		if _, err := segment.ScanDamaged(bytes.NewReader(file), int64(len(file)), o.First, func(off int64, text []byte, view *line.View) error {
			if view.Position <= last || !bytes.Equal(file[off:off+int64(len(text))], text) {
				return fmt.Errorf("position %d at %d behind %d", view.Position, off, last)
			}
			last = view.Position
			return nil
		}); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	})
}
