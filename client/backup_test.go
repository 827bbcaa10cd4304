package client_test

import (
	"archive/tar"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
)

type entry struct {
	name string
	kind byte
	text string
}

func tarOf(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.text)), Mode: 0o644, Linkname: ""}
		if e.kind == tar.TypeSymlink {
			h.Linkname, h.Size = "/etc/passwd", 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBackupIsUnpackedWhole(t *testing.T) {
	text := tarOf(t, entry{"blobs/", tar.TypeDir, ""}, entry{"manifest", tar.TypeReg, "m"}, entry{"system/deep/mark", tar.TypeReg, "k"})
	s, _ := alone(t, client.Options{}, answer(503, `{"error":"SHUTTING_DOWN","message":""}`), answer(200, text))
	dir := filepath.Join(t.TempDir(), "backup")
	if err := s.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"manifest": "m", "system/deep/mark": "k"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "blobs")); err != nil || !info.IsDir() {
		t.Errorf("blobs: %v", err)
	}
}

func TestBackupLeavesNothing(t *testing.T) {
	good := entry{"manifest", tar.TypeReg, strings.Repeat("m", 5000)}
	whole := tarOf(t, good)
	broken := func(keep int) step {
		return func(s *script, r *http.Request) (*http.Response, error) {
			resp, err := answer(200, "")(s, r)
			resp.Body = breaks{strings.NewReader(whole[:keep])}
			return resp, err
		}
	}
	endless := func(s *script, r *http.Request) (*http.Response, error) {
		resp, err := answer(200, whole)(s, r)
		resp.TransferEncoding = nil // ends with its connection
		return resp, err
	}
	for name, next := range map[string]step{
		"above":                 answer(200, tarOf(t, good, entry{"../evil", tar.TypeReg, "x"})),
		"above, within":         answer(200, tarOf(t, good, entry{"a/../../evil", tar.TypeReg, "x"})),
		"absolute":              answer(200, tarOf(t, good, entry{"/tmp/nacre-evil", tar.TypeReg, "x"})),
		"a backslash":           answer(200, tarOf(t, good, entry{`..\evil`, tar.TypeReg, "x"})),
		"a folder above":        answer(200, tarOf(t, good, entry{"../evil/", tar.TypeDir, ""})),
		"a link":                answer(200, tarOf(t, good, entry{"link", tar.TypeSymlink, ""})),
		"no tar":                answer(200, "<html>"+strings.Repeat("x", 2000)),
		"cut within a file":     broken(3000),
		"cut between files":     broken(512 + 5120),
		"cut at the end":        broken(len(whole)),
		"an end nobody can see": endless,
		"unsupported":           answer(501, `{"error":"UNSUPPORTED","message":"no backups"}`),
		"not allowed":           answer(403, `{"error":"FORBIDDEN","message":"no"}`),
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := alone(t, client.Options{}, next)
			above := t.TempDir()
			dir := filepath.Join(above, "backup")
			err := s.Backup(t.Context(), dir)
			if nacre.CodeOf(err) == "" {
				t.Errorf("the backup is taken: %v", err)
			}
			left, e := os.ReadDir(above)
			if e != nil || len(left) != 0 {
				t.Errorf("the backup that failed (%v) left %v, %v", err, left, e)
			}
		})
	}
}

// breaks gives what it has, and then no end.
type breaks struct{ *strings.Reader }

func (b breaks) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = errBroken
	}
	return n, err
}

func (breaks) Close() error { return nil }
