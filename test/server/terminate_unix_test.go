//go:build unix

package server_test

import (
	"os"
	"syscall"
)

// graceful says that processes can be told to end.
const graceful = true

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
