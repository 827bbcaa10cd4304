package filestore

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/storage/storagetest"
)

// harness runs the suite on folders of the test's, with options of a variant.
func harness(options func() *Options) storagetest.Harness {
	dirs := newDirs()
	open := func(t *testing.T, dir string) *nacre.Store {
		t.Helper()
		o := options()
		o.Logger = quiet
		s := mustOpen(t, dir, o)
		dirs.set(s, dir)
		return s
	}
	return storagetest.Harness{
		Open: func(t *testing.T) *nacre.Store { return open(t, t.TempDir()+"/store") },
		Reopen: func(t *testing.T, s *nacre.Store) *nacre.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs.get(s))
		},
		Restore: func(t *testing.T, backup string) *nacre.Store {
			dir := t.TempDir() + "/restored"
			if err := Restore(t.Context(), backup, dir, nil); err != nil {
				t.Fatal(err)
			}
			return open(t, dir)
		},
		Features: storagetest.Features{
			Durable: true, Companion: true, Lines: true, Listing: true, Stats: true, Blobs: true, Reserved: true, Backup: true,
		},
	}
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, harness(func() *Options { return &Options{} }))
}

// TestConformanceSmall meets a segment's end, a merge and a compression every few events.
func TestConformanceSmall(t *testing.T) {
	h := harness(func() *Options { return &Options{SegmentBytes: 4 << 10, CompressAfter: 1} })
	h.Checks = 30
	storagetest.Run(t, h)
}

// TestConformanceCollisions has hashes of 8 bits, so that nearly every look-up meets another name, and takes
// every read for one that waits for the disk.
func TestConformanceCollisions(t *testing.T) {
	h := harness(func() *Options {
		return &Options{SegmentBytes: 8 << 10, env: environment{fs: vfs.OS, termBits: 8, slow: -1}}
	})
	h.Checks = 30
	storagetest.Run(t, h)
}
