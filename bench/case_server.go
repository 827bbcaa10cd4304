package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nacredb/nacre"
)

const (
	serverWriters   = 64
	serverGoal      = 3.0
	serverBatchGoal = 0.5

	overHTTP = "over HTTP"
	embedded = "embedded"

	storeName = "default"
	rareType  = "order.rare"
	rareEvery = 20
)

// serverCase measures the server, in a process of its own, with the client in this one.
func serverCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case server", dir, 24<<30); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *settings, *report, string) error{
		serverAppends, serverBatches, serverReads, serverFollows, serverIdle,
	} {
		if err := inFolder(dir, "step", func(dir string) error { return step(ctx, s, r, dir) }); err != nil {
			return err
		}
	}
	return nil
}

// served opens the store of a new server; leave ends both.
func served(ctx context.Context, dir string) (on *serving, store *nacre.Store, leave func() error, err error) {
	if on, err = startServer(ctx, dir); err != nil {
		return nil, nil, nil, err
	}
	if store, err = on.open(storeName); err != nil {
		on.kill()
		return nil, nil, nil, err
	}
	return on, store, func() error { return errors.Join(store.Close(), on.stop()) }, nil
}

// serverAppends compares single events over HTTP with JetStream, and with the embedded store.
func serverAppends(ctx context.Context, s *settings, r *report, dir string) (err error) {
	_, remote, leaveServer, err := served(ctx, filepath.Join(dir, "served"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leaveServer()) }()
	peers, err := enter(ctx, []kind{nacreKind, jetstreamKind}, dir, serverWriters, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(peers)) }()
	all := append([]entry{{kind{name: overHTTP}, &nacreContender{remote}}}, peers...)
	data := newPayloads(dataBytes)
	writers := make(map[string][]*writer)
	var lanes []lane
	for _, e := range all {
		ws := newWriters(serverWriters, "server", data)
		writers[e.name] = ws
		lanes = append(lanes, lane{e.name, func(ctx context.Context, d time.Duration) (slice, error) {
			return driveFor(ctx, ws, d, appendTo(e, 1))
		}})
	}
	what := fmt.Sprintf("%d connections, %s, over HTTP", serverWriters, perAppend(1))
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := readBack(ctx, e, writers[e.name]); err != nil {
			return fmt.Errorf("%s: %s: %w", what, e.name, err)
		}
	}
	t := r.section("Server: "+what, fmt.Sprintf("Go's own client, in another process than the server, on the loopback; the exact version expected; data of %d bytes. "+
		"JetStream and the embedded store are in the process of the writers.", dataBytes), rateHead("over HTTP is")...)
	ours := got[overHTTP].rate()
	for _, l := range lanes {
		t.row(append(append([]string{l.name}, rateCells(got[l.name])...), times(ours/got[l.name].rate()))...)
		if l.name == jetstreamKind.name {
			r.ratio(what+", against "+l.name, ours/got[l.name].rate(), serverGoal)
		}
	}
	return nil
}

// serverBatches compares batches over HTTP with embedded ones, both in long slices.
func serverBatches(ctx context.Context, s *settings, r *report, dir string) (err error) {
	_, remote, leaveServer, err := served(ctx, filepath.Join(dir, "served"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leaveServer()) }()
	local, err := openNacre(filepath.Join(dir, "embedded"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	data := newPayloads(dataBytes)
	var lanes []lane
	for _, e := range []struct {
		name  string
		store *nacre.Store
	}{{embedded, local}, {overHTTP, remote}} {
		c := &nacreContender{e.store}
		ws := newWriters(serverWriters, "batch", data)
		lanes = append(lanes, lane{e.name, func(ctx context.Context, d time.Duration) (slice, error) {
			out, err := driveFor(ctx, ws, d, appendTo(c, batchSize))
			if err != nil {
				return out, err
			}
			return out, readBack(ctx, c, ws)
		}})
	}
	what := fmt.Sprintf("%d connections, %s, over HTTP", serverWriters, perAppend(batchSize))
	got, err := rotate(ctx, r, what, 3, s.sustain/6, lanes)
	if err != nil {
		return err
	}
	t := r.section("Server: "+what, fmt.Sprintf("In slices of %s, in rotation. Data of %d bytes, the exact version expected.", s.sustain/6, dataBytes),
		rateHead("of embedded")...)
	for _, l := range lanes {
		t.row(append(append([]string{l.name}, rateCells(got[l.name])...), percent(got[l.name].rate()/got[embedded].rate()))...)
	}
	r.ratio(what+", against embedded, both sustained", got[overHTTP].rate()/got[embedded].rate(), serverBatchGoal)
	return nil
}
