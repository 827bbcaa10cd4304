package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// hundred is a batch of 100 events with data of 256 bytes, as a client sends it.
func hundred() nacre.Append {
	a := nacre.Append{Stream: "order-1001", Expected: nacre.Exactly(41)}
	for i := range 100 {
		data := fmt.Sprintf(`{"customer":"c-%04d","lines":[{"sku":"A-1","n":2},{"sku":"B-7","n":1}],"note":"`, i)
		data += strings.Repeat("n", 254-len(data)) + `"}`
		a.Events = append(a.Events, nacre.Event{
			Type: "order.line.added", Data: []byte(data), ID: nacre.NewID(), Tags: []string{fmt.Sprintf("customer:%d", i)},
		})
	}
	return a
}

// stored is what a store makes of a batch.
func stored(a nacre.Append) nacre.Appended {
	out := nacre.Appended{Version: 41 + int64(len(a.Events))}
	for i, e := range a.Events {
		e.StreamID, e.StreamPosition, e.GlobalPosition = a.Stream, 42+int64(i), 1000+nacre.Position(i)
		e.TransactionID, e.CreatedAt = "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", time.UnixMicro(1_795_202_120_471_204).UTC()
		out.Events = append(out.Events, e)
	}
	return out
}

func BenchmarkDecodeAppend(b *testing.B) {
	a := hundred()
	body := EncodeAppend(nil, &a, false)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeAppend(body, a.Stream, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeCommit(b *testing.B) {
	a := hundred()
	body := EncodeCommit(nil, []nacre.Append{a}, nil, false)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeCommit(body, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeOne(b *testing.B) {
	a := hundred()
	a.Events = a.Events[:1]
	body := EncodeAppend(nil, &a, false)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeAppend(body, a.Stream, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeAppend(b *testing.B) {
	a := hundred()
	body := EncodeAppend(nil, &a, false)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		body = EncodeAppend(body[:0], &a, false)
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	a := stored(hundred())
	for _, minimal := range []bool{false, true} {
		b.Run(fmt.Sprintf("minimal=%v", minimal), func(b *testing.B) {
			reply := AppendStreamReply(nil, &a, minimal)
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			for b.Loop() {
				reply = AppendStreamReply(reply[:0], &a, minimal)
			}
		})
	}
}

func BenchmarkParseReply(b *testing.B) {
	sent := hundred()
	a := stored(sent)
	for _, minimal := range []bool{false, true} {
		b.Run(fmt.Sprintf("minimal=%v", minimal), func(b *testing.B) {
			reply := AppendStreamReply(nil, &a, minimal)
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseStreamReply(reply, &sent); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseEvent(b *testing.B) {
	a := stored(hundred())
	line := AppendEvent(nil, &a.Events[0])
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEvent(line); err != nil {
			b.Fatal(err)
		}
	}
}
