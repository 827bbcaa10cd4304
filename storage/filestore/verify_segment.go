package filestore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
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
		if !repeated(c.terms, i) {
			c.sum.add(t, uint64(e.GlobalPosition))
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
		c.problems = append(c.problems, &nacre.DamageError{File: c.path, Offset: off, Position: e.GlobalPosition,
			Reason: fmt.Sprintf("stream %q goes from stream position %d to %d", e.StreamID, s.last, e.StreamPosition)})
		s.last = e.StreamPosition
	default:
		s.last++
	}
	c.streams[key] = s
	return nil
}

// repeated tells whether a term stands in the list before i: narrow hashes collide within an event.
func repeated(terms []uint64, i int) bool {
	for _, t := range terms[:i] {
		if t == terms[i] {
			return true
		}
	}
	return false
}

// segment reads segment i whole.
func (v *verifier) segment(ctx context.Context, i int) (*segmentCheck, error) {
	l := v.l
	info := l.manifest.Segments[i]
	g := &seg{log: l, first: info.First, info: info}
	g.acquire()
	defer g.release()
	c := &checker{
		segmentCheck: &segmentCheck{info: info, path: g.path(), streams: make(map[uint64]span)},
		v:            v, h: l.hasher, names: index.NewHasher([16]byte{1}, 0),
	}
	defer v.counter.add(max(info.Bytes, 1))
	r, err := g.reader()
	size := int64(0)
	if err == nil {
		size, err = g.size()
	}
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
			c.problems = append(c.problems, &nacre.DamageError{File: c.path, Offset: b.Offset, Position: b.First,
				Reason: fmt.Sprintf("%d bytes are not whole lines: %s", b.Length, b.Reason)})
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
		c.problems = append(c.problems, &nacre.DamageError{File: c.path, Offset: c.verdict.End, Position: c.verdict.Last + 1,
			Reason: fmt.Sprintf("it has %d bytes up to position %d, the manifest says %d up to %d", size, c.verdict.Last, info.Bytes, info.Last)})
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
		c.problems = append(c.problems, &nacre.DamageError{File: c.path, Position: info.First,
			Reason: "its SHA-256 is not the manifest's, though every line is whole: it is another file"})
	}
	if c.began != info.Streams {
		c.problems = append(c.problems, &nacre.DamageError{File: c.v.l.manifestPath(), Position: info.First,
			Reason: fmt.Sprintf("it says that %d streams begin in %s; there are %d", info.Streams, info.Name, c.began)})
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

// indexes compares every run and every offsets file with the lines.
func (v *verifier) indexes(ctx context.Context, checks []*segmentCheck) error {
	l := v.l
	at := make(map[nacre.Position]int)
	for i, c := range checks {
		at[c.info.First] = i
		if c.verdict == nil || c.verdict.Kind == segment.Damaged {
			v.note("the index of %s was not compared: the segment is damaged", c.path)
			continue
		}
		if c.info.Sealed {
			v.offsets(c)
		}
	}
	files, stale, err := index.ListRuns(l.fs, l.indexDir())
	if err != nil && !isNotExist(err) {
		return nacre.Errorf(nacre.CodeInternal, "the index of %s cannot be listed: %w", l.dir, err)
	}
	for _, path := range stale {
		if !v.held {
			v.note("%s is left over, and will be removed", path)
		}
	}
	due := uint64(1)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		i, ok := at[nacre.Position(f.First)]
		if !ok {
			v.note("%s does not fit the segments, and will be removed", f.Path)
			continue
		}
		v.run1(f, checks[i:])
		due = f.Last + 1
	}
	for _, c := range checks {
		if c.info.Sealed && uint64(c.info.First) >= due {
			v.note("%s has no index yet: it will be made", c.path)
		}
	}
	return nil
}

// run1 compares one run with the segments that it covers.
func (v *verifier) run1(f index.RunFile, checks []*segmentCheck) {
	bad := func(err error) {
		if v.held && isNotExist(err) {
			return // merged away meanwhile
		}
		off, what := int64(0), err.Error()
		if b, ok := asBadBlock(err); ok {
			off = b.Offset
		}
		v.damage(f.Path, nacre.Position(f.First), off, "%s (derived: delete the file, and it is made again)", what)
	}
	r, err := index.OpenRun(v.l.fs, f.Path, v.l.hasher)
	if err != nil {
		bad(err)
		return
	}
	defer r.Release()
	if err := r.Check(); err != nil {
		bad(err)
		return
	}
	var want, have postingSum
	var events, began uint64
	for _, c := range checks {
		if uint64(c.info.First) > f.Last {
			break
		}
		if c.verdict == nil || c.verdict.Kind == segment.Damaged {
			return
		}
		want.join(c.sum)
		events += uint64(c.verdict.Last-c.info.First) + 1
		began += uint64(c.began)
	}
	err = r.All(func(term uint64, postings index.Postings) error {
		positions := postings.Ascend(0)
		for p, ok := positions.Next(); ok; p, ok = positions.Next() {
			have.add(term, p)
		}
		return positions.Err()
	})
	switch {
	case err != nil:
		bad(err)
	case r.Events() != events || r.Streams() != began || have != want:
		bad(errors.New("its postings are not those of the segments"))
	default:
		v.names(r, bad)
	}
}

// names checks that each name of a run has its term, and, where hashes are whole, that no name is missing.
func (v *verifier) names(r *index.Run, bad func(error)) {
	names := uint64(0)
	for _, kind := range []index.Kind{index.Stream, index.Category, index.Type, index.Tag} {
		it := r.Names(kind, index.Forward, "", "")
		for it.Next() {
			names++
			if p, err := r.Lookup(v.l.hasher.Term(kind, string(it.Name()))); err != nil || p.Count() == 0 {
				bad(fmt.Errorf("it names %q, which no event bears", it.Name()))
				return
			}
		}
		if err := it.Err(); err != nil {
			bad(err)
			return
		}
	}
	if v.l.o.env.termBits == 0 && names+r.Events() != r.Terms() {
		bad(errors.New("its names are not those of the segments"))
	}
}

// offsets compares a sealed segment's offsets file with its lines.
func (v *verifier) offsets(c *segmentCheck) {
	path := filepath.Join(v.l.indexDir(), index.OffsetsName(uint64(c.info.First)))
	offs, err := index.OpenOffsets(v.l.fs, path)
	if isNotExist(err) {
		v.note("%s is missing, and will be made", path)
		return
	}
	if err == nil {
		defer offs.Close()
		err = offs.Check()
	}
	if err == nil && (offs.Count() != len(c.offsets) || offs.First() != uint64(c.info.First) || int64(offs.Length()) != c.info.Bytes) {
		err = errors.New("it is of another segment")
	}
	for i := 0; err == nil && i < len(c.offsets); i++ {
		var off uint32
		if off, err = offs.Offset(i); err == nil && off != c.offsets[i] {
			err = fmt.Errorf("line %d begins at byte %d, not %d", i+1, c.offsets[i], off)
		}
	}
	if err != nil {
		v.damage(path, c.info.First, 0, "%s (derived: delete the file, and it is made again)", err)
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
