//go:build !unix

package server_test

import "os"

// graceful says that processes cannot be told to end, only killed.
const graceful = false

func terminate(p *os.Process) error { return p.Kill() }
