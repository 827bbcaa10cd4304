package wasmtest_test

import (
	"testing"

	"github.com/nacredb/nacre/internal/component"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

func TestComponentsAreRead(t *testing.T) {
	for _, g := range []wasmtest.Generation{wasmtest.Agg, wasmtest.Entity} {
		c, err := component.Parse(wasmtest.Component(t, g, `(module (memory (export "memory") 1))`, true))
		if err != nil {
			t.Errorf("%s: %v", g.Resource(), err)
			continue
		}
		if len(c.Modules) != 2 || len(c.Lifts) != 3 || len(c.Exports) != 1 || len(c.Imports) != int(g) {
			t.Errorf("%s: %d modules, %d functions, exports %v, imports %v", g.Resource(), len(c.Modules), len(c.Lifts), c.Exports, c.Imports)
		}
		for i, name := range []string{"[constructor]" + g.Resource(), "[method]" + g.Resource() + ".apply", "[method]" + g.Resource() + ".handle"} {
			if want := (component.Core{Module: 0, Name: "aggregate#" + name}); c.Lifts[i].Core != want {
				t.Errorf("function %d is %v, not %v", i, c.Lifts[i].Core, want)
			}
		}
	}
}
