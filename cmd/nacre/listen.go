package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/nacredb/nacre"
)

// listenAll listens on every address, or on none.
func listenAll(ctx context.Context, addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range addresses {
		var config net.ListenConfig
		ln, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			for _, ln := range all {
				_ = ln.Close()
			}
			return nil, listenError(address, err)
		}
		all = append(all, ln)
	}
	return all, nil
}

// listenError says for people why an address cannot be listened on.
func listenError(address string, err error) error {
	if nacre.CodeOf(err) != "" {
		return err // the context's
	}
	var name *net.DNSError
	var wrong *net.AddrError
	switch {
	case taken(err):
		return nacre.Errorf(nacre.CodeInternal,
			"%s is taken: another program listens there, perhaps another nacre; stop it, or give another --listen (port 0 is any free one)", address)
	case errors.Is(err, syscall.EACCES):
		return nacre.Errorf(nacre.CodeInternal, "%s may not be listened on by this user: ports below 1024 are the system's; give another --listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nacre.Errorf(nacre.CodeInternal, "%s is no address of this machine: give another --listen", address)
	case errors.As(err, &name), errors.As(err, &wrong):
		return nacre.Errorf(nacre.CodeInvalid, "--listen: %q is not an address to listen on: give host:port, as in 127.0.0.1:4321", address)
	}
	return nacre.Errorf(nacre.CodeInternal, "%s cannot be listened on: %w", address, err)
}

// taken tells that somebody else listens there.
func taken(err error) bool {
	// Windows has a number of its own for it.
	return errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "Only one usage of each socket address")
}

// joined accepts from several listeners.
type joined struct {
	all    []net.Listener
	conns  chan net.Conn
	failed chan error
	done   chan struct{}
	once   sync.Once
	err    error
	feeds  sync.WaitGroup
}

// join makes one listener of several, which Close closes.
func join(all []net.Listener) net.Listener {
	if len(all) == 1 {
		return all[0]
	}
	j := &joined{all: all, conns: make(chan net.Conn), failed: make(chan error), done: make(chan struct{})}
	for _, ln := range all {
		j.feeds.Go(func() { j.feed(ln) })
	}
	return j
}

func (j *joined) feed(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			// Whoever accepts knows which errors pass, and how long to wait for that.
			select {
			case j.failed <- err:
				continue
			case <-j.done:
				return
			}
		}
		select {
		case j.conns <- conn:
		case <-j.done:
			_ = conn.Close()
			return
		}
	}
}

// Accept gives the next connection of any of them, or the first error of one.
func (j *joined) Accept() (net.Conn, error) {
	select {
	case conn := <-j.conns:
		return conn, nil
	case err := <-j.failed:
		return nil, err
	case <-j.done:
		return nil, net.ErrClosed
	}
}

// Close closes all of them.
func (j *joined) Close() error {
	j.once.Do(func() {
		close(j.done)
		for _, ln := range j.all {
			j.err = errors.Join(j.err, ln.Close())
		}
		j.feeds.Wait()
	})
	return j.err
}

// Addr is that of the first.
func (j *joined) Addr() net.Addr { return j.all[0].Addr() }
