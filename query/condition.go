package query

// condition is a condition that was checked. It is one of the types of this file.
type condition interface {
	// truth evaluates it in memory.
	truth(e *eval) Truth
	// sql writes it for a database.
	sql(w *writer) string
	// terms are what an index may hold of it; see [Plan.Index].
	terms() ([]Term, bool)
	// visit gives the fields that it reads.
	visit(func(*field))
}

// constant is a condition that is the same of every row.
type constant Truth

// both is AND.
type both []condition

// either is OR.
type either []condition

// negated is NOT.
type negated struct{ x condition }

// compared compares a field with a value.
type compared struct {
	f  *field
	op Op
	v  Value // not null
}

// related compares two fields.
type related struct {
	left, right *field
	op          Op
}

// among looks for a field's value among others.
type among struct {
	f       *field
	values  []Value         // not null
	keys    map[string]bool // the same, where there are many
	orNull  bool            // null was one of the values
	demands bool            // unknown where the field is null, also where there are no values
}

// alike compares a field with a pattern.
type alike struct {
	f       *field
	pattern *pattern
	text    []byte // of the pattern
	escape  rune
}

// missing tells whether a field is null.
type missing struct{ f *field }

// affirmed is a field that is a condition itself.
type affirmed struct{ f *field }

// holding looks for a value among the elements of an array.
type holding struct {
	f       *field
	v       Value  // not null; null where element is given
	element *field // nil where v is given
}

func (c constant) truth(*eval) Truth { return Truth(c) }

func (c both) truth(e *eval) Truth {
	least := True
	for _, x := range c {
		if t := x.truth(e); t < least {
			if least = t; t == False {
				break
			}
		}
	}
	return least
}

func (c either) truth(e *eval) Truth {
	most := False
	for _, x := range c {
		if t := x.truth(e); t > most {
			if most = t; t == True {
				break
			}
		}
	}
	return most
}

func (c negated) truth(e *eval) Truth { return c.x.truth(e).not() }

func (c *compared) truth(e *eval) Truth {
	v := c.f.value(e)
	return c.op.holds(&v, &c.v)
}

func (c *related) truth(e *eval) Truth {
	l, r := c.left.value(e), c.right.value(e)
	return c.op.holds(&l, &r)
}

func (c *among) truth(e *eval) Truth {
	v := c.f.value(e)
	if v.kind == KindNull {
		if len(c.values) == 0 && !c.orNull && !c.demands {
			return False
		}
		return Unknown
	}
	if c.has(e, &v) {
		return True
	}
	if c.orNull {
		return Unknown
	}
	return False
}

func (c *among) has(e *eval, v *Value) bool {
	if v.kind == KindArray || v.kind == KindObject {
		return false
	}
	if c.keys != nil {
		begin := len(e.buffer)
		e.buffer = appendKey(e.buffer, v)
		return c.keys[string(e.buffer[begin:])]
	}
	for i := range c.values {
		if Equal.holds(v, &c.values[i]) == True {
			return true
		}
	}
	return false
}

func (c *alike) truth(e *eval) Truth {
	v := c.f.value(e)
	if v.kind == KindNull {
		return Unknown
	}
	return truthOf(v.kind == KindText && c.pattern.match(v.b))
}

func (c *missing) truth(e *eval) Truth {
	v := c.f.value(e)
	return truthOf(v.kind == KindNull)
}

func (c *affirmed) truth(e *eval) Truth {
	v := c.f.value(e)
	if v.kind != KindBool {
		return Unknown
	}
	return truthOf(v.n != 0)
}

func (c *holding) truth(e *eval) Truth {
	of, v := c.f.value(e), c.v
	if c.element != nil {
		v = c.element.value(e)
	}
	if of.kind == KindNull || v.kind == KindNull {
		return Unknown
	}
	if of.kind != KindArray || v.kind == KindArray || v.kind == KindObject {
		return False
	}
	mark := len(e.buffer)
	for w := walk(of.b); w.next(false); {
		element := e.readJSON(w.value)
		if Equal.holds(&element, &v) == True {
			return True
		}
		e.buffer = e.buffer[:mark]
	}
	return False
}

func (c constant) visit(func(*field)) {}

func (c both) visit(see func(*field)) {
	for _, x := range c {
		x.visit(see)
	}
}

func (c either) visit(see func(*field)) {
	for _, x := range c {
		x.visit(see)
	}
}

func (c negated) visit(see func(*field))   { c.x.visit(see) }
func (c *compared) visit(see func(*field)) { see(c.f) }
func (c *among) visit(see func(*field))    { see(c.f) }
func (c *alike) visit(see func(*field))    { see(c.f) }
func (c *missing) visit(see func(*field))  { see(c.f) }
func (c *affirmed) visit(see func(*field)) { see(c.f) }

func (c *related) visit(see func(*field)) {
	see(c.left)
	see(c.right)
}

func (c *holding) visit(see func(*field)) {
	see(c.f)
	if c.element != nil {
		see(c.element)
	}
}
