package nats

import (
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre/internal/relay"
	client "github.com/nats-io/nats.go"
)

// Limits of a configuration, and of what is made with it.
const (
	defaultSubject  = "nacre.{store}.{category}.{type}"
	defaultInFlight = 1
	mostInFlight    = 256
	defaultTimeout  = 5_000
	leastTimeout    = 10
	mostTimeout     = 600_000
	mostText        = 16 << 10
	mostServers     = 16
	mostTemplate    = 256
	mostSubject     = 3_000 // a server closes the connection at 4,096 bytes, with what else stands in the line
	mostStream      = 255
)

// config is what a subscription says.
type config struct {
	// URL is the server, or several of a cluster with commas in between, with a user and a password where wanted.
	URL string `json:"url"`
	// Subject is the template of subjects.
	Subject string `json:"subject"`
	// Stream is the stream that has to take the messages. "" is any.
	Stream string `json:"stream,omitempty"`
	// Create makes the stream where it is not there.
	Create bool `json:"create,omitempty"`
	// Token and Credentials are ways to log in besides those of the URL; Credentials is the text of a ".creds" file.
	Token       string `json:"token,omitempty"`
	Credentials string `json:"credentials,omitempty"`
	// InFlight is how many messages of a batch wait for their acknowledgement at once.
	InFlight int64 `json:"inFlight"`
	// TimeoutMS is how long a connection and an acknowledgement are waited for.
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
		c.restore(before)
	}
	if c.Subject == "" {
		c.Subject = defaultSubject
	}
	subject, err := parseSubject(c.Subject)
	if err != nil {
		return nil, nil, err
	}
	if err := relay.Range("config.inFlight", &c.InFlight, defaultInFlight, 1, mostInFlight); err != nil {
		return nil, nil, err
	}
	if err := relay.Range("config.timeoutMs", &c.TimeoutMS, defaultTimeout, leastTimeout, mostTimeout); err != nil {
		return nil, nil, err
	}
	if err := c.checkURL(); err != nil {
		return nil, nil, err
	}
	if err := c.checkStream(); err != nil {
		return nil, nil, err
	}
	return c, subject, c.checkSecrets()
}

// restore puts secrets back that were not shown, unless they would go to another place.
func (c *config) restore(raw json.RawMessage) {
	before := &config{}
	if err := relay.Decode(raw, before); err != nil {
		return
	}
	c.URL = relay.RestoreURL(c.URL, before.URL)
	if c.URL != before.URL {
		return
	}
	if c.Token == relay.Hidden {
		c.Token = before.Token
	}
	if c.Credentials == relay.Hidden {
		c.Credentials = before.Credentials
	}
}

// public is the configuration without its secrets.
func (c config) public() config {
	c.URL = relay.HideURL(c.URL)
	if c.Token != "" {
		c.Token = relay.Hidden
	}
	if c.Credentials != "" {
		c.Credentials = relay.Hidden
	}
	return c
}

func (c *config) checkURL() error {
	const field = "config.url"
	if c.URL == "" {
		return relay.Invalid(field, `is not given: give the server, as in "nats://127.0.0.1:4222"`)
	}
	if len(c.URL) > mostText {
		return relay.Invalid(field, "has %d bytes: give at most %d", len(c.URL), mostText)
	}
	servers := strings.Split(c.URL, ",")
	if len(servers) > mostServers {
		return relay.Invalid(field, "has %d servers: give at most %d", len(servers), mostServers)
	}
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			return relay.Invalid(field, "is no URL") // the error has all of it, with the password
		}
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		_, password := u.User.Password()
		switch {
		case u.Scheme != "nats" && u.Scheme != "tls":
			return relay.Invalid(field, `begins with %q: give "nats://" or "tls://"`, u.Scheme+":")
		case u.Hostname() == "" || strings.ContainsAny(u.Host, " \t"):
			return relay.Invalid(field, "has no host")
		case u.Port() != "" && (err != nil || port == 0), strings.HasSuffix(u.Host, ":"):
			return relay.Invalid(field, "has the port %q: give 1 to 65535", u.Port())
		case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
			return relay.Invalid(field, "has something behind the host")
		case u.User != nil && !password:
			return relay.Invalid(field, "has a user without a password: a token stands in config.token")
		}
	}
	if relay.HidesURL(c.URL) {
		return relay.Invalid(field, "has %q in place of a password: give the password, since this is another server", relay.Hidden)
	}
	return nil
}

func (c *config) checkStream() error {
	const field = "config.stream"
	switch {
	case c.Create && c.Stream == "":
		return relay.Invalid(field, "is not given, and config.create is set: give the name of the stream")
	case len(c.Stream) > mostStream:
		return relay.Invalid(field, "has %d bytes: give at most %d", len(c.Stream), mostStream)
	case strings.ContainsFunc(c.Stream, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.*>/\`, r) }):
		return relay.Invalid(field, `has white space or one of ".*>/\", which no stream's name has`)
	}
	return nil
}

func (c *config) checkSecrets() error {
	switch {
	case c.Token == relay.Hidden:
		return relay.Invalid("config.token", "is %q: give the token, since this is another server", relay.Hidden)
	case c.Credentials == relay.Hidden:
		return relay.Invalid("config.credentials", "is %q: give the credentials, since this is another server", relay.Hidden)
	case len(c.Token) > mostText:
		return relay.Invalid("config.token", "has %d bytes: give at most %d", len(c.Token), mostText)
	case len(c.Credentials) > mostText:
		return relay.Invalid("config.credentials", "has %d bytes: give at most %d", len(c.Credentials), mostText)
	case c.Token != "" && c.Credentials != "":
		return relay.Invalid("config.token", "stands beside config.credentials: give one of them")
	case (c.Token != "" || c.Credentials != "") && strings.Contains(c.URL, "@"):
		return relay.Invalid("config.url", "has a user, and config.token or config.credentials is given as well: give one of them")
	case c.Credentials == "":
		return nil
	}
	// What is wrong with it is not told: it would be a part of the secret.
	var o client.Options
	if err := client.UserCredentialBytes([]byte(c.Credentials))(&o); err == nil {
		if _, err = o.UserJWT(); err == nil {
			_, err = o.SignatureCB([]byte("a nonce"))
		}
		if err == nil {
			return nil
		}
	}
	return relay.Invalid("config.credentials", `is not what a ".creds" file has: give all of its text`)
}

// parseSubject reads the template of subjects.
func parseSubject(text string) (*relay.Template, error) {
	const field = "config.subject"
	if len(text) > mostTemplate {
		return nil, relay.Invalid(field, "has %d bytes: give at most %d", len(text), mostTemplate)
	}
	t, err := relay.ParseTemplate(field, text)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(text, "$") || strings.HasPrefix(text, "_INBOX.") {
		return nil, relay.Invalid(field, `begins with what the server keeps for itself: give another beginning than "$" and "_INBOX."`)
	}
	// A value is never empty and has no spaces, so that what holds for this one does for all.
	if problem := subjectProblem(t.Name("x", sample, token)); problem != "" {
		return nil, relay.Invalid(field, "%s", problem)
	}
	return t, nil
}

func subjectProblem(subject string) string {
	if strings.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '*' || r == '>' }) {
		return `has white space, a control character, "*" or ">"`
	}
	for t := range strings.SplitSeq(subject, ".") {
		if t == "" {
			return "has a token without a character: leave out dots at its ends and double ones"
		}
	}
	return ""
}

// token escapes a value for a subject. The dots of a type end tokens, unless one of these would be empty.
func token(v relay.Value, value string) string {
	if v != relay.Type {
		return relay.Escape(value, "")
	}
	for t := range strings.SplitSeq(value, ".") {
		if t == "" {
			return relay.Escape(value, "")
		}
	}
	return relay.Escape(value, ".")
}

// filters are the subjects of a stream that takes all that is published for a store.
func filters(t *relay.Template, store string) []string {
	begin, all := t.Constant(store, token)
	if all {
		return []string{begin}
	}
	at := strings.LastIndexByte(begin, '.')
	return []string{begin[:at+1] + ">"}
}

// address is where a server listens that a URL names, for people.
func address(raw string) string {
	var hosts []string
	for server := range strings.SplitSeq(raw, ",") {
		u, err := url.Parse(server)
		if err != nil {
			continue
		}
		port := u.Port()
		if port == "" {
			port = strconv.Itoa(client.DefaultPort)
		}
		hosts = append(hosts, net.JoinHostPort(u.Hostname(), port))
	}
	return strings.Join(hosts, ", ")
}
