package sqlmodel

import "strings"

// split gives the statements of a text: what stands between semicolons that are not in quotes or comments.
func split(text string) (statements []string) {
	begin := 0
	add := func(end int) {
		if s := strings.TrimSpace(text[begin:end]); s != "" {
			statements = append(statements, s)
		}
	}
	for i := 0; i < len(text); i++ {
		switch rest := text[i:]; {
		case rest[0] == ';':
			add(i)
			begin = i + 1
		case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
			i += end(rest[1:], rest[:1])
		case strings.HasPrefix(rest, "--"):
			i += end(rest[1:], "\n")
		case strings.HasPrefix(rest, "/*"):
			i += end(rest[1:], "*/") + 1
		case strings.HasPrefix(rest, "$$"):
			i += end(rest[2:], "$$") + 2
		}
	}
	add(len(text))
	return statements
}

// end is how far it is to the end of what closes with a text; to the end of all where nothing closes it.
func end(rest, closing string) int {
	if i := strings.Index(rest, closing); i >= 0 {
		return i + 1
	}
	return len(rest)
}
