package component

// canonical reads a function of the canonical interface: one that is lifted, lowered, or about a resource.
func (p *parser) canonical() {
	begin := p.r.at
	switch c := p.r.byte(); c {
	case 0x00:
		p.r.byte()
		l := Lift{Core: p.core(sortCoreFunc)}
		p.options(&l)
		l.Type = p.types.index()
		if p.r.err == nil && l.Type.Kind != Func && l.Type.Kind != Other {
			p.r.fail(begin, "a core function is lifted to a type that is no function")
		}
		p.c.Lifts = append(p.c.Lifts, l)
		p.add(sortFunc)
	case 0x01:
		p.r.byte()
		p.index(sortFunc)
		p.options(&Lift{})
		p.add(sortCoreFunc)
	case 0x02, 0x03, 0x04:
		p.types.index()
		p.add(sortCoreFunc)
	default:
		p.r.fail(begin, "a canonical function of the kind %#x is not supported: asynchronous functions and threads are among them", c)
	}
}

// core is a core function or memory, by its index.
func (p *parser) core(s sort) Core {
	i := p.index(s)
	switch {
	case p.r.err != nil:
		return nobody
	case s == sortCoreFunc:
		return p.c.resolved[i]
	default:
		return p.c.memories[i]
	}
}

func (p *parser) options(l *Lift) {
	p.each(func() {
		begin := p.r.at
		switch c := p.r.byte(); c {
		case 0x00, 0x01, 0x02:
			l.Encoding = Encoding(c)
		case 0x03:
			m := p.core(sortCoreMemory)
			l.Memory = &m
		case 0x04:
			f := p.core(sortCoreFunc)
			l.Realloc = &f
		case 0x05:
			f := p.core(sortCoreFunc)
			l.PostReturn = &f
		default:
			p.r.fail(begin, "a canonical option of the kind %#x is not supported: asynchronous functions are among them", c)
		}
	})
}
