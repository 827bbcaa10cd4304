package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/nacredb/nacre/wasm/build"
)

// guest is a module that was built: a counter, which takes the command increment.
type guest struct {
	name    string
	binary  []byte
	payload string // of a command
	memory  int64  // aimed at, of an instance; 0 is nothing
}

const (
	counterName = "counter"
	spinnerName = "spinner"
	increment   = "increment"
)

// buildGuests builds the counters of the SDKs whose tool chain is here, and says which are left out. The bench runs
// in its own folder, and they stand beside it.
func buildGuests(ctx context.Context, r *report) ([]guest, error) {
	all := []struct {
		guest
		dir, prepare string
	}{
		{guest{name: "Go", payload: "{}", memory: 6 << 20}, filepath.Join("..", "examples", "counter", "wasm"), ""},
		{guest{name: "Rust", payload: `{"by":1}`}, filepath.Join("..", "sdk", "rust", "examples", "counter"), "wasm-rust"},
		{
			guest{name: "AssemblyScript", payload: `{"by":1}`, memory: 256 << 10},
			filepath.Join("..", "sdk", "assemblyscript", "examples", "counter"), "wasm-assemblyscript",
		},
	}
	var out []guest
	for _, g := range all {
		if g.prepare != "" {
			// What the target says is not there, building says too.
			_ = exec.CommandContext(ctx, "make", "-C", "..", g.prepare).Run()
		}
		m, err := build.Build(ctx, g.dir, nil)
		switch {
		case err != nil && (g.name == "Go" || ctx.Err() != nil):
			return nil, fmt.Errorf("the counter in Go: %w", err)
		case err != nil:
			r.remark("the counter in %s does not take part: %v", g.name, err)
			continue
		}
		g.binary = m.Binary
		r.say("the counter in %s has %d KiB", g.name, len(g.binary)>>10)
		out = append(out, g.guest)
	}
	return out, nil
}

// buildSpinner builds a module whose commands never end.
func buildSpinner(ctx context.Context) ([]byte, error) {
	m, err := build.Build(ctx, filepath.Join("guests", "spin"), nil)
	if err != nil {
		return nil, fmt.Errorf("the module that loops for ever: %w", err)
	}
	return m.Binary, nil
}

// renamed is a module under another name of the same length. Its own tests, which have the name too, show that it is
// whole: they run when it is published.
func renamed(binary []byte, from, to string) []byte {
	if len(from) != len(to) {
		panic("bench: a name of another length")
	}
	return bytes.ReplaceAll(binary, []byte(from), []byte(to))
}

// numbered is a name with the same length as that of the counter and of the spinner.
func numbered(prefix string, n int) string { return fmt.Sprintf("%.5s%02d", prefix, n) }
