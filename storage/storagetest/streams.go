package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

func needsListing(h *Harness) bool { return h.Features.Listing }

var streamsCases = []testCase{
	{"InByteOrder", streamsInOrder},
	{"Queries", streamsQueries},
	{"Infos", streamsInfos},
	{"Pages", streamsPages},
	{"LeftAndRefused", streamsLeftAndRefused},
}

func (x *trial) streams(q nacre.StreamQuery) []nacre.StreamInfo {
	x.Helper()
	return listStreams(x, x, q)
}

func listStreams(t tb, x *trial, q nacre.StreamQuery) []nacre.StreamInfo {
	t.Helper()
	var out []nacre.StreamInfo
	for info, err := range x.s.Streams(x.ctx, q) {
		if err != nil {
			t.Fatalf("Streams %+v: %v", q, err)
		}
		out = append(out, info)
	}
	return out
}

// streamInfos is what a listing must give of a log.
func streamInfos(log []nacre.Event, q nacre.StreamQuery) []nacre.StreamInfo {
	byID := map[nacre.StreamID]*nacre.StreamInfo{}
	var out []nacre.StreamInfo
	for i := range log {
		e := &log[i]
		info := byID[e.StreamID]
		if info == nil {
			info = &nacre.StreamInfo{ID: e.StreamID, FirstPosition: e.GlobalPosition, CreatedAt: e.CreatedAt}
			byID[e.StreamID] = info
		}
		info.Version, info.LastPosition, info.UpdatedAt = e.StreamPosition, e.GlobalPosition, e.CreatedAt
	}
	for id, info := range byID {
		if id > q.After && strings.HasPrefix(string(id), q.Prefix) && (q.Category == "" || id.Category() == q.Category) {
			out = append(out, *info)
		}
	}
	slices.SortFunc(out, func(a, b nacre.StreamInfo) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out
}

func expectStreams(t tb, what string, got, want []nacre.StreamInfo) {
	t.Helper()
	same := func(a, b nacre.StreamInfo) bool {
		created, updated := a.CreatedAt.Equal(b.CreatedAt), a.UpdatedAt.Equal(b.UpdatedAt)
		a.CreatedAt, a.UpdatedAt = b.CreatedAt, b.UpdatedAt
		return created && updated && a == b
	}
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (x *trial) expectListing(q nacre.StreamQuery) {
	x.Helper()
	expectStreams(x, fmt.Sprintf("the streams of %+v", q), x.streams(q), streamInfos(x.all(), q))
}

var listed = []nacre.StreamID{
	"order-2", "order-10", "order-1", "order", "orders-1", "order-", "order.x-1", "Order-1", "a", "a-", "a-b-c", "a-b", "ab", "zebra-1",
	"größe-1", "größe-Ω", "gr-1", "人-1", "order-1-2", "order 1", "~-1", "!-1", "0-1",
}

func streamsInOrder(x *trial) {
	x.expectListing(nacre.StreamQuery{})
	for _, id := range listed {
		x.append(id, nacre.NoStream, fact("t", 1))
	}
	x.expectListing(nacre.StreamQuery{})
	if got := x.streams(nacre.StreamQuery{}); len(got) != len(listed) {
		x.Fatalf("%d streams, want %d", len(got), len(listed))
	}
}

func streamsQueries(x *trial) {
	for i, id := range listed {
		x.append(id, nacre.NoStream, facts("t", 1+i%3)...)
	}
	for _, q := range []nacre.StreamQuery{
		{Category: "order"},
		{Category: "größe"},
		{Category: "orders"},
		{Category: "none"},
		{Category: "a"},
		{Category: "order-1"},
		{Category: "ord"},
		{Prefix: "order"},
		{Prefix: "order-1"},
		{Prefix: "g"},
		{Prefix: "grö"},
		{Prefix: "none"},
		{Prefix: "order-1-2"},
		{Prefix: "order-1-22"},
		{Prefix: "~"},
		{After: "a"},
		{After: "order-1"},
		{After: "order-11"},
		{After: "zzz"},
		{After: "人-1"},
		{After: "\x01"},
		{After: "\xff"},
		{Limit: 1},
		{Limit: 5},
		{Limit: 1000},
		{Category: "order", Limit: 2},
		{Prefix: "order-", Limit: 2, After: "order-1"},
		{Category: "order", Prefix: "order-1"},
		{Category: "order", After: "order-1"},
		{Category: "order", After: "a"},
		{Category: "order", After: "zzz"},
		{Category: "order", Prefix: "a"},
		{Prefix: "a", After: "b"},
		{Prefix: "b", After: "a"},
		{Category: "a", Prefix: "a-b", After: "a-b", Limit: 1},
	} {
		x.expectListing(q)
	}
}

// streamsInfos: what is told of a stream is right after each append.
func streamsInfos(x *trial) {
	for i := range 30 {
		id := nacre.StreamID(fmt.Sprintf("s-%d", i*i%7))
		x.append(id, nacre.Any, facts("t", 1+i%3)...)
		if i%3 == 0 {
			x.expectListing(nacre.StreamQuery{Prefix: string(id)})
		}
	}
	x.expectListing(nacre.StreamQuery{})
	x.commit(nil, to("s-1", nacre.Any, fact("t", 1)), to("t-1", nacre.Any, facts("t", 2)...), to("s-2", nacre.Any, fact("t", 1)))
	x.expectListing(nacre.StreamQuery{})
}

// streamsPages goes through a listing page by page, while streams are added before and behind.
func streamsPages(x *trial) {
	for i := range 25 {
		x.append(nacre.StreamID(fmt.Sprintf("m-%02d", i)), nacre.Any, fact("t", i))
	}
	var got []nacre.StreamID
	q := nacre.StreamQuery{Prefix: "m-", Limit: 4}
	for page := 0; ; page++ {
		infos := x.streams(q)
		if len(infos) == 0 {
			break
		}
		for _, info := range infos {
			got = append(got, info.ID)
		}
		q.After = infos[len(infos)-1].ID
		x.append(nacre.StreamID(fmt.Sprintf("a-%d", page)), nacre.Any, fact("t", page))
		x.append("m-00", nacre.Any, fact("t", page))
	}
	if len(got) != 25 || !slices.IsSorted(got) || got[0] != "m-00" || got[24] != "m-24" {
		x.Fatalf("the pages give %q", got)
	}
}

func streamsLeftAndRefused(x *trial) {
	for i := range 10 {
		x.append(nacre.StreamID(fmt.Sprintf("s-%d", i)), nacre.Any, fact("t", i))
	}
	n := 0
	for info, err := range x.s.Streams(x.ctx, nacre.StreamQuery{}) {
		if err != nil || info.ID != nacre.StreamID(fmt.Sprintf("s-%d", n)) {
			x.Fatalf("stream %d is %+v, %v", n, info, err)
		}
		if n++; n == 3 {
			break
		}
	}
	for _, err := range x.s.Streams(x.ctx, nacre.StreamQuery{Limit: -1}) {
		expectCode(x, "a listing with a negative limit", err, nacre.CodeInvalid)
	}
}
