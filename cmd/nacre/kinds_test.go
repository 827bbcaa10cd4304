package main

import (
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/nacredb/nacre"
)

// What could be misused is there only as far as the settings allow it.
func TestKindsNeedTheirSettings(t *testing.T) {
	t.Parallel()
	names := func(c *serveConfig) (out []string) {
		t.Helper()
		kinds, err := c.kinds(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			out = append(out, k.Name())
		}
		return out
	}
	for _, test := range []struct {
		c    serveConfig
		want []string
	}{
		{serveConfig{}, []string{"webhook"}},
		{serveConfig{relayDir: t.TempDir()}, []string{"webhook", "file"}},
		{serveConfig{relayAddresses: []string{"nats.internal:4222"}}, []string{"webhook", "nats", "redis"}},
		{serveConfig{relayAddresses: []string{"*"}}, []string{"webhook", "nats", "redis"}},
	} {
		got := names(&test.c)
		if len(got) != len(test.want) {
			t.Errorf("%+v gives %v, want %v", test.c, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%+v gives %v, want %v", test.c, got, test.want)
			}
		}
	}
	bad := serveConfig{relayAddresses: []string{"nats.internal"}}
	if _, err := bad.kinds(slog.New(slog.DiscardHandler)); nacre.CodeOf(err) != nacre.CodeInvalid {
		t.Errorf("an address without a port is %v", err)
	}

	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	here := ln.Addr().String()
	if _, err := (allowed{"127.0.0.1:1"}).dial(t.Context(), "tcp", here); !errors.Is(err, errNotAllowed) {
		t.Errorf("an address that is not listed gives %v", err)
	}
	for _, list := range []allowed{{here}, {"other:1", anyAddress}} {
		conn, err := list.dial(t.Context(), "tcp", here)
		if err != nil {
			t.Errorf("%v does not let %s be connected to: %v", list, here, err)
			continue
		}
		_ = conn.Close()
	}
}

// A webhook's address is checked when it is made, unless private ones are allowed.
func TestPrivateWebhooks(t *testing.T) {
	t.Parallel()
	for _, allow := range []bool{false, true} {
		c := serveConfig{privateWebhooks: allow}
		kinds, err := c.kinds(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kinds[0].Check([]byte(`{"url":"http://127.0.0.1:80/"}`), nil); (err == nil) != allow {
			t.Errorf("allowed %v: %v", allow, err)
		}
	}
}
