package eventfold

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// namer gives streams their names here, each only once.
type namer struct {
	categories map[string]string
	report     *Report

	used  map[nacre.StreamID]string // by which stream there
	types map[string]*namedType
	owner map[string]string // of a category: the type
}

// namedType is the category of an aggregate type, or why it has none.
type namedType struct{ category, problem string }

func newNamer(categories map[string]string, report *Report) *namer {
	return &namer{
		categories: categories, report: report,
		used: make(map[nacre.StreamID]string), types: make(map[string]*namedType), owner: make(map[string]string),
	}
}

// name is the stream's name here, or the problem with it; file is where the stream stands.
func (n *namer) name(kind, id, file string) (name nacre.StreamID, problem string) {
	t := n.typed(kind, file)
	if t.problem != "" {
		return "", t.problem
	}
	return n.take(nacre.StreamID(t.category+"-"+id), quoted(kind, id))
}

// take gives a name to a stream of the source, unless another one has it.
func (n *namer) take(name nacre.StreamID, stream string) (_ nacre.StreamID, problem string) {
	if problem := streamProblem(string(name)); problem != "" {
		return "", fmt.Sprintf("its stream would be %q, which %s", name, problem)
	}
	if other, there := n.used[name]; there {
		return "", fmt.Sprintf("its stream would be %q, which is that of %s already", name, other)
	}
	n.used[name] = stream
	return name, ""
}

// typed decides on a type's category when its first stream is named.
func (n *namer) typed(kind, file string) *namedType {
	if t, known := n.types[kind]; known {
		return t
	}
	t := &namedType{}
	n.types[kind] = t
	category, given := n.categories[kind]
	if !given {
		category = strings.ReplaceAll(kind, "-", "_")
	}
	problem := streamProblem(category)
	if problem != "" {
		problem = fmt.Sprintf("its type would be the category %q, which %s", category, problem)
	}
	if other, there := n.owner[category]; there && problem == "" {
		problem = fmt.Sprintf("its type would be the category %q, which is that of the type %q already", category, other)
	}
	if problem != "" {
		t.problem = problem + ": give the type another category"
		return t
	}
	t.category = category
	n.owner[category] = kind
	if category != kind {
		n.report.add(Finding{Kind: Note, File: file, Byte: -1, Text: fmt.Sprintf(
			`streams of the type %q become streams of the category %q`, kind, category)})
	}
	return t
}

// maxName is the longest name of a stream or type, in bytes.
const maxName = 256

// streamProblem says why a store does not take a stream's name; what it overlooks, the store refuses.
func streamProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, at most %d are taken", len(name), maxName)
	case name[0] == '$' || name[0] == '-':
		return fmt.Sprintf("begins with %q", name[:1])
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	}
	for _, r := range name {
		if r < ' ' || r == '"' || r == '\\' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return fmt.Sprintf("has the character %U: quotes, backslashes, control characters and line separators are not taken", r)
		}
	}
	return ""
}

// maxEventID is the longest id of an event, in bytes.
const maxEventID = 64

// validEventID tells whether a store takes an event's id.
func validEventID(id string) bool {
	if id == "" || len(id) > maxEventID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
