package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Language is what a module is written in.
type Language string

// The languages, by the files that show them.
const (
	Go             Language = "go"             // *.go
	Rust           Language = "rust"           // Cargo.toml
	AssemblyScript Language = "assemblyscript" // asconfig.json
)

// Languages are all.
var Languages = []Language{Go, Rust, AssemblyScript}

// Options: nil means the defaults.
type Options struct {
	// KeepGenerated leaves the Go files that are generated in the source folder, to look at. By default they are
	// only shown to the compiler.
	KeepGenerated bool
}

// Module is what was built.
type Module struct {
	Language Language
	Binary   []byte
	// Hash is the SHA-256 of the binary, in hexadecimal: the module's name for a host.
	Hash string
	// Tests is how many cases it has.
	Tests int
	// Notes say what people should know of how it was built.
	Notes []string
}

// Build makes a module of a folder.
func Build(ctx context.Context, dir string, o *Options) (*Module, error) {
	if o == nil {
		o = &Options{}
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is a file: give the folder of a module")
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be built: %w", dir, err)
	}
	tests, n, err := readTests(dir)
	if err != nil {
		return nil, err
	}
	language, err := languageOf(dir)
	if err != nil {
		return nil, err
	}
	m := &Module{Language: language, Tests: n}
	switch language {
	case Go:
		m.Binary, m.Notes, err = buildGo(ctx, dir, o)
	case Rust:
		m.Binary, err = buildRust(ctx, dir)
	case AssemblyScript:
		m.Binary, err = buildAssemblyScript(ctx, dir)
	}
	if err != nil {
		return nil, err
	}
	if m.Binary, err = finish(m.Binary, tests); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(m.Binary)
	m.Hash = hex.EncodeToString(sum[:])
	return m, nil
}

// languageOf looks at the folder for what is peculiar to one language.
func languageOf(dir string) (Language, error) {
	var found []string
	language := Language("")
	for l, name := range map[Language]string{Rust: "Cargo.toml", AssemblyScript: "asconfig.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			found = append(found, name)
			language = l
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.go")); err == nil && len(files) > 0 {
		found = append(found, filepath.Base(files[0]))
		language = Go
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s has neither Go files nor a Cargo.toml nor an asconfig.json: give the folder of a module, or make one with \"nacre wasm init\"", dir)
	case 1:
		return language, nil
	default:
		return "", fmt.Errorf("%s has more than one language in it: %s", dir, strings.Join(found, " and "))
	}
}

// run runs a tool, whose output is a part of the error where it fails.
func run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text := strings.TrimSpace(diagnostics.String())
		if text == "" {
			text = strings.TrimSpace(out.String())
		}
		return nil, &toolError{what: name + " " + args[0], err: err, text: text}
	}
	return out.Bytes(), nil
}

// toolError is a tool that failed.
type toolError struct {
	what, text string
	err        error
}

func (e *toolError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("%s: %v", e.what, e.err)
	}
	return fmt.Sprintf("%s: %v:\n%s", e.what, e.err, e.text)
}

func (e *toolError) Unwrap() error { return e.err }

// needs tells what to do where a tool is not there.
func needs(tool, language, hint string) error {
	if _, err := exec.LookPath(tool); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not there, which builds modules in %s: %s", tool, language, hint)
		}
		return err
	}
	return nil
}
