package index

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// forgery is a mistake that a writer could make, with every checksum right.
type forgery struct {
	name string
	// make changes the file of a run, and where it has blocks.
	make func(r *Run, data []byte, blocks []span)
	// found is what the error says.
	found string
}

// forgedRun is the run that forgeries are made of: a term "even" at every
// second position, with two levels of nodes, streams with names, lone ids.
func forgedRun(t *testing.T) (h Hasher, path string, data []byte) {
	h = NewHasher(testKey, 0)
	m := NewMem(1000, h)
	for i := range uint64(2 * 128 * (nodeEntries + 3)) {
		terms := []uint64{h.Term(Type, "odd")}
		if i%2 == 0 {
			terms = []uint64{h.Term(Type, "even")}
		}
		if i < 300 {
			name := fmt.Sprintf("order-%d", i%100)
			terms = append(terms, h.Term(Stream, name), h.ID(name, fmt.Sprint(i)))
			m.AddName(Stream, name)
		}
		m.Add(1000+i, terms, i < 100)
	}
	fsys := newDisk(t)
	path, err := BuildRun(fsys, "/index", m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = fsys.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return h, path, data
}

// entryAt is the first directory entry of a form, and where it stands.
func entryAt(r *Run, f form) (at uint64, v value) {
	for bucket := range r.head.buckets() {
		block, start, _ := r.directoryBlock(bucket)
		for i := range len(block) / entrySize {
			if _, v := directoryEntry(block, i); v.form() == f {
				return start + uint64(i)*entrySize, v
			}
		}
	}
	return 0, 0
}

func put64(data []byte, at, n uint64) { binary.LittleEndian.PutUint64(data[at:], n) }

func get64(data []byte, at uint64) uint64 { return binary.LittleEndian.Uint64(data[at:]) }

// deepHead is where the head of the list "even" stands, and where its root.
func deepHead(r *Run, data []byte) (head, root uint64) {
	_, v := entryAt(r, formLong)
	head = r.starts[partPostings] + v.offset()
	return head, r.starts[partPostings] + place(get64(data, head+16)).offset()
}

func forgeries() []forgery {
	return []forgery{
		{"two terms in the wrong order", func(r *Run, data []byte, _ []span) {
			at := r.starts[partDirectory]
			first, second := get64(data, at), get64(data, at+entrySize)
			put64(data, at, second)
			put64(data, at+entrySize, first)
		}, "out of order"},
		{"a term twice", func(r *Run, data []byte, _ []span) {
			at := r.starts[partDirectory]
			put64(data, at+entrySize, get64(data, at))
		}, "out of order"},
		{"a term in another bucket", func(r *Run, data []byte, _ []span) {
			put64(data, r.starts[partDirectory], End)
		}, "out of order"},
		{"a ladder that falls", func(r *Run, data []byte, _ []span) {
			data[r.starts[partBuckets]+4] = 0xff
		}, "is out of order"},
		{"a directory with a term less", func(r *Run, data []byte, blocks []span) {
			last := r.starts[partDirectory] - lineSize
			for i := range uint64(rungs + 1) {
				if at := last + i*rungSize; uint64(data[at])|uint64(data[at+1])<<8 == r.head.terms {
					data[at]--
				}
			}
			for i := range blocks {
				if blocks[i].at+blocks[i].n == r.starts[partPostings] {
					blocks[i].n -= entrySize
				}
			}
		}, "another number of terms"},
		{"an entry of a form that there is not", func(r *Run, data []byte, _ []span) {
			at, v := entryAt(r, formLone)
			put64(data, at+8, uint64(v)|3<<62)
		}, "an unknown form"},
		{"a lone position beyond the run", func(r *Run, data []byte, _ []span) {
			at, _ := entryAt(r, formLone)
			put64(data, at+8, r.head.last-r.head.first+1)
		}, "an impossible position"},
		{"a list beyond the postings", func(r *Run, data []byte, _ []span) {
			at, v := entryAt(r, formShort)
			put64(data, at+8, uint64(v)|maxShortOffset)
		}, "reaches beyond the postings"},
		{"a short list with another count", func(r *Run, data []byte, _ []span) {
			at, v := entryAt(r, formShort)
			count, length, offset := v.short()
			put64(data, at+8, uint64(shortValue(int(count)+1, int(length), offset)))
		}, "not as it is written"},
		{"a short list up to beyond the run", func(r *Run, data []byte, _ []span) {
			_, v := entryAt(r, formShort)
			_, _, offset := v.short()
			at := r.starts[partPostings] + offset
			copy(data[at:], []byte{0xff, 0xff, 0x7f})
		}, "impossible last position"},
		{"a list's head with another count", func(r *Run, data []byte, _ []span) {
			head, _ := deepHead(r, data)
			put64(data, head, get64(data, head)-1)
		}, "and its head tells"},
		{"a list's head with an impossible count", func(r *Run, data []byte, _ []span) {
			head, _ := deepHead(r, data)
			put64(data, head, 1<<50)
		}, "the head of a list of postings is impossible"},
		{"a list's head with another last position", func(r *Run, data []byte, _ []span) {
			head, _ := deepHead(r, data)
			put64(data, head+8, get64(data, head+8)-1)
		}, "a leaf of a list"},
		{"a list without levels", func(r *Run, data []byte, _ []span) {
			head, _ := deepHead(r, data)
			data[head+24] = 0
		}, "the head of a list of postings is impossible"},
		{"a list with a level more", func(r *Run, data []byte, _ []span) {
			head, _ := deepHead(r, data)
			data[head+24]++
		}, ""},
		{"a leaf that overlaps with the one before", func(r *Run, data []byte, _ []span) {
			_, root := deepHead(r, data)
			bottom := r.starts[partPostings] + place(get64(data, root+8)).offset()
			put64(data, bottom, get64(data, bottom)+3)
		}, "out of order"},
		{"a leaf with a posting more", func(r *Run, data []byte, _ []span) {
			_, root := deepHead(r, data)
			bottom := r.starts[partPostings] + place(get64(data, root+8)).offset()
			leaf := r.starts[partPostings] + place(get64(data, bottom+8)).offset()
			data[leaf] |= 0x80 // joins two gaps: one less
		}, ""},
		{"a filter that forgot", func(r *Run, data []byte, _ []span) {
			clear(data[r.starts[partFilter] : r.starts[partFilter]+lineContent])
		}, "the filter does not know"},
		{"names in the wrong order", func(r *Run, data []byte, _ []span) {
			// "order-0", then "1" of "order-1".
			at := r.starts[partNames]
			i := strings.Index(string(data[at:]), "order-0")
			data[at+uint64(i)+6] = '9'
		}, "not as it is written"},
		{"names that share what is not there", func(r *Run, data []byte, _ []span) {
			data[r.starts[partNames]]++
		}, "not as it is written"},
		{"a block with a name less", func(r *Run, data []byte, _ []span) {
			// The block's second name takes the bytes of the third for its own.
			at := r.starts[partNames] + 2 + uint64(len("order-0"))
			data[at+1] += 3
		}, "another number of names"},
		{"another number of postings in the header", func(_ *Run, data []byte, _ []span) {
			put64(data, 56, get64(data, 56)+1)
		}, "and its header tells"},
		{"a byte that its block covers and its part does not", func(r *Run, data []byte, _ []span) {
			data[r.starts[partFilter]] |= 1
			data[r.starts[partFilter]+1] |= 0xff
		}, "the checksum of the part"},
	}
}

// TestCheckFindsForgeries: what is wrong is found by its structure, not only by
// checksums.
func TestCheckFindsForgeries(t *testing.T) {
	h, path, original := forgedRun(t)
	for _, f := range forgeries() {
		data := append([]byte(nil), original...)
		run, err := OpenRun(&memoryFS{data: data}, path, h)
		if err != nil {
			t.Fatal(err)
		}
		blocks := blocksOf(t, run)
		f.make(run, data, blocks)
		reseal(data, blocks)
		forged, err := OpenRun(&memoryFS{data: data}, path, h)
		if err != nil {
			t.Errorf("%s: the forgery is not the one that was meant: %v", f.name, err)
			continue
		}
		err = forged.Check()
		if err == nil || !strings.Contains(err.Error(), f.found) {
			t.Errorf("%s: Check says %v; it should say %q", f.name, err, f.found)
		}
		survey(t, data, path, h, []uint64{h.Term(Type, "even"), h.Term(Type, "odd")})
	}
}

// TestBackwardWalkEnds: in a tree that is out of order a walk must not go back
// and forth for ever.
func TestBackwardWalkEnds(t *testing.T) {
	h, path, data := forgedRun(t)
	run, err := OpenRun(&memoryFS{data: data}, path, h)
	if err != nil {
		t.Fatal(err)
	}
	blocks := blocksOf(t, run)
	// The leaves of the first node become those of the second: behind the
	// second one's first leaf a step back comes to its last one again.
	for _, kind := range []string{"even", "odd"} {
		p, err := run.Lookup(h.Term(Type, kind))
		if err != nil {
			t.Fatal(err)
		}
		root := run.starts[partPostings] + place(get64(data, run.starts[partPostings]+p.at+16)).offset()
		first := run.starts[partPostings] + place(get64(data, root+8)).offset()
		second := run.starts[partPostings] + place(get64(data, root+entrySize+8)).offset()
		for to, from := range map[uint64]uint64{0: 0, nodeEntries - 2: 1, nodeEntries - 1: 2} {
			copy(data[first+to*entrySize:][:entrySize], data[second+from*entrySize:])
		}
	}
	reseal(data, blocks)
	for _, kind := range []string{"even", "odd"} {
		p, err := run.Lookup(h.Term(Type, kind))
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(p.Walk(Backward, End))
		if err == nil || uint64(len(got)) >= p.Count() {
			t.Errorf("a walk through a tree out of order gives %d of %d positions, and %v", len(got), p.Count(), err)
		}
	}
}

// TestOffsetsFindForgeries does the same with an offsets file.
func TestOffsetsFindForgeries(t *testing.T) {
	fsys := newDisk(t)
	offsets := make([]uint32, 1030)
	for i := range offsets {
		offsets[i] = uint32(i * 10)
	}
	path, err := WriteOffsets(fsys, "/index", 1, offsets, 10_300)
	if err != nil {
		t.Fatal(err)
	}
	original, err := fsys.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    int
		value uint32
		line  int // that must be refused, unless negative
	}{
		"a line that ends before it begins": {offsetsBlock + 5*4, 5, 4},
		"a line without a byte":             {offsetsBlock + 5*4, 40, 4},
		"a line beyond the segment":         {2*offsetsBlock + 9*4, 20_000, 8 + offsetsPerBlock},
		"something behind the last offset":  {9*offsetsBlock + 80*4, 1, -1},
		"something behind a full block":     {2*offsetsBlock - 8, 1, -1},
	} {
		data := append([]byte(nil), original...)
		binary.LittleEndian.PutUint32(data[c.at:], c.value)
		for at := offsetsBlock; at < len(data); at += offsetsBlock {
			content := data[at : at+offsetsBlock-checkSize]
			check := sealed(content, crc(data[:offsetsIdentity]), uint64(at))
			binary.LittleEndian.PutUint32(data[at+offsetsBlock-checkSize:], check)
		}
		o, err := OpenOffsets(&memoryFS{data: data}, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Check(); err == nil {
			t.Errorf("%s: Check finds nothing", name)
		}
		if c.line >= 0 {
			if start, end, err := o.Range(c.line); err == nil {
				t.Errorf("%s: line %d reaches from %d to %d", name, c.line, start, end)
			}
		}
	}
}
