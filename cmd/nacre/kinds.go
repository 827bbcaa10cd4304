package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/file"
	"github.com/nacredb/nacre/delivery/nats"
	"github.com/nacredb/nacre/delivery/redis"
	"github.com/nacredb/nacre/delivery/webhook"
)

// anyAddress stands for every address in a list of them.
const anyAddress = "*"

// kinds are the ways in which subscriptions may have events sent. What whoever may make subscriptions could misuse, files
// and connections into the network that the server is in, is there only as far as the settings allow it.
func (c *serveConfig) kinds(lg *slog.Logger) ([]delivery.Kind, error) {
	hook, err := webhook.New(&webhook.Options{AllowPrivate: c.privateWebhooks, UserAgent: "nacre/" + versionNumber()})
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "%w", err)
	}
	kinds := []delivery.Kind{hook}
	if c.relayDir != "" {
		kinds = append(kinds, file.New(&file.Options{Dir: c.relayDir, Logger: lg}))
	}
	for _, address := range c.relayAddresses {
		if _, _, err := net.SplitHostPort(address); err != nil && address != anyAddress {
			return nil, nacre.Errorf(nacre.CodeInvalid, `relay-address: %q is not host:port, as in "nats.internal:4222", nor "*"`, address)
		}
	}
	if len(c.relayAddresses) > 0 {
		dial := allowed(c.relayAddresses).dial
		kinds = append(kinds, nats.New(&nats.Options{Dial: dial}), redis.New(&redis.Options{Dial: dial}))
	}
	return kinds, nil
}

// allowed are the addresses that relays may connect to.
type allowed []string

// errNotAllowed is why a relay does not connect.
var errNotAllowed = errors.New("the server's relay-address does not have it")

func (a allowed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !slices.Contains(a, anyAddress) && !slices.Contains(a, address) {
		return nil, fmt.Errorf("%s may not be connected to: %w", address, errNotAllowed)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}
