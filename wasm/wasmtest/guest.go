package wasmtest

import (
	"fmt"
	"strings"
	"testing"
)

// Guest is a module that says the same each time: what it describes itself as, what every command leads to, and what
// every state is.
type Guest struct {
	Description string // JSON; "" is an aggregate "light" of one command, "on", and one event, "light.on"
	Decide      string // the reply; "" leads to one event of type "light.on"
	State       string // JSON; "" is 1
	Tests       string // JSON of cases; "" is none
	Note        string // makes a binary of its own
}

// Build makes the guest's binary.
func (g Guest) Build(t testing.TB) []byte {
	t.Helper()
	if g.State == "" {
		g.State = "1"
	}
	if g.Description == "" {
		g.Description = `{"name":"light","commands":{"on":{}},"events":{"light.on":{}}}`
	}
	if g.Decide == "" {
		g.Decide = `{"events":[{"type":"light.on","data":{}}],"state":` + g.State + `}`
	}
	const describe, decide, evolve, room = 1024, 16384, 32768, 40000
	evolved := `{"state":` + g.State + `}`
	binary := Assemble(t, fmt.Sprintf(`
	(module
	  (memory (export "memory") 2)
	  (data (i32.const %d) %s) (data (i32.const %d) %s) (data (i32.const %d) %s)
	  (func (export "nacre_abi") (result i32) (i32.const 1))
	  (func (export "nacre_alloc") (param $size i32) (result i32) (i32.const %d))
	  (func (export "nacre_describe") (result i64) (i64.const %d))
	  (func (export "nacre_decide") (param $p i32) (param $n i32) (result i64) (i64.const %d))
	  (func (export "nacre_evolve") (param $p i32) (param $n i32) (result i64) (i64.const %d)))`,
		describe, quoted(g.Description), decide, quoted(g.Decide), evolve, quoted(evolved), room,
		place(describe, g.Description), place(decide, g.Decide), place(evolve, evolved)))
	if g.Tests != "" {
		binary = WithSection(binary, "nacre:tests", g.Tests)
	}
	if g.Note != "" {
		binary = WithSection(binary, "note", g.Note)
	}
	return binary
}

func place(at int, text string) int64 { return int64(at)<<32 | int64(len(text)) }

// quoted is a text as the text format has it.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// WithSection appends a custom section to a module.
func WithSection(binary []byte, name, content string) []byte {
	body := append([]byte{byte(len(name))}, name+content...)
	binary = append(binary, 0)
	for n := len(body); ; {
		b := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(append(binary, b), body...)
		}
		binary = append(binary, b|0x80)
	}
}
