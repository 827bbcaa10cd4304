package meter

// instruction is one of a function's body.
type instruction struct {
	at  int // where it begins
	op  byte
	sub uint32 // behind a prefix

	// index is the label, function, type, local or global; at indexAt it is written.
	index   uint32
	indexAt int
	// labels are those of a br_table, the default one last. They are valid until the next instruction.
	labels []uint32

	pops, puts uint8 // what a plain instruction takes and leaves
	cost       uint8
}

// next reads an instruction. What does not depend on the rest of the module is checked.
func (c *cursor) next(i *instruction) {
	i.at = c.pos
	i.op = c.byte()
	i.sub = 0
	known := &opcodes[i.op]
	i.pops, i.puts, i.cost = known.pops, known.puts, known.cost
	i.indexAt = c.pos
	switch known.shape {
	case shapePlain:
	case shapeLabel, shapeCall, shapeLocal, shapeGlobal, shapeRefFunc, shapeIndex:
		i.index = c.u32()
	case shapeBlock:
		c.blockType(i)
	case shapeLabels:
		c.labels(i)
	case shapeCallIndirect:
		i.index = c.u32()
		c.u32()
	case shapeMemory:
		c.memory()
	case shapeAccess:
		c.access()
	case shapeI32:
		c.signed(32)
	case shapeI64:
		c.signed(64)
	case shapeF32:
		c.take(4)
	case shapeF64:
		c.take(8)
	case shapeTypes:
		if at := c.pos; c.u32() != 1 {
			c.fail(at, "select names other than one type")
		}
		c.valueType()
	case shapeRefType:
		c.refType()
	case shapePrefix:
		if i.op == opBulk {
			c.bulk(i)
		} else {
			c.vector(i)
		}
	default:
		if reason := later(i.op); reason != "" {
			c.fail(i.at, "%s", reason)
			return
		}
		c.fail(i.at, "there is no instruction 0x%02x", i.op)
	}
}

// noType is the index of a block's type where it has none.
const noType = 1<<32 - 1

// blockType reads the type of a block: its index, or noType; puts is its one result then.
func (c *cursor) blockType(i *instruction) {
	if c.pos < c.end {
		switch b := c.buf[c.pos]; b {
		case typeEmpty:
			c.pos++
			i.index, i.puts = noType, 0
			return
		case typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
			c.pos++
			i.index, i.puts = noType, 1
			return
		}
	}
	at := c.pos
	v := c.signed(33)
	if v < 0 {
		c.fail(at, "there is no such type of a block; garbage collection and typed references are not supported")
		return
	}
	i.index = uint32(v)
}

func (c *cursor) labels(i *instruction) {
	n := c.count(1<<31-1, "labels")
	i.labels = i.labels[:0]
	for range n + 1 {
		if c.err != nil {
			return
		}
		i.labels = append(i.labels, c.u32())
	}
}

// memory reads the index of a memory.
func (c *cursor) memory() {
	if at := c.pos; c.byte() != 0 {
		c.fail(at, "several memories are not supported")
	}
}

// access reads the alignment and offset of a load or store.
func (c *cursor) access() {
	at := c.pos
	align := c.u32()
	if align&0x40 != 0 {
		c.fail(at, "several memories are not supported")
		return
	}
	if align > 4 {
		c.fail(at, "the alignment 2**%d is larger than any natural one", align)
		return
	}
	c.u32()
}

func (c *cursor) valueType() byte {
	at := c.pos
	switch b := c.byte(); b {
	case typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
		return b
	default:
		c.fail(at, "there is no value type 0x%02x; garbage collection and typed references are not supported", b)
		return 0
	}
}

func (c *cursor) refType() byte {
	at := c.pos
	switch b := c.byte(); b {
	case typeFuncref, typeExternref:
		return b
	default:
		c.fail(at, "there is no reference type 0x%02x; garbage collection and typed references are not supported", b)
		return 0
	}
}

func (c *cursor) bulk(i *instruction) {
	i.sub = c.u32()
	i.cost = costBulk
	switch i.sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // conversions that saturate
		i.pops, i.puts, i.cost = 1, 1, 1
	case opMemoryInit:
		c.u32()
		c.memory()
		i.pops = 3
	case opDataDrop, opElemDrop:
		c.u32()
	case opMemoryCopy:
		c.memory()
		c.memory()
		i.pops = 3
	case opMemoryFill:
		c.memory()
		i.pops = 3
	case opTableInit, opTableCopy:
		c.u32()
		c.u32()
		i.pops = 3
	case opTableGrow:
		c.u32()
		i.pops, i.puts = 2, 1
	case opTableSize:
		c.u32()
		i.puts = 1
	case opTableFill:
		c.u32()
		i.pops = 3
	default:
		c.fail(i.at, "there is no instruction 0xfc %d", i.sub)
	}
}

func (c *cursor) vector(i *instruction) {
	i.sub = c.u32()
	var ok bool
	if i.pops, i.puts, ok = vectorOperands(i.sub); !ok {
		if i.sub >= 0x100 {
			c.fail(i.at, "relaxed vector instructions are not supported; build without them")
			return
		}
		c.fail(i.at, "there is no instruction 0xfd %d", i.sub)
		return
	}
	i.cost = 2
	switch {
	case i.sub <= 11, i.sub == 92, i.sub == 93:
		c.access()
	case i.sub == opV128Const, i.sub == 13:
		c.take(16)
	case i.sub >= 21 && i.sub <= 34:
		c.byte()
	case i.sub >= 84 && i.sub <= 91:
		c.access()
		c.byte()
	}
}
