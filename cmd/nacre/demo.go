package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

func (p *program) demoCommand() *cobra.Command {
	d := &demo{p: p}
	var follow bool
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: "serve",
		Short:   "Show what an event store is, on a server of its own",
		Long: `Start a server on a new directory, and show over HTTP what an event store is: streams,
batches, expected versions, conditions, idempotent appends, folds, and 5,000 orders of 64
writers. Then it prints commands to try, and shows the log live until it is interrupted.
Every figure is measured. The directory stays, for you to look at and to remove.

Where the output is no terminal, it ends after the show unless --follow is given.`,
		Example: `  nacre demo
  nacre demo --data /tmp/demo --follow | tee demo.txt`,
		Args: takes(0, 0),
	}
	f := cmd.Flags()
	f.StringVar(&d.data, "data", "", "a `directory` that is empty or not there (default a new one here, nacre-demo-XXXX)")
	f.StringVar(&d.listen, "listen", "127.0.0.1:4321", "listen on this `host:port`, or where that is taken on any free port")
	f.BoolVarP(&follow, "follow", "f", false, "show the log live also where the output is no terminal")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		d.page = newPage(p.out)
		d.live = follow || d.page.terminal
		return d.run(ctx)
	})
	return cmd
}

// demo is one show.
type demo struct {
	p            *program
	page         *page
	data, listen string
	live         bool

	url   string
	store *nacre.Store // over HTTP
}

// run makes the directory, starts the server, and shows.
func (d *demo) run(ctx context.Context) (err error) {
	if err := d.makeFolder(); err != nil {
		return err
	}
	stop, err := d.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	defer d.page.end(d.data)
	if err := d.show(ctx); err != nil {
		return err
	}
	if !d.live {
		d.page.later(d.data)
		return nil
	}
	d.page.yourTurn(d.url, d.data)
	if err := d.follow(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil // to be interrupted is how following ends
}

// makeFolder makes the directory. One that has something in it may be somebody's.
func (d *demo) makeFolder() error {
	if d.data == "" {
		err := fs.ErrExist
		for range 100 {
			if !errors.Is(err, fs.ErrExist) {
				break
			}
			d.data = fmt.Sprintf("nacre-demo-%04x", rand.N(1<<16))
			err = os.Mkdir(d.data, 0o777)
		}
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "no directory can be made here, give one as --data: %w", err)
		}
		return nil
	}
	entries, err := os.ReadDir(d.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nacre.Errorf(nacre.CodeInvalid, "--data: %w", err)
	case len(entries) > 0:
		return nacre.Errorf(nacre.CodeInvalid, "--data: %s is not empty: the demo writes thousands of events, give it a directory of its own", d.data)
	}
	return nil
}

// start starts the server, and a client of it. What it returns ends both.
func (d *demo) start(ctx context.Context) (stop func() error, err error) {
	lg := slog.New(&warnings{to: d.p, level: d.p.level()})
	stores, err := openFolders(d.data, &filestore.Options{}, lg)
	if err != nil {
		return nil, err
	}
	ln, err := d.open(ctx)
	if err != nil {
		return nil, errors.Join(err, stores.close())
	}
	d.url = "http://" + ln.Addr().String()
	d.page.title(d.url, d.data)
	srv, err := server.New(&server.Options{Backend: stores, TempDir: stores.scratch(), Logger: lg, Version: versionNumber()})
	if err != nil {
		return nil, errors.Join(err, ln.Close(), stores.close())
	}
	if d.store, err = client.Open(d.url, &client.Options{Appends: writers}); err != nil {
		return nil, errors.Join(err, srv.Close(ctx), ln.Close(), stores.close())
	}
	// The server outlives the interrupt that ends the show: the client is answered.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(serving, ln) }()
	return func() error {
		err := d.store.Close()
		cancel()
		return errors.Join(err, <-served, stores.close())
	}, nil
}

// open listens, on any free port of the same host where the one that was asked for is taken.
func (d *demo) open(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(d.listen)
	if err != nil || !loopbackOnly(d.listen) {
		return nil, nacre.Errorf(nacre.CodeInvalid,
			"--listen: %q is not an address of this machine alone: give one such as 127.0.0.1:4321, since everybody may write to the demo", d.listen)
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", d.listen)
	if err != nil && taken(err) {
		ln, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, listenError(d.listen, err)
	}
	return ln, nil
}

// follow shows what is appended from now on.
func (d *demo) follow(ctx context.Context) error {
	head, err := d.store.Head(ctx)
	if err != nil {
		return err
	}
	for e, err := range d.store.Subscribe(ctx, nil, &nacre.SubscribeOptions{After: head.Position, Epoch: head.Epoch}) {
		if err != nil {
			return err
		}
		d.page.event(&e, "")
	}
	return nil
}

// thisCommand is how this program is started again, in the words that people have used.
func thisCommand() string {
	path, err := os.Executable()
	if err != nil {
		return "nacre"
	}
	if byGoRun(path) {
		return "go run ./cmd/nacre"
	}
	if strings.ContainsRune(os.Args[0], filepath.Separator) { // else it was found by its name
		return quoted(os.Args[0])
	}
	return "nacre"
}

// byGoRun tells whether "go run" has built a program: it stands in a folder exe of the build's, or in one of
// the build cache that is named for what is in it.
func byGoRun(path string) bool {
	folder := filepath.Base(filepath.Dir(path))
	hash, cached := strings.CutSuffix(folder, "-d")
	return folder == "exe" && strings.Contains(path, "go-build") || cached && len(hash) == 2*sha256.Size
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-:@%+=,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// unexpected is what the demo says where the store does not do what the demo is about to claim.
func unexpected(what string, err error) error {
	if err == nil {
		err = errors.New("it was taken")
	}
	return fmt.Errorf("the demo found what should not be: %s: %w", what, err)
}
