package meter

import "math"

const (
	// stretch is how much code may be paid for at one place, in units, before another place is looked for. What is
	// jumped over in it is paid for as well.
	stretch = 60
	// mostCost is the largest cost that fits where costs are written.
	mostCost = 1<<27 - 1
)

// level is the function itself, or a loop that is branched back to. Its instructions, apart from those in such loops
// inside it, are divided into regions: stretches of the text, each of which is paid for at its beginning.
type level struct {
	region int   // the number of the one that is being written
	cost   int64 // of that one, so far
	place  int   // in code, where its cost is written; atEntry for the function's first
}

const atEntry = -1

// label is a block that is open while a body is written.
type label struct {
	op       byte
	repeated bool // a loop that is branched back to, so that it has a level of its own
	level    int  // what its end belongs to
	// earliest is the first region of that level from which the end is jumped to. Who comes from there has paid for
	// that region, and may not have paid for those behind it.
	earliest int
	// opened is the region in which an if stands; from there its else, or its end, is jumped to.
	opened int
}

// emitter writes bodies.
type emitter struct {
	m   *module
	out []byte

	fuel, depth uint32            // indexes of the globals
	refuel      uint32            // index of the function that calls the host
	wraps       map[uint32]uint32 // by type: the type of a block that has the results of such functions

	f      *function
	i      instruction
	code   []byte // the instructions, as they will be
	from   int    // how much of the body was copied there
	levels []level
	labels []label
	entry  int64 // the cost of the function's first region

	// Where a function comes to a loop for certain, and does little apart from its loops, that one loop pays for all of it.
	straight  bool // nothing was jumped over so far
	firstLoop int  // in code, where the cost of that loop is written
	firstCost int64
	reached   bool // there is such a loop
}

// body writes a function with the given index, its size first.
func (e *emitter) body(f *function, index uint32) {
	e.f = f
	e.code, e.from = e.code[:0], f.code.from
	e.levels = append(e.levels[:0], level{place: atEntry, cost: int64(f.declared) / 8})
	e.labels = append(e.labels[:0], label{op: opBlock, earliest: math.MaxInt})
	e.straight, e.reached = true, false
	c := &cursor{buf: e.m.in, pos: f.code.from, end: f.code.to, section: sectionNames[sectionCode], function: int(index)}
	for loop := f.loops; len(e.labels) > 0; {
		c.next(&e.i)
		repeated := false
		if e.i.op == opLoop {
			repeated = e.m.loops.has(loop)
			loop++
		}
		e.instruction(c, repeated)
	}
	if !f.shallow {
		e.code = append(e.code, opEnd)
		e.code = e.appendDepth(e.code, opI64Add)
	}
	e.code = append(e.code, opEnd)

	t := e.m.funcs[index]
	locals := e.appendLocals(nil)
	prologue := e.appendPrologue(nil, t)
	e.out = appendU32(e.out, uint32(len(locals)+len(prologue)+len(e.code)))
	e.out = append(append(append(e.out, locals...), prologue...), e.code...)
}

func (e *emitter) appendLocals(b []byte) []byte {
	c := cursor{buf: e.m.in, pos: e.f.locals.from, end: e.f.locals.to}
	groups := c.u32()
	if !e.f.bulk {
		return append(b, e.m.in[e.f.locals.from:e.f.locals.to]...)
	}
	b = append(appendU32(b, groups+1), e.m.in[c.pos:c.end]...)
	return append(b, 1, typeI32) // holds lengths
}

// appendPrologue lowers the depth, and pays for the first region.
func (e *emitter) appendPrologue(b []byte, t uint32) []byte {
	pays := !e.f.cheap
	if pays && e.reached && e.entry <= stretch {
		copy(e.code[e.firstLoop:], appendCost(nil, e.firstCost+e.entry))
		pays = false
	}
	if !e.f.shallow {
		b = e.appendDepth(b, opI64Sub)
	}
	if pays {
		b = e.appendGlobal(b, opGlobalGet, e.fuel)
		b = append(append(b, opI64Const), appendCost(nil, e.entry)...)
		b = append(b, opI64Sub)
		b = e.appendGlobal(b, opGlobalSet, e.fuel)
	}
	switch {
	case pays && !e.f.shallow: // one jump for both
		b = e.appendGlobal(b, opGlobalGet, e.fuel)
		b = e.appendGlobal(b, opGlobalGet, e.depth)
		b = e.appendCheck(append(b, opI64Or))
	case pays:
		b = e.appendCheck(e.appendGlobal(b, opGlobalGet, e.fuel))
	case !e.f.shallow:
		b = e.appendCheck(e.appendGlobal(b, opGlobalGet, e.depth))
	}
	if !e.f.shallow {
		// What returns jumps to the end of this block, behind which the depth is raised again.
		b = append(b, opBlock)
		switch results := e.m.types[t].results; len(results) {
		case 0:
			b = append(b, typeEmpty)
		case 1:
			b = append(b, results[0])
		default:
			b = appendS64(b, int64(e.wraps[t]))
		}
	}
	return b
}

func (e *emitter) appendGlobal(b []byte, op byte, global uint32) []byte {
	return appendU32(append(b, op), global)
}

// appendDepth takes the function's frame off what is left of the depth, or gives it back.
func (e *emitter) appendDepth(b []byte, op byte) []byte {
	b = e.appendGlobal(b, opGlobalGet, e.depth)
	b = appendS64(append(b, opI64Const), e.f.frame)
	return e.appendGlobal(append(b, op), opGlobalSet, e.depth)
}

// appendCheck calls the host where the number on top of the stack is negative. The call is the else of an empty if:
// compilers that go through the text once keep values in registers for the branch that they come to first.
func (e *emitter) appendCheck(b []byte) []byte {
	b = append(b, opI64Const, 0, opI64GeS, opIf, typeEmpty, opElse, opCall)
	return append(appendU32(b, e.refuel), opEnd)
}

// appendCost writes a cost in four bytes, so that it may be written before it is known.
func appendCost(b []byte, cost int64) []byte {
	v := uint32(min(cost, mostCost))
	return append(b, byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)|0x80, byte(v>>21))
}

// copyTo copies the instructions up to a place in the binary.
func (e *emitter) copyTo(to int) {
	e.code = append(e.code, e.m.in[e.from:to]...)
	e.from = to
}

// instruction writes the one that was read.
func (e *emitter) instruction(c *cursor, repeated bool) {
	i := &e.i
	e.levels[len(e.levels)-1].cost += e.m.price(i)
	switch i.op {
	case opBlock, opLoop, opIf:
		e.open(c, repeated)
	case opElse:
		e.otherwise(c)
	case opEnd:
		e.close(c)
	case opBr, opBrIf:
		e.branch(i.index)
	case opBrTable:
		for _, l := range i.labels {
			e.branch(l)
		}
	case opUnreachable:
		e.straight = false
	case opReturn:
		e.straight = false
		if !e.f.shallow {
			e.copyTo(i.at)
			e.code = appendU32(append(e.code, opBr), uint32(len(e.labels)-1))
			e.from = c.pos
		}
	case opCall, opRefFunc:
		e.copyTo(i.indexAt)
		e.code = appendU32(e.code, e.m.moved(i.index))
		e.from = c.pos
	default:
		if charge, ok := i.charged(); ok {
			e.chargeLength(charge)
		}
	}
}

func (e *emitter) open(c *cursor, repeated bool) {
	top := &e.levels[len(e.levels)-1]
	e.labels = append(e.labels, label{
		op: e.i.op, repeated: repeated, level: len(e.levels) - 1, earliest: math.MaxInt, opened: top.region,
	})
	switch {
	case repeated:
		e.copyTo(c.pos)
		e.levels = append(e.levels, level{place: e.charge()})
		e.code = e.appendCheck(e.appendGlobal(e.code, opGlobalGet, e.fuel))
		if e.straight && !e.reached {
			e.reached = true
			e.firstLoop = e.levels[len(e.levels)-1].place
		}
	case e.i.op == opIf:
		e.straight = false
		if top.cost > stretch {
			e.copyTo(c.pos)
			e.region()
		}
	}
}

func (e *emitter) otherwise(c *cursor) {
	top := &e.levels[len(e.levels)-1]
	l := &e.labels[len(e.labels)-1]
	l.op = opElse
	l.earliest = min(l.earliest, top.region)
	if top.region != l.opened || top.cost > stretch {
		e.copyTo(c.pos)
		e.region()
	}
}

func (e *emitter) close(c *cursor) {
	l := e.labels[len(e.labels)-1]
	e.labels = e.labels[:len(e.labels)-1]
	switch {
	case len(e.labels) == 0:
		e.copyTo(e.i.at)
		e.settle()
		return
	case l.repeated:
		e.settle()
		e.levels = e.levels[:len(e.levels)-1]
		return
	case l.op == opLoop:
		return // nothing comes here but what is inside
	case l.op == opIf:
		l.earliest = min(l.earliest, l.opened)
	}
	if top := &e.levels[len(e.levels)-1]; l.earliest < top.region || top.cost > stretch {
		e.copyTo(c.pos)
		e.region()
	}
}

// branch notes a jump.
func (e *emitter) branch(index uint32) {
	e.straight = false
	if l := &e.labels[len(e.labels)-1-int(index)]; l.op != opLoop {
		l.earliest = min(l.earliest, e.levels[l.level].region)
	}
}

// region ends the region that is being written, and begins another.
func (e *emitter) region() {
	if e.f.cheap {
		return
	}
	e.settle()
	top := &e.levels[len(e.levels)-1]
	top.region++
	top.cost = 0
	top.place = e.charge()
}

// settle writes what the open region costs to where it is paid for.
func (e *emitter) settle() {
	top := &e.levels[len(e.levels)-1]
	if top.place == atEntry {
		e.entry = top.cost
		return
	}
	if top.place == e.firstLoop && e.reached {
		e.firstCost = top.cost
	}
	copy(e.code[top.place:], appendCost(nil, top.cost))
}

// charge pays for a region, and gives the place for the cost.
func (e *emitter) charge() int {
	e.code = append(e.appendGlobal(e.code, opGlobalGet, e.fuel), opI64Const)
	place := len(e.code)
	e.code = append(appendCost(e.code, 0), opI64Sub)
	e.code = e.appendGlobal(e.code, opGlobalSet, e.fuel)
	return place
}

// chargeLength pays for an operation by the length on top of the stack.
func (e *emitter) chargeLength(charge lengthCharge) {
	e.copyTo(e.i.at)
	b := appendU32(append(e.code, opLocalTee), e.f.variables)
	b = e.appendGlobal(b, opGlobalGet, e.fuel)
	b = append(appendU32(append(b, opLocalGet), e.f.variables), opI64ExtendU)
	if charge.up > 0 {
		b = append(b, opI64Const, charge.up, opI64Shl)
	}
	if charge.down > 0 {
		b = append(b, opI64Const, charge.down, opI64ShrU)
	}
	b = e.appendGlobal(append(b, opI64Sub), opGlobalSet, e.fuel)
	e.code = e.appendCheck(e.appendGlobal(b, opGlobalGet, e.fuel))
}
