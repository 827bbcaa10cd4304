package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/test/soak"
)

// download saves a backup. Where cut is not nil, it is called once the backup has begun to arrive.
func download(t *testing.T, web *http.Client, log, file string, cut func()) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, log+"/backup", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := web.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d: %s", resp.StatusCode, text)
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if cut != nil {
		if _, err := io.CopyN(out, resp.Body, 1000); err != nil {
			return err
		}
		cut()
	}
	_, err = io.Copy(out, resp.Body)
	return err
}

// wholeTar tells whether a file ends with an empty block, as a tar does: what was cut off then is the end of
// the reply only.
func wholeTar(t *testing.T, file string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const end = 512
	return len(text) > end && bytes.Equal(text[len(text)-end:], make([]byte, end))
}

// TestBackupsOfABusyServer takes backups while others append, restores them, and compares.
func TestBackupsOfABusyServer(t *testing.T) {
	t.Parallel()
	rng := soak.Seeded(t, "./test/server")
	for i := range soak.Rounds(t, 1) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := t.TempDir()
			data, address := filepath.Join(dir, "data"), freePort(t)
			p := start(t, data, address, somehow(rng)...)
			log := p.url + "/event-stores/default"
			store := openClient(t, p.url, &client.Options{Timeout: patience, Retries: 30})
			blobs, err := store.Blobs()
			if err == nil {
				err = blobs.PutBlob(t.Context(), "kept/one", []byte("as it was"))
			}
			if err != nil {
				t.Fatal(err)
			}
			j := newJournal()
			crew := hire(t, rng, j, named{"library", library{store}},
				named{"web", &web{client: webClient(t), log: log, rng: branch(rng)}},
				named{"web2", &web{client: webClient(t), log: log, rng: branch(rng)}})

			var copies []copied
			for n := range 3 {
				before := crew.appends.Load()
				until(t, "something is appended", func() bool { return crew.appends.Load() > before+20 || t.Failed() })
				c := copied{name: fmt.Sprintf("copy-%d", n), data: filepath.Join(dir, fmt.Sprint("data-", n))}
				if c.least, err = store.Head(t.Context()); err != nil {
					t.Fatal(err)
				}
				from := filepath.Join(dir, c.name)
				if n == 0 {
					err = store.Backup(t.Context(), from)
				} else {
					err = download(t, webClient(t), log, from, nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				if c.most, err = store.Head(t.Context()); err != nil {
					t.Fatal(err)
				}
				run(t, "restore", from, "--data", c.data)
				copies = append(copies, c)
			}
			// One that is cut off is refused, and leaves nothing.
			broken := filepath.Join(dir, "broken")
			err = download(t, webClient(t), log, broken, func() { p.kill(t) })
			p = start(t, data, address, somehow(rng)...)
			if err != nil && !wholeTar(t, broken) {
				target := filepath.Join(dir, "data-broken")
				out, err := command(t, "restore", broken, "--data", target).CombinedOutput()
				if entries, _ := os.ReadDir(target); err == nil || len(entries) > 0 {
					t.Errorf("a backup that was cut off was restored, %v: %s", entries, out)
				}
			}
			crew.rest()
			p.stop(t)
			if t.Failed() {
				return
			}
			nothingElse(t, data, server.DefaultStore)
			whole, head := readLog(t, filepath.Join(data, server.DefaultStore))
			j.check(t, whole)
			for _, c := range copies {
				c.check(t, whole, head)
			}
			t.Logf("%d events; %s; the cut was seen: %v", len(whole), j.summary(), err != nil)
		})
	}
}

// copied is a store that was restored of a backup, taken while the log's end was between two places.
type copied struct {
	name, data  string
	least, most nacre.Head
}

// check compares the copy with the log that it was taken of.
func (c *copied) check(t *testing.T, log []nacre.Event, head nacre.Head) {
	t.Helper()
	if out := run(t, "verify", "--data", c.data); !strings.Contains(out, "all is whole") {
		t.Errorf("%s: verify told %s", c.name, out)
	}
	got, own := readLog(t, filepath.Join(c.data, "default"))
	if own.Epoch == head.Epoch {
		t.Errorf("%s has the epoch of the log", c.name)
	}
	if n := nacre.Position(len(got)); n < max(c.least.Position, c.least.Last) || n > max(c.most.Position, c.most.Last) {
		t.Errorf("%s has %d events, the log had from %d to %d", c.name, n, c.least.Last, c.most.Last)
	}
	wholeBatches(t, got)
	same := slices.EqualFunc(got, log[:min(len(got), len(log))], func(a, b nacre.Event) bool {
		return placeOf(&a) == placeOf(&b) && string(a.Data) == string(b.Data) && a.CreatedAt.Equal(b.CreatedAt) && slices.Equal(a.Tags, b.Tags)
	})
	if !same {
		t.Errorf("%s is not a beginning of the log", c.name)
	}
	// A server of the copy has what was beside the log, and tells who followed the log to begin anew.
	p := start(t, c.data, "127.0.0.1:0")
	p.url = strings.Fields(p.out.String())[2]
	store := openClient(t, p.url, &client.Options{Timeout: patience})
	blobs, err := store.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := blobs.GetBlob(t.Context(), "kept/one"); err != nil || string(text) != "as it was" {
		t.Errorf("%s: the blob is %q, %v", c.name, text, err)
	}
	for _, err := range store.Subscribe(t.Context(), nil, &nacre.SubscribeOptions{After: 1, Epoch: head.Epoch}) {
		if nacre.CodeOf(err) != nacre.CodeLogRewound {
			t.Errorf("%s: who followed the log is told %v", c.name, err)
		}
		break
	}
	a, err := store.Append(t.Context(), "after-1", nacre.NoStream, nacre.NewEvent("t", time.Now().String()))
	if err != nil || a.Position() != nacre.Position(len(got)+1) {
		t.Errorf("%s goes on with %d, %v", c.name, a.Position(), err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	p.stop(t)
}
