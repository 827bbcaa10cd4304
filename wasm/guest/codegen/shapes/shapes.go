// Package shapes has types of every shape that a state, command or event may have, with the codecs that package
// codegen generates for them: codecs_generated.go. [Roots] lists them.
//
// It guarantees nothing; its tests compare the generated codecs with package codec. Types are values, and used by
// tests only.
//
// What this package does not do: it has no type that no code can be generated for; the tests of package codegen
// have those.
package shapes

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/nacredb/nacre/wasm/guest/codegen/shapes/other"
)

// Roots are a value of each type.
var Roots = []any{
	Basics{},
	Quoted{},
	Omitted{},
	Zeroed{},
	Pointers{},
	Lists{},
	Maps{},
	Nested{},
	Embedding{},
	Clash{},
	Methods{},
	Times{},
	Dynamic{},
	tree{},
	Empty{},
	Wide{},
	Number(0), Text(""), Items(nil), Index(nil), Blob(nil),
	Grid{},
	Names{},
	Special{},
	Anonymous{},
	Foreign{},
	Chain{},
}

type (
	Number int
	Text   string
	Items  []Basics
	Index  map[string]Number
	Grid   [2][3]int8
	Flag   bool
	Ratio  float32
)

type Basics struct {
	A bool
	B int
	C int8 `json:"c"`
	D int16
	E int32
	F int64
	G uint
	H uint8
	I uint16
	J uint32
	K uint64
	L float32
	M float64
	N string `json:"the_name"`
	O Number
	P Text
	Q Flag
	R Ratio
	s int
	T int `json:"-"`
	U int `json:"-,"`
	V time.Duration
	W uintptr
	X other.Level
}

type Quoted struct {
	A int     `json:",string"`
	B float64 `json:"b,string"`
	C bool    `json:",string"`
	D string  `json:",string"`
	E *int    `json:",string"`
	F *string `json:",string,omitempty"`
	G Text    `json:",string"`
	H uint8   `json:",string,omitempty"`
	I []int   `json:",string"`
	J Number  `json:",omitzero,string"`
}

type Omitted struct {
	A int            `json:",omitempty"`
	B string         `json:"b,omitempty"`
	C []int          `json:",omitempty"`
	D map[string]int `json:",omitempty"`
	E *int           `json:",omitempty"`
	F Empty          `json:",omitempty"`
	G bool           `json:",omitempty"`
	H float64        `json:",omitempty"`
	I [2]int         `json:",omitempty"`
	J any            `json:",omitempty"`
	K time.Time      `json:",omitempty"`
	L uint           `json:",omitempty"`
	M int
	N int `json:",omitempty"`
}

type Zeroed struct {
	A int       `json:",omitzero"`
	B string    `json:",omitzero"`
	C []int     `json:",omitzero"`
	D Empty     `json:",omitzero"`
	E Basics    `json:",omitzero"`
	F time.Time `json:",omitzero"`
	G *int      `json:",omitzero"`
	H float64   `json:",omitzero"`
	I [2]string `json:",omitzero"`
	J lucky     `json:",omitzero"`
	K *lucky    `json:",omitzero"`
	L []int     `json:",omitzero,omitempty"`
}

type lucky int

func (l lucky) IsZero() bool { return l == 7 }

type Pointers struct {
	A *int
	B **string
	C *Basics
	D *[]int
	E *map[string]*int
	F []*Nested
	G *time.Time
	H *any
}

type Lists struct {
	A []int
	B []string
	C [][]float64
	D []byte
	E [4]byte
	F [2]Quoted
	G []Omitted
	H [][2]bool
	I [0]int
	J []any
	K []map[string]string
	L []other.Level
	M []tiny
	N [3]tiny
	O Blob
}

type tiny byte

// Blob has names for both, the slice and its bytes.
type Blob []tiny

type Maps struct {
	A map[string]int
	B map[Text]*Basics
	C map[int]string
	D map[uint8]bool
	E map[int64][]int
	F map[string]map[string]any
	G map[Number]Omitted
	H map[string][]byte
}

type Nested struct {
	Basics Basics `json:"basics"`
	Lists  struct {
		A []int  `json:"a"`
		B string `json:"b,omitempty"`
	} `json:"lists"`
	Of []struct{ X, Y int }
}

type Base struct {
	ID   string `json:"id"`
	Kind string
}

type base struct{ Small int }

type Embedding struct {
	Base
	*other.Embedded
	base
	Text
	Number `json:"number"`
	Kind   int
}

type left struct{ Both, Left int }

type right struct {
	Both  int
	Right int
	Taken int `json:"Left2"`
}

type Clash struct {
	left
	right
	Left2 string
	Other string `json:"Right"`
}

type color [3]uint8

func (c color) MarshalText() ([]byte, error) {
	const digits = "0123456789abcdef"
	var out []byte
	for _, b := range c {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return out, nil
}

func (c *color) UnmarshalText(text []byte) error {
	if len(text) != 6 {
		return errors.New("a color has six digits")
	}
	for i := range c {
		high, low := strings.IndexByte("0123456789abcdef", text[2*i]), strings.IndexByte("0123456789abcdef", text[2*i+1])
		if high < 0 || low < 0 {
			return errors.New("a color is of hexadecimal digits")
		}
		c[i] = uint8(high<<4 | low)
	}
	return nil
}

type pair struct{ x, y int }

func (p pair) MarshalJSON() ([]byte, error) { return json.Marshal([]int{p.x, p.y}) }

func (p *pair) UnmarshalJSON(text []byte) error {
	var xy []int
	if err := json.Unmarshal(text, &xy); err != nil {
		return err
	}
	if xy != nil && len(xy) != 2 {
		return errors.New("a pair has two numbers")
	}
	if xy != nil {
		p.x, p.y = xy[0], xy[1]
	}
	return nil
}

type Methods struct {
	A color
	B *color
	C pair
	D *pair
	E []pair
	F map[string]color
	G netip.Addr
	H *big.Int
	I [2]color
}

type Times struct {
	A time.Time
	B *time.Time
	C []time.Time
	D map[string]time.Time
}

type Dynamic struct {
	A any
	B map[string]any
	C []any
	D json.RawMessage
	E *json.RawMessage
	F []json.RawMessage
}

// tree holds itself, and is not exported.
type tree struct {
	Value int
	Left  *tree           `json:",omitempty"`
	More  []tree          `json:",omitempty"`
	By    map[string]tree `json:",omitempty"`
}

type Empty struct{}

type Wide struct {
	A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, C0, C1, C2, C3, C4, C5, C6, C7, C8, C9 int
	D0, D1, D2, D3, D4, D5, D6, D7, D8, D9, E0, E1, E2, E3, E4, E5, E6, E7, E8, E9, F0, F1, F2, F3, F4, F5, F6, F7, F8, F9 int
	G0, G1, G2, G3, G4, G5, G6, G7, G8, G9                                                                                 bool
}

type Names struct {
	A int `json:"ä"`
	B int `json:"a\u2028b"`
	C int `json:"<&>"`
	D int `json:"a b"`
	E int `json:"name"`
	F int `json:"NAME"`
}

type Special struct {
	A json.Number
	B *json.Number
	C []json.Number
	D json.Number `json:",omitempty"`
}

type Anonymous struct {
	struct1
	A struct{}
	B *struct {
		C map[string]struct{ D []int }
	}
}

type struct1 struct{ Z int }

type Foreign struct {
	A other.Shared
	B []other.Shared
	C map[string]other.Shared
	D *other.Embedded
}

type Chain struct {
	Next *Link `json:"next"`
}

type Link struct {
	Chain Chain
	N     int
}
