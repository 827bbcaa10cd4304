package storagetest

import (
	"fmt"

	"github.com/nacredb/nacre"
)

func needsStats(h *Harness) bool { return h.Features.Stats }

var statsCases = []testCase{
	{"Counts", statsCounts},
	{"Times", statsTimes},
}

func (x *trial) stats() nacre.Stats {
	x.Helper()
	st, err := x.s.Stats(x.ctx)
	if err != nil {
		x.Fatalf("Stats: %v", err)
	}
	return st
}

func statsCounts(x *trial) {
	if st := x.stats(); st.Events != 0 || st.Streams != 0 || !st.Oldest.IsZero() || !st.Newest.IsZero() {
		x.Fatalf("the figures of an empty store are %+v", st)
	}
	for i := range 20 {
		id := nacre.StreamID(fmt.Sprintf("s-%d", i%6))
		x.append(id, nacre.Any, facts("t", 1+i%4)...)
		x.append(id, nacre.Any, named("t", fmt.Sprintf("id%d", i), i))
		x.append(id, nacre.Any, named("t", fmt.Sprintf("id%d", i), i)) // the first outcome: counted once
		_, err := x.s.Append(x.ctx, id, nacre.NoStream, fact("t", 1))
		expectCode(x, "a stale append", err, nacre.CodeVersionConflict)
		want := x.all()
		if st := x.stats(); st.Events != int64(len(want)) || st.Streams != int64(min(i+1, 6)) {
			x.Fatalf("%d streams with %d events are told, there are %d with %d", st.Streams, st.Events, min(i+1, 6), len(want))
		}
	}
	head, err := x.s.Head(x.ctx)
	if st := x.stats(); err != nil || st.Epoch != head.Epoch {
		x.Fatalf("the figures' epoch is %q, the head's %q, %v", st.Epoch, head.Epoch, err)
	}
	if st := x.stats(); st.LogBytes <= 0 || st.IndexBytes < 0 || st.Segments < 0 || st.Syncs < 0 {
		x.Fatalf("the figures are %+v", st)
	}
}

func statsTimes(x *trial) {
	for i := range 5 {
		x.append("s-1", nacre.Any, fact("t", i))
	}
	log, st := x.all(), x.stats()
	if !st.Oldest.Equal(log[0].CreatedAt) || !st.Newest.Equal(log[4].CreatedAt) {
		x.Fatalf("the times are %v to %v, the events' %v to %v", st.Oldest, st.Newest, log[0].CreatedAt, log[4].CreatedAt)
	}
}
