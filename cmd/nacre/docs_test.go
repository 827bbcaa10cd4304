//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

// masks are what differs from run to run in the program's output.
var masks = []struct {
	what *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`), "ULID"},
	{regexp.MustCompile(`"eventId":"[a-z2-7]{26}"`), `"eventId":"MADE"`},
	{regexp.MustCompile(`20(2[5-9]|[3-9][0-9])-[0-9T:.-]+Z`), "TIME"},
	{regexp.MustCompile(`"crc":"[0-9a-f]{8}"`), `"crc":"CRC"`},
	{regexp.MustCompile(`"synced":[0-9]`), `"synced":N`},
	{regexp.MustCompile(`in [0-9.]+ s \([0-9]+ events/s\)`), "in TIME"},
	{regexp.MustCompile(`/[^ ]*/damaged/`), "/FOLDER/damaged/"},
	{regexp.MustCompile(`\bdb_[0-9a-z]{8}_[0-9a-z]{59}\b`), "KEY"},
	{regexp.MustCompile(`(\bkey |revoke |"id":")[0-9a-z]{8}\b`), "${1}KEYID"},
	{regexp.MustCompile(`[0-9.]+ s, every event on disk, [0-9]+ syncs`), "TIME, every event on disk, SYNCS"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA256"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "HASH"},
	{regexp.MustCompile(`\b[0-9.]+ [KM]iB\b`), "SIZE"},
	{regexp.MustCompile(`\b[0-9]+ bytes, [0-9]+ tests`), "BYTES, TESTS"},
	{regexp.MustCompile(`(?m)^size +- +[0-9]+ +[0-9]+$`), "SIZES"},
}

func masked(text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.mask)
	}
	return text
}

// TestDocs runs the console blocks of the documents, one after the other, and compares their output. Blocks of other
// languages that name a file, as in "go counter/main.go", are written to it; a console block that names a tool, as in
// "console cargo", is passed over where that is not there. With REWRITE_DOCS=1 the documents get the output that is
// there now, to look at the difference.
func TestDocs(t *testing.T) {
	for name, needs := range map[string][]string{
		"cli.md": nil, "entities.md": nil, "ankurah.md": nil,
		"http.md": {"go", "curl", "jq"}, "wasm.md": {"go", "curl", "jq"}, "thalo.md": {"curl", "jq"},
		"live.md": {"curl", "jq"}, "policies.md": {"curl", "jq"}, "../examples/todo/README.md": {"curl", "jq"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, program := range needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("the document's commands need %s, which is not here", program)
				}
			}
			runDocument(t, filepath.Join("..", "..", "docs", name))
		})
	}
}

// runDocument runs one document's blocks in a folder of their own.
func runDocument(t *testing.T, document string) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o777)
		if err == nil {
			err = os.WriteFile(name, []byte(content), 0o777)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write("nacre", "#!/bin/sh\n"+asProgram+"=1 GORACE=atexit_sleep_ms=0 exec '"+self+"' \"$@\"\n")
	write("orders.ndjson", `{"streamId":"order-2","type":"order.placed","data":{"total":12},"createdAt":"2024-02-29T13:00:00+01:00"}
{"streamId":"order-3","type":"order.placed","data":{"total":5}}
{"streamId":"order-2","type":"order.shipped","data":{"carrier":"GLS"}}
`)
	write("wrong.ndjson", `{"streamId":"bill-1","type":"bill.made","data":12}
{"streamId":"bill-1","typ":"bill.paid","data":12}
{"streamId":"bill-1","type":"bill.closed","data":12}
`)
	write("my-app/meta/streams.jsonl", `{"id":"c-1","ts":1700000000,"type":"counter"}
{"id":"c-2","ts":1700000002,"type":"counter"}
`)
	write("my-app/streams/counter/c-1/app.jsonl", `{"type":"Incremented","data":null,"ts":1700000000,"id":"678d159e-73ff-4dfc-910f-17b40d2d8be5","actor":"ann","meta":{"correlation_id":"r1"}}
{"type":"Added","data":{"amo{"type":"Added","data":{"amount":2},"ts":1700000005,"id":"b89a596f-0032-4e05-b312-49de7ee6d622"}
`)
	write("my-app/streams/counter/c-2/app.jsonl", `{"type":"Incremented","data":null,"ts":1700000002,"id":"d59c875e-b238-4288-83ba-34b1a42946a3"}
`)
	bankStore(t, filepath.Join(dir, "shop", "bank"))
	write("modules/counter.wasm", string(wasmtest.Counter(t, wasmtest.Entity)))
	// What the docs call 4321 is a port that is free here.
	port := strconv.Itoa(deliverytest.FreePort(t))
	shown := regexp.MustCompile(`\b` + port + `\b`) // and not where an id or a checksum has the same digits
	t.Cleanup(func() {
		// The server that the docs start, where they did not come to its end.
		_ = exec.Command("sh", "-c", "kill $(cat '"+filepath.Join(dir, "serve.pid")+"') 2> /dev/null").Run()
	})
	t.Setenv("NACRE_LISTEN", "127.0.0.1:"+port)
	for name, value := range goTools(t) {
		t.Setenv(name, value)
	}
	t.Setenv("USER", "ann") // who publishes without a server
	missing := languageTools(t, write)
	exported := ""
	blocks := 0
	parts := strings.Split(string(text), "```")
	for i, part := range parts {
		if i%2 == 0 {
			continue
		}
		head, block, _ := strings.Cut(part, "\n")
		kind, what, _ := strings.Cut(head, " ")
		switch {
		case kind != "console" && what != "":
			write(what, block)
			continue
		case kind != "console":
			continue
		case missing[what] != "":
			t.Logf("SKIPPED: a block of %s, which needs %s: %s", document, what, missing[what])
			continue
		}
		blocks++
		var got strings.Builder
		for line := range strings.Lines(block) {
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			got.WriteString(line)
			// Each command has a shell of its own, which knows what was exported before.
			switch {
			case strings.HasPrefix(command, "export "):
				exported += command
				continue
			case strings.HasPrefix(command, "unset "):
				exported = ""
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // some wait for what should happen, others build
			cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(exported+command, "4321", port))
			cmd.WaitDelay = 30 * time.Second
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			late := ctx.Err() != nil
			cancel()
			if late {
				t.Fatalf("%s: after this, a command does not come to its end:\n%s", document, &got)
			}
			got.Write(shown.ReplaceAll(out, []byte("4321")))
			if len(out) > 0 && out[len(out)-1] != '\n' {
				got.WriteByte('\n') // an answer that is one line without its end
			}
			if exitOf(t, err) != 0 {
				got.WriteString("[" + strings.Replace(err.Error(), "exit status", "exit", 1) + "]\n")
			}
		}
		if masked(block) != masked(got.String()) {
			t.Errorf("%s says\n%s\nand the program\n%s", document, block, &got)
			parts[i] = head + "\n" + got.String()
		}
	}
	if os.Getenv("REWRITE_DOCS") != "" {
		if err := os.WriteFile(document, []byte(strings.Join(parts, "```")), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if blocks < 5 {
		t.Fatalf("only %d blocks were run", blocks)
	}
}
