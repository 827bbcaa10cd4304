package file

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/deliverytest"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/internal/vfs/crashfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDisk = errors.New("input/output error")

// start is what the tests' clock shows at first.
var start = time.Date(2026, 11, 20, 18, 55, 20, 0, time.UTC)

// on is a kind whose folder is "/files" of a disk, with a clock that stands.
func on(fsys vfs.FS, now func() time.Time) *Kind {
	k := New(&Options{Dir: "/files"})
	k.env.fs = fsys
	k.env.now = func() time.Time { return start }
	if now != nil {
		k.env.now = now
	}
	return k
}

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{
		"one file":   `{"path":"all.ndjson"}`,
		"many files": `{"path":"orders/all","maxBytes":1500}`,
		"compressed": `{"path":"a/b/all.txt","maxBytes":4000,"compress":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			deliverytest.Run(t, func(t *testing.T) deliverytest.Fixture {
				fsys := crashfs.New()
				p := path.Join("/files", pathOf(t, config))
				return deliverytest.Fixture{
					Kind:      on(fsys, nil),
					Config:    json.RawMessage(config),
					Elsewhere: json.RawMessage(`{"path":"elsewhere.ndjson"}`),
					Refused:   refused,
					Received:  func(t testing.TB) []nacre.Event { return received(t, fsys, p) },
					Stop: func(testing.TB) {
						fsys.SetHook(func(op crashfs.Op) error {
							if op.Kind == crashfs.OpWrite || op.Kind == crashfs.OpSync {
								return errDisk
							}
							return nil
						})
					},
					Start: func(testing.TB) { fsys.SetHook(nil) },
				}
			})
		})
	}
}

func pathOf(t testing.TB, raw string) string {
	t.Helper()
	var c config
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		t.Fatal(err)
	}
	return c.Path
}

var refused = map[string]string{
	`{}`:                                   "config.path",
	`{"path":""}`:                          "config.path",
	`{"path":7}`:                           "config.path",
	`{"path":"/etc/passwd"}`:               "config.path",
	`{"path":"../up"}`:                     "config.path",
	`{"path":".."}`:                        "config.path",
	`{"path":"."}`:                         "config.path",
	`{"path":"a/../../up"}`:                "config.path",
	`{"path":"a/../b"}`:                    "config.path",
	`{"path":"a//b"}`:                      "config.path",
	`{"path":"a/"}`:                        "config.path",
	`{"path":"./a"}`:                       "config.path",
	`{"path":"..\\a"}`:                     "config.path",
	`{"path":"a\u0000b"}`:                  "config.path",
	`{"path":"a\nb"}`:                      "config.path",
	`{"path":"a\ud800"}`:                   "config.path",
	`{"path":"a.lock"}`:                    "config.path",
	`{"path":"a.GZ"}`:                      "config.path",
	`{"path":"a.tmp"}`:                     "config.path",
	`{"path":"a-20261120T185520Z-000001"}`: "config.path",
	`{"path":"a-cut-20261120T185520Z-000001.ndjson"}`:    "config.path",
	`{"path":"` + strings.Repeat("a", mostPath+1) + `"}`: "config.path",
	`{"path":"a","maxBytes":1023}`:                       "config.maxBytes",
	`{"path":"a","maxBytes":-1}`:                         "config.maxBytes",
	`{"path":"a","maxBytes":1073741825}`:                 "config.maxBytes",
	`{"path":"a","maxBytes":"1 MB"}`:                     "config.maxBytes",
	`{"path":"a","maxAgeSeconds":-1}`:                    "config.maxAgeSeconds",
	`{"path":"a","maxAgeSeconds":99999999}`:              "config.maxAgeSeconds",
	`{"path":"a","keep":-1}`:                             "config.keep",
	`{"path":"a","keep":1000001}`:                        "config.keep",
	`{"path":"a","compress":1}`:                          "config.compress",
}

// lines are those of the files of a path in their order, torn and damaged ones included.
func lines(t testing.TB, fsys *crashfs.FS, p string) []string {
	t.Helper()
	w := &writer{env: environment{fs: fsys, now: time.Now}, path: p}
	var out []string
	add := func(name string) bool {
		content, err := fsys.ReadFile(name)
		if err != nil {
			return false
		}
		if strings.HasSuffix(name, gzipSuffix) {
			z, err := gzip.NewReader(bytes.NewReader(content))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if content, err = io.ReadAll(z); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		out = append(out, slices.Collect(strings.Lines(string(content)))...)
		return true
	}
	entries, err := w.rotated()
	if err != nil {
		return nil // there is no folder yet
	}
	for _, e := range entries {
		name := path.Join(path.Dir(p), e.name)
		if !e.plain && !e.gzip {
			continue // what was begun to be compressed, and has another name after the crash
		}
		// What is not there any more since it was listed has been compressed.
		if !e.plain || !add(name) {
			if !add(name + gzipSuffix) {
				t.Fatalf("%s is gone", name)
			}
		}
	}
	add(p)
	return out
}

// received are the events of the whole lines.
func received(t testing.TB, fsys *crashfs.FS, p string) []nacre.Event {
	t.Helper()
	var out []nacre.Event
	for _, line := range lines(t, fsys, p) {
		if strings.HasSuffix(line, "\n") && isLine([]byte(line)) {
			var e nacre.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			out = append(out, e)
		}
	}
	return out
}

// opened is a sender of a configuration.
func opened(t testing.TB, k *Kind, config string) delivery.Sender {
	t.Helper()
	checked, err := k.Check(json.RawMessage(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(checked)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send sends batches that must be taken at once.
func send(t testing.TB, s delivery.Sender, batches ...*delivery.Batch) {
	t.Helper()
	for _, b := range batches {
		if _, err := s.Send(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// settle waits until nothing is compressed or removed any more.
func settle(s delivery.Sender) { s.(*sender).writer.tidying.Wait() }

func closed(t testing.TB, s delivery.Sender) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// clock is one that is set.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(start.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }
