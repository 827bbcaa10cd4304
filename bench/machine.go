package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// machine describes what a run was made on.
func machine(dir string) []string {
	out := []string{
		fmt.Sprintf("machine: %d processors (%s), %s of memory", runtime.NumCPU(), cpuModel(), memoryTotal()),
		fmt.Sprintf("system: %s, %s/%s; %s", kernel(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		"file system: " + fileSystem(dir),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	var peers []string
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "modernc.org/sqlite", "github.com/jackc/pgx/v5":
			peers = append(peers, m.Path+" "+m.Version)
		}
	}
	return append(out, "peers: "+strings.Join(peers, ", "))
}
