package main

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/server"
)

// entities opens the entities of a store, whose tables stand in its folder: they go with it.
func (f *folders) entities(ctx context.Context, name string, store *nacre.Store) (server.Entities, error) {
	lg := f.log.With("store", name)
	tables, err := sqlite.Open(sqlite.Path(f.path(name)), &sqlite.Options{Logger: lg})
	if err != nil {
		return nil, err
	}
	db, err := entity.Open(ctx, store, tables, &entity.Options{Logger: lg})
	if err != nil {
		return nil, err
	}
	return db, nil
}
