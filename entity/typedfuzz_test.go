package entity

import "testing"

// What is no canonical JSON, as damaged tables may have it, is taken apart without a panic, and whole where it is.
func FuzzParts(f *testing.F) {
	for _, text := range []string{``, `[]`, `{}`, `["a,]",{"b":[1]},2]`, `{"a\\\"":1,"b":{}}`, `{"a`, `{"a"`, `["\`, `[1,`, `{"a":`, `[[[`, `]]`, `{,:,`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := 0
		for name, value := range parts(raw) {
			if n += len(name) + len(value); n > len(raw) {
				t.Fatalf("the parts of %q are longer than it", raw)
			}
		}
	})
}

func TestParts(t *testing.T) {
	t.Parallel()
	var got string
	for name, value := range parts([]byte(`{"a,\"}":[1,{"x":"]"}],"b":"\\","c":-1}`)) {
		got += string(name) + "=" + string(value) + ";"
	}
	for _, value := range parts([]byte(`["a",[],{},null,1]`)) {
		got += string(value) + ";"
	}
	if want := `"a,\"}"=[1,{"x":"]"}];"b"="\\";"c"=-1;"a";[];{};null;1;`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
