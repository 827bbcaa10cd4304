package index

import (
	"testing"

	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

func TestHeaderIsCheckedBeyondItsChecksum(t *testing.T) {
	valid := func() header {
		h := header{segments: 1, first: 5, last: 24, events: 20, streams: 3, terms: 100, postings: 120, identity: 7}
		h.fix()
		h.sizes[partPostings] = 300
		h.names[0] = 3
		h.sizes[partNames] = 100
		return h
	}
	good := valid()
	if h, err := decodeHeader(good.encode()); err != nil || h != good {
		t.Fatalf("a valid header is read as %+v, %v", h, err)
	}
	for name, change := range map[string]func(h *header){
		"no first position":       func(h *header) { h.first = 0 },
		"a range upside down":     func(h *header) { h.last = 4 },
		"too wide a range":        func(h *header) { h.last = h.first + 1<<62 },
		"no segments":             func(h *header) { h.segments = 0 },
		"no events":               func(h *header) { h.events = 0 },
		"events beyond positions": func(h *header) { h.events = 21 },
		"streams beyond events":   func(h *header) { h.streams = 21 },
		"no terms":                func(h *header) { h.terms, h.postings = 0, 0; h.fix() },
		"too many terms":          func(h *header) { h.terms = maxTerms + 1; h.postings = 1 << 60; h.fix() },
		"fewer postings":          func(h *header) { h.postings = 99 },
		"another filter":          func(h *header) { h.sizes[partFilter]++ },
		"another directory":       func(h *header) { h.sizes[partDirectory]-- },
		"names without a ladder":  func(h *header) { h.names[1] = 1 },
		"too many names":          func(h *header) { h.names[0] = maxRung + 1 },
		"an endless part":         func(h *header) { h.sizes[partPostings] = 1 << 60 },
	} {
		h := valid()
		change(&h)
		if _, err := decodeHeader(h.encode()); err == nil {
			t.Errorf("%s: the header is taken", name)
		}
	}
	for at := range headerSize {
		b := good.encode()
		b[at]++
		if _, err := decodeHeader(b); err == nil {
			t.Errorf("a header with another byte %d is taken", at)
		}
	}
}

// TestOutputSyncsAsItGoes: no sync has much more than 16 MiB to write.
func TestOutputSyncsAsItGoes(t *testing.T) {
	fsys := newDisk(t)
	unsynced, most := 0, 0
	fsys.SetHook(func(op crashfs.Op) error {
		switch op.Kind {
		case crashfs.OpWrite:
			unsynced += 1 << 20
		case crashfs.OpSync:
			most, unsynced = max(most, unsynced), 0
		}
		return nil
	})
	out, err := createOutput(fsys, "/index/x")
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 1<<20)
	for i := range uint64(40) {
		out.writeAt(piece, i<<20)
	}
	if err := out.commit(); err != nil {
		t.Fatal(err)
	}
	if most > 17<<20 || unsynced != 0 {
		t.Errorf("a sync had %d bytes to write, %d were never synced", most, unsynced)
	}
}

func TestKindsHaveWords(t *testing.T) {
	for kind, want := range map[Kind]string{
		Stream: "stream", Category: "category", Type: "type", Tag: "tag", ID: "event id", 0: "unknown kind", 9: "unknown kind",
	} {
		if kind.String() != want {
			t.Errorf("kind %d is %q, want %q", kind, kind, want)
		}
	}
}
