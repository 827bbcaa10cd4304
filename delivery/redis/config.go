package redis

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre/internal/relay"
)

// Limits of a configuration.
const (
	defaultKey     = "nacre:{store}:{category}"
	defaultLength  = 1_000_000
	mostLength     = 1_000_000_000_000
	uncapped       = -1
	mostDuplicate  = 7 * 24 * 60 * 60
	defaultTimeout = 5_000
	leastTimeout   = 10
	mostTimeout    = 600_000
	mostURL        = 4 << 10
	mostTemplate   = 256
	mostDatabase   = 65_535
)

// config is what a subscription says.
type config struct {
	// URL is the server, with a user and a password where wanted, and the number of a database.
	URL string `json:"url"`
	// Key is the template of streams' keys.
	Key string `json:"key"`
	// MaxLength is about how many entries a key has. -1 is any number.
	MaxLength int64 `json:"maxLength"`
	// DeduplicateSeconds is how long what was sent is known. 0 is not at all.
	DeduplicateSeconds int64 `json:"deduplicateSeconds,omitempty"`
	// TimeoutMS is how long an attempt takes.
	TimeoutMS int64 `json:"timeoutMs"`
}

func (c *config) timeout() time.Duration { return time.Duration(c.TimeoutMS) * time.Millisecond }

// read reads and checks a configuration. before is the one that it takes the place of, or nil.
func read(raw, before json.RawMessage) (*config, *relay.Template, error) {
	c := &config{}
	if err := relay.Decode(raw, c); err != nil {
		return nil, nil, err
	}
	if before != nil {
		old := &config{}
		if err := relay.Decode(before, old); err == nil {
			c.URL = relay.RestoreURL(c.URL, old.URL)
		}
	}
	if _, err := c.server(); err != nil {
		return nil, nil, err
	}
	if c.Key == "" {
		c.Key = defaultKey
	}
	if len(c.Key) > mostTemplate {
		return nil, nil, relay.Invalid("config.key", "has %d bytes: give at most %d", len(c.Key), mostTemplate)
	}
	key, err := relay.ParseTemplate("config.key", c.Key)
	if err != nil {
		return nil, nil, err
	}
	if c.MaxLength != uncapped {
		if err := relay.Range("config.maxLength", &c.MaxLength, defaultLength, 1, mostLength); err != nil {
			return nil, nil, err
		}
	}
	if err := relay.Range("config.deduplicateSeconds", &c.DeduplicateSeconds, 0, 0, mostDuplicate); err != nil {
		return nil, nil, err
	}
	if err := relay.Range("config.timeoutMs", &c.TimeoutMS, defaultTimeout, leastTimeout, mostTimeout); err != nil {
		return nil, nil, err
	}
	return c, key, nil
}

// server is where a URL leads to.
type server struct {
	host, port     string
	user, password string
	database       int
	tls            bool
}

// server reads and checks the URL. Its errors have none of it, since it has a password.
func (c *config) server() (*server, error) {
	const field = "config.url"
	if c.URL == "" {
		return nil, relay.Invalid(field, `is not given: give the server, as in "redis://127.0.0.1:6379"`)
	}
	if len(c.URL) > mostURL {
		return nil, relay.Invalid(field, "has %d bytes: give at most %d", len(c.URL), mostURL)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, relay.Invalid(field, "is no URL")
	}
	s := &server{host: u.Hostname(), port: u.Port(), user: u.User.Username(), tls: u.Scheme == "rediss"}
	s.password, _ = u.User.Password()
	port, portErr := strconv.ParseUint(s.port, 10, 16)
	database := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return nil, relay.Invalid(field, `begins with %q: give "redis://" or "rediss://"`, u.Scheme+":")
	case s.host == "" || strings.ContainsAny(u.Host, " \t,"):
		return nil, relay.Invalid(field, "has no host, or more than one")
	case s.port != "" && (portErr != nil || port == 0), strings.HasSuffix(u.Host, ":"):
		return nil, relay.Invalid(field, "has the port %q: give 1 to 65535", s.port)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, relay.Invalid(field, "has something behind the number of the database")
	case s.user != "" && s.password == "":
		return nil, relay.Invalid(field, "has a user without a password: a password alone stands behind a colon")
	case s.password == relay.Hidden:
		return nil, relay.Invalid(field, "has %q in place of its password: give the password, since this is another server", relay.Hidden)
	}
	if database != "" {
		if s.database, err = strconv.Atoi(database); err != nil || s.database < 0 || s.database > mostDatabase {
			return nil, relay.Invalid(field, "has a path that is no number of a database")
		}
	}
	if s.port == "" {
		s.port = "6379"
	}
	return s, nil
}

// part escapes a value for a key: what ends a part of a key there, what Redis looks for in patterns and hash tags, and
// what people cannot type.
func part(_ relay.Value, value string) string { return relay.Escape(value, ".@~+=,;!$&/") }
