package file

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// TestOddNames: whatever a file is called, what was rotated of it is found again: numbered on by a later sender, and removed.
func TestOddNames(t *testing.T) {
	t.Parallel()
	for _, p := range []string{".ndjson", ".hidden", "a/.ndjson", "plain", "a.b.c", "a-1.x", "-", "a-cut.ndjson"} {
		fsys := crashfs.New()
		k := on(fsys, newClock().now)
		config := `{"path":"` + p + `","maxBytes":1024,"keep":2}`
		batches := deliverytest.Batches(deliverytest.Events(0, 60, 1), 3)
		for _, part := range [][2]int{{0, 10}, {10, 20}} {
			s := opened(t, k, config)
			send(t, s, batches[part[0]:part[1]]...)
			settle(s)
			closed(t, s)
		}
		s := opened(t, k, config).(*sender)
		found, err := s.writer.rotated()
		if err != nil || len(found) != 2 || found[0].number != found[1].number-1 || found[1].number < 10 {
			t.Errorf("%s: rotated files are %+v, %v", p, found, err)
		}
		closed(t, s)
	}
}

// TestClockJumps: a clock that is set forward or back by hours loses nothing, and the names of the files are in their order
// all the same, for who lists them.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	fsys, c := crashfs.New(), newClock()
	k := on(fsys, c.now)
	const p = "/files/a/all.ndjson"
	batches := deliverytest.Batches(deliverytest.Events(0, 240, 1), 3)
	for i, jump := range []time.Duration{0, 7 * time.Hour, -20 * time.Hour, 2 * time.Hour, -time.Minute, 400 * 24 * time.Hour, -500 * 24 * time.Hour, 0} {
		c.forward(jump)
		s := opened(t, k, `{"path":"a/all.ndjson","maxBytes":2048,"maxAgeSeconds":3600,"compress":true}`)
		for n, b := range batches[i*10 : i*10+10] {
			if n == 5 {
				c.forward(jump) // while it is open as well
			}
			send(t, s, b)
		}
		settle(s)
		closed(t, s)
	}
	compareAll(t, fsys, p, batches)
	entries, err := fsys.ReadDir(path.Dir(p))
	if err != nil {
		t.Fatal(err)
	}
	var listed []int
	for _, e := range entries {
		n := (&writer{path: p}).names()
		if r, is := n.parse(e.Name); is && strings.HasSuffix(e.Name, gzipSuffix) {
			listed = append(listed, r.number)
		}
	}
	if len(listed) < 10 || !slices.IsSorted(listed) {
		t.Errorf("in the order of their names, the files have the numbers %v", listed)
	}
	var last nacre.Position
	for _, e := range received(t, fsys, p) {
		if e.GlobalPosition != last+1 {
			t.Fatalf("position %d comes behind %d", e.GlobalPosition, last)
		}
		last = e.GlobalPosition
	}
}
