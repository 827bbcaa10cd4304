package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// Harness is how the suite comes by stores.
type Harness struct {
	// Open returns a new, empty store; the suite closes it. It is called from tests that run at the same
	// time, and many times by one test; what it leaves behind it removes with t.Cleanup.
	Open func(t *testing.T) *nacre.Store
	// Reopen closes s and opens the same log again, as a new process would. Needed where
	// Features.Durable is set.
	Reopen func(t *testing.T, s *nacre.Store) *nacre.Store
	// Restore opens a new store of what Backup wrote into dir. Needed where Features.Backup is set.
	Restore func(t *testing.T, dir string) *nacre.Store
	// Limits are those of the stores that Open returns. Default: those of nacre.Limits.
	Limits nacre.Limits
	// Checks is how many random histories each random test runs. Default 100; a fifth with -short.
	// "-rapid.checks" lowers it.
	Checks int
	// Features are what the driver declares.
	Features Features
}

// Features are what a driver declares beyond what every driver does.
type Features struct {
	// Durable: what was acknowledged is there after the store was opened again, in the same epoch.
	Durable bool
	// Companion: [nacre.Store.System] is a log of its own, as durable as the store's.
	Companion bool
	// Lines: [nacre.Store.ReadLines] gives the lines of spec/log-format.md.
	Lines bool
	// Listing: [nacre.Store.Streams] lists the streams.
	Listing bool
	// Stats: [nacre.Store.Stats] counts streams and events exactly.
	Stats bool
	// Blobs: [nacre.Store.Blobs] keeps blobs, as durable as the log.
	Blobs bool
	// Reserved: the names that begin with "$" and that a Store takes are appended. A driver over the wire does not
	// declare it: a server leaves them to the programs around it.
	Reserved bool
	// Backup: [nacre.Store.Backup] copies log, companion and blobs while they are in use.
	Backup bool
}

// Run runs the suite: every noun's tests, each as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h.validate(t)
	for _, n := range nouns() {
		t.Run(n.name, func(t *testing.T) {
			if n.needs != nil && !n.needs(&h) {
				t.Skip("the driver does not declare this feature")
			}
			for _, c := range n.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newTrial(t, &h))
				})
			}
		})
	}
}

func (h *Harness) validate(t *testing.T) {
	t.Helper()
	switch {
	case h.Open == nil:
		t.Fatal("Harness.Open is missing")
	case h.Features.Durable && h.Reopen == nil:
		t.Fatal("Harness.Reopen is missing, and Features.Durable is declared")
	case h.Features.Backup && h.Restore == nil:
		t.Fatal("Harness.Restore is missing, and Features.Backup is declared")
	}
	d := &h.Limits
	if d.EventBytes == 0 {
		d.EventBytes = 1 << 20
	}
	if d.BatchBytes == 0 {
		d.BatchBytes = 16 << 20
	}
	if d.BatchEvents == 0 {
		d.BatchEvents = 1000
	}
	if h.Checks == 0 {
		h.Checks = 100
	}
	if testing.Short() {
		h.Checks = max(1, h.Checks/5)
	}
}

// noun is the tests of one file.
type noun struct {
	name  string
	needs func(h *Harness) bool // nil where every driver has it
	cases []testCase
}

type testCase struct {
	name string
	run  func(x *trial)
}

func nouns() []noun {
	return []noun{
		{"Append", nil, appendCases},
		{"Version", nil, versionCases},
		{"Batch", nil, batchCases},
		{"Idempotency", nil, idempotencyCases},
		{"Condition", nil, conditionCases},
		{"Merge", nil, mergeCases},
		{"Filter", nil, filterCases},
		{"Read", nil, readCases},
		{"Find", nil, findCases},
		{"Subscribe", nil, subscribeCases},
		{"Closing", nil, closingCases},
		{"Concurrency", nil, concurrencyCases},
		{"Model", nil, modelCases},
		{"Linearizable", nil, linearizableCases},
		{"Limits", nil, limitsCases},
		{"Companion", needsCompanion, companionCases},
		{"Streams", needsListing, streamsCases},
		{"Stats", needsStats, statsCases},
		{"Lines", needsLines, linesCases},
		{"Blobs", needsBlobs, blobsCases},
		{"Reopen", needsReopen, reopenCases},
		{"Backup", needsBackup, backupCases},
		{"Undeclared", nil, undeclaredCases},
	}
}

// patience ends what hangs; nothing is measured by it.
const patience = time.Minute

// trial is one test, on a store of its own.
type trial struct {
	*testing.T
	h   *Harness
	s   *nacre.Store
	ctx context.Context
}

func newTrial(t *testing.T, h *Harness) *trial {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	x := &trial{T: t, h: h, s: h.Open(t), ctx: ctx}
	t.Cleanup(func() {
		cancel()
		if err := x.s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return x
}
