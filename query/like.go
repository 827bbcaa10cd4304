package query

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// checkPattern tells what is wrong with a pattern. found is how it is written.
func checkPattern(l *Literal, escape rune, found string) error {
	switch {
	case l.Value.kind == KindNull:
		return nil
	case l.Value.kind != KindText:
		return wrong(l.At, "a pattern: a text or a parameter", found, "patterns stand in single quotes: '20%'")
	case len(l.Value.b) > maxPattern:
		return wrong(l.At, fmt.Sprintf("a pattern of at most %d bytes", maxPattern), fmt.Sprintf("one of %d", len(l.Value.b)), "")
	case bytes.IndexByte(l.Value.b, 0) >= 0:
		return wrong(l.At, "a pattern without U+0000", "", "")
	}
	if _, ok := parsePattern(l.Value.b, escape, false); !ok {
		return wrong(l.At, fmt.Sprintf("%%, _ or %c behind each %c of the pattern", escape, escape), found, "ESCAPE makes these stand for themselves")
	}
	return nil
}

// piece is what a pattern wants next: a rune, any one, or any number of any.
type piece struct {
	char rune
	any  bool // one character
	many bool // any characters
}

// pattern is a LIKE pattern, ready to be matched.
type pattern struct {
	pieces []piece
	fold   bool
	// prefix is the text that the pattern begins with, up to its first % or _; rest tells whether more follows than
	// one %.
	prefix []byte
	rest   bool
}

func parsePattern(text []byte, escape rune, fold bool) (*pattern, bool) {
	p := &pattern{fold: fold}
	plain := true
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case escape != 0 && r == escape:
			if r, size = utf8.DecodeRune(text); size == 0 || r != escape && r != '%' && r != '_' {
				return nil, false
			}
			text = text[size:]
		case r == '%':
			if n := len(p.pieces); n == 0 || !p.pieces[n-1].many {
				p.pieces = append(p.pieces, piece{many: true})
			}
			plain = false
			continue
		case r == '_':
			p.pieces = append(p.pieces, piece{any: true})
			plain = false
			continue
		}
		if fold {
			r = foldRune(r)
		}
		p.pieces = append(p.pieces, piece{char: r})
		if plain {
			p.prefix = utf8.AppendRune(p.prefix, r)
		}
	}
	n := len(p.pieces)
	p.rest = n != utf8.RuneCount(p.prefix)+1 || !p.pieces[n-1].many
	return p, true
}

func foldRune(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// match tells whether a text is like the pattern. A text that holds U+0000 is not.
func (p *pattern) match(text []byte) bool {
	if bytes.IndexByte(text, 0) >= 0 {
		return false
	}
	if !p.fold {
		if !bytes.HasPrefix(text, p.prefix) {
			return false
		}
		if !p.rest {
			return true
		}
	}
	// Where a % was passed, the match can begin again there, one character further on: back are the pieces behind it,
	// from is the text that they were tried on.
	at, back := 0, -1
	var from []byte
	for len(text) > 0 {
		if at < len(p.pieces) && p.pieces[at].many {
			at++
			back, from = at, text
			continue
		}
		r, size := utf8.DecodeRune(text)
		if at < len(p.pieces) {
			want := p.pieces[at]
			if p.fold {
				r = foldRune(r)
			}
			if want.any || want.char == r {
				at++
				text = text[size:]
				continue
			}
		}
		if back < 0 {
			return false
		}
		_, size = utf8.DecodeRune(from)
		from = from[size:]
		at, text = back, from
	}
	for at < len(p.pieces) && p.pieces[at].many {
		at++
	}
	return at == len(p.pieces)
}

// above is the least text, in whole characters, that sorts behind every text that begins with the prefix; nil where
// there is none.
func above(prefix []byte) []byte {
	for len(prefix) > 0 {
		r, size := utf8.DecodeLastRune(prefix)
		rest := prefix[:len(prefix)-size]
		switch {
		case r == 0xd7ff:
			r = 0xe000
		case r < utf8.MaxRune:
			r++
		default:
			prefix = rest
			continue
		}
		return utf8.AppendRune(bytes.Clone(rest), r)
	}
	return nil
}
