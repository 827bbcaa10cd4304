package filestore

import (
	"context"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// segmentCheck is what one segment holds, in a form that can be compared with the index and with its
// neighbours without keeping the segment.
type segmentCheck struct {
	info     segment.Info
	path     string
	verdict  *segment.Verdict
	problems []error
	offsets  []uint32
	sum      postingSum
	streams  map[uint64]span // by a hash that the index does not use
	began    int64
	merges   map[uint64]struct{} // terms of categories of merge streams
}

// span is the part of a stream that stands in a segment.
type span struct{ first, last int64 }

// postingSum adds up the postings of a set of events: equal sets have equal sums, in whatever order they
// are added, and different ones have different sums but for a chance of 2^-64.
type postingSum struct{ a, b uint64 }

func (s *postingSum) add(term, pos uint64) {
	x := term ^ pos*0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 29
	s.a += x
	s.b += x*x | 1
}

func (s *postingSum) join(o postingSum) { s.a += o.a; s.b += o.b }

// checker is what looks at each line of a segment.
type checker struct {
	*segmentCheck
	v     *verifier
	event nacre.Event
	terms []uint64
	h     index.Hasher
	names index.Hasher
}

func (c *checker) line(off int64, _ []byte, v *line.View) error {
	e := &c.event
	v.Event(e, true)
	c.offsets = append(c.offsets, uint32(off))
	h := c.h
	c.terms = appendTerms(c.terms[:0], h, h.Term(index.Stream, string(e.StreamID)), h.Term(index.Category, e.StreamID.Category()), e.StreamID, e)
	for i, t := range c.terms {
		if !slices.Contains(c.terms[:i], t) { // narrow hashes collide within an event
			c.sum.add(t, uint64(e.GlobalPosition))
		}
	}
	if isGenesis(e) {
		for _, t := range c.terms[len(c.terms)-2:] {
			c.merges[t] = struct{}{}
		}
	}
	key := c.names.Term(index.Stream, string(e.StreamID))
	s, known := c.streams[key]
	switch {
	case !known:
		s = span{e.StreamPosition, e.StreamPosition}
		if e.StreamPosition == 0 {
			c.began++
		}
	case e.StreamPosition != s.last+1:
		c.problems = append(c.problems, &nacre.DamageError{
			File: c.path, Offset: off, Position: e.GlobalPosition,
			Reason: fmt.Sprintf("stream %q goes from stream position %d to %d", e.StreamID, s.last, e.StreamPosition),
		})
		s.last = e.StreamPosition
	default:
		s.last++
	}
	c.streams[key] = s
	return nil
}

// segment reads segment i whole.
func (v *verifier) segment(ctx context.Context, i int) (*segmentCheck, error) {
	l := v.l
	info := l.manifest.Segments[i]
	g := &seg{log: l, first: info.First, info: info}
	g.acquire()
	defer g.release()
	c := &checker{
		segmentCheck: &segmentCheck{info: info, path: g.path(), streams: make(map[uint64]span), merges: make(map[uint64]struct{})},
		v:            v, h: l.hasher, names: index.NewHasher([16]byte{1}, 0),
	}
	defer v.counter.add(max(info.Bytes, 1))
	r, size, err := g.content()
	if err != nil {
		if !isDamage(err) {
			err = &nacre.DamageError{File: c.path, Position: info.First, Reason: "cannot be read: " + err.Error()}
		}
		if !missing(err) {
			c.problems = append(c.problems, err) // a missing file has been told
		}
		return c.segmentCheck, nil
	}
	durable := v.durable
	if info.Sealed {
		durable = info.Last
	}
	tail := i == len(l.manifest.Segments)-1 && !info.Sealed
	if !tail && i+1 < len(l.manifest.Segments) {
		durable = l.manifest.Segments[i+1].First - 1
	}
	verdict, err := segment.Scan(r, size, c.path, &segment.ScanOptions{First: info.First, Durable: durable, Tail: tail, OnLine: c.line})
	if err != nil {
		return nil, err
	}
	c.verdict = verdict
	if verdict.Kind == segment.Damaged && !(tail && v.held && verdict.Damage.Position > v.durable) {
		c.problems = append(c.problems, verdict.Damage)
		c.rest()
	}
	if info.Sealed && verdict.Kind != segment.Damaged {
		if err := c.seal(ctx, g, size); err != nil {
			return nil, err
		}
	}
	return c.segmentCheck, nil
}

// rest tells of every other place of a damaged segment that is not whole.
func (c *checker) rest() {
	for _, b := range c.verdict.Bad {
		if b.Offset != c.verdict.Damage.Offset {
			c.problems = append(c.problems, &nacre.DamageError{
				File: c.path, Offset: b.Offset, Position: b.First,
				Reason: fmt.Sprintf("%d bytes are not whole lines: %s", b.Length, b.Reason),
			})
		}
	}
}

// seal compares a sealed segment with what the manifest says of it.
func (c *checker) seal(ctx context.Context, g *seg, size int64) error {
	r, err := g.reader()
	if err != nil {
		return err
	}
	info := c.info
	if size != info.Bytes || c.verdict.Last != info.Last {
		c.problems = append(c.problems, &nacre.DamageError{
			File: c.path, Offset: c.verdict.End, Position: c.verdict.Last + 1,
			Reason: fmt.Sprintf("it has %d bytes up to position %d, the manifest says %d up to %d", size, c.verdict.Last, info.Bytes, info.Last),
		})
		return nil
	}
	sum, err := segment.Sum(ctx, r, size, nil)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		c.problems = append(c.problems, &nacre.DamageError{File: c.path, Reason: "cannot be read: " + err.Error()})
		return nil
	}
	if sum != info.SHA256 {
		c.problems = append(c.problems, &nacre.DamageError{
			File: c.path, Position: info.First,
			Reason: "its SHA-256 is not the manifest's, though every line is whole: it is another file",
		})
	}
	if c.began != info.Streams {
		c.problems = append(c.problems, &nacre.DamageError{
			File: c.v.l.manifestPath(), Position: info.First,
			Reason: fmt.Sprintf("it says that %d streams begin in %s; there are %d", info.Streams, info.Name, c.began),
		})
	}
	return nil
}

// join looks at what crosses segments: positions, and streams.
func (v *verifier) join(checks []*segmentCheck) {
	streams := make(map[uint64]int64)
	due := nacre.Position(1)
	whole := true
	for i, c := range checks {
		v.report.Segments++
		v.report.Problems = append(v.report.Problems, c.problems...)
		if c.verdict == nil || c.verdict.Kind == segment.Damaged {
			whole = false
			if c.verdict != nil {
				v.report.Events += c.verdict.Lines // up to the damage
				v.report.Bytes += c.verdict.Size
			}
			continue
		}
		if c.info.First != due && whole {
			v.damage(c.path, c.info.First, 0, "the segment begins at position %d, %d is due", c.info.First, due)
		}
		due = c.verdict.Last + 1
		v.report.Events += int64(c.verdict.Last - c.info.First + 1)
		v.report.Bytes += c.verdict.End
		if c.verdict.Kind == segment.Torn && !v.held {
			v.note("%s: the end is torn, from byte %d on; what stands there was never acknowledged, and the next open for writing cuts it", c.path, c.verdict.End)
		}
		if i == len(checks)-1 && c.verdict.Last < v.durable {
			v.damage(c.path, c.verdict.Last+1, c.verdict.End, "the log ends at position %d, the mark says that %d is durable", c.verdict.Last, v.durable)
		}
		for key, s := range c.streams {
			before, known := streams[key]
			if !known {
				before = -1
				v.report.Streams++
			}
			if s.first != before+1 && whole {
				v.damage(c.path, c.info.First, 0, "a stream goes from stream position %d to %d across segments", before, s.first)
			}
			streams[key] = s.last
		}
		c.streams = nil
	}
	if len(checks) == 0 && v.durable > 0 {
		v.damage(v.l.manifestPath(), 1, 0, "no segment is listed, the mark says that position %d is durable", v.durable)
	}
}

// cuts checks what recovery has cut off and kept.
func (v *verifier) cuts() {
	dir := v.l.cutDir()
	entries, err := v.l.fs.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name, ".tmp") {
			continue // what was being written when the process ended
		}
		path := filepath.Join(dir, e.Name)
		parts := strings.Split(e.Name, "-")
		bytes, err := vfs.ReadFile(v.l.fs, path)
		if err != nil || len(parts) != 3 || parts[2] != fmt.Sprintf("%08x", crc32.Checksum(bytes, crc32.MakeTable(crc32.Castagnoli))) {
			v.damage(path, 0, 0, "what was cut and kept here has changed since")
		}
	}
}

// blobs reads every blob.
func (v *verifier) blobs(ctx context.Context) error {
	v.l.walkBlobs(func(key string, err error) bool {
		if err == nil {
			_, err = v.l.GetBlob(ctx, key)
		}
		if err != nil && ctx.Err() == nil && nacre.CodeOf(err) != nacre.CodeNotFound {
			v.problem(err)
		}
		return ctx.Err() == nil
	})
	return ctx.Err()
}
