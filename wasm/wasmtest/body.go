package wasmtest

import (
	"slices"
	"strings"
)

// body is a function's that is being assembled.
type body struct {
	m      *module
	locals names
	labels []string // innermost last
	out    []byte
}

// function assembles a function's body, with its locals.
func (m *module) function(n *node, s signature) []byte {
	b := body{m: m, locals: s.locals}
	rest := n.list
	var declared [][]byte
	next := len(s.params)
	for len(rest) > 0 && rest[0].head() == "local" {
		name, types := named(rest[0].list[1:])
		if name != "" {
			b.locals[name] = next
		}
		for _, t := range types {
			declared = append(declared, []byte{1, valueType(t)})
			next++
		}
		rest = rest[1:]
	}
	b.sequence(rest)
	code := slices.Concat(leb(len(declared)), slices.Concat(declared...), b.out, []byte{0x0b})
	return append(leb(len(code)), code...)
}

func (b *body) sequence(rest []*node) {
	for len(rest) > 0 {
		if rest[0].list != nil {
			b.instruction(rest[0])
			rest = rest[1:]
			continue
		}
		n := b.plain(rest)
		rest = rest[n:]
	}
}

// plain assembles an instruction that is not folded, and tells how many atoms it took.
func (b *body) plain(rest []*node) int {
	taken := 1
	for taken < len(rest) && rest[taken].list == nil {
		if _, is := ops[rest[taken].atom]; is {
			break
		}
		taken++
	}
	b.emit(rest[0], rest[1:taken])
	return taken
}

// instruction assembles a folded one: its operands first.
func (b *body) instruction(n *node) {
	if len(n.list) == 0 {
		fail(n, "an instruction is empty")
	}
	switch n.head() {
	case "block":
		b.block(n, 0x02)
	case "loop":
		b.block(n, 0x03)
	case "if":
		b.branch(n)
	default:
		immediates := n.list[1:]
		if i := slices.IndexFunc(immediates, func(a *node) bool { return a.list != nil && a.head() != "type" }); i >= 0 {
			b.sequence(immediates[i:])
			immediates = immediates[:i]
		}
		b.emit(n.list[0], immediates)
	}
}

// opened takes label and result off a block, and gives what is left.
func (b *body) opened(n *node) (blockType byte, rest []*node) {
	name, rest := named(n.list[1:])
	b.labels = append(b.labels, name)
	if len(rest) > 0 && rest[0].head() == "result" {
		return valueType(rest[0].list[1]), rest[1:]
	}
	return 0x40, rest
}

func (b *body) close() {
	b.labels = b.labels[:len(b.labels)-1]
	b.out = append(b.out, 0x0b)
}

func (b *body) block(n *node, code byte) {
	blockType, rest := b.opened(n)
	b.out = append(b.out, code, blockType)
	b.sequence(rest)
	b.close()
}

func (b *body) branch(n *node) {
	blockType, rest := b.opened(n)
	then := slices.IndexFunc(rest, func(a *node) bool { return a.head() == "then" })
	if then < 0 {
		fail(n, "an (if …) has no (then …)")
	}
	inner := b.labels
	b.labels = b.labels[:len(b.labels)-1] // the condition stands outside
	b.sequence(rest[:then])
	b.labels = inner
	b.out = append(b.out, 0x04, blockType)
	b.sequence(rest[then].list[1:])
	if len(rest) > then+1 {
		b.out = append(b.out, 0x05)
		b.sequence(rest[then+1].list[1:])
	}
	b.close()
}

func (b *body) label(n *node) []byte {
	for i, name := range slices.Backward(b.labels) {
		if name != "" && name == n.atom {
			return leb(len(b.labels) - 1 - i)
		}
	}
	return leb(names{}.index(n))
}

func (b *body) emit(at *node, immediates []*node) {
	switch at.atom {
	case "br_table":
		b.out = append(b.out, 0x0e)
		b.out = append(b.out, leb(len(immediates)-1)...)
		for _, l := range immediates {
			b.out = append(b.out, b.label(l)...)
		}
		return
	case "call_indirect":
		if len(immediates) == 0 || immediates[0].head() != "type" {
			fail(at, "call_indirect has no (type …)")
		}
		b.out = slices.Concat(b.out, []byte{0x11}, leb(b.m.typeNames.index(immediates[0].list[1])), []byte{0})
		return
	}
	o, ok := ops[at.atom]
	if !ok {
		fail(at, "there is no instruction %v", at)
	}
	b.out = append(b.out, o.code...)
	if o.imm == memory {
		b.access(immediates, o.size)
		return
	}
	want := 1
	if o.imm == none || o.imm == memByte || o.imm == memTwo {
		want = 0
	}
	if len(immediates) != want {
		fail(at, "%v has %d immediates and not %d", at, len(immediates), want)
	}
	switch o.imm {
	case label:
		b.out = append(b.out, b.label(immediates[0])...)
	case function:
		b.out = append(b.out, leb(b.m.funcs.index(immediates[0]))...)
	case local:
		b.out = append(b.out, leb(b.locals.index(immediates[0]))...)
	case global:
		b.out = append(b.out, leb(b.m.globals.index(immediates[0]))...)
	case memByte:
		b.out = append(b.out, 0)
	case memTwo:
		b.out = append(b.out, 0, 0)
	case constI32:
		b.out = append(b.out, sleb(int64(int32(integer(immediates[0]))))...)
	case constI64:
		b.out = append(b.out, sleb(integer(immediates[0]))...)
	case constF32:
		b.out = append(b.out, floats(float(immediates[0]), 32)...)
	case constF64:
		b.out = append(b.out, floats(float(immediates[0]), 64)...)
	case none, memory:
	}
}

// access is an alignment, the natural one unless it is said, and an offset.
func (b *body) access(immediates []*node, size int) {
	offset := 0
	for _, n := range immediates {
		key, _, _ := strings.Cut(n.atom, "=")
		value := &node{atom: strings.TrimPrefix(n.atom, key+"="), line: n.line}
		switch key {
		case "offset":
			offset = int(integer(value))
		case "align":
			for size = 0; 1<<size < integer(value); size++ {
				continue
			}
		default:
			fail(n, "%v is neither an offset nor an alignment", n)
		}
	}
	b.out = slices.Concat(b.out, leb(size), leb(offset))
}
