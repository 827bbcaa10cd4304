package segment_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// someLog has lines of every length, some longer than a frame.
func someLog(rng *rand.Rand, groups int) []byte {
	l := newLog(rng, 1)
	for i := range groups {
		l.size = 300
		if i%50 == 49 {
			l.size = 30_000
		}
		l.write(3)
	}
	return l.bytes
}

const rawName, zstName = "/log/1.ndjson", "/log/1.ndjson.zst"

// compressed makes the file system with a segment in both forms.
func compressed(t testing.TB, raw []byte) (*crashfs.FS, segment.Compressed) {
	t.Helper()
	fsys := crashfs.New()
	if err := errors.Join(fsys.MkdirAll("/log"), fsys.WriteFile(rawName, raw)); err != nil {
		t.Fatal(err)
	}
	c, err := segment.Compress(t.Context(), fsys, rawName, zstName)
	if err != nil {
		t.Fatal(err)
	}
	return fsys, c
}

func openZstd(t testing.TB, fsys vfs.FS, name string) *segment.Zstd {
	t.Helper()
	file, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	z, err := segment.OpenZstd(file, name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCompress(t *testing.T) {
	rng := random(t)
	for _, groups := range []int{0, 1, 10, 400} {
		raw := someLog(rng, groups)
		fsys, c := compressed(t, raw)
		if c.Bytes != int64(len(raw)) || c.SHA256 != sha256.Sum256(raw) || groups == 400 && c.Frames < 10 {
			t.Errorf("of %d bytes: %+v", len(raw), c)
		}
		content, err := fsys.ReadFile(zstName)
		if err != nil || int64(len(content)) != c.CompressedBytes || groups == 400 && len(content) > len(raw)/2 {
			t.Errorf("%d bytes are compressed to %d: %+v, %v", len(raw), len(content), c, err)
		}
		z := openZstd(t, fsys, zstName)
		if z.Size() != int64(len(raw)) {
			t.Errorf("%d bytes are told as %d", len(raw), z.Size())
		}
		checkReads(t, rng, z, raw, 300)
		// Lines come out as of the raw file, and the judge takes them.
		v, err := segment.Scan(z, z.Size(), "f", &segment.ScanOptions{First: 1})
		if err != nil || v.Kind != segment.Clean || v.End != int64(len(raw)) {
			t.Errorf("the compressed segment is judged %+v, %v", v, err)
		}
	}
}

// checkReads compares parts with the raw bytes.
func checkReads(t testing.TB, rng *rand.Rand, z *segment.Zstd, raw []byte, reads int) {
	for range reads {
		from := rng.IntN(len(raw) + 10)
		size := rng.IntN(1 + rng.IntN(len(raw)+10))
		got := make([]byte, size)
		n, err := z.ReadAt(got, int64(from))
		want := raw[min(from, len(raw)):min(from+size, len(raw))]
		if !bytes.Equal(got[:n], want) || (err != nil) != (n < size) {
			t.Errorf("%d bytes from %d of %d: %d, %v", size, from, len(raw), n, err)
			return
		}
	}
	if _, err := z.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset is taken")
	}
}

func TestZstdConcurrently(t *testing.T) {
	rng := random(t)
	raw := someLog(rng, 600)
	fsys, _ := compressed(t, raw)
	z := openZstd(t, fsys, zstName)
	var wg sync.WaitGroup
	for i := range 6 {
		mine := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		wg.Go(func() { checkReads(t, mine, z, raw, 200) })
	}
	wg.Wait()
}

// TestZstdcat compares with the tool that people will use.
func TestZstdcat(t *testing.T) {
	tool, err := exec.LookPath("zstdcat")
	if err != nil {
		t.Skip("zstdcat is not installed")
	}
	raw := someLog(random(t), 300)
	dir := t.TempDir()
	name := filepath.Join(dir, segment.FileName(1, false))
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := segment.Compress(t.Context(), vfs.OS, name, name+".zst"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, name+".zst").Output()
	if err != nil || !bytes.Equal(out, raw) {
		t.Fatalf("zstdcat gives %d bytes of %d, %v", len(out), len(raw), err)
	}
}

// TestZstdDamage flips bits of a compressed segment, also those that mean nothing to a decoder.
func TestZstdDamage(t *testing.T) {
	rng := random(t)
	raw := someLog(rng, 60)
	fsys, _ := compressed(t, raw)
	content, err := fsys.ReadFile(zstName)
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, len(raw))
	flip := func(at int, bit int) {
		changed := bytes.Clone(content)
		changed[at] ^= 1 << bit
		err := readWhole(changed, whole)
		damage, ok := errors.AsType[*nacre.DamageError](err)
		if !ok || damage.File != "z" || damage.Offset < 0 || damage.Offset > int64(at) && damage.Offset != int64(len(content))-8 {
			t.Fatalf("bit %d of byte %d of %d is told as %v", bit, at, len(content), err)
		}
	}
	flips := 4000
	for range flips {
		flip(rng.IntN(len(content)), rng.IntN(8))
	}
	for at := len(content) - 200; at < len(content); at++ { // the seek table
		for bit := range 8 {
			flip(at, bit)
			flips++
		}
	}
	t.Logf("%d flipped bits are told", flips)
	for size := range len(content) {
		if size > 300 && size < len(content)-300 && size%101 > 0 {
			continue
		}
		if err := readWhole(content[:size], whole); nacre.CodeOf(err) != nacre.CodeDamaged {
			t.Fatalf("cut to %d of %d bytes: %v", size, len(content), err)
		}
	}
	// Damage in one frame leaves the others readable.
	changed := bytes.Clone(content)
	changed[100] ^= 1
	z, err := segment.OpenZstd(source{bytes.NewReader(changed)}, "z")
	if err != nil {
		t.Fatal(err)
	}
	tail := whole[:1000]
	if _, err := z.ReadAt(tail, int64(len(raw)-1000)); err != nil || !bytes.Equal(tail, raw[len(raw)-1000:]) {
		t.Errorf("the last frame is not read: %v", err)
	}
	if v, err := segment.Scan(z, z.Size(), "f", &segment.ScanOptions{First: 1}); err != nil || v.Kind != segment.Damaged || !strings.Contains(v.Damage.Reason, "cannot be read") {
		t.Errorf("the segment is judged %+v, %v", v, err)
	}
}

// source is a file in memory.
type source struct{ *bytes.Reader }

func (s source) Size() (int64, error) { return s.Reader.Size(), nil }

func readWhole(content, whole []byte) error {
	z, err := segment.OpenZstd(source{bytes.NewReader(content)}, "z")
	if err != nil {
		return err
	}
	if z.Size() != int64(len(whole)) {
		return errors.New("another size is told")
	}
	// In parts that are no frames, so that the cache is used too.
	for from := 0; from < len(whole); from += 10_000 {
		if _, err := z.ReadAt(whole[from:min(from+10_000, len(whole))], int64(from)); err != nil {
			return err
		}
	}
	return nil
}

func TestZstdReadErrors(t *testing.T) {
	fsys, c := compressed(t, someLog(random(t), 60))
	for _, from := range []int64{c.CompressedBytes - 4, c.CompressedBytes - 20, 10} {
		if err := fsys.UnreadableRange(zstName, from, 4); err != nil {
			t.Fatal(err)
		}
		file, err := fsys.Open(zstName)
		if err != nil {
			t.Fatal(err)
		}
		z, err := segment.OpenZstd(file, zstName)
		if err == nil {
			_, err = z.ReadAt(make([]byte, 10), 0)
		}
		if err == nil || !strings.Contains(err.Error(), zstName) {
			t.Errorf("unreadable at %d: %v", from, err)
		}
		if err := errors.Join(fsys.MakeReadable(zstName), file.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompressCrashes loses power before each operation of a compression, and fails each operation.
func TestCompressCrashes(t *testing.T) {
	rng := random(t)
	raw := someLog(rng, 60)
	sum := sha256.Sum256(raw)
	prepare := func() *crashfs.FS {
		fsys := crashfs.New()
		if err := errors.Join(fsys.MkdirAll("/log"), fsys.WriteFile(rawName, raw)); err != nil {
			t.Fatal(err)
		}
		return fsys
	}
	// whole is true where the name is there; then it must lead to everything.
	whole := func(fsys *crashfs.FS, what string) bool {
		if _, err := fsys.Stat(zstName); err != nil {
			return false
		}
		z := openZstd(t, fsys, zstName)
		if got, err := segment.Sum(t.Context(), z, z.Size(), nil); err != nil || got != sum {
			t.Fatalf("%s: %s is there and not whole: %v", what, zstName, err)
		}
		return true
	}
	fsys := prepare()
	before := fsys.Ops()
	if _, err := segment.Compress(t.Context(), fsys, rawName, zstName); err != nil {
		t.Fatal(err)
	}
	ops := fsys.Ops() - before
	for range 20 {
		if !whole(fsys.Crash(rng, crashfs.CrashOptions{}), "after the compression") {
			t.Fatal("a compression that returned is lost in a crash")
		}
	}
	for n := range ops {
		fsys := prepare()
		count := int64(0)
		fsys.SetHook(func(crashfs.Op) error {
			if count++; count == n+1 {
				after := fsys.Crash(rng, crashfs.CrashOptions{})
				whole(after, fmt.Sprintf("power loss before operation %d", n))
				return errDisk
			}
			return nil
		})
		_, err := segment.Compress(t.Context(), fsys, rawName, zstName)
		fsys.SetHook(nil)
		if !errors.Is(err, errDisk) {
			t.Fatalf("operation %d of %d fails, and the compression returns %v", n, ops, err)
		}
		whole(fsys, fmt.Sprintf("failure of operation %d", n))
		if got, err := fsys.ReadFile(rawName); err != nil || !bytes.Equal(got, raw) {
			t.Fatalf("failure of operation %d: the raw file is changed: %v", n, err)
		}
	}
	t.Logf("%d operations, each failed and preceded by a power loss", ops)
}

func TestCompressRefuses(t *testing.T) {
	raw := someLog(random(t), 40)
	fsys := crashfs.New()
	if err := errors.Join(fsys.MkdirAll("/log"), fsys.WriteFile(rawName, raw[:len(raw)-1])); err != nil {
		t.Fatal(err)
	}
	if _, err := segment.Compress(t.Context(), fsys, rawName, zstName); !errors.Is(err, segment.ErrUnended) {
		t.Errorf("a segment that does not end with a line feed: %v", err)
	}
	if err := fsys.WriteFile(rawName, raw); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := segment.Compress(ctx, fsys, rawName, zstName); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
	if _, err := segment.Compress(t.Context(), fsys, "/log/none", zstName); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a file that is not there: %v", err)
	}
	if files := fsys.Files(); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func BenchmarkZstd(b *testing.B) {
	raw, _ := benchLog()
	fsys, c := compressed(b, raw)
	b.Logf("%d bytes are compressed to %d", c.Bytes, c.CompressedBytes)
	z := openZstd(b, fsys, zstName)
	b.Run("Compress", func(b *testing.B) {
		b.SetBytes(c.Bytes)
		for b.Loop() {
			if _, err := segment.Compress(b.Context(), fsys, rawName, zstName+"2"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadInOrder", func(b *testing.B) {
		b.SetBytes(c.Bytes)
		buf := make([]byte, 256<<10)
		for b.Loop() {
			for at := int64(0); at < z.Size(); at += int64(len(buf)) {
				if n, err := z.ReadAt(buf, at); n == 0 {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("ReadALine", func(b *testing.B) {
		b.ReportAllocs()
		rng := rand.New(rand.NewPCG(1, 2))
		buf := make([]byte, 400)
		for b.Loop() {
			if _, err := z.ReadAt(buf, rng.Int64N(z.Size()-400)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
