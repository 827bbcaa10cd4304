package meter

import "fmt"

// price is what an instruction costs, in units, and what it calls where that charges nothing itself.
func (m *module) price(i *instruction) int64 {
	cost := int64(i.cost)
	switch i.op {
	case opBrTable:
		cost += 2
	case opCallIndirect:
		cost += costCallIndirect
	case opMemoryGrow:
		cost += costGrow
	case opCall:
		if i.index < m.imported {
			return cost + costCallImported
		}
		cost += costCall
		if callee := &m.bodies[i.index-m.imported]; callee.cheap {
			cost += callee.total
		}
	}
	return cost
}

// write gives the instrumented module.
func (m *module) write() ([]byte, error) {
	e := emitter{
		m:     m,
		fuel:  uint32(len(m.globals)),
		depth: uint32(len(m.globals)) + 1,
		// It stands behind all others.
		refuel: uint32(len(m.funcs)) + added,
		wraps:  map[uint32]uint32{},
	}
	e.out = make([]byte, 0, len(m.in)+len(m.in)/3+256)
	e.out = append(e.out, m.in[:8]...)
	e.types()
	e.imports()
	e.section(sectionFunction, func(b []byte) []byte {
		b = appendU32(b, uint32(m.info.Functions)+1)
		b = append(b, m.raw(m.funcsRaw)...)
		return appendU32(b, uint32(len(m.types))+1)
	})
	e.sizes()
	e.section(sectionGlobal, func(b []byte) []byte {
		b = appendU32(b, uint32(len(m.globals)-m.importedGlobals)+2)
		b = append(b, m.globalsOut...)
		for _, initial := range []int64{m.options.Every, m.options.Depth} {
			b = append(appendS64(append(b, typeI64, 1, opI64Const), initial), opEnd)
		}
		return b
	})
	e.copied(sectionExport, m.exportsOut)
	e.copied(sectionStart, m.startOut)
	e.copied(sectionElement, m.elementsOut)
	e.copied(sectionDataCount, m.raw(m.dataCountRaw))
	if err := e.bodies(); err != nil {
		return nil, err
	}
	e.copied(sectionData, m.raw(m.dataRaw))
	e.names()
	if len(e.out) > m.options.Output {
		return nil, m.tooLong(len(m.in))
	}
	return e.out, nil
}

func (m *module) tooLong(at int) error {
	return &Error{
		Section: "module", Function: -1, Offset: at,
		Reason: fmt.Sprintf("with the code that measures it is longer than %d bytes; it has too many loops, branches or functions", m.options.Output),
	}
}

func (m *module) raw(p part) []byte { return m.in[p.from:p.to] }

// section writes one whose content is appended by fill.
func (e *emitter) section(id byte, fill func([]byte) []byte) {
	e.out = append(e.out, id)
	at := len(e.out)
	e.out = fill(appendPadded(e.out, 0))
	appendPadded(e.out[:at], uint32(len(e.out)-at-5))
}

// copied writes a section that was there, if it was.
func (e *emitter) copied(id byte, content []byte) {
	if e.m.seen[id] {
		e.section(id, func(b []byte) []byte { return append(b, content...) })
	}
}

// types writes those of the module, then ()->i64 and ()->(), and those of blocks with several results that go around
// whole functions.
func (e *emitter) types() {
	m := e.m
	n := uint32(len(m.types)) + 2
	var more []byte
	for i := range m.bodies {
		t := m.funcs[int(m.imported)+i]
		results := m.types[t].results
		if len(results) < 2 || m.bodies[i].shallow {
			continue
		}
		if _, have := e.wraps[t]; !have {
			e.wraps[t] = n
			n++
			more = append(appendU32(append(more, typeFunction, 0), uint32(len(results))), results...)
		}
	}
	e.section(sectionType, func(b []byte) []byte {
		b = append(appendU32(b, n), m.raw(m.typesRaw)...)
		b = append(b, typeFunction, 0, 1, typeI64, typeFunction, 0, 0)
		return append(b, more...)
	})
}

// imports writes those of the module, and what the host provides for measuring: functions behind the other imported ones.
func (e *emitter) imports() {
	m := e.m
	e.section(sectionImport, func(b []byte) []byte {
		b = append(appendU32(b, uint32(m.importCount)+added), m.raw(m.importsRaw)...)
		for i, name := range []string{TickName, DeepName} {
			b = append(appendName(appendName(b, ModuleName), name), 0)
			b = appendU32(b, uint32(len(m.types)+i))
		}
		return b
	})
}

// sizes writes tables and memories, with the maxima that they got.
func (e *emitter) sizes() {
	m := e.m
	if tables := m.tables[m.importedTables:]; len(tables) > 0 {
		e.section(sectionTable, func(b []byte) []byte {
			b = appendU32(b, uint32(len(tables)))
			for _, t := range tables {
				b = appendLimits(append(b, t.element), t.limits)
			}
			return b
		})
	}
	if memories := m.memories[m.importedMemories:]; len(memories) > 0 {
		e.section(sectionMemory, func(b []byte) []byte {
			return appendLimits(appendU32(b, uint32(len(memories))), memories[0])
		})
	}
}

// bodies writes the code, and behind all other functions the one that calls the host.
func (e *emitter) bodies() error {
	m := e.m
	var err error
	e.section(sectionCode, func(b []byte) []byte {
		e.out = appendU32(b, uint32(len(m.bodies))+1)
		for i := range m.bodies {
			e.body(&m.bodies[i], m.imported+uint32(i))
			if len(e.out) > m.options.Output {
				err = m.tooLong(m.bodies[i].code.to)
				return e.out
			}
		}
		return e.appendRefuel(e.out)
	})
	return err
}

func (e *emitter) appendRefuel(out []byte) []byte {
	tick, deep := e.m.imported, e.m.imported+1
	b := []byte{0} // no locals
	b = e.appendGlobal(b, opGlobalGet, e.depth)
	b = append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opCall)
	b = append(appendU32(b, deep), opEnd)
	b = e.appendGlobal(b, opGlobalGet, e.fuel)
	b = append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opCall)
	b = e.appendGlobal(appendU32(b, tick), opGlobalSet, e.fuel)
	b = append(b, opEnd, opEnd)
	return append(appendU32(out, uint32(len(b))), b...)
}
