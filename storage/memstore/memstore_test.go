package memstore_test

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Harness{
		Open: func(*testing.T) *nacre.Store { return memstore.Open(nil) },
		Features: storagetest.Features{
			Companion: true, Lines: true, Listing: true, Stats: true, Blobs: true,
		},
	})
}
