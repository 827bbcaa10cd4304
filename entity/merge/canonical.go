package merge

import (
	"bytes"
)

// What is here takes canonical JSON apart, by the text of it. Of other text it may make nonsense, but it ends.

// Member is a member of an object: its name without escapes, and its value, canonical.
type Member struct {
	Name  string
	Value []byte
}

// textOf is the text of a canonical string, and tells whether the value is one.
func textOf(canonical []byte) (string, bool) {
	if len(canonical) < 2 || canonical[0] != '"' {
		return "", false
	}
	if inside := canonical[1 : len(canonical)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside), true
	}
	s := scanner{src: canonical}
	return s.unquoted()
}

// membersOf are the members of a canonical object, in the order of their names, and tells whether the value is one.
func membersOf(canonical []byte) ([]Member, bool) {
	if len(canonical) < 2 || canonical[0] != '{' {
		return nil, false
	}
	var out []Member
	for i := 1; i < len(canonical) && canonical[i] == '"'; i++ {
		colon := valueEnd(canonical, i)
		if colon >= len(canonical) {
			return nil, false
		}
		name, ok := textOf(canonical[i:colon])
		end := valueEnd(canonical, colon+1)
		if !ok || end == colon+1 {
			return nil, false
		}
		out = append(out, Member{name, canonical[colon+1 : end : end]})
		i = end
	}
	return out, true
}

// elementsOf are the elements of a canonical array, and tells whether the value is one.
func elementsOf(canonical []byte) ([][]byte, bool) {
	if len(canonical) < 2 || canonical[0] != '[' {
		return nil, false
	}
	var out [][]byte
	for i := 1; i < len(canonical) && canonical[i] != ']'; i++ {
		end := valueEnd(canonical, i)
		if end == i {
			return nil, false
		}
		out = append(out, canonical[i:end:end])
		i = end
		if i < len(canonical) && canonical[i] == ']' {
			break
		}
	}
	return out, true
}

// valueEnd is where the value ends that begins at i.
func valueEnd(text []byte, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if i >= len(text) {
				return len(text)
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}
