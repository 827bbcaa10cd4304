package storagetest

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nacredb/nacre"
)

var modelCases = []testCase{
	{"RandomHistories", modelHistories},
}

// check runs prop on as many random histories as the harness asks for; when one failed, on as many as
// it takes to make it small.
func (h *Harness) check(t *testing.T, checks int, prop func(*rapid.T)) {
	t.Helper()
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "rapid.checks" {
			checks = 1 << 30 // rapid's own limit counts
		}
	})
	runs, failed := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > checks && !failed {
			return
		}
		passed := false
		defer func() { failed = failed || !passed }()
		prop(rt)
		passed = !rt.Failed()
	})
}

// model is a log as a plain slice, with what a store must answer computed the slow way.
type model struct {
	log []nacre.Event
	// committed are batches with ids, to be appended again.
	committed [][]nacre.Append
	// nextID is the number of the first id of merge streams that has not been used.
	nextID int
	// clock is the latest time that the log's clock gave.
	clock time.Time
}

// modelHistories appends, reads and reopens at random, and compares with the model.
func modelHistories(x *trial) {
	x.h.check(x.T, x.h.Checks, func(t *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		run := &modelRun{trial: &trial{T: x.T, h: x.h, s: x.h.Open(x.T), ctx: ctx}}
		defer func() {
			cancel()
			if err := run.s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		run.nextID = 1
		actions := map[string]func(*rapid.T){
			"append":    func(t *rapid.T) { run.commit(t, run.drawBatch(t, false), run.drawCondition(t), false) },
			"batch":     func(t *rapid.T) { run.commit(t, run.drawBatch(t, true), run.drawCondition(t), false) },
			"merge":     func(t *rapid.T) { run.commit(t, run.drawMergeBatch(t), run.drawCondition(t), false) },
			"again":     run.again,
			"import":    run.importBatch,
			"read":      run.read,
			"find":      run.findOne,
			"subscribe": run.subscribe,
			"versions":  run.versions,
		}
		if x.h.Features.Durable {
			actions["reopen"] = func(*rapid.T) { run.s = run.h.Reopen(x.T, run.s) }
		}
		if x.h.Features.Lines {
			actions["lines"] = run.lines
		}
		if x.h.Features.Listing {
			actions["streams"] = run.streams
		}
		t.Repeat(actions)
		expectEvents(t, "the log at the end", wholeLog(t, ctx, run.s), run.log)
	})
}

// modelRun is one random history: a store and its model.
type modelRun struct {
	*trial
	model
}

func (m *model) version(id nacre.StreamID) int64 {
	return int64(len(selected(m.log, stream(id), &nacre.ReadOptions{}))) - 1
}

// find is the event that holds an id in a stream.
func (m *model) find(id nacre.StreamID, eventID string) *nacre.Event {
	for i := range m.log {
		if e := &m.log[i]; eventID != "" && e.StreamID == id && e.ID == eventID {
			return e
		}
	}
	return nil
}

// verdict is what a commit must come to.
type verdict struct {
	code  nacre.Code       // of the error
	first [][]nacre.Event  // the first outcomes, where the log holds the batch
	stale []nacre.StreamID // for VERSION_CONFLICT
	match []nacre.Position // for APPEND_CONDITION_FAILED

	wrong  []nacre.StreamID // for WRONG_STREAM_KIND
	absent [][2]string      // for PARENT_MISSING: ids of events, and of parents of theirs
}

// kind tells whether a stream's category is of merge streams.
func (m *model) kind(id nacre.StreamID) (merge, known bool) {
	for i := range m.log {
		if e := &m.log[i]; e.StreamID.Category() == id.Category() {
			return e.Parents != nil, true
		}
	}
	return false, false
}

func (m *model) judge(batch []nacre.Append, c *nacre.Condition) verdict {
	var first [][]nacre.Event
	held, events, same := 0, 0, true
	for _, a := range batch {
		var outcome []nacre.Event
		for _, e := range a.Events {
			events++
			h := m.find(a.Stream, e.ID)
			if h == nil {
				continue
			}
			held++
			same = same && h.Type == e.Type && string(h.Data) == string(e.Data) &&
				string(h.Binary) == string(e.Binary) && (h.Binary == nil) == (e.Binary == nil) &&
				slices.Equal(h.Parents, e.Parents) && (h.Parents == nil) == (e.Parents == nil) &&
				(len(outcome) == 0 || h.StreamPosition == outcome[len(outcome)-1].StreamPosition+1)
			outcome = append(outcome, *h)
		}
		first = append(first, outcome)
	}
	switch {
	case held == events && same:
		return verdict{first: first}
	case held > 0:
		return verdict{code: nacre.CodeEventIDConflict}
	}
	var v verdict
	for _, a := range batch {
		if merge, known := m.kind(a.Stream); known && merge != (a.Events[0].Parents != nil) {
			v.code, v.wrong = nacre.CodeWrongStreamKind, append(v.wrong, a.Stream)
		}
	}
	if v.code != "" {
		return v
	}
	for _, a := range batch {
		for i, e := range a.Events {
			for _, parent := range e.Parents {
				before := slices.ContainsFunc(a.Events[:i], func(o nacre.Event) bool { return o.ID == parent })
				if !before && m.find(a.Stream, parent) == nil {
					v.code, v.absent = nacre.CodeParentMissing, append(v.absent, [2]string{e.ID, parent})
				}
			}
		}
	}
	if v.code != "" {
		return v
	}
	for _, a := range batch {
		if !a.Expected.Allows(m.version(a.Stream)) {
			v.code, v.stale = nacre.CodeVersionConflict, append(v.stale, a.Stream)
		}
	}
	if v.code == "" && c != nil {
		for _, e := range selected(m.log, c.FailIfEventsMatch, &nacre.ReadOptions{After: c.After}) {
			v.code, v.match = nacre.CodeConditionFailed, append(v.match, e.GlobalPosition)
		}
	}
	return v
}

// commit appends to the store, and compares with the model's verdict.
func (m *modelRun) commit(t *rapid.T, batch []nacre.Append, c *nacre.Condition, imported bool) {
	v := m.judge(batch, c)
	var out []nacre.Appended
	var err error
	if imported {
		out, err = m.s.Import(m.ctx, batch...)
	} else {
		out, err = m.s.Commit(m.ctx, c, batch...)
	}
	switch {
	case v.code != "":
		m.expectError(t, err, c, v)
	case err != nil:
		t.Fatalf("Commit: %v, want no error", err)
	case v.first != nil:
		for i := range batch {
			last := v.first[i][len(v.first[i])-1]
			if !out[i].Duplicate || out[i].Version != last.StreamPosition {
				t.Fatalf("outcome %d: duplicate %t, version %d, want the first outcome, version %d", i, out[i].Duplicate, out[i].Version, last.StreamPosition)
			}
			expectEvents(t, "the first outcome", out[i].Events, v.first[i])
		}
	default:
		m.accept(t, batch, out, imported)
	}
}

func (m *modelRun) expectError(t *rapid.T, err error, c *nacre.Condition, v verdict) {
	switch v.code {
	case nacre.CodeEventIDConflict:
		e := expectError[*nacre.EventIDConflictError](t, "Commit", err, v.code)
		if h := m.find(e.Stream, e.ID); h == nil || h.GlobalPosition != e.Position {
			t.Fatalf("the conflict tells of id %q at %d in %q, which is not so", e.ID, e.Position, e.Stream)
		}
	case nacre.CodeVersionConflict:
		e := expectError[*nacre.ConflictError](t, "Commit", err, v.code)
		if !slices.Contains(v.stale, e.Stream) || e.Current != m.version(e.Stream) {
			t.Fatalf("the conflict tells %+v, stale are %q", e, v.stale)
		}
	case nacre.CodeWrongStreamKind:
		e := expectError[*nacre.StreamKindError](t, "Commit", err, v.code)
		if merge, _ := m.kind(e.Stream); !slices.Contains(v.wrong, e.Stream) || e.Merge != merge {
			t.Fatalf("the error tells %+v, of the wrong kind are %q", e, v.wrong)
		}
	case nacre.CodeParentMissing:
		e := expectError[*nacre.ParentError](t, "Commit", err, v.code)
		for _, parent := range e.Missing {
			if !slices.Contains(v.absent, [2]string{e.ID, parent}) {
				t.Fatalf("the error tells %+v, absent are %q", e, v.absent)
			}
		}
		if len(e.Missing) == 0 {
			t.Fatalf("the error tells of no parent: %+v", e)
		}
	case nacre.CodeConditionFailed:
		e := expectError[*nacre.ConditionError](t, "Commit", err, v.code)
		if e.After != c.After || len(e.Positions) == 0 {
			t.Fatalf("the failed condition tells %+v", e)
		}
		for _, p := range e.Positions {
			if !slices.Contains(v.match, p) {
				t.Fatalf("the failed condition tells %d, and %d match", e.Positions, v.match)
			}
		}
	}
}

// accept checks a batch that was written, and adds it to the model.
func (m *modelRun) accept(t *rapid.T, batch []nacre.Append, out []nacre.Appended, imported bool) {
	if len(out) != len(batch) {
		t.Fatalf("%d outcomes for %d appends", len(out), len(batch))
	}
	events := 0
	for i := range batch {
		events += len(batch[i].Events)
	}
	var transaction string
	withIDs, merge := true, batch[0].Events[0].Parents != nil
	if merge && !imported && events > 1 {
		for _, e := range slices.Concat(eventsOf(batch)...) {
			if transaction == "" || e.ID < transaction {
				transaction = e.ID
			}
		}
	}
	for i, a := range batch {
		if out[i].Duplicate || len(out[i].Events) != len(a.Events) {
			t.Fatalf("outcome %d: %d events, duplicate %t, want %d new ones", i, len(out[i].Events), out[i].Duplicate, len(a.Events))
		}
		for j, want := range a.Events {
			got := out[i].Events[j]
			want.StreamID, want.GlobalPosition, want.StreamPosition = a.Stream, nacre.Position(len(m.log)+1), m.version(a.Stream)+1
			withIDs = withIDs && want.ID != ""
			if want.ID == "" {
				want.ID = got.ID
				if m.find(a.Stream, got.ID) != nil || len(got.ID) != 26 {
					t.Fatalf("the id that the store made, %q, is no ULID or not new", got.ID)
				}
			}
			if want.CreatedAt.IsZero() {
				want.CreatedAt = got.CreatedAt
				if got.CreatedAt.Before(m.clock) {
					t.Fatalf("%s is older than an event before it, of %v", describe(&got), m.clock)
				}
				m.clock = got.CreatedAt
			}
			if !imported && events > 1 {
				if transaction == "" {
					transaction = got.TransactionID
				}
				if want.TransactionID = transaction; transaction == "" {
					t.Fatalf("%s: a batch without a transaction", describe(&got))
				}
				if merge {
					want.TransactionSize = events
				}
			}
			expectEvents(t, "the outcome", []nacre.Event{got}, []nacre.Event{want})
			m.log = append(m.log, want)
		}
		if out[i].Version != m.version(a.Stream) {
			t.Fatalf("outcome %d: version %d, want %d", i, out[i].Version, m.version(a.Stream))
		}
	}
	if withIDs {
		m.committed = append(m.committed, batch)
	}
}

// again appends a batch that the log holds, whole, in part, or spoiled.
func (m *modelRun) again(t *rapid.T) {
	if len(m.committed) == 0 {
		t.Skip("no batch has ids yet")
	}
	var batch []nacre.Append
	for _, a := range rapid.SampledFrom(m.committed).Draw(t, "batch") {
		a.Events = slices.Clone(a.Events)
		batch = append(batch, a)
	}
	if batch[0].Events[0].Parents != nil {
		m.mergeAgain(t, batch)
		return
	}
	a := &batch[rapid.IntRange(0, len(batch)-1).Draw(t, "append")]
	at := rapid.IntRange(0, len(a.Events)-1).Draw(t, "event")
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		a.Events = a.Events[at:]
	case 1:
		a.Events = a.Events[:at+1]
	case 2:
		slices.Reverse(batch)
	case 3:
		a.Events[at].ID = ""
	case 4:
		a.Events[at] = m.drawEvent(t).WithID(a.Events[at].ID)
	}
	if brought(batch) {
		m.commit(t, batch, nil, true)
		return
	}
	m.commit(t, batch, m.drawCondition(t), false)
}

// brought tells whether events have what only an import gives.
func brought(batch []nacre.Append) bool {
	return slices.ContainsFunc(slices.Concat(eventsOf(batch)...), func(e nacre.Event) bool {
		return !e.CreatedAt.IsZero() || e.TransactionID != ""
	})
}

func drawTime(t *rapid.T) time.Time {
	return time.UnixMicro(rapid.Int64Range(-1e15, 4e15).Draw(t, "time")).UTC()
}

func eventsOf(batch []nacre.Append) [][]nacre.Event {
	out := make([][]nacre.Event, len(batch))
	for i := range batch {
		out[i] = batch[i].Events
	}
	return out
}

func (m *modelRun) importBatch(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "merge") == 0 {
		m.commit(t, m.drawMergeImport(t), nil, true)
		return
	}
	batch := m.drawBatch(t, rapid.Bool().Draw(t, "many"))
	for i := range batch {
		for j := range batch[i].Events {
			e := &batch[i].Events[j]
			if rapid.Bool().Draw(t, "timed") {
				e.CreatedAt = drawTime(t)
			}
			if rapid.Bool().Draw(t, "in a transaction") {
				e.TransactionID = "elsewhere"
			}
		}
	}
	m.commit(t, batch, nil, true)
}

func (m *modelRun) read(t *rapid.T) {
	f, o := m.drawRead(t)
	expectEvents(t, fmt.Sprintf("%v, %+v", f, o), read(t, m.ctx, m.s, f, o), selected(m.log, f, o))
}

// findOne asks for an id that may be given, one that is held, in its stream or in another, or a new one.
func (m *modelRun) findOne(t *rapid.T) {
	id, eventID := modelStreams.Draw(t, "stream"), modelIDs.Draw(t, "id")
	if n := len(m.log); n > 0 && eventID == "" {
		e := &m.log[rapid.IntRange(0, n-1).Draw(t, "event")]
		if eventID = e.ID; rapid.IntRange(0, 4).Draw(t, "elsewhere") > 0 {
			id = e.StreamID
		}
	}
	if eventID == "" {
		eventID = nacre.NewID()
	}
	got, found := find(t, m.trial, id, eventID)
	want := m.find(id, eventID)
	switch {
	case found != (want != nil):
		t.Fatalf("FindEvent %q of %q: found %t, want %t", eventID, id, found, want != nil)
	case found:
		expectEvents(t, "the event that was found", []nacre.Event{got}, []nacre.Event{*want})
	}
}

func (m *modelRun) lines(t *rapid.T) {
	f, o := m.drawRead(t)
	lines, want := readLines(t, m.trial, f, o), selected(m.log, f, o)
	if len(lines) != len(want) {
		t.Fatalf("%v, %+v: %d lines, want %d", f, o, len(lines), len(want))
	}
	for i := range lines {
		expectLine(t, lines[i], &want[i])
	}
}

func (m *modelRun) streams(t *rapid.T) {
	q := nacre.StreamQuery{Limit: rapid.IntRange(0, 4).Draw(t, "limit")}
	if rapid.Bool().Draw(t, "by category") {
		q.Category = modelStreams.Draw(t, "category").Category()
	}
	if rapid.Bool().Draw(t, "by prefix") {
		id := string(modelStreams.Draw(t, "prefix of"))
		q.Prefix = id[:rapid.IntRange(0, len(id)).Draw(t, "prefix")]
	}
	if rapid.Bool().Draw(t, "behind") {
		q.After = modelStreams.Draw(t, "after")
	}
	expectStreams(t, fmt.Sprintf("the streams of %+v", q), listStreams(t, m.trial, q), streamInfos(m.log, q))
}

func (m *modelRun) versions(t *rapid.T) {
	id := modelStreams.Draw(t, "stream")
	if got, err := m.s.Version(m.ctx, id); err != nil || got != m.version(id) {
		t.Fatalf("the version of %q is %d, %v, want %d", id, got, err, m.version(id))
	}
	head, err := m.s.Head(m.ctx)
	if err != nil || head.Position != nacre.Position(len(m.log)) {
		t.Fatalf("the head is at %d, %v, want %d", head.Position, err, len(m.log))
	}
	if m.h.Features.Stats {
		st, err := m.s.Stats(m.ctx)
		if err != nil || st.Events != int64(len(m.log)) || st.Streams != int64(len(streamInfos(m.log, nacre.StreamQuery{}))) {
			t.Fatalf("the figures are %+v, %v", st, err)
		}
	}
}

// subscribe follows the log to its present end.
func (m *modelRun) subscribe(t *rapid.T) {
	f, after := m.drawFilter(t), nacre.Position(rapid.IntRange(0, len(m.log)).Draw(t, "after"))
	var got []nacre.Event
	caught := nacre.Position(0)
	ctx, stop := context.WithCancel(m.ctx)
	defer stop()
	for e, err := range m.s.Subscribe(ctx, f, &nacre.SubscribeOptions{After: after, Progress: func(seen nacre.Position, caughtUp bool) {
		if caughtUp {
			caught = seen
			stop()
		}
	}}) {
		if err != nil {
			expectCode(t, "the subscription's end", err, nacre.CodeCanceled)
			break
		}
		got = append(got, e)
	}
	expectEvents(t, fmt.Sprintf("a subscription to %v behind %d", f, after), got, selected(m.log, f, &nacre.ReadOptions{After: after}))
	if caught != nacre.Position(len(m.log)) {
		t.Fatalf("the subscription caught up at %d, the log ends at %d", caught, len(m.log))
	}
}
