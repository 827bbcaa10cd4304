package line_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

func sample() (nacre.Event, line.Stamp) {
	return nacre.Event{
			StreamID: "order-456", ID: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Type: "order.shipped",
			Data: json.RawMessage(`{"tracking":"TRK123"}`), Metadata: json.RawMessage(`{"correlationId":"c-1"}`),
			Tags: []string{"customer:7", "region:eu"},
		}, line.Stamp{
			Position: 1042, StreamPosition: 2, Synced: 1040,
			CreatedAt: time.Date(2026, 11, 20, 18, 55, 20, 471204000, time.UTC).UnixMicro(),
		}
}

func TestSmoke(t *testing.T) {
	e, s := sample()
	text := line.Append(nil, &e, &s)
	t.Logf("%s", text)
	var v line.View
	if err := line.Parse(text[:len(text)-1], &v); err != nil {
		t.Fatal(err)
	}
	var back nacre.Event
	v.Event(&back, true)
	t.Logf("%+v", back)
}

func BenchmarkAll(b *testing.B) {
	e, s := sample()
	data := []byte(`{"items":[{"sku":"A-1","qty":2,"price":1999},{"sku":"B-7","qty":1,"price":450}],"note":"`)
	for len(data) < 254 {
		data = append(data, 'x')
	}
	e.Data = append(data, `"}`...)
	text := line.Append(nil, &e, &s)
	text = text[:len(text)-1]
	var v line.View
	b.Run("Body", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		dst := make([]byte, 0, 1000)
		for b.Loop() {
			dst = e.AppendBody(dst[:0])
			line.Checksum(dst)
		}
	})
	b.Run("Stamp", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		dst := make([]byte, 0, 1000)
		var enc line.Encoder
		for b.Loop() {
			dst = enc.AppendStamp(dst[:0], 1, &s)
			s.CreatedAt++
		}
	})
	b.Run("Checksum", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.Checksum(text)
		}
	})
	b.Run("Check", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.Check(text)
		}
	})
	b.Run("Stamp", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.ParseStamp(text)
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.Parse(text, &v)
		}
	})
	var out nacre.Event
	b.Run("Borrowed", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.Parse(text, &v)
			v.Event(&out, true)
		}
	})
	b.Run("Owned", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			line.Parse(text, &v)
			v.Event(&out, false)
		}
	})
}
