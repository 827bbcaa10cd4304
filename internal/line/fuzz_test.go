package line_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// FuzzParse gives lines whose checksum is right, whatever stands in them.
func FuzzParse(f *testing.F) {
	vectors := readVectors(f)
	for _, c := range vectors.Lines {
		f.Add([]byte(c.Line))
	}
	for _, c := range vectors.Invalid {
		f.Add([]byte(c.Line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkParsed(t, bytes.Clone(text))
		if i := bytes.LastIndex(text, []byte(`,"crc":"`)); i >= 0 {
			text = text[:i]
		}
		checkParsed(t, line.AppendCRC(bytes.Clone(text), line.Checksum(text), "}"))
		checkParsed(t, line.AppendCRC(bytes.Clone(text), line.Checksum(text), "  }"))
	})
}

// checkParsed looks at what has to hold of any bytes.
func checkParsed(t *testing.T, text []byte) {
	text = slices.Clip(text)
	var v line.View
	err := line.Parse(text, &v)
	stamp, n, checkErr := line.Check(text)
	if err == nil && checkErr != nil {
		t.Fatalf("Parse takes what Check refuses (%v): %s", checkErr, text)
	}
	if _, _, ok := line.ParseStamp(text); checkErr == nil && !ok {
		t.Fatalf("Check takes what ParseStamp refuses: %s", text)
	}
	if err != nil {
		return
	}
	if v.Stamp != stamp || n != len(v.Body) {
		t.Fatalf("Parse gives %+v, %d, Check %+v, %d: %s", v.Stamp, len(v.Body), stamp, n, text)
	}
	// The parts are all that there is, in their order.
	if again := rebuilt(&v); !bytes.Equal(again, v.Body) {
		t.Fatalf("the parts make\n%s\nof\n%s", again, v.Body)
	}
	again := line.AppendStamp(bytes.Clone(v.Body), v.Sum(), &v.Stamp)
	if covered := again[:len(again)-len(`,"crc":"00000000"}`)-1]; !bytes.Equal(covered, text[:len(covered)]) {
		t.Fatalf("the stamp makes\n%s\nof\n%s", again, text)
	}
	var owned, borrowed nacre.Event
	v.Event(&owned, false)
	v.Event(&borrowed, true)
	if !equal(&owned, &borrowed) {
		t.Fatalf("owned %+v, borrowed %+v: %s", owned, borrowed, text)
	}
	var decoded nacre.Event
	if (v.Data == nil || isValue(v.Data)) && plain(&v) && json.Unmarshal(text, &decoded) == nil && !equal(&decoded, &owned) {
		t.Fatalf("a client reads\n%+v, and here it is\n%+v: %s", decoded, owned, text)
	}
}

// rebuilt puts a view's parts together.
func rebuilt(v *line.View) []byte {
	e := nacre.Event{
		StreamID: nacre.StreamID(v.StreamID), ID: string(v.ID), Type: string(v.Type), Data: v.Data,
		DataHash: string(v.DataHash),
	}
	out := e.AppendBody(nil)
	if v.Binary != nil {
		out = append(bytes.TrimSuffix(out, []byte(`data":`)), `dataBase64":"`...)
		out = append(append(out, v.Binary...), '"')
	}
	for _, part := range []struct {
		key   string
		value []byte
	}{{"metadata", v.Metadata}, {"tags", v.Tags}, {"parents", v.Parents}} {
		if part.value != nil {
			out = append(append(append(append(out, `,"`...), part.key...), `":`...), part.value...)
		}
	}
	rest := nacre.Event{Data: []byte("0"), TransactionID: string(v.TransactionID), TransactionSize: v.TransactionSize}
	empty := nacre.Event{Data: []byte("0")}
	tail := rest.AppendBody(nil)[empty.BodySize():]
	if v.TransactionID != nil && len(v.TransactionID) == 0 {
		out = append(out, `,"transactionId":""`...)
	}
	return append(out, tail...)
}

// plain is true if no name has a character that names do not have, and the member that reads as nothing
// is not there.
func plain(v *line.View) bool {
	for _, name := range [][]byte{v.StreamID, v.ID, v.Type, v.DataHash, v.Tags, v.Parents, v.TransactionID} {
		for _, c := range name {
			if c < ' ' || c == '\\' || c >= 0x80 {
				return false
			}
		}
	}
	return v.Metadata == nil || isValue(v.Metadata)
}

// isValue is true for JSON without white space around it.
func isValue(text []byte) bool {
	return json.Valid(text) && len(bytes.TrimSpace(text)) == len(text)
}

// FuzzImport compares with package json, as far as that is as strict.
func FuzzImport(f *testing.F) {
	for _, c := range readVectors(f).Lines {
		f.Add([]byte(c.Line))
		f.Add([]byte(c.Line[:bytes.LastIndex([]byte(c.Line), []byte(`,"crc"`))] + "}"))
	}
	f.Add([]byte(` { "type" : "t", "data":[1, {"a":"}"}],"streamId":"\u00e9" } `))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := line.ParseImport(bytes.Clone(text))
		var members map[string]json.RawMessage
		if err != nil || json.Unmarshal(text, &members) != nil {
			return
		}
		var id, eventType string
		if json.Unmarshal(members["streamId"], &id) != nil || json.Unmarshal(members["type"], &eventType) != nil {
			t.Fatalf("taken without names: %s", text)
		}
		if string(in.Event.StreamID) != id || in.Event.Type != eventType {
			t.Fatalf("imported as %+v: %s", in.Event, text)
		}
		if in.Event.Data != nil && !bytes.Equal(in.Event.Data, members["data"]) {
			t.Fatalf("data is %s: %s", in.Event.Data, text)
		}
	})
}
