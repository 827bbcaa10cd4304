package filestore

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// smallStore makes a store with sealed and compressed segments, a merged index, a blob, a companion log
// and a cut, and gives the events.
func smallStore(t *testing.T, fsys *crashfs.FS, events int, clean bool) []nacre.Event {
	t.Helper()
	o := on(fsys)
	o.CompressAfter = 1
	s := mustOpen(t, testDir, o)
	want := fill(t, s, events)
	mustAppend(t, s.System(), "definition-1", 2, numbered(1))
	blobs, err := s.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if err := blobs.PutBlob(t.Context(), "snapshots/one", []byte("some bytes")); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	if clean {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// settle waits for the background work of a store that nobody appends to.
func settle(t *testing.T, s *nacre.Store) {
	t.Helper()
	l := s.Driver().(*log)
	for _, l := range []*log{l, l.companion} {
		if err := l.waitSealed(l.faultGen()); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); !l.settled(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the background work does not end")
			}
		}
	}
}

// settled tells that nothing is left to merge or compress.
func (l *log) settled() bool {
	s := l.acquire()
	defer s.release()
	ranges := make([]index.Range, len(s.runs))
	for i, r := range s.runs {
		ranges[i] = r.Range()
	}
	if _, _, ok := index.PlanMerge(ranges); ok {
		return false
	}
	l.manifestMu.Lock()
	defer l.manifestMu.Unlock()
	sealed, raw := 0, 0
	for _, i := range l.manifest.Segments {
		if i.Sealed {
			sealed++
		}
		if i.Sealed && !i.Zstd {
			raw++
		}
	}
	return l.o.CompressAfter == 0 || raw <= min(sealed, l.o.CompressAfter)
}

// TestEveryBitFlip flips bits of every file of a small store. Each flip is found and told by verify, and
// no read gives anything that was not written.
func TestEveryBitFlip(t *testing.T) {
	fsys := newFS()
	want := smallStore(t, fsys, 60, true)
	written := map[string]bool{}
	for _, e := range want {
		written[string(e.Data)] = true
	}
	verify(t, testDir, environment{fs: fsys})
	// All of them in a soak; here every so manieth byte, from anywhere, one bit each.
	masks, step, from := []byte{1 << rand.IntN(8)}, 31, rand.IntN(31)
	if os.Getenv("NACRE_SEEDS") != "" {
		masks, step, from = []byte{1, 2, 4, 8, 16, 32, 64, 128}, 1, 0
	}
	flips := 0
	for _, name := range fsys.Files() {
		data, err := fsys.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for off := from; off < len(data); off += step {
			for _, mask := range masks {
				flips++
				hurt := fsys.Clone()
				if err := hurt.Corrupt(name, int64(off), mask); err != nil {
					t.Fatal(err)
				}
				oneFlip(t, hurt, name, off, mask, want, written)
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d flips in %d files", flips, len(fsys.Files()))
}

func oneFlip(t *testing.T, hurt *crashfs.FS, name string, off int, mask byte, want []nacre.Event, written map[string]bool) {
	t.Helper()
	what := fmt.Sprintf("%s, byte %d, mask %02x", name, off, mask)
	r, err := Verify(context.Background(), testDir, &VerifyOptions{env: environment{fs: hurt}})
	if err != nil {
		t.Errorf("%s: verify: %v", what, err)
		return
	}
	if len(r.Problems) == 0 {
		t.Errorf("%s: not found", what)
	}
	if filepath.Dir(name) != testDir && !strings.Contains(name, "/index/") {
		return // the companion log and blobs: verify looked
	}
	s, err := Open(testDir, on(hurt))
	if err != nil {
		if nacre.CodeOf(err) == "" {
			t.Errorf("%s: open: %v has no code", what, err)
		}
		return
	}
	defer s.Close()
	n, failed := 0, false
	for e, err := range s.Read(context.Background(), nil, nil) {
		if err != nil {
			failed = true
			if nacre.CodeOf(err) != nacre.CodeDamaged {
				t.Errorf("%s: read: %v", what, err)
			}
			break
		}
		n++
		if !written[string(e.Data)] {
			t.Errorf("%s: served %s", what, e.Data)
		}
	}
	if !failed && n < len(want) {
		t.Errorf("%s: %d events of %d, and no error", what, n, len(want))
	}
}

// TestFilterReadsSurviveBadIndex flips bits in the index and asks it: the answers are right, whatever it
// took to make the index again.
func TestFilterReadsSurviveBadIndex(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 300, true)
	seeds(t, 150, func(t *testing.T, _ uint64, rng *rand.Rand) {
		hurt := fsys.Clone()
		s := mustOpen(t, testDir, on(hurt))
		defer s.Close()
		files := indexFiles(hurt)
		for range 1 + rng.IntN(3) {
			name := files[rng.IntN(len(files))]
			if data, err := hurt.ReadFile(name); err == nil && len(data) > 0 {
				_ = hurt.Corrupt(name, rng.Int64N(int64(len(data))), 1<<rng.IntN(8))
			}
		}
		// The files are mapped already: open them anew.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, testDir, on(hurt))
		defer s.Close()
		all := readAll(t, s)
		for range 6 {
			f := randomFilter(rng)
			var got, expect []nacre.Event
			for _, e := range all {
				if f.Matches(&e) {
					expect = append(expect, e)
				}
			}
			for e, err := range s.Read(t.Context(), f, nil) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e)
			}
			sameEvents(t, got, expect)
		}
		if v, err := s.Version(t.Context(), all[len(all)-1].StreamID); err != nil || v != all[len(all)-1].StreamPosition {
			t.Fatalf("version %d, %v", v, err)
		}
	})
}

func indexFiles(fsys *crashfs.FS) []string {
	var out []string
	for _, f := range fsys.Files() {
		if filepath.Dir(f) == testDir+"/index" {
			out = append(out, f)
		}
	}
	return out
}

func randomFilter(rng *rand.Rand) nacre.Filter {
	var f nacre.Filter
	for range 1 + rng.IntN(2) {
		var it nacre.FilterItem
		if rng.IntN(2) == 0 {
			it.Types = []string{[]string{"thing.*", "*.happened1", "thing.happened0", "other"}[rng.IntN(4)]}
		}
		if rng.IntN(3) == 0 {
			it.Categories = []string{fmt.Sprintf("s%d", rng.IntN(3))}
		}
		if rng.IntN(2) == 0 {
			it.Tags = append(it.Tags, fmt.Sprintf("t:%d", rng.IntN(5)))
		}
		if rng.IntN(2) == 0 {
			it.Tags = append(it.Tags, fmt.Sprintf("u:%d", rng.IntN(8)))
		}
		if rng.IntN(4) == 0 {
			it.Streams = []nacre.StreamID{nacre.StreamID(fmt.Sprintf("s%d-%d", rng.IntN(2), rng.IntN(11)))}
		}
		f = append(f, it)
	}
	return f
}

// TestRebuiltEqualsLive deletes the index and compares what comes back with what was there.
func TestRebuiltEqualsLive(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 400, true)
	before := map[string]string{}
	for _, f := range indexFiles(fsys) {
		data, err := fsys.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		before[f] = string(data)
	}
	if err := fsys.RemoveAll(testDir + "/index"); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, testDir, on(fsys))
	settle(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after := indexFiles(fsys)
	if len(after) != len(before) {
		t.Fatalf("%d files, there were %d", len(after), len(before))
	}
	for _, f := range after {
		if data, _ := fsys.ReadFile(f); string(data) != before[f] {
			t.Errorf("%s came back different", f)
		}
	}
	verify(t, testDir, environment{fs: fsys})
}

// TestDamageIsServedAround: in a segment with a bad line, everything else can be read, and appends are
// refused.
func TestDamageIsServedAround(t *testing.T) {
	fsys := newFS()
	s := mustOpen(t, testDir, on(fsys))
	var want []nacre.Event
	for i := range 8 {
		want = append(want, mustAppend(t, s, nacre.StreamID(fmt.Sprintf("s-%d", i%2)), 1, numbered(i)).Events...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := segmentsOf(t, fsys, testDir)[0]
	data, _ := fsys.ReadFile(file)
	// The fourth line, of stream s-1.
	at := 0
	for range 3 {
		at += bytes.IndexByte(data[at:], '\n') + 1
	}
	if err := fsys.Corrupt(file, int64(at+40), 4); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testDir, on(fsys))
	defer s.Close()
	var got []nacre.Event
	var failure error
	for e, err := range s.Read(t.Context(), nil, nil) {
		if err != nil {
			failure = err
			break
		}
		got = append(got, e)
	}
	sameEvents(t, got, want[:3])
	d, ok := asDamage(failure)
	if !ok || d.File != file || d.Line != 4 || d.Offset != int64(at) {
		t.Fatalf("the damage is told as %v; line 4 at byte %d of %s is damaged", failure, at, file)
	}
	got = nil
	for e, err := range s.Read(t.Context(), nil, &nacre.ReadOptions{After: 4}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	sameEvents(t, got, want[4:])
	got = nil
	for e, err := range s.ReadStream(t.Context(), "s-0", nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	sameEvents(t, got, []nacre.Event{want[0], want[2], want[4], want[6]})
	if _, err := s.Append(t.Context(), "s-9", nacre.Any, numbered(1)); nacre.CodeOf(err) != nacre.CodeDamaged {
		t.Fatalf("an append to a damaged store: %v", err)
	}
	if after, _ := fsys.ReadFile(file); len(after) != len(data) {
		t.Fatal("the damaged log was cut")
	}
}

// TestForeignSegment: a segment of another store in the folder is told, whatever its name.
func TestForeignSegment(t *testing.T) {
	fsys := newFS()
	smallStore(t, fsys, 60, true)
	other := newFS()
	so := mustOpen(t, testDir, on(other))
	for i := range 60 {
		mustAppend(t, so, "foreign-1", 1, numbered(i))
	}
	_ = so.Close()
	theirs := segmentsOf(t, other, testDir)
	data, err := other.ReadFile(theirs[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{testDir + "/00000000000000099999.ndjson", testDir + "/" + filepath.Base(theirs[1])} {
		mixed := fsys.Clone()
		if err := mixed.WriteFile(name, data); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), testDir, &VerifyOptions{env: environment{fs: mixed}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) == 0 {
			t.Errorf("%s of another store was not found", name)
		}
	}
}

// TestUnreadableSector: a sector that the disk cannot read is damage with its place, not a crash of the
// process, and the rest is served.
func TestUnreadableSector(t *testing.T) {
	fsys := newFS()
	want := smallStore(t, fsys, 60, true)
	s := mustOpen(t, testDir, on(fsys))
	defer s.Close()
	file := segmentsOf(t, fsys, testDir)[0]
	if err := fsys.UnreadableRange(file, 512, 512); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for p := range want {
		for e, err := range s.Read(t.Context(), nil, &nacre.ReadOptions{After: nacre.Position(p), Limit: 1}) {
			switch {
			case err == nil:
				sameEvents(t, []nacre.Event{e}, want[p:p+1])
			case nacre.CodeOf(err) == nacre.CodeDamaged:
				damaged++
			default:
				t.Fatal(err)
			}
		}
	}
	if damaged == 0 || damaged == len(want) {
		t.Fatalf("%d of %d events are told as damaged", damaged, len(want))
	}
}
