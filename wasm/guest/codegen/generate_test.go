package codegen_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/guest/codegen"
	"github.com/nacredb/nacre/wasm/guest/codegen/shapes"
)

var update = flag.Bool("update", false, "write the generated codecs of package shapes")

const shapesPath = "github.com/nacredb/nacre/wasm/guest/codegen/shapes"

// TestShapes wants the generated codecs of package shapes to be those that are generated now. Its own tests compare
// them with package codec.
func TestShapes(t *testing.T) {
	var roots []codegen.Root
	for _, v := range shapes.Roots {
		roots = append(roots, codegen.Root{Type: reflect.TypeOf(v), What: "the shape"})
	}
	got, err := codegen.Generate(roots, &codegen.Options{
		Packages: map[string]codegen.Package{shapesPath: {Name: "shapes"}, shapesPath + "/other": {Name: "other"}}, Main: shapesPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	for importPath, text := range got.Files {
		name := filepath.Join("shapes", strings.TrimPrefix(importPath, shapesPath), "codecs_generated.go")
		if *update {
			if err := os.WriteFile(name, text, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if was, err := os.ReadFile(name); err != nil || !bytes.Equal(was, text) {
			t.Errorf("%s is not what is generated: go test -run TestShapes -update ./wasm/guest/codegen (%v)", name, err)
		}
	}
	if len(got.Notes) != 0 || got.Reflects {
		t.Errorf("something was left to reflection: %q", got.Notes)
	}
}
