package storagetest

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/nacredb/nacre"
)

// The names are few, so that they meet; and alike.
var (
	modelStreams  = rapid.SampledFrom([]nacre.StreamID{"order-1", "order-2", "order-10", "order", "stock-a", "größe-1"})
	modelTypes    = rapid.SampledFrom([]string{"placed", "order.placed", "order.shipped", "stock.taken", "a"})
	modelPatterns = rapid.SampledFrom([]string{"placed", "order.placed", "*", "order.*", "*.placed", "o*d", "*a*", "none", "a"})
	modelTags     = rapid.SampledFrom([]string{"a", "b", "c", "a:1"})
	modelIDs      = rapid.SampledFrom([]string{"", "", "", "", "1", "2", "3", "4", "5", "6", "7", "8"})
)

func (m *modelRun) drawEvent(t *rapid.T) nacre.Event {
	e := fact(modelTypes.Draw(t, "type"), rapid.IntRange(0, 1).Draw(t, "data"))
	e.ID = modelIDs.Draw(t, "id")
	for _, tag := range rapid.SliceOfNDistinct(modelTags, 0, 3, rapid.ID).Draw(t, "tags") {
		e = e.WithTags(tag)
	}
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		e.Data, e.Binary = nil, []byte(strings.Repeat("\x00", rapid.IntRange(0, 2).Draw(t, "payload")))
	case 1:
		e = e.WithMetadata(map[string]int{"m": 1})
	case 2:
		e.Data = []byte(`"` + strings.Repeat("long ", rapid.IntRange(1, 2000).Draw(t, "length")) + `"`)
	}
	return e
}

func (m *modelRun) drawBatch(t *rapid.T, many bool) []nacre.Append {
	n := 1
	if many {
		n = rapid.IntRange(2, 4).Draw(t, "appends")
	}
	var batch []nacre.Append
	for _, id := range rapid.SliceOfNDistinct(modelStreams, n, n, rapid.ID).Draw(t, "streams") {
		var events []nacre.Event
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			e := m.drawEvent(t)
			if slices.ContainsFunc(events, func(o nacre.Event) bool { return e.ID != "" && o.ID == e.ID }) {
				e.ID = "" // an id twice in a request is refused before it comes to the driver
			}
			events = append(events, e)
		}
		batch = append(batch, to(id, m.drawExpected(t, id), events...))
	}
	return batch
}

func (m *modelRun) drawExpected(t *rapid.T, id nacre.StreamID) nacre.ExpectedVersion {
	switch rapid.IntRange(0, 9).Draw(t, "expected") {
	case 0:
		return nacre.NoStream
	case 1:
		return nacre.StreamExists
	case 2, 3, 4:
		return nacre.Exactly(m.version(id))
	case 5:
		return nacre.Exactly(rapid.Int64Range(0, 9).Draw(t, "version"))
	default:
		return nacre.Any
	}
}

func (m *modelRun) drawFilter(t *rapid.T) nacre.Filter {
	var f nacre.Filter
	for range rapid.IntRange(0, 2).Draw(t, "items") {
		var it nacre.FilterItem
		it.Streams = rapid.SliceOfNDistinct(modelStreams, 0, 2, rapid.ID).Draw(t, "streams")
		if rapid.IntRange(0, 2).Draw(t, "by category") == 0 {
			it.Categories = []string{modelStreams.Draw(t, "category").Category()}
		}
		if rapid.Bool().Draw(t, "by type") {
			it.Types = rapid.SliceOfN(modelPatterns, 1, 2).Draw(t, "types")
		}
		it.Tags = rapid.SliceOfN(modelTags, 0, 2).Draw(t, "tags")
		f = append(f, it)
	}
	return f
}

func (m *modelRun) drawCondition(t *rapid.T) *nacre.Condition {
	if rapid.IntRange(0, 3).Draw(t, "condition") > 0 {
		return nil
	}
	return &nacre.Condition{FailIfEventsMatch: m.drawFilter(t), After: m.drawPosition(t, "after")}
}

func (m *modelRun) drawPosition(t *rapid.T, label string) nacre.Position {
	return nacre.Position(rapid.IntRange(0, len(m.log)+2).Draw(t, label))
}

func (m *modelRun) drawRead(t *rapid.T) (nacre.Filter, *nacre.ReadOptions) {
	f := m.drawFilter(t)
	o := &nacre.ReadOptions{Backwards: rapid.Bool().Draw(t, "backwards"), Borrowed: rapid.Bool().Draw(t, "borrowed")}
	if rapid.Bool().Draw(t, "one stream") {
		f = stream(modelStreams.Draw(t, "stream"))
		o.From = rapid.Int64Range(0, 5).Draw(t, "from")
		o.Until = rapid.Int64Range(0, 12).Draw(t, "until")
	}
	if rapid.Bool().Draw(t, "bounded") {
		o.After, o.Before = m.drawPosition(t, "after"), m.drawPosition(t, "before")
	}
	if rapid.Bool().Draw(t, "limited") {
		o.Limit = rapid.IntRange(1, 5).Draw(t, "limit")
	}
	return f, o
}
