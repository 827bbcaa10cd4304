package wire

import (
	"math"

	"github.com/nacredb/nacre"
)

var (
	readMembers  = []string{"filter", "after", "before", "from", "until", "limit", "backwards", "where"}
	queryMembers = []string{"query", "after", "before", "limit", "direction", "where"}
)

// DecodeRead reads the body of a POST …/read: {"filter"?, "after"?, "before"?, "from"?, "until"?, "limit"?,
// "backwards"?, "where"?}, the fields of [nacre.ReadOptions] by their own names and meanings; after may be a cursor.
func DecodeRead(body []byte) (ReadParams, error) {
	var p ReadParams
	var s scanner
	s.init(body, "")
	o := &p.Options
	for s.object(); s.member(); {
		switch s.known(readMembers) {
		case 0:
			p.Filter = s.filter()
		case 1:
			c := s.cursor()
			o.After, p.Epoch = c.Position, c.Epoch
		case 2:
			o.Before = s.position()
		case 3:
			o.From = s.integer(0, math.MaxInt64)
		case 4:
			o.Until = s.integer(0, math.MaxInt64)
		case 5:
			o.Limit = int(s.integer(0, math.MaxInt32))
		case 6:
			o.Backwards = s.boolean()
		case 7:
			p.Where = s.given()
		}
	}
	if err := s.end(); err != nil {
		return ReadParams{}, err
	}
	return p, nil
}

// EncodeRead appends the body that DecodeRead reads; Borrowed is not in it, and a Limit beyond 2^31-1 is none.
func EncodeRead(dst []byte, f nacre.Filter, o *nacre.ReadOptions) []byte {
	return EncodeReadWhere(dst, f, "", o)
}

// EncodeReadWhere is EncodeRead with a condition; "" is none.
func EncodeReadWhere(dst []byte, f nacre.Filter, where string, o *nacre.ReadOptions) []byte {
	if o == nil {
		o = &nacre.ReadOptions{}
	}
	dst = AppendFilter(append(dst, `{"filter":`...), f)
	dst = appendPositive(dst, `,"after":`, o.After)
	dst = appendPositive(dst, `,"before":`, o.Before)
	dst = appendPositive(dst, `,"from":`, o.From)
	dst = appendPositive(dst, `,"until":`, o.Until)
	if o.Limit <= math.MaxInt32 {
		dst = appendPositive(dst, `,"limit":`, o.Limit)
	}
	if o.Backwards {
		dst = append(dst, `,"backwards":true`...)
	}
	if where != "" {
		dst = appendText(append(dst, `,"where":`...), where)
	}
	return append(dst, '}')
}

// appendPositive appends a member, or nothing for 0, which is as good.
func appendPositive[T ~int | ~int64 | ~uint64](dst []byte, member string, n T) []byte {
	if n == 0 {
		return dst
	}
	return appendNumber(append(dst, member...), n)
}

// DecodeQuery reads the body of a POST …/query, DeltaBase's: {"query"?:{"items":[…]}, "after"?, "before"?,
// "limit"?, "direction"?, "where"?}.
func DecodeQuery(body []byte) (ReadParams, error) {
	var p ReadParams
	var s scanner
	s.init(body, "")
	o := &p.Options
	for s.object(); s.member(); {
		switch s.known(queryMembers) {
		case 0:
			p.Filter = s.filter()
		case 1:
			if !s.null() {
				c := s.cursor()
				o.After, p.Epoch = c.Position, c.Epoch
			}
		case 2:
			o.Before = s.position()
		case 3:
			o.Limit = int(s.integer(1, MaxLimit))
		case 4:
			switch direction := s.text(); direction {
			case "forwards", "forward", "asc", "":
			case "backwards", "backward", "desc":
				o.Backwards = true
			default:
				s.fail("%.40q is not a direction: give forwards or backwards", direction)
			}
		case 5:
			p.Where = s.given()
		}
	}
	if err := s.end(); err != nil {
		return ReadParams{}, err
	}
	return p, nil
}
