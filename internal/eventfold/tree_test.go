package eventfold

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

func TestEventsOfADirectory(t *testing.T) {
	d := newDir(t)
	d.stream("order", "2", line("Placed", 1700000002, 1), line("Paid", 1700000005, 4))
	d.stream("order", "1",
		`{"type":"Placed","data":{"total": 30},"ts":1700000002,"id":"11111111-1111-4111-8111-111111111111","actor":"ann","meta":{"correlation_id":"c1","source_device":"phone","level":3}}`,
		`{"type":"Paid","data":null,"ts":1700000003,"id":"an id with spaces","meta":{"actor":"bob","correlation_id":7,"eventfold":1},"actor":"ann"}`,
		`{"ts":1700000004,"data":"x","type":"Odd","meta":"text","by":"hand"}`)
	d.stream("empty", "1")
	got := d.open(Options{})
	got.wants(t, `1 {"total": 30} null "x" 4`, `
note streams/order/1/app.jsonl, line 2, byte 178: its id is none that a store takes: the event gets another one
`)
	if r := got.report; r.Streams != 2 || r.Empty != 1 || r.Events != 5 {
		t.Errorf("the report has %d streams, %d empty ones, %d events", r.Streams, r.Empty, r.Events)
	}
	first := got.events[1]
	want := `{"actor":"ann","correlationId":"c1","sourceDevice":"phone","level":3,"occurredAt":"2023-11-14T22:13:22Z"}`
	if first.StreamID != "order-1" || first.ID != "11111111-1111-4111-8111-111111111111" || first.Type != "Placed" ||
		string(first.Metadata) != want || first.CreatedAt.Format("2006-01-02T15:04:05Z07:00") != "2023-11-14T22:13:22Z" ||
		first.File != "streams/order/1/app.jsonl" || first.Number != 1 {
		t.Errorf("the first event of order-1 is %+v, with metadata %s", first, first.Metadata)
	}
	second := got.events[2]
	want = `{"actor":"ann","correlation_id":7,"occurredAt":"2023-11-14T22:13:23Z","eventfold":{"id":"an id with spaces","meta":{"actor":"bob","eventfold":1}}}`
	if string(second.Metadata) != want {
		t.Errorf("metadata that cannot keep their names are %s", second.Metadata)
	}
	third := got.events[3]
	want = `{"occurredAt":"2023-11-14T22:13:24Z","eventfold":{"members":{"by":"hand"},"meta":"text"}}`
	if string(third.Metadata) != want {
		t.Errorf("metadata that are no object are %s", third.Metadata)
	}
	// The rule that the package's comment has, by hand.
	sum := sha256.Sum256([]byte("eventfold\norder/1\n0\n" + `{"ts":1700000004,"data":"x","type":"Odd","meta":"text","by":"hand"}`))
	if id := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]; third.ID != id {
		t.Errorf("the id that was made is %s, not %s", third.ID, id)
	}
}

func TestOrder(t *testing.T) {
	d := newDir(t)
	// The registry's order decides among events of one second; in a stream times may go back.
	d.stream("b", "1", bare(10, "1"), bare(30, "4"), bare(5, "5"), bare(40, "8"))
	d.stream("a", "1", bare(10, "2"), bare(30, "6"), bare(31, "7"))
	d.write("streams/a/0/app.jsonl", text(bare(10, "3")))
	got := d.open(Options{})
	got.wants(t, "1 2 3 4 5 6 7 8", `
note streams/a/0: the registry does not name this stream: it is imported all the same
`)
	if at := got.events[4].CreatedAt.Unix(); at != 5 {
		t.Errorf("an event whose time went back got the time %d", at)
	}
	// However little is held in memory.
	for _, memory := range []int{1, 150, 300, 1000} {
		if again := d.open(Options{MemoryBytes: memory}); again.places() != got.places() {
			t.Errorf("with %d bytes of memory the order is %s", memory, again.places())
		}
	}
	left, err := d.fs.ReadDir("/")
	if err != nil || len(left) != 1 {
		t.Errorf("beside the source is left %v, %v", left, err)
	}
}

func TestTornAndGluedLines(t *testing.T) {
	whole := line("A", 1, 1)
	for name, c := range map[string]struct{ text, data, found string }{
		"torn last line": {
			text(whole) + `{"type":"B","data":{"type":"C","da`, "1",
			"damage F, line 2, byte 73: the write of the last line was torn: 34 bytes are left out\n",
		},
		"torn first byte": {text(whole) + `{`, "1", "damage F, line 2, byte 73: the write of the last line was torn: 1 byte is left out\n"},
		"last line without its end": {
			text(whole) + line("B", 2, 2), "1 2",
			"note F, line 2, byte 73: the last line lacks its end: its event is whole, and is imported\n",
		},
		"glued": {
			text(`{"type":"B","data":{"type":"C","da`+whole, line("D", 3, 3)), "1 3",
			"damage F, line 1, byte 0: a write was torn, and another event was appended to it: 34 bytes are left out, 1 event is imported\n",
		},
		"glued to a whole one": {
			text(whole + line("B", 2, 2)), "1 2",
			"note F, line 1, byte 0: a line lacked its end, so that 2 events stand on one: they are imported\n",
		},
		"glued to a whole and a torn one": {
			text(whole + `{"type":"B` + line("C", 2, 2)), "1 2",
			"damage F, line 1, byte 0: a write was torn, and another event was appended to it: 10 bytes are left out, 2 events are imported\n",
		},
		"glued, and torn again": {
			`{"ty` + whole + `{"type":"B`, "",
			"damage F, line 1, byte 0: the write of the last line was torn: 86 bytes are left out\n",
		},
		"torn behind something that looks like an event": {
			text(`{"type":"B","data":[{"type":"x","data":9,"ts":9},` + whole), "1",
			"damage F, line 1, byte 0: a write was torn, and another event was appended to it: 49 bytes are left out, 1 event is imported\n",
		},
		"a torn text with a brace": {
			text(`{"type":"B","data":"{` + whole), "1",
			"damage F, line 1, byte 0: a write was torn, and another event was appended to it: 21 bytes are left out, 1 event is imported\n",
		},
		"zeros behind a power loss": {
			text(whole, "\x00\x00\x00\x00"+line("B", 2, 2)), "1 2",
			"damage F, line 2, byte 73: a write was torn, and another event was appended to it: 4 bytes are left out, 1 event is imported\n",
		},
		"no event": {
			text(`{"type":"B","data":1}`, "[1]", `{"type":"B","data":1,"ts":-1}`, `{"type":"B","data":1,"ts":1,"ts":1}`, whole), "1",
			"damage F, line 1, byte 0: the line is no event: it has not all of type, data and ts; it is left out\n" +
				"damage F, line 2, byte 22: the line is no event: it is no JSON object; it is left out\n" +
				`damage F, line 3, byte 26: the line is no event: its member "ts" is no number of seconds; it is left out` + "\n" +
				"damage F, line 4, byte 56: the line is no event: duplicate object member name \"ts\"; it is left out\n",
		},
		"blank lines and carriage returns": {"\n\r\n" + whole + "\r\n  \n", "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			d.stream("s", "1")
			d.write("streams/s/1/app.jsonl", c.text)
			got := d.open(Options{})
			got.wants(t, c.data, strings.ReplaceAll(c.found, " F,", " streams/s/1/app.jsonl,"))
		})
	}
}

// Wherever a write is torn, and the next event appended to what is left, that event is given and nothing else.
func TestEveryTear(t *testing.T) {
	torn := `{"type":"Tagged","data":{"type":"x","data":{"a":"{\"type\":"},"ts":4},"ts":5,"meta":{"type":"y","data":[],"ts":6}}`
	next := `{"type":"After","data":[{"type":"x","data":1,"ts":2},"}{"],"ts":7}`
	p := newLineParser()
	for cut := 1; cut < len(torn); cut++ {
		events, rest := p.split([]byte(torn[:cut] + next))
		if len(events) != 1 || string(events[0]) != next || string(rest) != torn[:cut] {
			t.Fatalf("torn at %d: the events are %q, the rest %q", cut, events, rest)
		}
	}
	if events, rest := p.split([]byte(torn + next)); len(events) != 2 || rest != nil {
		t.Errorf("not torn: the events are %q, the rest %q", events, rest)
	}
}

func TestArchive(t *testing.T) {
	d := newDir(t)
	d.register("s", "1")
	d.frame("s/1", text(bare(1, "1"), bare(2, "2")), 0)
	d.frame("s/1", text(bare(3, "3"))+`{"type":"to`, 0) // a torn line was rotated, too
	d.frame("s/1", text(bare(4, "4")), 0)
	d.write("streams/s/1/app.jsonl", text(bare(5, "5")))
	got := d.open(Options{})
	got.wants(t, "1 2 3 4 5", `
damage streams/s/1/archive.jsonl.zst, line 4: the write of the last line was torn: 11 bytes are left out
`)
	if e := got.events[1]; e.File != "streams/s/1/archive.jsonl.zst" || e.Number != 2 {
		t.Errorf("the second event stands in %s, line %d", e.File, e.Number)
	}
}

// A crash between the archive and the truncation leaves the lines twice.
func TestInterruptedRotation(t *testing.T) {
	first, second := text(bare(1, "1"), bare(1, "1")), text(bare(2, "2"), bare(3, "3"))
	t.Run("and nothing after it", func(t *testing.T) {
		d := newDir(t)
		d.register("s", "1")
		d.frame("s/1", first, 0)
		d.frame("s/1", second, 0)
		d.write("streams/s/1/app.jsonl", second+text(bare(4, "4")))
		got := d.open(Options{})
		at := len(compressed(t, first))
		got.wants(t, "1 1 2 3 4", fmt.Sprintf(`
note streams/s/1/archive.jsonl.zst, byte %d: a rotation was interrupted: the frame's 2 lines stand again at the beginning of app.jsonl, and are imported once
`, at))
	})
	t.Run("and rotated again", func(t *testing.T) {
		d := newDir(t)
		d.register("s", "1")
		d.frame("s/1", first, 0)
		d.frame("s/1", first+second, 0)
		d.frame("s/1", first+second, 0)
		d.write("streams/s/1/app.jsonl", text(bare(4, "4")))
		got := d.open(Options{})
		if got.data() != "1 1 2 3 4" || got.report.Count(Damage) != 0 || got.report.Count(Note) != 2 {
			t.Errorf("the events are %s, found\n%s", got.data(), got.found())
		}
	})
	t.Run("in the middle of the archive", func(t *testing.T) {
		// Long enough for several blocks, so that some of a torn frame can be read.
		var b strings.Builder
		for i := range 9000 {
			b.WriteString(bare(i, strconv.Itoa(i*7919%100_003)) + "\n")
		}
		long := b.String()
		d := newDir(t)
		d.register("s", "1")
		d.frame("s/1", first, 0)
		d.frame("s/1", long, -20)
		d.write("streams/s/1/app.jsonl", long)
		got := d.open(Options{})
		if len(got.events) != 9002 || got.report.Count(Damage) != 0 || got.report.Count(Note) != 1 ||
			!strings.Contains(got.found(), "the file ends inside of the frame; the ") {
			t.Errorf("%d events, found\n%s", len(got.events), got.found())
		}
		// The next rotation appends behind what is torn.
		d.frame("s/1", long, 0)
		d.frame("s/1", text(bare(10_000, "-1")), 0)
		again := d.open(Options{})
		if len(again.events) != 9000+2+1+9000 { // the last frame stands between: it is no rotation that was interrupted
			t.Errorf("%d events, found\n%s", len(again.events), again.found())
		}
	})
}

func TestDamagedArchive(t *testing.T) {
	first, second, third := text(line("A", 1, 1)), text(line("B", 2, 2)), text(line("C", 3, 3))
	size := len(compressed(t, first))
	d := newDir(t)
	d.stream("s", "1", line("D", 4, 4))
	d.frame("s/1", first, 0)
	d.frame("s/1", second, 30)
	d.frame("s/1", third, 0)
	got := d.open(Options{})
	if got.data() != "1 3 4" || got.report.Count(Damage) != 1 {
		t.Errorf("torn in the middle: the events are %s, found\n%s", got.data(), got.found())
	}
	if f := got.report.Findings[0]; f.Byte != int64(size) {
		t.Errorf("the torn frame is told at byte %d, and begins at %d", f.Byte, size)
	}

	d = newDir(t)
	d.stream("s", "1", line("D", 4, 4))
	d.write("streams/s/1/archive.jsonl.zst", "junk"+string(compressed(t, first))+"more junk")
	got = d.open(Options{})
	got.wants(t, "1 4", `
damage streams/s/1/archive.jsonl.zst, byte 0: it is no beginning of a frame: 4 bytes are left out
damage streams/s/1/archive.jsonl.zst, byte 4: no other frame follows where it seems to end; 1 line can be read of it, and the rest is left out; where a rotation was interrupted, it stands again in app.jsonl
`)

	// One flipped bit anywhere: what is given of the other frames is all there, and the damage is told,
	// unless the bit means nothing.
	archive := slices.Concat(compressed(t, first), compressed(t, second), compressed(t, third))
	for at := range archive {
		bad := slices.Clone(archive)
		bad[at] ^= 1 << (at % 8)
		d := newDir(t)
		d.stream("s", "1", line("D", 4, 4))
		d.write("streams/s/1/archive.jsonl.zst", string(bad))
		got := d.open(Options{})
		if !strings.HasSuffix(got.data(), "4") {
			t.Errorf("byte %d: the last event is missing: %s", at, got.data())
		}
		if got.data() != "1 2 3 4" && len(got.events) < 4 && got.report.Count(Damage) == 0 {
			t.Errorf("byte %d: the events are %s, and no damage is told", at, got.data())
		}
	}

	d = newDir(t)
	d.register("s", "1")
	d.frame("s/1", first, 0)
	got = d.open(Options{})
	got.wants(t, "1", "damage streams/s/1: app.jsonl is missing, and the archive is there\n")
}

func TestDoubledIDs(t *testing.T) {
	d := newDir(t)
	other := strings.Replace(line("A", 2, 1), `"data":1`, `"data":2`, 1)
	d.stream("s", "1", line("A", 1, 1), other, line("A", 1, 1), other, other, bare(3, "3"), bare(3, "3"))
	d.stream("s", "2", line("A", 1, 1))
	got := d.open(Options{})
	got.wants(t, "1 1 2 3 3", `
note streams/s/1/app.jsonl, line 2, byte 73: its id stands before with another event: this one gets another id
note streams/s/1/app.jsonl, lines 3 to 5, byte 146: the event stands before already, with the same id: it is imported once (3)
`)
	ids := make(map[string]bool)
	for _, e := range got.events {
		ids[string(e.StreamID)+e.ID] = true
	}
	if len(ids) != 5 {
		t.Errorf("%d ids for 5 events", len(ids))
	}
	if m := string(got.events[2].Metadata); !strings.Contains(m, `"eventfold":{"id":"00000000-0000-4000-8000-000000000001"}`) {
		t.Errorf("the event that got another id has the metadata %s", m)
	}
}

// What stands before an event, whole or damaged, does not change the id that is made for it.
func TestMadeIDsStay(t *testing.T) {
	ids := func(lines ...string) map[string]int {
		d := newDir(t)
		d.stream("s", "1", lines...)
		out := make(map[string]int)
		got := d.open(Options{})
		for _, e := range got.events {
			out[e.ID+string(e.Data)]++
		}
		return out
	}
	before := ids(bare(1, "1"), `{"torn`, bare(2, "2"), bare(2, "2"))
	after := ids(bare(1, "1"), bare(7, "7"), bare(2, "2"), bare(2, "2"), bare(8, "8"))
	for id, n := range before {
		if n != 1 || after[id] != 1 {
			t.Errorf("id %s stands %d times before, and %d times after", id, n, after[id])
		}
	}
}

func TestTimesThatAreNone(t *testing.T) {
	d := newDir(t)
	d.stream("s", "1", bare(7, "1"), `{"type":"x","data":2,"ts":1700000000000}`, bare(9, "3"))
	got := d.open(Options{})
	got.wants(t, "1 2 3", `
note streams/s/1/app.jsonl, line 2, byte 29: its ts is beyond the year 9999: the event gets the time of the one before
`)
	if e := got.events[1]; e.CreatedAt.Unix() != 7 || string(e.Metadata) != `{"eventfold":{"ts":1700000000000}}` {
		t.Errorf("the event has the time %v and the metadata %s", e.CreatedAt, e.Metadata)
	}
}

func TestRegistry(t *testing.T) {
	d := newDir(t)
	d.stream("s", "1", bare(1, "1"))
	d.register("s", "gone")
	d.register("s", "../../up")
	d.register("s", "1") // a second time
	d.write("meta/streams.jsonl", `{"id":"2","ts":1,"type":"s"}{"id":"3","ts":1,"type":"s"}`+"\n"+`{"id":"4","ty`)
	d.write("streams/s/2/app.jsonl", text(bare(2, "2")))
	d.write("streams/s/3/app.jsonl", text(bare(2, "3")))
	d.write("streams/s/4/app.jsonl", text(bare(1, "4")))
	d.write("streams/s/deep/er/app.jsonl", text(bare(9, "5")))
	d.register("s", "deep/er")
	got := d.open(Options{})
	got.wants(t, "1 4 2 3 5", `
damage meta/streams.jsonl, line 3: the stream of the type "s" and the id "../../up" has no directory of its own: it is not looked for
damage meta/streams.jsonl, line 6, byte 219: the line names no stream: it is torn, or was changed
damage meta/streams.jsonl, line 2: the stream "s/gone" is not there: streams/s/gone is missing
note streams/s/4: the registry does not name this stream: it is imported all the same
note streams/s/deep/er: the registry does not name this stream: it is imported all the same
`)
	if last := got.events[4].StreamID; last != "s-deep/er" {
		t.Errorf("the stream with a slash in its id is %q", last)
	}
	d = newDir(t)
	d.write("streams/s/1/app.jsonl", text(bare(1, "1")))
	got = d.open(Options{})
	got.wants(t, "1", "note meta/streams.jsonl: there is no registry: the directories say which streams there are\n")
}

func TestNames(t *testing.T) {
	d := newDir(t)
	d.stream("my-agg", "1", bare(1, "1"))
	d.stream("my", "agg-1", bare(2, "2"))
	d.stream("order", "a b-ü/c", bare(3, "3"))
	got := d.open(Options{})
	if got.places() != "my_agg-1=1 my-agg-1=2 order-a b-ü/c=3" {
		t.Errorf("the streams are %s", got.places())
	}
	got.wantsFound(t, `
note streams/my-agg: streams of the type "my-agg" become streams of the category "my_agg"
`)

	// Two types never share a category, and what has no name here is left out as a whole.
	d.stream("my_agg", "1", bare(4, "4"))
	d.stream("my_agg", "2", bare(5, "5"), bare(6, "6"))
	d.stream("order", `qu"ote`, bare(7, "7"))
	d.stream("order", strings.Repeat("x", 260), bare(8, "8"))
	d.stream("$sys", "1", bare(9, "9"))
	got = d.open(Options{})
	got.wants(t, "1 2 3", `
note streams/my-agg: streams of the type "my-agg" become streams of the category "my_agg"
unfit streams/my_agg: its type would be the category "my_agg", which is that of the type "my-agg" already: give the type another category (3)
unfit streams/order/qu"ote: its stream would be "order-qu\"ote", which has the character U+0022: quotes, backslashes, control characters and line separators are not taken (1)
unfit streams/order/`+strings.Repeat("x", 260)+`: its stream would be "order-`+strings.Repeat("x", 260)+`", which has 266 bytes, at most 256 are taken (1)
unfit streams/$sys: its type would be the category "$sys", which begins with "$": give the type another category (1)
`)
	got = d.open(Options{Categories: map[string]string{"my_agg": "agg", "$sys": "sys", "order": "order"}})
	if got.places() != "my_agg-1=1 my-agg-1=2 order-a b-ü/c=3 agg-1=4 agg-2=5 agg-2=6 sys-1=9" {
		t.Errorf("with other categories the streams are %s", got.places())
	}
}

func TestBesideTheStreams(t *testing.T) {
	d := newDir(t)
	d.stream("s", "1", bare(1, "1"))
	d.write("streams/s/1/views/state.snapshot.json", "{}")
	d.write("streams/app.jsonl", text(bare(2, "2")))
	d.write("streams/s/notes.txt", "?")
	d.write("projections/totals/checkpoint.json", "{}")
	d.write("process_managers/saga/checkpoint.json", "{}")
	d.write("process_managers/saga/dead_letters.jsonl", "{}\n{}\n")
	got := d.open(Options{})
	got.wants(t, "1", `
damage streams: a log stands here that is not that of a stream, which has a directory streams/TYPE/ID: it is left out
note projections: projections are derived, and not imported: they are made again from the events
note process_managers/saga: how far the process manager has come is not imported: tell its successor where to begin
note process_managers/saga/dead_letters.jsonl: 2 dead letters: not imported, since they are commands and no events
`)
}

func TestLongLine(t *testing.T) {
	d := newDir(t)
	d.stream("s", "1", bare(1, "1"), bare(1, `"`+strings.Repeat("x", maxLine)+`"`), bare(1, `"`+strings.Repeat("x", 300<<10)+`"`), bare(3, "3"))
	got := d.open(Options{})
	if len(got.events) != 3 {
		t.Errorf("%d events", len(got.events))
	}
	got.wantsFound(t, `
unfit streams/s/1/app.jsonl, line 2, byte 29: the line is longer than 4194304 bytes, which is more than a store takes (1)
`)
}

func TestWhatIsNoSource(t *testing.T) {
	d := newDir(t)
	d.write("one/app.jsonl", text(bare(1, "1")))
	d.write("other/x.txt", "x")
	d.write("short", "EFD")
	d.write("old", "EFDB\x02\x00\x00\x00")
	d.write("lines.ndjson", text(bare(1, "1")))
	for name, want := range map[string]string{
		"one":          "one is no directory of eventfold-es: it is the log of one stream: put it into a directory as streams/TYPE/ID, and give that directory",
		"other":        "other is no directory of eventfold-es: it has no directory streams",
		"short":        "is no file of eventfold-db, which begins with EFDB",
		"old":          "has version 2 of eventfold-db's format, and only version 3 is read",
		"lines.ndjson": "is no file of eventfold-db",
	} {
		_, err := Open(t.Context(), root+"/"+name, &Options{FS: d.fs})
		if err == nil || nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), "/nothing", &Options{FS: d.fs}); nacre.CodeOf(err) != nacre.CodeNotFound {
		t.Errorf("nothing: %v", err)
	}
	d = newDir(t)
	d.stream("s", "1", bare(1, "1"))
	for _, categories := range []map[string]string{{"s": "a-b"}, {"s": ""}, {"t": "x"}} {
		if _, err := Open(t.Context(), root, &Options{FS: d.fs, Categories: categories}); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("categories %v: %v", categories, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, root, &Options{FS: d.fs}); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
}

// Random directories, written in a random order, with random sizes of memory: every event comes once, in
// its stream's order, and over all streams in order of the greatest time so far.
func TestRandomDirectories(t *testing.T) {
	seeds := []uint64{rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()}
	if given := os.Getenv("NACRE_SEED"); given != "" {
		seed, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		randomDirectory(t, rand.New(rand.NewPCG(seed, 0)))
		if t.Failed() {
			t.Fatalf("seed %d; replay: NACRE_SEED=%d go test -run '^%s$' ./internal/eventfold", seed, seed, t.Name())
		}
	}
}

func randomDirectory(t *testing.T, rng *rand.Rand) {
	d := newDir(t)
	type stream struct {
		texts []string // frames, and the last one the log
		want  []string
		at    []int
	}
	streams := make(map[string]*stream)
	n := 0
	for i := range 1 + rng.IntN(8) {
		s := new(stream)
		streams[fmt.Sprintf("s-%d", i)] = s
		at := rng.IntN(50)
		for range 1 + rng.IntN(4) {
			var b strings.Builder
			for range rng.IntN(6) {
				at += rng.IntN(20) - 4
				data := strconv.Itoa(n)
				n++
				b.WriteString(bare(max(at, 0), data) + "\n")
				s.want = append(s.want, data)
				s.at = append(s.at, max(at, 0))
			}
			s.texts = append(s.texts, b.String())
		}
		d.register("s", strconv.Itoa(i))
		for j, text := range s.texts {
			last := j == len(s.texts)-1
			switch {
			case last:
				d.write(fmt.Sprintf("streams/s/%d/app.jsonl", i), text)
			case text != "":
				d.frame(fmt.Sprintf("s/%d", i), text, 0)
			}
		}
	}
	got := d.open(Options{MemoryBytes: 1 + rng.IntN(3000)})
	if len(got.report.Findings) > 0 {
		t.Errorf("found\n%s", got.found())
	}
	data := make(map[string][]string)
	reached := make(map[string]int)
	last := -1
	for _, e := range got.events {
		name := string(e.StreamID)
		data[name] = append(data[name], string(e.Data))
		reached[name] = max(reached[name], int(e.CreatedAt.Unix()))
		if reached[name] < last {
			t.Errorf("event %s of %s has the time %d, and stands behind %d", e.Data, name, reached[name], last)
		}
		last = reached[name]
	}
	for name, s := range streams {
		if !slices.Equal(data[name], s.want) {
			t.Errorf("stream %s has %v, not %v", name, data[name], s.want)
		}
	}
}
