package segment_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of the random tests; 0 draws one")

// random gives a generator and tells how to repeat what it does.
func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; again: go test ./internal/segment -run '^%s$' -seed %d", seed, t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// testLog is a segment as a store writes it, with what the store knows.
type testLog struct {
	*rand.Rand
	bytes  []byte
	first  nacre.Position
	next   nacre.Position
	groups []group
	lines  []lineAt
	// lag is how many groups behind the present one are known to be durable when it is made: 1 where each
	// group waits for the one before, 2 where it is made while that one syncs.
	lag int
	// size bounds a line's data.
	size int
}

// group is what was written at once.
type group struct {
	end  int64
	last nacre.Position
}

type lineAt struct {
	off, end            int64
	batchFirst          nacre.Position
	position, batchLast nacre.Position
}

func newLog(rng *rand.Rand, first nacre.Position) *testLog {
	return &testLog{Rand: rng, first: first, next: first, lag: 1 + rng.IntN(2), size: 300}
}

// synced is what the next group knows to be durable.
func (l *testLog) synced() nacre.Position {
	if i := len(l.groups) - l.lag; i >= 0 {
		return l.groups[i].last
	}
	return l.first - 1
}

// write adds a group of batches.
func (l *testLog) write(batches int) {
	synced := l.synced()
	for range batches {
		n := nacre.Position(1)
		if l.IntN(3) == 0 {
			n += nacre.Position(l.IntN(6))
		}
		for i := range n {
			s := line.Stamp{Position: l.next, StreamPosition: int64(l.next), CreatedAt: 1e15 + int64(l.next), Synced: synced}
			at := lineAt{off: int64(len(l.bytes)), position: l.next, batchFirst: l.next - i, batchLast: l.next - i + n - 1}
			if n > 1 {
				s.BatchFirst, s.BatchLast = at.batchFirst, at.batchLast
			}
			e := nacre.Event{StreamID: "s-1", ID: "E", Type: "t", Data: l.data()}
			l.bytes = line.Append(l.bytes, &e, &s)
			at.end = int64(len(l.bytes))
			l.lines = append(l.lines, at)
			l.next++
		}
	}
	l.groups = append(l.groups, group{int64(len(l.bytes)), l.next - 1})
}

// data is mostly small, and at times longer than sectors are.
func (l *testLog) data() []byte {
	size := l.IntN(l.size)
	switch l.IntN(12) {
	case 0:
		size *= 10
	case 1:
		return []byte(`{"streamId":"x","crc":"00000000"}`)
	}
	return []byte(`{"x":"` + strings.Repeat("y", size) + `"}`)
}

// until is the last position of the last whole batch that ends at or before an offset.
func (l *testLog) until(off int64) (last nacre.Position, end int64) {
	last = l.first - 1
	for i := range l.lines {
		if at := &l.lines[i]; at.end <= off && at.position == at.batchLast {
			last, end = at.position, at.end
		}
	}
	return last, end
}

// scan judges a file, and makes sure of what always holds.
func scan(t testing.TB, file []byte, o segment.ScanOptions) *segment.Verdict {
	t.Helper()
	next, end, lines := o.First, int64(0), int64(0)
	o.OnLine = func(off int64, text []byte, v *line.View) error {
		if v.Position != next || off != end || !bytes.Equal(text, file[off:off+int64(len(text))]) || file[off+int64(len(text))] != '\n' {
			return fmt.Errorf("position %d at byte %d is given, %d at %d is due", v.Position, off, next, end)
		}
		next, end, lines = next+1, off+int64(len(text))+1, lines+1
		return nil
	}
	v, err := segment.Scan(bytes.NewReader(file), int64(len(file)), "a-file", &o)
	if err != nil {
		t.Fatal(err)
	}
	if v.Last != next-1 || v.End != end || v.Lines != lines {
		t.Fatalf("the verdict says %d, %d, %d; given were %d, %d, %d", v.Last, v.End, v.Lines, next-1, end, lines)
	}
	if (v.Kind == segment.Damaged) != (v.Damage != nil) || v.Valid < v.Last || v.ValidEnd < v.End || v.Size != int64(len(file)) {
		t.Fatalf("the verdict contradicts itself: %+v", v)
	}
	if v.Kind == segment.Torn && max(o.Durable, v.Synced) > v.Last {
		t.Fatalf("a durable position would be cut: %+v", v)
	}
	if v.Kind == segment.Clean && v.End != int64(len(file)) {
		t.Fatalf("clean, and something stands behind it: %+v", v)
	}
	if d := v.Damage; d != nil {
		if d.File != "a-file" || d.Line < 1 || d.Offset < 0 || d.Offset > int64(len(file)) || d.Reason == "" {
			t.Fatalf("the damage has no place: %+v", d)
		}
		if before := int64(bytes.Count(file[:d.Offset], []byte("\n"))) + 1; d.Line != before && bytes.IndexByte(file, 0xff) < 0 {
			t.Fatalf("byte %d is in line %d, not %d", d.Offset, before, d.Line)
		}
	}
	return v
}
