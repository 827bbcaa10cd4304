package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheBankGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	var last string
	for i, want := range []string{
		"ann         380 cents after 4 movements\nbob         120 cents after 1 movements\n",
		"ann         760 cents after 8 movements\nbob         240 cents after 2 movements\n",
	} {
		var out strings.Builder
		if err := run(t.Context(), &out, filepath.Join(dir, "log"), filepath.Join(dir, "balances.db")); err != nil {
			t.Fatal(err)
		}
		last = out.String()
		if !strings.HasSuffix(last, want) {
			t.Errorf("run %d ends with\n%s", i+1, last)
		}
	}
	for _, want := range []string{
		"ann: model.Open refused: the account has been opened before",
		"ann: withdrawing 900000 refused: 899120 cents short",
		"ann to bob, 120: completed",
		"ann to cid, 30: failed the account has been closed",
		"bob to ann, 70000: failed 69760 cents short",
	} {
		if !strings.Contains(last, want) {
			t.Errorf("%q is not in\n%s", want, last)
		}
	}
}
