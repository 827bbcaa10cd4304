package wasm

import (
	"runtime"
	"time"

	"github.com/nacredb/nacre"
)

// Limits of a module; nil is the defaults, and so is each that is 0. What is beyond one is an error that says so.
type Limits struct {
	// Binary is the size of a module, in bytes. Default 32 MiB.
	Binary int
	// Memory is that of one instance, in bytes; whole pages of 64 KiB count. A module that declares more at the
	// start is refused. Default 64 MiB, at most 4 GiB.
	Memory int64
	// Running is how long a call may run, not counting the time that it waits. Default 1 s.
	Running time.Duration
	// Call is how long a call may take, waiting included. Default 10 s.
	Call time.Duration
	// Depth is how much the functions that are called may have together: parameters, locals and operands, in
	// bytes. Default 1 MiB.
	Depth int
	// Reply is the longest reply, in bytes. Default 4 MiB.
	Reply int
	// Events is how many a command may lead to. Default 500, which is what aggregates append at once.
	Events int
	// Instances is how many of the module may be there at once. Default two for each processor that the program
	// uses, and at least 4; for components made for Thalo, of which each aggregate instance has its own, 1,000.
	Instances int
	// IdleAfter is after how long an instance leaves that nobody asked for. Default 1 minute, for components made for
	// Thalo 5; negative is never.
	IdleAfter time.Duration
}

const page = 64 << 10

func (l *Limits) withDefaults() (Limits, error) {
	var d Limits
	if l != nil {
		d = *l
	}
	defaults(&d.Binary, 32<<20)
	defaults(&d.Memory, 64<<20)
	defaults(&d.Running, time.Second)
	defaults(&d.Call, 10*time.Second)
	defaults(&d.Depth, 1<<20)
	defaults(&d.Reply, 4<<20)
	defaults(&d.Events, 500)
	defaults(&d.Instances, max(4, 2*runtime.GOMAXPROCS(0)))
	defaults(&d.IdleAfter, time.Minute)
	return d, d.validate()
}

func defaults[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (l *Limits) validate() error {
	for _, f := range []struct {
		name  string
		value int64
		least int64
	}{
		{"Binary", int64(l.Binary), 8},
		{"Memory", l.Memory, page},
		{"Running", int64(l.Running), 1},
		{"Call", int64(l.Call), 1},
		{"Depth", int64(l.Depth), 1},
		{"Reply", int64(l.Reply), 2},
		{"Events", int64(l.Events), 1},
		{"Instances", int64(l.Instances), 1},
	} {
		if f.value < f.least {
			return invalid("limits."+f.name, "is %d: give %d or more, or 0 for the default", f.value, f.least)
		}
	}
	if l.Memory > 4<<30 {
		return invalid("limits.Memory", "is %d: an instance has at most 4 GiB", l.Memory)
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
