package query

import (
	"fmt"
	"strings"
	"testing"
)

const usual = `name LIKE 'Origin%' AND year > '2000' AND (live OR tags CONTAINS 'rock') ORDER BY year DESC LIMIT 10`

var usualState = []byte(`{"name":"Origin of Symmetry","year":2001,"price":"12.50","live":false,"artist":"muse","tags":["alt","rock"],"info":{"sales":100}}`)

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(usual); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBindAndCheck(b *testing.B) {
	q, err := Parse("owner = :sub OR :role = 'admin'")
	if err != nil {
		b.Fatal(err)
	}
	s := &collection{props: []namedProperty{{"owner", Property{Type: TypeText}}}}
	args := Args{Named: map[string]any{"sub": "ann", "role": "user"}}
	b.ReportAllocs()
	for b.Loop() {
		bound, err := Bind(q, args)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Check(bound, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	p := plan(b, usual)
	o := NewObject("a", usualState)
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match(o, nil) {
			b.Fatal("it does not match")
		}
	}
}

func BenchmarkResetAndMatch(b *testing.B) {
	p := plan(b, usual)
	o := &Object{}
	b.ReportAllocs()
	for b.Loop() {
		o.Reset("a", usualState)
		if !p.Match(o, nil) {
			b.Fatal("it does not match")
		}
	}
}

func BenchmarkEquality(b *testing.B) {
	p := plan(b, "artist = 'muse'")
	o := NewObject("a", usualState)
	b.ReportAllocs()
	for b.Loop() {
		p.Match(o, nil)
	}
}

func BenchmarkSortKey(b *testing.B) {
	p := plan(b, usual)
	o := NewObject("a", usualState)
	var key []byte
	b.ReportAllocs()
	for b.Loop() {
		key = p.AppendSortKey(key[:0], o, nil)
	}
}

func BenchmarkSQL(b *testing.B) {
	p := plan(b, usual)
	c := albums()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.SQL(SQLite, c, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRows selects ten of a hundred thousand rows in order.
func BenchmarkRows(b *testing.B) {
	c := albums()
	for i := range 100_000 {
		state := fmt.Sprintf(`{"name":"Origin %d","year":%d,"live":true}`, i, 1900+i*7919%120)
		c.rows = append(c.rows, NewObject(fmt.Sprintf("%06d", i), []byte(state)))
	}
	p := plan(b, usual)
	for b.Loop() {
		if rows, err := p.Rows(c.seq(), nil); err != nil || len(rows) != 10 {
			b.Fatal(len(rows), err)
		}
	}
}

// BenchmarkIndexed has SQLite give ten rows by a declared index, statement included.
func BenchmarkIndexed(b *testing.B) {
	c := albums()
	db := libraryDB(b, c, 20_000)
	p := plan(b, "year > 2000 ORDER BY year, name LIMIT 10")
	for b.Loop() {
		if got, err := inSQL(db, p, c, nil); err != nil || strings.Count(got, "\n") != 9 {
			b.Fatal(got, err)
		}
	}
}
