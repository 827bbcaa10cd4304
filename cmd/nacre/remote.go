package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// The environment of the commands that work on a server, too.
const (
	envServer     = "NACRE_SERVER"
	envAPIKey     = "NACRE_API_KEY" //nolint:gosec // a name
	envCA         = "NACRE_CA"
	envClientCert = "NACRE_CLIENT_CERT"
	envClientKey  = "NACRE_CLIENT_KEY"
)

// remote says which server a command works on, instead of a directory.
type remote struct {
	url, apiKey               string
	ca, clientCert, clientKey string
	apiKeyGiven               bool
}

// onServer gives a command the flags of a server.
func (p *program) onServer(cmd *cobra.Command) *cobra.Command {
	f, r := cmd.Flags(), &p.remote
	f.StringVar(&r.url, "server", "", "work on the server at this `URL`, instead of a directory ("+envServer+")")
	f.StringVar(&r.apiKey, "api-key", "", "the server's `key`, or a token; others see it in the list of processes: better "+envAPIKey)
	f.StringVar(&r.ca, "ca", "", "trust the server's certificate by the CA in this `file` (PEM; "+envCA+")")
	f.StringVar(&r.clientCert, "client-cert", "", "show the certificate in this `file` (PEM; "+envClientCert+")")
	f.StringVar(&r.clientKey, "client-key", "", "its private key, a `file` (PEM; "+envClientKey+")")
	return p.fromEnvironment(cmd)
}

// onDirectory is for a command that reads the files themselves: on a server there is nothing like it.
func (p *program) onDirectory(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&p.remote.url, "server", "", "")
	_ = cmd.Flags().MarkHidden("server") // it is there
	return p.fromEnvironment(cmd)
}

// fromEnvironment takes what was not given as a flag from the environment, before the command runs.
func (p *program) fromEnvironment(cmd *cobra.Command) *cobra.Command {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		f, r := cmd.Flags(), &p.remote
		if f.Changed("server") && f.Changed("data") {
			return errors.New("--server and --data are both given: a store is on a server or in a directory")
		}
		r.apiKeyGiven = f.Changed("api-key")
		if !f.Changed("server") && !f.Changed("data") {
			r.url = os.Getenv(envServer)
		}
		for name, to := range map[string]*string{envAPIKey: &r.apiKey, envCA: &r.ca, envClientCert: &r.clientCert, envClientKey: &r.clientKey} {
			if *to == "" {
				*to = strings.TrimSpace(os.Getenv(name))
			}
		}
		return nil
	}
	return cmd
}

// needsDirectory refuses a server for what only the files can tell.
func (p *program) needsDirectory(command string) error {
	if p.remote.url == "" {
		return nil
	}
	return nacre.Errorf(nacre.CodeInvalid,
		"%s works on the files themselves, and not on a server: run it where the directory is, with --data, and without --server and %s", command, envServer)
}

// Waiting for a server that is not there: a command asks a few times first, since the address may be wrong,
// and then bears a restart.
const firstRetries = 2

// options are the client's. URLs with http need no certificates.
func (r *remote) options(store string, retries int) (*client.Options, error) {
	o := &client.Options{Store: store, Retries: retries, UserAgent: "nacre/" + versionNumber()}
	if access.IsKey(r.apiKey) {
		o.APIKey = r.apiKey
	} else {
		o.Token = r.apiKey
	}
	if r.ca == "" && r.clientCert == "" && r.clientKey == "" || !strings.HasPrefix(r.url, "https:") {
		return o, nil
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if r.ca != "" {
		text, err := os.ReadFile(r.ca)
		if err != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--ca: %w", err)
		}
		o.TLS.RootCAs = x509.NewCertPool()
		if !o.TLS.RootCAs.AppendCertsFromPEM(text) {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--ca: %s has no certificate in PEM", r.ca)
		}
	}
	if r.clientCert != "" || r.clientKey != "" {
		pair, err := tls.LoadX509KeyPair(r.clientCert, r.clientKey)
		if err != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--client-cert and --client-key: %w", err)
		}
		o.TLS.Certificates = []tls.Certificate{pair}
	}
	return o, nil
}

// onRemote calls use with the store of the server. Where it is to be made and is not there, it is made.
func (p *program) onRemote(ctx context.Context, toMake bool, use func(context.Context, *nacre.Store) error) error {
	r := &p.remote
	if err := wire.CheckStoreName(p.store); err != nil {
		return nacre.Errorf(nacre.CodeInvalid,
			"--store: %q is not the name of a server's store: give 3 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit", p.store)
	}
	if r.apiKeyGiven {
		p.note("warning: whoever lists the processes of this machine sees what --api-key was given; %s is not seen", envAPIKey)
	}
	o, err := r.options(p.store, firstRetries)
	if err != nil {
		return err
	}
	if err := r.reach(ctx, o, toMake); err != nil {
		return err
	}
	o.Retries = 0 // the default
	store, err := client.Open(r.url, o)
	if err != nil {
		return err
	}
	err = use(ctx, store)
	if e := store.Close(); err == nil {
		err = e
	}
	return err
}

// reach tells whether the server and the store are there.
func (r *remote) reach(ctx context.Context, o *client.Options, toMake bool) error {
	probe, err := client.Open(r.url, o)
	if err != nil {
		return err
	}
	defer probe.Close() //nolint:errcheck // it was asked one thing
	_, err = probe.Head(ctx)
	switch nacre.CodeOf(err) {
	case wire.CodeForbidden:
		return nil // who may only write is told by what he does
	case wire.CodeUnauthorized:
		if r.apiKey == "" {
			return nacre.Errorf(wire.CodeUnauthorized, "%s lets nobody in without a key: set %s", r.url, envAPIKey)
		}
	case wire.CodeStoreNotFound:
		if toMake {
			return r.make(ctx, o)
		}
		return nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q on %s", o.Store, r.url)
	}
	return err
}

// make makes the store on the server.
func (r *remote) make(ctx context.Context, o *client.Options) error {
	body := fmt.Appendf(nil, `{"name":%q}`, o.Store) // a name that needs no escapes
	a := newAsker(r.url, o)
	defer a.transport.CloseIdleConnections()
	err := a.ask(ctx, http.MethodPost, "/event-stores", body, http.StatusCreated, nil)
	if nacre.CodeOf(err) == wire.CodeStoreExists {
		return nil // somebody else was faster
	}
	return err
}
