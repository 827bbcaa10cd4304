package crashfs_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

var seedFlag = flag.Uint64("seed", 0, "run the random tests with this one seed; 0 draws seeds")

// errBoom is an injected fault.
var errBoom = errors.New("boom")

// random is one run of a random test.
type random struct {
	*testing.T
	*rand.Rand
	seed uint64
}

// Fatalf ends the test and tells how to repeat it.
func (r random) Fatalf(format string, arguments ...any) {
	r.Helper()
	r.T.Fatalf("%s\nreplay: go test ./internal/vfs/crashfs -run '^%s$' -seed=%d",
		fmt.Sprintf(format, arguments...), r.T.Name(), r.seed)
}

func (r random) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%v", err)
	}
}

// forSeeds runs a random test with many seeds.
func forSeeds(t *testing.T, runs int, test func(r random)) {
	t.Helper()
	first := rand.Uint64()
	if *seedFlag != 0 {
		first, runs = *seedFlag, 1
	}
	for run := range uint64(runs) {
		seed := first + run
		test(random{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed})
	}
}

// must ends the test when something that has to work does not.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a file with a text, and nothing durable.
func create(t testing.TB, fsys vfs.FS, name, text string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	write(t, f, 0, text)
	return f
}

func write(t testing.TB, f vfs.File, offset int64, text string) {
	t.Helper()
	n, err := f.WriteAt([]byte(text), offset)
	must(t, err)
	if n != len(text) {
		t.Fatalf("wrote %d bytes of %d", n, len(text))
	}
}

// text is a file's content, or "absent".
func text(t testing.TB, fsys *crashfs.FS, name string) string {
	t.Helper()
	if _, err := fsys.Stat(name); err != nil {
		return "absent"
	}
	data, err := fsys.ReadFile(name)
	must(t, err)
	return string(data)
}

func wantText(t testing.TB, fsys *crashfs.FS, name, want string) {
	t.Helper()
	if got := text(t, fsys, name); got != want {
		t.Fatalf("%s holds %.100q, want %.100q", name, got, want)
	}
}

// powerLoss is a crash that leaves only what is durable.
func powerLoss(fsys *crashfs.FS) *crashfs.FS {
	return fsys.Crash(nil, crashfs.CrashOptions{LoseAll: true})
}

// kill is the end of the process only.
func kill(fsys *crashfs.FS) *crashfs.FS {
	return fsys.Crash(nil, crashfs.CrashOptions{KeepAll: true})
}

// outcomes counts what a random crash left, so that a test can demand that
// each possibility came up.
func outcomes(t *testing.T, fsys *crashfs.FS, options crashfs.CrashOptions, see func(crashed *crashfs.FS) string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(2000) {
		seen[see(fsys.Crash(rand.New(rand.NewPCG(seed, 1)), options))]++
	}
	return seen
}

func wantOutcomes(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, outcome := range want {
		wanted[outcome] = true
		if seen[outcome] == 0 {
			t.Errorf("no crash left %.80q", outcome)
		}
	}
	for outcome, count := range seen {
		if !wanted[outcome] {
			t.Errorf("%d crashes left %.80q, which cannot be", count, outcome)
		}
	}
}
