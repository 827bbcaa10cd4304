package wasmtest

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Assemble makes a module of text.
func Assemble(t testing.TB, text string) []byte {
	t.Helper()
	defer func() {
		switch v := recover().(type) {
		case nil:
		case mistake:
			t.Fatal(v)
		default:
			panic(v)
		}
	}()
	return newModule(read(text)).encode()
}

// names are the indexes of what has a name, as "$it".
type names map[string]int

func (n names) index(at *node) int {
	if i, ok := n[at.atom]; ok && strings.HasPrefix(at.atom, "$") {
		return i
	}
	i, err := strconv.ParseUint(at.atom, 0, 32)
	if err != nil {
		fail(at, "nothing is called %v here", at)
	}
	return int(i)
}

// module is one that is being assembled: the contents of its sections.
type module struct {
	types                                   [][]byte
	typeNames, funcs, globals               names
	imports, functions, exports, data, code [][]byte
	globalDefs, elements                    [][]byte
	memory, table, start                    []byte
	bodies                                  []*node // of functions, to be assembled when all names are known
	signatures                              []signature
	funcCount, globalCount                  int
}

// signature is what a function takes and gives, with the names of what it takes.
type signature struct {
	params, results []byte
	locals          names
}

func newModule(n *node) *module {
	if n.head() != "module" {
		fail(n, "the text is no (module …)")
	}
	m := &module{typeNames: names{}, funcs: names{}, globals: names{}}
	first := []string{"type", "import", "func", "global"} // whose names others use
	for _, pass := range append(first, "") {
		for _, field := range n.list[1:] {
			if h := field.head(); h == pass || pass == "" && !slices.Contains(first, h) {
				m.field(field)
			}
		}
	}
	for i, body := range m.bodies {
		m.code = append(m.code, m.function(body, m.signatures[i]))
	}
	return m
}

// named takes a name off the beginning of a list.
func named(rest []*node) (string, []*node) {
	if len(rest) > 0 && !rest[0].quoted && strings.HasPrefix(rest[0].atom, "$") {
		return rest[0].atom, rest[1:]
	}
	return "", rest
}

func (m *module) field(n *node) {
	name, rest := named(n.list[1:])
	switch n.head() {
	case "type":
		if name != "" {
			m.typeNames[name] = len(m.types)
		}
		s, _ := m.signature(rest[0].list[1:])
		m.types = append(m.types, s.encode())
	case "import":
		m.imported(n)
	case "func":
		if name != "" {
			m.funcs[name] = m.funcCount
		}
		rest = m.exportsOf(rest, 0, m.funcCount)
		s, body := m.signature(rest)
		m.functions = append(m.functions, leb(m.typeIndex(s)))
		m.bodies = append(m.bodies, &node{list: body, line: n.line})
		m.signatures = append(m.signatures, s)
		m.funcCount++
	case "memory":
		m.memory = limits(m.exportsOf(rest, 2, 0))
	case "table":
		m.table = append([]byte{0x70}, limits(m.exportsOf(rest, 1, 0)[:1])...)
	case "global":
		if name != "" {
			m.globals[name] = m.globalCount
		}
		rest = m.exportsOf(rest, 3, m.globalCount)
		m.globalDefs = append(m.globalDefs, slices.Concat(globalType(rest[0]), m.constant(rest[1])))
		m.globalCount++
	case "elem":
		e := slices.Concat([]byte{0}, m.constant(rest[0]), leb(len(rest)-1))
		for _, f := range rest[1:] {
			e = append(e, leb(m.funcs.index(f))...)
		}
		m.elements = append(m.elements, e)
	case "data":
		var text []byte
		for _, part := range rest[1:] {
			text = append(text, part.atom...)
		}
		m.data = append(m.data, slices.Concat([]byte{0}, m.constant(rest[0]), leb(len(text)), text))
	case "export":
		kind := slices.Index([]string{"func", "table", "memory", "global"}, rest[1].head())
		index := rest[1].list[1]
		i := map[int]names{0: m.funcs, 3: m.globals}[kind].index(index)
		m.exports = append(m.exports, slices.Concat(text(rest[0].atom), []byte{byte(kind)}, leb(i)))
	case "start":
		m.start = leb(m.funcs.index(&node{atom: n.list[1].atom, line: n.line}))
	default:
		fail(n, "there is no field (%s …)", n.head())
	}
}

func (m *module) imported(n *node) {
	what := n.list[3]
	name, rest := named(what.list[1:])
	out := slices.Concat(text(n.list[1].atom), text(n.list[2].atom))
	switch what.head() {
	case "func":
		s, _ := m.signature(rest)
		out = append(append(out, 0), leb(m.typeIndex(s))...)
		if name != "" {
			m.funcs[name] = m.funcCount
		}
		m.funcCount++
	case "memory":
		out = append(append(out, 2), limits(rest)...)
	case "table":
		out = append(append(out, 1, 0x70), limits(rest[:1])...)
	case "global":
		out = append(append(out, 3), globalType(rest[0])...)
		if name != "" {
			m.globals[name] = m.globalCount
		}
		m.globalCount++
	default:
		fail(what, "a %s cannot be imported here", what.head())
	}
	m.imports = append(m.imports, out)
}

// exportsOf takes inline exports off the beginning of a list.
func (m *module) exportsOf(rest []*node, kind byte, index int) []*node {
	for len(rest) > 0 && rest[0].head() == "export" {
		m.exports = append(m.exports, slices.Concat(text(rest[0].list[1].atom), []byte{kind}, leb(index)))
		rest = rest[1:]
	}
	return rest
}

// signature takes what a function takes and gives off the beginning of a list.
func (m *module) signature(rest []*node) (signature, []*node) {
	s := signature{locals: names{}}
	if len(rest) > 0 && rest[0].head() == "type" {
		encoded := m.types[m.typeNames.index(rest[0].list[1])]
		n := int(encoded[1])
		s.params, s.results = encoded[2:2+n], encoded[3+n:]
		rest = rest[1:]
	}
	for len(rest) > 0 && (rest[0].head() == "param" || rest[0].head() == "result") {
		name, types := named(rest[0].list[1:])
		if name != "" {
			s.locals[name] = len(s.params)
		}
		for _, t := range types {
			if rest[0].head() == "param" {
				s.params = append(s.params, valueType(t))
			} else {
				s.results = append(s.results, valueType(t))
			}
		}
		rest = rest[1:]
	}
	return s, rest
}

func (s signature) encode() []byte {
	return slices.Concat([]byte{0x60}, leb(len(s.params)), s.params, leb(len(s.results)), s.results)
}

// typeIndex is that of a signature's type, which is added where it is not there yet.
func (m *module) typeIndex(s signature) int {
	encoded := s.encode()
	i := slices.IndexFunc(m.types, func(t []byte) bool { return slices.Equal(t, encoded) })
	if i < 0 {
		i = len(m.types)
		m.types = append(m.types, encoded)
	}
	return i
}

func (m *module) constant(n *node) []byte {
	b := body{m: m, locals: names{}}
	b.instruction(n)
	return append(b.out, 0x0b)
}

func (m *module) encode() []byte {
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	section := func(id byte, items [][]byte) {
		if len(items) > 0 {
			content := slices.Concat(leb(len(items)), slices.Concat(items...))
			out = slices.Concat(out, []byte{id}, leb(len(content)), content)
		}
	}
	one := func(item []byte) [][]byte {
		if item == nil {
			return nil
		}
		return [][]byte{item}
	}
	section(1, m.types)
	section(2, m.imports)
	section(3, m.functions)
	section(4, one(m.table))
	section(5, one(m.memory))
	section(6, m.globalDefs)
	section(7, m.exports)
	if m.start != nil {
		out = slices.Concat(out, []byte{8}, leb(len(m.start)), m.start)
	}
	section(9, m.elements)
	section(10, m.code)
	section(11, m.data)
	return out
}

func globalType(n *node) []byte {
	if n.head() == "mut" {
		return []byte{valueType(n.list[1]), 1}
	}
	return []byte{valueType(n), 0}
}

func limits(rest []*node) []byte {
	if len(rest) == 1 {
		return append([]byte{0}, leb(int(integer(rest[0])))...)
	}
	return slices.Concat([]byte{1}, leb(int(integer(rest[0]))), leb(int(integer(rest[1]))))
}

func valueType(n *node) byte {
	t, ok := map[string]byte{"i32": 0x7f, "i64": 0x7e, "f32": 0x7d, "f64": 0x7c, "v128": 0x7b, "funcref": 0x70, "externref": 0x6f}[n.atom]
	if !ok {
		fail(n, "%v is no type of values", n)
	}
	return t
}

func integer(n *node) int64 {
	v, err := strconv.ParseInt(strings.ReplaceAll(n.atom, "_", ""), 0, 64)
	if err != nil {
		u, err := strconv.ParseUint(strings.ReplaceAll(n.atom, "_", ""), 0, 64)
		if err != nil {
			fail(n, "%v is no number", n)
		}
		v = int64(u)
	}
	return v
}

func float(n *node) float64 {
	v, err := strconv.ParseFloat(n.atom, 64)
	if err != nil {
		fail(n, "%v is no number", n)
	}
	return v
}

func text(s string) []byte { return append(leb(len(s)), s...) }

// leb is an unsigned number as binaries have it.
func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// sleb is a signed number as binaries have it.
func sleb(v int64) (out []byte) {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func floats(v float64, bits int) []byte {
	if bits == 32 {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	}
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
}
