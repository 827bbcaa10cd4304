package meter

import (
	"fmt"
	"time"
)

// What the instrumented module imports; the host has to provide it.
const (
	// ModuleName is the module of the imports that are added.
	ModuleName = "nacre:meter"
	// TickName is the function () -> i64 that is called when the fuel is used up. What it gives is the fuel
	// until the next call; with 0 or less it is called again at the next charge.
	TickName = "tick"
	// DeepName is the function () that is called when the depth is exceeded. It should not return: where it
	// does, the call goes on, and it is called again at the next one.
	DeepName = "deep"
)

// Options says how to instrument and what to refuse. nil and zero fields are the defaults.
type Options struct {
	// Every is the fuel that an instance starts with: the units until the first tick. A unit is about the time
	// of one instruction. Default 1<<20.
	Every int64

	// Depth is how much the functions that are being called may take together, in bytes of their parameters,
	// locals and operands, and 16 for each call. Default 1 MiB.
	Depth int64

	// Frame is how much of that one function may take, in bytes. Default 32 KiB, which is about 4,000 locals.
	Frame int

	// Functions is how many functions may be defined. Default 100,000.
	Functions int

	// Body is the length of one function's body, in bytes. Default 256 KiB. A compiler that works by functions may take
	// some kilobytes of memory for each byte of it.
	Body int

	// Compile is how long the module may be estimated to take to be compiled, on one core. Default 30 s. Compilers take
	// more than proportional time for functions that have many jumps, and many locals; a module of some kilobytes may
	// occupy one for minutes.
	Compile time.Duration

	// Nesting is how deep blocks may be nested in one function. Default 20,000.
	Nesting int

	// Items is how many types, imports, tables, globals, exports, element segments, data segments and custom
	// sections there may be, of each. Default 200,000.
	Items int

	// Elements is how many entries all tables may have together, and all element segments. Tables that are not
	// imported get a maximum, so that they do not grow beyond it. Default 200,000.
	Elements int

	// MemoryPages is what a memory may grow to, in pages of 64 KiB. A module that starts with more is refused, and one
	// that declares a larger maximum, or none, gets this one. Default 0, which leaves the memory as it is.
	MemoryPages uint32

	// Output is how long the instrumented module may be, in bytes. Default 128 MiB.
	Output int
}

// validate gives the options with defaults in the place of zeros, or an error for what makes no sense.
func (o *Options) validate() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	for _, f := range []struct {
		name    string
		value   *int
		initial int
	}{
		{"Frame", &v.Frame, 32 << 10},
		{"Functions", &v.Functions, 100_000},
		{"Body", &v.Body, 256 << 10},
		{"Nesting", &v.Nesting, 20_000},
		{"Items", &v.Items, 200_000},
		{"Elements", &v.Elements, 200_000},
		{"Output", &v.Output, 128 << 20},
	} {
		if *f.value < 0 {
			return v, fmt.Errorf("meter: Options.%s is %d; it has to be 0 (the default) or more", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.initial
		}
	}
	if v.Every < 0 || v.Depth < 0 || v.Compile < 0 {
		return v, fmt.Errorf("meter: Options.Every is %d, Options.Depth %d and Options.Compile %s; they have to be 0 (the default) or more", v.Every, v.Depth, v.Compile)
	}
	if v.Compile == 0 {
		v.Compile = 30 * time.Second
	}
	if v.Every == 0 {
		v.Every = 1 << 20
	}
	if v.Depth == 0 {
		v.Depth = 1 << 20
	}
	if v.MemoryPages > maxPages {
		return v, fmt.Errorf("meter: Options.MemoryPages is %d; a memory has at most %d pages", v.MemoryPages, maxPages)
	}
	return v, nil
}

// Info is what is known of a module, as it was given.
type Info struct {
	// Imports and Exports are in the order of the module.
	Imports, Exports []Entry

	// Memories is how many memories there are, imported or not: 0 or 1.
	Memories int
	// MemoryMin is what the memory starts with, in pages of 64 KiB. 0 where there is none.
	MemoryMin uint32
	// MemoryMax is what it may grow to, with Options.MemoryPages applied. Where nothing bounds it, it is 65536.
	MemoryMax uint32

	// Functions is how many functions the module defines.
	Functions int
	// Code is the length of their bodies together, in bytes.
	Code int
	// Compile is how long the module is estimated to take to be compiled, on one core. It is rather too high.
	Compile time.Duration
	// Start says that a function is called when the module is instantiated.
	Start bool

	// Custom has the custom sections by name, other than the names for debuggers. They are parts of the binary that
	// was given, and not copied. Of several with one name it is the first.
	Custom map[string][]byte
}

// Entry is an import or an export.
type Entry struct {
	// Module is where an import comes from, and empty for an export.
	Module string
	Name   string
	// Kind is func, table, memory or global.
	Kind string
	// Type is of a function "(i32,i32)->i64", "()->()" or "(f64)->(i32,i32)", of a table "funcref 1..10", of a memory
	// "1..16" (pages), of a global "i32" or "mut i32". A range without an upper bound is "1..".
	Type string
}

// Export finds an export by its name.
func (i *Info) Export(name string) (Entry, bool) {
	for _, e := range i.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}
