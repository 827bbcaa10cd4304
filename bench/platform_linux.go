package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	syncName        = "fdatasync"
	canKeepSize     = true
	fallocKeepSize  = 1 // FALLOC_FL_KEEP_SIZE: reserve blocks, leave the size
	dropCachesPath  = "/proc/sys/vm/drop_caches"
	hasAnonymousRSS = true
)

// datasync makes a file's data durable.
func datasync(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}

// reserve reserves blocks for a file, and leaves its size.
func reserve(f *os.File, off, size int64) error {
	for {
		switch err := syscall.Fallocate(int(f.Fd()), fallocKeepSize, off, size); {
		case err == syscall.EINTR:
		case errors.Is(err, errors.ErrUnsupported):
			return nil
		default:
			return err
		}
	}
}

// dropCaches writes everything back and empties the page cache of the machine; root only.
func dropCaches() error {
	syscall.Sync()
	return os.WriteFile(dropCachesPath, []byte("1\n"), 0)
}

// anonymousRSS is this process' resident memory that no file stands behind, in bytes.
func anonymousRSS() (int64, error) { return anonymousRSSOf(os.Getpid()) }

// anonymousRSSOf is that of another process.
func anonymousRSSOf(pid int) (int64, error) {
	kib, err := field(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(kib, " kB"), 10, 64)
	return n << 10, err
}

// field is the value behind a key in a file of lines.
func field(path, key string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(key)); ok {
			return strings.TrimSpace(string(value)), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, key)
}

// freeBytes is the space that is left where dir is.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

func cpuModel() string {
	if value, err := field("/proc/cpuinfo", "model name"); err == nil {
		return strings.TrimLeft(value, ": \t")
	}
	return "unknown"
}

func memoryTotal() string {
	value, err := field("/proc/meminfo", "MemTotal:")
	if err != nil {
		return "unknown"
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	if err != nil {
		return value
	}
	return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "Linux"
	}
	return "Linux " + strings.TrimSpace(string(text))
}

// fileSystem tells the type, options and device of the file system that dir is on.
func fileSystem(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = mounts.Close() }()
	found, at := "unknown", ""
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 4 {
			continue
		}
		inside := f[1] == "/" || abs == f[1] || strings.HasPrefix(abs, f[1]+"/")
		if inside && len(f[1]) >= len(at) {
			found, at = fmt.Sprintf("%s (%s) on %s", f[2], f[3], f[0]), f[1]
		}
	}
	return found
}

// endWithParent makes a command get a signal when the thread that started it ends, and so when this
// process does.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} }

// runAs makes a command run as another user.
func runAs(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
