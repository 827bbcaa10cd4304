package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/storage/filestore"
)

// The story is in the guide, word for word, and is the same each time.
func TestTheStoryIsTheOneOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "albums.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "default")
	var out strings.Builder
	if err := run(t.Context(), &out, dir); err != nil {
		t.Fatal(err)
	}
	chapters := strings.Split(strings.TrimSpace(out.String()), "\n\n")
	if len(chapters) != 9 {
		t.Errorf("the story has %d chapters:\n%s", len(chapters), &out)
	}
	for _, chapter := range chapters {
		if !strings.Contains(string(guide), "```text\n"+chapter+"\n```") {
			t.Errorf("docs/albums.md does not have\n%s", chapter)
		}
	}
	var again strings.Builder
	if err := run(t.Context(), &again, filepath.Join(t.TempDir(), "default")); err != nil || again.String() != out.String() {
		t.Errorf("told again, it is %v\n%s", err, &again)
	}

	// In a folder where it was told before, there is an album already; that one stays as it was.
	before := album(t, dir)
	if err := run(t.Context(), &strings.Builder{}, dir); nacre.CodeOf(err) != entity.CodeExists {
		t.Errorf("in the same folder: %v", err)
	}
	if after := album(t, dir); after != before || !strings.Contains(after, `"plays":14`) {
		t.Errorf("it was %s and is %s", before, after)
	}
}

// album is one of a folder, from the log alone.
func album(t *testing.T, dir string) string {
	t.Helper()
	store, err := filestore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	db, err := entity.Open(t.Context(), store, memory.Open(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	view, err := db.Get(t.Context(), "albums", "origin")
	if err != nil {
		t.Fatal(err)
	}
	return string(view.Values)
}

func TestAFolderThatCannotBeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), &strings.Builder{}, filepath.Join(file, "default")); err == nil {
		t.Error("a folder in a file was opened")
	}
}
