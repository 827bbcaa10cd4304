package file

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
	"github.com/nacredb/nacre/internal/vfs"
)

// Options are how a server writes files. Nil refuses every path.
type Options struct {
	// Dir is the folder that paths are in; it is made when something is first written. Default none: relative paths
	// are refused.
	Dir string
	// AllowAbsolute lets whoever may create subscriptions name any file of the machine. Default false.
	AllowAbsolute bool
	// Logger is told what was cut, and what could not be compressed or removed. Default none.
	Logger *slog.Logger
}

// Kind writes events into files.
type Kind struct {
	options Options
	env     environment
}

var _ delivery.Kind = (*Kind)(nil)

// environment is what tests replace: the disk and the clock.
type environment struct {
	fs  vfs.FS
	now func() time.Time
}

// New makes the kind "file".
func New(o *Options) *Kind {
	k := &Kind{env: environment{fs: vfs.OS, now: time.Now}}
	if o != nil {
		k.options = *o
	}
	if k.options.Logger == nil {
		k.options.Logger = slog.New(slog.DiscardHandler)
	}
	return k
}

// Name implements delivery.Kind.
func (k *Kind) Name() string { return "file" }

// Check implements delivery.Kind.
func (k *Kind) Check(config, _ json.RawMessage) (json.RawMessage, error) {
	c, err := k.read(config)
	if err != nil {
		return nil, err
	}
	return relay.Encode(c), nil
}

// Same implements delivery.Kind.
func (k *Kind) Same(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

// Public implements delivery.Kind: there are no secrets.
func (k *Kind) Public(config json.RawMessage) json.RawMessage { return slices.Clone(config) }

// Open implements delivery.Kind. The file is opened by the first Send.
func (k *Kind) Open(config json.RawMessage) (delivery.Sender, error) {
	c, err := k.read(config)
	if err != nil {
		return nil, err
	}
	w := &writer{env: k.env, config: c, path: filepath.FromSlash(c.Path), log: k.options.Logger}
	if !filepath.IsAbs(w.path) {
		w.path = filepath.Join(k.options.Dir, w.path)
		w.root = filepath.Clean(k.options.Dir)
	} else {
		w.root = filepath.Dir(w.path)
	}
	return &sender{writer: w}, nil
}
