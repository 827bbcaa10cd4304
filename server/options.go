package server

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/server/access"
)

// Options say how a server behaves. Everything but Backend has a default.
type Options struct {
	// Backend is where the stores come from. Required.
	Backend Backend
	// Access knows who may do what. Default: everybody may do everything, on a loopback listener to requests
	// that name it by a loopback name.
	Access *access.Authenticator
	// Limiter bounds how often one subject may ask. Default nil, no limit.
	Limiter *access.Limiter
	// TLS makes [Server.Serve] speak TLS, and HTTP/2 to clients that want it. Default nil, plain HTTP.
	TLS *tls.Config

	// Kinds are the ways in which subscriptions may have events sent: webhooks, brokers, files. Default none but consumer
	// groups, which every server has.
	Kinds []delivery.Kind

	// Aggregates opens what executes commands on a store, the first time that somebody asks; where it is a [Modules],
	// modules may be published. Default nil: such requests are UNSUPPORTED.
	Aggregates func(ctx context.Context, name string, store *nacre.Store) (Aggregates, error)

	// Entities opens the entities of a store, the first time that somebody asks; an *entity.DB is what is meant. Default nil:
	// such requests are UNSUPPORTED.
	Entities func(ctx context.Context, name string, store *nacre.Store) (Entities, error)

	// MaxBodyBytes is the largest body of a request. Default 32 MiB.
	MaxBodyBytes int64
	// MaxBlobBytes is the largest blob that is taken. Default 64 MiB.
	MaxBlobBytes int64
	// MaxFollowers is how many may follow logs at once, by SSE and WebSocket together. Default 10,000.
	MaxFollowers int
	// MaxLiveQueries is how many queries of entities may be followed at once. Default 10,000.
	MaxLiveQueries int
	// MaxConnections is how many connections [Server.Serve] has open at once; one more is answered with
	// TOO_MANY_CONNECTIONS and closed. Default 20,000.
	MaxConnections int

	// QueryTimeout is how long a query of entities may take, what it waits for included. Default 30 s.
	QueryTimeout time.Duration
	// Heartbeat is how often an idle follower gets a sign of life. Default 15 s.
	Heartbeat time.Duration
	// ReadHeaderTimeout is how long the headers of a request may take. Default 10 s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is how long a request's body may pause, and how far it may be behind a pace of 1 KiB a second.
	// Default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may read nothing of what is sent to it. Default 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection is kept between requests. Default 2 min.
	IdleTimeout time.Duration
	// StopTimeout is how long a stop waits for requests under way before it cuts them off. Default 30 s.
	StopTimeout time.Duration

	// TrustedOrigins are origins, as in "https://console.example.com", whose web pages may use this server: write
	// to it, follow it over WebSocket, and read replies (CORS, for GET and HEAD). Default none.
	TrustedOrigins []string
	// Hosts are names that requests may bear while the server is open to everybody, beside loopback names and
	// addresses; others are refused, since a web page may have had its own name pointed here. Default: any name,
	// as far as Access takes it.
	Hosts []string

	// TempDir is where backups are made before they are sent, each in a folder of its own that is removed
	// afterwards. On the file system of the data sealed segments are linked and not copied. Default
	// os.TempDir().
	TempDir string
	// Logger is told what goes wrong, and at the debug level of every request. Default nobody.
	Logger *slog.Logger
	// Version is told at "/" and in the metrics. Default "".
	Version string
	// Clock tells the time. Default the machine's.
	Clock func() time.Time
}

// withDefaults checks the options and fills what is not given.
func (o *Options) withDefaults() (Options, error) {
	if o == nil {
		o = &Options{}
	}
	out := *o
	if err := out.validate(); err != nil {
		return Options{}, err
	}
	if out.Access == nil {
		open, err := access.NewAuthenticator(nil)
		if err != nil {
			return Options{}, err
		}
		out.Access = open
	}
	orBytes := func(n *int64, otherwise int64) {
		if *n == 0 {
			*n = otherwise
		}
	}
	orBytes(&out.MaxBodyBytes, 32<<20)
	orBytes(&out.MaxBlobBytes, 64<<20)
	orCount := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	orCount(&out.MaxFollowers, 10_000)
	orCount(&out.MaxLiveQueries, 10_000)
	orCount(&out.MaxConnections, 20_000)
	orTime := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	orTime(&out.QueryTimeout, 30*time.Second)
	orTime(&out.Heartbeat, 15*time.Second)
	orTime(&out.ReadHeaderTimeout, 10*time.Second)
	orTime(&out.ReadTimeout, 30*time.Second)
	orTime(&out.WriteTimeout, 30*time.Second)
	orTime(&out.IdleTimeout, 2*time.Minute)
	orTime(&out.StopTimeout, 30*time.Second)
	if out.TempDir == "" {
		out.TempDir = os.TempDir()
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.Clock == nil {
		out.Clock = time.Now //nolint:forbidigo // here begins the clock that tests can set
	}
	return out, nil
}

func (o *Options) validate() error {
	if o.Backend == nil {
		return nacre.Errorf(nacre.CodeInvalid, "the server has no Backend: give what its stores come from")
	}
	names := map[string]bool{delivery.KindGroup: true}
	for _, k := range o.Kinds {
		if names[k.Name()] {
			return nacre.Errorf(nacre.CodeInvalid, "the server's Kinds have the name %q twice, or it is taken", k.Name())
		}
		names[k.Name()] = true
	}
	for name, n := range map[string]int64{
		"MaxBodyBytes": o.MaxBodyBytes, "MaxBlobBytes": o.MaxBlobBytes,
		"MaxFollowers": int64(o.MaxFollowers), "MaxLiveQueries": int64(o.MaxLiveQueries), "MaxConnections": int64(o.MaxConnections),
		"QueryTimeout": int64(o.QueryTimeout), "Heartbeat": int64(o.Heartbeat), "ReadHeaderTimeout": int64(o.ReadHeaderTimeout), "ReadTimeout": int64(o.ReadTimeout),
		"WriteTimeout": int64(o.WriteTimeout), "IdleTimeout": int64(o.IdleTimeout), "StopTimeout": int64(o.StopTimeout),
	} {
		if n < 0 {
			return nacre.Errorf(nacre.CodeInvalid, "the server's %s is negative: give 0 for the default, or more", name)
		}
	}
	for _, origin := range o.TrustedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nacre.Errorf(nacre.CodeInvalid, `the trusted origin %q is not scheme://host[:port], as in "https://console.example.com"`, origin)
		}
	}
	return nil
}
