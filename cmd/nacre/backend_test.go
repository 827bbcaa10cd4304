package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

var _ server.Backend = (*folders)(nil)

// openTestFolders opens a directory of stores, and gives what it tells the log.
func openTestFolders(t *testing.T, dir string) (*folders, *bytes.Buffer) {
	t.Helper()
	var told bytes.Buffer
	f, err := openFolders(dir, &filestore.Options{}, slog.New(slog.NewTextHandler(&told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.close() })
	return f, &told
}

func wantCode(t *testing.T, err error, code nacre.Code) {
	t.Helper()
	if nacre.CodeOf(err) != code {
		t.Fatalf("the error is %v, not %s", err, code)
	}
}

// entries are the names in a folder, apart from what a served directory has of its own.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		if name := e.Name(); name != serverLock && name != scratchFolder {
			out = append(out, name)
		}
	}
	return out
}

func TestFoldersAreStores(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	f, _ := openTestFolders(t, dir)
	_, err := f.Open(ctx, "orders")
	wantCode(t, err, wire.CodeStoreNotFound)
	wantCode(t, f.Delete(ctx, "orders"), wire.CodeStoreNotFound)
	for _, name := range []string{"orders", "bills"} {
		s, err := f.Create(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(ctx, "a-1", nacre.NoStream, nacre.NewEvent("x", 1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = f.Create(ctx, name)
		wantCode(t, err, wire.CodeStoreExists)
	}
	// What is no store is not taken for one, and not written into.
	if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes", "empty"} {
		_, err := f.Open(ctx, name)
		wantCode(t, err, wire.CodeStoreNotFound)
		_, err = f.Create(ctx, name)
		wantCode(t, err, wire.CodeStoreExists)
		wantCode(t, f.Delete(ctx, name), wire.CodeStoreNotFound)
	}
	names, err := f.Names(ctx)
	if err != nil || !slices.Equal(names, []string{"bills", "orders"}) {
		t.Fatalf("%v, %v", names, err)
	}
	s, err := f.Open(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Version(ctx, "a-1"); v != 0 || err != nil {
		t.Fatal(v, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(ctx, "orders"); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"bills", "empty", "notes"}) {
		t.Fatalf("what is left is %v", got)
	}
}

// A process can end between any two steps of making or deleting a store: what the next one finds is a whole
// store, or none.
func TestFoldersAfterACrash(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	half := filepath.Join(dir, madePrefix+"orders-1")
	s, err := filestore.Open(half, nil)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, removedPrefix+"bills-1")
	if err := os.CopyFS(gone, os.DirFS(half)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(gone, "manifest")); err != nil {
		t.Fatal(err)
	}
	f, _ := openTestFolders(t, dir)
	if got := entries(t, dir); len(got) != 0 {
		t.Fatalf("what is left is %v", got)
	}
	names, err := f.Names(ctx)
	if err != nil || len(names) != 0 {
		t.Fatal(names, err)
	}
	for _, name := range []string{"orders", "bills"} {
		s, err := f.Create(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A store that lost its manifest is damaged. It is told as that, and not taken for an absent one whose name
// is free.
func TestStoreWithoutManifestIsThere(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	f, told := openTestFolders(t, dir)
	s, err := f.Create(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, "a-1", nacre.NoStream, nacre.NewEvent("x", 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "orders", "manifest")); err != nil {
		t.Fatal(err)
	}
	if names, err := f.Names(ctx); err != nil || !slices.Equal(names, []string{"orders"}) {
		t.Fatal(names, err)
	}
	_, err = f.Create(ctx, "orders")
	wantCode(t, err, wire.CodeStoreExists)
	s, err = f.Open(ctx, "orders")
	if err == nil {
		_, err = s.Append(ctx, "a-1", nacre.Any, nacre.NewEvent("x", 2))
		_ = s.Close()
	}
	wantCode(t, err, nacre.CodeDamaged)
	if !strings.Contains(told.String(), "store=orders") {
		t.Errorf("the log was told %q", told)
	}
}

func TestOneProcessServesADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, _ := openTestFolders(t, dir)
	_, err := openFolders(dir, &filestore.Options{}, slog.New(slog.DiscardHandler))
	wantCode(t, err, nacre.CodeLocked)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	again, _ := openTestFolders(t, dir)
	if _, err := os.Stat(again.scratch()); err != nil {
		t.Fatal(err)
	}
}

// A store that the commands made under a name that a server cannot give is told, and left alone.
func TestFoldersTellOfStoresThatAreNotServed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := filestore.Open(filepath.Join(dir, "_x"), nil)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	f, told := openTestFolders(t, dir)
	if names, err := f.Names(context.Background()); err != nil || len(names) != 0 {
		t.Fatal(names, err)
	}
	if !strings.Contains(told.String(), "is not served") || !strings.Contains(told.String(), "_x") {
		t.Fatalf("told %q", told)
	}
}
