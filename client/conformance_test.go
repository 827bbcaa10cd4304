package client_test

import (
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/storagetest"
)

func TestConformanceMemory(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		Open:     func(t *testing.T) *nacre.Store { return mustOpen(t, serve(t, "").url) },
		Features: storagetest.Features{Companion: true, Lines: true, Listing: true, Stats: true, Blobs: true},
		Checks:   20,
	})
}

func TestConformanceFiles(t *testing.T) {
	var servers sync.Map // by store: where its server keeps it
	type place struct {
		*rig
		dir string
	}
	start := func(t *testing.T, dir string) *nacre.Store {
		p := place{rig: serve(t, dir), dir: dir}
		s := mustOpen(t, p.url)
		servers.Store(s, p)
		return s
	}
	storagetest.Run(t, storagetest.Harness{
		Open: func(t *testing.T) *nacre.Store { return start(t, t.TempDir()) },
		Reopen: func(t *testing.T, s *nacre.Store) *nacre.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			was, _ := servers.Load(s)
			was.(place).stop()
			return start(t, was.(place).dir)
		},
		Restore: func(t *testing.T, backup string) *nacre.Store {
			dir := t.TempDir()
			if err := filestore.Restore(t.Context(), backup, dir+"/default", nil); err != nil {
				t.Fatal(err)
			}
			return start(t, dir)
		},
		Features: storagetest.Features{
			Durable: true, Companion: true, Lines: true, Listing: true, Stats: true, Blobs: true, Backup: true,
		},
		Checks: 10,
	})
}

// mustOpen leaves closing to the suite.
func mustOpen(t *testing.T, url string) *nacre.Store {
	t.Helper()
	s, err := client.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
