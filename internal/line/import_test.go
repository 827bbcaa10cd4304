package line_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

func exported() (text string, e nacre.Event, s line.Stamp) {
	e = nacre.Event{
		StreamID: "order-456", ID: "E1", Type: "order.shipped", Data: json.RawMessage(`{"n":1.50}`),
		Tags: []string{"customer:7"}, TransactionID: "T1",
	}
	s = line.Stamp{
		Position: 1042, StreamPosition: 2, BatchFirst: 1041, BatchLast: 1043, Synced: 1040,
		CreatedAt: time.Date(2026, 11, 20, 18, 55, 20, 471_204_000, time.UTC).UnixMicro(),
	}
	return strings.TrimSuffix(string(line.Append(nil, &e, &s)), "\n"), e, s
}

func TestImport(t *testing.T) {
	whole, e, s := exported()
	at := imported(e, &s)
	plain := nacre.Event{StreamID: "a-1", Type: "t", Data: json.RawMessage(`{ "x": [1, 2] }`)}
	erased := e
	erased.Data, erased.DataHash = nil, "00ff"
	erasedText := strings.TrimSuffix(string(line.Append(nil, &erased, &s)), "}\n")
	withCRC := func(text string) string {
		return string(line.AppendCRC([]byte(text), line.Checksum([]byte(text)), "}"))
	}
	for _, c := range []struct {
		name, text string
		want       line.Imported
	}{
		{"a whole line", whole, line.Imported{Event: at, Whole: true, Position: 1042, BatchFirst: 1041, BatchLast: 1043}},
		{"a whole line with a line feed", whole + "\r\n", line.Imported{Event: at, Whole: true, Position: 1042, BatchFirst: 1041, BatchLast: 1043}},
		{"a whole line without its crc", whole[:strings.Index(whole, `,"crc"`)] + "}", line.Imported{Event: at, Whole: true, Position: 1042, BatchFirst: 1041, BatchLast: 1043}},
		{
			"an erased line", erasedText + "   }",
			line.Imported{Event: imported(erased, &s), Whole: true, Position: 1042, BatchFirst: 1041, BatchLast: 1043},
		},
		{
			"a line of a later format", withCRC(whole[:strings.Index(whole, `,"crc"`)] + `,"colour":"red"`),
			line.Imported{Event: at, Whole: true, Position: 1042, BatchFirst: 1041, BatchLast: 1043},
		},
		{"what a client has", `{"streamId":"a-1","eventId":"E","type":"t","data":1,"globalPosition":7,"streamPosition":0,"createdAt":"2026-11-20T18:55:20.471204Z"}`, line.Imported{
			Event: nacre.Event{StreamID: "a-1", ID: "E", Type: "t", Data: json.RawMessage("1"), CreatedAt: at.CreatedAt}, Whole: true, Position: 7,
		}},
		{"the least", ` { "type":"t" , "data": { "x": [1, 2] },"streamId" :"a-1"} `, line.Imported{Event: plain}},
		{"an escaped name", `{"streamId":"a\u002d1","type":"t","data":{ "x": [1, 2] }}`, line.Imported{Event: plain}},
		{"an escaped member", `{"streamI\u0064":"a-1","type":"t","data":{ "x": [1, 2] }}`, line.Imported{Event: plain}},
		{"nulls", `{"streamId":"a-1","type":"t","data":null,"metadata":null,"tags":null,"eventId":null}`, line.Imported{
			Event: nacre.Event{StreamID: "a-1", Type: "t", Data: json.RawMessage("null")},
		}},
		{"a time with an offset", `{"streamId":"a-1","type":"t","data":0,"createdAt":"2026-11-20T19:55:20.4712049+01:00"}`, line.Imported{
			Event: nacre.Event{StreamID: "a-1", Type: "t", Data: json.RawMessage("0"), CreatedAt: at.CreatedAt},
		}},
		{"everything else", `{"transactionSize":2,"parents":[],"tags":["b","c"],"dataBase64":"AAEC","metadata":{"a":"}"},"type":"t","streamId":"a-1","transactionId":"T","eventId":"E"}`, line.Imported{
			Event: nacre.Event{
				StreamID: "a-1", ID: "E", Type: "t", Binary: []byte{0, 1, 2}, Metadata: json.RawMessage(`{"a":"}"}`),
				Tags: []string{"b", "c"}, Parents: []string{}, TransactionID: "T", TransactionSize: 2,
			},
		}},
		{"an empty payload", `{"streamId":"a-1","type":"t","dataBase64":""}`, line.Imported{
			Event: nacre.Event{StreamID: "a-1", Type: "t", Binary: []byte{}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := line.ParseImport([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !equal(&got.Event, &c.want.Event) {
				t.Errorf("event\n%+v, want\n%+v", got.Event, c.want.Event)
			}
			got.Event, c.want.Event = nacre.Event{}, nacre.Event{}
			if !equalImported(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func equalImported(a, b line.Imported) bool {
	return a.Whole == b.Whole && a.Position == b.Position && a.BatchFirst == b.BatchFirst && a.BatchLast == b.BatchLast
}

func TestImportRefuses(t *testing.T) {
	whole, _, _ := exported()
	var crowd strings.Builder
	crowd.WriteString(`{"streamId":"a-1","type":"t","data":1`)
	for i := range 200 {
		crowd.WriteString(`,"m` + strings.Repeat("x", i) + `":0`)
	}
	for _, c := range []struct{ name, text, tells string }{
		{"nothing", "", "not a JSON object"},
		{"an array", "[]", "not a JSON object"},
		{"a line that was changed", strings.Replace(whole, "1.50", "1.5", 1), "changed after it was exported"},
		{"a crc that is not the last member", `{"crc":"00000000","streamId":"a-1","type":"t","data":1}`, "changed after it was exported"},
		{"white space in an exported line", strings.Replace(whole, ",", ", ", 1), "changed after it was exported"},
		{"a misspelt member", `{"streamId":"a-1","type":"t","data":1,"metdata":{}}`, `"metdata" is not known`},
		{"a member twice", `{"streamId":"a-1","type":"t","data":1,"type":"u"}`, `"type" stands twice`},
		{"a member twice, once escaped", `{"streamId":"a-1","type":"t","data":1,"typ\u0065":"u"}`, `"type" stands twice`},
		{"no stream", `{"type":"t","data":1}`, `"streamId" is missing`},
		{"no type", `{"streamId":"a-1","data":1}`, `"type" is missing`},
		{"no data", `{"streamId":"a-1","type":"t"}`, `"data" is missing`},
		{"a number as a name", `{"streamId":7,"type":"t","data":1}`, `"streamId"`},
		{"half a pair in a name", `{"streamId":"a-\ud83d","type":"t","data":1}`, "surrogate"},
		{"bytes that are not UTF-8", "{\"streamId\":\"a-\xff\",\"type\":\"t\",\"data\":1}", "UTF-8"},
		{"a time that is none", `{"streamId":"a-1","type":"t","data":1,"createdAt":"yesterday"}`, `"createdAt"`},
		{"a payload that is not base64", `{"streamId":"a-1","type":"t","dataBase64":"%%%%"}`, `"dataBase64"`},
		{"a batch of three", `{"streamId":"a-1","type":"t","data":1,"batch":[1,2,3]}`, `"batch"`},
		{"tags that are numbers", `{"streamId":"a-1","type":"t","data":1,"tags":[1]}`, `"tags"`},
		{"a comma too many", `{"streamId":"a-1","type":"t","data":1,}`, "is not JSON"},
		{"a colon too few", `{"streamId" "a-1","type":"t","data":1}`, "is not JSON"},
		{"no comma", `{"streamId":"a-1" "type":"t","data":1}`, "is not JSON"},
		{"no end", `{"streamId":"a-1","type":"t","data":1`, "is not JSON"},
		{"two values", `{"streamId":"a-1","type":"t","data":1}{}`, "is not JSON"},
		{"data that does not end", `{"streamId":"a-1","type":"t","data":{"a":1}`, "is not JSON"},
		{"very many members", crowd.String() + "}", "more than 100 members"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := line.ParseImport([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.tells) {
				t.Errorf("error %v, want one that tells %q", err, c.tells)
			}
		})
	}
}
