package line

import "encoding/binary"

// timeSize is the width of every time: nacre.TimeFormat.
const timeSize = len("2006-01-02T15:04:05.000000Z")

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400

	// The first and the last microsecond that have four digits of year, from 1.
	minTime = -62_135_596_800 * microsPerSecond
	maxTime = 253_402_300_800*microsPerSecond - 1
)

// AppendTime appends a time, in microseconds since 1970, as it stands in lines. A time outside of the
// years 1 to 9999 becomes the nearest one inside.
func AppendTime(dst []byte, micros int64) []byte {
	var e Encoder
	return e.appendTime(dst, micros)
}

func (e *Encoder) appendTime(dst []byte, micros int64) []byte {
	micros = min(max(micros, minTime), maxTime)
	second, fraction := micros/microsPerSecond, micros%microsPerSecond
	if fraction < 0 {
		second, fraction = second-1, fraction+microsPerSecond
	}
	if second != e.second || e.text[0] == 0 {
		e.setSecond(second)
	}
	dst = append(dst, e.text[:]...)
	f := uint32(fraction)
	a, b, c := f/10_000, f/100%100, f%100
	return append(dst, '.',
		byte('0'+a/10), byte('0'+a%10), byte('0'+b/10), byte('0'+b%10), byte('0'+c/10), byte('0'+c%10), 'Z')
}

func (e *Encoder) setSecond(second int64) {
	day, rest := second/secondsPerDay, second%secondsPerDay
	if rest < 0 {
		day, rest = day-1, rest+secondsPerDay
	}
	year, month, dom := civil(day)
	e.second = second
	t := &e.text
	put2(t[0:], year/100)
	put2(t[2:], year%100)
	t[4] = '-'
	put2(t[5:], month)
	t[7] = '-'
	put2(t[8:], dom)
	t[10] = 'T'
	put2(t[11:], int(rest/3600))
	t[13] = ':'
	put2(t[14:], int(rest/60%60))
	t[16] = ':'
	put2(t[17:], int(rest%60))
}

func put2(dst []byte, n int) { dst[0], dst[1] = byte('0'+n/10), byte('0'+n%10) }

// Years are counted here from the first of March of the year 0, so that the day that a leap year adds is
// a year's last, in eras of 400 years, which all have the same number of days.
const (
	daysPerEra   = 146_097
	daysToEpoch  = 719_468 // from 0000-03-01 to 1970-01-01
	daysOfMonths = 153     // in five months from March on: 31, 30, 31, 30, 31
)

// civil is the date of a day, counted from 1970, not before the year 0's March.
func civil(day int64) (year, month, dom int) {
	d := day + daysToEpoch
	era := d / daysPerEra
	doe := int(d % daysPerEra)
	yoe := (doe - doe/1460 + doe/36_524 - doe/(daysPerEra-1)) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / daysOfMonths
	dom = doy - (daysOfMonths*m+2)/5 + 1
	year, month = int(era)*400+yoe, m+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, dom
}

// daysBefore is how many days of such a year are before a month, from January on.
var daysBefore = [16]uint16{1: 306, 2: 337, 3: 0, 4: 31, 5: 61, 6: 92, 7: 122, 8: 153, 9: 184, 10: 214, 11: 245, 12: 275}

// dayOf is the day, counted from 1970, of a date of the years 1 to 9999.
func dayOf(year, month, dom uint) int64 {
	if month < 3 {
		year--
	}
	century := year / 100
	return int64(365*year+year/4-century+century/4+uint(daysBefore[month&15])+dom-1) - daysToEpoch
}

func daysIn(year, month uint) uint {
	switch {
	case month != 2:
		return 30 + (month+month>>3)&1
	case year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	default:
		return 28
	}
}

// ParseTime reads a time as AppendTime writes it.
func ParseTime(text []byte) (micros int64, ok bool) {
	if len(text) != timeSize {
		return 0, false
	}
	date, bad1 := digits(text[0:8], dateText, dateMarks)
	clock, bad2 := digits(text[8:16], clockText, clockMarks)
	sec, bad3 := digits(text[16:24], secondText, secondMarks)
	part, bad4 := digits(text[19:27], fractionText, fractionMarks)
	year, month, dom := 100*pair(date, 0)+pair(date, 2), pair(date, 5), pair(clock, 0)
	hour, minute, second := pair(clock, 3), pair(clock, 6), pair(sec, 1)
	if (bad1|bad2|bad3|bad4) != 0 || year == 0 || month-1 > 11 || dom-1 > 27 && (dom == 0 || dom > daysIn(year, month)) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	seconds := dayOf(year, month, dom)*secondsPerDay + int64(3600*hour+60*minute+second)
	return seconds*microsPerSecond + int64(10_000*pair(part, 1)+100*pair(part, 3)+pair(part, 5)), true
}

// What stands where in the four words of eight bytes that cover a time, the first byte in the lowest
// place: in each word a 0 for a digit, and the marks between them.
const (
	ones = 0x0101010101010101

	dateText      = ones*'0' ^ ('0'^'-')<<32 ^ ('0'^'-')<<56 // 0000-00-
	dateMarks     = 0xff<<32 | 0xff<<56
	clockText     = ones*'0' ^ ('0'^'T')<<16 ^ ('0'^':')<<40 // 00T00:00
	clockMarks    = 0xff<<16 | 0xff<<40
	secondText    = ones*'0' ^ ('0' ^ ':') ^ ('0'^'.')<<24 // :00.0000
	secondMarks   = 0xff | 0xff<<24
	fractionText  = ones*'0' ^ ('0' ^ '.') ^ ('0'^'Z')<<56 // .000000Z
	fractionMarks = 0xff | 0xff<<56
)

// digits gives, in each byte, the number of the two digits that begin there; bad is not 0 where a byte is
// not what the word's text has in its place.
func digits(text []byte, word, marks uint64) (pairs, bad uint64) {
	// A digit becomes its value, a mark 0. Added to what follows, anything else reaches its byte's high bit.
	values := binary.LittleEndian.Uint64(text) ^ word
	room := ones*(0x7f-9) + marks&(ones*9)
	return 10*values + values>>8, (values | (values + room)) & (ones * 0x80)
}

func pair(pairs uint64, i int) uint { return uint(pairs >> (8 * i) & 0xff) }
