//go:build unix

package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/test/soak"
	"github.com/nacredb/nacre/wire"
)

// once sends each batch once, and knows that what was not answered was not taken.
type once struct{ *web }

func (o once) send(ctx context.Context, b *batch, _ bool) (entry, error) {
	path, body, key := o.request(b)
	status, r, err := o.exchange(ctx, http.MethodPost, path, body, key)
	switch {
	case err != nil && status == 0:
		return entry{batch: b, fate: refused, why: nacre.CodeInternal}, nil
	case err != nil:
		return entry{}, err
	case status == http.StatusServiceUnavailable && r.Error == wire.CodeShuttingDown:
		return entry{batch: b, fate: refused, why: nacre.CodeInternal}, nil
	case status == http.StatusConflict:
		return entry{batch: b, fate: refused, why: r.Error}, nil
	case status != http.StatusCreated && status != http.StatusOK:
		return entry{}, fmt.Errorf("%s was answered with %d: %+v", b.name, status, r)
	}
	return entry{batch: b, fate: written, places: r.places()}, nil
}

// version gives the end of a stream, and any number once the server is down: what expects it is refused.
func (o once) version(ctx context.Context, stream nacre.StreamID) (int64, error) {
	status, r, err := o.exchange(ctx, http.MethodGet, "/streams/"+string(stream)+"?limit=1", nil, "")
	if err == nil && status == http.StatusOK {
		return r.Version, nil
	}
	return 0, nil //nolint:nilerr // as said
}

// TestStoppedServer tells a server to end while others append to it: what is answered is there, what is not
// answered is not.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for range soak.Rounds(t, 3) {
		data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
		log := "http://" + address + "/event-stores/default"
		p := start(t, data, address, somehow(rng)...)
		j := newJournal()
		var senders []named
		for i := range 6 {
			senders = append(senders, named{fmt.Sprintf("once%d", i), once{&web{client: webClient(t), log: log, rng: branch(rng)}}})
		}
		farewell := make(chan string, 2)
		for range cap(farewell) {
			go func() { farewell <- lastMessage(t, webClient(t), log) }()
		}
		crew := hire(t, rng, j, senders...)
		until(t, "something is appended", func() bool { return crew.appends.Load() > 50 || t.Failed() })
		pause(t.Context(), time.Duration(rng.IntN(100))*time.Millisecond)
		p.stop(t)
		crew.rest()
		for range cap(farewell) {
			if text := <-farewell; !strings.Contains(text, string(wire.CodeShuttingDown)) {
				t.Errorf("a follower was told %q at last", text)
			}
		}
		if t.Failed() {
			return
		}
		if out := run(t, "verify", "--data", data); !strings.Contains(out, "all is whole") {
			t.Errorf("verify told %s", out)
		}
		events, _ := readLog(t, filepath.Join(data, "default"))
		j.check(t, events)
		t.Logf("%d events; %s", len(events), j.summary())
	}
}

// lastMessage follows to the end, and gives what was told then.
func lastMessage(t *testing.T, web *http.Client, log string) string {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, log+"/events", nil)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := web.Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	last := ""
	for {
		kind, _, data, err := readMessage(in)
		if err != nil {
			return last + " " + strings.TrimSuffix(err.Error(), io.EOF.Error())
		}
		last = kind + " " + string(data)
	}
}

// TestStopCutsOffWhoDoesNotRead: a client that takes nothing of what it asked for holds a stop back for the
// time that a stop waits, and no longer.
func TestStopCutsOffWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	data, address := filepath.Join(t.TempDir(), "data"), freePort(t)
	p := start(t, data, address, "--stop-timeout", "300ms", "--write-timeout", "10m")
	fill(t, openClient(t, p.url, nil), 24<<20)
	var stuck []*stranger
	for _, accept := range []string{wire.TypeNDJSON, wire.TypeSSE} {
		s := dial(t, address)
		s.say("GET /event-stores/default/events HTTP/1.1\r\nHost: localhost\r\nAccept: " + accept + "\r\n\r\n")
		s.hear(t, "HTTP/1.1 200")
		stuck = append(stuck, s)
	}
	if err := terminate(p.cmd.Process); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	if !p.cmd.ProcessState.Exited() {
		t.Errorf("the server ended with %v", p.cmd.ProcessState)
	}
	for _, s := range stuck {
		s.gone(t)
	}
	if out := run(t, "verify", "--data", data); !strings.Contains(out, "all is whole") {
		t.Errorf("verify told %s", out)
	}
}
