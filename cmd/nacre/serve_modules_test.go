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
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wire"
)

// hosted are modules of which a test says what publishing comes to.
type hosted struct {
	server.Modules
	published []string
	outcome   func(name string) error
}

func (*hosted) Close(context.Context) error { return nil }

func (*hosted) Module(name string) (wire.ModuleReply, error) {
	return wire.ModuleReply{}, nacre.Errorf(nacre.CodeNotFound, "there is no module %q", name)
}

func (h *hosted) Publish(_ context.Context, name string, _ []byte, _ string, _ *wire.PublishParams) (wire.PublishReply, error) {
	h.published = append(h.published, name)
	return wire.PublishReply{New: true}, h.outcome(name)
}

// A file whose publication failed for a reason that may pass is tried again; one that was refused is not, until it changes.
func TestAFolderOfModulesIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"bad.wasm", "good.wasm", "late.wasm", "text.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("binary"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &hosted{}
	var opening error
	backend, _ := openTestFolders(t, t.TempDir())
	srv, err := server.New(&server.Options{
		Backend: backend, Logger: slog.New(slog.DiscardHandler),
		Aggregates: func(context.Context, string, *nacre.Store) (server.Aggregates, error) { return h, opening },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	var log bytes.Buffer
	f := moduleFolder{dir: dir, store: "default", srv: srv, log: slog.New(slog.NewTextHandler(&log, nil))}
	looks := func(what string, want ...string) {
		t.Helper()
		h.published = nil
		f.load(t.Context())
		if !slices.Equal(h.published, want) {
			t.Errorf("%s: published %q, want %q", what, h.published, want)
		}
	}
	h.outcome = func(name string) error {
		switch name {
		case "bad":
			return &wire.ModuleError{Name: name, Reasons: []string{"no"}}
		case "late":
			return nacre.Errorf(nacre.CodeInternal, "the disk errs")
		}
		return nil
	}
	looks("at first", "bad", "good", "late")
	looks("then", "late")
	looks("and then", "late")
	if n := strings.Count(log.String(), "the disk errs"); n != 1 {
		t.Errorf("the same trouble is told %d times: %s", n, log.String())
	}
	conflicts := 0
	h.outcome = func(string) error {
		if conflicts++; conflicts == 1 {
			return nacre.Errorf(nacre.CodeVersionConflict, "another server was faster")
		}
		return nil
	}
	looks("another server publishes the same", "late", "late")
	looks("nothing has changed")
	f.store = "another"
	f.seen = nil
	looks("a store that is not there")
	looks("a store that is still not there")
	if n := strings.Count(log.String(), "STORE_NOT_FOUND") + strings.Count(log.String(), "there is no event store"); n != 1 {
		t.Errorf("the same trouble is told %d times: %s", n, log.String())
	}
	f.store = "default"
	looks("a store that is there", "bad", "good", "late")
}
