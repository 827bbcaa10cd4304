package sqlite

import (
	"log/slog"

	"github.com/nacredb/nacre"
)

// Options: nil means the defaults.
type Options struct {
	// Logger is told of files that were set aside or removed, and of readers that hold up the write-ahead log. Default:
	// nobody is told.
	Logger *slog.Logger
	// CacheBytes is what SQLite keeps of the file in memory for the connection that writes; one that reads has a
	// quarter of it. The system's own cache stands behind it. Default 32 MiB, at least 1 MiB.
	CacheBytes int
	// Readers is how many queries run at once; others wait. Default 4.
	Readers int
	// MaxWAL is the size of SQLite's write-ahead log, in bytes, at which queries that keep it from being used again
	// are ended. Default 1 GiB, at least 1 MiB.
	MaxWAL int64
}

func (o *Options) validate() (Options, error) {
	v := Options{}
	if o != nil {
		v = *o
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	if v.CacheBytes == 0 {
		v.CacheBytes = 32 << 20
	}
	if v.Readers == 0 {
		v.Readers = 4
	}
	if v.MaxWAL == 0 {
		v.MaxWAL = 1 << 30
	}
	wrong := func(field, message string) error {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: message}
	}
	switch {
	case v.CacheBytes < 1<<20:
		return v, wrong("CacheBytes", "is less than 1 MiB")
	case v.Readers < 0:
		return v, wrong("Readers", "is negative")
	case v.MaxWAL < 1<<20:
		return v, wrong("MaxWAL", "is less than 1 MiB")
	}
	return v, nil
}
