package sqlmodel

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		" ; ;; ":                    nil,
		"a; b ;c":                   {"a", "b", "c"},
		`a ';' "b;""" ; c`:          {`a ';' "b;"""`, "c"},
		"a -- ; not here\n; b":      {"a -- ; not here", "b"},
		"a /* ; */ x; b":            {"a /* ; */ x", "b"},
		"do $$ begin; x; end $$; b": {"do $$ begin; x; end $$", "b"},
		"a 'open ; for ever":        {"a 'open ; for ever"},
		"a /* open ; for ever":      {"a /* open ; for ever"},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q is split into %q, not %q", text, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a; 'b;' -- c\n; /* d */ $$;$$")
	f.Fuzz(func(_ *testing.T, text string) { split(text) })
}
