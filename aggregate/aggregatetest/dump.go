package aggregatetest

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dump writes a value down, with all that it leads to, so that it can be compared with itself later. Two dumps are
// equal where nothing has changed.
func dump(v any) string {
	d := dumper{seen: map[place]bool{}}
	d.value(reflect.ValueOf(v), "")
	return d.String()
}

type dumper struct {
	strings.Builder
	seen map[place]bool // what was followed to get here
}

// place is where a pointer, a map or a slice leads to.
type place struct {
	kind reflect.Kind
	at   uintptr
	n    int
}

// follow calls into with a place noted, so that what leads back to it is not followed for ever.
func (d *dumper) follow(v reflect.Value, n int, into func()) {
	p := place{v.Kind(), v.Pointer(), n}
	if d.seen[p] {
		d.WriteString("(as above)")
		return
	}
	d.seen[p] = true
	into()
	delete(d.seen, p)
}

func (d *dumper) value(v reflect.Value, indent string) {
	if !v.IsValid() {
		d.WriteString("nil")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		d.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		d.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		d.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Complex64, reflect.Complex128:
		d.WriteString(strconv.FormatComplex(v.Complex(), 'g', -1, 128))
	case reflect.String:
		d.WriteString(strconv.Quote(v.String()))
	case reflect.Interface:
		if v.IsNil() {
			d.WriteString("nil")
			return
		}
		d.WriteString(v.Elem().Type().String() + " ")
		d.value(v.Elem(), indent)
	case reflect.Pointer:
		d.pointer(v, indent)
	case reflect.Struct:
		d.fields(v, indent)
	case reflect.Slice, reflect.Array:
		d.list(v, indent)
	case reflect.Map:
		d.table(v, indent)
	default: // functions and channels: which one it is
		d.WriteString(v.Type().String() + " " + strconv.FormatUint(uint64(v.Pointer()), 16))
	}
}

func (d *dumper) pointer(v reflect.Value, indent string) {
	if v.IsNil() {
		d.WriteString("nil")
		return
	}
	d.follow(v, 0, func() {
		d.WriteByte('&')
		d.value(v.Elem(), indent)
	})
}

func (d *dumper) fields(v reflect.Value, indent string) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		// Its third field leads to a time zone, which changes by itself.
		d.WriteString("time " + strconv.FormatUint(v.Field(0).Uint(), 10) + " " + strconv.FormatInt(v.Field(1).Int(), 10))
		return
	}
	d.WriteString("{\n")
	for i := range v.NumField() {
		d.WriteString(indent + "  " + v.Type().Field(i).Name + ": ")
		d.value(v.Field(i), indent+"  ")
		d.WriteByte('\n')
	}
	d.WriteString(indent + "}")
}

func (d *dumper) list(v reflect.Value, indent string) {
	elements := func() {
		d.WriteString("[\n")
		for i := range v.Len() {
			d.WriteString(indent + "  ")
			d.value(v.Index(i), indent+"  ")
			d.WriteByte('\n')
		}
		d.WriteString(indent + "]")
	}
	switch {
	case v.Kind() == reflect.Array:
		elements()
	case v.IsNil():
		d.WriteString("nil")
	case v.Type().Elem().Kind() == reflect.Uint8:
		d.WriteString(strconv.Quote(string(v.Bytes())))
	default:
		d.follow(v, v.Len(), elements)
	}
}

func (d *dumper) table(v reflect.Value, indent string) {
	if v.IsNil() {
		d.WriteString("nil")
		return
	}
	d.follow(v, 0, func() {
		var rows []string
		for key, value := range v.Seq2() {
			row := dumper{seen: d.seen}
			row.value(key, indent+"  ")
			row.WriteString(": ")
			row.value(value, indent+"  ")
			rows = append(rows, row.String())
		}
		slices.Sort(rows)
		d.WriteString("map[\n")
		for _, row := range rows {
			d.WriteString(indent + "  " + row + "\n")
		}
		d.WriteString(indent + "]")
	})
}
