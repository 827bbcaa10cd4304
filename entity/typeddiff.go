package entity

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"

	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// difference gathers what changed, as patches of Tx.Patch.
type difference struct {
	schema           *merge.Schema
	set, add, remove []byte // members, each with a comma in front
	lists            [][]byte
}

func appendMember(dst []byte, f *field, value ...[]byte) []byte {
	dst = append(append(dst, ','), f.label...)
	for _, v := range value {
		dst = append(dst, v...)
	}
	return dst
}

// patches are what makes of an entity's values, by a schema, those that a struct has: nothing where all are the same. The
// struct was read from these values, so a field that reads as it did was not changed, however its value is spelled.
func (p *plan) patches(schema *merge.Schema, values []byte, v reflect.Value) ([][]byte, error) {
	was := query.NewObject("", values)
	d := &difference{schema: schema}
	for _, f := range p.fields {
		if err := d.field(f, was.Get(f.name), v.FieldByIndex(f.index)); err != nil {
			return nil, err
		}
	}
	var out [][]byte
	patch := []byte{'{'}
	for _, verb := range []struct {
		name    string
		members []byte
	}{{`"set":{`, d.set}, {`"add":{`, d.add}, {`"remove":{`, d.remove}} {
		if len(verb.members) == 0 {
			continue
		}
		if len(patch) > 1 {
			patch = append(patch, ',')
		}
		patch = append(append(append(patch, verb.name...), verb.members[1:]...), '}')
	}
	if len(patch) > 1 {
		out = append(out, append(patch, '}'))
	}
	return append(out, d.lists...), nil
}

// field notes what changed of a field.
func (d *difference) field(f *field, raw []byte, v reflect.Value) error {
	if string(raw) == "null" {
		raw = nil
	}
	now, there, err := f.write(nil, v)
	if err != nil || there && raw != nil && bytes.Equal(raw, now) || !there && raw == nil {
		return err
	}
	was, wasThere, err := f.again(raw, v.Type())
	if err != nil || there == wasThere && bytes.Equal(was, now) {
		return err
	}
	switch f.kind {
	case "counter":
		d.add = appendMember(d.add, f, now)
		d.remove = appendMember(d.remove, f, was)
	case "set":
		err = d.ofSet(f, raw, v.Type(), now)
	case "map":
		err = d.ofMap(f, raw, v.Type(), now)
	case "list":
		d.ofList(f, was, now)
	default:
		declared := d.schema.Properties[f.name]
		switch {
		case there:
			d.set = appendMember(d.set, f, now)
		case declared.Default != nil || declared.From != "":
			d.set = appendMember(d.set, f, []byte("null")) // without a value, the default would be read
		default:
			d.remove = appendMember(d.remove, f, []byte("null"))
		}
		return nil
	}
	if there && raw == nil && f.kind != "counter" && len(now) == 2 {
		d.set = appendMember(d.set, f, now) // empty is a value, too
	}
	return err
}

// again writes what was read of a value, as the struct writes it.
func (f *field) again(raw []byte, t reflect.Type) ([]byte, bool, error) {
	v := reflect.New(t).Elem()
	if raw != nil {
		if err := f.read(raw, v); err != nil {
			return nil, false, f.wrong(err)
		}
	}
	return f.write(nil, v)
}

// element writes what was read of an element, as the struct writes it.
func (f *field) element(raw []byte, t reflect.Type) ([]byte, error) {
	v := reflect.New(t).Elem()
	if string(raw) != "null" {
		if err := f.coder.read(raw, v); err != nil {
			return nil, f.wrong(err)
		}
	}
	out, err := f.coder.write(nil, v)
	if err != nil {
		return nil, f.wrong(err)
	}
	return out, nil
}

// ofSet removes elements as they are spelled in the set.
func (d *difference) ofSet(f *field, raw []byte, t reflect.Type, now []byte) error {
	wanted := map[string]bool{}
	for _, el := range parts(now) {
		wanted[string(el)] = true
	}
	var remove, add []byte
	for _, el := range parts(raw) {
		written, err := f.element(el, t.Elem())
		if err != nil {
			return err
		}
		if _, there := wanted[string(written)]; there {
			wanted[string(written)] = false
		} else {
			remove = append(append(remove, ','), el...)
		}
	}
	for _, el := range parts(now) {
		if wanted[string(el)] {
			wanted[string(el)] = false
			add = append(append(add, ','), el...)
		}
	}
	d.both(f, add, remove)
	return nil
}

// ofMap puts and removes keys.
func (d *difference) ofMap(f *field, raw []byte, t reflect.Type, now []byte) error {
	was := map[string][]byte{}
	for key, value := range parts(raw) {
		written, err := f.element(value, t.Elem())
		if err != nil {
			return err
		}
		was[string(key)] = written
	}
	var put, remove []byte
	for key, value := range parts(now) {
		if old, there := was[string(key)]; !there || !bytes.Equal(old, value) {
			put = append(append(append(append(put, ','), key...), ':'), value...)
		}
		delete(was, string(key))
	}
	for key := range parts(raw) {
		if _, gone := was[string(key)]; gone {
			remove = append(append(remove, ','), key...)
		}
	}
	d.both(f, put, remove)
	return nil
}

// both notes what is added and removed; a map's is an object.
func (d *difference) both(f *field, add, remove []byte) {
	open, end := []byte{'['}, []byte{']'}
	if len(remove) > 0 {
		d.remove = appendMember(d.remove, f, open, remove[1:], end)
	}
	if f.kind == "map" {
		open, end = []byte{'{'}, []byte{'}'}
	}
	if len(add) > 0 {
		d.add = appendMember(d.add, f, open, add[1:], end)
	}
}

// ofList keeps the elements that both have in the same order. Where values of JSON stand in the place of as many others,
// these are taken for the same elements, changed; other values are other elements.
func (d *difference) ofList(f *field, was, now []byte) {
	var old, next [][]byte
	for _, el := range parts(was) {
		old = append(old, el)
	}
	for _, el := range parts(now) {
		next = append(next, el)
	}
	gaps := gapsOf(old, next)
	slices.Reverse(gaps) // so that the places of those before it stay
	for _, g := range gaps {
		if f.coder.typ == "json" && g.oldEnd-g.old == g.newEnd-g.new {
			for i := range g.oldEnd - g.old {
				d.list("set", f, g.old+i, "value", next[g.new+i])
			}
			continue
		}
		if g.oldEnd > g.old {
			d.list("remove", f, g.old, "count", strconv.AppendInt(nil, int64(g.oldEnd-g.old), 10))
		}
		if g.newEnd > g.new {
			values := slices.Concat([]byte{'['}, bytes.Join(next[g.new:g.newEnd], []byte{','}), []byte{']'})
			d.list("add", f, g.old, "values", values)
		}
	}
}

func (d *difference) list(verb string, f *field, at int, name string, value []byte) {
	place := `{"at":` + strconv.Itoa(at) + `,"` + name + `":`
	d.lists = append(d.lists, slices.Concat([]byte(`{"`+verb+`":{`), f.label, []byte(place), value, []byte(`}}}`)))
}

// gap is where elements of the one list stand in the place of elements of the other.
type gap struct{ old, oldEnd, new, newEnd int }

// mostCompared is how many pairs of elements are compared: lists that differ in more are replaced from the first
// difference to the last one.
const mostCompared = 1 << 20

// gapsOf finds where two lists differ: what is between is a longest common part of both.
func gapsOf(old, next [][]byte) []gap {
	begin := 0
	for begin < min(len(old), len(next)) && bytes.Equal(old[begin], next[begin]) {
		begin++
	}
	end := 0
	for end < min(len(old), len(next))-begin && bytes.Equal(old[len(old)-1-end], next[len(next)-1-end]) {
		end++
	}
	a, b := old[begin:len(old)-end], next[begin:len(next)-end]
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	if len(a)*len(b) > mostCompared || len(a) == 0 || len(b) == 0 {
		return []gap{{begin, begin + len(a), begin, begin + len(b)}}
	}
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:]
	for i, x := range slices.Backward(a) {
		for j, y := range slices.Backward(b) {
			if bytes.Equal(x, y) {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	var gaps []gap
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		g := gap{old: begin + i, new: begin + j}
		for (i < len(a) || j < len(b)) && !(i < len(a) && j < len(b) && bytes.Equal(a[i], b[j])) {
			if j == len(b) || i < len(a) && longest[(i+1)*width+j] >= longest[i*width+j+1] {
				i++
			} else {
				j++
			}
		}
		g.oldEnd, g.newEnd = begin+i, begin+j
		if g.oldEnd > g.old || g.newEnd > g.new {
			gaps = append(gaps, g)
		}
		for i < len(a) && j < len(b) && bytes.Equal(a[i], b[j]) {
			i++
			j++
		}
	}
	return gaps
}
