package line_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// vectors is spec/vectors/lines.json.
type vectors struct {
	Lines []struct {
		Name         string
		Event        vectorEvent
		Stamp        vectorStamp
		Padding      int
		BodyChecksum string
		Line         string
	}
	Invalid []struct{ Name, Rule, Line string }
}

type vectorEvent struct {
	StreamID        string `json:"streamId"`
	EventID         string `json:"eventId"`
	Type            string
	Data            string
	DataBase64      *string
	DataHash        string
	Metadata        string
	Tags, Parents   []string
	TransactionID   string `json:"transactionId"`
	TransactionSize int
}

func (v *vectorEvent) event(t *testing.T) nacre.Event {
	e := nacre.Event{
		StreamID: nacre.StreamID(v.StreamID), ID: v.EventID, Type: v.Type, DataHash: v.DataHash,
		Tags: v.Tags, Parents: v.Parents, TransactionID: v.TransactionID, TransactionSize: v.TransactionSize,
	}
	if v.Data != "" {
		e.Data = json.RawMessage(v.Data)
	}
	if v.Metadata != "" {
		e.Metadata = json.RawMessage(v.Metadata)
	}
	if v.DataBase64 != nil {
		var err error
		if e.Binary, err = base64.StdEncoding.DecodeString(*v.DataBase64); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

type vectorStamp struct {
	GlobalPosition nacre.Position
	StreamPosition int64
	CreatedAt      string
	Batch          [2]nacre.Position
	Synced         nacre.Position
}

func (v *vectorStamp) stamp(t *testing.T) line.Stamp {
	at, err := time.Parse(nacre.TimeFormat, v.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	return line.Stamp{
		Position: v.GlobalPosition, StreamPosition: v.StreamPosition, CreatedAt: at.UnixMicro(),
		BatchFirst: v.Batch[0], BatchLast: v.Batch[1], Synced: v.Synced,
	}
}

var rules = map[string]line.Rule{
	"end": line.RuleEnd, "checksum": line.RuleChecksum, "stamp": line.RuleStamp, "batch": line.RuleBatch,
	"synced": line.RuleSynced, "begin": line.RuleBegin, "data": line.RuleData, "base64": line.RuleBase64,
	"keys": line.RuleKeys, "padding": line.RulePadding,
}

func readVectors(t testing.TB) (v vectors) {
	text, err := os.ReadFile("../../spec/vectors/lines.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Lines) == 0 || len(v.Invalid) == 0 {
		t.Fatal("there are no vectors")
	}
	return v
}

func TestVectorsOfLines(t *testing.T) {
	for _, c := range readVectors(t).Lines {
		t.Run(c.Name, func(t *testing.T) {
			e, s := c.Event.event(t), c.Stamp.stamp(t)
			text := line.Append(nil, &e, &s)
			if want := strings.TrimRight(c.Line[:len(c.Line)-1], " ") + "}\n"; string(text) != want {
				t.Errorf("encoded as\n%swant\n%s", text, want)
			}
			if size := len(text) - e.BodySize(); size > line.MaxStamp {
				t.Errorf("the stamp has %d bytes, more than %d", size, line.MaxStamp)
			}
			var v line.View
			if err := line.Parse([]byte(c.Line), &v); err != nil {
				t.Fatal(err)
			}
			if v.Stamp != s {
				t.Errorf("stamp %+v, want %+v", v.Stamp, s)
			}
			if sum := fmt.Sprintf("%08x", v.Sum()); sum != c.BodyChecksum {
				t.Errorf("the body's checksum is %s, want %s", sum, c.BodyChecksum)
			}
			if want := string(e.AppendBody(nil)); string(v.Body) != want {
				t.Errorf("body\n%s\nwant\n%s", v.Body, want)
			}
			checkEvents(t, &v, &e, &s)
			stamp, n, err := line.Check([]byte(c.Line))
			if err != nil || stamp != s || n != len(v.Body) {
				t.Errorf("Check gives %+v, %d, %v", stamp, n, err)
			}
			if stamp, n, ok := line.ParseStamp([]byte(c.Line)); !ok || stamp != s || n != len(v.Body) {
				t.Errorf("ParseStamp gives %+v, %d, %v", stamp, n, ok)
			}
			var decoded nacre.Event
			if err := json.Unmarshal([]byte(c.Line), &decoded); err != nil {
				t.Fatal(err)
			}
			if want := stamped(e, &s); !equal(&decoded, &want) {
				t.Errorf("a client reads\n%+v, want\n%+v", decoded, want)
			}
		})
	}
}

// stamped is the event as a store returns it.
func stamped(e nacre.Event, s *line.Stamp) nacre.Event {
	e.GlobalPosition, e.StreamPosition = s.Position, s.StreamPosition
	e.CreatedAt = time.UnixMicro(s.CreatedAt).UTC()
	return e
}

// checkEvents looks at the borrowed and the owned event of a view.
func checkEvents(t *testing.T, v *line.View, e *nacre.Event, s *line.Stamp) {
	t.Helper()
	want := stamped(*e, s)
	for _, borrowed := range []bool{true, false} {
		got := nacre.Event{Tags: []string{"left over"}, DataHash: "left over"}
		v.Event(&got, borrowed)
		if !equal(&got, &want) {
			t.Errorf("the event, borrowed %v, is\n%+v, want\n%+v", borrowed, got, want)
		}
	}
}

// equal is true if every field is, nil and empty told apart where that has a meaning.
func equal(a, b *nacre.Event) bool {
	x, y := *a, *b
	for _, e := range []*nacre.Event{&x, &y} {
		if len(e.Tags) == 0 {
			e.Tags = nil
		}
		if len(e.Metadata) == 0 {
			e.Metadata = nil
		}
	}
	return reflect.DeepEqual(x, y)
}

func TestVectorsOfInvalidLines(t *testing.T) {
	for _, c := range readVectors(t).Invalid {
		t.Run(c.Name, func(t *testing.T) {
			rule, ok := rules[c.Rule]
			if !ok {
				t.Fatalf("no rule %q", c.Rule)
			}
			var v line.View
			if err := line.Parse([]byte(c.Line), &v); err != rule {
				t.Errorf("Parse gives %v, want %v", err, rule)
			}
			_, _, err := line.Check([]byte(c.Line))
			switch rule {
			case line.RuleEnd, line.RuleChecksum, line.RuleStamp, line.RuleBatch, line.RuleSynced:
				if err != rule {
					t.Errorf("Check gives %v, want %v", err, rule)
				}
			default:
				if err != nil {
					t.Errorf("Check looks at the body: %v", err)
				}
			}
		})
	}
}
