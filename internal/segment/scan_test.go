package segment_test

import (
	"bytes"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/segment"
)

func TestScanClean(t *testing.T) {
	var file []byte
	for i := range 100 {
		e := nacre.Event{StreamID: "a-1", ID: "x", Type: "t", Data: []byte(`{"n":1}`)}
		file = line.Append(file, &e, &line.Stamp{Position: nacre.Position(i + 1), Synced: nacre.Position(i)})
	}
	n := 0
	v, err := segment.Scan(bytes.NewReader(file), int64(len(file)), "f", &segment.ScanOptions{First: 1, Tail: true, OnLine: func(int64, []byte, *line.View) error { n++; return nil }})
	if err != nil || v.Kind != segment.Clean || v.Last != 100 || n != 100 {
		t.Fatalf("%+v %v", v, err)
	}
}
