// Command programs is what a Go program does all day, for tests that run it as it is and instrumented.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func main() {}

// random gives the same numbers each time.
type random uint64

func (r *random) next() uint64 {
	*r = *r*6364136223846793005 + 1442695040888963407
	return uint64(*r >> 11)
}

//go:wasmexport hash
func hash(n int32) int64 {
	b := make([]byte, 1000)
	var sum [32]byte
	for range n {
		sum = sha256.Sum256(b)
		copy(b, sum[:])
	}
	return int64(binary.LittleEndian.Uint64(sum[:]))
}

//go:wasmexport sort
func sort(n int32) int64 {
	r := random(1)
	v := make([]uint64, n)
	for i := range v {
		v[i] = r.next()
	}
	slices.Sort(v)
	h := uint64(0)
	for _, x := range v {
		h = h*31 + x
	}
	return int64(h)
}

type order struct {
	ID    string             `json:"id"`
	Lines []line             `json:"lines"`
	Tags  map[string]float64 `json:"tags,omitempty"`
	Next  *order             `json:"next,omitempty"`
}

type line struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Paid  bool   `json:"paid"`
}

//go:wasmexport decode
func decode(n int32) int64 {
	h := 0
	for i := range int(n) {
		o := order{ID: fmt.Sprint("order-", i), Tags: map[string]float64{"a": 1.5, "b": float64(i) / 3}}
		for j := range 5 {
			o.Lines = append(o.Lines, line{Name: strings.Repeat("x", j), Count: i * j, Paid: j%2 == 0})
		}
		o.Next = &order{ID: "next\u00e9\n"}
		b, err := json.Marshal(o)
		if err != nil {
			return -1
		}
		var back order
		if err := json.Unmarshal(b, &back); err != nil {
			return -2
		}
		h = h*31 + len(b) + back.Lines[4].Count + len(back.Next.ID)
	}
	return int64(h)
}

var pattern = regexp.MustCompile(`(a+)(b|c)*d?[e-z]{2,5}|x(y|z)+?`)

//go:wasmexport match
func match(n int32) int64 {
	s := strings.Repeat("aaabcbcdefgh xyz aabx ", 30)
	h := 0
	for range n {
		for _, m := range pattern.FindAllStringSubmatchIndex(s, -1) {
			for _, at := range m {
				h = h*7 + at
			}
		}
	}
	return int64(h)
}

//go:wasmexport fibonacci
func fibonacci(n int32) int64 {
	if n < 2 {
		return int64(n)
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

// talk has goroutines, channels and locks, which in WebAssembly means that stacks are left and come back to.
//
//go:wasmexport talk
func talk(n int32) int64 {
	in, out := make(chan int), make(chan int, 4)
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for w := range 5 {
		group.Go(func() {
			for x := range in {
				lock.Lock()
				sum += x * (w + 1) / (w + 1)
				lock.Unlock()
				out <- x * x
			}
		})
	}
	go func() {
		for i := range int(n) {
			in <- i
		}
		close(in)
		group.Wait()
		close(out)
	}()
	for x := range out {
		sum += x
	}
	return int64(sum)
}

var errOdd = errors.New("odd")

// recovers panics at the bottom of a recursion.
//
//go:wasmexport recovers
func recovers(n int32) (result int64) {
	defer func() {
		if err, ok := recover().(error); ok && errors.Is(err, errOdd) {
			result = int64(n) * 10
		}
	}()
	var down func(int32) int64
	down = func(i int32) int64 {
		if i == 0 {
			if n%2 == 1 {
				panic(fmt.Errorf("at the bottom: %w", errOdd))
			}
			return 1
		}
		return down(i-1) + 1
	}
	return down(n)
}

//go:wasmexport tables
func tables(n int32) int64 {
	r := random(7)
	m := map[string]int{}
	for range n {
		m[fmt.Sprintf("%x", r.next()%1000)]++
	}
	h := 0
	for _, k := range slices.Sorted(maps.Keys(m)) {
		h = h*31 + len(k)*m[k]
	}
	return int64(h)
}
