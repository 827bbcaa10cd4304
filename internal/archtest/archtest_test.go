package archtest_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/nacredb/nacre/internal/archtest"
)

// root is the module's folder.
var root = filepath.Join("..", "..")

func TestSources(t *testing.T) {
	t.Parallel()
	found, err := archtest.Check(root, archtest.Table)
	if err != nil {
		t.Fatal(err)
	}
	report(t, found)
}

func TestModule(t *testing.T) {
	t.Parallel()
	found, err := archtest.CheckModule(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, found)
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	var once sync.Once
	for _, platform := range archtest.Platforms {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			found, skipped, err := archtest.CheckPrograms(t.Context(), root, platform, archtest.Programs)
			if err != nil {
				t.Fatal(err)
			}
			report(t, found)
			if len(skipped) == len(archtest.Programs) {
				t.Errorf("no program was checked: %q", skipped)
			}
			once.Do(func() {
				for _, s := range skipped {
					t.Log("not checked:", s)
				}
			})
		})
	}
}

func report(t *testing.T, found []archtest.Finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}
