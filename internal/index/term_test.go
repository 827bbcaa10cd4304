package index

import (
	"fmt"
	"math/bits"
	"testing"
)

var testKey = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func TestTermsAreTheSameForEver(t *testing.T) {
	// Runs on disk hold these numbers: a change of the hash is a change of the
	// format's version.
	h := NewHasher(testKey, 0)
	for _, c := range []struct {
		kind Kind
		text string
		want uint64
	}{
		{Stream, "", 0x5e15c08a08cbbc74},
		{Type, "a", 0x6705d3553be648c2},
		{Tag, "abcde", 0x4f1b2e320d563c96},
		{Category, "order-456", 0x4aef8cf2f49dacdb},
		{Stream, "order-01JD3Y8M0T9QXN", 0x53baaffc4734cb0f},
		{Stream, "a-stream-with-a-rather-long-name-of-more-than-thirty-two-bytes", 0x7fbc833b1e353d9a},
	} {
		if got := h.Term(c.kind, c.text); got != c.want {
			t.Errorf("Term(%v, %q) = %#x, want %#x", c.kind, c.text, got, c.want)
		}
	}
}

func TestIDIsTheTermOfTheJoinedTexts(t *testing.T) {
	for _, narrow := range []int{0, 8} {
		h := NewHasher(testKey, narrow)
		for _, n := range []int{0, 1, 5, 20, 100, 1000} {
			stream := fmt.Sprintf("order-%0*d", n, n)
			if h.ID(stream, "some-id") != h.Term(ID, stream+"\x00some-id") {
				t.Errorf("ID of a stream of %d bytes is not the term of the joined texts", len(stream))
			}
		}
	}
}

func TestTermsDependOnEverything(t *testing.T) {
	h := NewHasher(testKey, 0)
	text := "customer-12345678-abcdefgh-0123456789"
	for n := range len(text) {
		term := h.Term(Stream, text[:n])
		if term == h.Term(Type, text[:n]) || term == h.Term(Stream, text[:n]+"\x00") {
			t.Fatalf("%d bytes: the term depends neither on the kind nor on the length", n)
		}
		for bit := range 128 {
			key := testKey
			key[bit/8] ^= 1 << (bit % 8)
			if NewHasher(key, 0).Term(Stream, text[:n]) == term {
				t.Fatalf("%d bytes: the term does not depend on bit %d of the key", n, bit)
			}
		}
		for bit := range 8 * n {
			changed := []byte(text[:n])
			changed[bit/8] ^= 1 << (bit % 8)
			if h.Term(Stream, string(changed)) == term {
				t.Fatalf("%d bytes: the term does not depend on bit %d of the text", n, bit)
			}
		}
	}
}

func TestTermsSpread(t *testing.T) {
	h := NewHasher(testKey, 0)
	// Names that differ in a counter, as real ones do, must fill the upper
	// bits (buckets, filter lines), the lower bits, and not collide.
	const n = 1 << 17
	var upper, lower [1 << 10]int
	seen := make(map[uint64]bool, n)
	for i := range n {
		term := h.Term(Stream, fmt.Sprintf("order-%08d", i))
		upper[term>>54]++
		lower[term&(1<<10-1)]++
		seen[term] = true
	}
	if len(seen) != n {
		t.Errorf("%d names have %d terms", n, len(seen))
	}
	for i := range upper {
		// The mean is 128, its deviation 11.3: 7 deviations.
		if upper[i] < 48 || upper[i] > 208 || lower[i] < 48 || lower[i] > 208 {
			t.Errorf("slot %d holds %d by the upper bits, %d by the lower ones", i, upper[i], lower[i])
		}
	}
	// A changed bit of the text changes each bit of the term half the time.
	const rounds = 2000
	var flips [64]int
	for i := range rounds {
		text := []byte(fmt.Sprintf("tenant:%d/customer:%d", i%7, i))
		before := h.Term(Tag, string(text))
		text[i%len(text)] ^= 1 << (i % 8)
		for changed := before ^ h.Term(Tag, string(text)); changed != 0; changed &= changed - 1 {
			flips[bits.TrailingZeros64(changed)]++
		}
	}
	for bit, n := range flips {
		if n < rounds/2-200 || n > rounds/2+200 {
			t.Errorf("bit %d changed %d times of %d", bit, n, rounds)
		}
	}
}

func TestNarrowedTerms(t *testing.T) {
	h := NewHasher(testKey, 8)
	seen := map[uint64]bool{}
	for i := range 10_000 {
		seen[h.Term(Stream, fmt.Sprint(i))] = true
	}
	if len(seen) != 256 {
		t.Errorf("8 bits make %d terms, want 256", len(seen))
	}
	if h.identity() == NewHasher(testKey, 0).identity() {
		t.Error("a narrowed hasher has the identity of the wide one")
	}
}

var sink uint64

func BenchmarkTerm(b *testing.B) {
	h := NewHasher(testKey, 0)
	text := "customer-12345678-abcdefgh-0123456789-0123456789"
	for _, n := range []int{8, 30, 48} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				sink += h.Term(Stream, text[:n])
			}
		})
	}
	b.Run("id", func(b *testing.B) {
		for b.Loop() {
			sink += h.ID("order-12345678", "01JD3Y8M0T9QXN4V6Z5W2R1K7C")
		}
	})
}
