package main

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
)

func TestListenersAreJoined(t *testing.T) {
	t.Parallel()
	all, err := listenAll(t.Context(), []string{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ln := join(all)
	for _, one := range all {
		conn, err := net.Dial("tcp", one.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Fatalf("accepted %v, not %v", got.RemoteAddr(), conn.LocalAddr())
		}
		_, _ = got.Close(), conn.Close()
	}
	if ln.Addr() != all[0].Addr() {
		t.Error("the address is not the first's")
	}
	// One that fails is told; who accepts decides what it means.
	if err := all[1].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("%v", err)
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) { // of the one that was closed
		t.Fatalf("%v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("%v", err)
	}
	if conn, err := net.Dial("tcp", all[2].Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the third one still listens")
	}
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, c := range []struct {
		address, says string
		code          nacre.Code
	}{
		{held.Addr().String(), "is taken", nacre.CodeInternal},
		{"127.0.0.1:port", "is not an address to listen on", nacre.CodeInvalid},
		{"203.0.113.7:0", "is no address of this machine", nacre.CodeInternal},
	} {
		_, err := listenAll(t.Context(), []string{"127.0.0.1:0", c.address})
		if nacre.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}
