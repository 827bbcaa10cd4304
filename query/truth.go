package query

// Truth is what a condition is of a row.
type Truth int8

// The three values, in their order: AND is the least, OR the greatest.
const (
	False Truth = iota
	Unknown
	True
)

// String is the value's name.
func (t Truth) String() string { return [...]string{"false", "unknown", "true"}[t] }

func (t Truth) not() Truth { return True - t }

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// holds tells what a comparison is of two values.
func (o Op) holds(a, b *Value) Truth {
	c, r := compareValues(a, b)
	switch {
	case r == unknown:
		return Unknown
	case r == different && (o == Equal || o == NotEqual):
		return truthOf(o == NotEqual)
	case r == different:
		return Unknown
	}
	switch o {
	case Equal:
		return truthOf(c == 0)
	case NotEqual:
		return truthOf(c != 0)
	case Less:
		return truthOf(c < 0)
	case LessOrEqual:
		return truthOf(c <= 0)
	case Greater:
		return truthOf(c > 0)
	}
	return truthOf(c >= 0)
}
