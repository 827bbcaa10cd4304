package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

// This file is the only place that knows where stores are; remote.go is its other half. The commands hold
// a *nacre.Store.

var storeName = regexp.MustCompile(`^[a-z0-9_-]{1,63}$`)

// reading calls use with the store, opened beside whoever writes to it. It has to be there.
func (p *program) reading(ctx context.Context, use func(context.Context, *nacre.Store) error) error {
	if p.remote.url != "" {
		return p.onRemote(ctx, false, use)
	}
	dir, err := p.present()
	if err != nil {
		return err
	}
	return p.using(ctx, dir, &filestore.Options{ReadOnly: true}, use)
}

// writing calls use with the store, opened for writing, and made where it is not there. How durable an
// acknowledgement is, a server decides itself.
func (p *program) writing(ctx context.Context, d filestore.Durability, use func(context.Context, *nacre.Store) error) error {
	if p.remote.url != "" {
		return p.onRemote(ctx, true, use)
	}
	dir, err := p.folder()
	if err != nil {
		return err
	}
	return p.using(ctx, dir, &filestore.Options{Durability: d}, use)
}

func (p *program) using(ctx context.Context, dir string, o *filestore.Options, use func(context.Context, *nacre.Store) error) error {
	o.Logger = slog.New(&warnings{to: p, level: p.level()})
	store, err := filestore.Open(dir, o)
	if err != nil {
		return err
	}
	err = use(ctx, store)
	// What Close finds is told unless something went wrong before it.
	if e := store.Close(); err == nil {
		err = e
	}
	return err
}

var errNoData = nacre.Errorf(nacre.CodeInvalid, "--data: is empty: give the directory that holds the stores")

// folder is where the store is, or is to be made.
func (p *program) folder() (string, error) {
	if !storeName.MatchString(p.store) {
		return "", nacre.Errorf(nacre.CodeInvalid,
			"--store: %q is not a store's name: give 1 to 63 of a-z, 0-9, _ and -", p.store)
	}
	if p.data == "" {
		return "", errNoData
	}
	return filepath.Join(p.data, p.store), nil
}

// present is folder, of a store that is there.
func (p *program) present() (string, error) {
	dir, err := p.folder()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nacre.Errorf(nacre.CodeNotFound, "there is no store %q in %s%s", p.store, p.data, p.others())
	case err != nil:
		return "", nacre.Errorf(nacre.CodeInternal, "the store %q cannot be looked at: %w", p.store, err)
	case !info.IsDir():
		return "", nacre.Errorf(nacre.CodeNotFound, "%s is a file: a store is a folder", dir)
	}
	return dir, nil
}

// others says, for an error, what stores are there, or what to do.
func (p *program) others() string {
	const most = 10
	if isStore(p.data) {
		return fmt.Sprintf(": %s is a store itself: give the directory above it as --data, and its name as --store", p.data)
	}
	var names []string
	entries, _ := os.ReadDir(p.data) // a directory that is not there has none
	for _, e := range entries {
		if storeName.MatchString(e.Name()) && isStore(filepath.Join(p.data, e.Name())) {
			names = append(names, e.Name())
		}
	}
	switch {
	case len(names) == 0:
		return ": give --data and --store, or make one with append or import"
	case len(names) > most:
		return fmt.Sprintf(": give --store, one of %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return ": give --store, one of " + strings.Join(names, ", ")
}

// isStore tells whether a folder looks like a store's.
func isStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "manifest"))
	return err == nil
}
