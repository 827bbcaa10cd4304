package build

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// rustTarget is what Rust calls WebAssembly without an operating system.
const rustTarget = "wasm32-unknown-unknown"

func buildRust(ctx context.Context, dir string) ([]byte, error) {
	if err := needs("cargo", "Rust", "install Rust, and its target "+rustTarget); err != nil {
		return nil, err
	}
	out, err := run(ctx, dir, nil, "cargo", "build", "--release", "--target", rustTarget, "--message-format", "json-render-diagnostics")
	if err != nil {
		failed, ok := errors.AsType[*toolError](err)
		if ok && strings.Contains(failed.text, rustTarget) && strings.Contains(failed.text, "target may not be installed") {
			return nil, fmt.Errorf("rust has no target %s here: install it, as with \"rustup target add %[1]s\"", rustTarget)
		}
		return nil, err
	}
	file := ""
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var message struct {
			Reason    string
			Filenames []string
		}
		if json.Unmarshal(lines.Bytes(), &message) != nil || message.Reason != "compiler-artifact" {
			continue
		}
		for _, name := range message.Filenames {
			if strings.HasSuffix(name, ".wasm") {
				file = name // the package's own comes last
			}
		}
	}
	if file == "" {
		return nil, fmt.Errorf("%s makes no .wasm file: its Cargo.toml needs crate-type = [\"cdylib\"] in [lib]", dir)
	}
	return os.ReadFile(file)
}
