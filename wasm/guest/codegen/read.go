package codegen

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/nacredb/nacre/wasm/guest/reflected"
)

// read writes statements that read a value from r. The value is an expression that can be assigned to, and that is
// zero before.
func (f *file) read(t reflect.Type, value, at string) {
	switch reflected.Decodes(t) {
	case "json":
		f.printf("if text := r.Raw(); text != nil {\nif err := %s.UnmarshalJSON(text); err != nil {\nr.Fail(err.Error())\n}\n}\n", value)
		return
	case "text":
		f.printf("if !r.Null() {\nif text := r.Text(); r.Err() == nil {\nif err := %s.UnmarshalText(text); err != nil {\nr.Fail(err.Error())\n}\n}\n}\n", value)
		return
	}
	switch reflected.KindOf(t) {
	case reflected.Time:
		f.printf("%s = r.Time()\n", value)
		return
	case reflected.Raw:
		f.printf("%[1]s = append(%[1]s[:0:0], r.Raw()...)\n", value)
		return
	}
	switch k := t.Kind(); {
	case reflected.Basic(k):
		f.readBasic(t, value, "r", at)
	case k == reflect.Interface && t.NumMethod() == 0:
		f.printf("%s = r.Any()\n", value)
	case k == reflect.Pointer:
		f.readPointer(t, value, at, func(element string) { f.read(t.Elem(), element, at) })
	case k == reflect.Slice, k == reflect.Array, k == reflect.Map, k == reflect.Struct:
		f.readMany(t, value, at)
	default:
		f.reflect(t, value, true, at, "a "+k.String()+" is not what JSON has")
	}
}

func (f *file) readPointer(t reflect.Type, value, at string, element func(string)) {
	name, ok := f.typeName(t.Elem())
	if !ok {
		f.reflect(t, value, true, at, unnamed(f))
		return
	}
	f.printf("if !r.Null() {\n%s = new(%s)\n", value, name)
	element("(*" + value + ")")
	f.printf("}\n")
}

// readBasic reads from a reader that is not always r.
func (f *file) readBasic(t reflect.Type, value, reader, at string) {
	name, ok := f.typeName(t)
	if !ok {
		f.reflect(t, value, true, at, unnamed(f))
		return
	}
	what := ""
	switch k := t.Kind(); {
	case reflected.KindOf(t) == reflected.Number:
		what = "Number()"
	case k == reflect.Bool:
		what = "Bool()"
	case k == reflect.String:
		what = "String()"
	case k == reflect.Float32, k == reflect.Float64:
		what = "Float(" + strconv.Itoa(t.Bits()) + ")"
	case k >= reflect.Uint:
		what = "Uint(" + bits(t) + ")"
	default:
		what = "Int(" + bits(t) + ")"
	}
	f.printf("%s = %s(%s.%s)\n", value, name, reader, what)
}

// bits are those of a whole number's type; int and uint have 64 in WebAssembly, and in what is tested.
func bits(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return "64"
	default:
		return strconv.Itoa(t.Bits())
	}
}

func (f *file) readMany(t reflect.Type, value, at string) {
	if t.Name() == "" {
		f.readParts(t, value, at)
		return
	}
	call, ok := f.functionFor(t, "Read", "r", "Reader", func(f *file) { f.readParts(t, "(*v)", t.String()) })
	if !ok {
		f.reflect(t, value, true, at, unnamed(f))
		return
	}
	f.printf("%s(r, &%s)\n", call, value)
}

func (f *file) readParts(t reflect.Type, value, at string) {
	switch t.Kind() {
	case reflect.Struct:
		f.readStruct(t, value, at)
	case reflect.Slice:
		f.readSlice(t, value, at)
	case reflect.Array:
		i := f.variable("i")
		f.printf("%[1]s := 0\nfor ok := r.Array(); ok && r.Element(); %[1]s++ {\nif %[1]s >= %[2]d {\nr.Skip()\ncontinue\n}\n", i, t.Len())
		f.read(t.Elem(), value+"["+i+"]", at+"[]")
		f.printf("}\n")
	default:
		f.readMap(t, value, at)
	}
}

func (f *file) readSlice(t reflect.Type, value, at string) {
	name, ok := f.typeName(t.Elem())
	switch {
	case oddBytes(t):
		f.reflect(t, value, true, at, oddBytesWhy)
		return
	case !ok:
		f.reflect(t, value, true, at, unnamed(f))
		return
	case reflected.IsBytes(t) && t.Elem().PkgPath() != "":
		f.printf("%s = %s.FromBytes[%s](r.Base64())\n", value, f.use(jsontextPath), name)
		return
	case reflected.IsBytes(t):
		f.printf("%s = r.Base64()\n", value)
		return
	}
	e := f.variable("e")
	f.printf("if r.Array() {\n%s = []%s{}\nfor r.Element() {\nvar %s %[2]s\n", value, name, e)
	f.read(t.Elem(), e, at+"[]")
	f.printf("%[1]s = append(%[1]s, %[2]s)\n}\n}\n", value, e)
}

func (f *file) readMap(t reflect.Type, value, at string) {
	key, keyOK := f.typeName(t.Key())
	element, elementOK := f.typeName(t.Elem())
	if !keyOK || !elementOK {
		f.reflect(t, value, true, at, unnamed(f))
		return
	}
	read := ""
	switch k := t.Key(); {
	case reflected.TextKeys(k):
	case k.Kind() == reflect.String:
		read = "string(r.Name())"
	case k.Kind() >= reflect.Int && k.Kind() <= reflect.Int64:
		read = fmt.Sprintf("r.IntName(%s)", bits(k))
	case k.Kind() >= reflect.Uint && k.Kind() <= reflect.Uintptr:
		read = fmt.Sprintf("r.UintName(%s)", bits(k))
	}
	if read == "" {
		f.reflect(t, value, true, at, oddMap)
		return
	}
	k, e := f.variable("k"), f.variable("e")
	f.printf("if r.Object() {\n%s = map[%s]%s{}\nfor r.Member() {\n%s := %[2]s(%[5]s)\n", value, key, element, k, read)
	f.printf("if _, twice := %s[%s]; twice {\nr.Twice()\n}\nvar %s %s\n", value, k, e, element)
	f.read(t.Elem(), e, at+"{}")
	f.printf("%s[%s] = %s\n}\n}\n", value, k, e)
}

func (f *file) readStruct(t reflect.Type, value, at string) {
	fields, err := reflected.Fields(t)
	if err != nil {
		f.reflect(t, value, true, at, err.Error())
		return
	}
	for _, m := range fields {
		for _, s := range m.Steps[:len(m.Steps)-1] {
			if _, ok := f.typeName(indirect(s.Type)); !ok && s.Type.Kind() == reflect.Pointer {
				f.reflect(t, value, true, at, "it embeds a pointer, and "+unnamed(f))
				return
			}
		}
	}
	f.printf("if r.Object() {\n")
	const word = 64
	if n := (len(fields) + word - 1) / word; n > 0 {
		f.printf("var seen [%d]uint64\n", n)
	}
	f.printf("for r.Member() {\nswitch string(r.Name()) {\n")
	for i, m := range fields {
		f.printf("case %[1]s:\nif seen[%[2]d]&(1<<%[3]d) != 0 {\nr.Twice()\n}\nseen[%[2]d] |= 1 << %[3]d\n", strconv.Quote(m.Name), i/word, i%word)
		f.readMember(&m, value, at+"."+m.Name)
	}
	f.printf("default:\nr.Unknown()\n}\n}\n}\n")
}

// readMember reads a field, and makes the embedded structs that it stands in.
func (f *file) readMember(m *reflected.Field, value, at string) {
	for i, s := range m.Steps {
		value += "." + s.Name
		if i == len(m.Steps)-1 || s.Type.Kind() != reflect.Pointer {
			continue
		}
		name, _ := f.typeName(s.Type.Elem()) // there is one: see readStruct
		f.printf("if %[1]s == nil {\n%[1]s = new(%[2]s)\n}\n", value, name)
	}
	t := m.Type
	if !m.Quoted || reflected.Decodes(t) != "" {
		f.read(t, value, at)
		return
	}
	q := f.variable("q")
	f.printf("if %s := r.Quoted(); %[1]s != nil {\n", q)
	switch {
	case t.Kind() == reflect.Pointer:
		name, ok := f.typeName(t.Elem())
		if !ok {
			f.reflect(t, value, true, at, unnamed(f))
			return
		}
		f.printf("if !%s.Null() {\n%s = new(%s)\n", q, value, name)
		f.readBasic(t.Elem(), "(*"+value+")", q, at)
		f.printf("}")
		if t.Elem().Kind() == reflect.String && reflected.KindOf(t.Elem()) != reflected.Number {
			f.printf(" else {\n%s.Fail(\"a text should stand in the text\")\n}", q)
		}
		f.printf("\n")
	case t.Kind() == reflect.String && reflected.KindOf(t) != reflected.Number:
		f.printf("if %s.Null() {\n%[1]s.Fail(\"a text should stand in the text\")\n}\n", q)
		fallthrough
	default:
		f.readBasic(t, value, q, at)
	}
	f.printf("r.Unquoted(%s)\n}\n", q)
}

// indirect is what a pointer points to, or the type itself.
func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
