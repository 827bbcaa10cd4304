package storagetest

import (
	"fmt"

	"github.com/nacredb/nacre"
)

var versionCases = []testCase{
	{"Expectations", versionExpectations},
	{"ConflictLeavesNothing", versionConflictLeavesNothing},
	{"OfEachStreamAlone", versionOfEachStreamAlone},
	{"OfALongStream", versionOfALongStream},
}

func (x *trial) expectVersion(id nacre.StreamID, want int64) {
	x.Helper()
	got, err := x.s.Version(x.ctx, id)
	if err != nil || got != want {
		x.Fatalf("the version of %q is %d, %v, want %d", id, got, err, want)
	}
}

// versionExpectations appends with every expectation to streams of several versions.
func versionExpectations(x *trial) {
	for current := int64(-1); current < 3; current++ {
		for i, c := range []struct {
			expected nacre.ExpectedVersion
			ok       bool
		}{
			{nacre.ExpectedVersion{}, true},
			{nacre.Any, true},
			{nacre.NoStream, current == -1},
			{nacre.StreamExists, current >= 0},
			{nacre.Exactly(-1), current == -1},
			{nacre.Exactly(0), current == 0},
			{nacre.Exactly(current), true},
			{nacre.Exactly(current + 1), false},
			{nacre.Exactly(current + 100), false},
			{nacre.Exactly(1<<53 - 1), false},
		} {
			id := nacre.StreamID(fmt.Sprintf("stream-%d-%d", current, i))
			if current >= 0 {
				x.append(id, nacre.NoStream, facts("t", int(current+1))...)
			}
			x.expectVersion(id, current)
			if c.ok {
				if a := x.append(id, c.expected, fact("t", 1), fact("t", 2)); a.Version != current+2 || a.Duplicate {
					x.Fatalf("appending two events at version %d gives %+v", current, a)
				}
				x.expectVersion(id, current+2)
				continue
			}
			_, err := x.s.Append(x.ctx, id, c.expected, fact("t", 1), fact("t", 2))
			conflict := expectError[*nacre.ConflictError](x, fmt.Sprintf("expecting %s at version %d", c.expected, current), err, nacre.CodeVersionConflict)
			if conflict.Stream != id || conflict.Expected != c.expected || conflict.Current != current {
				x.Fatalf("the conflict tells %+v, want %q, %s, %d", conflict, id, c.expected, current)
			}
			x.expectVersion(id, current)
		}
	}
	x.all()
}

func versionConflictLeavesNothing(x *trial) {
	x.append("order-1", nacre.NoStream, facts("order.placed", 3)...)
	x.nothingWritten(func() {
		for _, expected := range []nacre.ExpectedVersion{nacre.NoStream, nacre.Exactly(1), nacre.Exactly(3)} {
			_, err := x.s.Append(x.ctx, "order-1", expected, facts("order.changed", 4)...)
			expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
		}
	})
	x.append("order-1", nacre.Exactly(2), fact("order.changed", 1))
}

// versionOfEachStreamAlone has streams whose names are alike.
func versionOfEachStreamAlone(x *trial) {
	ids := []nacre.StreamID{"order", "order-", "order-1", "order-10", "order-1-0", "Order-1", "order-1 ", "ordér-1", "o"}
	for n, id := range ids {
		x.expectVersion(id, -1)
		x.append(id, nacre.NoStream, facts("t", n+1)...)
	}
	for n, id := range ids {
		x.expectVersion(id, int64(n))
		x.append(id, nacre.Exactly(int64(n)), fact("t", 1))
	}
	for n, id := range ids {
		if got := len(x.read(stream(id), nil)); got != n+2 {
			x.Fatalf("stream %q has %d events, want %d", id, got, n+2)
		}
	}
}

func versionOfALongStream(x *trial) {
	for i := range 12 {
		x.append("long-1", nacre.Exactly(int64(i*50-1)), facts("t", 50)...)
		x.append("other-1", nacre.Any, fact("t", 1))
	}
	x.expectVersion("long-1", 599)
	x.nothingWritten(func() {
		for _, stale := range []int64{0, 49, 598, 600} {
			_, err := x.s.Append(x.ctx, "long-1", nacre.Exactly(stale), fact("t", 1))
			expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
		}
	})
}
