package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wire"
)

// folders are the stores of a server: those of one folder, by the names of theirs.
type folders string

func (f folders) Names(context.Context) ([]string, error) {
	entries, err := os.ReadDir(string(f))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (f folders) Open(_ context.Context, name string) (*nacre.Store, error) {
	at := filepath.Join(string(f), name)
	if _, err := os.Stat(at); err != nil {
		return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no event store %s", name)
	}
	return openNacre(at)
}

func (f folders) Create(_ context.Context, name string) (*nacre.Store, error) {
	return openNacre(filepath.Join(string(f), name))
}

func (f folders) Delete(_ context.Context, name string) error {
	return os.RemoveAll(filepath.Join(string(f), name))
}

// serve is what a child does that is a server: it says where it listens, and ends with its input.
func (do *task) serve(t *told) error {
	o := &server.Options{Backend: folders(do.Dir), Logger: slog.New(slog.DiscardHandler)}
	closing, err := do.aggregates(o)
	if err != nil {
		return err
	}
	defer closing()
	do.entities(o)
	s, err := server.New(o)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.URL = "http://" + listener.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return s.Serve(ctx, listener)
}

// serving is a server in a process of its own.
type serving struct {
	child
}

// startServer starts one over the stores in a folder, with all options at their defaults.
func startServer(ctx context.Context, dir string) (*serving, error) {
	return startServerOf(ctx, task{Dir: dir})
}

// startServerOf starts one as the task says.
func startServerOf(ctx context.Context, do task) (*serving, error) {
	do.What = childServe
	c, err := startChild(ctx, do)
	if err != nil {
		return nil, err
	}
	return &serving{child: *c}, nil
}

// stop ends the server as a signal would, and waits for it.
func (s *serving) stop() error {
	if err := errors.Join(s.input.Close(), s.cmd.Wait()); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("the server ended badly: %w", err)
		}
		return err
	}
	return nil
}

// open opens a store of the server with the client.
func (s *serving) open(name string) (*nacre.Store, error) {
	return client.Open(s.told.URL, &client.Options{Store: name})
}
