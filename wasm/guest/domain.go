package guest

import (
	"errors"
	"reflect"
	"strings"
	"unicode"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// DomainError tells what callers see of an error that Decide gave, beside its text: its type, and the value whose
// JSON is its data. It is the first error in the chain (errors.Unwrap) that has
//
//   - a method ErrorType() string, which gives the type, or
//   - a named Go type that is not of the packages errors and fmt: the type is its name in snake case, "not_open"
//     for NotOpen.
//
// The data is what the value encodes as, where it is a struct, or a pointer to one, and that has any members.
// With neither, the type is "" and the data nil: callers then have the text only.
func DomainError(err error) (errorType string, data any) {
	for e := err; e != nil; e = errors.Unwrap(e) {
		t := reflect.TypeOf(e)
		structure := t
		if t.Kind() == reflect.Pointer {
			structure = t.Elem()
		}
		if structure.Kind() == reflect.Struct && (t == structure || !reflect.ValueOf(e).IsNil()) {
			data = e
		}
		if typed, ok := e.(interface{ ErrorType() string }); ok {
			return typed.ErrorType(), data
		}
		if path := structure.PkgPath(); path != "errors" && path != "fmt" && structure.Name() != "" {
			return snake(structure.Name()), data
		}
		data = nil
	}
	return "", nil
}

// snake is a Go name in snake case: "http_error" for HTTPError.
func snake(name string) string {
	name, _, _ = strings.Cut(name, "[") // of a generic type
	var b strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		if unicode.IsUpper(c) && i > 0 && letters[i-1] != '_' {
			after := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if !unicode.IsUpper(letters[i-1]) || after {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// writeDomain writes what callers see of an error.
func (a *aggregate[S, C, E]) writeDomain(err error) []byte {
	errorType, data := DomainError(err)
	w := &a.out
	w.Reset()
	w.Raw(`{"error":{"code":"DOMAIN"`)
	if errorType != "" {
		w.Raw(`,"type":`)
		w.String(errorType)
	}
	w.Raw(`,"message":`)
	w.String(valid(err.Error()))
	if c := errorCodec(data); c != nil {
		const member = `,"data":`
		w.Raw(member)
		begin := w.Len()
		c.Write(w, data)
		if err := w.Err(); err != nil {
			return a.fail(codeInternal, "a domain error of type "+errorType+" does not encode: "+err.Error())
		}
		if string(w.Bytes()[begin:]) == "{}" {
			w.Truncate(begin - len(member))
		}
	}
	w.Raw(`}}`)
	return w.Bytes()
}

// errorCodec is that of a domain error's data, nil where there is none. Codecs are generated for the errors of the
// module's own packages; an error of another package's has its type and text only.
func errorCodec(data any) *jsontext.Codec {
	if data == nil {
		return nil
	}
	t := reflect.TypeOf(data)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if jsontext.For(t) == nil && reflection == nil {
		Log(Warn, "a domain error is of a type that no codec was generated for: callers do not get its data", "type", t.String())
		return nil
	}
	return codecFor(t)
}
