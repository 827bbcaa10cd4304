package component

import "bytes"

// Component is what was read of one.
type Component struct {
	// Modules are the core modules that stand in it, in order.
	Modules [][]byte
	// Imports are the names of what it wants from the world outside.
	Imports []string
	// Exports are what it gives.
	Exports []Export
	// Lifts are the functions that it makes of core functions.
	Lifts []Lift

	instances []coreInstance
	resolved  []Core // what core functions are
	memories  []Core
}

// Export is a name under which a component gives something.
type Export struct {
	Name     string
	Instance bool // it is an instance, as interfaces are
}

// Core is a function or memory of a core module.
type Core struct {
	// Module is the module's place in Modules, or -1 where it is of no core module's own: a function of the canonical
	// interface, say.
	Module int
	// Name is the one that the module exports it by.
	Name string
}

// Encoding is how texts stand in memory.
type Encoding int

// The encodings.
const (
	UTF8 Encoding = iota
	UTF16
	Latin1OrUTF16
)

// Lift is a core function with what is needed to call it by its type.
type Lift struct {
	Core     Core
	Type     *Type // a Func, or Other
	Encoding Encoding
	// Memory, Realloc and PostReturn are nil where there are none.
	Memory, Realloc, PostReturn *Core
}

// coreInstance is one of a module, or a bundle of what others export.
type coreInstance struct {
	module int // -1 is a bundle
	bundle map[string]bundled
}

type bundled struct {
	sort  sort
	index int
}

// header is what a component begins with: a magic number, and the version that all tools write.
var header = []byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}

// Is tells whether a binary says that it is a component, of any version; a core module does not.
func Is(binary []byte) bool {
	return len(binary) >= 8 && bytes.HasPrefix(binary, header[:4]) && binary[6] == 1 && binary[7] == 0
}

// Parse reads a component.
func Parse(binary []byte) (*Component, error) {
	p := &parser{r: reader{b: binary, end: len(binary), section: "the header"}, c: &Component{}}
	p.types.r = &p.r
	p.parse()
	if p.r.err != nil {
		return nil, p.r.err
	}
	return p.c, nil
}

// parser reads sections. It knows how many things of each sort there are, and of core functions, memories, core
// instances and types which.
type parser struct {
	r     reader
	types types
	c     *Component
	have  [sorts]int // but types, which types has
}

// length is how many of a sort there are so far.
func (p *parser) length(s sort) int {
	if s == sortType {
		return len(p.types.all)
	}
	return p.have[s]
}

func (p *parser) index(s sort) int { return p.r.index(s.String(), p.length(s)) }

// nobody is what is of no core module.
var nobody = Core{Module: -1}

// add is one more of a sort, of which nothing else is known.
func (p *parser) add(s sort) {
	switch s {
	case sortType:
		p.types.all = append(p.types.all, &Type{})
	case sortCoreFunc:
		p.addCore(s, nobody)
	case sortCoreMemory:
		p.addCore(s, nobody)
	default:
		p.have[s]++
	}
}

// addCore is a core function or memory.
func (p *parser) addCore(s sort, of Core) {
	p.have[s]++
	switch s {
	case sortCoreFunc:
		p.c.resolved = append(p.c.resolved, of)
	case sortCoreMemory:
		p.c.memories = append(p.c.memories, of)
	default:
	}
}

// sections are their names, for errors.
var sections = [...]string{
	"a custom section", "a core module", "the core instances", "the core types", "a nested component", "the instances",
	"the aliases", "the types", "the canonical functions", "the start function", "the imports", "the exports",
}

func (p *parser) parse() {
	if got := p.r.bytes(len(header)); !bytes.Equal(got, header) {
		p.r.fail(0, "these are not the eight bytes that a component begins with: % x", got)
	}
	whole := p.r.end
	for p.r.more() {
		p.r.section = "a section's header"
		begin := p.r.at
		id := int(p.r.byte())
		size := int64(p.r.u32())
		if size > int64(whole-p.r.at) {
			p.r.fail(begin, "a section of %d bytes, of which %d are there", size, whole-p.r.at)
		}
		p.r.item(begin, 1)
		if id >= len(sections) {
			p.r.fail(begin, "a section of the unknown kind %d", id)
		}
		if p.r.err != nil {
			return
		}
		p.r.section = sections[id]
		p.r.end = p.r.at + int(size)
		p.read(id)
		if p.r.err == nil && p.r.at < p.r.end {
			p.r.fail(p.r.at, "%d bytes are left over", p.r.end-p.r.at)
		}
		if p.r.err != nil {
			return
		}
		p.r.end = whole
	}
}

// read reads a section's content.
func (p *parser) read(id int) {
	switch id {
	case 0:
		p.r.name()
		p.r.at = p.r.end
	case 1:
		p.c.Modules = append(p.c.Modules, p.r.bytes(p.r.end-p.r.at))
		p.add(sortCoreModule)
	case 2:
		p.each(p.coreInstance)
	case 3:
		// They are for modules as arguments, which no lift leads to.
		p.have[sortCoreType] += p.r.count()
		p.r.at = p.r.end
	case 4:
		if inner := p.r.bytes(p.r.end - p.r.at); !Is(inner) {
			p.r.fail(p.r.at-len(inner), "it does not begin as a component does")
		}
		p.add(sortComponent)
	case 5:
		p.each(p.instance)
	case 6:
		p.each(p.alias)
	case 7:
		p.each(p.types.define)
	case 8:
		p.each(p.canonical)
	case 9:
		p.r.fail(p.r.at, "functions that run at the start are not supported")
	case 10:
		p.each(p.imported)
	case 11:
		p.each(p.exported)
	}
}

func (p *parser) each(one func()) {
	for range p.r.count() {
		one()
		if p.r.err != nil {
			return
		}
	}
}

func (p *parser) coreInstance() {
	begin := p.r.at
	in := coreInstance{module: -1, bundle: map[string]bundled{}}
	switch c := p.r.byte(); c {
	case 0:
		in.module = p.index(sortCoreModule)
		p.each(func() {
			p.r.name()
			if c := p.r.byte(); c != 0x12 {
				p.r.fail(p.r.at-1, "a module is given what is no instance")
			}
			p.index(sortCoreInstance)
		})
	case 1:
		p.each(func() {
			name := p.r.name()
			s := readCoreSort(&p.r)
			in.bundle[name] = bundled{s, p.index(s)}
		})
	default:
		p.r.fail(begin, "a core instance of the unknown kind %#x", c)
	}
	p.c.instances = append(p.c.instances, in)
	p.add(sortCoreInstance)
}

func (p *parser) instance() {
	begin := p.r.at
	switch c := p.r.byte(); c {
	case 0:
		p.index(sortComponent)
		p.each(func() {
			p.r.name()
			p.reference()
		})
	case 1:
		p.each(func() {
			p.r.externName()
			p.reference()
		})
	default:
		p.r.fail(begin, "an instance of the unknown kind %#x", c)
	}
	p.add(sortInstance)
}

// reference reads something by its sort and index.
func (p *parser) reference() (sort, int) {
	s, _ := readSort(&p.r)
	if p.r.err != nil {
		return s, 0
	}
	return s, p.index(s)
}

func (p *parser) alias() {
	s, core := readSort(&p.r)
	begin := p.r.at
	switch c := p.r.byte(); c {
	case 0:
		p.index(sortInstance)
		p.r.name()
		p.add(s)
	case 1:
		i := p.index(sortCoreInstance)
		name := p.r.name()
		if !core {
			p.r.fail(begin, "a core instance has no %s", s)
		}
		if p.r.err != nil {
			return
		}
		if s == sortCoreFunc || s == sortCoreMemory {
			p.addCore(s, p.c.export(i, s, name))
			return
		}
		p.add(s)
	case 2:
		// What is outside of the outermost component is refused by everybody; a nested one is not read.
		p.r.fail(begin, "it refers to what is around the component")
	default:
		p.r.fail(begin, "an alias of the unknown kind %#x", c)
	}
}

// export is what a core instance exports by a name.
func (c *Component) export(instance int, s sort, name string) Core {
	in := &c.instances[instance]
	if in.module >= 0 {
		return Core{Module: in.module, Name: name}
	}
	of, ok := in.bundle[name]
	switch {
	case !ok || of.sort != s:
		return nobody
	case s == sortCoreFunc:
		return c.resolved[of.index]
	default:
		return c.memories[of.index]
	}
}

func (p *parser) imported() {
	p.c.Imports = append(p.c.Imports, p.r.externName())
	p.described()
}

// described adds what is said to be imported.
func (p *parser) described() {
	s, of := p.types.described()
	if p.r.err != nil {
		return
	}
	if s == sortType {
		p.types.all = append(p.types.all, of)
		return
	}
	p.add(s)
}

// exported reads an export, which is one more of its sort, too.
func (p *parser) exported() {
	name := p.r.externName()
	s, i := p.reference()
	begin := p.r.at
	switch c := p.r.byte(); {
	case p.r.err != nil:
		return
	case c == 0:
	case c == 1:
		if said, _ := p.types.described(); said != s {
			p.r.fail(begin, "what is exported is not of the sort that it is said to be: %s, and %s", s, said)
		}
	default:
		p.r.fail(begin, "%#x says neither that a type is there nor that it is not", c)
	}
	if p.r.err != nil {
		return
	}
	p.c.Exports = append(p.c.Exports, Export{Name: name, Instance: s == sortInstance})
	if s == sortType {
		p.types.all = append(p.types.all, p.types.all[i])
		return
	}
	p.add(s)
}
