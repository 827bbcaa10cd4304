package storagetest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/nacredb/nacre"
)

// Names of merge streams, and now and then of ordered ones: the first event of a category decides.
var modelMergeStreams = rapid.SampledFrom([]nacre.StreamID{"album-1", "album-2", "album-10", "album", "cover", "cover-1", "größe-1", "stock-a"})

// drawMergeBatch draws a transaction, or a single event, of merge streams. Its ids are few, so that they meet.
func (m *modelRun) drawMergeBatch(t *rapid.T) []nacre.Append {
	batch := make([]nacre.Append, 0, 3)
	for _, id := range rapid.SliceOfNDistinct(modelMergeStreams, 1, 3, rapid.ID).Draw(t, "streams") {
		batch = append(batch, to(id, m.drawExpected(t, id)))
	}
	n := max(len(batch), rapid.IntRange(1, 5).Draw(t, "events"))
	first := m.nextID
	if rapid.IntRange(0, 3).Draw(t, "ids used before") == 0 {
		first = rapid.IntRange(1, m.nextID).Draw(t, "first id")
	}
	m.nextID = max(m.nextID, first+n)
	for i := range n {
		a := &batch[i%len(batch)]
		a.Events = append(a.Events, m.drawChange(t, a, first+i))
	}
	return batch
}

// drawChange draws an event whose parents, mostly, are there.
func (m *modelRun) drawChange(t *rapid.T, a *nacre.Append, n int) nacre.Event {
	e := change(n)
	e.Type = modelTypes.Draw(t, "type")
	for _, tag := range rapid.SliceOfNDistinct(modelTags, 0, 2, rapid.ID).Draw(t, "tags") {
		e = e.WithTags(tag)
	}
	var there []string
	for _, known := range slices.Concat(selected(m.log, stream(a.Stream), &nacre.ReadOptions{}), a.Events) {
		if known.Parents != nil && known.ID < e.ID {
			there = append(there, known.ID)
		}
	}
	if len(there) > 0 {
		e.Parents = rapid.SliceOfNDistinct(rapid.SampledFrom(there), 0, min(3, len(there)), rapid.ID).Draw(t, "parents")
	}
	if e.Parents == nil {
		e.Parents = []string{}
	}
	if n > 1 && rapid.IntRange(0, 11).Draw(t, "any parent") == 0 {
		if p := mergeID(rapid.IntRange(1, n-1).Draw(t, "parent")); !slices.Contains(e.Parents, p) {
			e.Parents = append(e.Parents, p)
		}
	}
	return e
}

// drawMergeImport draws a batch as another store may have it: several transactions, single events, times.
func (m *modelRun) drawMergeImport(t *rapid.T) []nacre.Append {
	batch := m.drawMergeBatch(t)
	var all []*nacre.Event
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			if rapid.IntRange(0, 3).Draw(t, "timed") == 0 {
				e.CreatedAt = drawTime(t)
			}
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *nacre.Event) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for len(all) > 0 {
		size := rapid.IntRange(1, len(all)).Draw(t, "transaction")
		for _, e := range all[:size] {
			if size > 1 {
				e.TransactionID, e.TransactionSize = all[0].ID, size
			}
		}
		all = all[size:]
	}
	return batch
}

// mergeAgain appends a batch of merge streams that the log holds, whole or spoiled.
func (m *modelRun) mergeAgain(t *rapid.T, batch []nacre.Append) {
	a := &batch[rapid.IntRange(0, len(batch)-1).Draw(t, "append")]
	e := &a.Events[rapid.IntRange(0, len(a.Events)-1).Draw(t, "event")]
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		slices.Reverse(batch)
	case 1:
		e.Data = []byte(`"other"`)
	case 2:
		if e.Parents = slices.Clone(e.Parents); len(e.Parents) > 0 {
			e.Parents = e.Parents[:len(e.Parents)-1]
		}
	case 3:
		e.Parents = slices.Clone(e.Parents)
		slices.Reverse(e.Parents)
	}
	m.commit(t, batch, nil, brought(batch))
}
