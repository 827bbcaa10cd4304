package component

// Kind says what a type is.
type Kind int

// The kinds of types. The primitive ones that differ in size only are one kind.
const (
	// Opaque is what this package has not followed: a type that another component, or the world outside, defines.
	Opaque Kind = iota
	Bool
	Integer
	Float
	Char
	String
	Record
	Variant
	List
	Tuple
	Flags
	Enum
	Option
	Result
	Own
	Borrow
	Func
	Resource
	Instance
	Other
)

// Type is one that a component defines. What it is made of was defined before it, so that no type holds itself.
type Type struct {
	Kind Kind
	// Fields are a record's fields, a tuple's members, a variant's or enum's cases, flags, or a function's parameters.
	Fields []Field
	// Elem is what a list, an option, an owned or borrowed handle is of; of a result, what it is where all went well;
	// of a function, its only result. Nil where there is none.
	Elem *Type
	// Err is what a result is where something failed; nil where it carries nothing.
	Err *Type
}

// Field is a part of a type.
type Field struct {
	Name string
	Type *Type // nil for a case that carries nothing, and for flags
}

// primitives are the types that are written as a negative number.
var primitives = map[int64]*Type{
	-0x01: {Kind: Bool},
	-0x02: {Kind: Integer}, -0x03: {Kind: Integer}, -0x04: {Kind: Integer}, -0x05: {Kind: Integer},
	-0x06: {Kind: Integer}, -0x07: {Kind: Integer}, -0x08: {Kind: Integer}, -0x09: {Kind: Integer},
	-0x0a: {Kind: Float}, -0x0b: {Kind: Float},
	-0x0c: {Kind: Char},
	-0x0d: {Kind: String},
}

// types reads the types of one scope: a component, or the type of a component or instance, which has its own.
type types struct {
	r     *reader
	all   []*Type
	depth int
}

// maxDepth bounds the types of components and instances inside each other.
const maxDepth = 32

// value is a type by its index, or a primitive one.
func (t *types) value() *Type {
	begin := t.r.at
	i := t.r.s33()
	if i < 0 {
		p := primitives[i]
		if p == nil {
			t.r.fail(begin, "there is no primitive type %#x", byte(i&0x7f))
		}
		return p
	}
	if i >= int64(len(t.all)) {
		t.r.fail(begin, "type %d does not exist: there are %d before this place", i, len(t.all))
		return nil
	}
	return t.all[i]
}

// maybe is a type that may be absent.
func (t *types) maybe() *Type {
	begin := t.r.at
	switch c := t.r.byte(); c {
	case 0:
		return nil
	case 1:
		return t.value()
	default:
		t.r.fail(begin, "%#x says neither that a type is there nor that it is not", c)
		return nil
	}
}

func (t *types) index() *Type {
	if i := t.r.index("type", len(t.all)); t.r.err == nil {
		return t.all[i]
	}
	return nil
}

// define reads a definition, which has the next index afterwards.
func (t *types) define() { t.all = append(t.all, t.definition()) }

func (t *types) definition() *Type {
	begin := t.r.at
	switch c := t.r.byte(); c {
	case 0x72:
		return &Type{Kind: Record, Fields: t.fields(true)}
	case 0x71:
		return &Type{Kind: Variant, Fields: t.cases()}
	case 0x70:
		return &Type{Kind: List, Elem: t.value()}
	case 0x6f:
		return &Type{Kind: Tuple, Fields: t.fields(false)}
	case 0x6e:
		return &Type{Kind: Flags, Fields: t.labels()}
	case 0x6d:
		return &Type{Kind: Enum, Fields: t.labels()}
	case 0x6b:
		return &Type{Kind: Option, Elem: t.value()}
	case 0x6a:
		ok := t.maybe()
		return &Type{Kind: Result, Elem: ok, Err: t.maybe()}
	case 0x69:
		return &Type{Kind: Own, Elem: t.index()}
	case 0x68:
		return &Type{Kind: Borrow, Elem: t.index()}
	case 0x40:
		return t.function()
	case 0x42, 0x41:
		t.scope(c == 0x41)
		return &Type{Kind: Instance}
	case 0x3f:
		t.resource()
		return &Type{Kind: Resource}
	default:
		if p := primitives[int64(c)-0x80]; p != nil && c >= 0x40 {
			return p
		}
		t.r.fail(begin, "a type of the unknown kind %#x", c)
		return nil
	}
}

func (t *types) fields(named bool) []Field {
	out := []Field{}
	for range t.r.count() {
		var f Field
		if named {
			f.Name = t.r.name()
		}
		f.Type = t.value()
		if t.r.err != nil {
			return nil
		}
		out = append(out, f)
	}
	return out
}

func (t *types) cases() []Field {
	out := []Field{}
	for range t.r.count() {
		f := Field{Name: t.r.name(), Type: t.maybe()}
		if c := t.r.byte(); c != 0 {
			t.r.fail(t.r.at-1, "case %q refines another one, which is no longer a part of the format", f.Name)
		}
		if t.r.err != nil {
			return nil
		}
		out = append(out, f)
	}
	return out
}

func (t *types) labels() []Field {
	out := []Field{}
	for range t.r.count() {
		out = append(out, Field{Name: t.r.name()})
		if t.r.err != nil {
			return nil
		}
	}
	return out
}

// function reads a function's type. One with several results, which only old tools write, is Other.
func (t *types) function() *Type {
	f := &Type{Kind: Func, Fields: t.fields(true)}
	begin := t.r.at
	switch c := t.r.byte(); c {
	case 0:
		f.Elem = t.value()
	case 1:
		if len(t.fields(true)) > 0 {
			f.Kind = Other
		}
	default:
		t.r.fail(begin, "a function's results are of the unknown kind %#x", c)
	}
	return f
}

// resource reads what represents a resource, and its destructor.
func (t *types) resource() {
	begin := t.r.at
	if c := t.r.byte(); c != 0x7f {
		t.r.fail(begin, "a resource is not represented by an i32")
	}
	if t.r.byte() != 0 {
		t.r.u32()
	}
}

// scope reads the type of an instance or component. What it declares is its own and known to nobody else.
func (t *types) scope(component bool) {
	inner := &types{r: t.r, depth: t.depth + 1}
	if inner.depth > maxDepth {
		t.r.fail(t.r.at, "types stand in each other more than %d deep", maxDepth)
		return
	}
	for range t.r.count() {
		begin := t.r.at
		switch c := t.r.byte(); {
		case c == 0:
			inner.core()
		case c == 1:
			inner.define()
		case c == 2:
			if s, _ := readSort(t.r); s == sortType {
				inner.all = append(inner.all, &Type{})
			}
			inner.target()
		case c == 3 && component, c == 4:
			t.r.externName()
			if s, of := inner.described(); s == sortType {
				inner.all = append(inner.all, of)
			}
		default:
			t.r.fail(begin, "a declaration of the unknown kind %#x", c)
		}
		if t.r.err != nil {
			return
		}
	}
}

// core reads the type of a core function.
func (t *types) core() {
	begin := t.r.at
	if c := t.r.byte(); c != 0x60 {
		t.r.fail(begin, "a core type of the kind %#x, where only functions are understood", c)
		return
	}
	t.r.bytes(t.r.length())
	t.r.bytes(t.r.length())
}

// target reads what an alias inside a type leads to.
func (t *types) target() {
	begin := t.r.at
	switch c := t.r.byte(); c {
	case 0, 1:
		t.r.u32()
		t.r.name()
	case 2:
		t.r.u32()
		t.r.u32()
	default:
		t.r.fail(begin, "an alias of the unknown kind %#x", c)
	}
}

// described reads what an import or export is said to be; of a type it gives the type.
func (t *types) described() (what sort, of *Type) {
	begin := t.r.at
	switch c := t.r.byte(); c {
	case 0x00:
		t.r.byte() // that it is a module
		t.r.u32()
		return sortCoreModule, nil
	case 0x01:
		return sortFunc, t.index()
	case 0x02:
		if t.r.byte() == 0 {
			t.r.u32()
		} else {
			t.value()
		}
		return sortValue, nil
	case 0x03:
		if t.r.byte() == 0 {
			return sortType, t.index()
		}
		return sortType, &Type{Kind: Resource}
	case 0x04:
		t.index()
		return sortComponent, nil
	case 0x05:
		t.index()
		return sortInstance, nil
	default:
		t.r.fail(begin, "something of the unknown sort %#x", c)
		return 0, nil
	}
}
