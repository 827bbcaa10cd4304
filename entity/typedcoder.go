package entity

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// coder writes and reads the values of a Go type as those of a type that schemas know.
type coder struct {
	typ string
	of  reflect.Type // what a Ref leads to
	// write appends a value as JSON, canonical where that is easily had.
	write func(dst []byte, v reflect.Value) ([]byte, error)
	// read reads canonical JSON other than null.
	read func(raw []byte, v reflect.Value) error
	// none tells of a value that it stands for no value; nil where none does.
	none func(v reflect.Value) bool
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	decimalType     = reflect.TypeFor[query.Decimal]()
	rawType         = reflect.TypeFor[json.RawMessage]()
	referringType   = reflect.TypeFor[referring]()
	marshalerType   = reflect.TypeFor[json.Marshaler]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	textType        = reflect.TypeFor[encoding.TextMarshaler]()
	fromTextType    = reflect.TypeFor[encoding.TextUnmarshaler]()
)

var coders sync.Map // of *coder by reflect.Type

// coderOf finds how a type is written and read.
func coderOf(t reflect.Type) (*coder, error) {
	if c, ok := coders.Load(t); ok {
		return c.(*coder), nil
	}
	c, err := newCoder(t)
	if err != nil {
		return nil, err
	}
	coders.Store(t, c)
	return c, nil
}

func newCoder(t reflect.Type) (*coder, error) {
	switch {
	case t == timeType:
		return &coder{typ: "time", write: writeTime, read: readTime, none: func(v reflect.Value) bool { return v.Interface().(time.Time).IsZero() }}, nil
	case t == decimalType:
		return &coder{typ: "decimal", write: writeText, read: readDecimal, none: reflect.Value.IsZero}, nil
	case t == rawType:
		return &coder{typ: "json", write: writeJSON, read: readRaw, none: func(v reflect.Value) bool { return v.Len() == 0 }}, nil
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return &coder{typ: "json", write: writeJSON, read: readJSON, none: reflect.Value.IsNil}, nil
	case t.Kind() == reflect.Pointer:
		return pointerCoder(t)
	case t.Implements(referringType):
		r := reflect.Zero(t).Interface().(referring)
		return &coder{typ: "ref", of: r.refers(), write: writeText, read: readText, none: reflect.Value.IsZero}, nil
	case t.Implements(marshalerType) || reflect.PointerTo(t).Implements(unmarshalerType):
		return &coder{typ: "json", write: writeJSON, read: readJSON, none: nilOf(t)}, nil
	case t.Implements(textType) && reflect.PointerTo(t).Implements(fromTextType):
		return &coder{typ: "text", write: writeMarshaler, read: readMarshaler}, nil
	}
	return plainCoder(t)
}

// plainCoder is that of a type by what it is made of.
func plainCoder(t reflect.Type) (*coder, error) {
	switch t.Kind() {
	case reflect.String:
		return &coder{typ: "text", write: writeText, read: readText}, nil
	case reflect.Bool:
		return &coder{typ: "bool", write: writeBool, read: readBool}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &coder{typ: "int64", write: writeInt, read: readInt}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &coder{typ: "int64", write: writeUint, read: readUint}, nil
	case reflect.Float32, reflect.Float64:
		return &coder{typ: "float64", write: writeFloat, read: readFloat}, nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &coder{typ: "bytes", write: writeBytes, read: readBytes, none: reflect.Value.IsNil}, nil
		}
	case reflect.Struct:
		if t.NumField() > 0 && !exports(t) {
			return nil, fmt.Errorf("%s has no fields that others see, so it would be written as {}: give it MarshalJSON and UnmarshalJSON", t)
		}
	case reflect.Map, reflect.Array:
	default:
		return nil, fmt.Errorf("a %s cannot be kept: take text, bool, numbers, Decimal, time.Time, []byte, Ref, any, json.RawMessage, "+
			"structs, slices or maps of these, or pointers to one", t)
	}
	return &coder{typ: "json", write: writeJSON, read: readJSON, none: nilOf(t)}, nil
}

func exports(t reflect.Type) bool {
	for f := range t.Fields() {
		if f.IsExported() || f.Anonymous {
			return true
		}
	}
	return false
}

// nilOf tells of nil that it is no value, for types that have it.
func nilOf(t reflect.Type) func(v reflect.Value) bool {
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Interface, reflect.Pointer:
		return reflect.Value.IsNil
	}
	return nil
}

// pointerCoder writes what is pointed to; nil is no value.
func pointerCoder(t reflect.Type) (*coder, error) {
	if t.Elem().Kind() == reflect.Pointer {
		return nil, fmt.Errorf("%s is a pointer to a pointer: take one", t)
	}
	to, err := coderOf(t.Elem())
	if err != nil {
		return nil, err
	}
	return &coder{
		typ: to.typ, of: to.of, none: reflect.Value.IsNil,
		write: func(dst []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return append(dst, "null"...), nil
			}
			return to.write(dst, v.Elem())
		},
		read: func(raw []byte, v reflect.Value) error {
			p := reflect.New(t.Elem())
			if err := to.read(raw, p.Elem()); err != nil {
				return err
			}
			v.Set(p)
			return nil
		},
	}, nil
}

func writeText(dst []byte, v reflect.Value) ([]byte, error) { return appendText(dst, v.String()) }

// appendText appends a string, canonical.
func appendText(dst []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return dst, fmt.Errorf("the text %.40q is not UTF-8: keep bytes as []byte", text)
	}
	dst = append(dst, '"')
	begin := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[begin:i]...)
		begin = i + 1
		if at := strings.IndexByte("\"\\\b\f\n\r\t", c); at >= 0 {
			dst = append(dst, '\\', `"\bfnrt`[at])
		} else {
			dst = append(dst, '\\', 'u', '0', '0', "01"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(append(dst, text[begin:]...), '"'), nil
}

func readText(raw []byte, v reflect.Value) error {
	text, err := textOf(raw)
	if err == nil {
		v.SetString(text)
	}
	return err
}

// textOf is the text of a canonical string.
func textOf(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", unfit(raw, "a text")
	}
	if inside := raw[1 : len(raw)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

func unfit(raw []byte, what string) error { return fmt.Errorf("%.40s is not %s", raw, what) }

func readDecimal(raw []byte, v reflect.Value) error {
	if len(raw) > 0 && raw[0] == '"' {
		return readText(raw, v)
	}
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return unfit(raw, "a decimal")
	}
	v.SetString(string(raw))
	return nil
}

func writeBool(dst []byte, v reflect.Value) ([]byte, error) {
	return strconv.AppendBool(dst, v.Bool()), nil
}

func readBool(raw []byte, v reflect.Value) error {
	if string(raw) != "true" && string(raw) != "false" {
		return unfit(raw, "a boolean")
	}
	v.SetBool(raw[0] == 't')
	return nil
}

func writeInt(dst []byte, v reflect.Value) ([]byte, error) {
	return strconv.AppendInt(dst, v.Int(), 10), nil
}

func readInt(raw []byte, v reflect.Value) error {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && v.OverflowInt(n):
		return fmt.Errorf("%.40s does not fit %s", raw, v.Type())
	case err != nil:
		return unfit(raw, "an integer")
	}
	v.SetInt(n)
	return nil
}

func writeUint(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Uint() > math.MaxInt64 {
		return dst, fmt.Errorf("%d is beyond 64 bits with a sign: keep it as text or Decimal", v.Uint())
	}
	return strconv.AppendUint(dst, v.Uint(), 10), nil
}

func readUint(raw []byte, v reflect.Value) error {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && v.OverflowUint(n) || err != nil && bytes.HasPrefix(raw, []byte{'-'}):
		return fmt.Errorf("%.40s does not fit %s", raw, v.Type())
	case err != nil:
		return unfit(raw, "an integer")
	}
	v.SetUint(n)
	return nil
}

func writeFloat(dst []byte, v reflect.Value) ([]byte, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return dst, fmt.Errorf("%v is no number of JSON", f)
	case f == 0:
		return append(dst, '0'), nil // of either sign
	}
	format := byte('f')
	if a := math.Abs(f); a < 1e-6 || a >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, v.Type().Bits()), nil
}

func readFloat(raw []byte, v reflect.Value) error {
	f, err := strconv.ParseFloat(string(raw), v.Type().Bits())
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%.40s does not fit %s", raw, v.Type())
	case err != nil || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		return unfit(raw, "a number")
	}
	v.SetFloat(f)
	return nil
}

const instantLayout = "2006-01-02T15:04:05.999999Z"

func writeTime(dst []byte, v reflect.Value) ([]byte, error) {
	t := v.Interface().(time.Time).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return dst, fmt.Errorf("a time of the year %d cannot be kept: take one of 0 to 9999", y)
	}
	return append(t.AppendFormat(append(dst, '"'), instantLayout), '"'), nil
}

func readTime(raw []byte, v reflect.Value) error {
	text, err := textOf(raw)
	if err != nil {
		return unfit(raw, "a time")
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		return unfit(raw, "a time")
	}
	v.Set(reflect.ValueOf(time.UnixMicro(t.UnixMicro()).UTC()))
	return nil
}

func writeBytes(dst []byte, v reflect.Value) ([]byte, error) {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes()), '"'), nil
}

func readBytes(raw []byte, v reflect.Value) error {
	text, err := textOf(raw)
	if err != nil {
		return unfit(raw, "bytes in base64")
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return unfit(raw, "bytes in base64")
	}
	v.SetBytes(b)
	return nil
}

// addressed is a pointer to the value, or to a copy of it: methods of pointers count, too.
func addressed(v reflect.Value) any {
	if !v.CanAddr() {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		v = p.Elem()
	}
	return v.Addr().Interface()
}

func writeMarshaler(dst []byte, v reflect.Value) ([]byte, error) {
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return dst, err
	}
	return appendText(dst, string(text))
}

func readMarshaler(raw []byte, v reflect.Value) error {
	text, err := textOf(raw)
	if err != nil {
		return err
	}
	return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}

func writeJSON(dst []byte, v reflect.Value) ([]byte, error) {
	raw, err := json.Marshal(addressed(v))
	if err != nil {
		return dst, err
	}
	raw, err = merge.Canonical(raw)
	return append(dst, raw...), err
}

// readJSON keeps the digits of numbers that nobody gave a type: they are json.Number.
func readJSON(raw []byte, v reflect.Value) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v.Addr().Interface())
}

func readRaw(raw []byte, v reflect.Value) error {
	v.SetBytes(bytes.Clone(raw))
	return nil
}
