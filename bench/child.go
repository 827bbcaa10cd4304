package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"
)

// childArg makes this program a child of itself: a process that opens a store and can be killed.
const childArg = "child-process"

// What a child does.
const (
	childAppend = "append" // appends until it is killed; says so once something is acknowledged
	childOpen   = "open"   // opens, tells how that was, and waits to be killed
	childWork   = "work"   // appends and reads for a while, and tells how much memory that took
	childServe  = "serve"  // is a server over the stores in a folder, until its input ends
	childRelay  = "relay"  // is a bare relay for WebSockets, until its input ends
	childGuest  = "guest"  // runs a module in many instances, and tells how much memory that took
)

// task is what a child is to do, as its argument, in JSON.
type task struct {
	What    string        `json:"what"`
	Dir     string        `json:"dir"`
	Streams int           `json:"streams"` // of the large store, to read
	For     time.Duration `json:"for"`     // how long it works

	Entities   bool   `json:"entities"`   // whether a server's stores have entities
	Aggregates string `json:"aggregates"` // that a server has: aggregatesNative or aggregatesModules
	Compiled   string `json:"compiled"`   // the folder of what modules were compiled to
	Module     string `json:"module"`     // the file of one
	Payload    string `json:"payload"`    // of its commands
	Instances  int    `json:"instances"`  // of it, at least two
}

// told is what a child tells, as a line of JSON.
type told struct {
	Error     string        `json:"error,omitempty"`
	Open      time.Duration `json:"open"`
	Anonymous int64         `json:"anonymous"` // bytes, the most that was seen
	Head      uint64        `json:"head"`
	Appended  int64         `json:"appended"`
	Reads     int64         `json:"reads"`
	URL       string        `json:"url,omitempty"` // of a server
	Resident  int64         `json:"resident"`      // anonymous bytes of an instance
	Linear    int64         `json:"linear"`        // bytes of an instance's own memory, used or not
}

func childMain(args []string) int {
	var do task
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &do) != nil {
		return 2
	}
	var t told
	if do.What == childGuest {
		err := do.guest(&t)
		if err != nil {
			t.Error = err.Error()
		}
		return exitCode(errors.Join(err, json.NewEncoder(os.Stdout).Encode(t)))
	}
	if do.What == childServe || do.What == childRelay {
		be := do.serve
		if do.What == childRelay {
			be = do.relay
		}
		err := be(&t)
		if err != nil {
			t.Error = err.Error()
			err = errors.Join(err, json.NewEncoder(os.Stdout).Encode(t))
		}
		return exitCode(err)
	}
	hold, err := do.run(&t)
	if err != nil {
		t.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil || t.Error != "" {
		return 1
	}
	if hold {
		// The parent kills this process; where the parent has ended, the input does.
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	return 0
}

func exitCode(err error) int {
	if err != nil {
		return 1
	}
	return 0
}

// run tells whether the process is to stay, as it is, until it is killed.
func (do *task) run(t *told) (hold bool, err error) {
	ctx := context.Background()
	start := time.Now()
	store, err := openNacre(do.Dir)
	if err != nil {
		return false, err
	}
	t.Open = time.Since(start)
	if t.Anonymous, err = anonymousRSS(); err != nil && hasAnonymousRSS {
		return false, err
	}
	head, err := store.Head(ctx)
	if err != nil {
		return false, err
	}
	t.Head = uint64(head.Position)
	c := &nacreContender{store}
	ws := newWriters(64, fmt.Sprintf("child%d", time.Now().UnixNano()), newPayloads(dataBytes))
	switch do.What {
	case childOpen:
		return true, nil
	case childAppend:
		return true, appendOn(ctx, c, ws)
	case childWork:
		if err := do.work(ctx, c, ws, t); err != nil {
			return false, err
		}
		return false, store.Close()
	}
	return false, fmt.Errorf("%q is nothing that a child does", do.What)
}

// appendOn starts to append, for a minute at most, and returns once something is acknowledged.
func appendOn(ctx context.Context, c *nacreContender, ws []*writer) error {
	ended := make(chan error, 1)
	go func() {
		_, err := driveFor(ctx, ws, time.Minute, appendTo(c, 1))
		ended <- err
	}()
	for acknowledged(ws) < 1000 {
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// work appends with all writers and reads streams with two goroutines, and watches the memory.
func (do *task) work(ctx context.Context, c *nacreContender, ws []*writer, t *told) error {
	l := &large{state: largeState{Events: do.Streams * streamEvents}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reads atomic.Int64
	failed := make(chan error, 2)
	for i := range cap(failed) {
		go func() {
			random := rand.New(rand.NewPCG(9, uint64(i)))
			for ctx.Err() == nil {
				if _, err := l.readStream(ctx, c.store, random.IntN(do.Streams)); err != nil {
					if ctx.Err() == nil {
						failed <- err
						return
					}
					break
				}
				reads.Add(1)
			}
			failed <- nil
		}()
	}
	out, err := drive(ctx, ws, appendTo(c, 1), func(context.Context) {
		for end := time.Now().Add(do.For); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if now, err := anonymousRSS(); err == nil {
				t.Anonymous = max(t.Anonymous, now)
			}
		}
	})
	cancel()
	for range cap(failed) {
		if e := <-failed; err == nil {
			err = e
		}
	}
	t.Appended, t.Reads = out.events, reads.Load()
	return err
}
