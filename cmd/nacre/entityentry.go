package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nacredb/nacre/entity"
)

// maxChange is the most characters that a history says of one change.
const maxChange = 100

// entryText is an entry of a history: a line of who and when, and one for each change.
func entryText(collection string, e *entity.Entry) []string {
	did := plain(strings.TrimPrefix(e.Type, collection+"."), 40)
	if len(e.Voids) > 0 {
		did = "voids " + strings.Join(e.Voids, " ")
	}
	text := []string{fmt.Sprintf("%s  %s  %s  %s, position %d", e.EventID, did, cmp.Or(plain(e.Actor, 40), "nobody"), e.At.Format(time.RFC3339), e.Position)}
	if e.Reason != "" {
		text = append(text, "because: "+plain(e.Reason, maxChange))
	}
	if e.Voided != nil {
		text = append(text, plain(strings.TrimSuffix("without effect, voided by "+e.Voided.EventID+": "+e.Voided.Reason, ": "), maxChange))
	}
	if e.Waiting {
		text = append(text, "without effect yet: it waits for others")
	}
	for i := range e.Changes {
		text = append(text, plain(operationText(&e.Changes[i]), maxChange))
	}
	for i := range e.Damage {
		text = append(text, plain("damaged: "+damageText(&e.Damage[i]), maxChange))
	}
	return text
}

// operationText says what an operation does, in a line.
func operationText(o *entity.Operation) string {
	_, verbs := sortedMembers(o.Operation)
	switch o.Kind {
	case "register":
		if _, drops := verbs["drop"]; drops {
			return o.Property + " without a value"
		}
		return o.Property + " = " + string(verbs["set"])
	case "counter":
		amount := strings.Trim(string(verbs["add"]), `"`)
		if less, negative := strings.CutPrefix(amount, "-"); negative {
			return o.Property + " - " + less
		}
		return o.Property + " + " + amount
	case "set":
		return o.Property + sides(keysOf(verbs["add"]), keysOf(verbs["remove"]))
	case "map":
		var put []string
		keys, puts := sortedMembers(verbs["put"])
		for _, key := range keys {
			_, write := sortedMembers(puts[key])
			put = append(put, quotable(key)+" = "+string(write["value"]))
		}
		return o.Property + sides(put, keysOf(verbs["remove"]))
	}
	return o.Property + listText(verbs)
}

// keysOf are the names of an object's members.
func keysOf(object json.RawMessage) []string {
	names, _ := sortedMembers(object)
	return names
}

// sides are what was added and what was taken away.
func sides(added, removed []string) string {
	text := ""
	if len(added) > 0 {
		text += " + " + strings.Join(added, ", ")
	}
	if len(removed) > 0 {
		text += " - " + strings.Join(removed, ", ")
	}
	return cmp.Or(text, " is there")
}

// listText says what was done to a list. Its elements have ids that say nothing to people.
func listText(verbs map[string]json.RawMessage) string {
	var runs []struct{ Values []json.RawMessage }
	var gone []string
	_ = json.Unmarshal(verbs["insert"], &runs) // what the store took
	_ = json.Unmarshal(verbs["remove"], &gone)
	var added, removed []string
	for _, run := range runs {
		for _, v := range run.Values {
			added = append(added, string(v))
		}
	}
	if len(gone) > 0 {
		removed = []string{count(len(gone), "element", "elements")}
	}
	ids, sets := sortedMembers(verbs["set"])
	changed := make([]string, len(ids))
	for i, id := range ids {
		_, write := sortedMembers(sets[id])
		changed[i] = " an element = " + string(write["value"])
	}
	if len(changed) == 0 || len(added)+len(removed) > 0 {
		changed = slices.Insert(changed, 0, sides(added, removed))
	}
	return strings.Join(changed, ",")
}
