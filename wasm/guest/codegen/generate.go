package codegen

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/wasm/guest/reflected"
)

// Where the packages are that generated code uses.
const (
	jsontextPath  = "github.com/nacredb/nacre/wasm/guest/jsontext"
	reflectedPath = "github.com/nacredb/nacre/wasm/guest/reflected"
)

// Options say where code may go.
type Options struct {
	// Packages are those that code may be added to, by import path: as a rule, those of the user's own module.
	// The types of others are read and written from the main package.
	Packages map[string]Package

	// Main is the import path of the program's main package, which is among them.
	Main string
}

// Package is a package that code may be added to.
type Package struct {
	Name string
	// Types are the names of its types, without those that functions declare for themselves. nil is all.
	Types []string
}

// Result is what was generated.
type Result struct {
	// Files has a file for each package that needs one, by import path.
	Files map[string][]byte
	// Notes say what no code could be generated for, and why.
	Notes []string
	// Reflects says that whole values are left to reflection: the build needs it.
	Reflects bool
}

// Root is a type that a codec is registered for.
type Root struct {
	Type reflect.Type
	What string // as in "the command deposit"
}

// Generate writes codecs of types.
func Generate(roots []Root, o *Options) (*Result, error) {
	g := &generator{o: o, files: map[string]*file{}, result: &Result{Files: map[string][]byte{}}}
	registered := map[reflect.Type]bool{}
	for _, root := range roots {
		if t := root.Type; !registered[t] {
			registered[t] = true
			g.register(root)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(g.files)) {
		text, err := g.files[p].source()
		if err != nil {
			return nil, err
		}
		g.result.Files[p] = text
	}
	slices.Sort(g.result.Notes)
	g.result.Notes = slices.Compact(g.result.Notes)
	return g.result, nil
}

type generator struct {
	o      *Options
	files  map[string]*file
	result *Result
}

// packageOf is the import path of a type's package.
func (g *generator) packageOf(t reflect.Type) string { return g.importPath(t.PkgPath()) }

// importPath is that of a package by what reflection calls it.
func (g *generator) importPath(p string) string {
	if p == "main" {
		return g.o.Main
	}
	return p
}

// owner is the package whose file has the code for a type.
func (g *generator) owner(t reflect.Type) string {
	if p := g.packageOf(t); g.own(p) {
		return p
	}
	return g.o.Main
}

// own tells whether code may be added to a package.
func (g *generator) own(importPath string) bool {
	_, ok := g.o.Packages[importPath]
	return ok
}

// declared tells whether a type's name is one of its package.
func (g *generator) declared(t reflect.Type) bool {
	p, own := g.o.Packages[g.packageOf(t)]
	return !own || p.Types == nil || slices.Contains(p.Types, t.Name())
}

func (g *generator) file(importPath string) *file {
	f := g.files[importPath]
	if f == nil {
		f = &file{g: g, path: importPath, imports: map[string]string{}, done: map[string]bool{}}
		g.files[importPath] = f
	}
	return f
}

// left notes what is left to reflection.
func (g *generator) left(at string, t reflect.Type, why string) {
	g.result.Notes = append(g.result.Notes, fmt.Sprintf("%s: %s is left to reflection, which makes the module larger and slower: %s", at, t, why))
}

// unnamed is why a type is left, where a file cannot name it.
func unnamed(f *file) string {
	return "its name cannot be used in package " + f.path + ": it is generic, of a function, or not exported"
}

// register writes the registration of a type's codec, and the code that it calls.
func (g *generator) register(root Root) {
	t := root.Type
	f := g.file(g.owner(t))
	at := root.What
	name, ok := f.typeName(t)
	why := ""
	switch {
	case !ok:
		why = unnamed(f)
	case reflected.Wavers(t):
		why = "it, or a part of it, has its MarshalJSON or MarshalText for pointers only: give it to the value"
	}
	if why != "" {
		g.left(at, t, why)
		g.result.Reflects = true
		return
	}
	f.use("reflect")
	f.printf(`
var _ = %[2]s.Register(&%[2]s.Codec{
	Type: %[3]s.TypeFor[%[1]s](),
	Read: func(r *%[2]s.Reader) any {
		var v %[1]s
`, name, f.use(jsontextPath), f.use("reflect"))
	f.read(t, "v", at)
	f.printf(`return v
	},
	ReadPointer: func(r *%s.Reader) any {
		v := new(%s)
`, f.use(jsontextPath), name)
	f.read(t, "(*v)", at)
	f.printf(`return v
	},
	Write: func(w *%[2]s.Writer, a any) {
		v, ok := a.(%[1]s)
		if p, pointer := a.(*%[1]s); !ok && pointer {
			v = *p
		}
`, name, f.use(jsontextPath))
	f.write(t, "v", false, at)
	f.printf("},\n})\n")
	f.flush()
}

// file is the generated code of one package.
type file struct {
	g       *generator
	path    string
	imports map[string]string // names by import path
	done    map[string]bool   // the functions that are there
	now     bytes.Buffer      // what is being written
	rest    bytes.Buffer      // functions, of which several may be begun at once
	names   int               // of variables
}

func (f *file) printf(format string, args ...any) { fmt.Fprintf(&f.now, format, args...) }

// flush ends a declaration.
func (f *file) flush() {
	f.rest.Write(f.now.Bytes())
	f.now.Reset()
}

// function writes a function of its own, unless it is there.
func (f *file) function(name string, body func()) {
	if f.done[name] {
		return
	}
	f.done[name] = true
	outer := bytes.Clone(f.now.Bytes())
	f.now.Reset()
	body()
	f.flush()
	f.now.Write(outer)
}

// use imports a package, and gives the name that it has in the file.
func (f *file) use(importPath string) string {
	if name := f.imports[importPath]; name != "" {
		return name
	}
	base := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, strings.ToLower(path.Base(importPath)))
	name := "nacre_" + base
	for i := 2; slices.Contains(slices.Collect(maps.Values(f.imports)), name); i++ {
		name = "nacre_" + base + strconv.Itoa(i)
	}
	f.imports[importPath] = name
	return name
}

// variable is a name that no other variable of the file has.
func (f *file) variable(prefix string) string {
	f.names++
	return prefix + strconv.Itoa(f.names)
}

// source is the whole file.
func (f *file) source() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by nacre wasm build. DO NOT EDIT.\n\npackage %s\n\nimport (\n", f.g.o.Packages[f.path].Name)
	for _, p := range slices.Sorted(maps.Keys(f.imports)) {
		if name := f.imports[p]; bytes.Contains(f.rest.Bytes(), []byte(name+".")) {
			fmt.Fprintf(&b, "\t%s %q\n", name, p)
		}
	}
	b.WriteString(")\n")
	b.Write(f.rest.Bytes())
	text, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("codegen: the code for %s does not parse: %w\n%s", f.path, err, b.Bytes())
	}
	return text, nil
}

// typeName is a type as this file's package writes it; false where it cannot, as a part of it is not exported or
// has no name that reflection tells.
func (f *file) typeName(t reflect.Type) (string, bool) {
	if t.Name() != "" {
		p := f.g.packageOf(t)
		switch {
		case p == "":
			return t.Name(), true
		case !token.IsIdentifier(t.Name()) || !f.g.declared(t): // a generic type, or one of a function
			return "", false
		case p == f.path:
			return t.Name(), true
		case !token.IsExported(t.Name()) || p == f.g.o.Main || internalTo(p, f.path):
			return "", false
		default:
			return f.use(p) + "." + t.Name(), true
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return f.around("*", t.Elem())
	case reflect.Slice:
		return f.around("[]", t.Elem())
	case reflect.Array:
		return f.around("["+strconv.Itoa(t.Len())+"]", t.Elem())
	case reflect.Map:
		key, ok := f.typeName(t.Key())
		if !ok {
			return "", false
		}
		return f.around("map["+key+"]", t.Elem())
	case reflect.Interface:
		return "any", t.NumMethod() == 0
	case reflect.Struct:
		return f.structName(t)
	default:
		return "", false
	}
}

func (f *file) around(head string, element reflect.Type) (string, bool) {
	name, ok := f.typeName(element)
	return head + name, ok
}

// structName is a struct type without a name.
func (f *file) structName(t reflect.Type) (string, bool) {
	var b strings.Builder
	b.WriteString("struct{")
	for sf := range t.Fields() {
		name, ok := f.typeName(sf.Type)
		if !ok || sf.PkgPath != "" && f.g.importPath(sf.PkgPath) != f.path {
			return "", false
		}
		if !sf.Anonymous {
			b.WriteString(sf.Name + " ")
		}
		b.WriteString(name)
		if sf.Tag != "" {
			b.WriteString(" " + strconv.Quote(string(sf.Tag)))
		}
		b.WriteString(";")
	}
	b.WriteString("}")
	return b.String(), true
}

// internalTo tells whether a package is one that another may not import.
func internalTo(p, from string) bool {
	at := strings.LastIndex("/"+p+"/", "/internal/")
	if at < 0 {
		return false
	}
	above := strings.TrimSuffix(("/" + p)[1:max(1, at)], "/")
	return from != above && !strings.HasPrefix(from, above+"/")
}
