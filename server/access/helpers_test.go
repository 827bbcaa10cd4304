package access

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// handClock is a clock that a test moves.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2030, 5, 17, 12, 0, 0, 0, time.UTC)}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// wantErr checks code and words of an error.
func wantErr(t *testing.T, err error, code nacre.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	if got := nacre.CodeOf(err); got != code {
		t.Fatalf("code %q (%v), want %s", got, err, code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("the error says %q, want %q in it", err, w)
		}
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func writeTest(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func testKeys(t *testing.T, clock Clock) *Keys {
	t.Helper()
	return must[*Keys](t)(OpenKeys(filepath.Join(t.TempDir(), "keys.json"), clock))
}

func createKey(t *testing.T, k *Keys, spec KeySpec) (string, KeyInfo) {
	t.Helper()
	if spec.Name == "" {
		spec.Name = "ci"
	}
	if spec.Permissions == nil {
		spec.Permissions = []string{"read:events"}
	}
	secret, info, err := k.Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	return secret, info
}
