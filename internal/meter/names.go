package meter

// What the custom section of names has.
const (
	namesOfModule    = 0
	namesOfFunctions = 1
)

// names writes the names of the module and of its functions, which traps are told with. Names that cannot be read are
// left out, as are those of locals: nothing depends on them.
func (e *emitter) names() {
	m := e.m
	if m.names == nil {
		return
	}
	c := &cursor{buf: m.names, end: len(m.names), section: sectionNames[sectionCustom], function: -1}
	var out []byte
	for c.more() {
		id := c.byte()
		content := c.take(int(c.u32()))
		if c.err != nil {
			return
		}
		sub := &cursor{buf: content, end: len(content), section: c.section, function: -1}
		var named []byte
		switch id {
		case namesOfModule:
			named = appendName(nil, sub.name())
		case namesOfFunctions:
			named = m.functionNames(sub)
		default:
			continue
		}
		if sub.done(); sub.err != nil {
			return
		}
		out = appendU32(append(out, id), uint32(len(named)))
		out = append(out, named...)
	}
	e.section(sectionCustom, func(b []byte) []byte { return append(appendName(b, "name"), out...) })
}

func (m *module) functionNames(c *cursor) []byte {
	n := c.count(len(m.funcs), "names of functions")
	out := appendU32(nil, uint32(n))
	for range n {
		index := m.function(c)
		name := c.name()
		if c.err != nil {
			return nil
		}
		out = appendName(appendU32(out, m.moved(index)), name)
	}
	return out
}
