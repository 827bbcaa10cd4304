package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A tar that is cut off is no backup, also where it is cut between two of its files.
func TestTarsThatAreCutOff(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	out := tar.NewWriter(&text)
	for i, data := range []string{"", "short", strings.Repeat("x", 512), strings.Repeat("\x00", 2048)} {
		h := &tar.Header{Name: fmt.Sprintf("folder/%d", i), Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(data)), Format: tar.FormatPAX}
		if err := out.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	files := text.Len()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	for size := 0; size <= text.Len(); size += 256 {
		dir := filepath.Join(t.TempDir(), "unpacked")
		err := unpackBackup(t.Context(), bytes.NewReader(text.Bytes()[:size]), "it", dir)
		// The end is two empty blocks; who has seen the first has seen all files.
		if size < files+512 && err == nil {
			t.Errorf("%d bytes of %d were taken for a backup", size, text.Len())
		}
		if size == text.Len() && err != nil {
			t.Error(err)
		}
	}
	dir := t.TempDir()
	whole := append(text.Bytes(), make([]byte, 9000)...) // as some programs fill the last record up
	if err := unpackBackup(t.Context(), bytes.NewReader(whole), "it", dir); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "folder", "3")); err != nil || len(data) != 2048 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
