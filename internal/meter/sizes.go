package meter

// Tables, memories and globals.

func (t table) String() string { return valueName(t.element) + " " + t.limits.String() }

// readLimits reads a size. The kinds that are not known are of memories shared by threads, and of 64-bit ones.
func (c *cursor) readLimits(what string) limits {
	at := c.pos
	var l limits
	switch flags := c.byte(); {
	case flags == 0:
		l.min = c.u32()
	case flags == 1:
		l.min, l.max, l.bounded = c.u32(), c.u32(), true
		if c.err == nil && l.max < l.min {
			c.fail(at, "the %s starts with %d, which is above its maximum of %d", what, l.min, l.max)
		}
	case flags&^3 == 0:
		c.fail(at, "shared memories are not supported; build for one thread")
	case flags&^7 == 0:
		c.fail(at, "64-bit memories and tables are not supported; build for wasm32")
	default:
		c.fail(at, "there is no kind %d of sizes", flags)
	}
	return l
}

func (m *module) readTable(c *cursor) table {
	t := table{element: c.refType()}
	at := c.pos
	t.limits = c.readLimits("table")
	if c.err == nil && int64(t.limits.min) > int64(m.options.Elements) {
		c.fail(at, "the table starts with %d entries; the limit is %d", t.limits.min, m.options.Elements)
	}
	return t
}

// readTables reads what the module defines, and gives each table its part of what all of them may have.
func (m *module) readTables(c *cursor) {
	n := c.count(m.options.Items, "tables")
	left := m.options.Elements
	for range n {
		at := c.pos
		t := m.readTable(c)
		if left -= int(t.limits.min); left < 0 {
			c.fail(at, "the tables start with more than %d entries together", m.options.Elements)
		}
		if c.err != nil {
			return
		}
		m.tables = append(m.tables, t)
	}
	defined := m.tables[m.importedTables:]
	for i := range defined {
		l := &defined[i].limits
		if most := l.min + uint32(left/n); !l.bounded || l.max > most {
			l.max, l.bounded = most, true
		}
	}
}

func (m *module) readMemory(c *cursor) limits {
	at := c.pos
	l := c.readLimits("memory")
	if c.err == nil && (l.min > maxPages || l.max > maxPages) {
		c.fail(at, "the memory is larger than %d pages", maxPages)
	}
	limit := m.options.MemoryPages
	if limit > 0 {
		if c.err == nil && l.min > limit {
			c.fail(at, "the memory starts with %d pages of 64 KiB; the limit is %d", l.min, limit)
		}
		if !l.bounded || l.max > limit {
			l.max, l.bounded = limit, true
		}
	}
	return l
}

func (m *module) readMemories(c *cursor) {
	n := c.count(m.options.Items, "memories")
	for range n {
		m.memories = append(m.memories, m.readMemory(c))
		if c.err != nil {
			return
		}
	}
	m.checkMemories(c)
}

func (m *module) checkMemories(c *cursor) {
	if len(m.memories) > 1 {
		c.fail(c.pos, "there are %d memories; several are not supported", len(m.memories))
	}
	if c.err != nil || len(m.memories) == 0 {
		return
	}
	l := m.memories[0]
	m.info.Memories, m.info.MemoryMin, m.info.MemoryMax = 1, l.min, maxPages
	if l.bounded {
		m.info.MemoryMax = l.max
	}
}

func appendLimits(b []byte, l limits) []byte {
	if !l.bounded {
		return appendU32(append(b, 0), l.min)
	}
	return appendU32(appendU32(append(b, 1), l.min), l.max)
}

func (m *module) readGlobalType(c *cursor) string {
	name := valueName(c.valueType())
	at := c.pos
	switch mutable := c.byte(); mutable {
	case 0:
		return name
	case 1:
		return "mut " + name
	default:
		c.fail(at, "a global is constant (0) or mutable (1), and not %d", mutable)
		return ""
	}
}

// readGlobals reads what the module defines; m.globalsOut has it without the count.
func (m *module) readGlobals(c *cursor) {
	n := c.count(m.options.Items, "globals")
	before := len(m.globals)
	for i := range n {
		from := c.pos
		t := m.readGlobalType(c)
		m.globalsOut = append(m.globalsOut, c.buf[from:c.pos]...)
		// What a global begins with may come from those before it.
		m.globalsOut = m.constant(c, m.globalsOut, before+i)
		if c.err != nil {
			return
		}
		m.globals = append(m.globals, t)
	}
}

// constant reads a constant expression, and appends it with the functions that it names moved. It may read the first
// globals, as many as are given.
func (m *module) constant(c *cursor, out []byte, globals int) []byte {
	var i instruction
	from := c.pos
	for c.err == nil {
		c.next(&i)
		if c.err != nil {
			break
		}
		switch i.op {
		case opI32Const, opI64Const, opF32Const, opF64Const, opRefNull:
		case opVector:
			if i.sub != opV128Const {
				c.fail(i.at, "the instruction 0x%02x %d is not constant", i.op, i.sub)
			}
		case opGlobalGet:
			if int64(i.index) >= int64(globals) {
				c.fail(i.at, "there is no global %d before this", i.index)
			}
		case opRefFunc:
			if int64(i.index) >= int64(len(m.funcs)) {
				c.fail(i.at, "there is no function %d; there are %d", i.index, len(m.funcs))
				break
			}
			out = append(out, c.buf[from:i.indexAt]...)
			out = appendU32(out, m.moved(i.index))
			from = c.pos
		case opEnd:
			return append(out, c.buf[from:c.pos]...)
		default:
			c.fail(i.at, "the instruction 0x%02x is not constant", i.op)
		}
	}
	return out
}
