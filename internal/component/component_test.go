package component_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nacredb/nacre/internal/component"
	"github.com/nacredb/nacre/wasm/wasmtest"
)

const core = `(module (memory (export "memory") 1))`

func made(t testing.TB, g wasmtest.Generation) []byte { return wasmtest.Component(t, g, core, true) }

func TestAComponentIsRead(t *testing.T) {
	c, err := component.Parse(made(t, wasmtest.Entity))
	if err != nil {
		t.Fatal(err)
	}
	if want := wasmtest.Assemble(t, core); len(c.Modules) != 2 || !bytes.Equal(c.Modules[0], want) {
		t.Errorf("modules: %x", c.Modules)
	}
	if !slices.Equal(c.Imports, []string{"thalo:aggregate/tracing"}) {
		t.Errorf("imports %q", c.Imports)
	}
	if !slices.Equal(c.Exports, []component.Export{{Name: "aggregate", Instance: true}}) {
		t.Errorf("exports %v", c.Exports)
	}
	handle := c.Lifts[2]
	own := func(name string) component.Core { return component.Core{Module: 0, Name: name} }
	switch {
	case handle.Core != own("aggregate#[method]entity.handle"),
		*handle.Memory != own("memory"), *handle.Realloc != own("cabi_realloc"),
		*handle.PostReturn != own("cabi_post_aggregate#[method]entity.handle"), handle.Encoding != component.UTF8:
		t.Errorf("handle: %+v", handle)
	}
	if c.Lifts[0].PostReturn != nil {
		t.Errorf("the constructor has nothing behind its return: %v", c.Lifts[0].PostReturn)
	}
	if got, want := show(handle.Type), "func(self: borrow<resource>, command: record{command: string, payload: string}) -> "+
		"result<list<record{event: string, payload: string}>, variant{command(tuple<string, string>), deserialize-command(tuple<string, string>), "+
		"deserialize-context(string), deserialize-event(tuple<string, string>), serialize-error(tuple<string, string>), serialize-event(string)}>"; got != want {
		t.Errorf("its type is\n%s, not\n%s", got, want)
	}
	old, err := component.Parse(made(t, wasmtest.Agg))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(old.Lifts[1].Type), "func(self: borrow<resource>, events: list<record{event: string, payload: string}>) -> "+
		"result<_, variant{command(string), ignore(option<string>), deserialize-command(string), deserialize-context(string), deserialize-event(string), serialize-event(string)}>"; got != want {
		t.Errorf("the older type is\n%s, not\n%s", got, want)
	}
}

// show writes the kinds of types that the components here have.
func show(t *component.Type) string {
	if t == nil {
		return "_"
	}
	fields := func(open, between, end string) string {
		var parts []string
		for _, f := range t.Fields {
			switch {
			case between == "(":
				parts = append(parts, f.Name+"("+show(f.Type)+")")
			case f.Name == "":
				parts = append(parts, show(f.Type))
			default:
				parts = append(parts, f.Name+": "+show(f.Type))
			}
		}
		return open + strings.Join(parts, ", ") + end
	}
	switch t.Kind {
	case component.Func:
		return fields("func(", "", ")") + " -> " + show(t.Elem)
	case component.Record:
		return fields("record{", "", "}")
	case component.Tuple:
		return fields("tuple<", "", ">")
	case component.Variant:
		return fields("variant{", "(", "}")
	case component.List:
		return "list<" + show(t.Elem) + ">"
	case component.Option:
		return "option<" + show(t.Elem) + ">"
	case component.Borrow:
		return "borrow<" + show(t.Elem) + ">"
	case component.Result:
		return "result<" + show(t.Elem) + ", " + show(t.Err) + ">"
	case component.String:
		return "string"
	case component.Resource:
		return "resource"
	default:
		return "?"
	}
}

func TestIs(t *testing.T) {
	for _, c := range []struct {
		binary []byte
		want   bool
	}{
		{made(t, wasmtest.Agg), true},
		{[]byte("\x00asm\x0a\x00\x01\x00"), true}, // of an older version, which Parse refuses
		{wasmtest.Assemble(t, core), false},
		{[]byte("\x00asm"), false},
		{nil, false},
	} {
		if got := component.Is(c.binary); got != c.want {
			t.Errorf("%.8q: %v", c.binary, got)
		}
	}
}

// around puts sections behind the header: pairs of kind and content.
func around(sections ...string) []byte {
	out := []byte("\x00asm\x0d\x00\x01\x00")
	for i := 0; i < len(sections); i += 2 {
		out = append(append(out, sections[i][0], byte(len(sections[i+1]))), sections[i+1]...)
	}
	return out
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	deep := "\x01"
	for range 40 {
		deep += "\x42\x01\x01"
	}
	good := made(t, wasmtest.Entity)
	for name, c := range map[string]struct {
		binary []byte
		want   string
	}{
		"empty":              {nil, "the header, byte 0"},
		"a core module":      {wasmtest.Assemble(t, core), "not the eight bytes"},
		"an old version":     {[]byte("\x00asm\x0a\x00\x01\x00"), "not the eight bytes"},
		"a long section":     {append(around(), 7, 100, 0), "a section of 100 bytes, of which 1 are there"},
		"an unknown section": {around("\x0c", ""), "the unknown kind 12"},
		"what is left over":  {around("\x07", "\x00\x00"), "1 bytes are left over"},
		"a giant list":       {around("\x07", "\xff\xff\xff\xff\x0f"), "a list of 4294967295 items"},
		"a number too long":  {around("\x07", "\xff\xff\xff\xff\xff\x0f"), "above 32 bits"},
		"a type of itself":   {around("\x07", "\x01\x70\x00"), "type 0 does not exist: there are 0"},
		"a cycle of two":     {around("\x07", "\x02\x70\x01\x70\x00"), "type 1 does not exist"},
		"an unknown type":    {around("\x07", "\x01\x50"), "a type of the unknown kind 0x50"},
		"no primitive":       {around("\x07", "\x01\x70\x71"), "no primitive type 0x71"},
		"types too deep":     {around("\x07", deep), "more than 32 deep"},
		"no UTF-8":           {around("\x07", "\x01\x72\x01\x02\xff\xfe\x73"), "not UTF-8"},
		"a lift of nothing":  {around("\x08", "\x01\x00\x00\x05\x00\x00"), "core function 5 does not exist"},
		"no function's type": {around("\x07", "\x01\x70\x73", "\x01", "", "\x02", "\x01\x00\x00\x00",
			"\x06", "\x01\x00\x00\x01\x00\x01f", "\x08", "\x01\x00\x00\x00\x00\x00"), "a type that is no function"},
		"an asynchronous function": {around("\x08", "\x01\x05"), "asynchronous"},
		"an asynchronous option":   {around("\x01", "", "\x02", "\x01\x00\x00\x00", "\x06", "\x01\x00\x00\x01\x00\x01f", "\x08", "\x01\x00\x00\x00\x01\x06"), "asynchronous"},
		"a start function":         {around("\x09", "\x00"), "run at the start"},
		"a module of nothing":      {around("\x02", "\x01\x00\x03\x00"), "core module 3 does not exist"},
		"an alias outwards":        {around("\x06", "\x01\x03\x02\x01\x00"), "around the component"},
		"an alias of a function":   {around("\x01", "", "\x02", "\x01\x00\x00\x00", "\x06", "\x01\x01\x01\x00\x01f"), "a core instance has no function"},
		"a nested core module":     {around("\x04", "\x00asm\x01\x00\x00\x00"), "does not begin as a component does"},
		"another sort":             {around("\x07", "\x01\x73", "\x0b", "\x01\x00\x01a\x03\x00\x01\x05\x00"), "not of the sort that it is said to be: type, and instance"},
		"a middle":                 {good[:len(good)/2], "byte"},
	} {
		_, err := component.Parse(c.binary)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "component: ") {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestABundleLeadsToWhatItHolds(t *testing.T) {
	// A module's function through a bundle, one that the bundle does not have, and one of the canonical interface.
	c, err := component.Parse(around("\x07", "\x02\x40\x00\x01\x00\x3f\x7f\x00", "\x01", "", "\x02", "\x01\x00\x00\x00", "\x06", "\x01\x00\x00\x01\x00\x01f",
		"\x08", "\x01\x02\x01",
		"\x02", "\x01\x01\x02\x01g\x00\x00\x01h\x00\x01",
		"\x06", "\x03\x00\x00\x01\x01\x01g\x00\x00\x01\x01\x01x\x00\x00\x01\x01\x01h",
		"\x08", "\x03\x00\x00\x02\x00\x00\x00\x00\x03\x00\x00\x00\x00\x04\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []component.Core{{Module: 0, Name: "f"}, {Module: -1}, {Module: -1}} {
		if got := c.Lifts[i].Core; got != want {
			t.Errorf("function %d is %+v, not %+v", i, got, want)
		}
	}
}

func TestWhatIsCutOffIsAnError(t *testing.T) {
	for _, g := range []wasmtest.Generation{wasmtest.Agg, wasmtest.Entity} {
		binary := made(t, g)
		whole := 0
		for n := range binary {
			if c, err := component.Parse(binary[:n]); err == nil {
				whole++ // between two sections
				if len(c.Exports) > 0 {
					t.Errorf("%d of %d bytes export %v", n, len(binary), c.Exports)
				}
			}
		}
		if whole == 0 || whole > 100 {
			t.Errorf("%d beginnings are components", whole)
		}
	}
}

func TestChangedBytesDoNotPanic(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("NACRE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("replay: NACRE_SEED=%d go test -run %s ./internal/component/", seed, t.Name())
	random := rand.New(rand.NewPCG(seed, 0))
	good := [][]byte{made(t, wasmtest.Agg), made(t, wasmtest.Entity)}
	refused := 0
	for range 20_000 {
		binary := slices.Clone(good[random.IntN(2)])
		for range 1 + random.IntN(4) {
			binary[random.IntN(len(binary))] = byte(random.Uint32())
		}
		if c, err := component.Parse(binary); err != nil {
			refused++
		} else if size(c) > len(binary) {
			t.Fatalf("more functions than bytes: %x", binary)
		}
	}
	if refused < 1000 {
		t.Errorf("%d of 20,000 were refused", refused)
	}
}

func size(c *component.Component) int { return len(c.Lifts) + len(c.Modules) + len(c.Exports) }

func FuzzParse(f *testing.F) {
	f.Add(made(f, wasmtest.Agg))
	f.Add(made(f, wasmtest.Entity))
	f.Fuzz(func(_ *testing.T, binary []byte) {
		if c, err := component.Parse(binary); err == nil && size(c) > len(binary) {
			panic("more functions than bytes")
		}
	})
}

// TestManySmallThingsTakeLittle has components of items of two bytes each, of which each is read into many more.
func TestManySmallThingsTakeLittle(t *testing.T) {
	const n = 1 << 20
	list := func(kind byte, item string) []byte {
		size := binary.AppendUvarint(nil, uint64(n*len(item)+3))
		return slices.Concat(around(), []byte{kind}, size, binary.AppendUvarint(nil, n), []byte(strings.Repeat(item, n)))
	}
	for name, text := range map[string][]byte{
		"records":         list(7, "\x72\x00"),
		"bundles":         list(2, "\x01\x00"),
		"modules":         slices.Concat(around(), []byte(strings.Repeat("\x01\x00", n))),
		"custom sections": slices.Concat(around(), []byte(strings.Repeat("\x00\x01\x00", n))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := component.Parse(text)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "more than 100000 items") {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16*uint64(len(text)) {
			t.Errorf("%s: %d bytes took %d", name, len(text), took)
		}
	}
}
