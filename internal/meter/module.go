package meter

import (
	"bytes"
	"fmt"
	"strings"
)

// maxPages is what 32 bits can address, in pages of 64 KiB.
const maxPages = 1 << 16

// maxValues bounds parameters and results of one function type, as in every browser.
const maxValues = 1000

// Sections by their number in the binary.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
	sections
)

var sectionNames = [sections]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data",
	"data count", "tag",
}

// sectionOrder is the order in which sections stand; custom ones stand anywhere.
var sectionOrder = [...]int{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionGlobal, sectionExport, sectionStart,
	sectionElement, sectionDataCount, sectionCode, sectionData,
}

// part is a piece of the binary.
type part struct{ from, to int }

// funcType is a type of functions; the values are parts of the binary.
type funcType struct{ params, results []byte }

// String is the type as [Entry] has it: one result stands by itself.
func (t funcType) String() string {
	if len(t.results) == 1 {
		return values(t.params) + "->" + valueName(t.results[0])
	}
	return values(t.params) + "->" + values(t.results)
}

func values(types []byte) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = valueName(t)
	}
	return "(" + strings.Join(names, ",") + ")"
}

func valueName(t byte) string {
	switch t {
	case typeI32:
		return "i32"
	case typeI64:
		return "i64"
	case typeF32:
		return "f32"
	case typeF64:
		return "f64"
	case typeV128:
		return "v128"
	case typeFuncref:
		return "funcref"
	}
	return "externref"
}

// limits is the size of a table or memory.
type limits struct {
	min, max uint32
	bounded  bool
}

func (l limits) String() string {
	if !l.bounded {
		return fmt.Sprintf("%d..", l.min)
	}
	return fmt.Sprintf("%d..%d", l.min, l.max)
}

type table struct {
	element byte
	limits  limits
}

// module is what was read of a binary, and the sections that are written anew from it.
type module struct {
	in      []byte
	options Options
	info    Info

	types    []funcType
	imported uint32   // how many functions are imported
	funcs    []uint32 // the types of all functions, imported ones first
	tables   []table
	memories []limits
	globals  []string // what exports say of them

	importedTables, importedMemories, importedGlobals int

	typesRaw, importsRaw, funcsRaw, dataRaw, dataCountRaw part // without their counts where they have one
	importCount                                           int
	globalsOut, exportsOut, startOut, elementsOut         []byte
	names                                                 []byte // the custom section of names, as it is
	seen                                                  [sections]bool

	bodies  []function
	callees []uint32
	loops   bits
}

// added is how many imports of functions are put before the module's own functions.
const added = 2

// moved is the index of a function in the instrumented module.
func (m *module) moved(index uint32) uint32 {
	if index >= m.imported {
		return index + added
	}
	return index
}

// parse reads the module.
func (m *module) parse() error {
	head := cursor{buf: m.in, end: len(m.in), section: "header", function: -1}
	switch {
	case len(m.in) < 8 || !bytes.Equal(m.in[:4], []byte("\x00asm")):
		head.fail(0, "this is no WebAssembly module: it does not begin with \\0asm and a version")
	case bytes.Equal(m.in[4:8], []byte{0x0d, 0, 1, 0}):
		head.fail(4, "this is a component, not a core module")
	case !bytes.Equal(m.in[4:8], []byte{1, 0, 0, 0}):
		head.fail(4, "the version of the binary format is % x; only version 1 is supported", m.in[4:8])
	}
	head.pos = 8
	last := -1 // the place of the section before in sectionOrder
	customs := 0
	for head.more() {
		at := head.pos
		id := int(head.byte())
		size := head.u32()
		content := head.pos
		head.take(int(size))
		if head.err != nil {
			break
		}
		c := cursor{buf: m.in, pos: content, end: content + int(size), section: "module", function: -1}
		switch {
		case id == sectionTag:
			c.fail(at, "exceptions are not supported; build without them")
		case id >= sections:
			c.fail(at, "there is no section %d", id)
		default:
			c.section = sectionNames[id]
		}
		if c.err == nil && id != sectionCustom {
			place := placeOf(id)
			if place <= last {
				c.fail(at, "the section is not in its place, or stands there twice")
			}
			last = place
			m.seen[id] = true
		}
		if c.err == nil {
			if id == sectionCustom {
				if customs++; customs > m.options.Items {
					c.fail(at, "there are more than %d custom sections", m.options.Items)
				}
			}
			m.section(id, &c)
		}
		if c.err != nil {
			return c.err
		}
	}
	if head.err == nil && len(m.funcs) != int(m.imported) && !m.seen[sectionCode] {
		head.section = "module"
		head.fail(len(m.in), "%d functions are declared, and there is no code", len(m.funcs)-int(m.imported))
	}
	return head.err
}

func placeOf(id int) int {
	for i, other := range sectionOrder {
		if other == id {
			return i
		}
	}
	return -1
}

// section reads one of them.
func (m *module) section(id int, c *cursor) {
	switch id {
	case sectionCustom:
		m.readCustom(c)
	case sectionType:
		m.readTypes(c)
	case sectionImport:
		m.readImports(c)
	case sectionFunction:
		m.readFunctions(c)
	case sectionTable:
		m.readTables(c)
	case sectionMemory:
		m.readMemories(c)
	case sectionGlobal:
		m.readGlobals(c)
	case sectionExport:
		m.readExports(c)
	case sectionStart:
		m.startOut = appendU32(nil, m.moved(m.function(c)))
		m.info.Start = true
	case sectionElement:
		m.readElements(c)
	case sectionDataCount:
		m.dataCountRaw = part{c.pos, c.end}
		c.u32()
	case sectionCode:
		m.readCode(c)
	case sectionData:
		m.readData(c)
	}
	c.done()
}

// function reads the index of a function.
func (m *module) function(c *cursor) uint32 {
	at := c.pos
	index := c.u32()
	if c.err == nil && int64(index) >= int64(len(m.funcs)) {
		c.fail(at, "there is no function %d; there are %d", index, len(m.funcs))
		return 0
	}
	return index
}

// typeIndex reads the index of a type.
func (m *module) typeIndex(c *cursor) uint32 {
	at := c.pos
	index := c.u32()
	if c.err == nil && int64(index) >= int64(len(m.types)) {
		c.fail(at, "there is no type %d; there are %d", index, len(m.types))
		return 0
	}
	return index
}

func (m *module) readTypes(c *cursor) {
	n := c.count(m.options.Items, "types")
	m.typesRaw = part{c.pos, c.end}
	m.types = make([]funcType, 0, n)
	for range n {
		at := c.pos
		if form := c.byte(); c.err == nil && form != typeFunction {
			c.fail(at, "the type has the form 0x%02x, and only functions are known; garbage collection is not supported", form)
		}
		t := funcType{params: m.readValues(c, "parameters"), results: m.readValues(c, "results")}
		if c.err != nil {
			return
		}
		m.types = append(m.types, t)
	}
}

func (m *module) readValues(c *cursor, what string) []byte {
	n := c.count(maxValues, what)
	from := c.pos
	for range n {
		c.valueType()
	}
	if c.err != nil {
		return nil
	}
	return c.buf[from:c.pos]
}

func (m *module) readImports(c *cursor) {
	m.importCount = c.count(m.options.Items, "imports")
	m.importsRaw = part{c.pos, c.end}
	for range m.importCount {
		at := c.pos
		e := Entry{Module: c.name(), Name: c.name()}
		if e.Module == ModuleName {
			c.fail(at, "%s is imported, which only the host adds", ModuleName)
		}
		kindAt := c.pos
		switch kind := c.byte(); kind {
		case 0:
			t := m.typeIndex(c)
			if c.err != nil {
				return
			}
			m.funcs = append(m.funcs, t)
			m.imported++
			e.Kind, e.Type = "func", m.types[t].String()
		case 1:
			t := m.readTable(c)
			m.tables = append(m.tables, t)
			m.importedTables++
			e.Kind, e.Type = "table", t.String()
		case 2:
			l := m.readMemory(c)
			m.memories = append(m.memories, l)
			m.importedMemories++
			e.Kind, e.Type = "memory", l.String()
		case 3:
			e.Kind, e.Type = "global", m.readGlobalType(c)
			m.globals = append(m.globals, e.Type)
			m.importedGlobals++
		case 4:
			c.fail(kindAt, "exceptions are not supported; build without them")
		default:
			c.fail(kindAt, "there is no kind %d of imports", kind)
		}
		if c.err != nil {
			return
		}
		m.info.Imports = append(m.info.Imports, e)
	}
	m.checkMemories(c)
}

func (m *module) readFunctions(c *cursor) {
	n := c.count(m.options.Functions, "functions")
	m.funcsRaw = part{c.pos, c.end}
	m.info.Functions = n
	for range n {
		t := m.typeIndex(c)
		if c.err != nil {
			return
		}
		m.funcs = append(m.funcs, t)
	}
}

func (m *module) readExports(c *cursor) {
	n := c.count(m.options.Items, "exports")
	m.exportsOut = appendU32(nil, uint32(n))
	for range n {
		from := c.pos
		e := Entry{Name: c.name()}
		kindAt := c.pos
		kind := c.byte()
		m.exportsOut = append(m.exportsOut, c.buf[from:c.pos]...)
		at := c.pos
		var index uint32
		have := 0
		switch kind {
		case 0:
			index = m.function(c)
			if c.err != nil {
				return
			}
			e.Kind, e.Type = "func", m.types[m.funcs[index]].String()
			index = m.moved(index)
			have = -1
		case 1:
			index, have = c.u32(), len(m.tables)
			if c.err == nil && int64(index) < int64(have) {
				e.Kind, e.Type = "table", m.tables[index].String()
			}
		case 2:
			index, have = c.u32(), len(m.memories)
			if c.err == nil && int64(index) < int64(have) {
				e.Kind, e.Type = "memory", m.memories[index].String()
			}
		case 3:
			index, have = c.u32(), len(m.globals)
			if c.err == nil && int64(index) < int64(have) {
				e.Kind, e.Type = "global", m.globals[index]
			}
		default:
			c.fail(kindAt, "there is no kind %d of exports", kind)
		}
		if c.err == nil && have >= 0 && int64(index) >= int64(have) {
			c.fail(at, "export %q is number %d of its kind; there are %d", e.Name, index, have)
		}
		if c.err != nil {
			return
		}
		m.exportsOut = appendU32(m.exportsOut, index)
		m.info.Exports = append(m.info.Exports, e)
	}
}

func (m *module) readCustom(c *cursor) {
	name := c.name()
	if c.err != nil {
		return
	}
	content := c.take(c.end - c.pos)
	if name == "name" {
		if m.names == nil {
			m.names = content
		}
		return
	}
	if m.info.Custom == nil {
		m.info.Custom = map[string][]byte{}
	}
	if _, twice := m.info.Custom[name]; !twice {
		m.info.Custom[name] = content
	}
}
