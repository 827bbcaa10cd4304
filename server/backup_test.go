package server

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

// unpack writes a tar's files into a folder.
func unpack(t *testing.T, text []byte, dir string) {
	t.Helper()
	in := tar.NewReader(bytes.NewReader(text))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsLocal(h.Name) || h.Uname != "" || h.Uid != 0 {
			t.Fatalf("the tar has %+v", h)
		}
		path := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A backup over the wire, restored, is the store: its events, its companion log, its blobs.
func TestBackupRestored(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), t.TempDir()
	h := newHarness(t, &Options{Backend: folders{filepath.Join(dir)}, TempDir: temp})
	h.post("/event-stores", `{"name":"shop","description":"kept"}`).is(201)
	for range 50 {
		h.post("/event-stores/shop/streams/s-1", `{"events":[{"type":"a","data":"`+strings.Repeat("x", 3000)+`"}]}`).is(201)
	}
	h.do("PUT", "/event-stores/shop/blobs/snapshots/s-1", "blob").is(204)
	r := h.post("/event-stores/shop/backup", "").is(200)
	if !strings.Contains(r.header.Get("Content-Disposition"), "shop-") || r.header.Get("Content-Type") != "application/x-tar" {
		t.Errorf("the backup is %v", r.header)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%d folders are left, %v", len(left), err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	unpack(t, r.body, backup)
	if err := filestore.Restore(t.Context(), backup, filepath.Join(dir, "again"), nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/events", "/system/events"} {
		want := h.get("/event-stores/shop"+path, "Accept", wire.TypeNDJSON).is(200)
		got := h.get("/event-stores/again"+path, "Accept", wire.TypeNDJSON).is(200)
		if !bytes.Equal(got.body, want.body) || len(want.body) == 0 {
			t.Errorf("%s is restored as %d bytes, of %d", path, len(got.body), len(want.body))
		}
	}
	h.get("/event-stores/again").is(200).has("kept", "description")
	if got := h.get("/event-stores/again/blobs/snapshots/s-1").is(200); string(got.body) != "blob" {
		t.Errorf("the blob is %q", got.body)
	}
}

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.post(logPath+"/backup", "").refused(nacre.CodeUnsupported)
	h.post("/event-stores/none/backup", "").refused(wire.CodeStoreNotFound)
	h = newHarness(t, &Options{Backend: folders{t.TempDir()}, TempDir: filepath.Join(t.TempDir(), "none")})
	h.post(logPath+"/backup", "").refused(nacre.CodeInternal, "no folder can be made")
}

// halfBackup makes a backup whose last file goes away while it is sent.
type halfBackup struct{ nacre.Driver }

func (halfBackup) Backup(_ context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "b"))
}

// What breaks off behind the first byte does not look whole.
func TestBackupThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := newMemory()
	b.make = func(string) *nacre.Store { return nacre.NewStore(halfBackup{memstore.Open(nil).Driver()}, nil) }
	temp := t.TempDir()
	h := newHarness(t, &Options{Backend: b, TempDir: temp})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.web.URL+logPath+"/backup", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := h.web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	got, err := io.ReadAll(reply.Body)
	if reply.StatusCode != http.StatusOK || err == nil {
		t.Errorf("%d, %d bytes, and no error", reply.StatusCode, len(got))
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%d folders are left, %v", len(left), err)
	}
	if !strings.Contains(h.log.String(), "a request failed") {
		t.Error("the log has nothing of it")
	}
}
