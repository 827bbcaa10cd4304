package segment_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

func TestFileName(t *testing.T) {
	for _, c := range []struct {
		name       string
		first      nacre.Position
		compressed bool
	}{
		{"00000000000000000001.ndjson", 1, false},
		{"00000000000000160212.ndjson.zst", 160_212, true},
		{"09223372036854775807.ndjson", 1<<63 - 1, false},
	} {
		if got := segment.FileName(c.first, c.compressed); got != c.name {
			t.Errorf("%d: %s, want %s", c.first, got, c.name)
		}
		if first, compressed, ok := segment.ParseFileName(c.name); first != c.first || compressed != c.compressed || !ok {
			t.Errorf("%s: %d, %v, %v", c.name, first, compressed, ok)
		}
	}
	for _, name := range []string{
		"", "manifest", "1.ndjson", "00000000000000000000.ndjson", "00000000000000000001.ndjson.tmp", "00000000000000000001.zst",
		"0000000000000000000x.ndjson", "000000000000000000001.ndjson", "-0000000000000000001.ndjson", "+0000000000000000001.ndjson",
		"18446744073709551615.ndjson", "00000000000000000001.NDJSON",
	} {
		if first, _, ok := segment.ParseFileName(name); ok {
			t.Errorf("%q is taken as the segment of %d", name, first)
		}
	}
}

func someManifest() *segment.Manifest {
	return &segment.Manifest{
		Store: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Epoch: "01JD3Y8Q0V3M8S2Z6T5N9K4RWF", Key: [16]byte{1, 2, 0xab, 15: 0xff},
		Segments: []segment.Info{
			{
				Name: segment.FileName(1, true), First: 1, Sealed: true, Last: 160_211, Bytes: 67_108_401, SHA256: [32]byte{31: 7},
				Newest: 1_795_200_920_471_204, Oldest: -5, Streams: 9120, Zstd: true,
			},
			{Name: segment.FileName(160_212, false), First: 160_212, Sealed: true, Last: 160_212, Bytes: 1},
			{Name: segment.FileName(160_213, false), First: 160_213},
			{Name: segment.FileName(160_300, false), First: 160_300},
		},
	}
}

func TestManifest(t *testing.T) {
	m := someManifest()
	text := segment.EncodeManifest(m)
	want := `{"manifest":1,"store":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE","epoch":"01JD3Y8Q0V3M8S2Z6T5N9K4RWF","key":"0102ab000000000000000000000000ff","segments":4,"crc":"`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("begins as\n%s\nwant\n%s", text, want)
	}
	want = `{"segment":"00000000000000000001.ndjson.zst","first":1,"last":160211,"bytes":67108401,"sha256":"` + strings.Repeat("0", 63) + `7",` +
		`"newest":"2026-11-20T18:55:20.471204Z","oldest":"1969-12-31T23:59:59.999995Z","streams":9120,"zstd":true,"crc":"`
	if lines := strings.Split(string(text), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[1], want) || lines[5] != "" {
		t.Errorf("has the lines\n%s\nwant for the second\n%s", text, want)
	}
	back, err := segment.DecodeManifest("manifest", text)
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%+v, %v", back, err)
	}
	empty := &segment.Manifest{Store: "S", Epoch: "E"}
	if back, err := segment.DecodeManifest("manifest", segment.EncodeManifest(empty)); err != nil || !reflect.DeepEqual(back, empty) {
		t.Errorf("%+v, %v", back, err)
	}
}

// TestManifestDamage flips every bit, cuts everywhere, and takes every line away.
func TestManifestDamage(t *testing.T) {
	text := segment.EncodeManifest(someManifest())
	damaged := func(changed []byte, most int) {
		t.Helper()
		m, err := segment.DecodeManifest("m", changed)
		damage, ok := errors.AsType[*nacre.DamageError](err)
		if !ok || m != nil {
			t.Fatalf("taken, or %v:\n%s", err, changed)
		}
		if damage.File != "m" || damage.Line < 1 || damage.Offset > int64(most) || damage.Reason == "" ||
			damage.Line != int64(bytes.Count(changed[:damage.Offset], []byte("\n")))+1 {
			t.Fatalf("a change at byte %d is told as %+v", most, damage)
		}
	}
	for i := range text {
		for bit := range 8 {
			text[i] ^= 1 << bit
			damaged(text, i)
			text[i] ^= 1 << bit
		}
		damaged(text[:i], i)
	}
	damaged(append(bytes.Clone(text), "\n"...), len(text))
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i := range lines[:len(lines)-1] {
		damaged(bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil), len(text))
		damaged(bytes.Join(slices.Insert(slices.Clone(lines), i, lines[i]), nil), len(text))
	}
}

// TestManifestRules has manifests whose checksums are right.
func TestManifestRules(t *testing.T) {
	for _, c := range []struct {
		tells  string
		change func(m *segment.Manifest)
	}{
		{"not named", func(m *segment.Manifest) { m.Segments[1].Name = segment.FileName(7, false) }},
		{"not named", func(m *segment.Manifest) { m.Segments[0].Zstd = false }},
		{"not named", func(m *segment.Manifest) { m.Segments[0].First, m.Segments[0].Name = 0, segment.FileName(0, true) }},
		{"does not follow", func(m *segment.Manifest) { m.Segments[0].Last++ }},
		{"does not follow", func(m *segment.Manifest) { m.Segments = slices.Delete(m.Segments, 1, 2) }},
		{"stands behind", func(m *segment.Manifest) {
			m.Segments[2], m.Segments[3] = m.Segments[3], m.Segments[2]
			m.Segments[1].Last = 160_299
		}},
		{"sealed and empty", func(m *segment.Manifest) { m.Segments[1].Bytes = 0 }},
		{"sealed and empty", func(m *segment.Manifest) { m.Segments[1].Last = 1 }},
		{"compressed and not sealed", func(m *segment.Manifest) {
			m.Segments[3].Zstd, m.Segments[3].Name = true, segment.FileName(160_300, true)
		}},
		{"before it is not", func(m *segment.Manifest) {
			m.Segments[3].Sealed, m.Segments[3].Last, m.Segments[3].Bytes = true, 160_400, 5
		}},
	} {
		m := someManifest()
		c.change(m)
		if _, err := segment.DecodeManifest("m", segment.EncodeManifest(m)); err == nil || !strings.Contains(err.Error(), c.tells) {
			t.Errorf("%v, want one that tells %q", err, c.tells)
		}
	}
	sealed := func(text string) string {
		return string(line.AppendCRC([]byte(text), line.Checksum([]byte(text)), "}\n"))
	}
	head := `{"manifest":1,"store":"S","epoch":"E","key":"00000000000000000000000000000000"`
	for _, text := range []string{
		sealed(`{"manifest":2,"store":"S","epoch":"E","key":"00000000000000000000000000000000","segments":0`),
		sealed(head), sealed(head + `,"segments":-1`), sealed(head + `,"segments":00`), sealed(head + `,"segments":99999999999999999999`),
		sealed(head + `,"segments":0,"more":1`), sealed(head + `,"segments":"0"`), sealed(strings.ToUpper(head) + `,"segments":0`),
		sealed(strings.Replace(head, "00000000", "0000000G", 1) + `,"segments":0`), sealed(strings.Replace(head, `"S"`, "5", 1) + `,"segments":0`),
		sealed(strings.Replace(head, "00000000", "AA000000", 1) + `,"segments":0`), sealed(strings.Replace(head, "00000000", "0000", 1) + `,"segments":0`),
		sealed(head+`,"segments":1`) + sealed(`{"segment":"00000000000000000001.ndjson","first":1,"last":1,"bytes":1,"sha256":"00","streams":1`),
		sealed(head+`,"segments":1`) + sealed(`{"segment":"00000000000000000001.ndjson","first":1,"last":1,"bytes":1,"sha256":"`+strings.Repeat("0", 64)+`","newest":"now","streams":1`),
		sealed(head+`,"segments":1`) + sealed(`{"segment":"00000000000000000001.ndjson","first":1,"zstd":false`),
		"{}\n", "\n", "",
	} {
		if m, err := segment.DecodeManifest("m", []byte(text)); nacre.CodeOf(err) != nacre.CodeDamaged {
			t.Errorf("%+v, %v of %s", m, err, text)
		}
	}
}

func TestMark(t *testing.T) {
	file := make([]byte, segment.MarkSize)
	if m, found, damage := segment.DecodeMark("mark", file); found || damage != nil {
		t.Errorf("zeros are a mark: %+v, %v", m, damage)
	}
	if m, found, damage := segment.DecodeMark("mark", nil); found || damage != nil {
		t.Errorf("nothing is a mark: %+v, %v", m, damage)
	}
	var before segment.Mark
	for i := range uint64(5) {
		m := segment.Mark{Number: 7 + i, Epoch: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Durable: nacre.Position(160_212 + i), Clean: i%2 == 0}
		slot := segment.EncodeMarkSlot(&m)
		if len(slot) != segment.SlotSize {
			t.Fatalf("a slot has %d bytes", len(slot))
		}
		if i == 0 && !strings.HasPrefix(string(slot), `{"mark":7,"epoch":"01JD3Y8Q0V3M8S2Z6T5N9K4RWE","durable":160212,"clean":true,"crc":"`) {
			t.Errorf("the slot is %s", slot)
		}
		// A crash may lose the slot that is being written: its sector is the old one, or zeros.
		lost := bytes.Clone(file)
		if got, found, damage := segment.DecodeMark("mark", lost); found != (i > 0) || got != before || damage != nil {
			t.Errorf("without the last write, %+v, %v, %v, want %+v", got, found, damage, before)
		}
		clear(lost[m.Offset() : m.Offset()+segment.SlotSize])
		if got, found, damage := segment.DecodeMark("mark", lost); found != (i > 0) || got != before || damage != nil {
			t.Errorf("with zeros for the last write, %+v, %v, %v, want %+v", got, found, damage, before)
		}
		copy(file[m.Offset():], slot)
		if got, found, damage := segment.DecodeMark("mark", file); !found || damage != nil || got != m {
			t.Errorf("%+v, %v, %v, want %+v", got, found, damage, m)
		}
		before = m
	}
}

func TestMarkDamage(t *testing.T) {
	a := segment.Mark{Number: 8, Epoch: "E", Durable: 8}
	b := segment.Mark{Number: 9, Epoch: "E", Durable: 9, Clean: true}
	file := append(segment.EncodeMarkSlot(&a), segment.EncodeMarkSlot(&b)...)
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			other := b
			if i >= segment.SlotSize {
				other = a
			}
			m, found, damage := segment.DecodeMark("mark", file)
			file[i] ^= 1 << bit
			told, ok := (*nacre.DamageError)(nil), false
			if len(damage) == 1 {
				told, ok = errors.AsType[*nacre.DamageError](damage[0])
			}
			if !found || m != other || !ok || told.Offset != int64(i/segment.SlotSize*segment.SlotSize) || told.Line != int64(i/segment.SlotSize)+1 {
				t.Fatalf("bit %d of byte %d: %+v, %v, %v", bit, i, m, found, damage)
			}
		}
	}
	for _, size := range []int{1, 100, segment.SlotSize - 1, segment.SlotSize + 1, segment.MarkSize - 1} {
		if _, _, damage := segment.DecodeMark("mark", file[:size]); len(damage) != 1 {
			t.Errorf("cut to %d bytes: %v", size, damage)
		}
	}
	if m, found, damage := segment.DecodeMark("mark", file[:segment.SlotSize]); !found || m != a || damage != nil {
		t.Errorf("cut to one slot: %+v, %v, %v", m, found, damage)
	}
	if _, _, damage := segment.DecodeMark("mark", append(bytes.Clone(file), 0)); len(damage) != 1 {
		t.Errorf("one byte more: %v", damage)
	}
	swapped := append(bytes.Clone(file[segment.SlotSize:]), file[:segment.SlotSize]...)
	if _, found, damage := segment.DecodeMark("mark", swapped); found || len(damage) != 2 {
		t.Errorf("swapped slots: %v, %v", found, damage)
	}
}

func TestBlob(t *testing.T) {
	data := []byte("any bytes\n\x00{}")
	file := segment.AppendBlob([]byte("before"), "snapshots/a-1", data)[len("before"):]
	if want := `{"blob":"snapshots/a-1","bytes":13,"sha256":"`; !strings.HasPrefix(string(file), want) || !bytes.HasSuffix(file, append([]byte("\"}\n"), data...)) {
		t.Errorf("the file is %q", file)
	}
	if got, err := segment.DecodeBlob("f", "snapshots/a-1", file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := segment.DecodeBlob("f", "k", segment.AppendBlob(nil, "k", nil)); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %q, %v", got, err)
	}
	damaged := func(key string, changed []byte) {
		t.Helper()
		if got, err := segment.DecodeBlob("f", key, changed); nacre.CodeOf(err) != nacre.CodeDamaged || got != nil {
			t.Fatalf("%q, %v of %q", got, err, changed)
		}
	}
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			damaged("snapshots/a-1", file)
			file[i] ^= 1 << bit
		}
		damaged("snapshots/a-1", file[:i])
	}
	damaged("snapshots/a-1", append(bytes.Clone(file), 0))
	damaged("snapshots/a-2", file)
}

// FuzzRecords gives bytes whose checksum is right.
func FuzzRecords(f *testing.F) {
	f.Add(segment.EncodeManifest(someManifest()))
	f.Add(segment.EncodeMarkSlot(&segment.Mark{Number: 8, Epoch: "E", Durable: 8}))
	f.Add(segment.AppendBlob(nil, "k", []byte("data")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := segment.DecodeManifest("m", text); err == nil && !bytes.Equal(segment.EncodeManifest(m), text) {
			t.Fatalf("%s is read as %+v", text, m)
		}
		var sealed []byte
		for _, part := range bytes.SplitAfter(text, []byte("\n")) {
			if i := bytes.LastIndex(part, []byte(`,"crc":"`)); i >= 0 {
				part = append(line.AppendCRC(bytes.Clone(part[:i]), line.Checksum(part[:i]), "}"), '\n')
			}
			sealed = append(sealed, part...)
		}
		if m, err := segment.DecodeManifest("m", sealed); err == nil && !bytes.Equal(segment.EncodeManifest(m), sealed) {
			t.Fatalf("%s is read as %+v", sealed, m)
		}
		slot := bytes.TrimSuffix(sealed, []byte("\n"))
		if n := segment.SlotSize - 1 - len(slot); n >= 0 {
			slot = append(append(slot, bytes.Repeat([]byte(" "), n)...), '\n')
			if m, found, _ := segment.DecodeMark("m", slot); found && !bytes.Equal(segment.EncodeMarkSlot(&m), slot) {
				t.Fatalf("%s is read as %+v", slot, m)
			}
		}
		if data, err := segment.DecodeBlob("f", "k", sealed); err == nil && !bytes.Equal(segment.AppendBlob(nil, "k", data), sealed) {
			t.Fatalf("%q is read as %q", sealed, data)
		}
	})
}
