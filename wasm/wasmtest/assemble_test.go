package wasmtest_test

import (
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/wasm/wasmtest"
)

func TestAModuleOfTextRuns(t *testing.T) {
	binary := wasmtest.Assemble(t, `
	(module
	  (type $unary (func (param i32) (result i32)))
	  (import "host" "twice" (func $twice (param i32) (result i32)))
	  (memory (export "memory") 1 2)
	  (table 2 funcref)
	  (global $calls (mut i32) (i32.const -1))
	  (data (i32.const 16) "ab\00\n\"" "c")
	  (elem (i32.const 0) $twice $factorial)
	  (func $factorial (export "factorial") (export "fac") (param $n i32) (result i32)
	    (local $product i32)
	    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
	    i32.const 1 local.set $product            ;; not folded
	    (block $done
	      (loop $again
	        (br_if $done (i32.eqz (local.get $n)))
	        (local.set $product (i32.mul (local.get $product) (local.get $n)))
	        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
	        (br $again)))
	    (local.get $product))
	  (func (export "by") (param $which i32) (param $n i32) (result i32)
	    (call_indirect (type $unary) (local.get $n) (local.get $which)))
	  (func (export "kind") (param $n i32) (result i64)
	    (if (result i64) (i32.lt_s (local.get $n) (i32.const 0))
	      (then (i64.const -9223372036854775808))
	      (else (i64.extend_i32_u (i32.load8_u offset=16 align=1 (local.get $n))))))
	  (func (export "which") (param $n i32) (result i32)
	    (block $a (block $b (block $c (br_table $c $b $a (local.get $n))) (return (i32.const 10))) (return (i32.const 20)))
	    (i32.const 30))
	  (func (export "real") (result f64) (f64.mul (f64.const 1.5) (f64.const -2)))
	  (func $calls (export "calls") (result i32) (global.get $calls))
	)`)
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	if _, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().
		WithFunc(func(v uint32) uint32 { return 2 * v }).Export("twice").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := r.Instantiate(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    string
		args []uint64
		want uint64
	}{
		{"factorial", []uint64{5}, 120},
		{"fac", []uint64{0}, 1},
		{"by", []uint64{0, 21}, 42},
		{"by", []uint64{1, 4}, 24},
		{"kind", []uint64{api.EncodeI32(-1)}, 1 << 63},
		{"kind", []uint64{5}, 'c'},
		{"kind", []uint64{3}, '\n'},
		{"which", []uint64{0}, 10},
		{"which", []uint64{1}, 20},
		{"which", []uint64{7}, 30},
		{"real", nil, api.EncodeF64(-3)},
		{"calls", nil, 2},
	} {
		got, err := m.ExportedFunction(c.f).Call(ctx, c.args...)
		if err != nil || got[0] != c.want {
			t.Errorf("%s(%v): %v, %v; want %d", c.f, c.args, got, err, c.want)
		}
	}
}
