package line_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

var seedFlag = flag.Uint64("seed", 0, "the seed of the random tests; 0 draws one")

// random gives a generator and tells how to repeat what it does.
func random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; again: go test ./internal/line -run '^%s$' -seed %d", seed, t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// generator makes events that try to look like something else.
type generator struct{ *rand.Rand }

func (g generator) pick(choices ...string) string { return choices[g.IntN(len(choices))] }

// name has everything that a name may have, and what stands in lines around names.
func (g generator) name() string {
	var b strings.Builder
	for range 1 + g.IntN(12) {
		b.WriteString(g.pick("a", "order-", ":", ",", "[", "]", "{", "}", "tags", "é", "注", "9", "metadata:{", "  ", ",tags:["))
	}
	return b.String()
}

func (g generator) names() (names []string) {
	for range g.IntN(5) {
		names = append(names, g.name())
	}
	return names
}

// key is a member's name in JSON.
func (g generator) key() string {
	return g.pick(`"metadata"`, `"tags"`, `"parents"`, `"transactionId"`, `"transactionSize"`, `"data"`, `"a"`, `""`,
		`"globalPosition"`, `"crc"`, `"\"metadata\":{"`, `"x\\"`)
}

func (g generator) value(depth int) string {
	kinds := 8
	if depth > 4 {
		kinds = 6
	}
	switch g.IntN(kinds) {
	case 0:
		return g.pick("null", "true", "false")
	case 1:
		return g.pick("0", "-1", "12", "1.5e-7", "123456789012", "5E3", "100000000")
	case 2, 3:
		return g.pick(`""`, `"x"`, `"\\"`, `"\""`, `"\\\""`, `",\"metadata\":{\"a\":1}"`, `"]"`, `"}"`, `"\",\"tags\":[\"a\"]"`,
			`"{"`, `"["`, `",tags:["`, `"é\u00e9"`, `"a,"`, `"\\\\"`, `"transactionId"`)
	case 4:
		return g.pick("{}", "[]", `["a"]`, `["a","b"]`, `{"metadata":{}}`)
	case 5:
		return g.pick(`{"a":1,"metadata":{"b":"}"}}`, `{"a":1,"tags":["b"]}`, `{"a":1,"transactionSize":2}`, `{"a":1,"transactionId":"T"}`)
	case 6:
		var parts []string
		for range g.IntN(5) {
			parts = append(parts, g.value(depth+1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		return g.object(depth)
	}
}

func (g generator) object(depth int) string {
	var parts []string
	for range g.IntN(5) {
		parts = append(parts, g.key()+":"+g.value(depth+1))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (g generator) event() nacre.Event {
	e := nacre.Event{StreamID: nacre.StreamID(g.name()), ID: g.pick("1", "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", "a:b,c"), Type: g.name()}
	switch g.IntN(8) {
	case 0:
		e.Binary = make([]byte, g.IntN(20))
		for i := range e.Binary {
			e.Binary[i] = byte(g.Uint32())
		}
	case 1:
		e.DataHash = strings.Repeat(g.pick("0", "a"), 64)
	default:
		e.Data = json.RawMessage(g.value(0))
	}
	if g.IntN(2) == 0 {
		e.Metadata = json.RawMessage(g.object(0))
	}
	if g.IntN(2) == 0 {
		e.Tags = g.names()
	}
	if g.IntN(3) == 0 {
		e.Parents = append([]string{}, g.names()...)
	}
	if g.IntN(3) == 0 {
		e.TransactionID = g.pick("T", "01JD3Y8Q0V3M8S2Z6T5N9K4RWE")
	}
	if g.IntN(4) == 0 {
		e.TransactionSize = 1 + g.IntN(1+g.IntN(2_000_000_000))
	}
	return e
}

func (g generator) number(most int64) int64 { return g.Int64N(1 + g.Int64N(1+most>>g.IntN(62))) }

func (g generator) stamp() line.Stamp {
	s := line.Stamp{Position: nacre.Position(1 + g.number(math.MaxInt64-1)), StreamPosition: g.number(math.MaxInt64 - 1)}
	s.Synced = nacre.Position(g.Int64N(int64(s.Position)))
	s.CreatedAt = minTime + g.Int64N(maxTime-minTime+1)
	if g.IntN(2) == 0 {
		s.CreatedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() + g.Int64N(10_000_000)
	}
	if g.IntN(3) == 0 && s.Position < math.MaxInt64-100 {
		s.BatchFirst = s.Position - nacre.Position(g.Int64N(min(100, int64(s.Position))))
		s.BatchLast = s.Position + 1 + nacre.Position(g.IntN(100))
	}
	return s
}

func TestRandomEventsComeBack(t *testing.T) {
	g := generator{random(t)}
	var v line.View
	var enc line.Encoder
	for range 100_000 {
		e, s := g.event(), g.stamp()
		body := e.AppendBody(nil)
		text := enc.AppendStamp(bytes.Clone(body), line.Checksum(body), &s)
		text = text[:len(text)-1]
		if !json.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		if err := line.Parse(text, &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if v.Stamp != s {
			t.Fatalf("stamp %+v, want %+v: %s", v.Stamp, s, text)
		}
		checkEvents(t, &v, &e, &s)
		in, err := line.ParseImport(text)
		if want := imported(e, &s); err != nil || !equal(&in.Event, &want) || !in.Whole ||
			in.BatchFirst != s.BatchFirst || in.BatchLast != s.BatchLast || in.Position != s.Position {
			t.Fatalf("imported as %+v, %v: %s", in, err, text)
		}
		if t.Failed() {
			t.Fatalf("%s", text)
		}
	}
}

// imported is the event as an import sees it.
func imported(e nacre.Event, s *line.Stamp) nacre.Event {
	e = stamped(e, s)
	e.GlobalPosition, e.StreamPosition = 0, 0
	return e
}

// TestChangedBitsAreRefused flips every bit, and cuts and extends, of lines of each kind.
func TestChangedBitsAreRefused(t *testing.T) {
	g := generator{random(t)}
	flips := 0
	for range 200 {
		e, s := g.event(), g.stamp()
		text := line.Append(nil, &e, &s)
		text = text[:len(text)-1]
		var v line.View
		refused := func(changed []byte) {
			if line.Verify(changed) == nil || line.Parse(changed, &v) == nil {
				t.Fatalf("taken:\n%s\nafter\n%s", changed, text)
			}
		}
		for i := range text {
			for bit := range 8 {
				text[i] ^= 1 << bit
				refused(text)
				text[i] ^= 1 << bit
				flips++
			}
			refused(text[:i])
			refused(text[i+1:])
		}
		refused(append(bytes.Clone(text), ' '))
	}
	t.Logf("%d flipped bits were refused", flips)
}

// TestOwnedEventsStandAlone changes everything that can be changed.
func TestOwnedEventsStandAlone(t *testing.T) {
	g := generator{random(t)}
	for range 2000 {
		e, s := g.event(), g.stamp()
		text := line.Append(nil, &e, &s)
		var v line.View
		if err := line.Parse(text[:len(text)-1], &v); err != nil {
			t.Fatal(err)
		}
		var got, other nacre.Event
		v.Event(&got, false)
		v.Event(&other, true)
		for i := range text {
			text[i] = '!'
		}
		want := stamped(e, &s)
		if !equal(&got, &want) {
			t.Fatalf("changed with its line: %+v, want %+v", got, want)
		}
		_ = append(got.Data, "behind"...)
		_ = append(got.Metadata, "behind"...)
		for i := range got.Data {
			got.Data[i] = 'X'
		}
		for i := range got.Metadata {
			got.Metadata[i] = 'Y'
		}
		_ = append(got.Tags, "more")
		want.Data, want.Metadata = bytes.Repeat([]byte("X"), len(want.Data)), bytes.Repeat([]byte("Y"), len(want.Metadata))
		if len(e.Data) == 0 {
			want.Data = nil
		}
		if !equal(&got, &want) {
			t.Fatalf("changing Data and Metadata changed more: %+v, want %+v", got, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	e, s := benchEvent(true)
	s.BatchFirst, s.BatchLast = s.Position-1, s.Position+1
	text := line.Append(nil, &e, &s)
	text = text[:len(text)-1]
	dst := make([]byte, 0, 2*len(text))
	var enc line.Encoder
	var v line.View
	var out nacre.Event
	for name, f := range map[string]func(){
		"AppendStamp": func() { enc.AppendStamp(dst, 1, &s) },
		"Check":       func() { _ = line.Verify(text) },
		"ParseStamp":  func() { line.ParseStamp(text) },
		"Parse":       func() { _ = line.Parse(text, &v) },
		"refused":     func() { _ = line.Parse(text[1:], &v); _ = line.Parse(text[:len(text)-30], &v) },
		"borrowed":    func() { _ = line.Parse(text, &v); v.Event(&out, true) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { v.Event(&out, false) }); n > 2 {
		t.Errorf("an owned event allocates %v times, and one copy and the tags are needed", n)
	}
}

const (
	minTime = -62_135_596_800_000_000
	maxTime = 253_402_300_799_999_999
)

func TestTimesOfEveryDay(t *testing.T) {
	g := random(t)
	day := int64(86_400_000_000)
	var enc line.Encoder
	for at := int64(minTime); at < maxTime; at += day {
		// Every day once, at some time of it.
		micros := at + g.Int64N(day)
		text := line.AppendTime(nil, micros)
		if back, ok := line.ParseTime(text); !ok || back != micros {
			t.Fatalf("%s is read as %d, want %d", text, back, micros)
		}
		if g.IntN(20) > 0 {
			continue
		}
		if want := time.UnixMicro(micros).UTC().Format(nacre.TimeFormat); string(text) != want {
			t.Fatalf("%d is written as %s, want %s", micros, text, want)
		}
		if g.IntN(2) == 0 {
			micros += g.Int64N(3_000_000) - 1_500_000
			micros = min(max(micros, minTime), maxTime)
		}
		s := line.Stamp{Position: 1, CreatedAt: micros}
		if got := enc.AppendStamp(nil, 0, &s); !bytes.Equal(got, line.AppendStamp(nil, 0, &s)) {
			t.Fatalf("an encoder that was used before gives %s", got)
		}
	}
	for _, micros := range []int64{math.MinInt64, minTime - 1, maxTime + 1, math.MaxInt64} {
		want := "0001-01-01T00:00:00.000000Z"
		if micros > 0 {
			want = "9999-12-31T23:59:59.999999Z"
		}
		if got := string(line.AppendTime(nil, micros)); got != want {
			t.Errorf("%d is written as %s, want %s", micros, got, want)
		}
	}
}

// TestTimesWithAnyByteChanged compares with package time for every byte in every place.
func TestTimesWithAnyByteChanged(t *testing.T) {
	for _, text := range []string{"2026-11-20T18:55:20.471204Z", "2000-02-29T23:59:59.999999Z", "1900-02-28T00:00:00.000000Z", "0001-10-31T09:09:09.090909Z"} {
		for i := range text {
			for c := range 256 {
				changed := []byte(text)
				changed[i] = byte(c)
				at, err := time.Parse(nacre.TimeFormat, string(changed))
				// Package time takes a comma for the point, and a year 0.
				want := err == nil && at.Year() > 0 && at.Format(nacre.TimeFormat) == string(changed)
				got, ok := line.ParseTime(changed)
				if ok != want || ok && got != at.UnixMicro() {
					t.Errorf("%q: %d, %v; want %v, %v", changed, got, ok, at, err)
				}
			}
		}
	}
	if _, ok := line.ParseTime([]byte("2026-11-20T18:55:20Z")); ok {
		t.Error("a time without its fraction is taken")
	}
}

func TestPrefix(t *testing.T) {
	g := generator{random(t)}
	for range 2000 {
		e, s := g.event(), g.stamp()
		text := line.Append(nil, &e, &s)
		n := len(text) - 1
		for _, behind := range []string{"", "\n", "\x0b", "}", " }", string(text), `,"crc":"00000000"}`} {
			if got := line.Prefix(append(bytes.Clone(text[:n]), behind...)); got != n {
				t.Fatalf("%d of %d bytes are found before %q: %s", got, n, behind, text)
			}
		}
		if got := line.Prefix(text[:g.IntN(n)]); got != 0 {
			t.Fatalf("a part of a line is taken for %d bytes of one: %s", got, text)
		}
		text[g.IntN(n)] ^= 1
		if got := line.Prefix(text); got != 0 {
			t.Fatalf("%d bytes of a changed line are found: %s", got, text)
		}
	}
	padded := readVectors(t)
	for _, c := range padded.Lines {
		if got := line.Prefix([]byte(c.Line + "  }")); got != len(c.Line) {
			t.Errorf("%d of %d bytes are found: %s", got, len(c.Line), c.Line)
		}
	}
}

func TestCRCMember(t *testing.T) {
	text := line.AppendCRC([]byte(`{"a":1`), line.Checksum([]byte(`{"a":1`)), "}")
	covered, err := line.SplitCRC(text)
	if err != nil || string(covered) != `{"a":1` {
		t.Fatalf("%s is split into %s, %v", text, covered, err)
	}
	for i := range text {
		for bit := range 8 {
			changed := bytes.Clone(text)
			changed[i] ^= 1 << bit
			if _, err := line.SplitCRC(changed); err == nil {
				t.Errorf("taken: %s", changed)
			}
		}
	}
	if _, err := line.SplitCRC([]byte(strings.TrimSuffix(string(text), "}") + " }")); err != line.RuleEnd {
		t.Errorf("spaces before the brace: %v", err)
	}
	for _, sum := range []uint32{0, 1, 0x9abcdef0, 0xffffffff, 0x0fa90fa9, 0xa0a99a9f} {
		if got, want := string(line.AppendCRC(nil, sum, "")), fmt.Sprintf(`,"crc":"%08x"`, sum); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
