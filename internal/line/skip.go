package line

import "bytes"

// stringEnd is where the JSON string that begins at from ends, -1 where it does not.
func stringEnd(b []byte, from int) int {
	for i := from + 1; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		quote := i + n
		slashes := 0
		for k := quote - 1; k > from && b[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		i = quote + 1
	}
}

// objectEnd is where the JSON object or array that begins at from ends, -1 where it does not.
func objectEnd(b []byte, from int) int {
	depth := 0
	for i := from; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := stringEnd(b, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

var base64Digits = func() (digits [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		digits[c] = true
	}
	return digits
}()

// isBase64 tells whether the text is standard base64 with padding.
func isBase64(text []byte) bool {
	n := len(text)
	if n%4 != 0 {
		return false
	}
	for range 2 {
		if n > 0 && text[n-1] == '=' {
			n--
		}
	}
	for _, c := range text[:n] {
		if !base64Digits[c] {
			return false
		}
	}
	return true
}
