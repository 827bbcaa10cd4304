package main

import (
	"strings"
	"testing"
)

func TestAListIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct{ args, want string }{
		{"add milk", "[ ] 1 milk\n"},
		{"add the rent", "[ ] 1 milk\n[ ] 2 the rent\n"},
		{"complete 1", "[x] 1 milk\n[ ] 2 the rent\n"},
		{"sweep", "[ ] 2 the rent\n"},
	} {
		var out strings.Builder
		if err := run(t.Context(), &out, append([]string{dir, "home"}, strings.Fields(step.args)...)); err != nil {
			t.Fatal(err)
		}
		if out.String() != step.want {
			t.Errorf("%s: got %q, not %q", step.args, out.String(), step.want)
		}
	}
	for wrong, want := range map[string]string{"complete 7": "there is no item 7", "complete x": "the number of an item", "fly": "no command", "add": "needs a text"} {
		if err := run(t.Context(), &strings.Builder{}, append([]string{dir, "home"}, strings.Fields(wrong)...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", wrong, err, want)
		}
	}
	if err := run(t.Context(), &strings.Builder{}, nil); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("without arguments: %v", err)
	}
}
