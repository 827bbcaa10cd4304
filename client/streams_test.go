package client_test

import (
	"fmt"
	"testing"

	"github.com/nacredb/nacre"
)

// TestStreamsBounds: pages are followed, and a bound may end within a character.
func TestStreamsBounds(t *testing.T) {
	s := open(t, serve(t, "").url, nil)
	batch := make([]nacre.Append, 900)
	for n := range 3 {
		for i := range batch {
			batch[i] = nacre.Append{Stream: nacre.StreamID(fmt.Sprintf("größe-%04d", 900*n+i)), Events: []nacre.Event{nacre.NewEvent("t", i)}}
		}
		if _, err := s.Commit(t.Context(), nil, batch...); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		q     nacre.StreamQuery
		count int
		first nacre.StreamID
	}{
		{nacre.StreamQuery{}, 2700, "größe-0000"},
		{nacre.StreamQuery{Limit: 2001}, 2001, "größe-0000"},
		{nacre.StreamQuery{Limit: 1000}, 1000, "größe-0000"},
		{nacre.StreamQuery{Prefix: "gr\xc3"}, 2700, "größe-0000"},
		{nacre.StreamQuery{Prefix: "gr\xc3", Limit: 1500}, 1500, "größe-0000"},
		{nacre.StreamQuery{Prefix: "gr\xc4"}, 0, ""},
		{nacre.StreamQuery{After: "gr\xc3", Limit: 3}, 3, "größe-0000"},
		{nacre.StreamQuery{After: "größe-1999\xff"}, 700, "größe-2000"},
		{nacre.StreamQuery{After: "\xff"}, 0, ""},
		{nacre.StreamQuery{Category: "gr\xc3"}, 0, ""},
		{nacre.StreamQuery{Category: "größe", Prefix: "größe-0\xff"}, 0, ""},
	} {
		count, first := 0, nacre.StreamID("")
		for info, err := range s.Streams(t.Context(), c.q) {
			if err != nil {
				t.Fatalf("%+v: %v", c.q, err)
			}
			if count == 0 {
				first = info.ID
			}
			count++
		}
		if count != c.count || first != c.first {
			t.Errorf("%+v: %d streams, the first %q, want %d, %q", c.q, count, first, c.count, c.first)
		}
	}
}
