package meter_test

import "slices"

// A small assembler: modules are put together from Go values, so that tests need no tools.

const (
	i32, i64, f32, f64, v128 = 0x7f, 0x7e, 0x7d, 0x7c, 0x7b
	funcref, externref       = 0x70, 0x6f
	empty                    = 0x40
)

const (
	unreachable, nop                = 0x00, 0x01
	block, loop, if_, else_, end    = 0x02, 0x03, 0x04, 0x05, 0x0b
	br, brIf, brTable, return_      = 0x0c, 0x0d, 0x0e, 0x0f
	call, callIndirect              = 0x10, 0x11
	drop, select_                   = 0x1a, 0x1b
	get, set, tee                   = 0x20, 0x21, 0x22
	globalGet, globalSet            = 0x23, 0x24
	memorySize, memoryGrow          = 0x3f, 0x40
	refNull, refIsNull, refFunc     = 0xd0, 0xd1, 0xd2
	i32Eqz, i32Add, i32Sub, i32Mul  = 0x45, 0x6a, 0x6b, 0x6c
	i32And, i32Xor, i32ShrU, i32LtU = 0x71, 0x73, 0x76, 0x49
	i64Add, i64Mul, i64Xor          = 0x7c, 0x7e, 0x85
	i32WrapI64, i64ExtendI32U       = 0xa7, 0xad
)

// code puts instructions together: bytes, numbers below 256, and pieces of code.
func code(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case []byte:
			b = append(b, p...)
		default:
			panic("code takes numbers and pieces of code")
		}
	}
	return b
}

func leb(v uint32) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func sleb(v int64) []byte {
	var b []byte
	for {
		low := byte(v) & 0x7f
		v >>= 7
		if (v == 0 && low&0x40 == 0) || (v == -1 && low&0x40 != 0) {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

func i32c(v int32) []byte { return append([]byte{0x41}, sleb(int64(v))...) }
func i64c(v int64) []byte { return append([]byte{0x42}, sleb(v)...) }

func text(s string) []byte { return append(leb(uint32(len(s))), s...) }

// vec is a count and the items.
func vec(items ...[]byte) []byte {
	return append(leb(uint32(len(items))), slices.Concat(items...)...)
}

// sig is a type of functions.
func sig(params, results []byte) []byte {
	return code(0x60, leb(uint32(len(params))), params, leb(uint32(len(results))), results)
}

func types(t ...byte) []byte { return t }

// fn is a function of a module.
type fn struct {
	typ    int
	locals []byte // types, each declared for itself
	groups []byte // the declarations as they are, in the place of locals
	body   []byte // without the last end
	export string
}

func (f fn) bytes() []byte {
	groups := f.groups
	if groups == nil {
		items := make([][]byte, len(f.locals))
		for i, t := range f.locals {
			items[i] = []byte{1, t}
		}
		groups = vec(items...)
	}
	b := code(groups, f.body, end)
	return append(leb(uint32(len(b))), b...)
}

// mod is a module. The sections that are nil are left out.
type mod struct {
	types   [][]byte
	imports [][]byte
	funcs   []fn
	tables  [][]byte
	memory  []byte // limits
	globals [][]byte
	exports [][]byte // beside those of functions
	start   []byte
	elems   [][]byte
	data    [][]byte
	count   bool // of data segments
	customs map[string][]byte
	names   []byte

	importedFuncs int
}

func section(id byte, content []byte) []byte {
	return code(id, leb(uint32(len(content))), content)
}

func (m mod) bytes() []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, items [][]byte) {
		if len(items) > 0 {
			b = append(b, section(id, vec(items...))...)
		}
	}
	for name, content := range m.customs {
		b = append(b, section(0, append(text(name), content...))...)
	}
	add(1, m.types)
	add(2, m.imports)
	var declared, bodies [][]byte
	exports := slices.Clone(m.exports)
	for i, f := range m.funcs {
		declared = append(declared, leb(uint32(f.typ)))
		bodies = append(bodies, f.bytes())
		if f.export != "" {
			exports = append(exports, code(text(f.export), 0, leb(uint32(m.importedFuncs+i))))
		}
	}
	add(3, declared)
	add(4, m.tables)
	if m.memory != nil {
		add(5, [][]byte{m.memory})
	}
	add(6, m.globals)
	add(7, exports)
	if m.start != nil {
		b = append(b, section(8, m.start)...)
	}
	add(9, m.elems)
	if m.count {
		b = append(b, section(12, leb(uint32(len(m.data))))...)
	}
	add(10, bodies)
	add(11, m.data)
	if m.names != nil {
		b = append(b, section(0, append(text("name"), m.names...))...)
	}
	return b
}
