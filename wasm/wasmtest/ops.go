package wasmtest

// immediate is what stands behind an instruction's code.
type immediate int

const (
	none immediate = iota
	label
	function
	local
	global
	memory  // an alignment and an offset
	memByte // a zero byte
	memTwo  // two of them
	constI32
	constI64
	constF32
	constF64
)

type op struct {
	code []byte
	imm  immediate
	size int // of a memory access, as a power of two
}

// ops are the instructions but for those with bodies and tables, which have code of their own.
var ops = allOps()

func allOps() map[string]op {
	out := map[string]op{
		"unreachable": {code: []byte{0x00}}, "nop": {code: []byte{0x01}}, "return": {code: []byte{0x0f}},
		"drop": {code: []byte{0x1a}}, "select": {code: []byte{0x1b}},
		"br": {code: []byte{0x0c}, imm: label}, "br_if": {code: []byte{0x0d}, imm: label},
		"call": {code: []byte{0x10}, imm: function}, "return_call": {code: []byte{0x12}, imm: function},
		"ref.func":  {code: []byte{0xd2}, imm: function},
		"local.get": {code: []byte{0x20}, imm: local}, "local.set": {code: []byte{0x21}, imm: local}, "local.tee": {code: []byte{0x22}, imm: local},
		"global.get": {code: []byte{0x23}, imm: global}, "global.set": {code: []byte{0x24}, imm: global},
		"memory.size": {code: []byte{0x3f}, imm: memByte}, "memory.grow": {code: []byte{0x40}, imm: memByte},
		"memory.copy": {code: []byte{0xfc, 10}, imm: memTwo}, "memory.fill": {code: []byte{0xfc, 11}, imm: memByte},
		"i32.const": {code: []byte{0x41}, imm: constI32}, "i64.const": {code: []byte{0x42}, imm: constI64},
		"f32.const": {code: []byte{0x43}, imm: constF32}, "f64.const": {code: []byte{0x44}, imm: constF64},
	}
	for _, run := range []struct {
		first byte
		names []string
	}{
		{0x45, []string{
			"i32.eqz", "i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u", "i32.le_s", "i32.le_u", "i32.ge_s", "i32.ge_u",
			"i64.eqz", "i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u", "i64.le_s", "i64.le_u", "i64.ge_s", "i64.ge_u",
			"f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge", "f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge",
			"i32.clz", "i32.ctz", "i32.popcnt", "i32.add", "i32.sub", "i32.mul", "i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u",
			"i32.and", "i32.or", "i32.xor", "i32.shl", "i32.shr_s", "i32.shr_u", "i32.rotl", "i32.rotr",
			"i64.clz", "i64.ctz", "i64.popcnt", "i64.add", "i64.sub", "i64.mul", "i64.div_s", "i64.div_u", "i64.rem_s", "i64.rem_u",
			"i64.and", "i64.or", "i64.xor", "i64.shl", "i64.shr_s", "i64.shr_u", "i64.rotl", "i64.rotr",
		}},
		{0xa7, []string{"i32.wrap_i64"}},
		{0xac, []string{"i64.extend_i32_s", "i64.extend_i32_u"}},
		{0xa0, []string{"f64.add", "f64.sub", "f64.mul", "f64.div"}},
		{0xb7, []string{"f64.convert_i32_s", "f64.convert_i32_u", "f64.convert_i64_s", "f64.convert_i64_u"}},
		{0xc0, []string{"i32.extend8_s", "i32.extend16_s", "i64.extend8_s", "i64.extend16_s", "i64.extend32_s"}},
	} {
		for i, name := range run.names {
			out[name] = op{code: []byte{run.first + byte(i)}}
		}
	}
	for i, access := range []struct {
		name string
		size int
	}{
		{"i32.load", 2},
		{"i64.load", 3},
		{"f32.load", 2},
		{"f64.load", 3},
		{"i32.load8_s", 0},
		{"i32.load8_u", 0},
		{"i32.load16_s", 1},
		{"i32.load16_u", 1},
		{"i64.load8_s", 0},
		{"i64.load8_u", 0},
		{"i64.load16_s", 1},
		{"i64.load16_u", 1},
		{"i64.load32_s", 2},
		{"i64.load32_u", 2},
		{"i32.store", 2},
		{"i64.store", 3},
		{"f32.store", 2},
		{"f64.store", 3},
		{"i32.store8", 0},
		{"i32.store16", 1},
		{"i64.store8", 0},
		{"i64.store16", 1},
		{"i64.store32", 2},
	} {
		out[access.name] = op{code: []byte{0x28 + byte(i)}, imm: memory, size: access.size}
	}
	return out
}
