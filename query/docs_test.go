package query

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

// TestDocs runs docs/query.md.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../docs/query.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), "## Over a log's events")
	events, after, also := strings.Cut(rest, "## Errors")
	if !ok || !also {
		t.Fatal("the page has no section about events")
	}
	documentedEvents(t, events)
	text := before + "## Errors" + after
	c := documented(t, text)
	db := memoryDB(t)
	for _, of := range c.all {
		if err := of.create(db); err != nil {
			t.Fatal(err)
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `(.*?)` \\| (?:`(.*?)` \\| )?(.*) \\|$").FindAllStringSubmatch(text, -1)
	if len(rows) < 30 {
		t.Fatalf("there are only %d examples", len(rows))
	}
	for _, row := range rows {
		var given json.RawMessage
		if row[2] != "" {
			given = json.RawMessage(row[2])
		}
		p, err := planOf(c, row[1], params(t, given))
		if err != nil {
			t.Errorf("%s: %v", row[1], err)
			continue
		}
		got, err := compare(db, p, c, nil)
		if err != nil {
			t.Fatalf("%s: %v", row[1], err)
		}
		got = strings.ReplaceAll(got, "\n", ", ")
		if len(p.Columns()) > 0 {
			_, got, _ = strings.Cut(got, ", ")
			_, got, _ = strings.Cut(" | "+got, " | ") // the columns' names are before
			got = strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(got, " | , ", "; "), " | ", ", "), "; ")
		}
		if got != row[3] {
			t.Errorf("%s gives %s and should give %s", row[1], got, row[3])
		}
	}
	documentedErrors(t, text, c)
	documentedCalls(t, text)
}

// documentedEvents tries the conditions over an event.
func documentedEvents(t *testing.T, text string) {
	block := regexp.MustCompile("(?s)```jsonl\n(.*?)\n```").FindStringSubmatch(text)
	if block == nil {
		t.Fatal("there is no event")
	}
	var event nacre.Event
	if err := event.UnmarshalJSON([]byte(block[1])); err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(.*?)` \\| (.*) \\|$").FindAllStringSubmatch(text, -1)
	if len(rows) < 7 {
		t.Fatalf("there are only %d conditions", len(rows))
	}
	for _, row := range rows {
		c, err := Where(row[1])
		if err != nil {
			t.Errorf("%s: %v", row[1], err)
			continue
		}
		var r Event
		r.Reset(&event)
		if got := c.plan.Truth(&r, nil).String(); got != row[2] || c.Matches(&event) != (got == "true") {
			t.Errorf("%s is %s and should be %s", row[1], got, row[2])
		}
	}
}

// documented are the page's collections.
func documented(t *testing.T, text string) *collection {
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("there are %d blocks of JSON", len(blocks))
	}
	v := vectors{
		Schemas: map[string]map[string]string{"albums": {}, "artists": {"name": "text", "country": "text"}},
		Rows: map[string]map[string]json.RawMessage{
			"artists": {"muse": []byte(`{"name":"Muse","country":"England"}`), "evan": []byte(`{"name":"Evan"}`)},
		},
	}
	var schema map[string]string
	var rows map[string]json.RawMessage
	if err := json.Unmarshal([]byte(blocks[0][1]), &schema); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(blocks[1][1]), &rows); err != nil {
		t.Fatal(err)
	}
	v.Schemas["albums"], v.Rows["albums"] = schema, rows
	return v.collections(t)["albums"]
}

func documentedErrors(t *testing.T, text string, c *collection) {
	block := regexp.MustCompile("(?s)## Errors.*?```\n(.*?)\n```").FindStringSubmatch(text)
	if block == nil {
		t.Fatal("there are no errors")
	}
	for example := range strings.SplitSeq(block[1], "\n\n") {
		q, want, _ := strings.Cut(example, "\n")
		if _, err := planOf(c, q, nil); err == nil || err.Error() != want {
			t.Errorf("%s gives\n%v\nand should give\n%s", q, err, want)
		}
	}
}

// documentedCalls sees to it that the calls of the page stand in the package's example, which compiles.
func documentedCalls(t *testing.T, text string) {
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := regexp.MustCompile(`query\.\w+\(.*?"\S+ = |plan\.\w+|query\.[A-Z]\w+`).FindAllString(text, -1)
	if len(calls) < 8 {
		t.Fatalf("there are only %q", calls)
	}
	for _, call := range calls {
		if !strings.Contains(string(example), call) {
			t.Errorf("the example does not have %s", call)
		}
	}
}
