package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// assemblyScriptTarget is the target of an asconfig.json that is built.
const assemblyScriptTarget = "release"

func buildAssemblyScript(ctx context.Context, dir string) (module []byte, err error) {
	if err := needs("node", "AssemblyScript", "install Node 20 or later, with npm"); err != nil {
		return nil, err
	}
	compiler, err := findCompiler(dir)
	if err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp("", "nacre-wasm-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	out := filepath.Join(temporary, "module.wasm")
	packages := filepath.Dir(filepath.Dir(filepath.Dir(compiler)))
	if _, err := run(ctx, dir, nil, "node", compiler, "--config", "asconfig.json", "--target", assemblyScriptTarget,
		"--path", packages, "--outFile", out); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// findCompiler looks for the compiler where npm puts it, in the folder and those above.
func findCompiler(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		compiler := filepath.Join(at, "node_modules", "assemblyscript", "bin", "asc.js")
		if _, err := os.Stat(compiler); err == nil {
			return compiler, nil
		}
		above := filepath.Dir(at)
		if above == at {
			return "", fmt.Errorf("%s has no AssemblyScript compiler: run \"npm install\" in it", dir)
		}
		at = above
	}
}
