package meter

import (
	"slices"
	"time"
)

// function is what is known of a function that the module defines, after its body was read.
type function struct {
	locals    part // the declarations
	code      part // the instructions, with the end
	declared  uint32
	variables uint32 // parameters and locals

	// frame is the bytes of parameters, locals and operands, and 16 for the call.
	frame int64
	// cost is that of all instructions, each once, calls without what they call.
	cost int64
	// callees are the defined functions that are called directly, a part of module.callees.
	callees part
	// loops is where the loops of this function begin in module.loops.
	loops int

	looped   bool // has a loop that is branched back to
	bulk     bool // has instructions that are charged by a length
	indirect bool // calls through a table, or what is imported

	// What is decided when all functions are known, see graph.go.
	shallow bool
	cheap   bool
	height  int64
	total   int64
}

// bits is a set of small numbers.
type bits []uint64

func (b *bits) add(n int, value bool) {
	if n>>6 == len(*b) {
		*b = append(*b, 0)
	}
	if value {
		(*b)[n>>6] |= 1 << (n & 63)
	}
}

func (b bits) set(n int)      { b[n>>6] |= 1 << (n & 63) }
func (b bits) has(n int) bool { return b[n>>6]&(1<<(n&63)) != 0 }

// block is a block that is open while a body is read.
type block struct {
	op      byte
	params  uint32
	results uint32
	height  int64 // operands below it
	loop    int   // its number in module.loops
}

// scanner reads bodies, one after the other.
type scanner struct {
	m        *module
	c        *cursor
	f        *function
	blocks   []block
	height   int64 // operands on the stack
	most     int64
	wide     bool // there may be 128-bit operands
	jumps    int64
	indirect int           // calls
	effort   time.Duration // to compile the function, apart from its jumps and locals
	loops    int           // loops of all functions so far
	i        instruction
}

func (m *module) readCode(c *cursor) {
	n := c.count(m.options.Functions, "bodies")
	if want := len(m.funcs) - int(m.imported); c.err == nil && n != want {
		c.fail(c.pos, "there are %d bodies for %d functions", n, want)
	}
	if c.err != nil {
		return
	}
	m.bodies = make([]function, n)
	s := scanner{m: m, c: c}
	for i := range m.bodies {
		c.function = int(m.imported) + i
		at := c.pos
		size := int(c.u32())
		if c.err == nil && size > m.options.Body {
			c.fail(at, "the body has %d bytes; the limit is %d", size, m.options.Body)
		}
		begin := c.pos
		c.take(size)
		if c.err != nil {
			return
		}
		m.info.Code += size
		whole := c.end
		c.pos, c.end = begin, begin+size
		s.f = &m.bodies[i]
		s.body(m.types[m.funcs[c.function]])
		c.done()
		c.end = whole
		if c.err != nil {
			return
		}
	}
	c.function = -1
}

// body reads the function that the cursor stands at.
func (s *scanner) body(t funcType) {
	f, c := s.f, s.c
	f.locals.from = c.pos
	size := width(t.params)
	groups := c.count(1<<31-1, "groups of locals")
	s.wide = hasVector(t.params) || hasVector(t.results)
	for range groups {
		at := c.pos
		n := c.u32()
		kind := []byte{c.valueType()}
		size += int64(n) * width(kind)
		s.wide = s.wide || kind[0] == typeV128
		if c.err == nil && size > int64(s.m.options.Frame) {
			c.fail(at, "parameters and locals take %d bytes; the limit is %d", size, s.m.options.Frame)
		}
		if c.err != nil {
			return
		}
		f.declared += n
	}
	f.locals.to = c.pos
	f.variables = f.declared + uint32(len(t.params))
	f.code = part{c.pos, c.end}
	f.callees.from = len(s.m.callees)
	f.loops = s.loops
	// What is set to zero at the beginning costs time as well.
	f.cost = int64(f.declared) / 8

	s.height, s.most = 0, 0
	s.jumps, s.indirect, s.effort = 0, 0, effortFunction
	s.blocks = append(s.blocks[:0], block{op: opBlock, results: uint32(len(t.results))})
	for len(s.blocks) > 0 && c.err == nil {
		s.instruction()
	}
	f.callees.to = len(s.m.callees)
	each := int64(8)
	if s.wide {
		each = 16
	}
	f.frame = 16 + size + each*s.most
	if c.err == nil && f.frame > int64(s.m.options.Frame) {
		c.fail(f.locals.from, "parameters, locals and operands take %d bytes; the limit is %d", f.frame, s.m.options.Frame)
	}
	s.compile()
}

func width(types []byte) int64 {
	n := int64(0)
	for _, t := range types {
		n += 8
		if t == typeV128 {
			n += 8
		}
	}
	return n
}

func hasVector(types []byte) bool { return slices.Contains(types, typeV128) }

// instruction reads the next one, and keeps count of operands and costs. Types are not checked: whoever compiles the
// module does that.
func (s *scanner) instruction() {
	c, f, i := s.c, s.f, &s.i
	c.next(i)
	if c.err != nil {
		return
	}
	s.effort += effortInstruction
	switch i.op {
	case opBlock, opLoop, opIf:
		s.open()
	case opElse:
		s.otherwise()
	case opEnd:
		s.close()
	case opUnreachable, opReturn:
		s.never()
	case opBr:
		s.branch(i.index)
		s.never()
	case opBrIf:
		s.jumps += 2
		s.operands(1, 0)
		s.branch(i.index)
	case opBrTable:
		s.jumps += int64(len(i.labels))
		for _, label := range i.labels {
			s.branch(label)
		}
		s.never()
	case opCall:
		s.call()
	case opCallIndirect:
		s.callIndirect()
	case opLocalGet, opLocalGet + 1, opLocalTee:
		if i.index >= f.variables {
			c.fail(i.at, "there is no local %d; there are %d", i.index, f.variables)
		}
		s.operands(i.pops, i.puts)
	case opGlobalGet, opGlobalSet:
		if int64(i.index) >= int64(len(s.m.globals)) {
			c.fail(i.at, "there is no global %d; there are %d", i.index, len(s.m.globals))
		}
		s.operands(i.pops, i.puts)
	case opRefFunc:
		if int64(i.index) >= int64(len(s.m.funcs)) {
			c.fail(i.at, "there is no function %d; there are %d", i.index, len(s.m.funcs))
		}
		s.operands(i.pops, i.puts)
	case opVector:
		s.wide = true
		s.operands(i.pops, i.puts)
	default:
		if opcodes[i.op].shape == shapeAccess {
			s.effort += effortAccess
		}
		if _, ok := i.charged(); ok {
			f.bulk = true
		}
		s.operands(i.pops, i.puts)
	}
	if c.err == nil {
		f.cost += s.m.price(i)
	}
}

// operands takes some off the stack and puts some there.
func (s *scanner) operands(pops, puts uint8) { s.move(int64(pops), int64(puts)) }

func (s *scanner) move(pops, puts int64) {
	// Behind a jump there is as much on the stack as anybody wants.
	s.height = max(s.height-pops, s.floor()) + puts
	s.most = max(s.most, s.height)
}

// floor is how many operands stand below the open block.
func (s *scanner) floor() int64 { return s.blocks[len(s.blocks)-1].height }

// never says that what follows is not reached.
func (s *scanner) never() { s.height = s.floor() }

func (s *scanner) open() {
	i := &s.i
	b := block{op: i.op, results: uint32(i.puts)}
	if i.index != noType {
		if int64(i.index) >= int64(len(s.m.types)) {
			s.c.fail(i.at, "there is no type %d; there are %d", i.index, len(s.m.types))
			return
		}
		t := s.m.types[i.index]
		b.params, b.results = uint32(len(t.params)), uint32(len(t.results))
	}
	if len(s.blocks) > s.m.options.Nesting {
		s.c.fail(i.at, "blocks are nested deeper than %d", s.m.options.Nesting)
		return
	}
	switch i.op {
	case opBlock:
		s.jumps++
	case opIf:
		s.jumps += 3
		s.operands(1, 0)
	case opLoop:
		s.jumps += 5 // with the check that is put there
		b.loop = s.loops
		s.m.loops.add(s.loops, false)
		s.loops++
	}
	s.move(int64(b.params), 0)
	b.height = s.height
	s.blocks = append(s.blocks, b)
	s.move(0, int64(b.params))
}

func (s *scanner) otherwise() {
	b := &s.blocks[len(s.blocks)-1]
	if b.op != opIf {
		s.c.fail(s.i.at, "else stands outside of an if")
		return
	}
	b.op = opElse
	s.height = b.height
	s.move(0, int64(b.params))
}

func (s *scanner) close() {
	b := s.blocks[len(s.blocks)-1]
	s.height = b.height + int64(b.results)
	s.most = max(s.most, s.height)
	s.blocks = s.blocks[:len(s.blocks)-1]
}

// branch notes a jump to a label.
func (s *scanner) branch(label uint32) {
	if int64(label) >= int64(len(s.blocks)) {
		s.c.fail(s.i.at, "there is no label %d; %d blocks are open", label, len(s.blocks))
		return
	}
	if b := s.blocks[len(s.blocks)-1-int(label)]; b.op == opLoop {
		s.m.loops.set(b.loop)
		s.f.looped = true
	}
}

func (s *scanner) call() {
	i := &s.i
	if int64(i.index) >= int64(len(s.m.funcs)) {
		s.c.fail(i.at, "there is no function %d; there are %d", i.index, len(s.m.funcs))
		return
	}
	if i.index < s.m.imported {
		s.f.indirect = true
	} else {
		s.m.callees = append(s.m.callees, i.index-s.m.imported)
	}
	t := s.m.types[s.m.funcs[i.index]]
	s.effort += time.Duration(len(t.params)+len(t.results)) * effortInstruction
	s.move(int64(len(t.params)), int64(len(t.results)))
}

func (s *scanner) callIndirect() {
	i := &s.i
	if int64(i.index) >= int64(len(s.m.types)) {
		s.c.fail(i.at, "there is no type %d; there are %d", i.index, len(s.m.types))
		return
	}
	s.f.indirect = true
	t := s.m.types[i.index]
	if s.indirect++; s.indirect > maxIndirect {
		s.c.fail(i.at, "the function has more than %d indirect calls; compiling it would take too much memory", maxIndirect)
	}
	s.effort += effortIndirect + time.Duration(len(t.params)+len(t.results))*effortInstruction
	s.move(1+int64(len(t.params)), int64(len(t.results)))
}

// charged says whether an instruction is charged by the length on top of the stack: by length << up >> down.
func (i *instruction) charged() (charge lengthCharge, ok bool) {
	switch i.op {
	case opMemoryGrow:
		return lengthCharge{up: 13}, true
	case opBulk:
		switch i.sub {
		case opMemoryInit, opMemoryCopy, opMemoryFill:
			return lengthCharge{down: 3}, true
		case opTableInit, opTableCopy, opTableGrow, opTableFill:
			return lengthCharge{}, true
		}
	}
	return lengthCharge{}, false
}

// lengthCharge is how a length becomes units: shifted up or down by bits.
type lengthCharge struct{ up, down uint8 }

// maxIndirect is how many indirect calls one function may have. Each takes 14 KiB of memory until the function is compiled.
const maxIndirect = 10_000

// How long it takes to compile code, measured with wazero 1.12 on a machine of 2024. What is quadratic comes from the
// search for loops and dominators, and from the allocation of registers.
const (
	effortFunction    = 20 * time.Microsecond
	effortInstruction = 1500 * time.Nanosecond
	effortIndirect    = 40 * time.Microsecond
	effortAccess      = 3 * time.Microsecond // to the memory
	effortJumps       = 10 * time.Nanosecond // for each pair of jumps
	effortValues      = 10 * time.Nanosecond // for each jump, and each pair of values that live then
)

// compile adds the function to what the module takes to be compiled.
func (s *scanner) compile() {
	values := (s.f.frame - 16) / 8
	all := &s.m.info.Compile
	jumps, live := float64(s.jumps), float64(values)
	more := float64(s.effort) + jumps*jumps*float64(effortJumps) + jumps*live*live*float64(effortValues)
	*all += time.Duration(min(more, 1<<50))
	if limit := s.m.options.Compile; s.c.err == nil && *all > limit {
		s.c.fail(s.f.code.from, "with this function the module takes about %s to be compiled; the limit is %s. It has %d jumps and %d locals and operands: make it smaller", all.Round(time.Second), limit, s.jumps, values)
	}
}
