package codegen

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
	"github.com/nacredb/nacre/wasm/guest/reflected"
)

// write writes statements that append a value to w. The value is an expression that a pointer can be taken of;
// addressed tells whether encoding/json could take one, too.
func (f *file) write(t reflect.Type, value string, addressed bool, at string) {
	if reflected.Wavers(t) {
		if how, _ := reflected.Encodes(t); how == "" || !addressed {
			if addressed {
				value = "&" + value
			}
			f.reflect(t, value, false, at, "what it encodes as depends on pointers: give its MarshalJSON or MarshalText to the value")
			return
		}
	}
	switch how, _ := reflected.Encodes(t); {
	case reflected.KindOf(t) == reflected.Time:
		f.printf("w.Time(%s)\n", value)
		return
	case reflected.KindOf(t) == reflected.Raw:
		f.printf("if %[1]s == nil {\nw.Raw(\"null\")\n} else {\nw.Value(%[1]s)\n}\n", value)
		return
	case reflected.KindOf(t) == reflected.Number:
		f.printf("w.Number(string(%s))\n", value)
		return
	case how == "json":
		f.printf("if text, err := %s.MarshalJSON(); err != nil {\nw.Fail(err)\n} else {\nw.Value(text)\n}\n", value)
		return
	case how == "text":
		f.printf("if text, err := %s.MarshalText(); err != nil {\nw.Fail(err)\n} else {\nw.String(string(text))\n}\n", value)
		return
	}
	switch k := t.Kind(); {
	case reflected.Basic(k):
		f.writeBasic(k, value)
	case k == reflect.Interface && t.NumMethod() == 0:
		f.printf("if !w.Any(%s) {\n%s.Write(w, %s)\n}\n", value, f.use(reflectedPath), value)
	case k == reflect.Pointer:
		f.printf("if %s == nil {\nw.Raw(\"null\")\n} else {\n", value)
		f.write(t.Elem(), "(*"+value+")", true, at)
		f.printf("}\n")
	case k == reflect.Slice, k == reflect.Array, k == reflect.Map, k == reflect.Struct:
		f.writeMany(t, value, addressed, at)
	default:
		f.reflect(t, value, false, at, "a "+k.String()+" is not what JSON has")
	}
}

func (f *file) writeBasic(k reflect.Kind, value string) {
	switch {
	case k == reflect.Bool:
		f.printf("w.Bool(bool(%s))\n", value)
	case k == reflect.String:
		f.printf("w.String(string(%s))\n", value)
	case k == reflect.Float32:
		f.printf("w.Float(float64(%s), 32)\n", value)
	case k == reflect.Float64:
		f.printf("w.Float(float64(%s), 64)\n", value)
	case k >= reflect.Uint:
		f.printf("w.Uint(uint64(%s))\n", value)
	default:
		f.printf("w.Int(int64(%s))\n", value)
	}
}

// writeMany writes what has parts: in a function of its own, where the type has a name.
func (f *file) writeMany(t reflect.Type, value string, addressed bool, at string) {
	if t.Name() == "" {
		f.writeParts(t, value, addressed, at)
		return
	}
	call, ok := f.functionFor(t, "Write", "w", "Writer", func(f *file) { f.writeParts(t, "(*v)", addressed, t.String()) })
	if !ok {
		f.reflect(t, value, false, at, unnamed(f))
		return
	}
	f.printf("%s(w, &%s)\n", call, value)
}

func (f *file) writeParts(t reflect.Type, value string, addressed bool, at string) {
	deep := reflected.HoldsItself(t)
	if deep {
		f.printf("if w.Enter() {\n")
	}
	switch t.Kind() {
	case reflect.Struct:
		f.writeStruct(t, value, addressed, at)
	case reflect.Slice:
		f.writeSlice(t, value, at)
	case reflect.Array:
		i := f.variable("i")
		f.printf("w.Byte('[')\nfor %[1]s := range %[2]s {\nif %[1]s > 0 {\nw.Byte(',')\n}\n", i, value)
		f.write(t.Elem(), value+"["+i+"]", addressed, at+"[]")
		f.printf("}\nw.Byte(']')\n")
	default:
		f.writeMap(t, value, at)
	}
	if deep {
		f.printf("}\nw.Leave()\n")
	}
}

func (f *file) writeSlice(t reflect.Type, value, at string) {
	if oddBytes(t) {
		f.reflect(t, value, false, at, oddBytesWhy)
		return
	}
	f.printf("if %s == nil {\nw.Raw(\"null\")\n} else {\n", value)
	if reflected.IsBytes(t) {
		if t.Elem().PkgPath() != "" {
			value = f.use(jsontextPath) + ".ToBytes(" + value + ")"
		}
		f.printf("w.Base64(%s)\n}\n", value)
		return
	}
	i := f.variable("i")
	f.printf("w.Byte('[')\nfor %[1]s := range %[2]s {\nif %[1]s > 0 {\nw.Byte(',')\n}\n", i, value)
	f.write(t.Elem(), value+"["+i+"]", true, at+"[]")
	f.printf("}\nw.Byte(']')\n}\n")
}

// oddBytes tells whether a slice is of bytes that encode or decode themselves.
func oddBytes(t reflect.Type) bool { return t.Elem().Kind() == reflect.Uint8 && !reflected.IsBytes(t) }

const oddBytesWhy = "its bytes encode or decode themselves"

const oddMap = "its keys encode themselves, or the values do by pointers only"

func (f *file) writeMap(t reflect.Type, value, at string) {
	keys := ""
	switch k := t.Key(); {
	case reflected.TextKeys(k):
	case k.Kind() == reflect.String:
		keys = "Keys"
	case k.Kind() >= reflect.Int && k.Kind() <= reflect.Int64:
		keys = "IntKeys"
	case k.Kind() >= reflect.Uint && k.Kind() <= reflect.Uintptr:
		keys = "UintKeys"
	}
	if keys == "" || reflected.Wavers(t.Elem()) {
		f.reflect(t, value, false, at, oddMap)
		return
	}
	key, element := f.variable("k"), f.variable("e")
	f.printf("if %s == nil {\nw.Raw(\"null\")\n} else {\nw.Byte('{')\n", value)
	f.printf("for _, %s := range %s.%s(%s) {\nw.Comma()\n", key, f.use(jsontextPath), keys, value)
	switch keys {
	case "Keys":
		f.printf("w.String(string(%s))\nw.Byte(':')\n", key)
	case "IntKeys":
		f.printf("w.Byte('\"')\nw.Int(int64(%s))\nw.Raw(`\":`)\n", key)
	default:
		f.printf("w.Byte('\"')\nw.Uint(uint64(%s))\nw.Raw(`\":`)\n", key)
	}
	f.printf("%s := %s[%s]\n", element, value, key)
	f.write(t.Elem(), element, false, at+"{}")
	f.printf("}\nw.Byte('}')\n}\n")
}

func (f *file) writeStruct(t reflect.Type, value string, addressed bool, at string) {
	fields, err := reflected.Fields(t)
	if err != nil {
		f.reflect(t, value, false, at, err.Error())
		return
	}
	if len(fields) == 0 {
		f.printf("w.Raw(`{}`)\n")
		return
	}
	opened, certain := false, false // the brace is written; and a member is
	for _, m := range fields {
		var name jsontext.Writer
		name.String(m.Name)
		name.Byte(':')
		place, conditions := reach(&m, value)
		if condition := f.present(&m, place); condition != "" {
			conditions = append(conditions, condition)
		}
		if len(conditions) > 0 {
			if !opened {
				f.printf("w.Byte('{')\n")
			}
			opened = true
			f.printf("if %s {\n", strings.Join(conditions, " && "))
		}
		f.writeName(string(name.Bytes()), opened, certain)
		f.writeMember(&m, place, addressed || m.BehindPointer(), at+"."+m.Name)
		if len(conditions) > 0 {
			f.printf("}\n")
		}
		opened, certain = true, certain || len(conditions) == 0
	}
	f.printf("w.Byte('}')\n")
}

func (f *file) writeName(name string, opened, certain bool) {
	switch {
	case !opened:
		name = "{" + name
	case certain:
		name = "," + name
	default:
		f.printf("w.Comma()\n")
	}
	f.printf("w.Raw(%s)\n", strconv.Quote(name))
}

// reach is where a member is, and which embedded pointers must not be nil.
func reach(m *reflected.Field, value string) (place string, conditions []string) {
	for i, s := range m.Steps {
		value += "." + s.Name
		if i < len(m.Steps)-1 && s.Type.Kind() == reflect.Pointer {
			conditions = append(conditions, value+" != nil")
		}
	}
	return value, conditions
}

// present is the condition under which a member is written; "" where it always is.
func (f *file) present(m *reflected.Field, place string) string {
	var conditions []string
	if m.OmitEmpty {
		switch k := m.Type.Kind(); {
		case k == reflect.Slice, k == reflect.Map, k == reflect.Array:
			conditions = append(conditions, "len("+place+") != 0")
		case k != reflect.Struct:
			conditions = append(conditions, f.notZero(m.Type, place))
		}
	}
	if m.OmitZero {
		conditions = append(conditions, f.notOmitted(m.Type, place))
	}
	return strings.Join(conditions, " && ")
}

var zeroer = reflect.TypeFor[interface{ IsZero() bool }]()

// notOmitted is what "omitzero" asks of a value to be written.
func (f *file) notOmitted(t reflect.Type, place string) string {
	switch {
	case t.Kind() == reflect.Pointer && t.Implements(zeroer):
		return "(" + place + " != nil && !" + place + ".IsZero())"
	case t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(zeroer):
		return "!" + place + ".IsZero()"
	default:
		return f.notZero(t, place)
	}
}

func (f *file) notZero(t reflect.Type, place string) string {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "bool(" + place + ")"
	case k == reflect.String:
		return place + ` != ""`
	case k >= reflect.Int && k <= reflect.Uintptr:
		return place + " != 0"
	case k == reflect.Pointer, k == reflect.Interface, k == reflect.Slice, k == reflect.Map:
		return place + " != nil"
	default:
		return "!" + f.use(jsontextPath) + ".IsZero(&" + place + ")"
	}
}

// writeMember writes a field, in a text where its tag says so.
func (f *file) writeMember(m *reflected.Field, place string, addressed bool, at string) {
	t := m.Type
	if how, _ := reflected.Encodes(t); !m.Quoted || how != "" {
		f.write(t, place, addressed, at)
		return
	}
	if t.Kind() == reflect.Pointer {
		inner := *m
		inner.Type = t.Elem()
		f.printf("if %s == nil {\nw.Raw(\"null\")\n} else {\n", place)
		f.writeMember(&inner, "(*"+place+")", true, at)
		f.printf("}\n")
		return
	}
	if t.Kind() == reflect.String && reflected.KindOf(t) != reflected.Number {
		q := f.variable("q")
		f.printf("var %[1]s %[2]s.Writer\n%[1]s.String(string(%[3]s))\nw.Fail(%[1]s.Err())\nw.String(string(%[1]s.Bytes()))\n", q, f.use(jsontextPath), place)
		return
	}
	f.printf("w.Byte('\"')\n")
	f.write(t, place, addressed, at)
	f.printf("w.Byte('\"')\n")
}

// reflect leaves a value to reflection, and tells so.
func (f *file) reflect(t reflect.Type, value string, reading bool, at, why string) {
	f.g.left(at, t, why)
	if reading {
		f.printf("%s.Read(r, &%s)\n", f.use(reflectedPath), value)
		return
	}
	f.printf("%s.Write(w, %s)\n", f.use(reflectedPath), value)
}

// functionFor gives what to call for a type with a name, and sees to it that it is there: in the type's own
// package, where code may be added to that.
func (f *file) functionFor(t reflect.Type, verb, param, kind string, body func(*file)) (call string, ok bool) {
	name, ok := f.typeName(t)
	if !ok {
		return "", false
	}
	of, function := f, "Nacre"+verb+"_"+strings.ReplaceAll(name, ".", "_")
	if p := f.g.packageOf(t); p != f.path && f.g.own(p) {
		of, function = f.g.file(p), "Nacre"+verb+"_"+t.Name()
		call = f.use(p) + "."
		name = t.Name()
	}
	of.function(function, func() {
		of.printf("\n// %s is for generated code.\nfunc %[1]s(%s *%s.%s, v *%s) {\n", function, param, of.use(jsontextPath), kind, name)
		body(of)
		of.printf("}\n")
	})
	return call + function, true
}
