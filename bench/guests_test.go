package main

import "testing"

func TestNamesOfModulesHaveOneLength(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{counterName, spinnerName} {
		for i := range 20 {
			n := numbered(name, i)
			if len(n) != len(name) || seen[n] {
				t.Errorf("%q does not do for %q", n, name)
			}
			seen[n] = true
		}
	}
	got := string(renamed([]byte("\x07counter\x13counter.incremented"), counterName, numbered(counterName, 7)))
	if want := "\x07count07\x13count07.incremented"; got != want {
		t.Errorf("renamed is %q", got)
	}
}

func TestCounterOf(t *testing.T) {
	for text, want := range map[string]int{"17": 17, `{"count":18}`: 18, "null": 0} {
		if got, err := counterOf([]byte(text)); err != nil || got != want {
			t.Errorf("%s is read as %d, %v", text, got, err)
		}
	}
	if _, err := counterOf([]byte(`"x"`)); err == nil {
		t.Error("a text is no counter")
	}
}
