package line_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// benchEvent has 256 bytes of data; its line has about 400 bytes, and rich ones have metadata and tags.
func benchEvent(rich bool) (nacre.Event, line.Stamp) {
	data := []byte(`{"items":[{"sku":"A-1","qty":2,"price":1999},{"sku":"B-7","qty":1,"price":450}],"note":"`)
	data = append(data, bytes.Repeat([]byte{'x'}, 256-len(data)-2)...)
	e := nacre.Event{
		StreamID: "order-456", ID: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Type: "order.shipped", Data: append(data, `"}`...),
	}
	if rich {
		e.Metadata = []byte(`{"correlationId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWC","actor":"ann"}`)
		e.Tags = []string{"customer:7", "region:eu"}
	}
	return e, line.Stamp{
		Position: 1_234_567, StreamPosition: 27, Synced: 1_234_000,
		CreatedAt: time.Date(2026, 11, 20, 18, 55, 20, 471_204_000, time.UTC).UnixMicro(),
	}
}

var sinkEvent nacre.Event

func BenchmarkLine(b *testing.B) {
	for _, kind := range []struct {
		name string
		rich bool
	}{{"plain", false}, {"rich", true}} {
		b.Run(kind.name, func(b *testing.B) { benchmarkLine(b, kind.rich) })
	}
}

func benchmarkLine(b *testing.B, rich bool) {
	e, s := benchEvent(rich)
	text := line.Append(nil, &e, &s)
	text = text[:len(text)-1]
	dst := make([]byte, 0, 2*len(text))
	var v line.View
	var enc line.Encoder
	for _, f := range []struct {
		name string
		do   func()
	}{
		{"AppendBody+Checksum", func() { dst = e.AppendBody(dst[:0]); line.Checksum(dst) }},
		{"AppendStamp", func() { dst = enc.AppendStamp(dst[:0], 1, &s); s.CreatedAt += 3 }},
		{"Checksum", func() { line.Checksum(text) }},
		{"ParseStamp", func() { line.ParseStamp(text) }},
		{"Check", func() { mustCheck(b, text) }},
		{"Parse", func() { mustParse(b, text, &v) }},
		{"Parse+borrowed", func() { mustParse(b, text, &v); v.Event(&sinkEvent, true) }},
		{"Parse+owned", func() { mustParse(b, text, &v); v.Event(&sinkEvent, false) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f.do()
			}
		})
	}
}

func mustCheck(b *testing.B, text []byte) {
	if _, _, err := line.Check(text); err != nil {
		b.Fatal(err)
	}
}

func mustParse(b *testing.B, text []byte, v *line.View) {
	if err := line.Parse(text, v); err != nil {
		b.Fatal(err)
	}
}
