package query

import (
	"bytes"
	"strconv"
)

// The digits that a decimal has at most on each side of its point.
const decimalSide = 100

// decimalBias is added to exponents, so that they are written without a sign.
const decimalBias = 500

// appendDecimalKey appends the key text of a decimal: texts that compare byte by byte as the numbers do, by
// spec/query.md, "Tables". The text is a JSON number. It tells whether that is a decimal in range.
func appendDecimalKey(dst, text []byte) ([]byte, bool) {
	i, negative := 0, false
	if i < len(text) && text[i] == '-' {
		negative = true
		i++
	}
	// The significant digits are counted first: those of text[first:last], with point digits before the point.
	begin, point, first, last, digits := i, -1, -1, -1, 0
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && point < 0 && digits > 0 {
			point = digits
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if c != '0' {
			if first < 0 {
				first = digits
			}
			last = digits
		}
	}
	if digits == 0 || point == digits {
		return dst, false
	}
	if point < 0 {
		point = digits
	}
	exponent := 0
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		n, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || n > 100000 || n < -100000 {
			return dst, false
		}
		exponent = n
	} else if i < len(text) {
		return dst, false
	}
	if first < 0 {
		return append(dst, '1'), true
	}
	// 0.d1d2… times ten to the exponent.
	exponent += point - first + 1
	if exponent > decimalSide || last-first+1-exponent > decimalSide {
		return dst, false
	}
	sign, biased := byte('2'), exponent+decimalBias
	if negative {
		sign, biased = '0', 999-biased
	}
	dst = append(dst, sign, byte('0'+biased/100), byte('0'+biased/10%10), byte('0'+biased%10))
	at := 0
	for j := begin; at < last; j++ {
		c := text[j]
		if c == '.' {
			continue
		}
		at++
		if at < first {
			continue
		}
		if negative {
			c = '0' + '9' - c
		}
		dst = append(dst, c)
	}
	if negative {
		dst = append(dst, '~')
	}
	return dst, true
}

// decimalParts takes a key text apart: the digits are 0.digits times ten to the exponent.
func decimalParts(key []byte) (negative bool, exponent int, digits []byte) {
	if len(key) < 5 {
		return false, 0, nil
	}
	exponent = int(key[1]-'0')*100 + int(key[2]-'0')*10 + int(key[3]-'0')
	digits = key[4:]
	if key[0] == '0' {
		negative, exponent = true, 999-exponent
		digits = bytes.TrimSuffix(digits, []byte("~"))
		turned := make([]byte, len(digits))
		for i, c := range digits {
			turned[i] = '0' + '9' - c
		}
		digits = turned
	}
	return negative, exponent - decimalBias, digits
}

// decimalText is the number of a key text, as digits.
func decimalText(key []byte) string {
	negative, exponent, digits := decimalParts(key)
	if len(digits) == 0 {
		return "0"
	}
	var out []byte
	if negative {
		out = append(out, '-')
	}
	switch {
	case exponent <= 0:
		out = append(out, '0', '.')
		out = append(out, bytes.Repeat([]byte{'0'}, -exponent)...)
		out = append(out, digits...)
	case exponent >= len(digits):
		out = append(out, digits...)
		out = append(out, bytes.Repeat([]byte{'0'}, exponent-len(digits))...)
	default:
		out = append(out, digits[:exponent]...)
		out = append(out, '.')
		out = append(out, digits[exponent:]...)
	}
	return string(out)
}
