package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/wasmtest"
)

// text is a guest of text. Each function that is not given replies with a constant.
type text struct {
	head                   string // further definitions: imports, globals, functions
	memory                 string // "" is (memory (export "memory") 4)
	description            string
	decides, evolves       string // replies
	abi, alloc             string // bodies
	describe, decide       string
	evolve, initialize     string
	withoutABI, withoutMem bool
}

const plainDescription = `{"name":"counter","commands":{"add":{}},"events":{"counter.added":{}}}`

const (
	plainDecides = `{"events":[{"type":"counter.added","data":{"by":1}}],"state":{"count":1}}`
	plainEvolves = `{"state":{"count":1}}`
)

// Where constants stand in the memory, and where requests are written to.
const (
	atDescription = 0
	atDecides     = 8 << 10
	atEvolves     = 16 << 10
	atRequest     = 64 << 10
)

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// place is the result of a function: where a reply stands.
func place(at, length int) string { return fmt.Sprintf("(i64.const %d)", int64(at)<<32|int64(length)) }

func (g text) assemble(t testing.TB) []byte {
	t.Helper()
	g.description, g.decides, g.evolves = or(g.description, plainDescription), or(g.decides, plainDecides), or(g.evolves, plainEvolves)
	var b strings.Builder
	b.WriteString("(module\n" + g.head + "\n")
	if !g.withoutMem {
		b.WriteString(or(g.memory, `(memory (export "memory") 4)`) + "\n")
	}
	for at, data := range map[int]string{atDescription: g.description, atDecides: g.decides, atEvolves: g.evolves} {
		fmt.Fprintf(&b, "(data (i32.const %d) %s)\n", at, quoted(data))
	}
	if !g.withoutABI {
		b.WriteString(`(func (export "nacre_abi") (result i32) ` + or(g.abi, "(i32.const 1)") + ")\n")
	}
	b.WriteString(`(func (export "nacre_alloc") (param $n i32) (result i32) ` + or(g.alloc, fmt.Sprintf("(i32.const %d)", atRequest)) + ")\n")
	b.WriteString(`(func (export "nacre_describe") (result i64) ` + or(g.describe, place(atDescription, len(g.description))) + ")\n")
	b.WriteString(`(func (export "nacre_decide") (param $at i32) (param $n i32) (result i64) ` + or(g.decide, place(atDecides, len(g.decides))) + ")\n")
	b.WriteString(`(func (export "nacre_evolve") (param $at i32) (param $n i32) (result i64) ` + or(g.evolve, place(atEvolves, len(g.evolves))) + ")\n")
	if g.initialize != "" {
		b.WriteString(`(func (export "_initialize") ` + g.initialize + ")\n")
	}
	return wasmtest.Assemble(t, b.String()+")")
}

// quoted is bytes as the text format writes them.
func quoted(data string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(data) {
		fmt.Fprintf(&b, `\%02x`, data[i])
	}
	return b.String() + `"`
}
