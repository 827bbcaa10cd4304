package wasm

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// checkJSON tells what is wrong with a JSON value, and gives it without insignificant white space: text itself
// where it has none.
func checkJSON(text []byte) ([]byte, error) {
	s := scanners.Get().(*scanner)
	defer scanners.Put(s)
	s.reset(text)
	value, ok := s.value()
	ok = ok && s.end()
	s.src = nil
	if !ok {
		return nil, s.err
	}
	if s.loose {
		return compact(make([]byte, 0, len(value)), value), nil
	}
	return value, nil
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// compact appends a JSON value, which was read before, without insignificant white space.
func compact(dst, value []byte) []byte {
	inside := false
	for i := 0; i < len(value); i++ {
		b := value[i]
		switch {
		case inside && b == '\\':
			dst = append(dst, b)
			i++
			b = value[i]
		case b == '"':
			inside = !inside
		case !inside && (b == ' ' || b == '\n' || b == '\t' || b == '\r'):
			continue
		}
		dst = append(dst, b)
	}
	return dst
}

// sameJSON tells whether two JSON values, which were read before, mean the same: the order of members does not
// count, and numbers are compared as decimal numbers.
func sameJSON(a, b []byte) bool {
	return bytes.Equal(a, b) || bytes.Equal(canonical(a), canonical(b))
}

// canonical is the one text of all values that mean the same.
func canonical(value []byte) []byte {
	var s scanner
	s.reset(value)
	return s.canonical(nil)
}

func (s *scanner) canonical(dst []byte) []byte {
	switch b := s.peek(); {
	case b == '"':
		text, _ := s.str()
		return appendText(dst, text)
	case b == '{':
		return s.canonicalObject(dst)
	case b == '[':
		s.i++
		dst = append(dst, '[')
		for first := true; s.more(&first, ']'); {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst = s.canonical(dst)
		}
		return append(dst, ']')
	case b == '-' || b-'0' <= 9:
		from := s.i
		s.skipNumber()
		return append(dst, decimal(string(s.src[from:s.i]))...)
	}
	text, _ := s.value()
	return append(dst, text...)
}

func (s *scanner) canonicalObject(dst []byte) []byte {
	type member struct{ name, text []byte }
	var members []member
	s.i++
	f := s.enter()
	for first := true; s.more(&first, '}'); {
		name, ok := s.member(f)
		if !ok {
			break
		}
		members = append(members, member{slices.Clone(name), s.canonical(nil)})
	}
	s.leave(f)
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendText(dst, m.name), ':'), m.text...)
	}
	return append(dst, '}')
}

// decimal is the one text of all spellings of a number: its digits without zeros around them, and the power of
// ten that they are counted in.
func decimal(number string) string {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	digits, power := strings.ToLower(number), int64(0)
	if mantissa, exponent, ok := strings.Cut(digits, "e"); ok {
		n, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil && strings.Trim(mantissa, "0.") != "" {
			return sign + digits // nobody means a number like that, and as its own text it equals itself
		}
		digits, power = mantissa, n
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	power -= int64(len(fraction))
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	power += int64(len(digits) - len(short))
	if power == 0 {
		return sign + short
	}
	return sign + short + "e" + strconv.FormatInt(power, 10)
}
