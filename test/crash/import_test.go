package crash_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/test/soak"
)

// TestKilledImports kills the program while it imports, again and again, and lets it finish.
func TestKilledImports(t *testing.T) {
	rng := soak.Seeded(t, "./test/crash")
	nacre := buildProgram(t)
	for range soak.Rounds(t, 1) {
		dir := t.TempDir()
		file := filepath.Join(dir, "in.ndjson")
		want := writeEvents(t, file, 30_000, rng)
		data := filepath.Join(dir, "data")
		args := []string{"import", file, "--data", data, "--batch", fmt.Sprint(1 + rng.IntN(1000))}
		kills := 0
		for range 8 {
			cmd := exec.CommandContext(t.Context(), nacre, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(time.Duration(rng.Int64N(int64(250*time.Millisecond))), func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			kill.Stop()
			if cmd.ProcessState.Exited() && !cmd.ProcessState.Success() {
				t.Fatal("an import failed")
			}
			if !cmd.ProcessState.Success() {
				kills++
			}
		}
		told, err := exec.CommandContext(t.Context(), nacre, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, told)
		}
		t.Logf("%d kills; %s", kills, bytes.TrimSpace(told))
		store := filepath.Join(data, "default")
		verify(t, store)
		if got := allData(t, store); got != want {
			t.Fatalf("the log has %d bytes of data, the file %d, or the order differs", len(got), len(want))
		}
		_ = os.RemoveAll(dir)
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nacre.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../../cmd/nacre").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// writeEvents writes lines to import and returns their data, in order.
func writeEvents(t *testing.T, file string, n int, rng *rand.Rand) string {
	t.Helper()
	var lines, data strings.Builder
	for i := range n {
		text := fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, strings.Repeat("p", rng.IntN(300)))
		fmt.Fprintf(&lines, `{"streamId":"s-%d","type":"x","data":%s}`+"\n", rng.IntN(500), text)
		data.WriteString(text)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return data.String()
}

func allData(t *testing.T, dir string) string {
	t.Helper()
	s, err := filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var data strings.Builder
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		data.Write(e.Data)
	}
	return data.String()
}
