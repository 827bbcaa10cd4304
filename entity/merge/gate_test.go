package merge_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

func expectVerdicts(t *testing.T, out merge.Outcome, want ...merge.Verdict) {
	t.Helper()
	if !slices.Equal(out.Verdicts, want) {
		t.Errorf("verdicts %v, want %v", out.Verdicts, want)
	}
}

func expectVisible(t *testing.T, out merge.Outcome, want ...string) {
	t.Helper()
	var got []string
	for _, ev := range out.Visible {
		got = append(got, ev.ID.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("visible are %q, want %q", got, want)
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	node := newReplica()
	a, b := decode(t, event(testID(1), `{}`)), decode(t, event(testID(2), `{}`, testID(1)))
	named := decode(t, event(testID(3), `{"name":{"drop":["`+testID(2)+`"]}}`))
	other := event(testID(4), `{"name":{"drop":["`+testID(1)+`"]}}`)
	other.StreamID = "album-2" // what it names is in album-1
	expectVerdicts(t, node.offer(began, merge.FromPeer, named, b, decode(t, other)), merge.Waiting, merge.Waiting, merge.Waiting)
	want := []merge.Name{{Stream: "album-1", ID: a.ID}, {Stream: "album-1", ID: b.ID}, {Stream: "album-2", ID: a.ID}}
	if got := node.gate.Missing(); !slices.Equal(got, want) {
		t.Errorf("missing are %v, want %v", got, want)
	}
	out := node.offer(began, merge.FromPeer, a)
	expectVerdicts(t, out, merge.Visible)
	expectVisible(t, out, testID(1), testID(2), testID(3))
	expectVerdicts(t, node.offer(began, merge.FromPeer, a, b, decode(t, other)), merge.Duplicate, merge.Duplicate, merge.Waiting)
	if got := node.gate.Pending(); len(got) != 1 || got[0].Stream != "album-2" {
		t.Errorf("pending are %v", got)
	}
}

func TestHeld(t *testing.T) {
	t.Parallel()
	node := newReplica()
	ids, err := merge.NewIDs(began.Add(merge.Ahead+time.Millisecond), merge.ID{}, 1, 1)
	must(err)
	ahead := decode(t, event(ids[0].String(), `{}`))
	more, err := merge.NewIDs(began, ids[0], 1, 1)
	must(err)
	child := decode(t, event(more[0].String(), `{}`, ids[0].String()))
	expectVerdicts(t, node.offer(began, merge.FromPeer, ahead, child), merge.Held, merge.Waiting)
	expectVisible(t, node.offer(began, merge.FromPeer))
	expectVisible(t, node.offer(began.Add(time.Millisecond), merge.FromPeer), ids[0].String(), more[0].String())

	// What is the node's own, or confirmed, is not held, also where a peer brought it before.
	for _, source := range []merge.Source{merge.FromHere, merge.FromHome} {
		node := newReplica()
		expectVerdicts(t, node.offer(began, merge.FromPeer, ahead), merge.Held)
		expectVerdicts(t, node.offer(began, source, ahead), merge.Visible)
		expectVerdicts(t, node.offer(began, merge.FromPeer, ahead), merge.Duplicate)
		if len(node.log) != 1 {
			t.Errorf("%d events are visible, want 1", len(node.log))
		}
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	one, two := decode(t, event(testID(1), `{"a":{"set":1,"over":[]}}`)), decode(t, event(testID(1), `{"a":{"set":2,"over":[]}}`))
	node := newReplica()
	expectVerdicts(t, node.offer(began, merge.FromPeer, one, two), merge.Visible, merge.SetAside)
	out := node.offer(began, merge.FromHome, two)
	expectVerdicts(t, out, merge.Visible)
	if len(out.Replaced) != 1 || out.Replaced[0].ID != two.ID {
		t.Errorf("replaced are %v", out.Replaced)
	}
	// While it waits, too.
	one, two = decode(t, event(testID(2), `{}`, testID(1))), decode(t, event(testID(2), `{"a":{"drop":["`+testID(1)+`"]}}`, testID(1)))
	node = newReplica()
	expectVerdicts(t, node.offer(began, merge.FromPeer, one, two), merge.Waiting, merge.SetAside)
	expectVerdicts(t, node.offer(began, merge.FromHome, two), merge.Waiting)
	node.offer(began, merge.FromPeer, decode(t, event(testID(1), `{}`)))
	if len(node.log) != 2 || node.log[1].Hash != two.Hash {
		t.Errorf("the home's is not the one that became visible: %v", node.log)
	}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	ids, err := merge.NewIDs(began, merge.ID{}, 1, 3)
	must(err)
	var list []*merge.Event
	for i, s := range []nacre.StreamID{"album-1", "album-2", "album-1"} {
		e := event(ids[i].String(), `{}`)
		if i == 2 {
			e.Parents = []string{ids[0].String()}
		}
		e.StreamID, e.TransactionID, e.TransactionSize = s, ids[0].String(), 3
		list = append(list, decode(t, e))
	}
	for _, order := range permutations(list) {
		node := newReplica()
		expectVerdicts(t, node.offer(began, merge.FromPeer, order[0]), merge.Waiting)
		expectVerdicts(t, node.offer(began, merge.FromPeer, order[1]), merge.Waiting)
		out := node.offer(began, merge.FromPeer, order[2])
		expectVerdicts(t, out, merge.Visible)
		expectVisible(t, out, texts(ids)...)
	}
	// One that claims another size is of another transaction, which is never whole.
	e := event(ids[1].String(), `{}`)
	e.TransactionID, e.TransactionSize = ids[0].String(), 2
	node := newReplica()
	expectVerdicts(t, node.offer(began, merge.FromPeer, list[0], decode(t, e), list[2]), merge.Waiting, merge.Waiting, merge.Waiting)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	absent := event(testID(2), `{}`)
	absent.Parents = nil
	size := event(testID(2), `{}`)
	size.TransactionID, size.TransactionSize = testID(2), 1
	outside := event(testID(5), `{}`)
	outside.TransactionID, outside.TransactionSize = testID(2), 2
	half := event(testID(2), `{}`)
	half.TransactionSize = 2
	for name, e := range map[string]nacre.Event{
		"an id in small letters":        event("01jd3y8q0v0000000000000001", `{}`),
		"itself as parent":              event(testID(2), `{}`, testID(2)),
		"a later parent":                event(testID(2), `{}`, testID(3)),
		"a parent twice":                event(testID(2), `{}`, testID(1), testID(1)),
		"a parent that is no id":        event(testID(2), `{}`, "x"),
		"no parents":                    absent,
		"too many parents":              event(testID(9), `{}`, make([]string, merge.MaxParents+1)...),
		"a transaction of one":          size,
		"a transaction that it is not":  outside,
		"a transaction without its id ": half,
	} {
		if _, err := merge.Decode(&e); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	// A void comes from the home.
	hash := merge.HashOf(&absent).String()
	void := event(testID(3), `{"void":[{"id":"`+testID(1)+`","hash":"`+hash+`","parents":[]}],"reason":"x"}`)
	void.Type = merge.TypeVoid
	ev := decode(t, void)
	if len(ev.Void) != 1 || len(ev.Parents) != 1 {
		t.Fatalf("the void is %+v", ev)
	}
	node := newReplica()
	expectVerdicts(t, node.offer(began, merge.FromPeer, ev), merge.Refused)
	expectVerdicts(t, node.offer(began, merge.FromHome, ev), merge.Visible)
}

// TestVoidBeforeContent: what waits for a denied event goes on, whether its content ever comes or not.
func TestVoidBeforeContent(t *testing.T) {
	t.Parallel()
	a := event(testID(1), `{"name":{"set":"a","over":[]},"tracks":{"insert":[{"of":null,"side":"right","values":["x","y"]}]}}`)
	child := decode(t, event(testID(2), `{"tracks":{"insert":[{"of":"`+testID(1)+`#1","side":"left","values":["z"]}]},"name":{"set":"b","over":["`+testID(1)+`"]}}`, testID(1)))
	denied := decode(t, a)
	void := event(testID(3), `{"void":[{"id":"`+testID(1)+`","hash":"`+denied.Hash.String()+`","parents":[],"anchors":[{"property":"tracks","of":null,"side":"right","count":2}]}]}`)
	void.Type = merge.TypeVoid
	var want string
	for _, order := range permutations([]*merge.Event{denied, child, decode(t, void)}) {
		for _, content := range []bool{true, false} {
			node := newReplica()
			for _, ev := range order {
				if ev != denied || content {
					node.offer(began, merge.FromHome, ev)
				}
			}
			got := node.state("album-1")
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("got\n%s\nand before\n%s", got, want)
			}
		}
	}
	e, err := merge.Load([]byte(want))
	must(err)
	if values := string(e.AppendValues(nil)); values != `{"name":"b","tracks":["z"]}` {
		t.Errorf("the values are %s", values)
	}
}
