package relay

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Dial makes a connection.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// Network is how a relay connects: as its options say, and where they say nothing as the system does, with TLS 1.2 at
// least.
func Network(dial Dial, secure *tls.Config) (Dial, *tls.Config) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return dial, secure
}

// Detached has something done by a library that a context cannot call off, in a goroutine that start begins and that a
// sender's Close waits for. It returns when ctx ends, whatever the library does; who is named in the error then.
func Detached[T any](ctx context.Context, who string, start func(run func()) error, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	answered := make(chan answer, 1)
	if err := start(func() {
		value, err := do()
		answered <- answer{value, err}
	}); err != nil {
		return none, err
	}
	select {
	case <-ctx.Done():
		return none, fmt.Errorf("%s: %w", who, context.Cause(ctx))
	case a := <-answered:
		return a.value, a.err
	}
}
