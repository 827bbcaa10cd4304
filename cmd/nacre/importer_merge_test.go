package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/memstore"
)

// mergeID is the n-th of consecutive ids.
func mergeID(n int) string {
	id := []byte("01JD3Y8Q0V3M8S2Z6T5N900000")
	for i := len(id) - 1; n > 0; i, n = i-1, n/32 {
		id[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n%32]
	}
	return string(id)
}

// mergeLog fills a store with merge streams beside ordered ones. Its transactions are of one stream or several;
// where together is set, several of them may be in one batch, as replication makes them.
func mergeLog(t *testing.T, rng *rand.Rand, s *nacre.Store, together bool) {
	t.Helper()
	next := 0
	held := make(map[nacre.StreamID][]string)
	for range 60 {
		if rng.IntN(3) == 0 {
			if _, err := s.Append(t.Context(), nacre.StreamID(fmt.Sprintf("o-%d", rng.IntN(3))), nacre.Any,
				slices.Repeat([]nacre.Event{nacre.NewEvent("x", next)}, 1+rng.IntN(3))...); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var batch []nacre.Append
		transactions := 1
		if together {
			transactions += rng.IntN(3)
		}
		for range transactions {
			size := 1 + rng.IntN(4)
			for i := range size {
				id := nacre.StreamID(fmt.Sprintf("m-%d", rng.IntN(4)))
				e := nacre.NewEvent("m.changed", next).WithID(mergeID(next + i))
				e.Parents = []string{}
				if known := held[id]; len(known) > 0 && rng.IntN(4) > 0 {
					e.Parents = append(e.Parents, known[rng.IntN(len(known))])
				}
				if size > 1 {
					e.TransactionID, e.TransactionSize = mergeID(next), size
				}
				held[id] = append(held[id], e.ID)
				at := slices.IndexFunc(batch, func(a nacre.Append) bool { return a.Stream == id })
				if at < 0 {
					at = len(batch)
					batch = append(batch, nacre.Append{Stream: id})
				}
				batch[at].Events = append(batch[at].Events, e)
			}
			next += size + 1
		}
		if _, err := s.Import(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever the batches of an import, and wherever it fails and goes on: what is exported and imported elsewhere is the
// same log, its transactions whole.
func TestImportKeepsTransactionsOfMergeStreams(t *testing.T) {
	randomSeeds(t, 100, func(t *testing.T, rng *rand.Rand) {
		from := memstore.Open(nil)
		defer from.Close()
		whole := rng.IntN(2) == 0 // lines as they are exported, or their bodies alone
		mergeLog(t, rng, from, whole)
		var text strings.Builder
		var want []string
		for l, err := range from.ReadLines(t.Context(), nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			body, _, _ := strings.Cut(string(l.Bytes), `,"globalPosition"`)
			want = append(want, body)
			if whole {
				body = string(l.Bytes)
			} else {
				body += "}"
			}
			text.WriteString(body + "\n")
		}
		r, s := newRecording(t)
		if rng.IntN(2) == 0 {
			r.failAt = 1 + rng.IntN(20)
		}
		first, _, err := importText(t, s, text.String(), 1+rng.IntN(40), false)
		if err != nil && nacre.CodeOf(err) != nacre.CodeFailed {
			t.Fatal(err)
		}
		r.failAt = 0
		again, _, err := importText(t, s, text.String(), 1+rng.IntN(40), false)
		if err != nil || again.held != first.appended || again.held+again.appended != int64(len(want)) {
			t.Fatalf("first %+v, then %+v of %d, %v", first, again, len(want), err)
		}
		var got []string
		for e, err := range s.Read(t.Context(), nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.AppendBody(nil)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log became another one:\n%s\nwas\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
