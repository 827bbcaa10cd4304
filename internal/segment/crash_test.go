package segment_test

import (
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
)

const sector = 512

// crashed is the file as a power loss may leave it, when what stands from the groups[durable] end on was
// written and not synced. Each sector holds what it held after any of the writes, or zeros; the file
// ends anywhere between its durable and its present end.
func (l *testLog) crashed(durable int) []byte {
	from := int64(0)
	if durable >= 0 {
		from = l.groups[durable].end
	}
	ends := []int64{from}
	for _, g := range l.groups[durable+1:] {
		ends = append(ends, g.end)
	}
	file := make([]byte, len(l.bytes))
	copy(file, l.bytes[:from])
	lost := l.Float64() // from nearly nothing to nearly everything
	for at := from / sector * sector; at < int64(len(file)); at += sector {
		landed := ends[len(ends)-1]
		switch {
		case l.Float64() > lost:
		case l.IntN(2) == 0:
			landed = ends[l.IntN(len(ends))]
		default:
			landed = 0
		}
		// A rewrite of the sector in which the durable file ends spares what is there.
		if to := min(at+sector, max(landed, from)); to > at {
			copy(file[at:to], l.bytes[at:to])
		}
	}
	size := int64(len(file))
	switch l.IntN(4) {
	case 0:
		size = from + l.Int64N(size-from+1)
	case 1:
		size = min(size, (from+l.Int64N(size-from+1)+sector-1)/sector*sector)
	}
	return file[:size]
}

// TestCrashesAreNeverDamage simulates crashes while groups are written that were not synced.
func TestCrashesAreNeverDamage(t *testing.T) {
	rng := random(t)
	crashes := 70_000
	if testing.Short() {
		crashes = 7_000
	}
	kinds, kept, between := [3]int{}, 0, 0
	for crash := range crashes {
		l := newLog(rng, nacre.Position(1+rng.IntN(1000)))
		l.size = 1 + rng.IntN(1500)
		for range rng.IntN(4) {
			l.write(1 + rng.IntN(4))
		}
		durable := len(l.groups) - 1
		unsynced := 1
		if crash%2 == 0 {
			unsynced += rng.IntN(4) // durability interval or never
			l.lag += 10
		}
		for range unsynced {
			l.write(1 + rng.IntN(8))
		}
		file := l.crashed(durable)
		last, from := l.first-1, int64(0)
		if durable >= 0 {
			last, from = l.groups[durable].last, l.groups[durable].end
		}
		// The mark may know everything that was durable, or nothing.
		known := nacre.Position(0)
		if rng.IntN(2) == 0 {
			known = last
		}
		v := scan(t, file, segment.ScanOptions{First: l.first, Durable: known, Tail: true})
		kinds[v.Kind]++
		if v.Kind == segment.Damaged {
			t.Fatalf("crash %d: damage after byte %d of %d: %v", crash, from, len(file), v.Damage)
		}
		if v.End < from || v.Last < last {
			t.Fatalf("crash %d: position %d was durable, and would be cut behind %d", crash, last, v.Last)
		}
		whole, end := l.until(int64(len(file)))
		if v.Last > whole || v.End > end {
			t.Fatalf("crash %d: more is kept (up to %d) than whole batches (up to %d)", crash, v.Last, whole)
		}
		if v.Last > last {
			kept++
		}
		if len(v.Bad) > 0 && v.Bad[0].Last > 0 {
			between++
		}
		checkRecovered(t, file[:v.End], l, v.Last)
	}
	share := func(n int) float64 { return 100 * float64(n) / float64(crashes) }
	t.Logf("%d crashes: %.1f %% clean, %.1f %% torn, %.1f %% damaged; in %.1f %% whole batches of the group are kept, in %.1f %% good lines stand behind bad ones",
		crashes, share(kinds[segment.Clean]), share(kinds[segment.Torn]), share(kinds[segment.Damaged]), share(kept), share(between))
	if kinds[segment.Clean] == 0 || kinds[segment.Torn] == 0 || between == 0 {
		t.Error("the simulation does not reach what it should")
	}
}

// checkRecovered makes sure that what is left after the cut is a clean log.
func checkRecovered(t *testing.T, file []byte, l *testLog, last nacre.Position) {
	t.Helper()
	v := scan(t, file, segment.ScanOptions{First: l.first, Durable: last})
	if v.Kind != segment.Clean || v.Last != last {
		t.Fatalf("after the cut, the file is %v up to %d, not clean up to %d: %v", v.Kind, v.Last, last, v.Damage)
	}
	if string(file) != string(l.bytes[:len(file)]) {
		t.Fatal("after the cut, the file is not what was written")
	}
}

// TestFlippedBitsAreDamage flips every bit of a small log.
func TestFlippedBitsAreDamage(t *testing.T) {
	for _, c := range []struct {
		name string
		// known gives what the mark says.
		known func(l *testLog) nacre.Position
	}{
		{"closed", func(l *testLog) nacre.Position { return l.next - 1 }},
		{"crashed with nothing lost", func(l *testLog) nacre.Position { return l.first - 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := random(t)
			flips := 0
			for range 3 {
				l := newLog(rng, 17)
				l.size = 60
				for range 5 {
					l.write(1 + rng.IntN(3))
				}
				for i := range l.bytes {
					for bit := range 8 {
						l.bytes[i] ^= 1 << bit
						v := scan(t, l.bytes, segment.ScanOptions{First: l.first, Durable: c.known(l), Tail: true})
						l.bytes[i] ^= 1 << bit
						if v.Kind != segment.Damaged {
							t.Fatalf("bit %d of byte %d (%q), of %d bytes: %v", bit, i, l.bytes[i], len(l.bytes), v.Kind)
						}
						if at := l.lineOf(int64(i)); v.Damage.Offset != at.off || v.Damage.Position != at.position {
							t.Fatalf("bit %d of byte %d, in the line of %d at %d, is told as %v", bit, i, at.position, at.off, v.Damage)
						}
						flips++
					}
				}
			}
			t.Logf("%d of %d flipped bits were judged damage, in the line where they are", flips, flips)
		})
	}
}

func (l *testLog) lineOf(off int64) lineAt {
	for _, at := range l.lines {
		if off < at.end {
			return at
		}
	}
	panic("no line is there")
}

// TestFlippedBitsInTornLogs flips bits of what was acknowledged, after a crash: whatever the tail looks
// like, nothing acknowledged is cut. What nobody knows to be durable, and has become zeros, is the one
// thing that cannot be told from loss: so no bits of the group that only its acknowledgement names are
// set to zeros here, but one may be flipped.
func TestFlippedBitsInTornLogs(t *testing.T) {
	rng := random(t)
	for flip := range 20_000 {
		l := newLog(rng, 1)
		for range 1 + rng.IntN(3) {
			l.write(1 + rng.IntN(3))
		}
		durable := len(l.groups) - 1
		l.write(1 + rng.IntN(5))
		file := l.crashed(durable)
		at := rng.Int64N(l.groups[durable].end)
		bit := byte(1) << rng.IntN(8)
		if file[at]^bit == 0 {
			continue
		}
		file[at] ^= bit
		v := scan(t, file, segment.ScanOptions{First: 1, Tail: true})
		if v.Kind != segment.Damaged {
			t.Fatalf("flip %d: %v up to %d, where %d was acknowledged; byte %d of %d was changed", flip, v.Kind, v.Last, l.groups[durable].last, at, len(file))
		}
	}
}
