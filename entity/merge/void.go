package merge

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// VoidData is the data of a void that takes the effects of one stream's events away, canonical. The void is made after all of
// them, and its parents are the heads without them.
func VoidData(reason string, events ...*Event) ([]byte, error) {
	if len(events) == 0 || len(events) > MaxProperties {
		return nil, invalid("void", fmt.Sprintf("has %d events: give 1 to %d", len(events), MaxProperties))
	}
	dst := append(appendString([]byte(`{"reason":`), strings.ToValidUTF8(reason, "\uFFFD")), `,"void":[`...)
	for i, ev := range events {
		if len(ev.Void) > 0 {
			return nil, invalid("void", fmt.Sprintf("%s is a void itself, which is not voided", ev.ID))
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		dst = ev.appendAnchors(dst)
		dst = appendIDs(fmt.Appendf(dst, `"hash":"%s","id":"%s","parents":`, ev.Hash, ev.ID), ev.Parents)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...), nil
}

// appendAnchors appends the places of an event's runs, where it has some.
func (e *Event) appendAnchors(dst []byte) []byte {
	begin := `"anchors":[`
	for _, c := range e.Changes {
		o, ok := c.Operation.(*listOp)
		if !ok {
			continue
		}
		for i := range o.insert {
			r := &o.insert[i]
			dst = append(dst, begin...)
			begin = ","
			dst = append(strconv.AppendInt(append(dst, `{"count":`...), int64(r.count), 10), `,"of":`...)
			if r.root {
				dst = append(dst, "null"...)
			} else {
				dst = append(r.of.append(append(dst, '"')), '"')
			}
			dst = appendString(append(dst, `,"property":`...), c.Property)
			dst = append(append(append(dst, `,"side":"`...), sideName(r.right)...), `"}`...)
		}
	}
	if begin == "," {
		dst = append(dst, `],`...)
	}
	return dst
}

// void reads what a void says, and says what is wrong with it.
func (e *Event) void(members []Member) string {
	var entries [][]byte
	for _, m := range members {
		var ok bool
		switch m.Name {
		case "void":
			entries, ok = elementsOf(m.Value)
			ok = ok && len(entries) > 0 && len(entries) <= MaxProperties
		case "reason":
			e.Reason, ok = textOf(m.Value)
		}
		if !ok {
			return fmt.Sprintf("a void has no %q of this shape", m.Name)
		}
	}
	if len(entries) == 0 {
		return "a void without entries"
	}
	seen := make(map[ID]bool, len(entries))
	for i, entry := range entries {
		v, problem := decodeVoided(entry)
		if problem == "" && (seen[v.ID] || v.ID.Compare(e.ID) >= 0) {
			problem = "its id stands there twice or is not less than the void's own"
		}
		if problem != "" {
			return fmt.Sprintf("entry %d of the void: %s", i, problem)
		}
		seen[v.ID] = true
		e.Void = append(e.Void, v)
	}
	for id := range seen {
		e.Parents = append(e.Parents, id)
	}
	slices.SortFunc(e.Parents, ID.Compare)
	e.Parents = slices.Compact(e.Parents)
	return ""
}

func decodeVoided(entry []byte) (v Voided, problem string) {
	members, ok := membersOf(entry)
	if !ok {
		return v, "is not an object"
	}
	var rest []Member
	for _, m := range members {
		text, _ := textOf(m.Value)
		switch m.Name {
		case "id":
			v.ID, ok = parseID(text)
		case "hash":
			raw, err := hex.DecodeString(text)
			ok = err == nil && len(raw) == len(v.Hash) && strings.ToLower(text) == text
			copy(v.Hash[:], raw)
		default:
			rest = append(rest, m)
			continue
		}
		if !ok {
			return v, m.Name + " is of no such shape"
		}
	}
	if v.ID.IsZero() || len(members)-len(rest) != 2 {
		return v, "has no id or no hash"
	}
	found := false
	for _, m := range rest {
		elements, ok := elementsOf(m.Value)
		if !ok {
			return v, m.Name + " is not an array"
		}
		switch m.Name {
		case "parents":
			found = true
			texts := make([]string, len(elements))
			for i, el := range elements {
				texts[i], _ = textOf(el)
			}
			var err error
			if v.Parents, err = parents(texts, v.ID, "parents"); err != nil {
				return v, problemOf(err)
			}
		case "anchors":
			if v.Anchors, problem = decodeAnchors(elements, v.ID); problem != "" {
				return v, problem
			}
		default:
			return v, fmt.Sprintf("there is no %q in it", m.Name)
		}
	}
	if !found {
		return v, "has no parents"
	}
	return v, ""
}

func decodeAnchors(elements [][]byte, own ID) ([]Anchor, string) {
	var out []Anchor
	total := 0
	for i, el := range elements {
		members, ok := membersOf(el)
		a := Anchor{}
		if ok = ok && len(members) == 4; ok {
			// Sorted: count, of, property, side.
			n, err := strconv.Atoi(string(members[0].Value))
			a.run.count = n
			var side bool
			a.run.of, a.run.root, ok = decodeOrigin(members[1].Value)
			a.run.right, side = decodeSide(members[3].Value)
			property, text := textOf(members[2].Value)
			a.Property = property
			ok = ok && err == nil && n >= 1 && n <= maxElements && side && text && checkProperty(property) == "" &&
				members[0].Name == "count" && members[1].Name == "of" && members[2].Name == "property" && members[3].Name == "side" &&
				(!a.run.root || a.run.right) && a.run.of.ID.Compare(own) < 0
			total += n
		}
		if !ok || total > maxElements {
			return nil, fmt.Sprintf("anchor %d is of no such shape", i)
		}
		out = append(out, a)
	}
	return out, ""
}

// voidedBy are the events that any of these voids, each with the entry of the least void. Events are sorted.
func voidedBy(events []*Event) map[ID]*Voided {
	voids := map[ID]bool{}
	for _, ev := range events {
		if len(ev.Void) > 0 {
			voids[ev.ID] = true
		}
	}
	out := map[ID]*Voided{}
	for _, ev := range events {
		for i := range ev.Void {
			if v := &ev.Void[i]; out[v.ID] == nil && !voids[v.ID] {
				out[v.ID] = v
			}
		}
	}
	return out
}

// withStubs are the events with what is left of a voided one in its place, its content being there or not.
func withStubs(sorted []*Event, voided map[ID]*Voided) []*Event {
	if len(voided) == 0 {
		return sorted
	}
	out := make([]*Event, 0, len(sorted)+len(voided))
	for _, ev := range sorted {
		if voided[ev.ID] == nil {
			out = append(out, ev)
		}
	}
	for _, v := range voided {
		out = append(out, v.stub())
	}
	slices.SortFunc(out, func(a, b *Event) int { return a.ID.Compare(b.ID) })
	return out
}

// stub is what is left of a voided event: its place in the graph, and its lists' elements, removed.
func (v *Voided) stub() *Event {
	e := &Event{ID: v.ID, Hash: v.Hash, Parents: v.Parents}
	runs := map[string]*listOp{}
	for i := range v.Anchors {
		a := &v.Anchors[i]
		if runs[a.Property] == nil {
			runs[a.Property] = new(listOp)
			e.Changes = append(e.Changes, PropertyChange{a.Property, listKind{}, runs[a.Property]})
		}
		runs[a.Property].insert = append(runs[a.Property].insert, a.run)
	}
	return e
}
