package meter

// Segments that fill tables and memories.

// What the flags of an element segment say.
const (
	elementsAside    = 1 // passive, or only declared; otherwise it is copied to a table at the start
	elementsExplicit = 2 // with the table's index; of one that stands aside: only declared
	elementsExpr     = 4 // expressions, and not indexes of functions
)

// readElements writes the section anew, with the functions that it names moved.
func (m *module) readElements(c *cursor) {
	n := c.count(m.options.Items, "element segments")
	out := appendU32(nil, uint32(n))
	left := m.options.Elements
	for range n {
		at := c.pos
		flags := c.u32()
		if flags > 7 {
			c.fail(at, "there is no kind %d of element segments", flags)
			return
		}
		if flags&elementsAside == 0 {
			if flags&elementsExplicit != 0 {
				c.u32()
			}
			out = append(out, c.buf[at:c.pos]...)
			out = m.constant(c, out, len(m.globals))
		} else {
			out = append(out, c.buf[at:c.pos]...)
		}
		at = c.pos
		if flags&(elementsAside|elementsExplicit) != 0 {
			if flags&elementsExpr != 0 {
				c.refType()
			} else if c.byte() != 0 {
				c.fail(at, "the elements are no functions")
			}
		}
		entries := c.count(1<<31-1, "elements")
		if left -= entries; left < 0 {
			c.fail(at, "the element segments have more than %d entries together", m.options.Elements)
		}
		if c.err != nil {
			return
		}
		out = append(out, c.buf[at:c.pos]...)
		for range entries {
			if flags&elementsExpr != 0 {
				out = m.constant(c, out, len(m.globals))
			} else {
				out = appendU32(out, m.moved(m.function(c)))
			}
			if c.err != nil {
				return
			}
		}
	}
	m.elementsOut = out
}

// readData checks the segments; nothing in them is moved.
func (m *module) readData(c *cursor) {
	m.dataRaw = part{c.pos, c.end}
	n := c.count(m.options.Items, "data segments")
	var offset []byte
	for range n {
		at := c.pos
		switch flags := c.u32(); flags {
		case 0:
			offset = m.constant(c, offset[:0], len(m.globals))
		case 1:
		case 2:
			if c.u32() != 0 {
				c.fail(at, "several memories are not supported")
			}
			offset = m.constant(c, offset[:0], len(m.globals))
		default:
			c.fail(at, "there is no kind %d of data segments", flags)
		}
		c.take(int(c.u32()))
		if c.err != nil {
			return
		}
	}
}
