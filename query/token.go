package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of a text, by spec/query.md.
const (
	maxText       = 65536
	maxNesting    = 100
	maxPredicates = 500
	maxList       = 1000
	maxValues     = 10000
	maxItems      = 32
	maxSteps      = 32
	maxName       = 256
	maxPattern    = 4096
	maxDigits     = 200 // of a literal
)

// kind is what a token is. Words of the grammar have kinds of their own.
type kind uint8

const (
	tokenEnd kind = iota
	tokenName
	tokenQuoted // a name in double quotes
	tokenText
	tokenNumber
	tokenParam // text is its name, "" for ?
	tokenCompare
	tokenOpen
	tokenClose
	tokenBegin // [
	tokenFinish
	tokenComma
	tokenDot
	tokenStar
	wordAnd
	wordAs
	wordAsc
	wordBetween
	wordBy
	wordContains
	wordDesc
	wordEscape
	wordFalse
	wordGroup
	wordIlike
	wordIn
	wordIs
	wordLike
	wordLimit
	wordNot
	wordNull
	wordOffset
	wordOr
	wordOrder
	wordSelect
	wordTrue
	wordWhere
)

var words = map[string]kind{
	"AND": wordAnd, "AS": wordAs, "ASC": wordAsc, "BETWEEN": wordBetween, "BY": wordBy, "CONTAINS": wordContains,
	"DESC": wordDesc, "ESCAPE": wordEscape, "FALSE": wordFalse, "GROUP": wordGroup, "ILIKE": wordIlike, "IN": wordIn,
	"IS": wordIs, "LIKE": wordLike, "LIMIT": wordLimit, "NOT": wordNot, "NULL": wordNull, "OFFSET": wordOffset,
	"OR": wordOr, "ORDER": wordOrder, "SELECT": wordSelect, "TRUE": wordTrue, "WHERE": wordWhere,
}

// longestWord is the length of the longest of words.
const longestWord = 8

// token is a piece of a query's text.
type token struct {
	kind kind
	op   Op
	at   Pos
	text string // what it says: of texts and names without their quotes
	raw  string // how it is written
}

// lexer cuts a text into tokens.
type lexer struct {
	text string
	at   Pos
}

// advance passes over n bytes.
func (l *lexer) advance(n int) {
	for i := 0; i < n; {
		c := l.text[l.at.Offset+i]
		if c < utf8.RuneSelf {
			i++
		} else {
			_, size := utf8.DecodeRuneInString(l.text[l.at.Offset+i:])
			i += size
		}
		l.at.Column++
		if c == '\n' {
			l.at.Line, l.at.Column = l.at.Line+1, 1
		}
	}
	l.at.Offset += n
}

// next is the next token.
func (l *lexer) next() (token, error) {
	for l.at.Offset < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at.Offset:])
		if r == utf8.RuneError && size == 1 || r == 0 {
			return token{}, wrong(l.at, "UTF-8 without U+0000", "a byte that is neither", "")
		}
		if !unicode.IsSpace(r) {
			return l.cut(r)
		}
		l.advance(size)
	}
	return token{kind: tokenEnd, at: l.at}, nil
}

// punctuation are the tokens of one byte.
var punctuation = [128]kind{
	'(': tokenOpen, ')': tokenClose, '[': tokenBegin, ']': tokenFinish, ',': tokenComma, '.': tokenDot, '*': tokenStar,
}

// cut gives the token that begins with r.
func (l *lexer) cut(r rune) (token, error) {
	rest := l.text[l.at.Offset:]
	switch {
	case isLetter(r):
		n := plainLength(rest)
		return l.give(tokenName, n, rest[:n])
	case isDigit(r):
		return l.number(rest)
	case (r == '-' || r == '+') && len(rest) > 1 && isDigit(rune(rest[1])):
		return l.number(rest)
	case r == '\'':
		return l.quoted(tokenText, rest, '\'', "a ' that ends the text")
	case r == '"':
		return l.quoted(tokenQuoted, rest, '"', `a " that ends the name`)
	case r == '?':
		return l.give(tokenParam, 1, "")
	case r == ':':
		n := plainLength(rest[1:])
		if n == 0 {
			return token{}, wrong(l.at, "a parameter's name behind :", "", "as in :name")
		}
		return l.give(tokenParam, 1+n, rest[1:1+n])
	case r < utf8.RuneSelf && punctuation[r] != 0:
		return l.give(punctuation[r], 1, "")
	}
	return l.operator(rest, r)
}

func (l *lexer) operator(rest string, r rune) (token, error) {
	op, n := Equal, 1
	switch {
	case strings.HasPrefix(rest, "!="), strings.HasPrefix(rest, "<>"):
		op, n = NotEqual, 2
	case strings.HasPrefix(rest, "<="):
		op, n = LessOrEqual, 2
	case strings.HasPrefix(rest, ">="):
		op, n = GreaterOrEqual, 2
	case r == '<':
		op = Less
	case r == '>':
		op = Greater
	case strings.HasPrefix(rest, "=="):
		return token{}, wrong(l.at, "a comparison", "==", "equality is =")
	case r != '=':
		return token{}, wrong(l.at, "a part of a query", fmt.Sprintf("%q", r), hintOf(rest, r))
	}
	t, err := l.give(tokenCompare, n, "")
	t.op = op
	return t, err
}

// hintOf says what may have been meant with a character that the language does not have.
func hintOf(rest string, r rune) string {
	switch {
	case strings.HasPrefix(rest, "&&"):
		return "write AND"
	case strings.HasPrefix(rest, "||"):
		return "write OR; text is not put together in queries"
	case r == '!':
		return "write NOT, or != for a comparison"
	case r == '`':
		return "names stand in double quotes"
	case r == '“', r == '”', r == '‘', r == '’':
		return "text stands in straight single quotes: 'text'"
	case r == '$', r == '@':
		return "parameters are ? or :name; a name with other characters stands in double quotes"
	case r == '+', r == '-', r == '/', r == '%':
		return "queries do not calculate, and have no comments"
	case r == ';':
		return "one query is one statement, without a semicolon"
	}
	return ""
}

// give ends a token of n bytes.
func (l *lexer) give(k kind, n int, text string) (token, error) {
	t := token{kind: k, at: l.at, text: text, raw: l.text[l.at.Offset : l.at.Offset+n]}
	if k == tokenName && n <= longestWord {
		var upper [longestWord]byte
		for i := range n {
			c := t.raw[i]
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			upper[i] = c
		}
		if w, ok := words[string(upper[:n])]; ok {
			t.kind = w
		}
	}
	if (k == tokenName || k == tokenQuoted || k == tokenParam) && len(text) > maxName {
		return token{}, wrong(t.at, fmt.Sprintf("a name of at most %d bytes", maxName), fmt.Sprintf("one of %d", len(text)), "")
	}
	l.advance(n)
	return t, nil
}

func (l *lexer) quoted(k kind, rest string, quote byte, expected string) (token, error) {
	doubled := false
	for i := 1; i < len(rest); i++ {
		if rest[i] == 0 {
			break
		}
		if rest[i] != quote {
			continue
		}
		if i+1 < len(rest) && rest[i+1] == quote {
			doubled = true
			i++
			continue
		}
		text := rest[1:i]
		if doubled {
			text = strings.ReplaceAll(text, string([]byte{quote, quote}), string(quote))
		}
		if !utf8.ValidString(text) {
			return token{}, wrong(l.at, "UTF-8", "a text that is not", "")
		}
		return l.give(k, i+1, text)
	}
	return token{}, wrong(l.at, expected, "none", fmt.Sprintf("inside, a %c is doubled", quote))
}

func (l *lexer) number(rest string) (token, error) {
	i := 0
	if rest[0] == '-' || rest[0] == '+' {
		i++
	}
	begin := i
	digits := func() bool {
		before := i
		for i < len(rest) && isDigit(rune(rest[i])) {
			i++
		}
		return i > before
	}
	digits()
	if i+1 < len(rest) && rest[i] == '.' && isDigit(rune(rest[i+1])) {
		i++
		digits()
	} else if i < len(rest) && rest[i] == '.' {
		return token{}, wrong(l.at, "a digit behind the point", "", "write 2.0, or 2")
	}
	if i-begin > maxDigits {
		return token{}, wrong(l.at, fmt.Sprintf("a number of at most %d digits", maxDigits), "", "")
	}
	if i < len(rest) && (rest[i] == 'e' || rest[i] == 'E') {
		i++
		if i < len(rest) && (rest[i] == '-' || rest[i] == '+') {
			i++
		}
		if before := i; !digits() || i-before > 5 {
			return token{}, wrong(l.at, "one to five digits behind e", "", "as in 1e6")
		}
	}
	if i < len(rest) {
		if r, _ := utf8.DecodeRuneInString(rest[i:]); isLetter(r) {
			return token{}, wrong(l.at, "a number", shown(rest[:i+plainLength(rest[i:])]),
				"a name does not begin with a digit unless it stands in double quotes; text stands in single quotes")
		}
	}
	return l.give(tokenNumber, i, strings.TrimPrefix(rest[:i], "+"))
}

func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
	}
	return r != utf8.RuneError && unicode.IsLetter(r)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// plainLength is the length of the name at the start of a text.
func plainLength(text string) int {
	for i, r := range text {
		if !isLetter(r) && (i == 0 || !isDigit(r)) {
			return i
		}
	}
	return len(text)
}

// isPlain tells whether a name needs no quotes.
func isPlain(name string) bool {
	if name == "" || plainLength(name) != len(name) {
		return false
	}
	if len(name) > longestWord {
		return true
	}
	_, word := words[strings.ToUpper(name)]
	return !word
}
