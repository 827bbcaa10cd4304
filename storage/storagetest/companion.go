package storagetest

import (
	"github.com/nacredb/nacre"
)

func needsCompanion(h *Harness) bool { return h.Features.Companion }

var companionCases = []testCase{
	{"ALogOfItsOwn", companionOwnLog},
	{"Conditions", companionConditions},
	{"Find", companionFind},
	{"Subscribed", companionSubscribed},
	{"ClosedWithItsStore", companionClosed},
}

func (x *trial) system() *nacre.Store {
	x.Helper()
	s := x.s.System()
	if s == nil {
		x.Fatalf("the store has no companion log")
	}
	if s.System() != nil {
		x.Fatalf("the companion log has a companion log")
	}
	return s
}

func companionOwnLog(x *trial) {
	system := x.system()
	mine := x.append("s-1", nacre.NoStream, named("t", "a", 1), named("t", "b", 2)).Events
	for i := range 3 {
		a, err := system.Append(x.ctx, "s-1", nacre.Exactly(int64(i-1)), named("u", string(rune('a'+i)), i))
		if err != nil || a.Duplicate || a.Position() != nacre.Position(i+1) {
			x.Fatalf("append %d to the companion log: %+v, %v", i, a, err)
		}
	}
	expectEvents(x, "the store's log", x.all(), mine)
	theirs := wholeLog(x, x.ctx, system)
	if len(theirs) != 3 || theirs[0].Type != "u" {
		x.Fatalf("the companion log has %d events", len(theirs))
	}
	x.expectVersion("s-1", 1)
	if v, err := system.Version(x.ctx, "s-1"); err != nil || v != 2 {
		x.Fatalf("the companion's stream is at version %d, %v, want 2", v, err)
	}
	_, err := system.Append(x.ctx, "s-1", nacre.Exactly(1), fact("u", 1))
	conflict := expectError[*nacre.ConflictError](x, "a stale append to the companion log", err, nacre.CodeVersionConflict)
	if conflict.Current != 2 {
		x.Fatalf("the conflict tells version %d, want 2", conflict.Current)
	}
	a, err := system.Append(x.ctx, "s-1", nacre.Any, named("u", "a", 0))
	if err != nil || !a.Duplicate {
		x.Fatalf("an id that the companion log holds: %+v, %v", a, err)
	}
	head, err := system.Head(x.ctx)
	if err != nil || head.Position != 3 || head.Epoch == "" {
		x.Fatalf("the companion's head is %+v, %v", head, err)
	}
}

func companionConditions(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1, "tag"))
	c := &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{"tag"}}}}
	if _, err := x.system().Commit(x.ctx, c, to("lease-1", nacre.NoStream, fact("lease.taken", 1, "tag"))); err != nil {
		x.Fatalf("a condition on the companion log sees the store's events: %v", err)
	}
	_, err := x.system().Commit(x.ctx, c, to("lease-2", nacre.NoStream, fact("lease.taken", 2, "tag")))
	expectCode(x, "a condition on the companion log", err, nacre.CodeConditionFailed)
}

func companionFind(x *trial) {
	system := trial{T: x.T, h: x.h, s: x.system(), ctx: x.ctx}
	mine := x.append("s-1", nacre.Any, named("t", "a", 1), named("t", "mine", 2)).Events
	theirs := system.append("s-1", nacre.Any, named("u", "theirs", 3), fact("u", 4), named("u", "a", 5)).Events
	x.finds(mine...)
	system.finds(theirs...)
	x.findsNot("s-1", "theirs", theirs[1].ID)
	system.findsNot("s-1", "mine")
}

func companionSubscribed(x *trial) {
	system := trial{T: x.T, h: x.h, s: x.system(), ctx: x.ctx}
	theirs, ours := system.follow(nil, nacre.SubscribeOptions{}, 10), x.follow(nil, nacre.SubscribeOptions{}, 10)
	want := system.append("s-1", nacre.Any, facts("u", 2)...).Events
	expectEvents(x, "from the companion log", theirs.next(x, 2), want)
	want = x.append("s-1", nacre.Any, facts("t", 2)...).Events
	expectEvents(x, "from the store's log", ours.next(x, 2), want)
	theirs.caughtUp(x, 2)
}

func companionClosed(x *trial) {
	system := x.system()
	if _, err := system.Append(x.ctx, "s-1", nacre.Any, fact("t", 1)); err != nil {
		x.Fatalf("Append: %v", err)
	}
	if err := x.s.Close(); err != nil {
		x.Fatalf("Close: %v", err)
	}
	expectClosed(x, system)
	expectDriverClosed(x, system.Driver())
}
