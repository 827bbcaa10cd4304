package meter

// The instructions that something is done about. The others are only known by their shape.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64LtS       = 0x53
	opI64GeS       = 0x59
	opI64Sub       = 0x7d
	opI64Add       = 0x7c
	opI64Or        = 0x84
	opI64Shl       = 0x86
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opBulk         = 0xfc
	opVector       = 0xfd

	// Behind opBulk.
	opMemoryInit = 8
	opDataDrop   = 9
	opMemoryCopy = 10
	opMemoryFill = 11
	opTableInit  = 12
	opElemDrop   = 13
	opTableCopy  = 14
	opTableGrow  = 15
	opTableSize  = 16
	opTableFill  = 17

	// Behind opVector.
	opV128Const = 12
)

// Value types.
const (
	typeI32       = 0x7f
	typeI64       = 0x7e
	typeF32       = 0x7d
	typeF64       = 0x7c
	typeV128      = 0x7b
	typeFuncref   = 0x70
	typeExternref = 0x6f
	typeFunction  = 0x60 // opens a function's type
	typeEmpty     = 0x40 // a block without parameters and results
)

// shape says what stands behind an instruction.
type shape uint8

const (
	shapeUnknown shape = iota
	shapePlain
	shapeBlock
	shapeLabel
	shapeLabels
	shapeCall
	shapeCallIndirect
	shapeLocal
	shapeGlobal
	shapeIndex // a table, or a segment: nothing that instrumenting moves
	shapeMemory
	shapeAccess // alignment and offset
	shapeI32
	shapeI64
	shapeF32
	shapeF64
	shapeTypes
	shapeRefType
	shapeRefFunc
	shapePrefix
)

// opcode is what is known of an instruction: what stands behind it, and how many operands it takes and leaves.
// Those of control, calls and prefixes are not in the table, because they depend on more.
type opcode struct {
	shape      shape
	pops, puts uint8
	cost       uint8
}

// What an instruction costs, in units, where it is not 1.
const (
	costDivide       = 12
	costRoot         = 10
	costCall         = 4
	costCallIndirect = 24 // it may end in a function that charges nothing itself
	costCallImported = 100
	costBulk         = 20
	costGrow         = 1000
)

var opcodes = tableOfOpcodes()

func tableOfOpcodes() *[256]opcode {
	var t [256]opcode
	set := func(first, last int, s shape, pops, puts uint8) {
		for i := first; i <= last; i++ {
			t[i] = opcode{s, pops, puts, 1}
		}
	}
	set(0x00, 0x01, shapePlain, 0, 0) // unreachable, nop
	set(0x02, 0x04, shapeBlock, 0, 0) // block, loop, if
	set(0x05, 0x05, shapePlain, 0, 0) // else
	set(0x0b, 0x0b, shapePlain, 0, 0) // end
	set(0x0c, 0x0d, shapeLabel, 0, 0)
	set(0x0e, 0x0e, shapeLabels, 0, 0)
	set(0x0f, 0x0f, shapePlain, 0, 0)
	set(0x10, 0x10, shapeCall, 0, 0)
	set(0x11, 0x11, shapeCallIndirect, 0, 0)
	set(0x1a, 0x1a, shapePlain, 1, 0)
	set(0x1b, 0x1b, shapePlain, 3, 1)
	set(0x1c, 0x1c, shapeTypes, 3, 1)
	set(0x20, 0x20, shapeLocal, 0, 1)
	set(0x21, 0x21, shapeLocal, 1, 0)
	set(0x22, 0x22, shapeLocal, 1, 1)
	set(0x23, 0x23, shapeGlobal, 0, 1)
	set(0x24, 0x24, shapeGlobal, 1, 0)
	set(0x25, 0x25, shapeIndex, 1, 1)
	set(0x26, 0x26, shapeIndex, 2, 0)
	set(0x28, 0x35, shapeAccess, 1, 1) // loads
	set(0x36, 0x3e, shapeAccess, 2, 0) // stores
	set(0x3f, 0x3f, shapeMemory, 0, 1)
	set(0x40, 0x40, shapeMemory, 1, 1)
	set(0x41, 0x41, shapeI32, 0, 1)
	set(0x42, 0x42, shapeI64, 0, 1)
	set(0x43, 0x43, shapeF32, 0, 1)
	set(0x44, 0x44, shapeF64, 0, 1)
	set(0x45, 0x45, shapePlain, 1, 1) // i32.eqz
	set(0x46, 0x4f, shapePlain, 2, 1)
	set(0x50, 0x50, shapePlain, 1, 1) // i64.eqz
	set(0x51, 0x66, shapePlain, 2, 1)
	set(0x67, 0x69, shapePlain, 1, 1) // i32.clz, ctz, popcnt
	set(0x6a, 0x78, shapePlain, 2, 1)
	set(0x79, 0x7b, shapePlain, 1, 1) // i64.clz, ctz, popcnt
	set(0x7c, 0x8a, shapePlain, 2, 1)
	set(0x8b, 0x91, shapePlain, 1, 1) // f32.abs to sqrt
	set(0x92, 0x98, shapePlain, 2, 1)
	set(0x99, 0x9f, shapePlain, 1, 1) // f64.abs to sqrt
	set(0xa0, 0xa6, shapePlain, 2, 1)
	set(0xa7, 0xc4, shapePlain, 1, 1) // conversions, sign extension
	set(0xd0, 0xd0, shapeRefType, 0, 1)
	set(0xd1, 0xd1, shapePlain, 1, 1)
	set(0xd2, 0xd2, shapeRefFunc, 0, 1)
	set(0xfc, 0xfd, shapePrefix, 0, 0)
	for _, op := range []int{0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82} {
		t[op].cost = costDivide
	}
	for _, op := range []int{0x91, 0x95, 0x9f, 0xa3} { // the root and the quotient of f32 and f64
		t[op].cost = costRoot
	}
	t[opMemoryGrow].cost = 1 // what it really costs is charged where it stands
	return &t
}

// later says what an instruction belongs to that is not a part of WebAssembly 2.0.
func later(op byte) string {
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return "exceptions are not supported; build without them"
	case 0x12, 0x13:
		return "tail calls are not supported; build without them"
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6:
		return "typed function references are not supported; build without them"
	case 0xfb:
		return "garbage collection is not supported; build without it"
	case 0xfe:
		return "threads and atomic operations are not supported; build for one thread"
	}
	return ""
}

// vectorOperands gives what an instruction behind opVector takes and leaves; false where there is none.
func vectorOperands(sub uint32) (pops, puts uint8, ok bool) {
	if sub > 0xff {
		return 0, 0, false
	}
	v := vectors[sub]
	return v >> 4, v & 0xf, v != 0
}

var vectors = tableOfVectors()

func tableOfVectors() *[256]uint8 {
	const (
		constant = 0x01
		unary    = 0x11
		binary   = 0x21
		ternary  = 0x31
		store    = 0x20
		none     = 0x00
	)
	var t [256]uint8
	// Each row goes from the end of the one before up to and with last.
	next := 0
	for _, row := range []struct {
		last int
		kind uint8
	}{
		{10, unary},                                                                     // loads
		{11, store},                                                                     //
		{12, constant},                                                                  //
		{14, binary},                                                                    // shuffle, swizzle
		{22, unary},                                                                     // splats, extract_lane of i8x16
		{23, binary},                                                                    // replace_lane
		{25, unary}, {26, binary}, {27, unary}, {28, binary}, {29, unary}, {30, binary}, //
		{31, unary}, {32, binary}, {33, unary}, {34, binary}, //
		{76, binary},                                          // comparisons
		{77, unary}, {81, binary}, {82, ternary}, {83, unary}, // bits
		{87, binary}, {91, store}, // one lane, from and to the memory
		{100, unary}, {102, binary}, {106, unary}, {115, binary}, {117, unary}, {121, binary}, // i8x16 and roundings
		{122, unary}, {123, binary}, {129, unary}, {130, binary}, {132, unary}, {134, binary}, // i16x8
		{138, unary}, {147, binary}, {148, unary}, {153, binary}, {154, none}, {159, binary}, //
		{161, unary}, {162, none}, {164, unary}, {166, none}, {170, unary}, {174, binary}, // i32x4
		{176, none}, {177, binary}, {180, none}, {186, binary}, {187, none}, {191, binary}, //
		{193, unary}, {194, none}, {196, unary}, {198, none}, {202, unary}, {206, binary}, // i64x2
		{208, none}, {209, binary}, {212, none}, {223, binary}, {225, unary}, {226, none}, //
		{227, unary}, {235, binary}, {237, unary}, {238, none}, {239, unary}, {247, binary}, // f32x4, f64x2
		{255, unary}, // conversions
	} {
		for ; next <= row.last; next++ {
			t[next] = row.kind
		}
	}
	return &t
}
