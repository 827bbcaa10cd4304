package storagetest

import (
	"fmt"

	"github.com/nacredb/nacre"
)

var filterCases = []testCase{
	{"Table", filterTableReads},
	{"Wildcards", filterWildcards},
	{"ManyNames", filterManyNames},
	{"Refused", filterRefused},
}

// filtered is the log of the filter tests: the n-th stands at position n, from 1.
var filtered = []struct {
	stream nacre.StreamID
	event  string
	tags   []string
}{
	1:  {"order-1", "order.placed", []string{"customer:7", "vip"}},
	2:  {"order-2", "order.placed", []string{"customer:8"}},
	3:  {"order-1", "order.line.added", []string{"customer:7", "product:a", "product:b"}},
	4:  {"orders", "order.archived", nil},
	5:  {"stock-a", "stock.taken", []string{"product:a"}},
	6:  {"order-1", "order.shipped", []string{"customer:7"}},
	7:  {"order", "placed", []string{"vip"}},
	8:  {"stock-b", "stock.taken", []string{"product:b", "vip"}},
	9:  {"order-1-x", "order.placed", []string{"customer:70"}},
	10: {"größe-1", "größe.geändert", []string{"größe:XL"}},
	11: {"order-2", "Order.Placed", []string{"Customer:7"}},
	12: {"stock-a", "stock.taken.back", []string{"product:a", "vip", "customer:7"}},
}

var filterTable = []struct {
	name           string
	filter         nacre.Filter
	want           []nacre.Position
	matchesGuarded bool // matches the events of type guarded in stream guarded-1, which conditions add
}{
	{"everything", nil, []nacre.Position{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true},
	{"an item of everything", nacre.Filter{{}}, []nacre.Position{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true},
	{"everything or a stream", nacre.Filter{{Streams: ids("order-1")}, {}}, []nacre.Position{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true},

	{"a stream", nacre.Filter{{Streams: ids("order-1")}}, []nacre.Position{1, 3, 6}, false},
	{"a stream that is a category", nacre.Filter{{Streams: ids("order")}}, []nacre.Position{7}, false},
	{"streams", nacre.Filter{{Streams: ids("order-1", "stock-a", "none-1")}}, []nacre.Position{1, 3, 5, 6, 12}, false},
	{"a stream twice", nacre.Filter{{Streams: ids("order-1", "order-1")}}, []nacre.Position{1, 3, 6}, false},
	{"no such stream", nacre.Filter{{Streams: ids("order-9")}}, nil, false},

	{"a category", nacre.Filter{{Categories: []string{"order"}}}, []nacre.Position{1, 2, 3, 6, 7, 9, 11}, false},
	{"categories", nacre.Filter{{Categories: []string{"orders", "stock"}}}, []nacre.Position{4, 5, 8, 12}, false},
	{"no such category", nacre.Filter{{Categories: []string{"ord"}}}, nil, false},
	{"a category that is no category", nacre.Filter{{Categories: []string{"order-1"}}}, nil, false},

	{"a type", nacre.Filter{{Types: []string{"order.placed"}}}, []nacre.Position{1, 2, 9}, false},
	{"types", nacre.Filter{{Types: []string{"placed", "stock.taken"}}}, []nacre.Position{5, 7, 8}, false},
	{"no such type", nacre.Filter{{Types: []string{"order"}}}, nil, false},
	{"types by prefix", nacre.Filter{{Types: []string{"order.*"}}}, []nacre.Position{1, 2, 3, 4, 6, 9}, false},
	{"types by suffix", nacre.Filter{{Types: []string{"*.placed"}}}, []nacre.Position{1, 2, 9}, false},
	{"types by middle", nacre.Filter{{Types: []string{"*.taken.*", "g*ert"}}}, []nacre.Position{10, 12}, false},
	{"types by both ends", nacre.Filter{{Types: []string{"o*d"}}}, []nacre.Position{1, 2, 3, 4, 6, 9}, false},
	{"every type", nacre.Filter{{Types: []string{"*"}}}, []nacre.Position{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true},
	{"a type and a wildcard", nacre.Filter{{Types: []string{"placed", "größe.*"}}}, []nacre.Position{7, 10}, false},

	{"a tag", nacre.Filter{{Tags: []string{"customer:7"}}}, []nacre.Position{1, 3, 6, 12}, false},
	{"every one of tags", nacre.Filter{{Tags: []string{"product:a", "vip"}}}, []nacre.Position{12}, false},
	{"every one of three tags", nacre.Filter{{Tags: []string{"vip", "customer:7", "product:a"}}}, []nacre.Position{12}, false},
	{"tags never together", nacre.Filter{{Tags: []string{"customer:7", "customer:8"}}}, nil, false},
	{"a tag with a star", nacre.Filter{{Tags: []string{"customer:*"}}}, nil, false},
	{"a tag in Unicode", nacre.Filter{{Tags: []string{"größe:XL"}}}, []nacre.Position{10}, false},

	{"category and type", nacre.Filter{{Categories: []string{"order"}, Types: []string{"*.placed"}}}, []nacre.Position{1, 2, 9}, false},
	{"category and tag", nacre.Filter{{Categories: []string{"stock"}, Tags: []string{"vip"}}}, []nacre.Position{8, 12}, false},
	{"stream and type", nacre.Filter{{Streams: ids("order-1", "order-2"), Types: []string{"order.placed"}}}, []nacre.Position{1, 2}, false},
	{"stream and other category", nacre.Filter{{Streams: ids("order-1"), Categories: []string{"stock"}}}, nil, false},
	{"all four", nacre.Filter{{Streams: ids("order-1"), Categories: []string{"order"}, Types: []string{"order.*"}, Tags: []string{"product:b"}}}, []nacre.Position{3}, false},

	{"two items", nacre.Filter{{Types: []string{"order.shipped"}}, {Tags: []string{"product:b"}}}, []nacre.Position{3, 6, 8}, false},
	{
		"items that overlap",
		nacre.Filter{{Streams: ids("order-1")}, {Tags: []string{"customer:7"}}, {Types: []string{"order.*"}}},
		[]nacre.Position{1, 2, 3, 4, 6, 9, 12},
		false,
	},
	{"the same item twice", nacre.Filter{{Streams: ids("order-2")}, {Streams: ids("order-2")}}, []nacre.Position{2, 11}, false},
	{"the guarded and more", nacre.Filter{{Streams: ids("guarded-1")}, {Tags: []string{"vip"}}}, []nacre.Position{1, 7, 8, 12}, true},
}

func ids(in ...nacre.StreamID) []nacre.StreamID { return in }

func fillFiltered(x *trial) []nacre.Event {
	x.Helper()
	var out []nacre.Event
	for i, f := range filtered[1:] {
		out = append(out, x.append(f.stream, nacre.Any, fact(f.event, i+1, f.tags...)).Events...)
	}
	return out
}

func filterTableReads(x *trial) {
	events := fillFiltered(x)
	for _, c := range filterTable {
		var want []nacre.Event
		for _, p := range c.want {
			want = append(want, events[p-1])
		}
		expectEvents(x, c.name, x.read(c.filter, nil), want)
		expectReads(x, c.name, c.filter, want)
	}
}

// expectReads reads what a filter selects in every way, in a log of a dozen events.
func expectReads(x *trial, name string, f nacre.Filter, all []nacre.Event) {
	x.Helper()
	for _, o := range []nacre.ReadOptions{
		{Backwards: true},
		{Limit: 1},
		{Limit: 2, Backwards: true},
		{After: 3},
		{Before: 9},
		{After: 2, Before: 8},
		{After: 2, Before: 8, Backwards: true, Limit: 2},
		{After: 8, Before: 3},
		{After: 7, Before: 8},
		{After: 12},
		{Before: 1},
		{After: 100, Backwards: true},
		{Before: 1000},
		{Borrowed: true},
		{Borrowed: true, Backwards: true, Limit: 3},
	} {
		expectEvents(x, fmt.Sprintf("%s, %+v", name, o), x.read(f, &o), selected(all, nil, &o))
	}
}

// selected is what a read must yield: the plain meaning of filter and options.
func selected(log []nacre.Event, f nacre.Filter, o *nacre.ReadOptions) []nacre.Event {
	var out []nacre.Event
	for i := range log {
		if o.Backwards {
			i = len(log) - 1 - i
		}
		e := &log[i]
		if e.GlobalPosition > o.After && (o.Before == 0 || e.GlobalPosition < o.Before) &&
			e.StreamPosition >= o.From && (o.Until == 0 || e.StreamPosition < o.Until) &&
			f.Matches(e) && (o.Limit == 0 || len(out) < o.Limit) {
			out = append(out, *e)
		}
	}
	return out
}

// filterWildcards compares patterns with nacre.MatchType, for types that are alike.
func filterWildcards(x *trial) {
	types := []string{"a", "aa", "ab", "a.b", "a.b.c", "a.bb.c", "b", "b.a", "ab.ab", "abab", "ä", "ä.b", "a..b", ".", ".a", "a.", "A"}
	for i, t := range types {
		x.append(nacre.StreamID(fmt.Sprintf("thing-%d", i)), nacre.Any, fact(t, i))
	}
	log := x.all()
	for _, pattern := range []string{
		"*", "**", "***", "a*", "*a", "a*b", "*b*", "a.*", "*.b", "a.*.c", "*.*", "a*b*", "*ab", "ab*", "*ä*", "?", "a?", "[ab]", "a*b*c", "*a*b*a*b*", "%", "_", "a_b",
	} {
		f := nacre.Filter{{Types: []string{pattern}}}
		expectEvents(x, fmt.Sprintf("types %q", pattern), x.read(f, nil), selected(log, f, &nacre.ReadOptions{}))
	}
}

func filterManyNames(x *trial) {
	for i := range 40 {
		x.append(nacre.StreamID(fmt.Sprintf("thing-%d", i)), nacre.Any, fact(fmt.Sprintf("t%d", i%10), i, fmt.Sprintf("tag:%d", i%7)))
	}
	log := x.all()
	var streams, types, items nacre.Filter
	streams = append(streams, nacre.FilterItem{})
	types = append(types, nacre.FilterItem{})
	for i := range 1000 {
		streams[0].Streams = append(streams[0].Streams, nacre.StreamID(fmt.Sprintf("thing-%d", i*3)))
		types[0].Types = append(types[0].Types, fmt.Sprintf("t%d", i*2))
		items = append(items, nacre.FilterItem{Streams: ids(nacre.StreamID(fmt.Sprintf("thing-%d", i*2))), Tags: []string{fmt.Sprintf("tag:%d", i%7)}})
	}
	for _, f := range []nacre.Filter{streams, types, items} {
		expectEvents(x, "a filter of 1,000 names", x.read(f, nil), selected(log, f, &nacre.ReadOptions{}))
	}
}

func filterRefused(x *trial) {
	x.append("thing-1", nacre.Any, fact("t", 1))
	for _, f := range []nacre.Filter{
		{{Streams: ids("")}},
		{{}, {Categories: []string{"a", ""}}},
		{{Types: []string{""}}},
		{{Tags: []string{""}}},
		{{Tags: make([]string, 10_001)}},
		make(nacre.Filter, 10_001),
	} {
		expectCode(x, "a read with a bad filter", readError(x, x.ctx, x.s, f, nil), nacre.CodeInvalid)
	}
}
