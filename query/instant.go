package query

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// The instants of the years 0000 to 9999, in microseconds since 1970.
var (
	firstInstant = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastInstant  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
)

const timeLayout = "2006-01-02T15:04:05.000000Z"

func formatTime(micros int64) string { return time.UnixMicro(micros).UTC().Format(timeLayout) }

func timeValue(t time.Time) (Value, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return Value{}, fmt.Errorf("a time of the years 0000 to 9999, not one of %d", y)
	}
	return Value{kind: KindTime, n: t.UnixMicro()}, nil
}

// parseInstant reads a time as in RFC 3339, or a date where dates are allowed, without allocating. It is in
// microseconds since 1970; further digits are cut.
func parseInstant(s []byte, dates bool) (int64, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, ok1 := number(s[0:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	micros := days(year, month, day) * 86_400_000_000
	if len(s) == 10 {
		return micros, dates
	}
	if len(s) < 20 || s[10] != 'T' && s[10] != 't' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	hour, ok1 := number(s[11:13])
	minute, ok2 := number(s[14:16])
	second, ok3 := number(s[17:19])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	micros += (int64(hour)*3600 + int64(minute)*60 + int64(second)) * 1_000_000
	i := 19
	if s[i] == '.' {
		i++
		begin, scale := i, int64(100_000)
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			micros += int64(s[i]-'0') * scale
			scale /= 10
			i++
		}
		if i == begin {
			return 0, false
		}
	}
	rest := s[i:]
	switch {
	case len(rest) == 1 && (rest[0] == 'Z' || rest[0] == 'z'):
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		h, ok1 := number(rest[1:3])
		m, ok2 := number(rest[4:6])
		if !ok1 || !ok2 || h > 23 || m > 59 {
			return 0, false
		}
		offset := (int64(h)*60 + int64(m)) * 60_000_000
		if rest[0] == '+' {
			offset = -offset
		}
		micros += offset
	default:
		return 0, false
	}
	return micros, firstInstant <= micros && micros <= lastInstant
}

func number(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days is the number of days from 1970 to a date of the Gregorian calendar; years count from March, so that the leap
// day is a year's last.
func days(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = -1
	}
	of := y - era*400
	dayOfYear := int64((153*((month+9)%12)+2)/5 + day - 1)
	return era*146097 + of*365 + of/4 - of/100 + dayOfYear - 719468
}

func validText(s string) (Value, error) {
	if !utf8.ValidString(s) {
		return Value{}, fmt.Errorf("text in UTF-8, not %q", shown(s))
	}
	return textValue(s), nil
}
