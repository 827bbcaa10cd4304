package filestore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nacredb/nacre"
)

// TestMappedLines reads single lines of sealed segments through their mappings: all are right, a changed
// byte is told, and so is a page that is not there any more, which is a fault of the processor.
func TestMappedLines(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, &Options{Logger: quiet, SegmentBytes: 64 << 10})
	const streams, each = 40, 30
	for i := range each {
		for k := range streams {
			if _, err := s.Append(t.Context(), nacre.StreamID(fmt.Sprintf("m-%d", k)), nacre.Any, payload()); err != nil {
				t.Fatalf("event %d of stream %d: %v", i, k, err)
			}
		}
	}
	l := s.Driver().(*log)
	read := func(k int) (int, error) {
		n := 0
		for e, err := range s.ReadStream(t.Context(), nacre.StreamID(fmt.Sprintf("m-%d", k)), nil) {
			if err != nil {
				return n, err
			}
			if e.StreamPosition != int64(n) {
				t.Fatalf("stream %d: position %d at place %d", k, e.StreamPosition, n)
			}
			n++
		}
		return n, nil
	}
	for k := range streams {
		if n, err := read(k); err != nil || n != each {
			t.Fatalf("stream %d: %d events, %v", k, n, err)
		}
	}
	snap := l.acquire()
	mapped := 0
	for _, g := range snap.segs {
		if g.mapped() != nil {
			mapped++
		}
	}
	snap.release()
	if mapped == 0 {
		t.Skip("segments are not mapped here")
	}
	first := filepath.Join(dir, fmt.Sprintf("%020d.ndjson", 1))
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(first, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{text[100] ^ 1}, 100); err != nil {
		t.Fatal(err)
	}
	if n, err := read(0); nacre.CodeOf(err) != nacre.CodeDamaged || n != 0 {
		t.Errorf("with a flipped bit in its first line, stream 0 gives %d events, and %v", n, err)
	}
	if _, err := f.WriteAt(text[100:101], 100); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if n, err := read(3); nacre.CodeOf(err) != nacre.CodeDamaged || n != 0 {
		t.Errorf("with the first segment cut off, stream 3 gives %d events, and %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
