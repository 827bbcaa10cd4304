package server

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestReadStream(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		for query, want := range map[string][]int{
			"":                              {1, 3, 4},
			"?from=1":                       {3, 4},
			"?to=1":                         {1, 3},
			"?from=1&to=1":                  {3},
			"?from=3":                       {},
			"?limit=2":                      {1, 3},
			"?direction=backwards":          {4, 3, 1},
			"?direction=backwards&limit=1":  {4},
			"?type=order.p*":                {1, 3},
			"?type=order.p*&from=1":         {3},
			"?tag=customer:7":               {1},
			"?after=1&before=4":             {3},
			"?fromStreamPosition=1":         {3, 4},
			"?fromDate=2100-01-01":          {},
			"?expectedStreamVersion=2":      {1, 3, 4},
			"?offset=1&maxCount=1":          {3},
			"?toDate=2100-01-01&offset=2":   {4},
			"?direction=backwards&offset=2": {1},
		} {
			r := h.get(logPath + "/streams/order-1" + query).is(200)
			same(t, positions(r.events()), want)
			r.has(2, "currentStreamVersion").has("order-1", "streamId")
			lines := h.get(logPath+"/streams/order-1"+query, "Accept", wire.TypeNDJSON).is(200)
			same(t, positions(lines.lines()), want)
		}
		h.get(logPath+"/streams/order-1?limit=2").has(true, "hasMore")
		h.get(logPath+"/streams/order-1?limit=3").has(false, "hasMore")
		h.get(logPath+"/streams/order-1?limit=1&includeCount=true").has(3, "pagination", "total")
		h.get(logPath+"/streams/none-1").is(200).has(-1, "currentStreamVersion").has(false, "hasMore")
		if r := h.get(logPath + "/streams/none-1"); !strings.Contains(string(r.body), `"events":[]`) {
			t.Errorf("a stream that does not exist is %s", r.body)
		}
		h.get(logPath+"/streams/order-1?expectedStreamVersion=1").has(2, "details", "currentStreamVersion").refused(nacre.CodeVersionConflict)
		h.get(logPath+"/streams/order-1?from=-1").refused(nacre.CodeInvalid, "from")
		h.get(logPath+"/streams/order-1?limit=10001").refused(nacre.CodeInvalid, "limit")
		h.get(logPath+"/streams/order-1?category=order").refused(nacre.CodeInvalid, "category")
		h.get(logPath+"/streams/order-1", "Accept", wire.TypeSSE).refused(nacre.CodeUnsupported, "streamId=order-1")
		h.get(logPath+"/streams/%ff").is(200).has(-1, "currentStreamVersion")
	})
}

func TestFindEvent(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		h.post(logPath+"/streams/a%2Fb/events", `{"events":[{"type":"t","data":1,"eventId":"c/d%?"},{"type":"t","data":2}]}`).is(201)
		h.post(logPath+"/streams/order-2/events", `{"events":[{"type":"t","data":1,"eventId":"c/d%?"}]}`).is(201)
		lines := strings.SplitAfter(string(h.get(logPath+"/events", "Accept", wire.TypeNDJSON).body), "\n")
		for i, e := range h.get(logPath + "/events").events() {
			path := "/streams/" + url.PathEscape(string(e.StreamID)) + "/events/" + url.PathEscape(e.ID)
			for _, h := range []*harness{h, h.at("/api")} {
				r := h.get(logPath + path).is(200)
				if want := strings.TrimSuffix(lines[i], "\n"); string(r.body) != want || r.header.Get("Content-Type") != wire.TypeJSON {
					t.Errorf("%s of %s is %q, %s; its line is %s", e.ID, e.StreamID, r.header.Get("Content-Type"), r.body, want)
				}
				h.get(logPath + path + "x").refused(nacre.CodeNotFound)
				h.get(logPath + "/system" + path).refused(nacre.CodeNotFound)
			}
		}
		e := h.get(logPath + "/streams/order-1").events()[0]
		r := h.get(logPath + "/streams/order-2/events/" + e.ID)
		r.refused(nacre.CodeNotFound, "order-2", e.ID)
		r.has("order-2", "details", "streamId").has(e.ID, "details", "eventId")
		h.get(logPath+"/streams/none-1/events/c%2Fd%25%3F").refused(nacre.CodeNotFound, "none-1", "c/d%?")
		h.get(logPath+"/streams/order-1/events/a%20b").has("eventId", "details", "field").refused(nacre.CodeInvalid)
		h.get(logPath+"/streams/-1/events/a").has("streamId", "details", "field").refused(nacre.CodeInvalid)
		h.get(logPath+"/streams/%ff/events/a").has("streamId", "details", "field").refused(nacre.CodeInvalid)
		h.get(logPath+"/streams/order-1/events/"+strings.Repeat("i", 65)).refused(nacre.CodeInvalid, "64")
		h.post(logPath+"/streams/order-1/events/"+e.ID, `{}`).refused(wire.CodeMethodNotAllowed)
		h.get("/event-stores/none/streams/order-1/events/"+e.ID).refused(wire.CodeStoreNotFound, "none")

		h.post(logPath+"/system/streams/s-1", `{"events":[{"type":"t","data":1,"eventId":"mine"}]}`).is(201)
		h.get(logPath+"/system/streams/s-1/events/mine").is(200).has("s-1", "streamId").has("mine", "eventId")
		h.get(logPath + "/streams/s-1/events/mine").refused(nacre.CodeNotFound)
	})
}

func TestReadEvents(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		created := h.get(logPath + "/events").events()[2].CreatedAt.Format(nacre.TimeFormat)
		filter := url.QueryEscape(`{"items":[{"types":["order.paid"]},{"tags":["eu"]}]}`)
		for query, want := range map[string][]int{
			"":                                      {1, 2, 3, 4, 5, 6},
			"?type=order.placed":                    {1, 5},
			"?type=order.placed&type=payment.*":     {1, 2, 5, 6},
			"?category=payment":                     {2, 6},
			"?streamId=order-2&streamId=payment-1":  {2, 5},
			"?tag=customer:7":                       {1, 2},
			"?tag=customer:7&tag=eu":                {2},
			"?tag=customer:7&category=order":        {1},
			"?after=2":                              {3, 4, 5, 6},
			"?before=3":                             {1, 2},
			"?after=1&before=5&direction=backwards": {4, 3, 2},
			"?limit=2":                              {1, 2},
			"?fromPosition=5":                       {5, 6},
			"?toPosition=2":                         {1, 2},
			"?offset=4":                             {5, 6},
			"?offset=1&limit=1&category=payment":    {6},
			"?filter=" + filter:                     {2, 3},

			"?sortBy=globalPosition&sortDirection=desc":           {6, 5, 4, 3, 2, 1},
			"?fromDate=2100-01-01":                                {},
			"?toDate=2100-01-01&limit=2&offset=1":                 {2, 3},
			"?toDate=2001-01-01":                                  {},
			"?fromDate=" + created + "&toDate=2100-01-01&after=2": {3, 4, 5, 6},

			"?after=99": {},
		} {
			same(t, positions(h.get(logPath+"/events"+query).is(200).events()), want)
			lines := h.get(logPath+"/events"+query, "Accept", wire.TypeNDJSON).is(200)
			same(t, positions(lines.lines()), want)
		}
		id := h.get(logPath + "/events?limit=1&after=3").events()[0]
		same(t, positions(h.get(logPath+"/events?eventId="+id.ID).events()), []int{4})
		same(t, positions(h.get(logPath+"/events?transactionId="+id.TransactionID).events()), []int{3, 4})

		h.get(logPath+"/events?limit=6").has(false, "hasMore").has(6, "lastPosition")
		h.get(logPath+"/events?limit=5").has(true, "hasMore").has(5, "lastPosition").has(5, "pagination", "limit")
		h.get(logPath+"/events?limit=5&direction=backwards").has(true, "hasMore").has(2, "lastPosition")
		h.get(logPath+"/events?category=order&limit=4&toDate=2100-01-01").has(false, "hasMore").has(5, "lastPosition")
		h.get(logPath+"/events?category=order&limit=3&toDate=2100-01-01").has(true, "hasMore").has(4, "lastPosition")
		h.get(logPath+"/events?after=6").has(false, "hasMore").has(6, "lastPosition")
		h.get(logPath+"/events?category=order&limit=1&offset=1&includeCount=true").has(4, "pagination", "total").has(true, "hasMore").has(3, "lastPosition")

		// Page by page.
		var all []int
		for after := 0; ; {
			r := h.get(fmt.Sprintf("%s/events?category=order&limit=3&after=%d", logPath, after))
			all = append(all, positions(r.events())...)
			after = int(r.json()["lastPosition"].(float64))
			if r.json()["hasMore"] == false {
				break
			}
		}
		same(t, all, []int{1, 3, 4, 5})

		epoch := h.get(logPath + "/head").json()["epoch"].(string)
		same(t, positions(h.get(logPath+"/events?after=4@"+epoch).is(200).events()), []int{5, 6})
		h.get(logPath + "/events?after=4@other").refused(nacre.CodeLogRewound)
		h.get(logPath + "/events?after=7@" + epoch).refused(nacre.CodeLogRewound)
		h.get(logPath+"/events?limit=0").refused(nacre.CodeInvalid, "limit")
		h.get(logPath+"/events?limit=10001").refused(nacre.CodeInvalid, "limit")
		h.get(logPath+"/events?sortBy=createdAt").refused(nacre.CodeUnsupported, "sortBy")
		h.get(logPath+"/events?phase=1").refused(nacre.CodeInvalid, "phase")
		h.get(logPath+"/events?includeCount=true", "Accept", wire.TypeNDJSON).refused(nacre.CodeUnsupported, "includeCount")
	})
}

// A page has the stored lines themselves.
func TestPagesHaveTheStoredLines(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &Options{Backend: folders{t.TempDir()}})
	h.fill()
	lines := strings.TrimSuffix(string(h.get(logPath+"/events", "Accept", wire.TypeNDJSON).body), "\n")
	page := string(h.get(logPath + "/events").body)
	if want := `{"events":[` + strings.ReplaceAll(lines, "\n", ",") + `],"lastPosition":6,`; !strings.HasPrefix(page, want) {
		t.Errorf("the page is %s, want it to begin with %s", page, want)
	}
	if !strings.Contains(lines, `"crc":"`) {
		t.Errorf("the lines are %s", lines)
	}
}

// A page ends before it has too many bytes, and says that there is more.
func TestPagesAreBoundedByBytes(t *testing.T) {
	megabytes(t)
	t.Parallel()
	h := newHarness(t, nil)
	large := `{"type":"a","data":"` + strings.Repeat("x", 1<<20-4096) + `"}`
	for range 6 {
		h.post(logPath+"/streams/s-1", `{"events":[`+large+`,`+large+`,`+large+`]}`).is(201)
	}
	first := h.get(logPath+"/events").is(200).has(true, "hasMore")
	if n := len(first.events()); n != 16 || len(first.body) > pageBytes+1024 {
		t.Errorf("the first page has %d events in %d bytes", n, len(first.body))
	}
	h.get(logPath+"/events?after=16").is(200).has(false, "hasMore").has(18, "lastPosition")
}

func TestQueryAndRead(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b Backend) {
		h := newHarness(t, &Options{Backend: b})
		h.fill()
		for body, want := range map[string][]int{
			`{}`: {1, 2, 3, 4, 5, 6},
			`{"query":{"items":[{"types":["order.placed"],"tags":["customer:8"]}]}}`: {5},
			`{"query":{"items":[]},"after":4}`:                                       {5, 6},
			`{"query":{"items":[]},"after":1,"before":5,"limit":2}`:                  {2, 3},
			`{"direction":"backwards","limit":1}`:                                    {6},
		} {
			same(t, positions(h.post(logPath+"/query", body).is(200).events()), want)
			same(t, positions(h.post(logPath+"/query", body, "Accept", wire.TypeNDJSON).is(200).lines()), want)
		}
		h.post(logPath+"/query", `{"query":{"items":[]},"limit":2}`).has(true, "hasMore").has(2, "lastPosition")
		h.post(logPath+"/query", `{"filter":{}}`).refused(nacre.CodeInvalid, "filter")
		h.post(logPath+"/query", `{}`, "Accept", wire.TypeSSE).refused(nacre.CodeUnsupported)

		for body, want := range map[string][]int{
			`{}`: {1, 2, 3, 4, 5, 6},
			`{"filter":{"items":[{"streams":["order-1"]}]},"from":1,"until":2}`:         {3},
			`{"filter":{"items":[{"streams":["order-1"]}]},"backwards":true,"limit":1}`: {4},
			`{"filter":{"items":[]},"after":2,"before":5}`:                              {3, 4},
			`{"after":99}`: {},
		} {
			r := h.post(logPath+"/read", body).is(200)
			same(t, positions(r.lines()), want)
			if r.header.Get("Content-Type") != wire.TypeNDJSON || r.end.Get(wire.TrailerEnd) == "" {
				t.Errorf("%s is answered with %v and %v", body, r.header, r.end)
			}
		}
		h.post(logPath+"/read", `{"filter":{"items":[]},"from":1}`).refused(nacre.CodeInvalid, "from")
		h.post(logPath+"/read", `{"after":"1@other"}`).refused(nacre.CodeLogRewound)
		h.post(logPath+"/read", `{"query":{}}`).refused(nacre.CodeInvalid, "query")
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	epoch := h.get(logPath+"/head").is(200).has(0, "globalPosition").json()["epoch"].(string)
	h.fill()
	h.get(logPath+"/head").has(6, "globalPosition").has(epoch, "epoch")
	h.get(logPath+"/head?wait=5").has(6, "globalPosition")
	h.get(logPath+"/head?wait=6@other&timeout=300").has(6, "globalPosition")
	h.get(logPath+"/head?wait=6&timeout=1").is(200).has(6, "globalPosition")
	h.get(logPath+"/head?wait=6&timeout=301").refused(nacre.CodeInvalid, "timeout")
	h.get(logPath+"/head?wait=x").refused(nacre.CodeInvalid, "wait")
	done := make(chan *result)
	go func() {
		r, _ := h.try("GET", logPath+"/head?wait=6@"+epoch+"&timeout=300", "")
		done <- r
	}()
	h.post(logPath+"/streams/order-1", `{"events":[{"type":"a","data":1}]}`).is(201)
	if r := <-done; r == nil || r.is(200).json()["globalPosition"] != 7.0 {
		t.Errorf("who waited got %+v", r)
	}
	if h.get(logPath + "/system/head").is(200).json()["epoch"] == epoch {
		t.Error("the companion log has the epoch of the log")
	}
}
