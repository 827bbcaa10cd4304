package merge_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

var update = flag.Bool("update", false, "write the vectors' results anew, for a change of the specification")

var vectorsFolder = filepath.Join("..", "..", "spec", "vectors", "merge")

// graphVector is a graph of events of one stream or several, and what it comes to.
type graphVector struct {
	Name string `json:"name"`
	// Now is the receiver's clock, in milliseconds.
	Now int64 `json:"now"`
	// Events are bodies of lines, with where each comes from: "peer" or "home".
	Events []vectorEvent `json:"events"`
	// States are what streams come to; Values what users see, by property.
	States map[string]string `json:"states"`
	Values map[string]string `json:"values"`
	// Conflicts are by stream: property, key, survivors.
	Conflicts map[string][]vectorConflict `json:"conflicts,omitempty"`
}

type vectorEvent struct {
	Source  string   `json:"source"`
	Body    string   `json:"body"`
	Hash    string   `json:"hash"`
	Verdict string   `json:"verdict"`
	Damaged []string `json:"damaged,omitempty"`
	Whole   bool     `json:"damagedWhole,omitempty"`
}

type vectorConflict struct {
	Property  string   `json:"property"`
	Kind      string   `json:"kind"`
	Key       string   `json:"key,omitempty"`
	Survivors []string `json:"survivors"`
}

// TestGraphVectors runs the graphs of the vectors: in their order, where verdicts are compared, and in others.
func TestGraphVectors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(vectorsFolder, "graphs.json")
	var vectors struct {
		About  []string      `json:"about"`
		Graphs []graphVector `json:"graphs"`
	}
	if *update {
		vectors.About = []string{
			"Graphs of merge.md: events are offered one by one, in their order, at the clock now (milliseconds), as coming from a peer or from the home.",
			"verdict is what becomes of each at last: visible, duplicate, set aside, waiting, held or refused; waiting and held events may become visible later, and then visible is theirs. hash is the identity's. damaged are the properties whose operations are damaged; damagedWhole says that the whole event is.",
			"body is the line's body with its last brace; states and values are bytes of canonical JSON; they and conflicts are by stream. In any other order, in any batches and with repeats, the states are the same, apart from set-aside events.",
		}
		vectors.Graphs = handmadeGraphs()
		for seed := uint64(0); len(vectors.Graphs) < 60; seed++ {
			if v := randomGraph(seed); len(v.Events) > 4 {
				vectors.Graphs = append(vectors.Graphs, v)
			}
		}
		for i := range vectors.Graphs {
			runGraph(t, &vectors.Graphs[i])
		}
		writeVectors(t, file, map[string]any{"about": vectors.About, "graphs": vectors.Graphs})
		return
	}
	readVectors(t, file, &vectors)
	if len(vectors.Graphs) < 40 {
		t.Errorf("there are %d graphs only", len(vectors.Graphs))
	}
	r := rand.New(rand.NewPCG(newSeed(t), 0))
	for i := range vectors.Graphs {
		want := &vectors.Graphs[i]
		got := *want
		got.Events = slices.Clone(want.Events)
		runGraph(t, &got)
		if a, b := jsonText(got), jsonText(*want); a != b {
			t.Fatalf("%s: got\n%s\nwant\n%s", want.Name, a, b)
		}
		setAside := slices.ContainsFunc(want.Events, func(e vectorEvent) bool { return e.Verdict == merge.SetAside.String() })
		if setAside {
			continue
		}
		got.Events = shuffled(r, want.Events, 0.2)
		runGraph(t, &got)
		if a, b := jsonText(got.States), jsonText(want.States); a != b {
			t.Errorf("%s, in another order: got\n%s\nwant\n%s", want.Name, a, b)
		}
	}
}

// runGraph fills in the results.
func runGraph(t *testing.T, v *graphVector) {
	t.Helper()
	node := newReplica()
	now := time.UnixMilli(v.Now)
	decoded := make([]*merge.Event, len(v.Events))
	for i := range v.Events {
		in := &v.Events[i]
		in.Damaged, in.Whole = nil, false
		var e nacre.Event
		if err := json.Unmarshal([]byte(in.Body), &e); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		in.Hash = merge.HashOf(&e).String()
		ev, err := merge.Decode(&e)
		if err != nil {
			in.Verdict = merge.Refused.String()
			continue
		}
		decoded[i] = ev
		for _, d := range ev.Damage {
			if in.Whole = d.Whole; !d.Whole {
				in.Damaged = append(in.Damaged, d.Property)
			}
		}
		source := merge.FromPeer
		if in.Source == "home" {
			source = merge.FromHome
		}
		in.Verdict = node.offer(now, source, ev).Verdicts[0].String()
	}
	for i := range v.Events {
		if ev := decoded[i]; ev != nil && slices.ContainsFunc(node.log, func(l *merge.Event) bool { return l == ev }) {
			v.Events[i].Verdict = merge.Visible.String()
		}
	}
	v.States, v.Values, v.Conflicts = map[string]string{}, map[string]string{}, nil
	for s, e := range node.entities {
		v.States[string(s)] = string(e.AppendState(nil))
		v.Values[string(s)] = string(e.AppendValues(nil))
		for _, c := range e.Conflicts() {
			out := vectorConflict{Property: c.Property, Kind: c.Kind, Key: c.Key}
			for _, w := range c.Survivors {
				out.Survivors = append(out.Survivors, w.ID.String())
			}
			if v.Conflicts == nil {
				v.Conflicts = map[string][]vectorConflict{}
			}
			v.Conflicts[string(s)] = append(v.Conflicts[string(s)], out)
		}
	}
}

// randomGraph is one of a hostile world, its events in some order.
func randomGraph(seed uint64) graphVector {
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(r, true)
	v := graphVector{Name: fmt.Sprintf("random %d", seed), Now: began.UnixMilli()}
	for _, e := range shuffled(r, w.pool, 0.1) {
		in := vectorEvent{Source: "peer"}
		if e.Type == merge.TypeVoid {
			in.Source = "home"
		}
		in.Body = body(e)
		v.Events = append(v.Events, in)
	}
	return v
}

func body(e nacre.Event) string { return string(append(e.AppendBody(nil), '}')) }

func handmadeGraphs() []graphVector {
	a, b, c, d := testID(1), testID(2), testID(3), testID(4)
	peer := func(events ...nacre.Event) []vectorEvent {
		out := make([]vectorEvent, len(events))
		for i, e := range events {
			out[i] = vectorEvent{Source: "peer", Body: body(e)}
		}
		return out
	}
	home := func(e nacre.Event) vectorEvent { return vectorEvent{Source: "home", Body: body(e)} }
	ahead, err := merge.NewIDs(began.Add(merge.Ahead+time.Millisecond), merge.ID{}, 9, 1)
	must(err)
	edge, err := merge.NewIDs(began.Add(merge.Ahead), merge.ID{}, 9, 1)
	must(err)
	pair, err := merge.NewIDs(began, merge.ID{}, 9, 2)
	must(err)
	half := func(i int, stream nacre.StreamID) nacre.Event {
		e := event(pair[i].String(), `{"n":{"add":`+fmt.Sprint(i+1)+`}}`)
		e.StreamID, e.TransactionID, e.TransactionSize = stream, pair[0].String(), 2
		return e
	}
	denied := event(a, `{"name":{"set":"no","over":[]},"l":{"insert":[{"of":null,"side":"right","values":["no","no"]}]}}`)
	hash := merge.HashOf(&denied).String()
	void := event(c, `{"void":[{"id":"`+a+`","hash":"`+hash+`","parents":[],"anchors":[{"property":"l","of":null,"side":"right","count":2}]}],"reason":"not allowed"}`)
	void.Type = merge.TypeVoid
	child := event(b, `{"name":{"set":"yes","over":["`+a+`"]},"l":{"insert":[{"of":"`+a+`#0","side":"right","values":["yes"]}]}}`, a)
	other := event(b, `{"x":{"set":2,"over":[]}}`)
	list := []graphVector{
		{Name: "a chain", Events: peer(event(a, `{"name":{"set":"Dune","over":[]}}`), event(b, `{"name":{"set":"Dune II","over":["`+a+`"]}}`, a))},
		{Name: "a conflict", Events: peer(event(a, `{"name":{"set":1,"over":[]}}`), event(b, `{"name":{"set":2,"over":["`+a+`"]}}`, a), event(c, `{"name":{"set":3,"over":["`+a+`"]}}`, a))},
		{Name: "the same value twice is no conflict", Events: peer(event(a, `{"n":{"set":1.0,"over":[]}}`), event(b, `{"n":{"set":10e-1,"over":[]}}`))},
		{Name: "an edit of the greatest beside a concurrent one", Events: peer(
			event(a, `{"name":{"set":"root","over":[]}}`), event(b, `{"name":{"set":"m","over":["`+a+`"]}}`, a),
			event(c, `{"name":{"set":"z","over":["`+a+`"]}}`, a), event(d, `{"name":{"set":"a","over":["`+c+`"]}}`, c))},
		{Name: "a drop", Events: peer(event(a, `{"name":{"set":1,"over":[]}}`), event(b, `{"name":{"drop":["`+a+`"]}}`, a))},
		{Name: "add wins over a concurrent remove", Events: peer(
			event(a, `{"tags":{"add":{"\"rock\"":[]}}}`), event(b, `{"tags":{"add":{},"remove":{"\"rock\"":["`+a+`"]}}}`, a),
			event(c, `{"tags":{"add":{"\"rock\"":["`+a+`"]}}}`, a))},
		{Name: "counters of any size", Events: peer(
			event(a, `{"i":{"add":9007199254740993},"d":{"add":"0.1"}}`), event(b, `{"i":{"add":123456789012345678901234567890},"d":{"add":"0.2"}}`, a), event(c, `{"d":{"add":-1}}`, a))},
		{Name: "a map", Events: peer(
			event(a, `{"m":{"put":{"k":{"value":1,"over":[]},"é":{"value":{"b":1,"a":[]},"over":[]}}}}`),
			event(b, `{"m":{"put":{"k":{"value":2,"over":["`+a+`"]}}}}`, a), event(c, `{"m":{"put":{},"remove":{"k":["`+a+`"]}}}`, a))},
		{Name: "a list, typed in one place by two", Events: peer(
			event(a, `{"l":{"insert":[{"of":null,"side":"right","values":["<",">"]}]}}`),
			event(b, `{"l":{"insert":[{"of":"`+a+`#1","side":"left","values":["b","b"]}]}}`, a),
			event(c, `{"l":{"insert":[{"of":"`+a+`#1","side":"left","values":["c"]}],"remove":["`+a+`#0"],"set":{"`+a+`#1":{"value":"]","over":["`+a+`"]}}}}`, a),
			event(d, `{"l":{"insert":[{"of":"`+c+`#0","side":"left","values":["d"]},{"of":"`+a+`#9","side":"left","values":["nowhere"]},{"of":"`+b+`#1","side":"right","values":["e"]}]}}`, b, c))},
		{Name: "deleted, edited meanwhile", Events: peer(
			event(a, `{"name":{"set":1,"over":[]}}`), event(b, `{"$life":{"set":"deleted","over":[]}}`, a), event(c, `{"name":{"set":2,"over":["`+a+`"]}}`, a))},
		{Name: "damage", Events: peer(
			event(a, `{"good":{"set":1,"over":[]},"new":{"splice":[0]},"bad":{"set":1},"$x":{"add":1},"late":{"drop":["`+b+`"]},"life":{"set":"gone","over":[]}}`),
			event(b, `["x"]`, a), event(c, `{"$life":{"set":"gone","over":[]}}`, b))},
		{Name: "two kinds on one property", Events: peer(event(a, `{"p":{"add":2}}`), event(b, `{"p":{"set":"x","over":[]}}`, a))},
		{Name: "waiting for parents and names", Events: peer(event(c, `{"name":{"drop":["`+b+`"]}}`), event(b, `{"name":{"set":1,"over":[]}}`, a), event(d, `{"name":{"drop":["`+testID(0)+`"]}}`), event(a, `{}`))},
		{Name: "refused", Events: peer(event(b, `{}`, c), event(b, `{}`, b), event(c, `{}`, a, a), event("01jd3y8q0v0000000000000001", `{}`))},
		{Name: "held, and not", Events: append(peer(event(edge[0].String(), `{"n":{"add":1}}`), event(ahead[0].String(), `{"n":{"add":2}}`)), home(event(testID(7), `{"n":{"add":4}}`)))},
		{Name: "set aside, and replaced", Events: append(peer(event(b, `{"x":{"set":1,"over":[]}}`), other), home(other))},
		{Name: "a transaction over two streams", Events: peer(half(0, "album-1"), half(1, "album-2"))},
		{Name: "half a transaction", Events: peer(half(0, "album-1"))},
		{Name: "a void after the content", Events: append(peer(denied, child), home(void))},
		{Name: "a void without the content", Events: append(peer(child), home(void))},
		{Name: "a void from a peer", Events: peer(denied, void)},
	}
	for i := range list {
		list[i].Now = began.UnixMilli()
	}
	return list
}

func readVectors(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// writeVectors writes a line for each vector of the lists, so that a change is a line in a comparison.
func writeVectors(t *testing.T, file string, lists map[string]any) {
	t.Helper()
	out := []byte("{")
	for i, name := range slices.Sorted(keysOf(lists)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%q:[", name)
		list := reflect.ValueOf(lists[name])
		for k := range list.Len() {
			if k > 0 {
				out = append(out, ',')
			}
			var line bytes.Buffer
			enc := json.NewEncoder(&line)
			enc.SetEscapeHTML(false)
			must(enc.Encode(list.Index(k).Interface()))
			out = append(append(out, '\n'), bytes.TrimSpace(line.Bytes())...)
		}
		out = append(out, "\n]"...)
	}
	must(os.MkdirAll(filepath.Dir(file), 0o755))
	must(os.WriteFile(file, append(out, "}\n"...), 0o644))
}

// textVector is a text and what is canonical for it, absent where it is no JSON.
type textVector struct {
	Text      string  `json:"text"`
	Canonical *string `json:"canonical,omitempty"`
}

// TestCanonicalVectors compares the vectors of canonical JSON.
func TestCanonicalVectors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(vectorsFolder, "canonical.json")
	var vectors struct {
		About []string     `json:"about"`
		Texts []textVector `json:"texts"`
	}
	if *update {
		vectors.About = []string{"Canonical JSON of merge.md. Texts without a canonical form are not JSON there."}
		for _, text := range slices.Sorted(keysOf(canonicalTexts)) {
			v := textVector{Text: text}
			if want := canonicalTexts[text]; want != "" {
				v.Canonical = &want
			}
			if utf8.ValidString(text) {
				vectors.Texts = append(vectors.Texts, v)
			}
		}
		writeVectors(t, file, map[string]any{"about": vectors.About, "texts": vectors.Texts})
		return
	}
	readVectors(t, file, &vectors)
	if len(vectors.Texts) < 40 {
		t.Errorf("there are %d texts only", len(vectors.Texts))
	}
	for _, v := range vectors.Texts {
		got, err := merge.Canonical([]byte(v.Text))
		if (err == nil) != (v.Canonical != nil) || err == nil && string(got) != *v.Canonical {
			t.Errorf("%.60s is canonically %.60s: %v", v.Text, got, err)
		}
	}
}

// idVector is what ids are made of. Randomness has 54 bits.
type idVector struct {
	Now      int64    `json:"now"`
	Greatest string   `json:"greatest,omitempty"`
	Random   uint64   `json:"random"`
	Size     int      `json:"size"`
	IDs      []string `json:"ids"`
}

// TestIDVectors compares the vectors of ids.
func TestIDVectors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(vectorsFolder, "ids.json")
	var vectors struct {
		About []string   `json:"about"`
		IDs   []idVector `json:"ids"`
	}
	now := began.UnixMilli()
	run := func(v *idVector) {
		var greatest merge.ID
		if v.Greatest != "" {
			var err error
			greatest, err = merge.ParseID(v.Greatest)
			must(err)
		}
		ids, err := merge.NewIDs(time.UnixMilli(v.Now), greatest, v.Random, v.Size)
		must(err)
		v.IDs = texts(ids)
	}
	if *update {
		vectors.About = []string{"Ids of merge.md: of the clock (milliseconds), the greatest parent of the transaction, 54 bits of randomness, and the transaction's size."}
		vectors.IDs = []idVector{
			{Now: 0, Size: 1},
			{Now: now, Random: 1, Size: 3},
			{Now: now, Random: 1<<54 - 1, Size: 2},
			{Now: 1<<48 - 1, Random: 5, Size: 1},
			{Now: now, Greatest: "01M7YZMHG0000BJ7WNKV40W302", Random: 7, Size: 2},
			{Now: now - 1, Greatest: "01M7YZMHG0000BJ7WNKV40W302", Random: 7, Size: 1},
			{Now: now, Greatest: "01M7YZMHG0ZZZBJ7WNKV40W302", Random: 7, Size: 1},
			{Now: now + 1, Greatest: "01M7YZMHG0ZZZBJ7WNKV40W302", Random: 7, Size: 1},
		}
		for i := range vectors.IDs {
			run(&vectors.IDs[i])
		}
		writeVectors(t, file, map[string]any{"about": vectors.About, "ids": vectors.IDs})
		return
	}
	readVectors(t, file, &vectors)
	for _, v := range vectors.IDs {
		got := v
		if run(&got); !slices.Equal(got.IDs, v.IDs) {
			t.Errorf("of %+v are made %q", v, got.IDs)
		}
	}
}
