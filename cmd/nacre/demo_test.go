//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

// readLog gives the events of a store on the disk, and how many syncs their lines tell of.
func readLog(t *testing.T, dir string) (events []nacre.Event, syncs int) {
	t.Helper()
	report, err := filestore.Verify(t.Context(), dir, nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report)
	}
	s, err := filestore.Open(dir, &filestore.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	durable := map[int64]bool{}
	for line, err := range s.ReadLines(t.Context(), nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		var e nacre.Event
		if err := json.Unmarshal(line.Bytes, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
		var stamp struct {
			Synced int64 `json:"synced"`
		}
		if err := json.Unmarshal(line.Bytes, &stamp); err != nil {
			t.Fatal(err)
		}
		durable[stamp.Synced] = true
	}
	return events, len(durable)
}

var (
	eventRow = regexp.MustCompile(`(?m)^ +([0-9]+)  ([a-z]+-[0-9]+) +([0-9]+)  ([a-z.]+) +(\{.*?\})(   +[┐┘].*)?$`)
	crowdRow = regexp.MustCompile(`(?m)^ +([0-9]+)  64 writers, 5,000 orders, ([0-9.]+) s, every event on disk, ([0-9]+) syncs?$`)
)

// What the demo shows is what is on the disk.
func TestDemoShowsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := nacreCommand(t, "demo", "--listen", "127.0.0.1:0")
	cmd.Dir = dir
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil || told.Len() > 0 {
		t.Fatalf("%v: %s%s", err, out, &told)
	}
	page := string(out)
	for line := range strings.Lines(page) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > pageWidth && !strings.Contains(line, "nacre.test") {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if strings.Contains(page, "\x1b") {
		t.Error("there are colours, and no terminal")
	}
	folders, err := filepath.Glob(filepath.Join(dir, "nacre-demo-????"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("the folders are %v, %v", folders, err)
	}
	name := filepath.Base(folders[0])
	title := regexp.MustCompile(`^nacre demo   http://127\.0\.0\.1:[0-9]+   data: ` + name + `/default  \(JSON lines, synced\)\n`)
	if !title.MatchString(page) || !strings.HasSuffix(page, "\nThe log stays in "+name+"; rm -r "+name+" removes it.\n") {
		t.Errorf("the page begins or ends otherwise: %s", page)
	}
	events, syncs := readLog(t, filepath.Join(folders[0], "default"))

	rows := eventRow.FindAllStringSubmatch(page, -1)
	if len(rows) != 4 {
		t.Fatalf("%d events are shown in %s", len(rows), page)
	}
	for i, row := range rows {
		e := events[i]
		want := []string{strconv.FormatUint(uint64(e.GlobalPosition), 10), string(e.StreamID), strconv.FormatInt(e.StreamPosition, 10), e.Type, string(e.Data)}
		if got := row[1:6]; strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%v is shown, %v is there", got, want)
		}
	}
	if events[1].TransactionID == "" || events[1].TransactionID != events[2].TransactionID {
		t.Errorf("the batch is %q and %q", events[1].TransactionID, events[2].TransactionID)
	}
	for _, row := range []string{
		"     409  order-1001      a stale writer expected version 1, it is 2: refused, nothing written\n",
		"     409  order-1002      only if customer:ann has no order yet, and position 1 is one: refused\n",
		"    same  order-1001      the same eventId again: first answer, nothing written\n",
		"    fold  order-1001      {\"status\":\"shipped\",\"total\":99.99}\n",
		"   as of  position 2      {\"status\":\"placed\",\"total\":99.99}\n",
	} {
		if !strings.Contains(page, row) {
			t.Errorf("there is no row %q", row)
		}
	}
	crowd := crowdRow.FindStringSubmatch(page)
	if crowd == nil || crowd[1] != strconv.Itoa(len(events)) {
		t.Fatalf("%d events are there, and shown is %q", len(events), crowd)
	}
	// Each sync makes a group durable, which later lines tell of. The last one, and those of the first four
	// events, are no lines' of the crowd.
	if told, _ := strconv.Atoi(crowd[3]); told < syncs-6 || told > len(events) {
		t.Errorf("%s syncs are shown, and the lines tell of %d", crowd[3], syncs)
	}
	placed := 0
	for i := range events {
		if events[i].Type == "order.placed" {
			placed++
		}
	}
	if placed != orders+1 {
		t.Errorf("%d orders were placed", placed)
	}
}

// Every command that the demo prints works as it was printed.
func TestDemoCommandsWork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	d, err := launch(dir, os.Environ(), "demo", "--follow", "--listen", held.Addr().String(), "--data", "my demo")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		<-ended
	})
	if strings.Contains(d.url(), held.Addr().String()) || d.url() == "" {
		t.Fatalf("the port is taken, and told is %q", d.first)
	}
	// The commands are the indented lines behind "Your turn", some of which go on in the next one.
	var commands []string
	yours := false
	for {
		line, err := d.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%v: %s", err, d.err.String())
		}
		switch {
		case strings.HasPrefix(line, "Your turn,"):
			yours = true
		case !yours:
		case strings.HasPrefix(line, "    -d "):
			commands[len(commands)-1] += line
		case strings.HasPrefix(line, "  "):
			commands = append(commands, line)
		}
		if yours && line == "\n" {
			break
		}
	}
	if len(commands) != 4 {
		t.Fatalf("the commands are %q", commands)
	}
	below := make(chan string, 8)
	go func() {
		defer close(ended)
		scan := bufio.NewScanner(d.out)
		for scan.Scan() {
			below <- scan.Text()
		}
	}()
	run := func(command string) string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return string(out)
	}
	has := func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	}
	if has("curl") {
		var reply struct {
			Events               []nacre.Event
			CurrentStreamVersion int64
		}
		if err := json.Unmarshal([]byte(run(commands[0])), &reply); err != nil || len(reply.Events) != 3 || reply.CurrentStreamVersion != 2 {
			t.Fatalf("%v: %+v", err, reply)
		}
		if err := json.Unmarshal([]byte(run(commands[1])), &reply); err != nil || reply.CurrentStreamVersion != 3 {
			t.Fatalf("%v: %+v", err, reply)
		}
		if row, want := <-below, "   17205  order-1001   3  order.returned  {}"; row != want {
			t.Errorf("below appears %q, not %q", row, want)
		}
		if out := run(commands[1]); !strings.Contains(out, `"error":"VERSION_CONFLICT"`) {
			t.Errorf("the same again gives %s", out)
		}
		if has("jq") {
			// The same without waiting for more.
			out := run(strings.Replace(commands[2], "tail -f", "tail -n 1", 1))
			if out != `["order-1001","order.returned"]`+"\n" {
				t.Errorf("%s gives %s", commands[2], out)
			}
		}
	}
	pid := " " + strconv.Itoa(d.cmd.Process.Pid) + ";"
	if !strings.Contains(commands[3], "kill -9"+pid) {
		t.Fatalf("%s does not kill %s", commands[3], pid)
	}
	if out := run(commands[3]); !strings.Contains(out, ": all is whole") {
		t.Errorf("%s gives %s", commands[3], out)
	}
}

// An interrupt ends the demo in order.
func TestDemoIsInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := launch(dir, os.Environ(), "demo", "-f", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	page := ""
	for !strings.Contains(page, "kill -9") {
		line, err := d.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%v: %s", err, d.err.String())
		}
		page += line
	}
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	d.drain()
	code, err := d.end()
	if err != nil || code != 0 || d.err.String() != "" || !strings.Contains(d.rest.String(), "The log stays in nacre-demo-") {
		t.Fatalf("ended with %d, %v: %s%s", code, err, &d.rest, d.err.String())
	}
	folders, err := filepath.Glob(filepath.Join(dir, "nacre-demo-*", "default"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	if events, _ := readLog(t, folders[0]); len(events) != crowdEvents+4 {
		t.Fatalf("%d events are there", len(events))
	}
}

func TestCommandsAsPeopleGiveThem(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/tmp/go-build2765931577/b001/exe/nacre":                                             true,
		"/cache/b7/b728e1c0b27a88d36449301a336ef105fca5aba73febefdeb3ff68a71c8b8265-d/nacre": true,
		"/usr/local/bin/nacre":                    false,
		"/home/ann/exe/nacre":                     false,
		"/home/ann/sync-d/nacre":                  false,
		"/tmp/go-build2765931577/b001/nacre.test": false,
	} {
		if byGoRun(filepath.FromSlash(path)) != want {
			t.Errorf("%s: not %v", path, want)
		}
	}
	for word, want := range map[string]string{
		"": "''", "nacre-demo-4f1c": "nacre-demo-4f1c", "/tmp/a b": "'/tmp/a b'", "it's": `'it'\''s'`, "$x": "'$x'", "a;b": "'a;b'",
	} {
		if got := quoted(word); got != want {
			t.Errorf("%q is quoted as %s, not %s", word, got, want)
		}
	}
}
