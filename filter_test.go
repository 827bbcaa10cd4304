package nacre

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatchType(t *testing.T) {
	for _, c := range []struct {
		pattern, eventType string
		want               bool
	}{
		{"order.placed", "order.placed", true},
		{"order.placed", "order.place", false},
		{"order.placed", "Order.placed", false},
		{"order.*", "order.placed", true},
		{"order.*", "order.line.added", true},
		{"order.*", "order.", false},
		{"order.*", "order", false},
		{"order.*", "orders.placed", false},
		{"*.placed", "order.placed", true},
		{"*.placed", ".placed", false},
		{"*.placed", "a.b.placed", true},
		{"*", "a", true},
		{"*", "", false},
		{"**", "a", false},
		{"**", "ab", true},
		{"*", "ä", true},
		{"**", "ä", false},
		{"**", "äb", true},
		{"***", "äöü", true},
		{"a*", "a", false},
		{"a*", "ab", true},
		{"a*a", "aa", false},
		{"a*a", "aba", true},
		{"a*a", "aaa", true},
		{"a*b*c", "aXbXc", true},
		{"a*b*c", "abc", false},
		{"a*b*c", "aXbc", false},
		{"a*b*c", "abXbXc", true},
		{"a*b*c", "aXbXbXcXc", true},
		{"*a*", "a", false},
		{"*a*", "bab", true},
		{"*a*", "aab", true},
		{"*a*", "aa", false},
		{"*aa", "aaa", true},
		{"*aa*", "aaa", false},
		{"*aa*", "aaaa", true},
		{"*.*", "a.b", true},
		{"*.*", "..", false},
		{"*.*", "...", true},
		{"", "", true},
		{"", "a", false},
		{"a?", "ab", false},
		{"a.b", "aXb", false},
	} {
		if got := MatchType(c.pattern, c.eventType); got != c.want {
			t.Errorf("MatchType(%q, %q) is %t", c.pattern, c.eventType, got)
		}
	}
}

// matchByRegexp is what a pattern means, said in another way.
func matchByRegexp(pattern, eventType string) bool {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.+`) + `\z`).MatchString(eventType)
}

func TestMatchTypeAgainstRegexp(t *testing.T) {
	r := newRand(t)
	draw := func(alphabet []string, most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	matched := 0
	for range 10_000 {
		pattern, eventType := draw([]string{"a", "b", ".", "ä", "*", "*"}, 6), draw([]string{"a", "b", ".", "ä"}, 8)
		got := MatchType(pattern, eventType)
		if got != matchByRegexp(pattern, eventType) {
			t.Fatalf("MatchType(%q, %q) is %t", pattern, eventType, got)
		}
		if got {
			matched++
		}
	}
	if matched < 500 {
		t.Errorf("only %d of the drawn pairs match: they test too little", matched)
	}
}

func FuzzMatchType(f *testing.F) {
	f.Add("order.*", "order.placed")
	f.Add("*a*b*", "xaxbx")
	f.Add("**", "ä")
	f.Fuzz(func(t *testing.T, pattern, eventType string) {
		// Names are valid UTF-8: a store takes no others.
		pattern, eventType = strings.ToValidUTF8(pattern, "?"), strings.ToValidUTF8(eventType, "?")
		if got := MatchType(pattern, eventType); got != matchByRegexp(pattern, eventType) {
			t.Errorf("MatchType(%q, %q) is %t", pattern, eventType, got)
		}
	})
}

func TestFilterMatches(t *testing.T) {
	e := &Event{StreamID: "order-1", Type: "order.placed", Tags: []string{"a", "b"}}
	for _, c := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"no filter", nil, true},
		{"an empty filter", Filter{}, true},
		{"an empty item", Filter{{}}, true},
		{"its stream", Filter{{Streams: []StreamID{"order-2", "order-1"}}}, true},
		{"another stream", Filter{{Streams: []StreamID{"order"}}}, false},
		{"its category", Filter{{Categories: []string{"order"}}}, true},
		{"another category", Filter{{Categories: []string{"order-1"}}}, false},
		{"its type", Filter{{Types: []string{"x", "order.*"}}}, true},
		{"another type", Filter{{Types: []string{"order"}}}, false},
		{"a tag", Filter{{Tags: []string{"b"}}}, true},
		{"all tags", Filter{{Tags: []string{"b", "a"}}}, true},
		{"a tag too many", Filter{{Tags: []string{"a", "c"}}}, false},
		{"all fields", Filter{{Streams: []StreamID{"order-1"}, Categories: []string{"order"}, Types: []string{"*"}, Tags: []string{"a"}}}, true},
		{"one field of four not", Filter{{Streams: []StreamID{"order-1"}, Categories: []string{"order"}, Types: []string{"*"}, Tags: []string{"c"}}}, false},
		{"the second item", Filter{{Tags: []string{"c"}}, {Tags: []string{"a"}}}, true},
		{"no item", Filter{{Tags: []string{"c"}}, {Types: []string{"x"}}}, false},
	} {
		if got := c.f.Matches(e); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestFilterKinds(t *testing.T) {
	for _, c := range []struct {
		f        Filter
		all, one bool
	}{
		{nil, true, false},
		{Filter{{}}, true, false},
		{Filter{{Tags: []string{"a"}}, {}}, true, false},
		{Filter{{Streams: []StreamID{"a"}}}, false, true},
		{Filter{{Streams: []StreamID{"a", "b"}}}, false, false},
		{Filter{{Streams: []StreamID{"a"}}, {Streams: []StreamID{"b"}}}, false, false},
		{Filter{{Streams: []StreamID{"a"}, Types: []string{"t"}}}, false, false},
		{Filter{{Types: []string{"*"}}}, false, false},
		{Filter{{Categories: []string{"a"}}}, false, false},
	} {
		if c.f.All() != c.all || c.f.OneStream() != c.one {
			t.Errorf("%v: All is %t, OneStream is %t", c.f, c.f.All(), c.f.OneStream())
		}
	}
}
