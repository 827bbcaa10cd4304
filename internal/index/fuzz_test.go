package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// span is where a block stands in a file, its checksum included.
type span struct{ at, n uint64 }

// blocksOf lists the blocks of a valid run.
func blocksOf(t testing.TB, r *Run) (blocks []span) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	lines := func(at, size uint64) {
		for ; size > 0; at, size = at+lineSize, size-lineSize {
			blocks = append(blocks, span{at, lineSize})
		}
	}
	lines(r.starts[partFilter], r.head.sizes[partFilter])
	lines(r.starts[partBuckets], r.head.sizes[partBuckets])
	for bucket := range r.head.buckets() {
		entries, at, err := r.directoryBlock(bucket)
		check(err)
		blocks = append(blocks, span{at, uint64(len(entries)) + checkSize})
	}
	postings := r.starts[partPostings]
	var below func(at place, levels int)
	below = func(at place, levels int) {
		blocks = append(blocks, span{postings + at.offset(), at.length()})
		if levels == 0 {
			return
		}
		node, err := r.list(at.offset(), at.length(), "node")
		check(err)
		for i := range len(node) / entrySize {
			_, child := nodeEntry(node, i)
			below(child, levels-1)
		}
	}
	check(r.All(func(_ uint64, p Postings) error {
		switch p.form {
		case formShort:
			below(place(p.at), 0)
		case formLong:
			blocks = append(blocks, span{postings + p.at, listHead})
			head, err := r.list(p.at, listHead, "head")
			check(err)
			below(place(binary.LittleEndian.Uint64(head[16:])), int(head[24]))
		}
		return nil
	}))
	for kind := Stream; kind <= Tag; kind++ {
		l := r.namesOf(kind)
		for i := range l.blocks() {
			content, at, err := l.content(i)
			check(err)
			blocks = append(blocks, span{at, uint64(len(content)) + checkSize})
		}
		lines(l.steps.at, ladderSize(l.blocks()))
	}
	return blocks
}

// forge changes bytes of a run and makes every checksum right again, as a
// writer with a mistake in it would.
func forge(data []byte, blocks []span, change []byte) {
	for ; len(change) >= 4; change = change[4:] {
		at := int(binary.LittleEndian.Uint16(change)) % len(data)
		switch change[2] % 4 {
		case 0:
			data[at] ^= change[3]
		case 1:
			data[at] = change[3]
		case 2:
			data[at] += change[3]
		case 3: // a block's beginning, where its counts and lengths are
			data[blocks[at%len(blocks)].at+uint64(change[3]%24)%blocks[at%len(blocks)].n] ^= 1 << (change[3] >> 5)
		}
	}
	reseal(data, blocks)
}

// reseal makes the checksums of a run's blocks, header and footer right.
func reseal(data []byte, blocks []span) {
	salt := crc(data[:headerIdentity])
	for _, b := range blocks {
		content := data[b.at : b.at+b.n-checkSize]
		binary.LittleEndian.PutUint32(data[b.at+b.n-checkSize:], sealed(content, salt, b.at))
	}
	head := data[:headerSize]
	binary.LittleEndian.PutUint32(head[headerSize-checkSize:], crc(head[:headerSize-checkSize]))
	if h, err := decodeHeader(head); err == nil && h.fileSize() == uint64(len(data)) {
		copy(data[len(data)-footerSize:], encodeFooter(&h))
	}
}

// fuzzRun is a run with lists of every form, small enough to be forged often.
func fuzzRun(t testing.TB) (h Hasher, path string, data []byte, blocks []span) {
	h = NewHasher(testKey, 0)
	a := newAuthor(newRand(7), 1000)
	a.breadth = 40
	m, _ := a.fill(h, 700)
	// A list with two levels of nodes.
	for range 128*nodeEntries + 200 {
		m.Add(m.Last()+1, []uint64{h.Term(Category, "deep")}, false)
	}
	fsys := newDisk(t)
	path, err := BuildRun(fsys, "/index", m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = fsys.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return h, path, data, blocksOf(t, mustOpen(t, fsys, path, h))
}

// survey asks a file that may hold anything for everything. Wrong answers are
// allowed, but they must end, be in order, and errors be bad blocks.
func survey(t *testing.T, data []byte, path string, h Hasher, terms []uint64) {
	bad := func(err error) {
		var block *BadBlockError
		if err != nil && !errors.As(err, &block) {
			t.Fatalf("the error is no *BadBlockError: %v", err)
		}
	}
	run, err := OpenRun(&memoryFS{data: data}, path, h)
	if err != nil {
		bad(err)
		return
	}
	bad(run.Check())
	walk := func(p Postings) {
		for _, dir := range []Direction{Forward, Backward} {
			bound := uint64(0)
			if dir == Backward {
				bound = End
			}
			s := p.Walk(dir, bound)
			before, n := bound^dir.flip(), uint64(0)
			for pos, ok := s.Next(); ok; pos, ok = s.Next() {
				if pos^dir.flip() <= before {
					t.Fatalf("%d comes behind %d", pos, before)
				}
				before = pos ^ dir.flip()
				if n++; n%40 == 0 {
					pos, _ = s.Seek(pos ^ 64)
					before = max(before, pos^dir.flip())
				}
				if n > uint64(len(data)) {
					t.Fatalf("%d positions come out of %d bytes", n, len(data))
				}
			}
			bad(s.Err())
		}
	}
	for _, term := range terms {
		p, err := run.Lookup(term)
		bad(err)
		walk(p)
	}
	bad(run.All(func(_ uint64, p Postings) error { walk(p); return nil }))
	for kind := Stream; kind <= Tag; kind++ {
		for _, dir := range []Direction{Forward, Backward} {
			for _, prefix := range []string{"", "order-2"} {
				s := run.Names(kind, dir, prefix, "")
				for n := 0; s.Next(); n++ {
					if n > len(data) {
						t.Fatalf("%d names come out of %d bytes", n, len(data))
					}
				}
				bad(s.Err())
			}
		}
	}
}

func FuzzForgedRun(f *testing.F) {
	h, path, data, blocks := fuzzRun(f)
	f.Add([]byte{})
	f.Add([]byte{0, 0, 3, 1, 9, 0, 3, 0})
	rng := newRand(99)
	for range 300 {
		change := make([]byte, 4*(1+rng.IntN(3)))
		for i := range change {
			change[i] = byte(rng.Uint32())
		}
		f.Add(change)
	}
	terms := []uint64{h.Term(Category, "order"), h.Term(Category, "deep"), h.Term(Stream, "order-1"), h.Term(Stream, "absent")}
	f.Fuzz(func(t *testing.T, change []byte) {
		forged := append([]byte(nil), data...)
		forge(forged, blocks, change)
		survey(t, forged, path, h, terms)
	})
}

func FuzzArbitraryRun(f *testing.F) {
	h, path, data, _ := fuzzRun(f)
	f.Add([]byte{})
	f.Add(data)
	f.Add(data[:headerSize])
	f.Add(append([]byte(runMagic), make([]byte, 1000)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		survey(t, data, path, h, []uint64{1, 1 << 63})
	})
}

func FuzzArbitraryOffsets(f *testing.F) {
	fsys := newDisk(f)
	path, err := WriteOffsets(fsys, "/index", 1, []uint32{0, 5, 9}, 12)
	if err != nil {
		f.Fatal(err)
	}
	data, err := fsys.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, false)
	f.Add(data[:100], true)
	f.Fuzz(func(t *testing.T, data []byte, reseal bool) {
		if reseal && len(data) >= offsetsBlock {
			// Right checksums, so that the content is looked at.
			binary.LittleEndian.PutUint32(data[offsetsBlock-checkSize:], crc(data[:offsetsBlock-checkSize]))
			salt := crc(data[:offsetsIdentity])
			for at := offsetsBlock; at+offsetsBlock <= len(data); at += offsetsBlock {
				content := data[at : at+offsetsBlock-checkSize]
				binary.LittleEndian.PutUint32(data[at+offsetsBlock-checkSize:], sealed(content, salt, uint64(at)))
			}
		}
		o, err := OpenOffsets(&memoryFS{data: data}, path)
		var bad *BadBlockError
		if err == nil {
			err = o.Check()
			for i := range min(o.Count(), 2000) {
				if start, end, err := o.Range(i); err == nil && (start >= end || uint64(end) > o.Length()) {
					t.Fatalf("line %d reaches from %d to %d", i, start, end)
				} else if err != nil && !errors.As(err, &bad) {
					t.Fatal(err)
				}
			}
		}
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("the error is no *BadBlockError: %v", fmt.Sprint(err))
		}
	})
}
