package query

import "github.com/nacredb/nacre"

// Bounds are how much a result may have, so that no query takes all memory. A zero is no bound.
type Bounds struct {
	// Rows is how many rows a table has at most. One with more is TOO_LARGE.
	Rows int
	// Bytes is how many bytes a result has at most, about. A result of rows ends early: with the first row behind those that
	// have as many bytes in their ids and states, so that it has one row more than fit, which says that there are more. A
	// table with more is TOO_LARGE.
	Bytes int64
	// Groups is how many groups are gathered at most, before LIMIT. More are TOO_LARGE.
	Groups int
}

// Bounded is the plan with other bounds.
func (p *Plan) Bounded(b Bounds) *Plan {
	other := *p
	other.bounds = b
	return &other
}

// tally is what a result has so far.
type tally struct {
	Bounds
	rows  int
	bytes int64
}

// last counts a row of a result of rows, and tells whether the result ends with it.
func (t *tally) last(id string, state []byte) bool {
	full := t.Bytes > 0 && t.bytes >= t.Bytes
	t.bytes += Size(id, state)
	return full
}

// Size is what a row counts against Bounds.Bytes.
func Size(id string, state []byte) int64 { return int64(len(id) + len(state)) }

// cellBytes is what a cell counts beside its text.
const cellBytes = 8

// cells counts a row of a table, or a group.
func (t *tally) cells(values []Value) error {
	t.rows++
	for i := range values {
		t.bytes += int64(len(values[i].b)) + cellBytes
	}
	switch {
	case t.Rows > 0 && t.rows > t.Rows:
		return nacre.Errorf(nacre.CodeTooLarge, "the result has more than %d rows: give a condition, or LIMIT and OFFSET", t.Rows)
	case t.Bytes > 0 && t.bytes > t.Bytes:
		return nacre.Errorf(nacre.CodeTooLarge, "the result has more than %d bytes: give fewer columns, a condition, or LIMIT and OFFSET", t.Bytes)
	}
	return nil
}

// within tells whether a table is not too large.
func (b Bounds) within(t *Table) error {
	in := tally{Bounds: b}
	for _, row := range t.Rows {
		if err := in.cells(row); err != nil {
			return err
		}
	}
	return nil
}

// gathered counts a group with what it is known by.
func (t *tally) gathered(key []byte) error {
	t.rows++
	t.bytes += int64(len(key))
	if t.Groups > 0 && t.rows > t.Groups || t.Groups > 0 && t.bytes > groupBytes*int64(t.Groups) {
		return nacre.Errorf(nacre.CodeTooLarge, "more than %d groups would be gathered, or so many long ones: give a condition, or GROUP BY something of which there are fewer values", t.Groups)
	}
	return nil
}

// groupBytes is how long the keys of as many groups as there may be are together, for each.
const groupBytes = 256
