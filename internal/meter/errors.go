package meter

import (
	"fmt"
	"strings"
)

// Error says why a module is refused.
type Error struct {
	// Section is the part of the binary: header, type, import, function, table, memory, global, export, start,
	// element, data count, code, data, custom; or the whole module.
	Section string
	// Function is the index of the function, imported ones counted; -1 where it is about none.
	Function int
	// Offset is the place in the binary, in bytes.
	Offset int
	// Reason says what is wrong there, and what to do where there is something to do.
	Reason string
}

// Error is the place and the reason.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("WebAssembly module: ")
	b.WriteString(e.Section)
	if e.Section != "header" && e.Section != "module" {
		b.WriteString(" section")
	}
	if e.Function >= 0 {
		fmt.Fprintf(&b, ", function %d", e.Function)
	}
	fmt.Fprintf(&b, ", offset 0x%x: %s", e.Offset, e.Reason)
	return b.String()
}
