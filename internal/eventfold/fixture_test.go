package eventfold

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
)

// The writers here follow what the formats are, and share no code with the package.

// dir is a directory of eventfold-es in memory.
type dir struct {
	t  testing.TB
	fs *crashfs.FS
}

func newDir(t testing.TB) *dir { return &dir{t, crashfs.New()} }

const root = "/source"

func (d *dir) write(name, text string) {
	d.t.Helper()
	name = path.Join(root, name)
	if err := d.fs.MkdirAll(path.Dir(name)); err != nil {
		d.t.Fatal(err)
	}
	old, err := vfs.ReadFile(d.fs, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	if err := vfs.WriteFileAtomic(d.fs, name, append(old, text...)); err != nil {
		d.t.Fatal(err)
	}
}

// stream makes a stream that the registry names, with these lines in its log.
func (d *dir) stream(kind, id string, lines ...string) {
	d.t.Helper()
	d.register(kind, id)
	d.write("streams/"+kind+"/"+id+"/app.jsonl", text(lines...))
}

func (d *dir) register(kind, id string) {
	d.t.Helper()
	entry, err := json.Marshal(map[string]any{"type": kind, "id": id, "ts": 1700000000})
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("meta/streams.jsonl", string(entry)+"\n")
}

// frame appends a frame with a text to a stream's archive, or its first bytes.
func (d *dir) frame(stream, text string, bytes int) {
	d.t.Helper()
	frame := compressed(d.t, text)
	if bytes < 0 {
		bytes += len(frame)
	}
	if bytes > 0 {
		frame = frame[:bytes]
	}
	d.write("streams/"+stream+"/archive.jsonl.zst", string(frame))
}

// compressed is a text as eventfold puts it into an archive: streamed, so that its size is not in the frame.
func compressed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false))
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(lines ...string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// line is an event's line, with an id made of n.
func line(kind string, ts int, n int) string {
	return fmt.Sprintf(`{"type":%q,"data":%d,"ts":%d,"id":"00000000-0000-4000-8000-%012d"}`, kind, n, ts, n)
}

// bare is one without an id.
func bare(ts int, data string) string {
	return fmt.Sprintf(`{"type":"x","data":%s,"ts":%d}`, data, ts)
}

// outcome is what came of a source.
type outcome struct {
	report Report
	events []Event
}

// open reads the directory.
func (d *dir) open(o Options) outcome {
	d.t.Helper()
	o.FS, o.Scratch = d.fs, "/"
	return openAll(d.t, root, &o)
}

func openAll(t testing.TB, name string, o *Options) outcome {
	t.Helper()
	s, err := Open(context.Background(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	var out outcome
	for e, err := range s.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out.events = append(out.events, e)
	}
	out.report = *s.Report()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if int64(len(out.events)) != out.report.Events {
		t.Fatalf("the report speaks of %d events, and %d were given", out.report.Events, len(out.events))
	}
	return out
}

// data is the events' data, in order.
func (o *outcome) data() string {
	var all []string
	for i := range o.events {
		all = append(all, string(o.events[i].Data))
	}
	return strings.Join(all, " ")
}

// places are the streams and data of all events.
func (o *outcome) places() string {
	var all []string
	for i := range o.events {
		all = append(all, string(o.events[i].StreamID)+"="+string(o.events[i].Data))
	}
	return strings.Join(all, " ")
}

// found is the findings of all kinds, a line each.
func (o *outcome) found() string {
	var b strings.Builder
	for i := range o.report.Findings {
		f := &o.report.Findings[i]
		fmt.Fprintf(&b, "%s %s", [...]string{"note", "damage", "unfit"}[f.Kind], f)
		if f.Events > 0 {
			fmt.Fprintf(&b, " (%d)", f.Events)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (o *outcome) wants(t *testing.T, data, found string) {
	t.Helper()
	if got := o.data(); got != data {
		t.Errorf("the events are %s, not %s", got, data)
	}
	o.wantsFound(t, found)
}

func (o *outcome) wantsFound(t *testing.T, found string) {
	t.Helper()
	found = strings.TrimLeft(found, "\n")
	if got := o.found(); got != found {
		t.Errorf("found\n%sand not\n%s", got, found)
	}
}

// dbEvent is an event in a file of eventfold-db.
type dbEvent struct {
	position, at, version uint64
	stream, id            [16]byte
	kind                  string
	metadata, payload     string
}

func dbRecord(e *dbEvent) []byte {
	var b []byte
	le := binary.LittleEndian
	b = le.AppendUint64(b, e.position)
	b = le.AppendUint64(b, e.at)
	b = append(b, e.stream[:]...)
	b = le.AppendUint64(b, e.version)
	b = append(b, e.id[:]...)
	b = le.AppendUint16(b, uint16(len(e.kind)))
	b = append(b, e.kind...)
	b = le.AppendUint32(b, uint32(len(e.metadata)))
	b = append(b, e.metadata...)
	b = le.AppendUint32(b, uint32(len(e.payload)))
	b = append(b, e.payload...)
	b = le.AppendUint32(b, crc32.ChecksumIEEE(b))
	return append(le.AppendUint32(nil, uint32(len(b))), b...)
}

func dbBatch(events ...*dbEvent) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("EFBB"), uint32(len(events)))
	first := uint64(0)
	if len(events) > 0 {
		first = events[0].position
	}
	b = binary.LittleEndian.AppendUint64(b, first)
	for _, e := range events {
		b = append(b, dbRecord(e)...)
	}
	sum := crc32.ChecksumIEEE(b)
	return binary.LittleEndian.AppendUint32(append(b, "EFBF"...), sum)
}

// db is a file of eventfold-db in the making.
type db struct {
	bytes    []byte
	position uint64
	versions map[[16]byte]uint64
	batches  []int // where each begins
}

func newDB() *db {
	return &db{bytes: []byte("EFDB\x03\x00\x00\x00"), versions: make(map[[16]byte]uint64)}
}

// append appends a batch, one event a payload.
func (d *db) append(stream [16]byte, payloads ...string) {
	var events []*dbEvent
	for _, p := range payloads {
		e := &dbEvent{
			position: d.position, at: 1700000000000 + d.position, version: d.versions[stream], stream: stream,
			id: testID(d.position), kind: "Done", payload: p,
		}
		d.position++
		d.versions[stream]++
		events = append(events, e)
	}
	d.raw(dbBatch(events...))
}

func (d *db) raw(batch []byte) {
	d.batches = append(d.batches, len(d.bytes))
	d.bytes = append(d.bytes, batch...)
}

func testID(n uint64) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func (d *db) open(t testing.TB, o Options) outcome {
	t.Helper()
	disk := newDir(t)
	disk.write("events.log", string(d.bytes))
	o.FS, o.Scratch = disk.fs, "/"
	return openAll(t, root+"/events.log", &o)
}
