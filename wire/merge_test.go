package wire

import (
	"reflect"
	"testing"

	"github.com/nacredb/nacre"
)

// TestMergeAppendsComeThrough: parents are sent and read as they are, the transaction with an import only, and the
// store's answer makes the events whole again, in both of its forms.
func TestMergeAppendsComeThrough(t *testing.T) {
	t.Parallel()
	const first, second = "01JD3Y8Q0V3M8S2Z6T5N9K4RWA", "01JD3Y8Q0V3M8S2Z6T5N9K4RWB"
	sent := nacre.Append{Stream: "album-1", Expected: nacre.Exactly(3), Events: []nacre.Event{
		{Type: "album.changed", ID: first, Data: []byte(`{}`), Parents: []string{}, TransactionID: first, TransactionSize: 2},
		{Type: "album.changed", ID: second, Data: []byte(`{}`), Parents: []string{first, "01JD3Y8Q0V3M8S2Z6T5N9K4RW0"}, TransactionID: first, TransactionSize: 2},
	}}
	for _, imported := range []bool{true, false} {
		r, err := DecodeCommit(EncodeCommit(nil, []nacre.Append{sent}, nil, imported), &DecodeOptions{Import: imported})
		if err != nil {
			t.Fatal(err)
		}
		want := nacre.Append{Stream: sent.Stream, Expected: sent.Expected}
		for _, e := range sent.Events {
			if !imported {
				e.TransactionID, e.TransactionSize = "", 0
			}
			want.Events = append(want.Events, e)
		}
		if !reflect.DeepEqual(r.Batch, []nacre.Append{want}) {
			t.Errorf("imported %t: %+v came through as %+v", imported, want, r.Batch)
		}
	}
	stored := stored(sent)
	bare := nacre.Append{Stream: sent.Stream}
	for _, e := range sent.Events {
		e.TransactionID, e.TransactionSize = "", 0
		bare.Events = append(bare.Events, e)
	}
	for _, minimal := range []bool{true, false} {
		got, err := ParseStreamReply(AppendStreamReply(nil, &stored, minimal), &bare)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Events {
			g, w := got.Events[i], stored.Events[i]
			if !reflect.DeepEqual(g.Parents, w.Parents) || g.TransactionID != w.TransactionID || g.TransactionSize != w.TransactionSize {
				t.Errorf("minimal %t: %+v became %+v", minimal, w, g)
			}
		}
	}
	r, err := DecodeAppend([]byte(`{"events":[{"type":"t","data":1,"parents":null}]}`), "s-1", nil)
	if err != nil || r.Batch[0].Events[0].Parents != nil {
		t.Errorf("parents that are null: %+v, %v", r.Batch, err)
	}
}
