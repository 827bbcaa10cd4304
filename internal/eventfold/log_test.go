package eventfold

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

// aggregate is the stream of an aggregate whose type and id this is; its UUID was made with another program.
var (
	counterC1 = mustUUID("6e25385d-dbc4-5717-882b-1338d47baa8e")
	streamA   = testID(0xa)
	streamB   = testID(0xb)
)

func mustUUID(text string) (id [16]byte) {
	text = strings.ReplaceAll(text, "-", "")
	for i := range id {
		n, err := strconv.ParseUint(text[2*i:2*i+2], 16, 8)
		if err != nil {
			panic(err)
		}
		id[i] = byte(n)
	}
	return id
}

const nameB = "stream-00000000-0000-0000-0000-00000000000b"

func TestEventsOfALog(t *testing.T) {
	d := newDB()
	event := func(position, version uint64, kind, metadata, payload string) *dbEvent {
		return &dbEvent{position: position, at: 1700000000123, version: version, stream: counterC1, id: testID(position), kind: kind, metadata: metadata, payload: payload}
	}
	names := `"aggregate_type":"counter","instance_id":"c-1"`
	d.raw(dbBatch(
		event(0, 0, "Incremented", `{`+names+`,"actor":"ann","correlation_id":"c","source_device":"d"}`, "null"),
		event(1, 1, "Added", `{`+names+`}`, `{"amount": 5}`)))
	d.raw(dbBatch(
		event(2, 2, "Raw", "\xff", "\x00\xff")))
	d.raw(dbBatch(
		event(3, 3, "Empty", `["no object"]`, "")))
	d.raw(dbBatch(event(4, 4, "Twice", `{"contentType":"x/y"}`, `{"a":1,"a":2}`)))
	d.position, d.versions[counterC1] = 5, 5
	d.raw(dbBatch(&dbEvent{
		position: 5, at: 1 << 60, stream: streamB, id: testID(5), kind: "Late", payload: "5",
		metadata: `{` + names + `,"eventfold":1,"correlation_id":"c","correlationId":"d"}`,
	}))
	got := d.open(t, Options{})
	got.wantsFound(t, `
note events.log: the events of the stream 00000000-0000-0000-0000-00000000000b say that they are of "counter/c-1", which has another UUID: the stream becomes "stream-00000000-0000-0000-0000-00000000000b"
`)
	want := []struct {
		kind, data, binary, metadata string
		tx                           bool
	}{
		{"Incremented", "null", "", `{` + names + `,"actor":"ann","correlationId":"c","sourceDevice":"d","occurredAt":"2023-11-14T22:13:20.123Z"}`, true},
		{"Added", `{"amount": 5}`, "", `{` + names + `,"occurredAt":"2023-11-14T22:13:20.123Z"}`, true},
		{"Raw", "", "\x00\xff", `{"occurredAt":"2023-11-14T22:13:20.123Z","contentType":"application/octet-stream","eventfold":{"metaBase64":"/w=="}}`, false},
		{"Empty", "null", "", `{"occurredAt":"2023-11-14T22:13:20.123Z","eventfold":{"meta":["no object"]}}`, false},
		{"Twice", "", `{"a":1,"a":2}`, `{"contentType":"x/y","occurredAt":"2023-11-14T22:13:20.123Z"}`, false},
		{"Late", "5", "", `{` + names + `,"correlation_id":"c","correlationId":"d","eventfold":{"ts":1152921504606846976,"meta":{"eventfold":1}}}`, false},
	}
	for i, e := range got.events {
		w := want[i]
		stream := "counter-c-1"
		if i == 5 {
			stream = nameB
		}
		if e.ID != testUUID(uint64(i)) || e.Type != w.kind || string(e.Data) != w.data || string(e.Binary) != w.binary ||
			string(e.Metadata) != w.metadata || string(e.StreamID) != stream || e.CreatedAt.UnixMilli() != 1700000000123 ||
			e.File != "events.log" || e.Number != int64(i) || (e.TransactionID != "") != w.tx {
			t.Errorf("event %d is %+v, metadata %s", i, e, e.Metadata)
		}
	}
	if got.events[0].TransactionID != got.events[1].TransactionID || got.events[0].TransactionID != testUUID(0) {
		t.Errorf("the transaction is %q and %q", got.events[0].TransactionID, got.events[1].TransactionID)
	}
	if r := got.report; r.Streams != 2 || r.Events != 6 || r.Format != "a file of eventfold-db" {
		t.Errorf("the report is %+v", r)
	}
}

// testUUID is testID as text.
func testUUID(n uint64) string {
	id := testID(n)
	hex := fmt.Sprintf("%x", id[:])
	return strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]}, "-")
}

// threeBatches has six events: 0 1 | 2 | 3 4 5.
func threeBatches() *db {
	d := newDB()
	d.append(streamA, "0", "1")
	d.append(streamB, "2")
	d.append(streamA, "3", "4", "5")
	return d
}

func TestDamagedBatches(t *testing.T) {
	whole := threeBatches()
	second, third := whole.batches[1], whole.batches[2]
	firstSize, size := second-whole.batches[0], third-second
	for name, c := range map[string]struct {
		damage      func(b []byte) []byte
		data, found string
	}{
		"nothing": {func(b []byte) []byte { return b }, "0 1 2 3 4 5", ""},
		"a payload": {
			func(b []byte) []byte { b[third-batchFooter-5] ^= 1; return b }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: record 1 of the batch does not match its checksum; %d bytes are left out; missing: position 2\n", second, size),
		},
		"the batch's checksum": {
			func(b []byte) []byte { b[third-1] ^= 1; return b }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: the batch does not match its checksum; %d bytes are left out; missing: position 2\n", second, size),
		},
		"the batch's beginning": {
			func(b []byte) []byte { b[second] ^= 1; return b }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: no batch begins here; %d bytes are left out; missing: position 2\n", second, size),
		},
		"a record's length": {
			func(b []byte) []byte { b[second+batchHeader+1] ^= 1; return b }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: record 1 of the batch does not match its checksum; %d bytes are left out; missing: position 2\n", second, size),
		},
		"the count": {
			func(b []byte) []byte { b[second+4] ^= 2; return b }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: the batch has 1 record, and its header speaks of 3; %d bytes are left out; missing: position 2\n", second, size),
		},
		"the first batch": {
			func(b []byte) []byte { b[fileHeader+batchHeader+40] ^= 1; return b }, "2 3 4 5",
			fmt.Sprintf("damage events.log, byte 8: record 1 of the batch does not match its checksum; %d bytes are left out; missing: positions 0 to 1\n", firstSize) +
				"damage events.log: position 3: before it is missing, of the stream 00000000-0000-0000-0000-00000000000a: versions 0 to 1\n",
		},
		"two batches": {
			func(b []byte) []byte { b[fileHeader+batchHeader+40] ^= 1; b[third-1] ^= 1; return b }, "3 4 5",
			fmt.Sprintf("damage events.log, byte 8: record 1 of the batch does not match its checksum; %d bytes are left out\n", firstSize) +
				fmt.Sprintf("damage events.log, byte %d: the batch does not match its checksum; %d bytes are left out; missing: positions 0 to 2\n", second, size) +
				"damage events.log: position 3: before it is missing, of the stream 00000000-0000-0000-0000-00000000000a: versions 0 to 1\n",
		},
		"a torn end": {
			func(b []byte) []byte { return b[:len(b)-1] }, "0 1 2",
			fmt.Sprintf("damage events.log, byte %d: the file ends inside of a batch; %d bytes are left out, in which the positions from 3 on may have stood\n", third, len(whole.bytes)-third-1),
		},
		"a torn end, by far": {
			func(b []byte) []byte { return b[:third+2] }, "0 1 2",
			fmt.Sprintf("damage events.log, byte %d: the file ends inside of a batch; 2 bytes are left out, in which the positions from 3 on may have stood\n", third),
		},
		"a missing batch": {
			func(b []byte) []byte { return slices.Delete(b, second, third) }, "0 1 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: a batch does not follow the one before it; missing: position 2\n", second),
		},
		"a batch twice": {
			func(b []byte) []byte { return slices.Insert(b, third, slices.Clone(b[second:third])...) }, "0 1 2 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: the batch begins with position 2, and the one before it ended with 2, as when two programs wrote to the file: its events are imported where they stand\n", third) +
				"note events.log: position 2: event " + testUUID(2) + " stands before already, in the same stream: it is imported once (1)\n",
		},
		"what a failed write has left": {
			func(b []byte) []byte { return slices.Insert(b, third, slices.Clone(b[third:third+90])...) }, "0 1 2 3 4 5",
			fmt.Sprintf("note events.log, byte %d: record 1 of the batch does not match its checksum; 90 bytes are left out; the positions go on behind them, so that nothing is missing that was acknowledged\n", third),
		},
		"zeros at the end": {
			func(b []byte) []byte { return append(b, make([]byte, 100)...) }, "0 1 2 3 4 5",
			fmt.Sprintf("damage events.log, byte %d: no batch begins here; 100 bytes are left out, in which the positions from 6 on may have stood\n", len(whole.bytes)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := *whole
			d.bytes = c.damage(slices.Clone(whole.bytes))
			got := d.open(t, Options{})
			got.wants(t, c.data, c.found)
		})
	}
}

// What is whole in a payload is no batch of the file, also where the payload's own batch is damaged.
func TestBatchInAPayload(t *testing.T) {
	inner := dbBatch(&dbEvent{position: 0, stream: streamB, id: testID(77), kind: "Inner", payload: "77"})
	d := newDB()
	d.append(streamA, "0")
	d.append(streamA, string(inner))
	d.append(streamA, "2")
	d.bytes[d.batches[1]] ^= 1
	got := d.open(t, Options{})
	got.wants(t, "0 2", fmt.Sprintf(`
damage events.log, byte %d: a whole batch stands inside of what is damaged, with positions from 0 on, which were read before: it is left out (1)
damage events.log, byte %d: no batch begins here; %d bytes are left out; missing: position 1
damage events.log: position 2: before it is missing, of the stream %s: version 1
`, d.batches[1]+batchHeader+4+56+2+4+4+4, d.batches[1], d.batches[2]-d.batches[1], testUUID(0xa)))
}

func TestDoubledEventsOfALog(t *testing.T) {
	d := newDB()
	same := func(position, version uint64, payload string) {
		d.raw(dbBatch(&dbEvent{position: position, at: position, version: version, stream: streamA, id: testID(9), kind: "Done", payload: payload}))
	}
	same(0, 0, "1")
	same(1, 1, "2")
	same(2, 2, "1")
	same(3, 3, "2")
	d.raw(dbBatch(&dbEvent{position: 4, at: 4, stream: streamB, id: testID(9), kind: "Done", payload: "1"}))
	got := d.open(t, Options{})
	note := "note events.log: position %d: %s\n"
	got.wants(t, "1 2 1", fmt.Sprintf(strings.Repeat(note, 3),
		1, "the id "+testUUID(9)+" stands before with another event: this one gets another id",
		2, "event "+testUUID(9)+" stands before already, in the same stream: it is imported once (1)",
		3, "event "+testUUID(9)+" stands before already, in the same stream: it is imported once (1)"))
	if e := got.events[1]; len(e.ID) != 26 || !strings.Contains(string(e.Metadata), `"eventfold":{"id":"`+testUUID(9)+`"}`) {
		t.Errorf("the event that got another id has %q and the metadata %s", e.ID, e.Metadata)
	}
	if again := d.open(t, Options{}); again.events[1].ID != got.events[1].ID {
		t.Errorf("the ids that were made are %s and %s", got.events[1].ID, again.events[1].ID)
	}
}

func TestNamesOfALog(t *testing.T) {
	d := newDB()
	version := func(kind, id, payload string) {
		d.raw(dbBatch(&dbEvent{
			position: d.position, stream: streamUUID(kind, id), id: testID(d.position), kind: "Done", payload: payload,
			metadata: fmt.Sprintf(`{"aggregate_type":%q,"instance_id":%q}`, kind, id),
		}))
		d.position++
	}
	version("my-agg", "1", "0")
	version("my_agg", "1", "1")
	version("order", "1", "2")
	got := d.open(t, Options{})
	got.wants(t, "0 2", `
note events.log: streams of the type "my-agg" become streams of the category "my_agg"
unfit events.log: the stream `+streamUUID("my_agg", "1").String()+`: its type would be the category "my_agg", which is that of the type "my-agg" already: give the type another category (1)
`)
	got = d.open(t, Options{Categories: map[string]string{"my_agg": "other", "order": "bill"}})
	if got.places() != "my_agg-1=0 other-1=1 bill-1=2" {
		t.Errorf("with other categories the streams are %s", got.places())
	}
}

// Wherever one bit of a log is flipped, that is told; every batch but the one that it stands in is given.
func TestEveryFlippedBit(t *testing.T) {
	whole := threeBatches()
	data := []string{"0 1", "2", "3 4 5"}
	for at := fileHeader; at < len(whole.bytes); at++ {
		d := *whole
		d.bytes = slices.Clone(whole.bytes)
		d.bytes[at] ^= 1 << (at % 8)
		got := d.open(t, Options{})
		hit := 0
		for hit+1 < len(d.batches) && d.batches[hit+1] <= at {
			hit++
		}
		want := strings.Join(slices.Delete(slices.Clone(data), hit, hit+1), " ")
		if got.data() != want || got.report.Count(Damage) == 0 {
			t.Errorf("bit %d of byte %d: the events are %s, not %s; found\n%s", at%8, at, got.data(), want, got.found())
		}
	}
}

// Wherever a log is cut, the whole batches before the cut are given.
func TestEveryCut(t *testing.T) {
	whole := threeBatches()
	for cut := fileHeader; cut <= len(whole.bytes); cut++ {
		d := *whole
		d.bytes = whole.bytes[:cut]
		got := d.open(t, Options{})
		want, boundary := "", false
		for i, end := range append(whole.batches[1:], len(whole.bytes)) {
			if cut >= end {
				want = []string{"0 1", "0 1 2", "0 1 2 3 4 5"}[i]
			}
			boundary = boundary || cut == end || cut == fileHeader
		}
		if got.data() != want || (got.report.Count(Damage) == 0) != boundary {
			t.Errorf("cut at %d: the events are %q, found\n%s", cut, got.data(), got.found())
		}
	}
}

// Logs of several megabytes, so that batches and damage lie across what is read at once.
func TestLargeLog(t *testing.T) {
	seed := rand.Uint64()
	if given := os.Getenv("NACRE_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	d := newDB()
	for range 40 {
		var payloads []string
		for range 1 + rng.IntN(6) {
			payloads = append(payloads, `"`+strings.Repeat("x", rng.IntN(60<<10))+`"`)
		}
		d.append(testID(uint64(rng.IntN(3))), payloads...)
	}
	before := d.open(t, Options{})
	hit := 1 + rng.IntN(38)
	at := d.batches[hit] + rng.IntN(d.batches[hit+1]-d.batches[hit])
	d.bytes[at] ^= 0x40
	after := d.open(t, Options{})
	lost := after.report.Findings[0]
	if int64(d.batches[hit]) != lost.Byte || len(before.report.Findings) > 0 {
		t.Errorf("damage in the batch at byte %d: found\n%s", d.batches[hit], after.found())
	}
	kept := 0
	for i := range before.events {
		e := &before.events[i]
		if kept < len(after.events) && after.events[kept].ID == e.ID && string(after.events[kept].Data) == string(e.Data) {
			kept++
		}
	}
	missing := len(before.events) - len(after.events)
	if kept != len(after.events) || missing < 1 || missing > 6 {
		t.Errorf("%d of %d events are there", kept, len(before.events))
	}
	if t.Failed() {
		t.Logf("seed %d; replay: NACRE_SEED=%d go test -run '^%s$' ./internal/eventfold", seed, seed, t.Name())
	}
}

// A source that is written to while it is being given is an error, and no events that nobody looked at.
func TestChangedLog(t *testing.T) {
	d := newDB()
	for range 50 {
		d.append(streamA, `"`+strings.Repeat("x", 60<<10)+`"`)
	}
	disk := newDir(t)
	disk.write("events.log", string(d.bytes))
	s, err := Open(t.Context(), root+"/events.log", &Options{FS: disk.fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.fs.Corrupt(root+"/events.log", 5000, 1); err != nil {
		t.Fatal(err)
	}
	var last error
	n := 0
	for _, err := range s.Events(t.Context()) {
		last = err
		n++
	}
	if last != errChanged || n != 50 {
		t.Errorf("a file that changed gave %d events, and ended with %v", n-1, last)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A disk that cannot be read is an error, and not damage that is passed over.
func TestUnreadable(t *testing.T) {
	d := newDB()
	for range 50 {
		d.append(streamA, `"`+strings.Repeat("x", 60<<10)+`"`)
	}
	disk := newDir(t)
	disk.write("events.log", string(d.bytes))
	if err := disk.fs.UnreadableRange(root+"/events.log", 1<<20, 512); err != nil {
		t.Fatal(err)
	}
	disk.register("s", "1")
	disk.frame("s/1", text(bare(1, "1")), 0)
	disk.write("streams/s/1/app.jsonl", text(bare(2, "2")))
	for _, name := range []string{"streams/s/1/app.jsonl", "streams/s/1/archive.jsonl.zst", ""} {
		if name != "" {
			if err := disk.fs.UnreadableRange(root+"/"+name, 20, 1); err != nil {
				t.Fatal(err)
			}
		}
		source := root
		if name == "" {
			source += "/events.log"
		}
		if s, err := Open(t.Context(), source, &Options{FS: disk.fs}); err == nil || nacre.CodeOf(err) != nacre.CodeInternal {
			t.Errorf("%s, and %q unreadable: %v, %v", source, name, s, err)
		}
		if name != "" {
			if err := disk.fs.MakeReadable(root + "/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
}
