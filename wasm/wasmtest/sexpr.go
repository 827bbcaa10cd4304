package wasmtest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is an atom, a quoted string, or a list of nodes.
type node struct {
	atom   string
	quoted bool
	list   []*node // nil for atoms
	line   int
}

func (n *node) String() string {
	switch {
	case n.list == nil && n.quoted:
		return strconv.Quote(n.atom)
	case n.list == nil:
		return n.atom
	}
	return "(" + n.head() + " …)"
}

// head is what a list begins with.
func (n *node) head() string {
	if len(n.list) == 0 {
		return ""
	}
	return n.list[0].atom
}

// mistake is what is wrong in a text.
type mistake struct {
	line int
	text string
}

func (m mistake) Error() string { return fmt.Sprintf("wasmtest: line %d: %s", m.line, m.text) }

func fail(n *node, format string, args ...any) {
	panic(mistake{n.line, fmt.Sprintf(format, args...)})
}

// read gives the only list of a text.
func read(text string) *node {
	line := 1
	stack := []*node{{list: []*node{}}}
	add := func(n *node) {
		top := stack[len(stack)-1]
		top.list = append(top.list, n)
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], ";;"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '(':
			stack = append(stack, &node{list: []*node{}, line: line})
			i++
		case c == ')':
			if len(stack) == 1 {
				panic(mistake{line, `a ")" too many`})
			}
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			add(n)
			i++
		case c == '"':
			s, n := readString(text[i:], line)
			add(&node{atom: s, quoted: true, line: line})
			i += n
		default:
			end := i + strings.IndexAny(text[i:]+" ", " \t\r\n()\";")
			add(&node{atom: text[i:end], line: line})
			i = max(end, i+1)
		}
	}
	if len(stack) != 1 || len(stack[0].list) != 1 {
		panic(mistake{line, `the text is not one list: a ")" is missing, or something stands beside it`})
	}
	return stack[0].list[0]
}

// readString reads a quoted string, in which \xx is a byte and \n, \t, \", \\ are what they are elsewhere.
func readString(text string, line int) (s string, length int) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return b.String(), i + 1
		case '\\':
			i++
			if i+1 >= len(text) {
				panic(mistake{line, "a string has no end"})
			}
			if v, err := strconv.ParseUint(text[i:i+2], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i++
				continue
			}
			escaped, ok := map[byte]byte{'n': '\n', 't': '\t', '"': '"', '\\': '\\', '\'': '\''}[text[i]]
			if !ok {
				r, _ := utf8.DecodeRuneInString(text[i:])
				panic(mistake{line, fmt.Sprintf("there is no escape \\%c", r)})
			}
			b.WriteByte(escaped)
		default:
			b.WriteByte(c)
		}
	}
	panic(mistake{line, "a string has no end"})
}
