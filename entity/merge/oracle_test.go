package merge_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
)

// oracle says what a set of events comes to, from the text of the specification and without the package: sets and
// ancestry, nothing is applied one after the other. Values are plain ones, which encoding/json writes canonically.
type oracle struct {
	events  map[string]nacre.Event // visible ones that are not voided and no voids
	parents map[string][]string
	stubs   map[string]oracleVoided
	damaged map[string][]string // what the author of the test made so

	// byAncestry takes what is in the past of an operation on the same place for replaced, whatever was named.
	byAncestry bool
}

type oracleVoided struct {
	ID      string         `json:"id"`
	Parents []string       `json:"parents"`
	Anchors []oracleAnchor `json:"anchors"`
}

type oracleAnchor struct {
	Property string  `json:"property"`
	Of       *string `json:"of"`
	Side     string  `json:"side"`
	Count    int     `json:"count"`
}

type oracleOp struct {
	Set    json.RawMessage `json:"set"`
	Over   []string        `json:"over"`
	Drop   []string        `json:"drop"`
	Add    json.RawMessage `json:"add"`
	Remove json.RawMessage `json:"remove"`
	Put    map[string]struct {
		Value json.RawMessage `json:"value"`
		Over  []string        `json:"over"`
	} `json:"put"`
	Insert []struct {
		Of     *string           `json:"of"`
		Side   string            `json:"side"`
		Values []json.RawMessage `json:"values"`
	} `json:"insert"`
}

func newOracle(events []nacre.Event, damaged map[string][]string) *oracle {
	o := &oracle{events: map[string]nacre.Event{}, parents: map[string][]string{}, stubs: map[string]oracleVoided{}, damaged: damaged}
	voids := map[string]bool{}
	sorted := slices.SortedFunc(slices.Values(events), func(a, b nacre.Event) int { return strings.Compare(a.ID, b.ID) })
	for _, e := range sorted {
		voids[e.ID] = e.Type == "$void"
	}
	for _, e := range sorted {
		o.parents[e.ID] = e.Parents
		if e.Type != "$void" {
			o.events[e.ID] = e
			continue
		}
		var data struct {
			Void []oracleVoided `json:"void"`
		}
		must(json.Unmarshal(e.Data, &data))
		for _, v := range data.Void {
			o.parents[e.ID] = append(slices.Clip(o.parents[e.ID]), v.ID)
			if _, twice := o.stubs[v.ID]; !twice && !voids[v.ID] {
				o.stubs[v.ID] = v
			}
		}
	}
	for id, v := range o.stubs {
		delete(o.events, id)
		o.parents[id] = v.Parents
	}
	return o
}

func must(err error) {
	if err != nil {
		panic("the oracle cannot read a test's event: " + err.Error())
	}
}

// past are an event's ancestors.
func (o *oracle) past(id string) map[string]bool {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(id string) {
		for _, p := range o.parents[id] {
			if !seen[p] {
				seen[p] = true
				walk(p)
			}
		}
	}
	walk(id)
	return seen
}

// place is what has survivors of its own: a register, an element, a key.
type place struct{ kind, key string }

// written are the writes to a place, and what took them.
type written struct {
	values map[string]string // event -> value
	taken  map[string]bool
	by     []string // events that touched it
}

func (o *oracle) state() string {
	properties := map[string]map[string]any{}
	writes := map[string]map[place]*written{} // by property
	touched := map[string]map[string]bool{}
	sums := map[string]*big.Rat{}
	decimals := map[string]bool{}
	lists := map[string]*oracleList{}

	at := func(property string, p place) *written {
		if writes[property] == nil {
			writes[property] = map[place]*written{}
		}
		if writes[property][p] == nil {
			writes[property][p] = &written{values: map[string]string{}, taken: map[string]bool{}}
		}
		return writes[property][p]
	}
	take := func(w *written, by string, named []string) {
		w.by = append(w.by, by)
		for _, id := range named {
			w.taken[id] = true
		}
	}
	touch := func(property, kind string) {
		if touched[property] == nil {
			touched[property] = map[string]bool{}
		}
		touched[property][kind] = true
		if kind == "list" && lists[property] == nil {
			lists[property] = newOracleList()
		}
	}
	damaged := map[string][]string{}

	for id, v := range o.stubs {
		n := map[string]int{}
		for _, a := range v.Anchors {
			touch(a.Property, "list")
			lists[a.Property].insert(id, n[a.Property], a.Of, a.Side, make([]json.RawMessage, a.Count))
			n[a.Property] += a.Count
		}
	}
	for id, e := range o.events {
		var data map[string]oracleOp
		var raw map[string]json.RawMessage
		list, bad := o.damaged[id]
		if bad {
			damaged[id] = list
			if len(list) == 0 {
				continue
			}
		}
		must(json.Unmarshal(e.Data, &raw))
		for _, property := range list {
			delete(raw, property)
		}
		rest, _ := json.Marshal(raw)
		must(json.Unmarshal(rest, &data))
		for property, op := range data {
			var add map[string][]string
			switch has := func(name string) bool { return bytes.Contains(raw[property], []byte(`"`+name+`":`)) }; {
			case op.Insert != nil:
				touch(property, "list")
				n := 0
				for _, r := range op.Insert {
					lists[property].insert(id, n, r.Of, r.Side, r.Values)
					n += len(r.Values)
				}
				var removed []string
				if op.Remove != nil {
					must(json.Unmarshal(op.Remove, &removed))
				}
				for _, el := range removed {
					lists[property].removed[el] = true
				}
				var set map[string]struct {
					Value json.RawMessage `json:"value"`
					Over  []string        `json:"over"`
				}
				if op.Set != nil {
					must(json.Unmarshal(op.Set, &set))
				}
				for el, s := range set {
					w := at(property, place{"list", el})
					take(w, id, s.Over)
					w.values[id] = string(s.Value)
				}
			case op.Put != nil:
				touch(property, "map")
				for key, p := range op.Put {
					w := at(property, place{"map", key})
					take(w, id, p.Over)
					w.values[id] = string(p.Value)
				}
				var removed map[string][]string
				if op.Remove != nil {
					must(json.Unmarshal(op.Remove, &removed))
				}
				for key, ids := range removed {
					take(at(property, place{"map", key}), id, ids)
				}
			case has("add") && op.Add[0] == '{':
				touch(property, "set")
				must(json.Unmarshal(op.Add, &add))
				for el, ids := range add {
					w := at(property, place{"set", el})
					take(w, id, ids)
					w.values[id] = ""
				}
				var removed map[string][]string
				if op.Remove != nil {
					must(json.Unmarshal(op.Remove, &removed))
				}
				for el, ids := range removed {
					take(at(property, place{"set", el}), id, ids)
				}
			case has("add"):
				touch(property, "counter")
				text := strings.Trim(string(op.Add), `"`)
				decimals[property] = decimals[property] || text != string(op.Add)
				amount, ok := new(big.Rat).SetString(text)
				if !ok {
					panic("the oracle cannot read the amount " + text)
				}
				if sums[property] == nil {
					sums[property] = new(big.Rat)
				}
				sums[property].Add(sums[property], amount)
			default:
				w := at(property, place{kind: "register"})
				if op.Drop != nil {
					take(w, id, op.Drop)
				} else {
					take(w, id, op.Over)
					w.values[id] = string(op.Set)
				}
			}
		}
	}

	put := func(property, kind string, state any) {
		if properties[property] == nil {
			properties[property] = map[string]any{}
		}
		properties[property][kind] = state
	}
	for property, places := range writes {
		for p, w := range places {
			if o.byAncestry {
				for _, by := range w.by {
					for id := range o.past(by) {
						w.taken[id] = true
					}
				}
			}
			for id := range w.taken {
				delete(w.values, id)
			}
			if p.kind == "register" && len(w.values) > 0 {
				put(property, "register", raws(w.values))
			}
		}
	}
	for property, kinds := range touched {
		for kind := range kinds {
			state := map[string]any{}
			for p, w := range writes[property] {
				if p.kind != kind || len(w.values) == 0 {
					continue
				}
				if kind == "set" {
					ids := []string{}
					for id := range w.values {
						ids = append(ids, id)
					}
					slices.Sort(ids)
					state[p.key] = ids
				} else {
					state[p.key] = raws(w.values)
				}
			}
			switch kind {
			case "counter":
				if decimals[property] {
					put(property, kind, []string{"decimal", decimalText(sums[property])})
				} else {
					put(property, kind, []string{"integer", sums[property].Num().String()})
				}
			case "list":
				put(property, kind, lists[property].state(writes[property]))
			default:
				put(property, kind, state)
			}
		}
	}
	out := map[string]any{"heads": o.heads(), "properties": properties}
	if len(damaged) > 0 {
		out["damaged"] = damaged
	}
	return jsonText(out)
}

func raws(values map[string]string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for id, v := range values {
		out[id] = json.RawMessage(v)
	}
	return out
}

func decimalText(sum *big.Rat) string {
	text := sum.FloatString(40)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" || text == "" {
		return "0"
	}
	return text
}

func (o *oracle) heads() []string {
	heads := []string{}
	for id := range o.parents {
		isParent := false
		for _, list := range o.parents {
			isParent = isParent || slices.Contains(list, id)
		}
		if !isParent {
			heads = append(heads, id)
		}
	}
	slices.Sort(heads)
	return heads
}

// oracleList has a list's runs, and works out by recursion which of them have a place.
type oracleList struct {
	runs    map[string]oracleRun // by first element
	removed map[string]bool
}

type oracleRun struct {
	id     string
	n      int
	of     *string
	side   string
	values []json.RawMessage
}

func newOracleList() *oracleList {
	return &oracleList{runs: map[string]oracleRun{}, removed: map[string]bool{}}
}

func elementName(id string, n int) string { return id + "#" + strconv.Itoa(n) }

func (l *oracleList) insert(id string, n int, of *string, side string, values []json.RawMessage) {
	l.runs[elementName(id, n)] = oracleRun{id, n, of, side, values}
}

// placed are the runs below the root, below those, and so on.
func (l *oracleList) placed() []oracleRun {
	there := map[string]bool{}
	var out []oracleRun
	for found := true; found; {
		found = false
		for first, r := range l.runs {
			if there[first] || r.of != nil && !there[*r.of] {
				continue
			}
			found = true
			out = append(out, r)
			for i := range r.values {
				there[elementName(r.id, r.n+i)] = true
			}
		}
	}
	slices.SortFunc(out, func(a, b oracleRun) int {
		if a.id != b.id {
			return strings.Compare(a.id, b.id)
		}
		return a.n - b.n
	})
	return out
}

func (l *oracleList) state(writes map[place]*written) any {
	out := []any{}
	for _, r := range l.placed() {
		elements := []any{}
		for i, v := range r.values {
			name := elementName(r.id, r.n+i)
			values := map[string]string{r.id: string(v)}
			if w := writes[place{"list", name}]; w != nil {
				maps.Copy(values, w.values)
				for id := range w.taken {
					delete(values, id)
				}
			}
			switch own, still := values[r.id]; {
			case l.removed[name] || v == nil:
				elements = append(elements, 0)
			case still && len(values) == 1:
				elements = append(elements, []json.RawMessage{json.RawMessage(own)})
			default:
				elements = append(elements, raws(values))
			}
		}
		out = append(out, map[string]any{"elements": elements, "id": elementName(r.id, r.n), "of": r.of, "side": r.side})
	}
	return out
}

// shown is the list's order, by recursion over the tree.
func (l *oracleList) shown() []string {
	type child struct {
		name  string
		value json.RawMessage
	}
	kids := map[string]map[string][]child{}
	hang := func(parent, side string, c child) {
		if kids[parent] == nil {
			kids[parent] = map[string][]child{}
		}
		kids[parent][side] = append(kids[parent][side], c)
	}
	for _, r := range l.placed() {
		parent, side := "", r.side
		if r.of != nil {
			parent = *r.of
		}
		for i, v := range r.values {
			name := elementName(r.id, r.n+i)
			hang(parent, side, child{name, v})
			parent, side = name, "right"
		}
	}
	out := []string{}
	var walk func(child)
	walk = func(c child) {
		for _, k := range kids[c.name]["left"] {
			walk(k)
		}
		if c.value != nil && !l.removed[c.name] {
			out = append(out, string(c.value))
		}
		for _, k := range kids[c.name]["right"] {
			walk(k)
		}
	}
	walk(child{})
	return out
}
