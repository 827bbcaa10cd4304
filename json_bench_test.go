package nacre

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// benchJSON are values of a few usual shapes.
func benchJSON() map[string][]byte {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"member%d":%d`, i, i*7)
		}
		return "{" + b.String()[1:] + "}"
	}
	event := `{"orderId":"order-4711","customerId":"customer-12","placedAt":"2026-11-20T18:55:20.471204Z",` +
		`"total":129.95,"currency":"EUR","lines":[{"sku":"A-1","quantity":2},{"sku":"B-22","quantity":1}],` +
		`"note":"leave it with the neighbour","express":true,"points":[1,2,3]}`
	var indented bytes.Buffer
	_ = json.Indent(&indented, []byte(event), "", "  ")
	return map[string][]byte{
		fmt.Sprintf("event-%d", len(event)): []byte(event),
		"indented":                          indented.Bytes(),
		"text-4096":                         []byte(`"` + strings.Repeat("all ASCII text ", 273) + `"`),
		"umlauts-4096":                      []byte(`"` + strings.Repeat("größere Übung ", 241) + `"`),
		"members-16":                        []byte(members(16)),
		"members-32":                        []byte(members(32)),
		"members-1000":                      []byte(members(1000)),
	}
}

// strict is what jsontext is told to ask what compactJSON asks.
var strict = []jsontext.Options{
	jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false), jsontext.PreserveRawStrings(true),
}

func BenchmarkCompactJSON(b *testing.B) {
	for name, src := range benchJSON() {
		b.Run(name+"/own", func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compactJSON(src); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/jsontext", func(b *testing.B) {
			copied := make([]byte, 0, len(src))
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				v := jsontext.Value(append(copied[:0], src...)) // it compacts in place
				if err := v.Format(strict...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := json.Compact(&out, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
