package index

import (
	"fmt"
	"slices"
	"testing"
)

func TestOffsets(t *testing.T) {
	forSeeds(t, 20, func(r random) {
		const full = offsetsPerBlock
		n := []int{1, 2, full - 1, full, full + 1, 2 * full, 2*full + 1, 1 + r.IntN(5000)}[r.IntN(8)]
		offsets := make([]uint32, n)
		at := uint32(r.IntN(3))
		for i := range offsets {
			offsets[i] = at
			at += 1 + uint32(r.IntN(1000))
		}
		fsys := newDisk(t)
		path, err := WriteOffsets(fsys, "/index", 77, offsets, uint64(at))
		r.must(err)
		o, err := OpenOffsets(fsys, path)
		r.must(err)
		defer o.Close()
		if path != "/index/"+OffsetsName(77) || o.First() != 77 || o.Count() != n || o.Length() != uint64(at) {
			r.Fatalf("%s tells %d, %d, %d", path, o.First(), o.Count(), o.Length())
		}
		r.must(o.Check())
		for i, offset := range offsets {
			want := at
			if i+1 < n {
				want = offsets[i+1]
			}
			start, end, err := o.Range(i)
			if err != nil || start != offset || end != want {
				r.Fatalf("line %d of %d reaches from %d to %d, %v; want %d to %d", i, n, start, end, err, offset, want)
			}
			if alone, err := o.Offset(i); err != nil || alone != offset {
				r.Fatalf("line %d begins at %d, %v", i, alone, err)
			}
		}
		for _, i := range []int{-1, n, n + 5000} {
			if _, _, err := o.Range(i); err == nil {
				r.Fatalf("line %d of %d has a range", i, n)
			}
		}
	})
}

func TestEveryFlippedBitOfOffsetsIsFound(t *testing.T) {
	forSeeds(t, 1, func(r random) {
		offsets := make([]uint32, 1100)
		for i := range offsets {
			offsets[i] = uint32(i * 300)
		}
		fsys := newDisk(t)
		path, err := WriteOffsets(fsys, "/index", 1, offsets, 330_000)
		r.must(err)
		data, err := fsys.ReadFile(path)
		r.must(err)
		file := &memoryFS{data: data}
		for bit := range 8 * len(data) {
			data[bit/8] ^= 1 << (bit % 8)
			o, err := OpenOffsets(file, path)
			if err == nil {
				err = o.Check()
				for _, i := range []int{0, 500, offsetsPerBlock - 1, offsetsPerBlock, 1099} {
					start, end, err := o.Range(i)
					if err != nil {
						r.isBad(err, path)
					} else if start != uint32(i*300) || end != uint32(i*300+300) {
						r.Fatalf("bit %d: line %d reaches from %d to %d", bit, i, start, end)
					}
				}
			}
			r.isBad(err, path)
			data[bit/8] ^= 1 << (bit % 8)
		}
		for n := range len(data) {
			_, err := OpenOffsets(&memoryFS{data: data[:n]}, path)
			r.isBad(err, path)
		}
		o, err := OpenOffsets(file, path)
		r.must(err)
		r.must(o.Check())
		_, err = OpenOffsets(file, "/index/"+OffsetsName(2))
		r.isBad(err, "/index/"+OffsetsName(2))
	})
}

func TestWriteOffsetsRefusesWhatIsNoSegment(t *testing.T) {
	fsys := newDisk(t)
	for _, c := range []struct {
		first   uint64
		offsets []uint32
		length  uint64
	}{
		{0, []uint32{0}, 10},
		{1, nil, 10},
		{1, []uint32{0, 5, 5}, 10},
		{1, []uint32{0, 5, 4}, 10},
		{1, []uint32{0, 10}, 10},
		{1, []uint32{0, 1}, 1 << 32},
	} {
		if _, err := WriteOffsets(fsys, "/index", c.first, c.offsets, c.length); err == nil {
			t.Errorf("offsets %v of %d bytes from position %d were written", c.offsets, c.length, c.first)
		}
	}
	if left := slices.DeleteFunc(fsys.Files(), func(name string) bool { return name == "/index" }); len(left) > 0 {
		t.Errorf("left is %v", fmt.Sprint(left))
	}
}
