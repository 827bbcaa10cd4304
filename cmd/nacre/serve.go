package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/access"
	"github.com/spf13/cobra"
)

func (p *program) serveCommand() *cobra.Command {
	var c serveConfig
	cmd := &cobra.Command{
		Use:     "serve",
		GroupID: "serve",
		Short:   "Serve the stores of a directory over HTTP",
		Long: `Serve the stores of the directory --data over HTTP, with JSON, SSE and WebSocket: those
that are there, the store "default", which is made, and what clients make. GET /openapi.yaml
says what can be asked.

Without configuration it listens on this machine only, and lets everybody here do
everything. The first "nacre keys create" ends that: from then on requests need a key.
Beyond this machine it starts only with keys, tokens or certificates, and with TLS, unless
--insecure says that something else protects it.

Every flag is also a setting of the environment, --tls-cert being NACRE_TLS_CERT, where
the values of a list stand between commas; and of the file --config, in TOML:

  listen   = ["0.0.0.0:4321"]
  tls-cert = "/etc/nacre/tls.crt"
  tls-key  = "/etc/nacre/tls.key"

Flags win over the environment, which wins over the file. An interrupt (SIGINT, SIGTERM)
ends the server once what it accepted is finished, a second one at once.`,
		Example: `  nacre serve
  nacre serve --data /var/lib/nacre --listen 0.0.0.0:4321 --tls-cert tls.crt --tls-key tls.key`,
		Args: takes(0, 0),
	}
	c.flags(cmd)
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		if err := c.complete(); err != nil {
			return err
		}
		return p.serve(ctx, &c)
	})
	return cmd
}

// serve serves until ctx ends, which is no failure.
func (p *program) serve(ctx context.Context, c *serveConfig) (err error) {
	if p.data == "" {
		return errNoData
	}
	lg, err := c.logger(p.err)
	if err != nil {
		return err
	}
	for _, name := range c.all.strangers(otherVariables...) {
		lg.Warn("a variable of the environment is no setting: is it misspelt?", "name", name)
	}
	stored, err := c.storage(lg)
	if err != nil {
		return err
	}
	kinds, err := c.kinds(lg)
	if err != nil {
		return err
	}
	if err := checkModuleFolder(c.modules); err != nil {
		return err
	}
	g, err := p.guard(c, lg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()

	stores, err := openFolders(p.data, stored, lg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.close()) }()
	guests := c.guests(context.WithoutCancel(ctx), p.data, lg)
	defer func() { err = errors.Join(err, guests.close(context.WithoutCancel(ctx))) }()
	listeners, err := listenAll(ctx, c.listen)
	if err != nil {
		return err
	}
	ln := join(listeners)
	defer ln.Close() //nolint:errcheck // Serve has closed it, or there is an error to be told already
	srv, err := server.New(&server.Options{
		Backend: stores, Access: g.access, Limiter: g.limiter, TLS: g.tls,
		MaxBodyBytes: int64(c.maxBody), MaxBlobBytes: int64(c.maxBlob),
		MaxFollowers: c.maxFollowers, MaxLiveQueries: c.maxLive, MaxConnections: c.maxConnections,
		QueryTimeout: c.query, Heartbeat: c.heartbeat, ReadHeaderTimeout: c.readHeader, ReadTimeout: c.read, WriteTimeout: c.write,
		IdleTimeout: c.idle, StopTimeout: c.stopTime,
		TrustedOrigins: c.origins, Hosts: c.hosts, Kinds: kinds, Aggregates: guests.open, Entities: stores.entities,
		TempDir: stores.scratch(), Logger: lg, Version: versionNumber(),
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.out, "nacre serves %s   data: %s   %s\n",
		urls(c.listen, listeners, g.tls != nil), p.data, g.told()); err != nil {
		return errors.Join(err, srv.Close(ctx))
	}
	quiet := context.AfterFunc(ctx, func() {
		lg.Info("stopping: what was accepted is finished first; interrupt again to stop at once")
	})
	defer quiet()
	folder := moduleFolder{dir: c.modules, store: p.store, srv: srv, log: lg}
	loading, end := context.WithCancel(ctx)
	var loader sync.WaitGroup
	defer func() { end(); loader.Wait() }()
	if c.modules != "" {
		loader.Go(func() {
			folder.load(loading)
			if c.watchModules {
				folder.watch(loading)
			}
		})
	}
	if err := srv.Serve(ctx, ln); err != nil {
		return err
	}
	lg.Info("stopped")
	return nil
}

// otherVariables are those of the environment that are settings of other commands.
var otherVariables = []string{
	variable("config"), variable("store"),
	envServer, envAPIKey, envCA, envClientCert, envClientKey,
}

// urls is where the listeners are reached.
func urls(addresses []string, listeners []net.Listener, encrypted bool) string {
	scheme := "http://"
	if encrypted {
		scheme = "https://"
	}
	out := make([]string, 0, len(listeners))
	for i, ln := range listeners {
		// The host as it was given, which a certificate may be for; the port as it is, since 0 was any.
		host, _, _ := net.SplitHostPort(addresses[i])
		actual, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			out = append(out, ln.Addr().String())
			continue
		}
		if host == "" {
			host = actual
		}
		out = append(out, scheme+net.JoinHostPort(host, port))
	}
	return strings.Join(out, " ")
}

// guard is what decides who may do what on a server.
type guard struct {
	access   *access.Authenticator
	limiter  *access.Limiter
	tls      *tls.Config
	required bool // nobody gets in without a key, a token or a certificate
	parts    []io.Closer
}

// guard is made of the configuration and the keys in the data folder. It refuses to leave a server open to
// other machines.
func (p *program) guard(c *serveConfig, lg *slog.Logger) (g *guard, err error) {
	g = &guard{}
	defer func() {
		if err != nil {
			_ = g.close()
		}
	}()
	keys, err := access.OpenKeys(filepath.Join(p.data, keysFile), nil)
	if err != nil {
		return g, err
	}
	tokens, err := c.tokens(lg)
	if err != nil {
		return g, err
	}
	if tokens != nil {
		g.parts = append(g.parts, tokens)
	}
	if err := g.readTLS(c, lg); err != nil {
		return g, err
	}
	g.access, err = access.NewAuthenticator(&access.AuthenticatorOptions{
		Keys: keys, JWT: tokens, Certificates: c.certificates, AnyHost: c.insecure || len(c.hosts) > 0,
	})
	if err != nil {
		return g, err
	}
	g.required = !g.access.Open() || g.tls != nil && g.tls.ClientAuth == tls.RequireAndVerifyClientCert
	for _, address := range c.listen {
		if err := access.CheckExposure(address, g.required, g.tls != nil, c.insecure); err != nil {
			return g, err
		}
	}
	g.limiter, err = access.NewLimiter(&access.LimiterOptions{PerSecond: c.rate, Burst: c.rateBurst})
	return g, err
}

func (g *guard) readTLS(c *serveConfig, lg *slog.Logger) error {
	if c.tlsCert == "" && c.tlsKey == "" {
		switch {
		case c.tlsClientCA != "":
			return nacre.Errorf(nacre.CodeInvalid, "tls-client-ca is given without tls-cert and tls-key: clients show certificates over TLS only")
		case len(c.certificates) > 0:
			return nacre.Errorf(nacre.CodeInvalid, "a [[certificate]] is given without tls-cert, tls-key and tls-client-ca: clients show certificates over TLS only")
		}
		return nil
	}
	if c.tlsCert == "" || c.tlsKey == "" {
		return nacre.Errorf(nacre.CodeInvalid, "of tls-cert and tls-key only one is given: give both")
	}
	if c.tlsClientCA == "" && (c.tlsClientOptional || len(c.certificates) > 0) {
		return nacre.Errorf(nacre.CodeInvalid, "certificates of clients are spoken of, and tls-client-ca is not given: it says who signs them")
	}
	files := &access.TLSFiles{Certificate: c.tlsCert, Key: c.tlsKey, ClientCA: c.tlsClientCA, Log: lg}
	config, err := files.Config()
	if err != nil {
		return err
	}
	if c.tlsClientCA != "" && !c.tlsClientOptional {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	g.tls = config
	return nil
}

// told says who gets in.
func (g *guard) told() string {
	switch {
	case !g.access.Open():
		return "(a key, token or certificate is required)"
	case g.required:
		return "(a certificate is required)"
	}
	return "(open: no key is required)"
}

func (g *guard) close() error {
	var err error
	for _, part := range g.parts {
		err = errors.Join(err, part.Close())
	}
	return err
}
