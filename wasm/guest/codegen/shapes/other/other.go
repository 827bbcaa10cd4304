// Package other has types that package shapes uses from another package. It has no entry point beyond them: Shared
// gets its code in this package, and the type that it holds, which is not exported, with it.
//
// What this package does not do: anything; it is for tests.
package other

// Shared is used from package shapes.
type Shared struct {
	Name   string `json:"name"`
	Hidden hidden `json:"hidden"`
	List   []hidden
}

type hidden struct{ N int }

// Embedded is embedded.
type Embedded struct {
	Deep  string `json:"deep,omitempty"`
	Shade int
}

// Level has a name for a basic type.
type Level uint8
