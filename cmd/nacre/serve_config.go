package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

// serveConfig is what a server is told.
type serveConfig struct {
	all *settings

	config   string
	listen   []string
	insecure bool

	tlsCert, tlsKey, tlsClientCA string
	tlsClientOptional            bool
	certificates                 []access.Certificate // of the file only

	jwt            access.JWTOptions
	origins, hosts []string

	rate      float64
	rateBurst int

	durability                                                string
	syncInterval                                              time.Duration
	compressAfter                                             int
	segment, maxEvent, maxBatch, maxBody, maxBlob             size
	maxBatchEvents, maxFollowers, maxLive, maxConnections     int
	query, heartbeat, readHeader, read, write, idle, stopTime time.Duration

	privateWebhooks bool
	relayDir        string
	relayAddresses  []string

	modules      string
	watchModules bool
	moduleMemory size

	logFormat, logLevel string
}

// flags makes the flags; every one of them is a setting of the environment and of the file, too.
func (c *serveConfig) flags(cmd *cobra.Command) {
	s := &settings{cmd: cmd, names: []string{"data"}}
	c.all = s
	cmd.Flags().StringVar(&c.config, "config", "", "read settings from this `file`, in TOML")
	s.list(&c.listen, "listen", []string{"127.0.0.1:4321"}, "listen on this `host:port`; may be repeated; port 0 is any free one")
	s.flag(&c.insecure, "insecure", "listen beyond this machine also without keys or without TLS")

	s.text(&c.tlsCert, "tls-cert", "", "speak TLS with the certificate in this `file` (PEM)")
	s.text(&c.tlsKey, "tls-key", "", "the certificate's private key, a `file` (PEM)")
	s.text(&c.tlsClientCA, "tls-client-ca", "", "clients must have a certificate signed by a CA in this `file` (PEM)")
	s.flag(&c.tlsClientOptional, "tls-client-optional", "clients without a certificate may come, with a key or token")

	s.text(&c.jwt.SecretFile, "jwt-secret-file", "", "believe tokens signed (HS256) with the secret in this `file`")
	s.text(&c.jwt.PublicKeyFile, "jwt-public-key-file", "", "believe tokens signed for a public key in this `file` (PEM)")
	s.text(&c.jwt.KeySetFile, "jwt-jwks-file", "", "believe tokens of this `file` of a JSON Web Key set")
	s.text(&c.jwt.KeySetURL, "jwt-jwks-url", "", "believe tokens of the JSON Web Key set at this `URL`")
	s.text(&c.jwt.Issuer, "jwt-issuer", "", "the `issuer` that tokens must have")
	s.list(&c.jwt.Audience, "jwt-audience", nil, "an `audience` that tokens must have; repeated: one of them")
	s.text(&c.jwt.PermissionsClaim, "jwt-permissions-claim", "permissions", "the `claim` with a token's permissions")
	s.list(&c.jwt.Stores, "jwt-store", nil, "the `store` for tokens that name none; repeated: those (default all)")

	s.list(&c.origins, "trusted-origin", nil, "an `origin` whose web pages may use the server; may be repeated")
	s.list(&c.hosts, "host", nil, "a `name` that requests may use while there are no keys; may be repeated")
	s.rate(&c.rate, "rate", 0, "requests a second for each key or token; 0 is no limit")
	s.count(&c.rateBurst, "rate-burst", 0, "requests at once after a pause (default as --rate)")

	s.text(&c.durability, "durability", "always", "`when` an append is acknowledged: after the sync (always), before it (interval), without any (never)")
	s.time(&c.syncInterval, "sync-interval", 100*time.Millisecond, "the longest wait for a sync under --durability interval")
	s.count(&c.compressAfter, "compress-after", 0, "compress sealed segments but the newest `n`; 0 compresses none")
	s.bytes(&c.segment, "segment-size", 64<<20, "begin a new segment at this `size`")

	s.bytes(&c.maxEvent, "max-event", 1<<20, "the largest event")
	s.bytes(&c.maxBatch, "max-batch", 16<<20, "the most that the events of one append may have together")
	s.count(&c.maxBatchEvents, "max-batch-events", 1000, "the most events of one append")
	s.bytes(&c.maxBody, "max-body", 32<<20, "the largest request")
	s.bytes(&c.maxBlob, "max-blob", 64<<20, "the largest blob")
	s.count(&c.maxFollowers, "max-followers", 10_000, "the most that follow at once, by SSE and WebSocket")
	s.count(&c.maxLive, "max-live-queries", 10_000, "the most live queries of entities at once")
	s.count(&c.maxConnections, "max-connections", 20_000, "the most connections at once")

	s.time(&c.query, "query-timeout", 30*time.Second, "how long a query of entities may take")
	s.time(&c.heartbeat, "heartbeat", 15*time.Second, "how often an idle follower gets a sign of life")
	s.time(&c.readHeader, "read-header-timeout", 10*time.Second, "how long a request's headers may take")
	s.time(&c.read, "read-timeout", 30*time.Second, "how long a request's body may pause")
	s.time(&c.write, "write-timeout", 30*time.Second, "how long a client may take nothing of what is sent")
	s.time(&c.idle, "idle-timeout", 2*time.Minute, "how long a connection is kept between requests")
	s.time(&c.stopTime, "stop-timeout", 30*time.Second, "how long a stop waits for requests under way")

	s.flag(&c.privateWebhooks, "allow-private-webhooks", "send webhooks also to addresses that are not public: this machine, private networks")
	s.text(&c.relayDir, "relay-dir", "", "subscriptions may write files in this `directory` (default no files)")
	s.list(&c.relayAddresses, "relay-address", nil, "subscriptions may relay to the NATS or Redis server at this `host:port`; * is any (default none)")

	s.text(&c.modules, "modules", "", "publish the modules of this `directory` to --store at the start, NAME.wasm as NAME")
	s.flag(&c.watchModules, "watch-modules", "publish also what changes in the folder of --modules")
	s.bytes(&c.moduleMemory, "module-memory", 1<<30, "what the instances of all modules may have together")

	s.text(&c.logFormat, "log-format", "text", "the server's log on the standard error: text or json")
	s.text(&c.logLevel, "log-level", "info", "what is logged: debug (every request), info, warn or error")
}

// complete takes what the environment and the file say.
func (c *serveConfig) complete() error {
	if c.config == "" {
		c.config = os.Getenv(variable("config"))
	}
	var table map[string]any
	if c.config != "" {
		var err error
		if table, err = readTable(c.config); err != nil {
			return err
		}
		if err := c.takeCertificates(table); err != nil {
			return err
		}
	}
	return c.all.fill(c.config, table)
}

const certificateTable = "certificate"

// takeCertificates takes the tables [[certificate]] out of the file's table: what clients with a certificate
// may do.
func (c *serveConfig) takeCertificates(table map[string]any) error {
	if _, there := table[certificateTable]; !there {
		return nil
	}
	delete(table, certificateTable)
	var document struct {
		Certificate []struct {
			CommonName  string   `toml:"common-name"`
			URI         string   `toml:"uri"`
			Name        string   `toml:"name"`
			Permissions []string `toml:"permissions"`
			Stores      []string `toml:"stores"`
			Streams     []string `toml:"stream-prefixes"`
		} `toml:"certificate"`
	}
	meta, err := toml.DecodeFile(c.config, &document)
	if err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "%s: %w", c.config, err)
	}
	for _, key := range meta.Undecoded() {
		if len(key) > 1 && key[0] == certificateTable {
			return nacre.Errorf(nacre.CodeInvalid,
				"%s: %q is nothing that a [[certificate]] has: give common-name or uri, name, permissions, stores, stream-prefixes",
				c.config, key[1])
		}
	}
	for _, one := range document.Certificate {
		c.certificates = append(c.certificates, access.Certificate{
			CommonName: one.CommonName, URI: one.URI, Name: one.Name,
			Permissions: one.Permissions, Stores: one.Stores, Streams: one.Streams,
		})
	}
	return nil
}

// logger is the server's log.
func (c *serveConfig) logger(to io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch c.logLevel {
	case "debug", "info", "warn", "error":
		if err := level.UnmarshalText([]byte(c.logLevel)); err != nil {
			return nil, err
		}
	default:
		return nil, nacre.Errorf(nacre.CodeInvalid, "log-level: %q is not a level: give debug, info, warn or error", c.logLevel)
	}
	o := &slog.HandlerOptions{Level: level}
	switch c.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(to, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, o)), nil
	}
	return nil, nacre.Errorf(nacre.CodeInvalid, "log-format: %q is not a format: give text or json", c.logFormat)
}

// storage is how each of the server's stores is kept.
func (c *serveConfig) storage(lg *slog.Logger) (*filestore.Options, error) {
	durability, err := filestore.ParseDurability(c.durability)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "durability: %q is none: give always, interval or never", c.durability)
	}
	return &filestore.Options{
		Durability: durability, SyncInterval: c.syncInterval,
		SegmentBytes: int64(c.segment), CompressAfter: c.compressAfter,
		Limits: &nacre.Limits{EventBytes: int(c.maxEvent), BatchBytes: int(c.maxBatch), BatchEvents: c.maxBatchEvents},
		Logger: lg,
	}, nil
}

// tokens are the JSON Web Tokens that are believed, nil where there are none.
func (c *serveConfig) tokens(lg *slog.Logger) (*access.JWT, error) {
	o := c.jwt
	o.Log = lg
	if o.SecretFile == "" && o.PublicKeyFile == "" && o.KeySetFile == "" && o.KeySetURL == "" {
		if o.Issuer != "" || len(o.Audience) > 0 || len(o.Stores) > 0 {
			return nil, nacre.Errorf(nacre.CodeInvalid,
				"tokens are described, and nothing says who signs them: give jwt-secret-file, jwt-public-key-file, jwt-jwks-file or jwt-jwks-url")
		}
		return nil, nil
	}
	return access.NewJWT(&o)
}
