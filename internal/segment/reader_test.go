package segment_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

// textLines are lines of any bytes, and where they begin.
func textLines(rng *rand.Rand, count, longest int) (file []byte, starts []int64) {
	for range count {
		starts = append(starts, int64(len(file)))
		n := rng.IntN(1 + rng.IntN(longest))
		for range n {
			file = append(file, byte('a'+rng.IntN(26)))
		}
		file = append(file, '\n')
	}
	return file, append(starts, int64(len(file)))
}

func TestReader(t *testing.T) {
	rng := random(t)
	for _, c := range []struct{ count, longest int }{{0, 1}, {1, 1}, {3, 10}, {2000, 600}, {40_000, 4}, {12, 900_000}, {300, 30_000}} {
		file, starts := textLines(rng, c.count, c.longest)
		for range 8 {
			from := rng.IntN(len(starts))
			to := from + rng.IntN(len(starts)-from)
			for _, backwards := range []bool{false, true} {
				r := segment.NewReader(bytes.NewReader(file), starts[from], starts[to], backwards)
				for i := range to - from {
					at := from + i
					if backwards {
						at = to - 1 - i
					}
					off, text, err := r.Next()
					if err != nil || off != starts[at] || text == nil || !bytes.Equal(text, file[starts[at]:starts[at+1]-1]) {
						t.Fatalf("line %d at %d, backwards %v: %d bytes at %d, %v", at, starts[at], backwards, len(text), off, err)
					}
				}
				for range 2 {
					end := starts[to]
					if backwards {
						end = starts[from]
					}
					if off, text, err := r.Next(); off != end || text != nil || err != nil {
						t.Fatalf("the end, backwards %v: %q at %d, want nothing at %d, %v", backwards, text, off, end, err)
					}
				}
				r.Close()
				r.Close()
				if _, text, err := r.Next(); text != nil || err == nil {
					t.Fatal("a closed reader gives lines")
				}
			}
		}
	}
}

func TestReaderErrors(t *testing.T) {
	file, starts := textLines(random(t), 5000, 300)
	last := int64(len(file))
	// Lines before an offset that cannot be read, and those behind its page.
	before := func(off int) int { return bytes.Count(file[:off], []byte("\n")) }
	behind := func(off int) int { return bytes.Count(file[off/page*page+page:], []byte("\n")) - 1 }
	for _, backwards := range []bool{false, true} {
		for name, c := range map[string]struct {
			r    io.ReaderAt
			to   int64
			want error
			// how many lines are given before the error
			lines, linesBackwards int
		}{
			"no line feed at the end":        {bytes.NewReader(file), last - 1, segment.ErrUnended, len(starts) - 2, 0},
			"a file that is shorter":         {bytes.NewReader(file), last + 10, io.ErrUnexpectedEOF, len(starts) - 1, 0},
			"a file that cannot be read":     {&brokenReader{bytes.NewReader(file), 70_000, 70_001, errDisk}, last, errDisk, before(70_000), behind(70_000)},
			"a file that cannot be read now": {&brokenReader{bytes.NewReader(file), 10, 11, errDisk}, last, errDisk, before(10), behind(10)},
		} {
			r := segment.NewReader(c.r, 0, c.to, backwards)
			given := 0
			var text []byte
			var err error
			for {
				if _, text, err = r.Next(); err != nil || text == nil {
					break
				}
				given++
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s, backwards %v: after %d lines %v, want %v", name, backwards, given, err, c.want)
			}
			want := c.lines
			if backwards {
				want = c.linesBackwards
			}
			if given != want {
				t.Errorf("%s, backwards %v: %d lines are given, want %d", name, backwards, given, want)
			}
			if _, text, again := r.Next(); text != nil || again != err {
				t.Errorf("%s, backwards %v: after the error come %q, %v", name, backwards, text, again)
			}
			r.Close()
		}
	}
}

func TestSum(t *testing.T) {
	file := make([]byte, 3<<20+17)
	rng := random(t)
	for i := range file {
		file[i] = byte(rng.Uint32())
	}
	var told []int64
	sum, err := segment.Sum(t.Context(), bytes.NewReader(file), int64(len(file)), func(done int64) { told = append(told, done) })
	if err != nil || sum != sha256.Sum256(file) {
		t.Errorf("%x, %v", sum, err)
	}
	if len(told) < 2 || told[len(told)-1] != int64(len(file)) {
		t.Errorf("the progress is told as %v", told)
	}
	if sum, err := segment.Sum(t.Context(), bytes.NewReader(nil), 0, nil); err != nil || sum != sha256.Sum256(nil) {
		t.Errorf("of nothing: %x, %v", sum, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := segment.Sum(ctx, bytes.NewReader(file), int64(len(file)), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
	if _, err := segment.Sum(t.Context(), bytes.NewReader(file), int64(len(file))+1, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a file that is shorter: %v", err)
	}
	if _, err := segment.Sum(t.Context(), &brokenReader{bytes.NewReader(file), 2 << 20, 2<<20 + 1, errDisk}, int64(len(file)), nil); !errors.Is(err, errDisk) {
		t.Errorf("of a file that cannot be read: %v", err)
	}
}

// benchLog has lines of about 400 bytes.
func benchLog() (file []byte, lines int) {
	e := nacre.Event{StreamID: "order-456", ID: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Type: "order.shipped"}
	e.Data = append(append([]byte(`{"items":[{"sku":"A-1","qty":2,"price":1999},{"sku":"B-7","qty":1,"price":450}],"note":"`),
		bytes.Repeat([]byte("x"), 166)...), `"}`...)
	for len(file) < 16<<20 {
		lines++
		file = line.Append(file, &e, &line.Stamp{Position: nacre.Position(lines), StreamPosition: 7, CreatedAt: 1.7e15, Synced: nacre.Position(lines - 1)})
	}
	return file, lines
}

func BenchmarkRead(b *testing.B) {
	file, lines := benchLog()
	for _, backwards := range []bool{false, true} {
		for _, parsed := range []bool{false, true} {
			b.Run(fmt.Sprintf("backwards=%v/parsed=%v", backwards, parsed), func(b *testing.B) {
				b.SetBytes(int64(len(file)))
				var v line.View
				for b.Loop() {
					r := segment.NewReader(bytes.NewReader(file), 0, int64(len(file)), backwards)
					for {
						_, text, err := r.Next()
						if err != nil {
							b.Fatal(err)
						}
						if text == nil {
							break
						}
						if parsed {
							if err := line.Parse(text, &v); err != nil {
								b.Fatal(err)
							}
						}
					}
					r.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
			})
		}
	}
}

func BenchmarkScan(b *testing.B) {
	file, lines := benchLog()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		v, err := segment.Scan(bytes.NewReader(file), int64(len(file)), "f", &segment.ScanOptions{
			First: 1, OnLine: func(int64, []byte, *line.View) error { return nil },
		})
		if err != nil || v.Kind != segment.Clean {
			b.Fatal(v, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
}
