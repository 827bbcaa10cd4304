package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// The formats of bodies.
const (
	formatEvent      = "event"
	formatStructured = "cloudevents-structured"
	formatBinary     = "cloudevents-binary"
)

// Limits of a configuration.
const (
	maxURL          = 2048
	maxHeaders      = 64
	maxHeaderBytes  = 16 << 10
	maxStoreName    = 256
	minTimeout      = 100
	maxTimeout      = 120_000
	defaultTimeout  = 15_000
	hidden          = "[hidden]" // what stands for a header's value in what is public
	headersAreOwned = "is the sender's own: leave it out"
)

// config is a configuration, as it is stored once it was checked.
type config struct {
	URL             string            `json:"url"`
	Headers         map[string]string `json:"headers,omitempty"`
	TimeoutMS       int64             `json:"timeoutMs"`
	Format          string            `json:"format"`
	Secrets         []secret          `json:"secrets,omitempty"`
	EventStoreName  string            `json:"eventStoreName,omitempty"`
	FollowRedirects bool              `json:"followRedirects,omitempty"`

	rotate *time.Duration // the overlap of a rotation that is asked for; it is not stored
}

func (c *config) timeout() time.Duration { return time.Duration(c.TimeoutMS) * time.Millisecond }

func (c *config) encode() (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// parse reads a configuration, with the defaults but for the secret. It checks each member by itself, and no more.
func parse(raw json.RawMessage) (*config, error) {
	var members map[string]json.RawMessage
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, invalid("config", `is no JSON object: give {"url":"https://…"}`)
		}
	}
	c := &config{}
	// In order, so that the same mistakes have the same answer.
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := c.set(name, members[name]); err != nil {
			return nil, err
		}
	}
	c.TimeoutMS = cmp.Or(c.TimeoutMS, defaultTimeout)
	c.Format = cmp.Or(c.Format, formatEvent)
	return c, nil
}

// set takes a member.
func (c *config) set(name string, value json.RawMessage) error {
	if string(value) == "null" {
		value = nil
	}
	read := func(to any, what string) error {
		if value != nil && json.Unmarshal(value, to) != nil {
			return invalid("config."+name, "is no %s", what)
		}
		return nil
	}
	switch name {
	case "url":
		return read(&c.URL, "string")
	case "format":
		return read(&c.Format, "string")
	case "eventStoreName":
		return read(&c.EventStoreName, "string")
	case "followRedirects":
		return read(&c.FollowRedirects, "true or false")
	case "timeoutMs":
		return c.setTimeout(value)
	case "headers":
		return c.setHeaders(value)
	case "secrets":
		return c.setSecrets(value)
	case "rotateSeconds":
		return c.setRotation(value)
	}
	return invalid("config."+name,
		"is not known: leave it out, or give url, headers, timeoutMs, format, secrets, eventStoreName, followRedirects or rotateSeconds")
}

func (c *config) setRotation(value json.RawMessage) error {
	if value == nil {
		return nil
	}
	seconds, err := strconv.ParseInt(string(value), 10, 64)
	if most := int64(maxOverlap / time.Second); err != nil || seconds < 0 || seconds > most {
		return invalid("config.rotateSeconds", "is no number of seconds from 0 to %d", most)
	}
	overlap := time.Duration(seconds) * time.Second
	c.rotate = &overlap
	return nil
}

func (c *config) setTimeout(value json.RawMessage) error {
	if value == nil {
		return nil
	}
	ms, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || ms < minTimeout || ms > maxTimeout {
		return invalid("config.timeoutMs", "is no number of milliseconds from %d to %d", minTimeout, maxTimeout)
	}
	c.TimeoutMS = ms
	return nil
}

func (c *config) setHeaders(value json.RawMessage) error {
	var given map[string]*string
	if value != nil && json.Unmarshal(value, &given) != nil {
		return invalid("config.headers", `is no object of texts: give {"Authorization":"Bearer …"}`)
	}
	if len(given) > maxHeaders {
		return invalid("config.headers", "has %d: give at most %d", len(given), maxHeaders)
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field, text := "config.headers."+name, given[name]
		if text == nil {
			return invalid(field, "is no text")
		}
		if problem := headerProblem(name, *text); problem != "" {
			if !validName(name) {
				field = "config.headers" // it may be anything
			}
			return invalid(field, "%s", problem)
		}
		key := http.CanonicalHeaderKey(name)
		if _, twice := c.Headers[key]; twice {
			return invalid(field, "stands there twice, in capitals and small letters: give it once")
		}
		put(&c.Headers, key, *text)
		size += len(name) + len(*text)
	}
	if size > maxHeaderBytes {
		return invalid("config.headers", "have %d bytes: give at most %d", size, maxHeaderBytes)
	}
	return nil
}

func (c *config) setSecrets(value json.RawMessage) error {
	var given []json.RawMessage
	if value != nil && json.Unmarshal(value, &given) != nil {
		return invalid("config.secrets", `is no list: give ["whsec_…"]`)
	}
	for i, raw := range given {
		var s secret
		if err := s.UnmarshalJSON(bytes.TrimSpace(raw)); err != nil {
			return invalid(fmt.Sprintf("config.secrets[%d]", i), "%v", err)
		}
		c.Secrets = append(c.Secrets, s)
	}
	return nil
}

// fill puts in what comes from before, and makes a secret where there is none. old is nil for a new subscription.
func (c *config) fill(old *config, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if c.Headers[name] != hidden {
			continue
		}
		was := ""
		if old != nil {
			was = old.Headers[name]
		}
		if was == "" {
			return invalid("config.headers."+name, `is %q, and was not there before: give its value`, hidden)
		}
		if origin(c.URL) != origin(old.URL) {
			return invalid("config.headers."+name, `is %q, and config.url leads to another place than before: give its value`, hidden)
		}
		c.Headers[name] = was
	}
	if err := c.keep(old); err != nil {
		return err
	}
	if len(c.Secrets) == 0 {
		c.Secrets = []secret{makeSecret()}
	}
	if err := c.checkSecrets(); err != nil {
		return err
	}
	c.prune(now)
	if c.rotate == nil {
		return nil
	}
	if old == nil {
		return invalid("config.rotateSeconds", "is for a subscription that is there: leave it out, and a secret is made")
	}
	return c.rotateSecrets(now, *c.rotate)
}

// check tells what is wrong with the rest.
func (c *config) check(g *guard) error {
	switch c.Format {
	case formatEvent, formatStructured, formatBinary:
	default:
		return invalid("config.format", "is %q: give %q, %q or %q", c.Format, formatEvent, formatStructured, formatBinary)
	}
	if problem := textProblem(c.EventStoreName, maxStoreName); problem != "" {
		return invalid("config.eventStoreName", "%s", problem)
	}
	if problem := urlProblem(c.URL); problem != "" {
		return invalid("config.url", "%s", problem)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return invalid("config.url", "is no URL")
	}
	if err := g.checkHost(u.Hostname()); err != nil {
		return invalid("config.url", "%v", err)
	}
	return nil
}

// urlProblem is what is wrong with an address, whatever it leads to.
func urlProblem(text string) string {
	if text == "" {
		return `is missing: give the address that events go to, as in "https://example.com/hooks"`
	}
	if len(text) > maxURL {
		return fmt.Sprintf("has %d bytes: give at most %d", len(text), maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return `is no URL: give one like "https://example.com/hooks"`
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("has the scheme %q: give http or https", u.Scheme)
	case u.User != nil:
		return "has a user or a password: give it in config.headers, as Authorization"
	case u.Hostname() == "":
		return `has no host: give one like "https://example.com/hooks"`
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "has a fragment, which is never sent: leave out what begins with #"
	case strings.HasSuffix(u.Host, ":"):
		return "has a colon without a port: give a port or leave it out"
	case u.Port() != "":
		if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
			return fmt.Sprintf("has the port %q: give 1 to 65535", u.Port())
		}
	}
	return hostProblem(u.Hostname())
}

// plainURL is an address, written in one way.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && (u.Scheme != "http" || port != "80") && (u.Scheme != "https" || port != "443") {
		host += ":" + port
	}
	u.Host = host
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// origin is what an address has before its path.
func origin(text string) string {
	u, err := url.Parse(plainURL(text))
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// ownHeaders are the sender's: those of the connection, of the content and of the signature.
var ownHeaders = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Expect": true,
	"Host": true, "Content-Type": true, "Content-Length": true, "Content-Encoding": true, "Content-Md5": true,
	"Content-Digest": true, "Digest": true,
}

func headerProblem(name, value string) string {
	key := http.CanonicalHeaderKey(name)
	switch {
	case !validName(name):
		return fmt.Sprintf("has the name %q: give 1 to 128 letters, digits and hyphens", name)
	case ownHeaders[key] || strings.HasPrefix(key, "Webhook-") || strings.HasPrefix(key, "Ce-"):
		return headersAreOwned
	case !validValue(value):
		return "has a value that no header can have: give printable ASCII, without space around it"
	}
	return ""
}

// validName tells whether a text is a token of HTTP.
func validName(name string) bool {
	return name != "" && len(name) <= 128 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func validValue(value string) bool {
	return strings.Trim(value, " \t") == value && !strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') })
}

// textProblem is what is wrong with a text that people read.
func textProblem(text string, limit int) string {
	switch {
	case len(text) > limit:
		return fmt.Sprintf("has %d bytes: give at most %d", len(text), limit)
	case strings.ContainsFunc(text, forbidden):
		return "has a control character: leave it out"
	}
	return ""
}

func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

func invalid(field, format string, args ...any) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
