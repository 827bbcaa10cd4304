package meter_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre/internal/meter"
)

func refusal(t *testing.T, name string, binary []byte, o *meter.Options, want ...string) {
	t.Helper()
	out, info, err := meter.Instrument(binary, o)
	if _, ok := errors.AsType[*meter.Error](err); !ok {
		t.Errorf("%s: it is not refused: %v", name, err)
		return
	}
	if out != nil || info != nil {
		t.Errorf("%s: there is a result beside the error", name)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: the error does not say %q: %v", name, part, err)
		}
	}
}

// TestRefusedInstructions has code that is not of WebAssembly 2.0, or that reaches for what the module does not have.
func TestRefusedInstructions(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"tail call", code(0x12, 0), "tail calls are not supported"},
		{"indirect tail call", code(0x13, 0, 0), "tail calls are not supported"},
		{"call_ref", code(0x14, 0), "typed function references are not supported"},
		{"br_on_null", code(0xd5, 0), "typed function references are not supported"},
		{"try", code(0x06, empty, end), "exceptions are not supported"},
		{"throw", code(0x08, 0), "exceptions are not supported"},
		{"try_table", code(0x1f, empty, 0, end), "exceptions are not supported"},
		{"atomic", code(0xfe, 0x10, 2, 0), "threads and atomic operations are not supported"},
		{"struct.new", code(0xfb, 0, 0), "garbage collection is not supported"},
		{"relaxed vectors", code(0xfd, leb(0x100)), "relaxed vector instructions are not supported"},
		{"another memory, by an access", code(i32c(0), 0x28, 0x42, 1, 0, drop), "several memories are not supported"},
		{"another memory, by its size", code(memorySize, 1, drop), "several memories are not supported"},
		{"another memory, by a copy", code(0xfc, 10, 1, 0), "several memories are not supported"},
		{"a typed block", code(block, 0x64, 0x70, end), "typed references are not supported"},
		{"no instruction", code(0x27), "there is no instruction 0x27"},
		{"no bulk instruction", code(0xfc, 18), "there is no instruction 0xfc 18"},
		{"no vector instruction", code(0xfd, leb(154)), "there is no instruction 0xfd 154"},
		{"no such local", code(get, 2, drop), "there is no local 2; there are 2"},
		{"the local for lengths", code(i32c(0), i32c(0), i32c(0), 0xfc, 11, 0, get, 2, drop), "there is no local 2"},
		{"the global of the fuel", code(i64c(1), globalSet, 1), "there is no global 1; there are 1"},
		{"the global of the depth", code(globalGet, 2, drop), "there is no global 2"},
		{"the imported tick", code(call, 2, drop), "there is no function 2; there are 2"},
		{"a reference to it", code(refFunc, 2, drop), "there is no function 2"},
		{"the type of tick", code(i32c(0), callIndirect, 1, 0, drop), "there is no type 1; there are 1"},
		{"a block of that type", code(block, 1, end, drop), "there is no type 1"},
		{"a label outside", code(br, 1), "there is no label 1; 1 blocks are open"},
		{"a label outside, in a table", code(block, empty, i32c(0), brTable, vec(leb(0), leb(2)), leb(0), end), "there is no label 2"},
		{"an else without an if", code(else_), "else stands outside of an if"},
		{"two elses", code(i32c(1), if_, empty, else_, else_, end), "else stands outside of an if"},
		{"a number too long", code(0x41, 0x80, 0x80, 0x80, 0x80, 0x10, drop), "longer than 32 bits"},
		{"an index too long", code(get, 0x80, 0x80, 0x80, 0x80, 0x10), "longer than 32 bits"},
		{"many labels", code(i32c(0), brTable, leb(1<<30), 0), "1073741824 labels are announced"},
		{"an end too many", code(end, nop), "bytes are left at the end"},
		{"a select of two types", code(0x1c, 2, i32, i32), "other than one type"},
		{"no value type", code(0x1c, 1, 0x6d), "there is no value type 0x6d"},
		{"no reference type", code(refNull, i32), "there is no reference type 0x7f"},
		{"an alignment", code(i32c(0), 0x28, 9, 0, drop), "alignment"},
	} {
		m := mod{
			types:   [][]byte{sig(types(i32), nil)},
			funcs:   []fn{{body: nil}, {locals: types(i32), body: c.body}},
			globals: constantGlobal(),
			memory:  code(0, 1),
		}
		refusal(t, c.name, m.bytes(), nil, "code section, function 1, offset 0x", c.want)
	}
}

// TestRefusedModules has what is wrong elsewhere.
func TestRefusedModules(t *testing.T) {
	head := []byte("\x00asm\x01\x00\x00\x00")
	raw := func(parts ...any) []byte { return append(bytes.Clone(head), code(parts...)...) }
	void := [][]byte{sig(nil, nil)}
	for _, c := range []struct {
		name   string
		binary []byte
		want   string
	}{
		{"nothing", nil, "header, offset 0x0: this is no WebAssembly module"},
		{"text", []byte("(module (func))"), "this is no WebAssembly module"},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), "this is a component, not a core module"},
		{"a version", []byte("\x00asm\x02\x00\x00\x00"), "the version of the binary format is 02 00 00 00"},
		{"a section cut", raw(1, 10, 0), "10 bytes are announced"},
		{"a section's size cut", raw(1, 0x80), "ends in the middle"},
		{"no section", raw(14, 0), "there is no section 14"},
		{"a tag section", raw(13, 0), "exceptions are not supported"},
		{"twice", raw(1, 1, 0, 1, 1, 0), "stands there twice"},
		{"out of order", raw(3, 1, 0, 1, 1, 0), "not in its place"},
		{"rest of a section", raw(1, 2, 0, 0), "type section, offset 0xb: 1 bytes are left at the end"},
		{"many types", raw(1, 5, leb(1<<28)), "types"},
		{"a struct type", raw(1, 3, 1, 0x5f, 0), "the type has the form 0x5f"},
		{"a recursive type", raw(1, 3, 1, 0x4e, 0), "garbage collection is not supported"},
		{"a function without code", raw(1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0), "1 functions are declared, and there is no code"},
		{"code without a function", raw(10, 4, 1, 2, 0, 0x0b), "there are 1 bodies for 0 functions"},
		{"a function of no type", raw(3, 2, 1, 0), "there is no type 0"},
		{"a body without an end", raw(1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x01), "ends in the middle"},
		{"a shared memory", mod{memory: code(3, 1, 2)}.bytes(), "shared memories are not supported"},
		{"a 64-bit memory", mod{memory: code(4, 1)}.bytes(), "64-bit memories"},
		{"a kind of memory", mod{memory: code(8, 1)}.bytes(), "there is no kind 8 of sizes"},
		{"two memories", raw(5, 5, 2, 0, 1, 0, 1), "several are not supported"},
		{"two memories, one imported", mod{imports: [][]byte{code(text("e"), text("m"), 2, 0, 1)}, memory: code(0, 1)}.bytes(), "several are not supported"},
		{"a memory beyond 32 bits", mod{memory: code(0, leb(65537))}.bytes(), "larger than 65536 pages"},
		{"a memory that begins above its end", mod{memory: code(1, 2, 1)}.bytes(), "above its maximum"},
		{"a table of what is no reference", mod{tables: [][]byte{code(i32, 0, 1)}}.bytes(), "there is no reference type"},
		{"its own meter", mod{types: void, imports: [][]byte{code(text("nacre:meter"), text("tick"), 0, 0)}}.bytes(), "import section, offset"},
		{"an imported tag", mod{types: void, imports: [][]byte{code(text("e"), text("t"), 4, 0, 0)}}.bytes(), "exceptions are not supported"},
		{"an import of no kind", mod{imports: [][]byte{code(text("e"), text("t"), 5)}}.bytes(), "there is no kind 5 of imports"},
		{"an import of no type", mod{imports: [][]byte{code(text("e"), text("t"), 0, 3)}}.bytes(), "there is no type 3"},
		{"a name that is no text", mod{imports: [][]byte{code(1, 0xff, text("t"), 0, 3)}}.bytes(), "not UTF-8"},
		{"a global that is neither", mod{globals: [][]byte{code(i32, 2, i32c(1), end)}}.bytes(), "constant (0) or mutable (1)"},
		{"a global of itself", mod{globals: [][]byte{code(i32, 0, globalGet, 0, end)}}.bytes(), "there is no global 0 before this"},
		{"a global that is computed", mod{globals: [][]byte{code(i32, 0, i32c(1), i32c(2), i32Add, end)}}.bytes(), "is not constant"},
		{"a global from a vector", mod{globals: [][]byte{code(i32, 0, 0xfd, 77, end)}}.bytes(), "is not constant"},
		{"a global of no function", mod{globals: [][]byte{code(funcref, 0, refFunc, 0, end)}}.bytes(), "there is no function 0"},
		{"an export of no function", mod{exports: [][]byte{code(text("x"), 0, 0)}}.bytes(), "there is no function 0"},
		{"an export of no table", mod{exports: [][]byte{code(text("x"), 1, 0)}}.bytes(), "number 0 of its kind; there are 0"},
		{"an export of no memory", mod{exports: [][]byte{code(text("x"), 2, 0)}}.bytes(), "number 0 of its kind"},
		{"an export of the fuel", mod{exports: [][]byte{code(text("x"), 3, 0)}}.bytes(), `export "x" is number 0 of its kind; there are 0`},
		{"an export of no kind", mod{exports: [][]byte{code(text("x"), 9, 0)}}.bytes(), "there is no kind 9 of exports"},
		{"a start that is not there", mod{start: leb(0)}.bytes(), "start section, offset"},
		{"a segment of no function", mod{elems: [][]byte{code(1, 0, vec(leb(0)))}}.bytes(), "there is no function 0"},
		{"a segment of no kind", mod{elems: [][]byte{code(8)}}.bytes(), "there is no kind 8 of element segments"},
		{"a segment of other things", mod{elems: [][]byte{code(1, 1, 0)}}.bytes(), "the elements are no functions"},
		{"a segment at the fuel", mod{elems: [][]byte{code(0, globalGet, 0, end, 0)}}.bytes(), "there is no global 0"},
		{"data of no kind", mod{data: [][]byte{code(3)}}.bytes(), "there is no kind 3 of data segments"},
		{"data that is cut", mod{data: [][]byte{code(1, 9)}}.bytes(), "9 bytes are announced"},
		{"data for another memory", mod{data: [][]byte{code(2, 1, i32c(0), end, 0)}}.bytes(), "several memories are not supported"},
	} {
		refusal(t, c.name, c.binary, nil, c.want)
	}
}

// TestLimits goes one beyond each limit, and up to it.
func TestLimits(t *testing.T) {
	void := [][]byte{sig(nil, nil)}
	nested := code(bytes.Repeat([]byte{block, empty}, 10), bytes.Repeat([]byte{end}, 10))
	for _, c := range []struct {
		name      string
		module    mod
		over, all meter.Options
		want      string
	}{
		{"functions", mod{types: void, funcs: make([]fn, 5)}, meter.Options{Functions: 4}, meter.Options{Functions: 5}, "there are 5 functions; the limit is 4"},
		{"body", mod{types: void, funcs: []fn{{body: nested}}}, meter.Options{Body: 31}, meter.Options{Body: 32}, "the body has 32 bytes; the limit is 31"},
		{"nesting", mod{types: void, funcs: []fn{{body: nested}}}, meter.Options{Nesting: 9}, meter.Options{Nesting: 10}, "nested deeper than 9"},
		{"types", mod{types: slices.Repeat(void, 3)}, meter.Options{Items: 2}, meter.Options{Items: 3}, "there are 3 types"},
		{"globals", mod{globals: slices.Repeat(constantGlobal(), 3)}, meter.Options{Items: 2}, meter.Options{Items: 3}, "there are 3 globals"},
		{"tables", mod{tables: [][]byte{code(funcref, 0, 3), code(funcref, 0, 4)}}, meter.Options{Elements: 6}, meter.Options{Elements: 7}, "more than 6 entries together"},
		{"a table", mod{tables: [][]byte{code(funcref, 0, 3)}}, meter.Options{Elements: 2}, meter.Options{Elements: 3}, "starts with 3 entries; the limit is 2"},
		{
			"elements",
			mod{elems: slices.Repeat([][]byte{code(5, funcref, vec(code(refNull, funcref, end), code(refNull, funcref, end)))}, 2)},
			meter.Options{Elements: 3},
			meter.Options{Elements: 4},
			"more than 3 entries together",
		},
		{"data", mod{memory: code(0, 1), data: slices.Repeat([][]byte{code(1, 0)}, 3)}, meter.Options{Items: 2}, meter.Options{Items: 3}, "there are 3 data segments"},
		{"custom sections", mod{customs: map[string][]byte{"a": nil, "b": nil}}, meter.Options{Items: 1}, meter.Options{Items: 2}, "more than 1 custom sections"},
		{"memory", mod{memory: code(0, 3)}, meter.Options{MemoryPages: 2}, meter.Options{MemoryPages: 3}, "starts with 3 pages of 64 KiB; the limit is 2"},
		{"output", mod{types: void, funcs: []fn{{body: bytes.Repeat(code(loop, empty, br, 0, end), 100)}}}, meter.Options{Output: 2000}, meter.Options{Output: 5000}, "longer than 2000 bytes"},
	} {
		refusal(t, c.name, c.module.bytes(), &c.over, c.want)
		if _, _, err := meter.Instrument(c.module.bytes(), &c.all); err != nil {
			t.Errorf("%s: at the limit: %v", c.name, err)
		}
	}
	for _, groups := range [][]byte{
		vec(code(leb(1<<32-1), i64), code(leb(1<<32-1), i64)), vec(code(leb(50_000), i64)), vec(code(leb(3000), v128)),
	} {
		m := mod{types: void, funcs: []fn{{groups: groups}}}
		refusal(t, "locals", m.bytes(), nil, "code section, function 0, offset", "parameters and locals take")
	}
	many := sig(bytes.Repeat(types(i32), 1001), nil)
	refusal(t, "parameters", mod{types: [][]byte{many}}.bytes(), nil, "there are 1001 parameters; the limit is 1000")
}

// TestCompile has modules of some kilobytes that occupy a compiler for minutes, or take gigabytes.
func TestCompile(t *testing.T) {
	locals := vec(code(leb(4000), i32))
	var uses []byte
	for i := range uint32(4000) {
		uses = append(uses, code(get, leb(i), i32c(1), i32Add, set, leb(i))...)
	}
	for _, c := range []struct {
		name string
		f    fn
		want string
	}{
		{"loops", fn{body: bytes.Repeat(code(loop, empty, i32c(1), brIf, 0, end), 30_000)}, "has 210000 jumps"},
		{"nested loops", fn{body: code(bytes.Repeat(code(loop, empty), 10_000), bytes.Repeat(code(i32c(1), brIf, 0, end), 10_000))}, "has 70000 jumps"},
		{"ifs", fn{body: bytes.Repeat(code(i32c(1), if_, empty, end), 40_000)}, "to be compiled; the limit is 30s"},
		{"a switch", fn{body: code(block, empty, i32c(1), brTable, leb(200_000), make([]byte, 200_001), end)}, "has 200002 jumps"},
		{"locals that live", fn{groups: locals, body: code(bytes.Repeat(code(get, 0, if_, empty, get, 1, set, 2, end), 500), uses)}, "and 4002 locals and operands"},
		{"indirect calls", fn{body: bytes.Repeat(code(i32c(0), callIndirect, 0, 0), 10_001)}, "more than 10000 indirect calls"},
	} {
		m := mod{types: [][]byte{sig(nil, nil)}, funcs: []fn{{}, c.f}}
		refusal(t, c.name, m.bytes(), nil, "code section, function 1, offset", c.want)
		_, info, err := meter.Instrument(m.bytes(), &meter.Options{Compile: 1000 * time.Hour})
		if c.name == "indirect calls" {
			continue
		}
		if err != nil || info.Compile < 30*time.Second {
			t.Errorf("%s: without the limit: %v, %+v", c.name, err, info)
		}
	}
	// Functions that are small enough add up.
	f := fn{body: bytes.Repeat(code(loop, empty, i32c(1), brIf, 0, end), 3000)}
	m := mod{types: [][]byte{sig(nil, nil)}, funcs: slices.Repeat([]fn{f}, 10)}
	refusal(t, "the sum", m.bytes(), nil, "code section, function 6, offset")
}

func TestOptions(t *testing.T) {
	for _, o := range []meter.Options{
		{Every: -1}, {Depth: -1}, {Frame: -1}, {Functions: -1}, {Body: -1}, {Nesting: -1}, {Items: -1}, {Elements: -1}, {Output: -1}, {Compile: -1}, {MemoryPages: 65537},
	} {
		_, _, err := meter.Instrument(mod{}.bytes(), &o)
		var refused *meter.Error
		if err == nil || errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "meter: Options.") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestInfo looks at what is told of a module.
func TestInfo(t *testing.T) {
	m := mod{
		types: [][]byte{sig(nil, nil), sig(types(i32, i64), types(f32)), sig(types(v128), types(f64, externref))},
		imports: [][]byte{
			code(text("a"), text("f"), 0, 1), code(text("b"), text("t"), 1, externref, 1, 1, 5), code(text("c"), text("g"), 3, f64, 1), code(text("c"), text("h"), 3, i32, 0),
		},
		importedFuncs: 1,
		funcs:         []fn{{typ: 0, export: "run"}, {typ: 2, export: "two", body: code(unreachable)}},
		tables:        [][]byte{code(funcref, 0, 2)},
		memory:        code(0, 3),
		globals:       [][]byte{code(i64, 1, i64c(1), end)},
		exports:       [][]byte{code(text("memory"), 2, 0), code(text("table"), 1, 1), code(text("g"), 3, 0), code(text("own"), 3, 2), code(text("again"), 0, 0)},
		start:         leb(1),
		customs:       map[string][]byte{"nacre:tests": []byte("[]")},
		names:         section(0, text("named")),
	}
	_, got, err := meter.Instrument(m.bytes(), &meter.Options{MemoryPages: 100, Elements: 50})
	if err != nil {
		t.Fatal(err)
	}
	want := &meter.Info{
		Imports: []meter.Entry{
			{"a", "f", "func", "(i32,i64)->f32"},
			{"b", "t", "table", "externref 1..5"},
			{"c", "g", "global", "mut f64"},
			{"c", "h", "global", "i32"},
		},
		Exports: []meter.Entry{
			{"", "memory", "memory", "3..100"},
			{"", "table", "table", "funcref 2..50"},
			{"", "g", "global", "mut f64"},
			{"", "own", "global", "mut i64"},
			{"", "again", "func", "(i32,i64)->f32"},
			{"", "run", "func", "()->()"},
			{"", "two", "func", "(v128)->(f64,externref)"},
		},
		Memories: 1, MemoryMin: 3, MemoryMax: 100,
		Functions: 2, Code: 5, Start: true, Compile: got.Compile,
		Custom: map[string][]byte{"nacre:tests": []byte("[]")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if e, ok := got.Export("run"); !ok || e.Kind != "func" {
		t.Errorf("the export run is %+v, %v", e, ok)
	}
	if e, ok := got.Export("f"); ok {
		t.Errorf("there is an export %+v", e)
	}

	m = mod{memory: code(0, 1)}
	if _, got, err = meter.Instrument(m.bytes(), nil); err != nil || got.MemoryMax != 65536 || got.Memories != 1 {
		t.Errorf("a memory without a bound: %+v, %v", got, err)
	}
	if _, got, err = meter.Instrument(mod{}.bytes(), nil); err != nil || got.MemoryMax != 0 || got.Memories != 0 {
		t.Errorf("no memory: %+v, %v", got, err)
	}
}

// TestSame wants the same result each time, whatever is done beside it.
func TestSame(t *testing.T) {
	for _, p := range programs {
		binary := p.module.bytes()
		given := bytes.Clone(binary)
		first := instrument(t, binary, nil)
		if !bytes.Equal(binary, given) {
			t.Errorf("%s: the module that was given has changed", p.name)
		}
		if !bytes.Equal(first, instrument(t, given, nil)) {
			t.Errorf("%s: the result is another one the second time", p.name)
		}
		refusal(t, p.name, first, nil, "nacre:meter is imported")
	}
}
