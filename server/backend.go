package server

import (
	"context"

	"github.com/nacredb/nacre"
)

// Backend is where a server's named stores come from: folders of a directory, databases, memory. The server
// calls its methods for different stores at once, and for one store one after the other. Names have been
// checked: 3 to 63 of a-z, 0-9, "_" and "-", beginning with a letter or digit.
type Backend interface {
	// Names gives the names of all stores, in byte order.
	Names(ctx context.Context) ([]string, error)
	// Open opens a store; one that is not there is wire.CodeStoreNotFound.
	Open(ctx context.Context, name string) (*nacre.Store, error)
	// Create makes a store and opens it; one that is there already is wire.CodeStoreExists.
	Create(ctx context.Context, name string) (*nacre.Store, error)
	// Delete removes a store, which has been closed, with everything that belongs to it; one that is not there is
	// wire.CodeStoreNotFound.
	Delete(ctx context.Context, name string) error
}
