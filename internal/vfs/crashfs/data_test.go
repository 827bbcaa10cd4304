package crashfs_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

const sector = 512

// fileModel is a file told in the simplest way: its content now, its content
// at the last sync, and which sectors were touched since.
type fileModel struct {
	now, synced []byte
	touched     map[int]bool
	low         int // smallest size since the last sync
}

func (m *fileModel) write(p []byte, offset int) {
	if missing := offset + len(p) - len(m.now); missing > 0 {
		m.now = append(m.now, make([]byte, missing)...)
	}
	copy(m.now[offset:], p)
	for i := offset; i < offset+len(p); i++ {
		m.touched[i/sector] = true
	}
}

func (m *fileModel) truncate(size int) {
	m.low = min(m.low, size)
	if size > len(m.now) {
		m.now = append(m.now, make([]byte, size-len(m.now))...)
	}
	m.now = bytes.Clone(m.now[:size])
}

func (m *fileModel) sync() {
	m.synced = bytes.Clone(m.now)
	m.touched = map[int]bool{}
	m.low = len(m.now)
}

// sectorOf is one sector of an image, with zeros behind its end.
func sectorOf(image []byte, index int) []byte {
	out := make([]byte, sector)
	if at := index * sector; at < len(image) {
		copy(out, image[at:])
	}
	return out
}

// allows tells whether a crash may leave this content, given what the disk had
// and what may have landed before a size.
func (m *fileModel) allows(got, disk []byte, landing func(index int) bool) bool {
	for index := range (len(got) + sector - 1) / sector {
		length := min(sector, len(got)-index*sector)
		piece := got[index*sector:][:length]
		old, fresh := sectorOf(disk, index), sectorOf(m.now, index)
		if bytes.Equal(piece, old[:length]) {
			continue
		}
		if !landing(index) {
			return false
		}
		zero := make([]byte, sector)
		if index == len(disk)/sector { // the file's end is in here
			copy(zero, disk[index*sector:])
		}
		if !bytes.Equal(piece, fresh[:length]) && !bytes.Equal(piece, zero[:length]) {
			return false
		}
	}
	return true
}

// possible tells whether a crash may leave this content.
func (m *fileModel) possible(got []byte) bool {
	if m.low == len(m.synced) {
		return len(got) >= len(m.synced) && len(got) <= len(m.now) &&
			m.allows(got, m.synced, func(index int) bool { return m.touched[index] })
	}
	// The truncation is lost, or it happened.
	lost := len(got) == len(m.synced) &&
		m.allows(got, m.synced, func(index int) bool { return m.touched[index] && (index+1)*sector <= m.low })
	return lost || len(got) >= m.low && len(got) <= len(m.now) &&
		m.allows(got, m.synced[:m.low], func(index int) bool { return m.touched[index] })
}

// TestDataAfterACrash writes, truncates and syncs at random, and compares every
// crash with what the model allows.
func TestDataAfterACrash(t *testing.T) {
	t.Parallel()
	forSeeds(t, 3000, func(r random) {
		fsys := crashfs.New()
		f, err := fsys.Create("a")
		r.must(err)
		r.must(fsys.SyncDir("/"))
		model := fileModel{touched: map[int]bool{}}
		for range 1 + r.IntN(12) {
			switch r.IntN(8) {
			case 0, 1:
				r.must(f.Sync())
				model.sync()
			case 2:
				size := r.IntN(6000)
				r.must(f.Truncate(int64(size)))
				model.truncate(size)
			case 3: // anywhere
				p := randomBytes(r.Rand, 1+r.IntN(1500))
				offset := r.IntN(5000)
				_, err := f.WriteAt(p, int64(offset))
				r.must(err)
				model.write(p, offset)
			default: // at the end, as a log does
				p := randomBytes(r.Rand, 1+r.IntN(1500))
				offset := len(model.now)
				_, err := f.WriteAt(p, int64(offset))
				r.must(err)
				model.write(p, offset)
			}
			got, err := fsys.ReadFile("a")
			r.must(err)
			if !bytes.Equal(got, model.now) {
				r.Fatalf("before any crash the file is not what was written")
			}
			for range 3 {
				got, err := fsys.Crash(r.Rand, crashfs.CrashOptions{}).ReadFile("a")
				r.must(err)
				if !model.possible(got) {
					r.Fatalf("no crash may leave these %d bytes (synced %d, now %d, low %d)",
						len(got), len(model.synced), len(model.now), model.low)
				}
			}
			got, err = powerLoss(fsys).ReadFile("a")
			r.must(err)
			if !bytes.Equal(got, model.synced) {
				r.Fatalf("with LoseAll the file is not what was synced last")
			}
			got, err = kill(fsys).ReadFile("a")
			r.must(err)
			if !bytes.Equal(got, model.now) {
				r.Fatalf("with KeepAll the file is not what was written last")
			}
		}
	})
}

// randomBytes has no zeros, so that content is never taken for loss.
func randomBytes(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + rng.IntN(255))
	}
	return p
}

// TestEveryFateOfASector looks for each thing that a crash may do to two
// sectors, one that is rewritten and one that is new.
func TestEveryFateOfASector(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", strings.Repeat("o", sector))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 0, strings.Repeat("n", 2*sector))
	names := map[byte]string{'o': "old", 'n': "new", 0: "zero"}
	seen := outcomes(t, fsys, crashfs.CrashOptions{}, func(crashed *crashfs.FS) string {
		got := text(t, crashed, "a")
		outcome := names[got[0]]
		if strings.Trim(got[:sector], got[:1]) != "" {
			return "a torn sector"
		}
		switch rest := got[sector:]; {
		case rest == "":
			return outcome + ", end"
		case strings.Trim(rest, rest[:1]) != "":
			return "a torn sector"
		case len(rest) < sector:
			return outcome + ", a short " + names[rest[0]]
		default:
			return outcome + ", " + names[rest[0]]
		}
	})
	var want []string
	for _, first := range []string{"old", "new", "zero"} {
		for _, second := range []string{"end", "new", "zero", "a short new", "a short zero"} {
			want = append(want, first+", "+second)
		}
	}
	wantOutcomes(t, seen, want...)
}

// TestLastSectorKeepsItsDurableBytes appends within a sector.
func TestLastSectorKeepsItsDurableBytes(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "old")
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 3, "new")
	seen := outcomes(t, fsys, crashfs.CrashOptions{}, func(crashed *crashfs.FS) string { return text(t, crashed, "a") })
	wantOutcomes(t, seen, "old", "oldn", "oldne", "oldnew", "old\x00", "old\x00\x00", "old\x00\x00\x00")
}

func TestWeights(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", strings.Repeat("o", 2*sector))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 0, strings.Repeat("n", 2*sector))
	first := func(crashed *crashfs.FS) string { return text(t, crashed, "a")[:1] }
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{Old: 1}, first), "o")
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{New: 1, Zero: -5}, first), "n")
	wantOutcomes(t, outcomes(t, fsys, crashfs.CrashOptions{Zero: 1}, first), "\x00")
	seen := outcomes(t, fsys, crashfs.CrashOptions{Old: 1, New: 3}, first)
	wantOutcomes(t, seen, "o", "n")
	if seen["n"] < 2*seen["o"] {
		t.Errorf("with weights 1 and 3 the old came %d times, the new %d times", seen["o"], seen["n"])
	}
}

// TestFailedSync follows what a failed sync leaves: reads that lie, syncs that
// do nothing, a restart that sees no difference, and a power loss that does.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "first ")
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 6, "second ")
	fsys.SetHook(crashfs.FailNth(crashfs.OpSync, "a", 1, errBoom))
	if err := f.Sync(); err == nil || !strings.Contains(err.Error(), "sync /a: boom") {
		t.Fatalf("Sync: %v, want the hook's error with operation and name", err)
	}
	wantText(t, fsys, "a", "first second ")
	must(t, f.Sync())
	must(t, f.Sync())
	wantText(t, fsys, "a", "first second ")
	wantText(t, powerLoss(fsys), "a", "first ")

	// After a restart of the process the page cache still proves nothing.
	restarted := kill(fsys)
	wantText(t, restarted, "a", "first second ")
	g, err := restarted.OpenWrite("a")
	must(t, err)
	must(t, g.Sync())
	wantText(t, restarted, "a", "first second ")
	wantText(t, powerLoss(restarted), "a", "first ")

	// Writing it again makes it durable.
	write(t, g, 6, "second ")
	must(t, g.Sync())
	wantText(t, powerLoss(restarted), "a", "first second ")
	wantText(t, powerLoss(fsys), "a", "first ")
}

// TestFailedSyncLeavesAHole syncs what comes after the bytes that were lost.
func TestFailedSyncLeavesAHole(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", strings.Repeat("1", sector))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, sector, strings.Repeat("2", sector))
	fsys.SetHook(crashfs.FailNth(crashfs.OpSync, "", 1, errBoom))
	if err := f.Sync(); err == nil {
		t.Fatal("Sync did not fail")
	}
	write(t, f, 2*sector, strings.Repeat("3", sector))
	must(t, f.Sync())
	hole := strings.Repeat("1", sector) + strings.Repeat("\x00", sector) + strings.Repeat("3", sector)
	whole := strings.ReplaceAll(hole, "\x00", "2")
	wantText(t, fsys, "a", whole)
	wantText(t, powerLoss(fsys), "a", hole)
	seen := outcomes(t, fsys, crashfs.CrashOptions{}, func(crashed *crashfs.FS) string { return text(t, crashed, "a") })
	wantOutcomes(t, seen, hole, whole)
}

// TestWriteback lets the kernel write on its own between two appends to one
// sector, so that a crash finds a state that was neither synced nor the last.
func TestWriteback(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "one ")
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 4, "two ")
	fsys.Writeback(rand.New(rand.NewPCG(1, 1)), 1)
	wantText(t, powerLoss(fsys), "a", "one ")
	write(t, f, 8, "six ")
	const between = "one two \x00\x00\x00\x00"
	for name, f := range map[string]*crashfs.FS{"at once": fsys, "after a restart": kill(fsys)} {
		seen := outcomes(t, f, crashfs.CrashOptions{Old: 1}, func(crashed *crashfs.FS) string {
			if got := text(t, crashed, "a"); len(got) == len(between) {
				return got
			}
			return "shorter"
		})
		t.Log(name)
		wantOutcomes(t, seen, between, "shorter")
	}
	must(t, f.Sync())
	wantText(t, powerLoss(fsys), "a", "one two six ")
}

// TestWhatWasWrittenBackIsOnTheDisk crashes without another write.
func TestWhatWasWrittenBackIsOnTheDisk(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "one ")
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	write(t, f, 4, "two ")
	fsys.Writeback(rand.New(rand.NewPCG(1, 1)), 1)
	seen := outcomes(t, fsys, crashfs.CrashOptions{Zero: 1}, func(crashed *crashfs.FS) string { return text(t, crashed, "a") })
	wantOutcomes(t, seen, "one ", "one t", "one tw", "one two", "one two ")
}

// TestWritebackAfterATruncation cuts a file, writes it anew, and syncs after
// the kernel had a chance to write.
func TestWritebackAfterATruncation(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	durableFile(t, fsys, "/a", strings.Repeat("old", sector))
	f := create(t, fsys, "a", "new")
	fsys.Writeback(rand.New(rand.NewPCG(1, 1)), 1)
	wantText(t, powerLoss(fsys), "a", strings.Repeat("old", sector))
	must(t, f.Sync())
	wantText(t, powerLoss(fsys), "a", "new")
}

// TestWritebackIsNoSync runs random writebacks through the model: what is
// synced survives them all.
func TestWritebackIsNoSync(t *testing.T) {
	t.Parallel()
	forSeeds(t, 300, func(r random) {
		fsys := crashfs.New()
		f, err := fsys.Create("a")
		r.must(err)
		r.must(fsys.SyncDir("/"))
		var now, synced []byte
		for range 20 {
			switch r.IntN(5) {
			case 0:
				r.must(f.Sync())
				synced = bytes.Clone(now)
			case 1:
				fsys.Writeback(r.Rand, 0.5)
			case 2:
				now = now[:len(synced)+r.IntN(len(now)-len(synced)+1)]
				r.must(f.Truncate(int64(len(now))))
			default:
				p := randomBytes(r.Rand, 1+r.IntN(1500))
				_, err := f.WriteAt(p, int64(len(now)))
				r.must(err)
				now = append(now, p...)
			}
			got, err := fsys.Crash(r.Rand, crashfs.CrashOptions{}).ReadFile("a")
			r.must(err)
			if !bytes.HasPrefix(got, synced) || len(got) > len(now) {
				r.Fatalf("%d bytes were synced, and are not the beginning of the %d after the crash", len(synced), len(got))
			}
			for i := range got[len(synced):] {
				at := len(synced) + i
				if got[at] != 0 && got[at] != now[at] {
					r.Fatalf("byte %d is neither lost nor what was written there last", at)
				}
			}
		}
	})
}

// TestPreallocationIsNoContent crashes a file that has only reserved space.
func TestPreallocationIsNoContent(t *testing.T) {
	t.Parallel()
	fsys := crashfs.New()
	f := create(t, fsys, "a", "text")
	must(t, f.Preallocate(1<<20))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	if got := fsys.Used(); got != 1<<20 {
		t.Fatalf("%d bytes are used, want 1 MiB", got)
	}
	crashed := powerLoss(fsys)
	wantText(t, crashed, "a", "text")
	if got := crashed.Used(); got != 4 {
		t.Fatalf("%d bytes are used after the crash, want 4", got)
	}
}
