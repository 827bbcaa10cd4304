package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/access"
)

// pageWidth is how wide the page is at most, in characters.
const pageWidth = 100

// page writes what the demo shows: plain text in columns, with colours where people look at it. It keeps the
// first error of writing out of the way: who reads no more has seen enough.
type page struct {
	w                io.Writer
	terminal, colour bool
}

func newPage(w io.Writer) *page {
	return &page{w: w, terminal: isTerminal(w), colour: obeys(w) && os.Getenv("NO_COLOR") == ""}
}

// The colours, by what they mean.
const (
	bold = "1"
	dim  = "2"
	good = "32"
	bad  = "31"
	name = "36"
)

func (pg *page) paint(colour, text string) string {
	if !pg.colour || text == "" {
		return text
	}
	return painted(colour, text)
}

func (pg *page) line(format string, args ...any) {
	_, _ = fmt.Fprintf(pg.w, format+"\n", args...)
}

func (pg *page) title(address, data string) {
	pg.line("%s   %s   data: %s  (JSON lines, synced)\n", pg.paint(bold, "nacre demo"), address, filepath.Join(data, server.DefaultStore))
	pg.line("%s", pg.paint(dim, fmt.Sprintf("%8s  %-11s %2s  %-15s %s", "position", "stream", "at", "type", "data")))
}

// event is a line of the log. What follows it is a remark, or nothing.
func (pg *page) event(e *nacre.Event, remark string) {
	position, stream := fmt.Sprintf("%8d", e.GlobalPosition), fmt.Sprintf("%-11s", e.StreamID)
	place := fmt.Sprintf("%2d", e.StreamPosition)
	kind := fmt.Sprintf("%-15s", e.Type)
	data := string(e.Data)
	if data == "" {
		data = "(no JSON)"
	}
	data = pg.cut(data, len(position+stream+place+kind)+len("     ")+len(remark))
	if remark != "" {
		remark = fmt.Sprintf("%*s%s", max(2, 40-len(data)), "", remark)
	}
	pg.line("%s  %s %s  %s %s%s", pg.paint(bold, position), pg.paint(name, stream), place, kind, data, pg.paint(dim, remark))
}

// cut shortens what does not fit on a line behind so many characters, where people look at it: a program
// wants all of it.
func (pg *page) cut(text string, behind int) string {
	room := max(20, pageWidth-behind)
	letters := []rune(text)
	if !pg.terminal || len(letters) <= room {
		return text
	}
	return string(letters[:room-1]) + "…"
}

func (pg *page) events(events []nacre.Event) {
	for i := range events {
		pg.event(&events[i], "")
	}
}

func (pg *page) batch(first, second nacre.Event) {
	pg.event(&first, "┐ one batch:")
	pg.event(&second, "┘ both or neither")
}

// row is a line that is not of the log.
func (pg *page) row(label, stream, text string) {
	pg.line("%s  %s     %s", pg.paint(good, fmt.Sprintf("%8s", label)), pg.paint(name, fmt.Sprintf("%-11s", stream)), text)
}

func (pg *page) refused(status int, stream, text string) {
	pg.line("%s  %s     %s", pg.paint(bad, fmt.Sprintf("%8d", status)), pg.paint(name, fmt.Sprintf("%-11s", stream)), text)
}

func (pg *page) crowd(position int64, took time.Duration, syncs int64) {
	pg.line("%s  %d writers, %s orders, %.2f s, every event on disk, %s",
		pg.paint(bold, fmt.Sprintf("%8d", position)), writers, thousands(orders), took.Seconds(), count(syncs, "sync", "syncs"))
}

// thousands is a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// yourTurn tells what can be tried while the log is shown.
func (pg *page) yourTurn(address, data string) {
	place := "localhost"
	if u, err := url.Parse(address); err == nil {
		place = net.JoinHostPort(place, u.Port())
	}
	stream := place + "/event-stores/" + server.DefaultStore + "/streams/order-1001"
	pg.line("\n%s in another terminal; what you append appears below:", pg.paint(bold, "Your turn,"))
	pg.line("  curl -s %s", stream)
	pg.line("  curl -s %s \\", stream)
	pg.line(`    -d '{"events":[{"type":"order.returned","data":{}}],"expectedStreamVersion":2}'`)
	pg.line("  tail -f %s/*.ndjson | jq -c '[.streamId,.type]'", quoted(filepath.Join(data, server.DefaultStore)))
	pg.line("  kill -9 %d; %s verify --data %s     # nothing is lost\n", os.Getpid(), thisCommand(), quoted(data))
}

// later tells what can be tried once the server has ended.
func (pg *page) later(data string) {
	pg.line("\n%s the server has ended, and the log is files:", pg.paint(bold, "Your turn:"))
	pg.line("  tail -n 3 %s/*.ndjson | jq -c '[.streamId,.type]'", quoted(filepath.Join(data, server.DefaultStore)))
	pg.line("  %s verify --data %s     # nothing is lost", thisCommand(), quoted(data))
	pg.line("  %s serve --data %s", thisCommand(), quoted(data))
	pg.line("In a terminal, or with --follow, the demo goes on and shows the log live.")
}

// end tells what stays.
func (pg *page) end(data string) {
	remove := "rm -r "
	if runtime.GOOS == "windows" {
		remove = "rmdir /s "
	}
	pg.line("\nThe log stays in %s; %s%s removes it.", data, remove, quoted(data))
}

// loopbackOnly tells that an address is reached from this machine only.
func loopbackOnly(address string) bool { return access.Loopback(address) }
