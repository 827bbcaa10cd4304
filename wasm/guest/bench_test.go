package guest_test

import (
	"strconv"
	"testing"

	"github.com/nacredb/nacre/wasm/guest"
	"github.com/nacredb/nacre/wasm/guest/probe"
)

// BenchmarkDecide is the guest's part of a command on a state that it keeps, on this machine and without a sandbox.
func BenchmarkDecide(b *testing.B) {
	m, err := guest.New(probe.Aggregate, &probe.Options)
	if err != nil {
		b.Fatal(err)
	}
	const rest = `"command":"who","payload":{},"context":{"commandId":"c-1","time":"2026-01-02T03:04:05Z"}}`
	m.Evolve([]byte(`{"id":"ann","state":{"count":1,"note":"","tags":[]},"events":[],"keep":1}`))
	request := []byte{}
	b.ReportAllocs()
	for i := int64(1); b.Loop(); i++ {
		request = append(request[:0], `{"id":"ann","held":`...)
		request = strconv.AppendInt(request, i, 10)
		request = append(request, `,"keep":`...)
		request = strconv.AppendInt(request, i+1, 10)
		request = append(append(request, ','), rest...)
		if reply := m.Decide(request); reply[2] != 'e' {
			b.Fatalf("%s", reply)
		}
	}
}
