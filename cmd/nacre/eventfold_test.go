package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/eventfold"
)

// archive FILE TO: appends a text to an archive, as a frame, as eventfold does when it rotates.
func archive(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: archive FILE TO")
	}
	to, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	ts.Check(err)
	_, err = to.Write(zstdFrame(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, to.Close()))
}

// zstdFrame is a frame with one block, which is not compressed.
func zstdFrame(text string) []byte {
	const window = 0x58 // of 2 MiB
	block := uint32(len(text))<<3 | 1
	return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, window, byte(block), byte(block >> 8), byte(block >> 16)}, text...)
}

// efdb FILE: writes a file of eventfold-db with three batches: 0 1 | 2 | 3.
func efdb(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), eventfoldLog(), 0o666))
}

// eventfoldLog is a file of eventfold-db, written by the description of its format.
func eventfoldLog() []byte {
	const (
		counter = "6e25385ddbc45717882b1338d47baa8e" // of counter/c-1
		other   = "0f000000000040008000000000000001"
	)
	le := binary.LittleEndian
	record := func(position, version uint64, stream, metadata, payload string) []byte {
		b := le.AppendUint64(nil, position)
		b = le.AppendUint64(b, 1_700_000_000_000+position)
		id, _ := hex.DecodeString(stream)
		b = append(b, id...)
		b = le.AppendUint64(b, version)
		b = le.AppendUint64(append(b, "eventfol"...), position)
		b = append(le.AppendUint16(b, 4), "Done"...)
		b = append(le.AppendUint32(b, uint32(len(metadata))), metadata...)
		b = append(le.AppendUint32(b, uint32(len(payload))), payload...)
		b = le.AppendUint32(b, crc32.ChecksumIEEE(b))
		return append(le.AppendUint32(nil, uint32(len(b))), b...)
	}
	log := []byte("EFDB\x03\x00\x00\x00")
	batch := func(first uint64, records ...[]byte) {
		b := le.AppendUint32([]byte("EFBB"), uint32(len(records)))
		b = le.AppendUint64(b, first)
		b = append(b, bytes.Join(records, nil)...)
		sum := crc32.ChecksumIEEE(b)
		log = append(append(log, b...), le.AppendUint32([]byte("EFBF"), sum)...)
	}
	names := `{"aggregate_type":"counter","instance_id":"c-1","actor":"ann"}`
	batch(0, record(0, 0, counter, names, `{"n":0}`), record(1, 1, counter, names, `{"n":1}`))
	batch(2, record(2, 0, other, "", "\xff"))
	batch(3, record(3, 2, counter, names, `{"n":3}`))
	return log
}

// writeEventfold makes a directory of eventfold-es: streams streams, with these many events each.
func writeEventfold(t *testing.T, streams, events int) string {
	t.Helper()
	dir := t.TempDir()
	for s := range streams {
		var b strings.Builder
		for i := range events {
			fmt.Fprintf(&b, `{"type":"Changed","data":%d,"ts":%d}`+"\n", s*events+i, 1_700_000_000+(i*streams+s)/3)
		}
		folder := filepath.Join(dir, "streams", "thing", fmt.Sprint(s))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "app.jsonl"), []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// An import from eventfold that failed somewhere, and is run again, comes to the same as one that did not.
func TestImportEventfoldGoesOn(t *testing.T) {
	dir := writeEventfold(t, 7, 90)
	run := func(s *nacre.Store, batch int) (tally, error) {
		source, err := eventfold.Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		feed := &eventfoldFeed{ctx: t.Context(), source: source}
		im := &importer{store: s, from: feed, batch: batch, progress: func(tally) {}}
		err = im.run(t.Context())
		if e := feed.close(); e != nil {
			t.Error(e)
		}
		return im.tally, err
	}
	_, whole := newRecording(t)
	if _, err := run(whole, 500); err != nil {
		t.Fatal(err)
	}
	want := logOf(t, whole)
	if len(want) != 630 {
		t.Fatalf("%d events were imported", len(want))
	}
	for failAt := 1; failAt < 30; failAt += 4 {
		r, s := newRecording(t)
		r.failAt = failAt
		first, err := run(s, 11)
		if nacre.CodeOf(err) != nacre.CodeFailed {
			t.Fatalf("the store fails at batch %d, and the import ends with %v", failAt, err)
		}
		r.failAt = 0
		second, err := run(s, 37)
		if err != nil {
			t.Fatal(err)
		}
		if second.held != first.appended || second.held+second.appended != 630 {
			t.Errorf("first %+v, and then %+v", first, second)
		}
		if got := logOf(t, s); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("after a failure at batch %d the log is %v", failAt, got)
		}
	}
}

// A feed can be closed whatever became of the import: it was never begun, or nobody takes what it gives.
func TestEventfoldFeedCloses(t *testing.T) {
	source, err := eventfold.Open(t.Context(), writeEventfold(t, 2, 300), nil)
	if err != nil {
		t.Fatal(err)
	}
	feed := &eventfoldFeed{ctx: t.Context(), source: source}
	stop, entries := make(chan struct{}), make(chan entry)
	go feed.read(stop, entries)
	<-entries
	close(stop)
	if err := feed.close(); err != nil {
		t.Error(err)
	}
	late := make(chan entry)
	go feed.read(nil, late)
	if _, more := <-late; more {
		t.Error("a feed that was closed gave an event")
	}

	source, err = eventfold.Open(t.Context(), writeEventfold(t, 2, 300), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	feed = &eventfoldFeed{ctx: ctx, source: source}
	entries = make(chan entry, 10)
	feed.read(nil, entries)
	if e := <-entries; !errors.Is(e.err, context.Canceled) {
		t.Errorf("a canceled feed gave %v", e.err)
	}
	if err := feed.close(); err != nil {
		t.Error(err)
	}
}
