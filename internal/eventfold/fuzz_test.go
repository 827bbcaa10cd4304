package eventfold

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// check looks for what holds of every source, whatever stands in it.
func (o *outcome) check(t *testing.T, again outcome) {
	t.Helper()
	seen := make(map[string]bool)
	for i := range o.events {
		e := &o.events[i]
		key := string(e.StreamID) + "\n" + e.ID
		if seen[key] {
			t.Errorf("event %q stands twice in stream %q", e.ID, e.StreamID)
		}
		seen[key] = true
		if !validEventID(e.ID) || streamProblem(string(e.StreamID)) != "" {
			t.Errorf("event %q of stream %q is none that a store takes", e.ID, e.StreamID)
		}
		if e.Binary == nil && !jsontext.Value(e.Data).IsValid() || len(e.Metadata) > 0 && jsontext.Value(e.Metadata).Kind() != '{' {
			t.Errorf("data %q with metadata %q", e.Data, e.Metadata)
		}
	}
	if o.found() != again.found() || o.places() != again.places() {
		t.Errorf("read again, the source has\n%s%s\nand not\n%s%s", again.found(), again.places(), o.found(), o.places())
	}
}

// FuzzTree reads a directory of one stream, whose files have any content.
func FuzzTree(f *testing.F) {
	whole := text(line("A", 1, 1), bare(2, "2"))
	frames := slices.Concat(compressed(f, whole), compressed(f, text(bare(3, "3"))))
	f.Add([]byte(whole), frames, []byte(`{"id":"1","ts":1,"type":"s"}`+"\n"))
	f.Add([]byte(whole+`{"type":"B","da`+whole), frames[:len(frames)-3], []byte(`{"id":"1","ty`))
	f.Add([]byte(whole), slices.Concat(frames[:20], frames), []byte(`{"id":"../1","type":"s"}{"id":"1","type":"s/t"}`))
	f.Add([]byte("\x00\x00"+whole[:30]), []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), []byte(""))
	f.Fuzz(func(t *testing.T, log, archive, registry []byte) {
		d := newDir(t)
		d.write("streams/s/1/app.jsonl", string(log))
		d.write("streams/s/1/archive.jsonl.zst", string(archive))
		d.write("meta/streams.jsonl", string(registry))
		o := Options{MemoryBytes: 2000}
		got := d.open(o)
		got.check(t, d.open(o))
	})
}

// FuzzLog reads a file of eventfold-db behind its header.
func FuzzLog(f *testing.F) {
	whole := threeBatches()
	f.Add(whole.bytes[fileHeader:])
	f.Add(whole.bytes[fileHeader+3:])
	f.Add(whole.bytes[fileHeader : len(whole.bytes)-3])
	d := newDB()
	d.raw(dbBatch())
	d.raw(dbBatch(&dbEvent{position: 1 << 63, kind: "Odd", metadata: `{"aggregate_type":"a","instance_id":"b"}`, payload: "\xff"}))
	d.raw(dbBatch(&dbEvent{position: 1<<64 - 1, version: 1<<64 - 1, at: 1<<64 - 1, kind: "Odd"}))
	d.append(streamA, "1")
	f.Add(d.bytes[fileHeader:])
	f.Fuzz(func(t *testing.T, batches []byte) {
		d := newDB()
		d.bytes = append(d.bytes, batches...)
		got := d.open(t, Options{})
		got.check(t, d.open(t, Options{}))
	})
}

// FuzzTear tears a line anywhere, and appends another to what is left.
func FuzzTear(f *testing.F) {
	f.Add(`{"a":"{\"type\":"}`, `[{"type":"x","data":1,"ts":2}]`, 30)
	f.Add(`[1,{"type":"x","data":1,"ts":2}]`, `"}"`, 52)
	f.Fuzz(func(t *testing.T, first, second string, cut int) {
		p := newLineParser()
		for _, data := range []string{first, second} {
			if !utf8.ValidString(data) || !jsontext.Value(data).IsValid() || strings.ContainsAny(data, "\r\n") {
				t.Skip()
			}
		}
		torn := `{"type":"A","data":` + first + `,"ts":1}`
		next := `{"type":"B","data":` + second + `,"ts":2}`
		if cut < 1 || cut >= len(torn) {
			t.Skip()
		}
		if _, _, err := p.event([]byte(next)); err != nil {
			t.Skip() // too deep
		}
		events, rest := p.split([]byte(torn[:cut] + next))
		if len(events) != 1 || string(events[0]) != next || string(rest) != torn[:cut] {
			t.Errorf("%s torn at %d and %s: the events are %q, the rest %q", torn, cut, next, events, rest)
		}
	})
}

// The scratch file is needed where memory is short; that it cannot be written is an error.
func TestFullDisk(t *testing.T) {
	d := newDir(t)
	d.stream("s", "1", bare(1, "1"), bare(2, "2"), bare(3, "3"))
	d.fs.SetHook(crashfs.FailFrom(crashfs.OpWrite, "/nacre-import-*", 2, vfs.ErrFull))
	s, err := Open(t.Context(), root, &Options{FS: d.fs, Scratch: "/", MemoryBytes: 1})
	if err == nil || nacre.CodeOf(err) != nacre.CodeInternal || !strings.Contains(err.Error(), "the file that holds what is being imported cannot be used") {
		t.Errorf("on a full disk: %v, %v", s, err)
	}
	if left, err := d.fs.ReadDir("/"); err != nil || len(left) != 1 {
		t.Errorf("beside the source is left %v, %v", left, err)
	}
}
