package storagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

func needsLines(h *Harness) bool { return h.Features.Lines }

var linesCases = []testCase{
	{"AsReadGivesEvents", linesAsRead},
	{"Form", linesForm},
	{"BatchAndSynced", linesBatchAndSynced},
	{"ChecksumsOfHostileData", linesOfHostileData},
	{"Refused", linesRefused},
}

// readLines collects a read's lines.
func readLines(t tb, x *trial, f nacre.Filter, o *nacre.ReadOptions) []nacre.Line {
	t.Helper()
	var out []nacre.Line
	for l, err := range x.s.ReadLines(x.ctx, f, o) {
		if err != nil {
			t.Fatalf("ReadLines %v with %+v: %v", f, o, err)
		}
		out = append(out, nacre.Line{Position: l.Position, Bytes: bytes.Clone(l.Bytes)})
	}
	return out
}

// lineKeys is the order of a line's members; those that may be missing are marked.
var lineKeys = []struct {
	key      string
	optional bool
}{
	{"streamId", false},
	{"eventId", false},
	{"type", false},
	{"data", true},
	{"dataBase64", true},
	{"dataHash", true},
	{"metadata", true},
	{"tags", true},
	{"parents", true},
	{"transactionId", true},
	{"transactionSize", true},
	{"globalPosition", false},
	{"streamPosition", false},
	{"createdAt", false},
	{"batch", true},
	{"synced", false},
	{"crc", false},
}

// stampJSON is what a line has and an event has not.
type stampJSON struct {
	CreatedAt string           `json:"createdAt"`
	Batch     []nacre.Position `json:"batch"`
	Synced    *nacre.Position  `json:"synced"`
	CRC       string           `json:"crc"`
}

// expectLine checks a line against spec/log-format.md, and that it is the event's.
func expectLine(t tb, l nacre.Line, want *nacre.Event) stampJSON {
	t.Helper()
	var e nacre.Event
	if err := json.Unmarshal(l.Bytes, &e); err != nil {
		t.Fatalf("the line %s: %v", l.Bytes, err)
	}
	if diff := difference(&e, want); diff != "" || l.Position != want.GlobalPosition {
		t.Fatalf("the line at %d differs from the event in %s\n line: %s\nevent: %s", l.Position, diff, l.Bytes, describe(want))
	}
	if body := want.AppendBody(nil); !bytes.HasPrefix(l.Bytes, body) {
		t.Fatalf("the line does not begin with the event's body\nline: %s\nbody: %s", l.Bytes, body)
	}
	if bytes.ContainsAny(l.Bytes, "\r\n") {
		t.Fatalf("the line has a line end: %q", l.Bytes)
	}
	keys, next := memberNames(t, l.Bytes), 0
	for _, k := range lineKeys {
		switch {
		case next < len(keys) && keys[next] == k.key:
			next++
		case !k.optional:
			t.Fatalf("the line's members are %q, want %s where there is %q", keys, k.key, append(keys, "the end")[next])
		}
	}
	if next != len(keys) {
		t.Fatalf("the line's members are %q, and %s is none of a line, or not in its place", keys, keys[next])
	}
	var stamp stampJSON
	if err := json.Unmarshal(l.Bytes, &stamp); err != nil {
		t.Fatalf("the line %s: %v", l.Bytes, err)
	}
	covered, _, ok := strings.Cut(string(l.Bytes), `,"crc":"`+stamp.CRC+`"`)
	sum := crc32.Checksum([]byte(covered), crc32.MakeTable(crc32.Castagnoli))
	if wrote := fmt.Sprintf("%08x", sum); !ok || stamp.CRC != wrote {
		t.Fatalf("the line's crc is %q, want %q: %s", stamp.CRC, wrote, l.Bytes)
	}
	if stamp.CreatedAt != want.CreatedAt.Format(nacre.TimeFormat) || len(stamp.CreatedAt) != 27 {
		t.Fatalf("createdAt is %q, want %s", stamp.CreatedAt, want.CreatedAt.Format(nacre.TimeFormat))
	}
	if stamp.Synced == nil || *stamp.Synced >= want.GlobalPosition {
		t.Fatalf("synced is missing or not before the event: %s", l.Bytes)
	}
	return stamp
}

// memberNames are the names of an object's members, in order.
func memberNames(t tb, object []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	var names []string
	if _, err := d.Token(); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%s: %v", object, err)
		}
	}
	return names
}

func linesAsRead(x *trial) {
	events := fillFiltered(x)
	for _, c := range filterTable {
		for _, o := range []*nacre.ReadOptions{nil, {Backwards: true, Limit: 3}, {After: 3, Before: 10}, {Borrowed: true}} {
			lines, want := readLines(x, x, c.filter, o), x.read(c.filter, o)
			if len(lines) != len(want) {
				x.Fatalf("%s, %+v: %d lines, want %d", c.name, o, len(lines), len(want))
			}
			for i := range lines {
				expectLine(x, lines[i], &want[i])
			}
		}
	}
	if lines := readLines(x, x, stream("order-1"), &nacre.ReadOptions{From: 1, Until: 2}); len(lines) != 1 || lines[0].Position != events[2].GlobalPosition {
		x.Fatalf("the lines of one stream position are %v", lines)
	}
}

func linesForm(x *trial) {
	batch := []nacre.Event{
		fact("t", 1), fact("t", 2, "a", "b").WithMetadata(map[string]int{"m": 1}), nacre.NewEvent("größe", "人").WithID("x"),
		{Type: "t", Binary: []byte{0, 1, 2, 255}},
		{Type: "t", Binary: []byte{}},
		nacre.NewEvent("t", nil),
	}
	x.append("größe-1", nacre.Any, batch...)
	for i := range batch {
		x.append("s-1", nacre.Any, batch[i])
	}
	log := x.all()
	for i, l := range readLines(x, x, nil, nil) {
		expectLine(x, l, &log[i])
	}
}

func linesBatchAndSynced(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	x.append("s-1", nacre.Any, facts("t", 3)...)
	x.commit(nil, to("s-2", nacre.Any, fact("t", 1)), to("s-1", nacre.Any, fact("t", 2)))
	x.append("s-1", nacre.Any, fact("t", 1))
	want := [][]nacre.Position{nil, {2, 4}, {2, 4}, {2, 4}, {5, 6}, {5, 6}, nil}
	log := x.all()
	var synced nacre.Position
	for i, l := range readLines(x, x, nil, nil) {
		stamp := expectLine(x, l, &log[i])
		if !slices.Equal(stamp.Batch, want[i]) {
			x.Fatalf("the batch of the event at %d is %d, want %d: %s", i+1, stamp.Batch, want[i], l.Bytes)
		}
		if *stamp.Synced < synced {
			x.Fatalf("synced fell from %d to %d: %s", synced, *stamp.Synced, l.Bytes)
		}
		synced = *stamp.Synced
		if want[i] != nil && synced >= want[i][0] {
			x.Fatalf("synced is %d within the batch %d: %s", synced, want[i], l.Bytes)
		}
	}
}

func linesOfHostileData(x *trial) {
	for _, data := range keptData {
		x.append("s-1", nacre.Any, nacre.Event{Type: "t", Data: []byte(data), Metadata: []byte(`{"of":` + data + `}`)})
	}
	log := x.all()
	for i, l := range readLines(x, x, nil, nil) {
		expectLine(x, l, &log[i])
	}
}

func linesRefused(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	for _, err := range x.s.ReadLines(x.ctx, nil, &nacre.ReadOptions{Limit: -1}) {
		expectCode(x, "lines with a negative limit", err, nacre.CodeInvalid)
	}
	for _, err := range x.s.ReadLines(x.ctx, nacre.Filter{{Types: []string{""}}}, nil) {
		expectCode(x, "lines with a bad filter", err, nacre.CodeInvalid)
	}
}
