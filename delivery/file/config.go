package file

import (
	"encoding/json"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/nacredb/nacre/internal/relay"
)

// Limits of a configuration.
const (
	leastBytes   = 1 << 10
	defaultBytes = 100 << 20
	mostBytes    = 1 << 30 // a file is read through when a server starts
	mostSeconds  = 366 * 24 * 60 * 60
	mostKept     = 1_000_000
	mostPath     = 512
)

// config is what a subscription says.
type config struct {
	// Path is the file, with slashes.
	Path string `json:"path"`
	// MaxBytes is how large a file gets, apart from one that a single batch is too large for.
	MaxBytes int64 `json:"maxBytes"`
	// MaxAgeSeconds is how old a file gets. 0 is any age.
	MaxAgeSeconds int64 `json:"maxAgeSeconds,omitempty"`
	// Keep is how many rotated files are kept. 0 is all.
	Keep int64 `json:"keep,omitempty"`
	// Compress makes gzip of rotated files.
	Compress bool `json:"compress,omitempty"`
}

func (c *config) maxAge() time.Duration { return time.Duration(c.MaxAgeSeconds) * time.Second }

// read reads and checks a configuration.
func (k *Kind) read(raw json.RawMessage) (*config, error) {
	c := &config{}
	if err := relay.Decode(raw, c); err != nil {
		return nil, err
	}
	if err := k.checkPath(c.Path); err != nil {
		return nil, err
	}
	if err := relay.Range("config.maxBytes", &c.MaxBytes, defaultBytes, leastBytes, mostBytes); err != nil {
		return nil, err
	}
	if err := relay.Range("config.maxAgeSeconds", &c.MaxAgeSeconds, 0, 0, mostSeconds); err != nil {
		return nil, err
	}
	if err := relay.Range("config.keep", &c.Keep, 0, 0, mostKept); err != nil {
		return nil, err
	}
	return c, nil
}

// checkPath keeps a path inside the folder, and away from the names that this package makes itself.
func (k *Kind) checkPath(p string) error {
	const field = "config.path"
	absolute := path.IsAbs(p) || filepath.IsAbs(p)
	base := path.Base(p)
	switch {
	case p == "":
		return relay.Invalid(field, "is not given: give the file, as in \"orders.ndjson\"")
	case len(p) > mostPath:
		return relay.Invalid(field, "has %d bytes: give at most %d", len(p), mostPath)
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '�' }):
		return relay.Invalid(field, "has control characters, or is no UTF-8")
	case absolute && !k.options.AllowAbsolute:
		return relay.Invalid(field, "is absolute: give one inside the server's folder for files")
	case !absolute && k.options.Dir == "":
		return relay.Invalid(field, "is relative, and this server has no folder for files")
	case !absolute && (!filepath.IsLocal(p) || strings.Contains(p, `\`)):
		return relay.Invalid(field, "leads out of the server's folder for files, or is no name here: give names with slashes in between")
	case path.Clean(filepath.ToSlash(p)) != filepath.ToSlash(p) || p == ".":
		return relay.Invalid(field, `is not the shortest way to say it: leave out ".", ".." and double slashes, and a slash at the end`)
	case hasSuffix(base, ".lock", ".tmp", ".gz"):
		return relay.Invalid(field, `ends in ".lock", ".tmp" or ".gz", as files do that are made beside it: give another name`)
	case stamped.MatchString(base):
		return relay.Invalid(field, "is called as rotated files are: leave out the time and the number")
	}
	return nil
}

func hasSuffix(name string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(strings.ToLower(name), s) {
			return true
		}
	}
	return false
}

// stamped is what names of files that were set aside have in them.
var stamped = regexp.MustCompile(`-[0-9]{8}T[0-9]{6}Z-[0-9]+`)
