package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a private Postgres: its own folder, its own server, reached by a unix socket only.
type cluster struct {
	dir    string // holds data/ and the socket
	socket string
	user   string
	server *exec.Cmd
	ended  chan error // gets what the server ended with
	output *bytes.Buffer
}

// startCluster makes a cluster in dir and starts its server. Where there is no Postgres, or nobody that it
// may run as, it fails with an unavailableError.
func startCluster(ctx context.Context, dir string, connections int) (*cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	// A socket's path may have about 100 bytes, which a folder deep below would exceed.
	socket, err := os.MkdirTemp("", "nacre-bench-pg-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, socket: socket, user: owner.name, ended: make(chan error, 1), output: new(bytes.Buffer)}
	for _, d := range []string{dir, socket} {
		if err := owner.give(d); err != nil {
			return nil, errors.Join(err, os.RemoveAll(socket))
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", owner.name, "-E", "UTF8", "--no-locale")
	initdb.Dir = dir
	owner.run(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(&unavailableError{fmt.Sprintf("initdb failed as %s in %s: %v: %s", owner.name, dir, err, bytes.TrimSpace(out))},
			os.RemoveAll(socket))
	}
	c.server = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", socket,
		"-c", "listen_addresses=", "-c", "max_connections="+strconv.Itoa(connections),
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on",
		"-c", "shared_buffers=512MB", "-c", "max_wal_size=8GB", "-c", "checkpoint_timeout=15min")
	c.server.Dir = dir
	c.server.Stdout, c.server.Stderr = c.output, c.output
	owner.run(c.server)
	if err := c.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(socket))
	}
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// start starts the server and waits for its end on one thread: the server gets a signal when the thread
// that started it ends.
func (c *cluster) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.server.Start()
		started <- err
		if err == nil {
			c.ended <- c.server.Wait()
		}
	}()
	return <-started
}

// ready waits until the server takes connections, at most 30 s.
func (c *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.dsn())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case end := <-c.ended:
			c.ended <- end
			return fmt.Errorf("the server ended at once: %w: %s", end, bytes.TrimSpace(c.output.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready within 30 s: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cluster) dsn() string {
	return fmt.Sprintf("host=%s user=%s dbname=postgres sslmode=disable", c.socket, c.user)
}

// stop ends the server that this cluster started, and no other: politely, then by force.
func (c *cluster) stop() error {
	defer func() { _ = os.RemoveAll(c.socket) }()
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT, os.Kill} {
		if err := c.server.Process.Signal(sig); err != nil {
			return nil // it has ended
		}
		select {
		case <-c.ended: //nolint:errcheck // it was told to end
			return nil
		case <-time.After(30 * time.Second):
		}
	}
	return fmt.Errorf("postgres, process %d, does not end", c.server.Process.Pid)
}

// postgresBin finds the folder of a Postgres' programs.
func postgresBin() (string, error) {
	var tools []string
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		tools = append(tools, path)
	}
	tools = append(tools, "/usr/local/bin/pg_ctl")
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	slices.Reverse(versions)
	tools = append(tools, versions...)
	for _, tool := range tools {
		real, err := filepath.EvalSymlinks(tool)
		if err != nil {
			continue
		}
		bin := filepath.Dir(real)
		_, errInit := os.Stat(filepath.Join(bin, "initdb"))
		_, errServer := os.Stat(filepath.Join(bin, "postgres"))
		if errInit == nil && errServer == nil {
			return bin, nil
		}
	}
	return "", &unavailableError{"pg_ctl, with initdb and postgres beside it, is neither in the PATH nor in /usr/local/bin or /usr/lib/postgresql/*/bin"}
}

// owner is who the server runs as: it refuses to run as root.
type owner struct {
	name     string
	uid, gid int
	other    bool // than who runs this program
}

func postgresOwner() (owner, error) {
	me, err := user.Current()
	if err != nil {
		return owner{}, err
	}
	if os.Geteuid() != 0 {
		return owner{name: me.Username}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return owner{name: name, uid: uid, gid: gid, other: true}, nil
		}
	}
	return owner{}, &unavailableError{"it must not run as root, and there is neither a user postgres nor a user nobody"}
}

// give makes a folder the owner's.
func (o owner) give(dir string) error {
	if !o.other {
		return nil
	}
	return os.Chown(dir, o.uid, o.gid)
}

// run makes a command run as the owner.
func (o owner) run(cmd *exec.Cmd) {
	endWithParent(cmd)
	if o.other {
		runAs(cmd, o.uid, o.gid)
	}
}
