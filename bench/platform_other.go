//go:build !linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

const (
	syncName        = "fsync"
	canKeepSize     = false
	hasAnonymousRSS = false
)

var errNotHere = fmt.Errorf("not on %s: %w", runtime.GOOS, errors.ErrUnsupported)

func datasync(f *os.File) error            { return f.Sync() }
func reserve(*os.File, int64, int64) error { return nil }
func dropCaches() error                    { return errNotHere }
func anonymousRSS() (int64, error)         { return 0, errNotHere }
func anonymousRSSOf(int) (int64, error)    { return 0, errNotHere }
func freeBytes(string) (int64, error)      { return 0, errNotHere }
func cpuModel() string                     { return runtime.GOARCH }
func memoryTotal() string                  { return "unknown" }
func kernel() string                       { return runtime.GOOS }
func fileSystem(string) string             { return "unknown" }
func endWithParent(*exec.Cmd)              {}
func runAs(*exec.Cmd, int, int)            {}
