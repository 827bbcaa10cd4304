//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// started serves the page, and gives its address.
func started(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// request makes a request about cards, and gives the answer.
func request(t *testing.T, address, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address+"/event-stores/default/collections/cards/entities"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s %v", method, path, reply.Status, text, err)
	}
	return string(text)
}

// What the page shows.
const (
	// titles are those of the rows from above to below, as they stand on the screen.
	titles = `[...document.querySelectorAll('li:not(.gone)')].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(li => li.children[1].value).join(', ')`
	// places are where they are to stand when nothing moves any more.
	places = `[...document.querySelectorAll('li:not(.gone)')].sort((a, b) => a.style.getPropertyValue('--at') - b.style.getPropertyValue('--at')).map(li => li.children[1].value + ' ' + li.children[2].textContent.slice(2)).join(', ')`
	state  = `document.getElementById('state').textContent`
	told   = `document.getElementById('told').textContent.split('\n')[0].replace(/^[0-9]+ +/, '').replace(/ +/g, ' ')`
)

// The page shows what others do, and what is done in it: rows that appear, move, change and vanish.
func TestThePageFollows(t *testing.T) {
	address := started(t)
	b := browse(t, address)
	b.until(places, "Paint the boat 3, Make tea 2, Buy milk 1, Clear out the shed 0")
	b.until(state, "4 rows, as of position 5")

	// What others do.
	request(t, address, http.MethodPost, "", `{"id":"news","values":{"title":"Read the news"}}`)
	b.until(told, "add 4 news")
	b.until(places, "Paint the boat 3, Make tea 2, Buy milk 1, Clear out the shed 0, Read the news 0")
	// The elements stay where they were made and slide to their places.
	b.eval(`document.querySelector('[data-id=milk]').mark = 'the same'`)
	request(t, address, http.MethodPatch, "/milk", `{"add":{"votes":9}}`)
	b.until(told, "move 0 milk")
	b.until(titles, "Buy milk, Paint the boat, Make tea, Clear out the shed, Read the news")
	b.until(`document.querySelector('[data-id=milk]').mark`, "the same")
	b.until(`document.querySelector('[data-id=milk]').className`, "changed")
	b.picture("moved")
	request(t, address, http.MethodPatch, "/tea", `{"set":{"done":true}}`)
	b.until(told, "remove 2 tea")
	b.until(places, "Buy milk 10, Paint the boat 3, Clear out the shed 0, Read the news 0")
	b.until(`document.querySelectorAll('li').length`, "4") // it has faded

	// What is done in the page.
	b.eval(`document.getElementById('title').value = 'Launch'; document.querySelector('#add button').click()`)
	b.until(places, "Buy milk 10, Paint the boat 3, Clear out the shed 0, Launch 0, Read the news 0")
	for range 4 {
		b.eval(`[...document.querySelectorAll('li')].find(li => li.children[1].value === 'Launch').children[2].click()`)
	}
	b.until(places, "Buy milk 10, Launch 4, Paint the boat 3, Clear out the shed 0, Read the news 0")
	b.eval(`{ const title = document.querySelector('[data-id=boat]').children[1]; title.value = 'Sell the boat'; title.dispatchEvent(new Event('change')); }`)
	b.until(told, "move 2 boat") // it is ordered by its title as well
	b.eval(`document.querySelector('[data-id=milk]').children[0].click()`)
	b.eval(`document.querySelector('[data-id=news]').children[3].click()`)
	b.until(places, "Launch 4, Sell the boat 3, Clear out the shed 0")
	if got := request(t, address, http.MethodGet, "/boat", ""); !strings.Contains(got, `"title":"Sell the boat"`) {
		t.Errorf("the boat is %s", got)
	}

	// Where there is a limit, others come up when one goes.
	b.eval(`document.getElementById('query').value = 'done ORDER BY title LIMIT 1'; document.querySelector('#ask button').click()`)
	b.until(places, "Buy milk 10")
	request(t, address, http.MethodPatch, "/milk", `{"set":{"done":false}}`)
	b.until(places, "Make tea 2")
	b.picture("limit")

	// A query that is wrong says so, with its place.
	b.eval(`document.getElementById('query').value = 'titel = 1'; document.querySelector('#ask button').click()`)
	b.until(state, "q: line 1, column 1: expected a property, found titel: did you mean title?")
}

// The guide's WebSocket, in a browser.
func TestTheSocketOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "live.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```socket\n")
	block, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/live.md has no block of a socket")
	}
	address := started(t)
	b := browse(t, address+"/nothing") // a page of the same origin, which follows nothing by itself
	b.until(`document.readyState + location.pathname`, "complete/nothing")
	b.eval(`new Promise((opened, failed) => {
		window.told = [];
		window.socket = new WebSocket('ws://' + location.host + '/event-stores/default/live');
		socket.onmessage = event => told.push(event.data);
		socket.onopen = () => opened('');
		socket.onerror = () => failed(new Error('it does not open'));
	})`)
	answers := 0
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		switch arrow, message, _ := strings.Cut(line, " "); arrow {
		case "→":
			text, err := json.Marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			b.eval(`socket.send(` + string(text) + `)`)
		case "←":
			b.until(fmt.Sprintf(`told.length > %d`, answers), "true")
			if got := b.eval(fmt.Sprintf(`told[%d]`, answers)); got != message {
				t.Errorf("answer %d is\n%s\nand in the guide\n%s", answers, got, message)
			}
			answers++
		case "PATCH":
			id, body, _ := strings.Cut(message, " ")
			request(t, address, http.MethodPatch, "/"+id, body)
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	if answers < 5 {
		t.Errorf("the guide has %d answers", answers)
	}
}
