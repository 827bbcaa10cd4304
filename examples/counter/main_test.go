package main

import (
	"strings"
	"testing"
)

func TestItCountsOnWhereItLeftOff(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"visits: 1 at version 0\n", "visits: 2 at version 1\n"} {
		var out strings.Builder
		if err := run(t.Context(), &out, dir); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got %q, not %q", out.String(), want)
		}
	}
}
