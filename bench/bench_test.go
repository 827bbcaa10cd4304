package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPayloadsAreOfOneSize(t *testing.T) {
	for _, size := range []int{largeData, dataBytes} {
		seen := make(map[string]bool)
		for _, d := range newPayloads(size) {
			if len(d) != size {
				t.Fatalf("%d bytes in place of %d: %s", len(d), size, d)
			}
			seen[string(d)] = true
		}
		if len(seen) < 4000 {
			t.Errorf("only %d differ", len(seen))
		}
	}
}

func TestWritersReplaceTheirStreams(t *testing.T) {
	w := newWriters(2, "x", newPayloads(dataBytes))[1]
	appends := make(map[string]int)
	for range openStreams * streamAppends * 3 {
		c := w.stream()
		c.version++
		appends[c.stream]++
		if c.version >= streamAppends || !strings.HasPrefix(c.stream, "order-x-001-") {
			t.Fatalf("stream %s is at version %d", c.stream, c.version)
		}
	}
	if len(appends) != openStreams*3 {
		t.Errorf("%d streams", len(appends))
	}
	for id, n := range appends {
		if n != streamAppends {
			t.Errorf("stream %s got %d appends", id, n)
		}
	}
}

func TestLatenciesKeepQuantiles(t *testing.T) {
	var l, m latencies
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Microsecond)
	}
	m.merge(&l)
	for _, q := range []struct {
		share float64
		want  time.Duration
	}{{0.5, 500 * time.Microsecond}, {0.99, 990 * time.Microsecond}, {0, time.Microsecond}} {
		got := m.quantile(q.share)
		if got < q.want || got > q.want*5/4 {
			t.Errorf("quantile %v is %s, not about %s", q.share, got, q.want)
		}
	}
	if got := new(latencies).quantile(0.5); got != 0 {
		t.Errorf("of nothing: %s", got)
	}
	for d := time.Duration(8); d < time.Hour; d = d*9/8 + 1 {
		i := bucketOf(d)
		if d >= bucketEnd(i) || i > 0 && d > 15 && d < bucketEnd(i-1) {
			t.Fatalf("%d is in bucket %d, which ends at %d", d, i, bucketEnd(i))
		}
	}
}

func TestMedian(t *testing.T) {
	for want, in := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := median(in); got != want {
			t.Errorf("median of %v: %v", in, got)
		}
	}
}

func TestWidenChangesTheStampOnly(t *testing.T) {
	body := `{"streamId":"a-1","data":{"synced":7,"batch":[1,2],"globalPosition":5}`
	in := body + `,"globalPosition":12,"streamPosition":3,"createdAt":"2026-11-20T18:55:20.471204Z","batch":[10,19],"synced":9,"crc":"9f3b02a1"}`
	want := body + `,"globalPosition":1000000,"streamPosition":3,"createdAt":"2026-11-20T18:55:20.471204Z","batch":[1000000,1000099],"synced":1000000,"crc":"9f3b02a1"}`
	if got := string(widen([]byte(in))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBareLoopWritesGroups(t *testing.T) {
	dir := t.TempDir()
	b, err := newBareLoop(t.Context(), dir, 4, 10, newPayloads(dataBytes))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.group, []byte{'\n'}); n != 40 || b.lines != 40 {
		t.Errorf("a group has %d lines, %d are said", n, b.lines)
	}
	if b.lineBytes() < dataBytes+200 {
		t.Errorf("lines have %.0f bytes", b.lineBytes())
	}
	out, err := b.run(t.Context(), 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.path(1))
	if err != nil {
		t.Fatal(err)
	}
	if out.events == 0 || int64(len(text)) != out.events/40*int64(len(b.group)) || !bytes.HasPrefix(text, b.group) {
		t.Errorf("%d events were counted, and the file has %d bytes", out.events, len(text))
	}
	b.remove()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLargeStoreIsUsedAgain keeps a store and appends to its cold streams in two runs.
func TestLargeStoreIsUsedAgain(t *testing.T) {
	dir := t.TempDir()
	s := settings{
		dir: dir, largeDir: filepath.Join(dir, "large"), largeEvents: 10_000, keep: true, quick: true,
		slice: 30 * time.Millisecond, rounds: 1, readEvents: 1000, reads: 5,
	}
	for _, found := range []bool{false, true} {
		r := newReport(io.Discard, dir)
		l, err := openLarge(t.Context(), &s, r)
		if err != nil || l.built == found {
			t.Fatalf("built is %v: %v", l.built, err)
		}
		before := l.state.Cold
		if err := l.readAndAppend(t.Context(), &s, r); err != nil {
			t.Fatal(err)
		}
		if l.state.Cold == before || found != (before > 0) {
			t.Errorf("appends to cold streams went from %d to %d", before, l.state.Cold)
		}
	}
	s.largeEvents = 20_000
	if _, err := openLarge(t.Context(), &s, newReport(io.Discard, dir)); err == nil {
		t.Error("a store of another size was taken")
	}
}

func TestIndexBehind(t *testing.T) {
	dir := t.TempDir()
	touch := func(parts ...string) {
		t.Helper()
		path := filepath.Join(append([]string{dir}, parts...)...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []int{1, 101, 201, 301, 401} {
		touch(fmt.Sprintf("%020d.ndjson", first))
	}
	touch("index", "00000000000000000001.off")
	for _, step := range []struct {
		run  string
		want int
	}{
		{"00000000000000000001.off", 4},
		{fmt.Sprintf("%020d-%020d.run", 1, 200), 2},
		{fmt.Sprintf("%020d-%020d.run.tmp", 201, 400), 2},
		{fmt.Sprintf("%020d-%020d.run", 201, 300), 1},
		{fmt.Sprintf("%020d-%020d.run", 301, 400), 0},
	} {
		touch("index", step.run)
		behind, segments, err := indexBehind(dir)
		if err != nil || behind != step.want || segments != 5 {
			t.Errorf("with %s: %d of %d segments behind, not %d (%v)", step.run, behind, segments, step.want, err)
		}
	}
}

func TestScatterVisitsEveryStreamOnce(t *testing.T) {
	for _, events := range []int{10_000, 20_000, 20_000_000} {
		l := &large{state: largeState{Events: events}}
		for _, order := range []int{0, 5, coldOrder} {
			seen := make([]bool, l.streams())
			for i := range l.streams() {
				n := l.scatter(i, order)
				if seen[n] {
					t.Fatalf("%d events, order %d: stream %d comes twice", events, order, n)
				}
				seen[n] = true
			}
		}
	}
}

func TestReportIsMarkdown(t *testing.T) {
	r := newReport(io.Discard, t.TempDir())
	r.ratio("one thing against another", 12.34, 10)
	r.ratio("a share", 0.29, 0.30)
	r.figure("a read", "3.00M events/s", "3.50M events/s", true)
	m := &measured{name: "x"}
	for _, n := range []int64{90, 110, 100} {
		m.add(&slice{events: n * 1000, elapsed: time.Second})
	}
	r.section("A table", "A note.", rateHead()...).row(append([]string{"x"}, rateCells(m)...)...)
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| one thing against another | at least 10.0 times | 12.3 times | yes     |",
		"| a share                   | at least 30.0 %     | 29.0 %     | NO      |",
		"| a read | 3.00M events/s | 3.50M events/s | yes     |",
		"## A table\n\nA note.\n\n| name | events/s, median | spread        | wait p50 / p99  |",
		"| x    | 100k             | 90.0k to 110k | 0.0 us / 0.0 us |",
		"- machine: ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestCount(t *testing.T) {
	for want, n := range map[string]float64{
		"0": 0, "9994": 9994, "10.0k": 9995, "99.9k": 99_900, "100k": 99_950, "999k": 999_499, "1.00M": 999_500, "9.99M": 9_990_000, "20.0M": 2e7,
	} {
		if got := count(n); got != want {
			t.Errorf("%v is shown as %s, not %s", n, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	s, out, _, err := parse([]string{"-dir", dir}, io.Discard)
	if err != nil || out != "RESULTS.md" || len(s.cases) != len(caseNames)-1 || s.largeEvents != 20_000_000 || s.dir != dir {
		t.Errorf("the defaults: %+v, %q, %v", s, out, err)
	}
	s, out, _, err = parse([]string{"-quick", "-large", "-keep", "-dir", dir}, io.Discard)
	if err != nil || out != "" || len(s.cases) != len(caseNames) || s.largeEvents != 200_000 || !s.keep || s.largeDir != filepath.Join(dir, "nacre-bench-large") {
		t.Errorf("-quick -large: %+v, %q, %v", s, out, err)
	}
	if _, _, _, err = parse([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
	for _, bad := range [][]string{{"-cases", "none"}, {"-events", "123"}, {"-dir", filepath.Join(dir, "absent")}, {"more"}} {
		if _, _, _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// TestQuickCases runs the cases themselves, as small as they can be.
func TestQuickCases(t *testing.T) {
	dir := t.TempDir()
	s := settings{
		dir: dir, largeDir: filepath.Join(dir, "large"), cases: []string{"batches", "conditions", "read", "server", "large"},
		slice: 30 * time.Millisecond, rounds: 1, burst: 30 * time.Millisecond,
		sustain: 100 * time.Millisecond, sustainMost: 200 * time.Millisecond,
		tagged: 10_000, readEvents: 5000, largeEvents: 10_000, reads: 20, coldRounds: 1, quick: true,
		followers: 20, seen: 20,
		work: 100 * time.Millisecond, emptyCache: func() error { return nil },
	}
	var progress bytes.Buffer
	r := newReport(&progress, dir)
	if err := measure(t.Context(), &s, r); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	if len(r.goals) < 20 || len(r.sections) < 10 {
		t.Errorf("%d goals and %d tables were reported", len(r.goals), len(r.sections))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
