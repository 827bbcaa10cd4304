package filestore

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nacredb/nacre"
)

// Durability says when an append is acknowledged.
type Durability int

// The choices; Always is the default.
const (
	// Always: after the sync that made the append durable.
	Always Durability = iota
	// Interval: once written; a sync follows within SyncInterval. A power loss can take what was
	// acknowledged since the last one; a killed process loses nothing.
	Interval
	// Never: once written; the system syncs when it likes.
	Never
)

// String gives "always", "interval" or "never".
func (d Durability) String() string {
	switch d {
	case Always:
		return "always"
	case Interval:
		return "interval"
	case Never:
		return "never"
	default:
		return fmt.Sprintf("Durability(%d)", int(d))
	}
}

// ParseDurability reads what String gives.
func ParseDurability(s string) (Durability, error) {
	for _, d := range []Durability{Always, Interval, Never} {
		if d.String() == s {
			return d, nil
		}
	}
	return Always, nacre.Errorf(nacre.CodeInvalid, "%q is not a durability: give always, interval or never", s)
}

// Options: nil opens for writing, with the defaults, and locks the directory.
type Options struct {
	// ReadOnly opens beside a writer, if there is one, without a lock and without writing anything. With a
	// writer it shows what is known to be durable; without, every whole batch that the log holds.
	// Default false.
	ReadOnly bool
	// Durability says when an append is acknowledged. Default Always.
	Durability Durability
	// SyncInterval is the longest that an acknowledged append waits for its sync under Interval.
	// Default 100 ms.
	SyncInterval time.Duration
	// SegmentBytes is the size at which a segment is sealed and the next one begun. Default 64 MiB, at
	// least 4 KiB, at most 1 GiB.
	SegmentBytes int64
	// CompressAfter keeps this many of the newest sealed segments as plain lines and compresses the older
	// ones with zstd, in the background; 0 compresses none. Default 0.
	CompressAfter int
	// Limits bound what an append may hold. Default: those of nacre.Limits.
	Limits *nacre.Limits
	// Logger is told of recoveries, cuts, damage and rebuilt indexes. Default slog.Default().
	Logger *slog.Logger

	env environment // what tests replace: file system, clock, hash width
}

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.SyncInterval == 0 {
		out.SyncInterval = 100 * time.Millisecond
	}
	if out.SegmentBytes == 0 {
		out.SegmentBytes = 64 << 20
	}
	if out.Logger == nil {
		out.Logger = slog.Default()
	}
	out.env = out.env.withDefaults()
	return out, out.validate()
}

func (o *Options) validate() error {
	switch {
	case o.Durability < Always || o.Durability > Never:
		return nacre.Errorf(nacre.CodeInvalid, "Options.Durability is %s: give Always, Interval or Never", o.Durability)
	case o.SyncInterval < time.Millisecond:
		return nacre.Errorf(nacre.CodeInvalid, "Options.SyncInterval is %v: give at least 1 ms", o.SyncInterval)
	case o.SegmentBytes < 4<<10 || o.SegmentBytes > 1<<30:
		return nacre.Errorf(nacre.CodeInvalid, "Options.SegmentBytes is %d: give 4 KiB to 1 GiB", o.SegmentBytes)
	case o.CompressAfter < 0:
		return nacre.Errorf(nacre.CodeInvalid, "Options.CompressAfter is %d: give 0 for no compression, or a number from 1", o.CompressAfter)
	}
	return nil
}
