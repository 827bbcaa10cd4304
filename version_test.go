package nacre

import (
	"math"
	"testing"
)

func TestExpectedVersion(t *testing.T) {
	var zero ExpectedVersion
	for _, c := range []struct {
		v       ExpectedVersion
		text    string
		exact   bool
		allowed []bool // at -1, 0, 1
	}{
		{zero, "any", false, []bool{true, true, true}},
		{Any, "any", false, []bool{true, true, true}},
		{StreamExists, "stream_exists", false, []bool{false, true, true}},
		{NoStream, "no_stream", true, []bool{true, false, false}},
		{Exactly(-1), "no_stream", true, []bool{true, false, false}},
		{Exactly(0), "0", true, []bool{false, true, false}},
		{Exactly(1), "1", true, []bool{false, false, true}},
		{Exactly(maxVersion), "9007199254740991", true, []bool{false, false, false}},
	} {
		if got := c.v.String(); got != c.text {
			t.Errorf("%s is written %q", c.text, got)
		}
		if !c.v.valid() {
			t.Errorf("%s is not valid", c.text)
		}
		for i, want := range c.allowed {
			if got := c.v.Allows(int64(i - 1)); got != want {
				t.Errorf("%s allows version %d: %t", c.text, i-1, got)
			}
		}
		if _, exact := c.v.Version(); exact != c.exact {
			t.Errorf("%s is exact: %t", c.text, exact)
		}
		if back, err := ParseExpectedVersion(c.text); err != nil || back != c.v {
			t.Errorf("%s is read as %v, %v", c.text, back, err)
		}
	}
	if n, ok := Exactly(41).Version(); n != 41 || !ok {
		t.Errorf("the version of Exactly(41) is %d, %t", n, ok)
	}
}

func TestExpectedVersionOutOfRange(t *testing.T) {
	for _, version := range []int64{-2, -3, -4, -5, -100, math.MinInt64} {
		v := Exactly(version)
		if v.valid() || v == Any || v == StreamExists || v == NoStream {
			t.Errorf("Exactly(%d) is %v, and valid: %t", version, v, v.valid())
		}
		if n, ok := v.Version(); n != version || !ok {
			t.Errorf("Exactly(%d) has the version %d, %t", version, n, ok)
		}
		for current := int64(-1); current < 3; current++ {
			if v.Allows(current) {
				t.Errorf("Exactly(%d) allows version %d", version, current)
			}
		}
	}
	for _, version := range []int64{maxVersion + 1, math.MaxInt64 - 3, math.MaxInt64 - 2, math.MaxInt64} {
		if v := Exactly(version); !v.valid() || v.Allows(-1) || v.Allows(0) || v == Any || v == StreamExists {
			t.Errorf("Exactly(%d) is %v", version, v)
		}
	}
}

func TestParseExpectedVersion(t *testing.T) {
	if v, err := ParseExpectedVersion("-1"); err != nil || v != NoStream {
		t.Errorf("-1 is %v, %v", v, err)
	}
	for _, bad := range []string{"", "Any", "ANY", "none", "-2", "1.5", "1e3", " 1", "+", "9007199254740992", "99999999999999999999"} {
		v, err := ParseExpectedVersion(bad)
		if CodeOf(err) != CodeInvalid || v != Any {
			t.Errorf("%q is read as %v, %v", bad, v, err)
		}
	}
}
