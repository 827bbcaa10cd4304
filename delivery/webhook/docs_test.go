package webhook_test

import (
	"bytes"
	stdcontext "context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/webhook"
)

const guide = "../../docs/webhooks.md"

func context() stdcontext.Context { return stdcontext.Background() }

// shipped is a batch of one event.
func shipped(attempt int) *delivery.Batch {
	return &delivery.Batch{
		ID: "shipping:0123abcd:1042", Store: "shop", Subscription: "shipping", Attempt: attempt,
		Events: []nacre.Event{{
			GlobalPosition: 1042, StreamPosition: 2, StreamID: "order-456", ID: "01JD3Y00000000000000000000", Type: "order.shipped",
			CreatedAt: time.Date(2026, 11, 20, 18, 55, 20, 0, time.UTC), Data: json.RawMessage(`{"carrier":"snail"}`),
		}},
	}
}

// blocks are the guide's blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, part := range strings.Split(string(text), "```") {
		if block, is := strings.CutPrefix(part, language+"\n"); is && i%2 == 1 {
			out = append(out, block)
		}
	}
	if len(out) == 0 {
		t.Fatalf("the guide has no block of %s", language)
	}
	return out
}

// squeezed is a text with its lines trimmed, and without empty ones.
func squeezed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// The receiver in Go that the guide shows is the one of the example, which runs.
func TestGuideGo(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("receiver_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks(t, "go") {
		if !strings.Contains(squeezed(string(source)), squeezed(block)) {
			t.Errorf("this block of the guide is not in the example:\n%s", block)
		}
	}
}

func TestGuidePython(t *testing.T) {
	t.Parallel()
	runReceiver(t, "python", "receiver.py", "python3", "-u")
}

func TestGuideNode(t *testing.T) {
	t.Parallel()
	runReceiver(t, "ts", "receiver.mjs", "node")
}

// The receiver for Node is TypeScript, too.
func TestGuideTypes(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Abs("../../sdk/typescript/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the types of the guide's receiver are not checked")
	}
	compiler := filepath.Join(modules, "typescript", "bin", "tsc")
	for _, path := range []string{compiler, filepath.Join(modules, "@types", "node")} {
		if _, err := os.Stat(path); err != nil {
			t.Skip("the TypeScript SDK's packages are not installed (npm ci in sdk/typescript): the types of the guide's receiver are not checked")
		}
	}
	file := filepath.Join(t.TempDir(), "receiver.mts")
	if err := os.WriteFile(file, []byte(blocks(t, "ts")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), node, compiler, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
		"--typeRoots", filepath.Join(modules, "@types"), "--types", "node", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// output is what a program has said so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runReceiver runs the guide's receiver in a language and sends to it: what is signed is taken once, what is not is not.
func runReceiver(t *testing.T, language, name, program string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: the guide's receiver in %s is not run", program, language)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(blocks(t, language)[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(address)

	kind, err := webhook.New(&webhook.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	config, err := kind.Check(json.RawMessage(`{"url":"http://`+address+`/"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := kind.Rotate(config, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	command := exec.CommandContext(t.Context(), path, append(arguments, file)...)
	command.Env = append(os.Environ(), "PORT="+port, "WEBHOOK_SECRETS= "+webhook.Secret(config)+"  "+webhook.Secret(rotated)+" ")
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { command.Wait(); close(gone) }()          //nolint:errcheck // it is killed
	t.Cleanup(func() { command.Process.Kill(); <-gone }) //nolint:errcheck // it may have ended
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		select {
		case <-gone:
			t.Fatalf("the receiver ended: %s", said)
		case <-t.Context().Done():
			t.Fatal("the receiver did not start")
		case <-time.After(10 * time.Millisecond):
		}
	}

	// Somebody who breaks off in the middle ends nothing.
	half, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	half.Close()

	// With the old secret alone, the new one alone, and with both.
	fresh, err := kind.Rotate(rotated, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []json.RawMessage{config, rotated, rotated} {
		sender, err := kind.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if receipt, err := sender.Send(t.Context(), shipped(1)); err != nil {
			t.Errorf("%v: %+v: %s", err, receipt, said)
		}
		sender.Close()
	}
	stranger, err := kind.Open(fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if receipt, err := stranger.Send(t.Context(), shipped(1)); receipt.Status != http.StatusUnauthorized {
		t.Errorf("another secret: %+v, %v", receipt, err)
	}
	post := func(header map[string]string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", strings.NewReader(`{"event":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			req.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		defer answer.Body.Close()
		io.Copy(io.Discard, answer.Body) //nolint:errcheck // a test's
		return answer.StatusCode
	}
	// A space too many in the list of secrets is no key that anybody has.
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	forged := hmac.New(sha256.New, nil)
	fmt.Fprintf(forged, `x.%s.{"event":{}}`, stamp) //nolint:errcheck // a hash takes anything
	for _, header := range []map[string]string{
		nil,
		{"webhook-id": "x", "webhook-timestamp": stamp, "webhook-signature": "v1," + base64.StdEncoding.EncodeToString(forged.Sum(nil))},
		{"webhook-id": "x", "webhook-timestamp": "soon", "webhook-signature": "v1,"},
		{"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA v1"},
		{"webhook-id": "x", "webhook-timestamp": "99999999999999999999999", "webhook-signature": "v1,\xc3\xa4"},
	} {
		if status := post(header); status != http.StatusUnauthorized {
			t.Errorf("%v: got %d, want 401: %s", header, status, said)
		}
	}
	for _, secrets := range []string{"", " ", "whsec_", "whsec_AAAA"} {
		command := exec.CommandContext(t.Context(), path, append(slices.Clone(arguments), file)...)
		command.Env = append(os.Environ(), "PORT=0", "WEBHOOK_SECRETS="+secrets)
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "WEBHOOK_SECRETS has no secret") {
			t.Errorf("with the secrets %q it says: %v, %s", secrets, err, out)
		}
	}
	if got := strings.Count(said.String(), "order.shipped order-456"); got != 1 {
		t.Errorf("the event was worked on %d times, want once: %s", got, said)
	}
	http.DefaultClient.CloseIdleConnections()
}
