package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// rows is a result as a client keeps it: "id values", in order.
type rows []string

// apply makes a notice's changes.
func (r rows) apply(n *wire.LiveNotice) (rows, error) {
	for i := range n.Changes {
		c := &n.Changes[i]
		if c.Kind == "initial" && i == 0 && n.Reset {
			r = nil
		}
		if c.Kind == "remove" || c.Kind == "update" || c.Kind == "move" {
			at := slices.IndexFunc(r, func(row string) bool { return strings.HasPrefix(row, c.ID+" ") })
			if at < 0 || c.Kind != "move" && at != c.Index {
				return nil, fmt.Errorf("%+v: the result is %v", c, r)
			}
			r = slices.Delete(r, at, at+1)
		}
		if c.Kind == "remove" {
			if c.Row != nil {
				return nil, fmt.Errorf("%s of a row that goes", c.Row)
			}
			continue
		}
		if c.Index > len(r) {
			return nil, fmt.Errorf("%+v: the result is %v", c, r)
		}
		r = slices.Insert(r, c.Index, c.ID+" "+string(c.Row))
	}
	if n.Reset && len(n.Changes) == 0 {
		r = nil
	}
	return r, nil
}

// recording keeps all bytes that arrive.
type recording struct {
	io.ReadCloser
	mu   sync.Mutex
	seen bytes.Buffer
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Write(p[:n])
	return n, err
}

func (r *recording) bytes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.String()
}

// lived is a client of a live query over server-sent events.
type lived struct {
	*testing.T
	*wire.SSEReader
	raw *recording
	end context.CancelFunc
	has rows
	at  nacre.Position
}

// live follows a query; headers are pairs.
func (h *harness) live(path string, headers ...string) *lived {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.web.URL+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	reply, err := h.web.Client().Do(r)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = reply.Body.Close() })
	raw := &recording{ReadCloser: reply.Body}
	if reply.StatusCode != http.StatusOK || reply.Header.Get("Content-Type") != wire.TypeSSE {
		text, _ := io.ReadAll(raw)
		h.Fatalf("%s is answered with %d %s", path, reply.StatusCode, text)
	}
	return &lived{T: h.T, SSEReader: wire.NewSSEReader(raw, 32<<20), raw: raw, end: cancel}
}

func (l *lived) notice() (*wire.LiveNotice, error) {
	f, err := l.Next()
	if err != nil || f.Kind != wire.FrameEvent {
		return nil, errors.Join(err, f.Err)
	}
	var n wire.LiveNotice
	if err := json.Unmarshal(f.Line, &n); err != nil {
		return nil, err
	}
	if n.Position != f.Cursor.Position || n.Position < l.at {
		return nil, fmt.Errorf("position %d, id %d, behind %d", n.Position, f.Cursor.Position, l.at)
	}
	l.at = n.Position
	l.has, err = l.has.apply(&n)
	return &n, err
}

// next wants a notice with changes as in "initial a 0; ".
func (l *lived) next(want string) *wire.LiveNotice {
	l.Helper()
	n, err := l.notice()
	if err != nil {
		l.Fatal(err)
	}
	if got := changes(n); got != want {
		l.Fatalf("told %q, want %q", got, want)
	}
	return n
}

func changes(n *wire.LiveNotice) string {
	var b strings.Builder
	for i := range n.Changes {
		fmt.Fprintf(&b, "%s %s %d; ", n.Changes[i].Kind, n.Changes[i].ID, n.Changes[i].Index)
	}
	return b.String()
}

func livePath(q string) string { return notesPath + "/live?q=" + url.QueryEscape(q) }

func (h *harness) note(do, id, body string, headers ...string) *result {
	h.Helper()
	if do == "POST" {
		return h.post(notesPath+"/entities", `{"id":"`+id+`","values":`+body+`}`, headers...).is(201)
	}
	return h.do(do, notesPath+"/entities/"+id, body, headers...).is(200)
}

// newLive is an open server with notes.
func newLive(t *testing.T, o *Options) *harness {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	o.Entities = inMemory
	h := newHarness(t, o)
	h.do("PUT", notesPath, notesSaid).is(201)
	return h
}

func TestLiveQueryOverSSE(t *testing.T) {
	t.Parallel()
	h := newLive(t, &Options{Heartbeat: 20 * time.Millisecond})
	h.note("POST", "a", `{"owner":"ann","rank":1}`)
	h.note("POST", "b", `{"owner":"bob","rank":2}`)
	l := h.live(livePath("owner = :who ORDER BY rank") + "&p.who=ann")
	if n := l.next("initial a 0; "); n.Position != 3 || n.Reset || string(n.Changes[0].Row) != `{"owner":"ann","rank":1}` {
		t.Errorf("told %+v", n)
	}
	made := h.note("POST", "c", `{"owner":"ann","rank":0}`)
	if n := l.next("add c 0; "); jsonNumber(made.json()["lastPosition"]) != fmt.Sprint(n.Position) {
		t.Errorf("it stands at %d", n.Position)
	}
	h.note("PATCH", "c", `{"set":{"text":"x"}}`)
	l.next("update c 0; ")
	h.note("PATCH", "c", `{"set":{"rank":5}}`)
	l.next("move c 1; ")
	h.note("PATCH", "b", `{"set":{"text":"nothing to her"}}`)
	h.note("DELETE", "a", "")
	last := l.next("remove a 0; ").Position
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = l.Next() })
	eventually(t, "signs of life", func() bool { return strings.Contains(l.raw.bytes(), "\n"+wire.SSEComment) })
	if strings.Contains(l.raw.bytes(), "bob") {
		t.Errorf("it is told of others: %s", l.raw.bytes())
	}
	l.end()
	reading.Wait()
	// Who comes again has all rows anew.
	for _, again := range []*lived{
		h.live(livePath("owner = 'ann' ORDER BY rank"), wire.HeaderLastEventID, fmt.Sprint(last)),
		h.live(livePath("owner = 'ann' ORDER BY rank") + "&after=" + fmt.Sprint(last)),
	} {
		if n := again.next("initial c 0; "); !n.Reset {
			t.Errorf("told %+v", n)
		}
		h.note("PATCH", "c", `{"set":{"text":"`+nacre.NewID()+`"}}`)
		if n := again.next("update c 0; "); n.Reset {
			t.Errorf("told %+v", n)
		}
	}
	table := h.live(livePath("SELECT owner, count(*) AS n GROUP BY owner ORDER BY owner"))
	if n := table.next(""); n.Changes != nil || fmt.Sprint(n.Columns) != "[owner n]" || len(n.Rows) != 2 {
		t.Errorf("told %+v", n)
	}
	h.note("POST", "d", `{"owner":"eve"}`)
	if n := table.next(""); len(n.Rows) != 3 || string(n.Rows[2][0]) != `"eve"` {
		t.Errorf("told %+v", n)
	}
	if n := h.live(livePath("owner = 'nobody'")).next(""); n.Changes == nil {
		t.Errorf("told %+v", n)
	}
	h.get(livePath("owner = ")).refused(nacre.CodeInvalid, `"field":"q"`, `"column":9`)
	h.get(livePath("nobody = 1")).refused(nacre.CodeInvalid, `"field":"q"`, "nobody")
	h.get(livePath("owner = :x")).refused(nacre.CodeInvalid, "x")
	h.get(notesPath+"/live?limit=3").refused(nacre.CodeInvalid, "limit")
	h.get(logPath+"/collections/none/live").refused(nacre.CodeNotFound, "none")
	if head := h.do("HEAD", livePath(""), ""); head.status != 200 || head.header.Get("Content-Type") != wire.TypeSSE {
		t.Errorf("HEAD is answered with %d", head.status)
	}
	eventually(t, "the figures", func() bool { return strings.Contains(string(h.get("/metrics").body), "nacre_live_queries 4") })
}

func (h *harness) liveSocket(header ...string) *talk {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.Cleanup(cancel)
	o := &websocket.DialOptions{HTTPClient: h.web.Client(), HTTPHeader: http.Header{}}
	for pair := range slices.Chunk(header, 2) {
		o.HTTPHeader.Set(pair[0], pair[1])
	}
	conn, _, err := websocket.Dial(ctx, h.web.URL+logPath+"/live", o) //nolint:bodyclose // the library closes it
	if err != nil {
		h.Fatal(err)
	}
	conn.SetReadLimit(-1)
	h.Cleanup(func() { _ = conn.CloseNow() })
	return &talk{h.T, conn, ctx}
}

// liveMessage is anything that a server says.
type liveMessage struct {
	wire.LiveNotice
	Error        *wire.ErrorBody
	Unsubscribed bool
}

func (c *talk) live() liveMessage {
	c.Helper()
	_, message, err := c.Read(c.ctx)
	var m liveMessage
	if err == nil {
		err = json.Unmarshal(message, &m)
	}
	if err != nil {
		c.Fatalf("%s: %v", message, err)
	}
	return m
}

// told wants changes of a query.
func (c *talk) told(id int64, want string) liveMessage {
	c.Helper()
	m := c.live()
	if m.ID != id || m.Error != nil || changes(&m.LiveNotice) != want {
		c.Fatalf("told %+v, want %d %q", m, id, want)
	}
	return m
}

// over wants a query to end with an error.
func (c *talk) overFor(id int64, code nacre.Code, words ...string) {
	c.Helper()
	m := c.live()
	if m.ID != id || m.Error == nil || m.Error.Code != code {
		c.Fatalf("told %+v, want the end of %d with %s", m, id, code)
	}
	text, _ := json.Marshal(m.Error)
	for _, w := range words {
		if !strings.Contains(string(text), w) {
			c.Fatalf("told %s, want %q in it", text, w)
		}
	}
}

func TestLiveQueriesOverWebSocket(t *testing.T) {
	t.Parallel()
	h := newLive(t, nil)
	h.note("POST", "a", `{"owner":"ann","rank":1}`)
	h.note("POST", "b", `{"owner":"bob","rank":2}`)
	c := h.liveSocket()
	c.say(`{"subscribe":{"id":1,"collection":"notes","q":"owner = ?","args":["ann"]}}`).told(1, "initial a 0; ")
	c.say(`{"subscribe":{"id":7,"collection":"notes","q":"rank > :least ORDER BY rank DESC","named":{"least":1}}}`).told(7, "initial b 0; ")
	h.note("PATCH", "a", `{"set":{"rank":3}}`)
	both := []liveMessage{c.live(), c.live()}
	slices.SortFunc(both, func(a, b liveMessage) int { return int(a.ID - b.ID) })
	if got := changes(&both[0].LiveNotice) + changes(&both[1].LiveNotice); got != "update a 0; add a 0; " || both[1].ID != 7 {
		t.Errorf("told %q", got)
	}
	if m := c.say(`{"replace":{"id":1,"collection":"notes","q":"owner = 'bob'"}}`).told(1, "initial b 0; "); !m.Reset {
		t.Errorf("told %+v", m)
	}
	if m := c.say(`{"subscribe":{"id":2,"collection":"notes","q":"SELECT count(*)","after":2}}`).told(2, ""); string(m.Rows[0][0]) != "2" || !m.Reset {
		t.Errorf("told %+v", m)
	}
	for _, id := range []int64{1, 2, 7, 99} {
		if m := c.say(fmt.Sprintf(`{"unsubscribe":%d}`, id)).live(); m.ID != id || !m.Unsubscribed {
			t.Errorf("told %+v", m)
		}
	}
	h.note("PATCH", "a", `{"set":{"rank":4}}`)
	// An error of one ends that one.
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).told(1, "initial a 0; initial b 1; ")
	c.say(`{"subscribe":{"id":3,"collection":"notes","q":"owner = "}}`).overFor(3, nacre.CodeInvalid, `"field":"q"`, `"column":9`)
	c.say(`{"subscribe":{"id":3,"collection":"notes","q":"nobody = 1"}}`).overFor(3, nacre.CodeInvalid, "nobody")
	c.say(`{"subscribe":{"id":3,"collection":"none"}}`).overFor(3, nacre.CodeNotFound, "none")
	c.say(`{"subscribe":{"id":3,"collection":"no/ne"}}`).overFor(3, nacre.CodeInvalid, "collection")
	c.say(`{"replace":{"id":3,"collection":"notes"}}`).overFor(3, nacre.CodeNotFound)
	c.say(`{"subscribe":{"id":3,"collection":"notes","q":"rank = 2"}}`).told(3, "initial b 0; ")
	c.say(`{"replace":{"id":3,"collection":"notes","q":"rank ="}}`).overFor(3, nacre.CodeInvalid)
	c.say(`{"subscribe":{"id":3,"collection":"notes","q":"rank = 2"}}`).told(3, "initial b 0; ")
	for id := 4; id <= 65; id++ {
		c.say(fmt.Sprintf(`{"subscribe":{"id":%d,"collection":"notes","q":"rank = 2"}}`, id)).told(int64(id), "initial b 0; ")
	}
	c.say(`{"subscribe":{"id":66,"collection":"notes"}}`).overFor(66, wire.CodeTooManyConnections, "64")
	h.note("PATCH", "a", `{"set":{"rank":9}}`)
	c.told(1, "update a 0; ")
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).ended(4400, nacre.CodeInvalid, "goes on")
	eventually(t, "no query to be left", func() bool { return h.s.lives.open.Load() == 0 })
	h.get(logPath+"/live").refused(nacre.CodeInvalid, "Upgrade", "/collections/{collection}/live")
}

func TestHostileLiveMessages(t *testing.T) {
	t.Parallel()
	h := newLive(t, nil)
	for message, word := range map[string]string{
		`{`: "message", `[]`: "object", `{"poll":1}`: "poll", `{"subscribe":{"id":-1,"collection":"notes"}}`: "id", `{"unsubscribe":null}`: "unsubscribe",
		`{"subscribe":{"id":1,"collection":"notes","named":{"a":{}}}}`: "named", "\x00": "message", strings.Repeat("[", 10_000): "",
		`{"subscribe":{"id":1,"collection":"notes"},"subscribe":{"id":2,"collection":"notes"}}`: "subscribe",
	} {
		h.liveSocket().say(message).ended(4400, nacre.CodeInvalid, word)
	}
	c := h.liveSocket()
	if err := c.Write(c.ctx, websocket.MessageBinary, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	c.ended(4400, nacre.CodeInvalid, "binary")
	// A query that is deep, or long, is refused by the language, and a message that is longer by the socket.
	deep := strings.Repeat("(", 9_000) + "rank = 1" + strings.Repeat(")", 9_000)
	c = h.liveSocket()
	c.say(`{"subscribe":{"id":1,"collection":"notes","q":"`+deep+`"}}`).overFor(1, nacre.CodeInvalid)
	c.say(`{"subscribe":{"id":1,"collection":"notes","q":"` + strings.Repeat(" ", maxMessage) + `"}}`)
	if _, _, err := c.Read(c.ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("after a long message: %v", err)
	}
	// Who leaves in the middle leaves nothing.
	for range 20 {
		c := h.liveSocket()
		c.say(`{"subscribe":{"id":1,"collection":"notes"}}`)
		_ = c.CloseNow()
	}
	eventually(t, "no query to be left", func() bool { return h.s.lives.open.Load() == 0 })
	h.alone()
}

func TestTooManyLiveQueries(t *testing.T) {
	t.Parallel()
	h := newLive(t, &Options{MaxLiveQueries: 2})
	a, c := h.live(livePath("")), h.liveSocket()
	a.next("")
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).told(1, "")
	h.get(livePath("")).refused(wire.CodeTooManyConnections, "2 queries")
	c.say(`{"subscribe":{"id":2,"collection":"notes"}}`).overFor(2, wire.CodeTooManyConnections, "2 queries")
	c.say(`{"replace":{"id":1,"collection":"notes","q":"rank = 1"}}`).told(1, "")
	a.end()
	eventually(t, "room", func() bool { return h.s.lives.open.Load() == 1 })
	c.say(`{"subscribe":{"id":2,"collection":"notes"}}`).told(2, "")

	full := newLive(t, &Options{MaxFollowers: 1})
	full.live(livePath("")).next("")
	full.get(livePath("")).refused(wire.CodeTooManyConnections)
	// A result that is too large says so, at first and later.
	var edits []string
	for i := range 1000 {
		edits = append(edits, fmt.Sprintf(`{"do":"create","collection":"notes","values":{"rank":%d}}`, i))
	}
	many := `{"edits":[` + strings.Join(edits, ",") + `]}`
	for range 10 {
		h.post(logPath+"/transactions", many).is(201)
	}
	whole := h.liveSocket()
	whole.say(`{"unsubscribe":1}`).live()
	c.say(`{"unsubscribe":1}`)
	for m := c.live(); !m.Unsubscribed; m = c.live() {
		continue
	}
	whole.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank >= 0"}}`)
	if m := whole.live(); len(m.Changes) != maxLiveRows {
		t.Fatalf("told %d rows, %+v", len(m.Changes), m.Error)
	}
	h.note("POST", "one", `{"rank":1}`)
	whole.overFor(1, nacre.CodeTooLarge, "LIMIT")
	whole.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank >= 0"}}`).overFor(1, nacre.CodeTooLarge, "LIMIT")
	whole.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank >= 0 LIMIT 1000000"}}`).overFor(1, nacre.CodeTooLarge, "LIMIT")
	whole.say(`{"subscribe":{"id":1,"collection":"notes","q":"SELECT id"}}`).overFor(1, nacre.CodeTooLarge, "LIMIT")
	whole.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank >= 0 LIMIT 5"}}`)
	if m := whole.live(); len(m.Changes) != 5 {
		t.Errorf("told %+v", m)
	}
}

// What a query reads is bounded before it is sent, also of tables.
func TestLiveResultsThatAreTooLarge(t *testing.T) {
	megabytes(t)
	t.Parallel()
	h := newLive(t, nil)
	long := strings.Repeat("x", 900_000)
	for i := range 20 {
		h.note("POST", fmt.Sprint("n", i), fmt.Sprintf(`{"rank":%d,"text":"%s"}`, i, long))
	}
	c := h.liveSocket()
	for i, q := range []string{"", "rank >= 0", "SELECT id, text"} {
		c.say(fmt.Sprintf(`{"subscribe":{"id":%d,"collection":"notes","q":"%s"}}`, i+1, q)).overFor(int64(i+1), nacre.CodeTooLarge, "bytes")
	}
	l := h.live(livePath("rank >= 0"))
	if n, err := l.notice(); n != nil || nacre.CodeOf(err) != nacre.CodeTooLarge {
		t.Errorf("told %v, %v", n, err)
	}
	c.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank >= 10 ORDER BY rank LIMIT 2"}}`).told(1, "initial n10 0; initial n11 1; ")
	c.say(`{"subscribe":{"id":2,"collection":"notes","q":"SELECT count(*)"}}`).told(2, "")
	eventually(t, "no other query to be left", func() bool { return h.s.lives.open.Load() == 2 })
}

// Ten thousand queries that came and went leave nothing behind.
func TestLiveQueriesLeaveNothing(t *testing.T) {
	t.Parallel()
	h := newLive(t, nil)
	h.note("POST", "a", `{"rank":1}`)
	sockets := make([]*talk, 4)
	for i := range sockets {
		sockets[i] = h.liveSocket()
	}
	var all sync.WaitGroup
	for _, c := range sockets {
		all.Go(func() {
			for round := range 2500 {
				id := round%3 + 1
				if err := c.Write(c.ctx, websocket.MessageText, fmt.Appendf(nil, `{"subscribe":{"id":%d,"collection":"notes","q":"rank = %d"}}`, id, round)); err != nil {
					t.Error(err)
					return
				}
				if round%2 == 0 {
					if _, _, err := c.Read(c.ctx); err != nil {
						t.Error(err)
						return
					}
				}
				if err := c.Write(c.ctx, websocket.MessageText, fmt.Appendf(nil, `{"unsubscribe":%d}`, id)); err != nil {
					t.Error(err)
					return
				}
				for {
					_, text, err := c.Read(c.ctx)
					if err != nil {
						t.Error(err)
						return
					}
					if bytes.Contains(text, []byte("unsubscribed")) {
						break
					}
				}
			}
		})
	}
	all.Wait()
	if n := h.s.lives.open.Load(); n != 0 {
		t.Errorf("%d queries are left", n)
	}
	for _, c := range sockets {
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
	h.alone()
}

// The result that a client has is the query's at the position that it was told, however slow it is, and whenever it comes
// again; and nobody is sent a byte of what his policy keeps from him.
func TestLiveResultsAreTheQuerysOfCallers(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("replay with seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	g := newNotes(t, nil)
	g.do("PUT", notesPath+"/policies", `{"read":"owner = :sub","write":""}`, g.root...).is(200)
	type state struct {
		at   nacre.Position
		rows map[string][2]any // owner, rank
		text map[string]string
	}
	var mu sync.Mutex
	states := []state{{}}
	owners := []string{"ann", "bob", "eve"}
	keys := map[string][]string{}
	for _, o := range owners {
		keys[o] = g.whoIs(t, o)
	}
	// expected are the rows of the query below at a position.
	expected := func(who string, at nacre.Position) string {
		mu.Lock()
		defer mu.Unlock()
		s := &states[0]
		for i := range states {
			if states[i].at <= at {
				s = &states[i]
			}
		}
		var out []string
		for id, row := range s.rows {
			if row[0] == who {
				out = append(out, fmt.Sprintf(`%03d %s {"owner":%q,"rank":%d,"text":%q}`, row[1], id, who, row[1], s.text[id]))
			}
		}
		slices.Sort(out)
		out = out[:min(len(out), 4)]
		for i := range out {
			out[i] = out[i][4:]
		}
		return strings.Join(out, "\n")
	}
	const q = "ORDER BY rank, id LIMIT 4"
	const edits = 150
	var wrote sync.WaitGroup
	wrote.Go(func() {
		for i := range edits + len(owners) {
			mu.Lock()
			last := states[len(states)-1]
			next := state{rows: map[string][2]any{}, text: map[string]string{}}
			for id, row := range last.rows {
				next.rows[id], next.text[id] = row, last.text[id]
			}
			mu.Unlock()
			id, owner, rank := fmt.Sprint("n", rnd.IntN(12)), owners[rnd.IntN(3)], rnd.IntN(20)
			if i >= edits {
				owner, rank = owners[i-edits], -1
				id = "end-" + owner
			}
			text := fmt.Sprintf("secret-of-%s-%d", owner, i)
			body := fmt.Sprintf(`{"owner":%q,"rank":%d,"text":%q}`, owner, rank, text)
			_, there := next.rows[id]
			next.rows[id], next.text[id] = [2]any{owner, rank}, text
			// Before it takes place somebody may be told of it already: the state is known first.
			head := nacre.Position(g.get(logPath+"/head", g.root...).json()["globalPosition"].(float64))
			next.at = head + 1
			mu.Lock()
			states = append(states, next)
			mu.Unlock()
			if there {
				g.note("PATCH", id, `{"set":`+body+`}`, g.root...)
			} else {
				g.note("POST", id, body, g.root...)
			}
		}
	})
	// The last edits are of a row each, which is the first of its owner.
	over := func(has rows, who string) bool { return len(has) > 0 && strings.HasPrefix(has[0], "end-"+who) }
	secret := func(who string, text string) {
		for _, other := range owners {
			if other != who && strings.Contains(text, "secret-of-"+other) {
				t.Errorf("%s was sent what is %s's: %.2000s", who, other, text)
			}
		}
	}
	var clients sync.WaitGroup
	for i, who := range []string{"ann", "bob", "eve", "ann", "bob"} {
		pause, comes := time.Duration(i)*5*time.Millisecond, i%2 == 1
		clients.Go(func() {
			path := livePath(q)
			l := g.live(path, keys[who]...)
			for n := 1; ; n++ {
				if _, err := l.notice(); err != nil {
					t.Error(err)
					return
				}
				if got, want := strings.Join(l.has, "\n"), expected(who, l.at); got != want {
					t.Errorf("%s has at %d\n%s\nwant\n%s", who, l.at, got, want)
					return
				}
				if over(l.has, who) {
					break
				}
				time.Sleep(pause)
				if comes && n%5 == 0 {
					l.end()
					secret(who, l.raw.bytes())
					l = g.live(path, append([]string{wire.HeaderLastEventID, fmt.Sprint(l.at)}, keys[who]...)...)
				}
			}
			secret(who, l.raw.bytes())
		})
	}
	for _, who := range owners {
		clients.Go(func() {
			c := g.liveSocket(keys[who]...)
			c.say(`{"subscribe":{"id":1,"collection":"notes","q":"` + q + `"}}`)
			var has rows
			for n := 1; ; n++ {
				_, text, err := c.Read(c.ctx)
				if err != nil {
					t.Error(err)
					return
				}
				secret(who, string(text))
				var m wire.LiveNotice
				if err := json.Unmarshal(text, &m); err != nil || m.ID != 1 && m.ID != int64(n) {
					t.Errorf("%s: %v", text, err)
					return
				}
				if has, err = has.apply(&m); err != nil {
					t.Error(err)
					return
				}
				if got, want := strings.Join(has, "\n"), expected(who, m.Position); got != want {
					t.Errorf("%s has at %d\n%s\nwant\n%s", who, m.Position, got, want)
					return
				}
				if over(has, who) {
					return
				}
				if n%7 == 0 {
					c.say(`{"replace":{"id":1,"collection":"notes","q":"` + q + `"}}`)
				}
			}
		})
	}
	wrote.Go(func() {
		for i := range 60 {
			who := owners[i%3]
			for _, path := range []string{"", "/n1", "/n2?x=1", "?q=text+LIKE+%27secret%25%27", "?q=SELECT+text", "?q=text+="} {
				secret(who, string(g.get(notesPath+"/entities"+path, keys[who]...).body))
			}
			secret(who, string(g.do("PATCH", notesPath+"/entities/n3", `{"set":{"colour":1}}`, keys[who]...).body))
		}
	})
	wrote.Wait()
	clients.Wait()
}

// Who reads nothing has a difference waiting, and not each change.
func TestWhoReadsNoNoticesHasOneDifference(t *testing.T) {
	t.Parallel()
	h := newLive(t, nil)
	h.note("POST", "a", `{"rank":0}`)
	c := h.liveSocket()
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).told(1, "initial a 0; ")
	long := strings.Repeat("x", 100_000)
	const edits = 200
	for i := range edits {
		h.note("PATCH", "a", fmt.Sprintf(`{"set":{"rank":%d,"text":"%s"}}`, i, long))
	}
	told := 0
	for {
		m := c.live()
		told++
		if strings.Contains(string(m.Changes[0].Row), fmt.Sprintf(`"rank":%d,`, edits-1)) {
			break
		}
	}
	if told == edits {
		t.Errorf("it was told each of %d changes", told)
	}
	t.Logf("%d notices of %d changes", told, edits)
}

func TestLiveQueriesEnd(t *testing.T) {
	t.Parallel()
	g := newNotes(t, &Options{Heartbeat: 20 * time.Millisecond})
	g.pingsLong()
	secret, info, err := g.keys.Create(access.KeySpec{Name: "x", Permissions: []string{"entities"}})
	if err != nil {
		t.Fatal(err)
	}
	l, c := g.live(livePath(""), wire.HeaderAPIKey, secret), g.liveSocket(wire.HeaderAPIKey, secret)
	l.next("")
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).told(1, "")
	// A schema without what a query asks for ends that query.
	root := g.liveSocket(g.root...)
	root.say(`{"subscribe":{"id":1,"collection":"notes","q":"rank = 1"}}`).told(1, "")
	root.say(`{"subscribe":{"id":2,"collection":"notes","q":"owner = 'ann'"}}`).told(2, "")
	// Other policies make results anew.
	g.note("POST", "p", `{"owner":"ann"}`, g.root...)
	root.told(2, "add p 0; ")
	g.do("PUT", notesPath+"/policies", `{"read":"owner = 'ann'"}`, g.root...).is(200)
	l.next("add p 0; ")
	c.told(1, "add p 0; ")
	g.do("PUT", notesPath+"/policies", notesGuarded, g.root...).is(200)
	l.next("remove p 0; ")
	c.told(1, "remove p 0; ")
	if _, err := g.keys.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	g.note("POST", "q", `{"owner":"`+info.ID+`","text":"too late"}`, g.root...)
	c.ended(4401, wire.CodeUnauthorized, "revoked")
	if n, err := l.notice(); n != nil || nacre.CodeOf(err) != wire.CodeUnauthorized {
		t.Errorf("told %+v, %v", n, err)
	}
	if strings.Contains(l.raw.bytes(), "too late") {
		t.Error("a revoked key is told what comes afterwards")
	}
	// A store that goes ends all of them.
	other := g.live(livePath("owner = 'x'"), g.root...)
	other.next("")
	g.do("DELETE", logPath+"?confirm=true", "", g.root...).is(200)
	if n, err := other.notice(); n != nil || nacre.CodeOf(err) != wire.CodeStoreNotFound {
		t.Errorf("told %+v, %v", n, err)
	}
	root.ended(4404, wire.CodeStoreNotFound, "default")
	g.alone()
}

func TestClosingTheServerEndsLiveQueries(t *testing.T) {
	t.Parallel()
	h := newLive(t, nil)
	l, c := h.live(livePath("")), h.liveSocket()
	l.next("")
	c.say(`{"subscribe":{"id":1,"collection":"notes"}}`).told(1, "")
	if err := h.s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := l.notice(); n != nil || nacre.CodeOf(err) != wire.CodeShuttingDown {
		t.Errorf("told %+v, %v", n, err)
	}
	c.ended(1001, wire.CodeShuttingDown, "")
}
