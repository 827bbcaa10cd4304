package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/wasmtest"
)

// ledger is a module that counts its events, and writes its own version into them: the event at stream position n has
// the data {"n":n,"v":version}, and the state is how many there are. It keeps no states, so that the host has to send
// them.
func ledger(t *testing.T, name string, version int) []byte {
	t.Helper()
	const (
		description, head, middle, tail, closing = 0, 4096, 8192, 12288, 16384
		state, kind, held, missing               = 20480, 20544, 20608, 20672
		reply, evolved, room                     = 24576, 28672, 65536
	)
	texts := map[int]string{
		description: fmt.Sprintf(`{"name":%q,"commands":{"increment":{}},"events":{"%s.counted":{}}}`, name, name),
		head:        fmt.Sprintf(`{"events":[{"type":"%s.counted","data":{"n":`, name),
		middle:      fmt.Sprintf(`,"v":%d}}],"state":`, version),
		tail:        `{"state":`,
		closing:     `}`,
		state:       `"state":`,
		kind:        `{"type":"`,
		held:        `"held":`,
		missing:     `{"missing":true}`,
	}
	var data strings.Builder
	for _, at := range slices.Sorted(maps.Keys(texts)) { // the same version is the same binary
		fmt.Fprintf(&data, "(data (i32.const %d) %s)\n", at, hexed(texts[at]))
	}
	put := func(at int) string {
		return fmt.Sprintf("(local.set $out (call $copy (local.get $out) (i32.const %d) (i32.const %d)))", at, len(texts[at]))
	}
	args := func(at int) string { return fmt.Sprintf("(i32.const %d) (i32.const %d)", at, len(texts[at])) }
	place := func(at int) string { return fmt.Sprintf("(i64.const %d)", int64(at)<<32|int64(len(texts[at]))) }
	return wasmtest.Assemble(t, `(module (memory (export "memory") 16)
	`+data.String()+`
	(func $copy (param $out i32) (param $at i32) (param $n i32) (result i32)
	  (memory.copy (local.get $out) (local.get $at) (local.get $n))
	  (i32.add (local.get $out) (local.get $n)))

	;; whether a text stands at a place
	(func $same (param $at i32) (param $text i32) (param $n i32) (result i32)
	  (block $done
	    (loop $next
	      (br_if $done (i32.eqz (local.get $n)))
	      (if (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u (local.get $text))) (then (return (i32.const 0))))
	      (local.set $at (i32.add (local.get $at) (i32.const 1)))
	      (local.set $text (i32.add (local.get $text) (i32.const 1)))
	      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
	      (br $next)))
	  (i32.const 1))

	;; how often a text stands in the request, and the last one's end in $after
	(global $after (mut i32) (i32.const 0))
	(func $count (param $at i32) (param $n i32) (param $text i32) (param $length i32) (result i32)
	  (local $end i32) (local $found i32)
	  (local.set $end (i32.sub (i32.add (local.get $at) (local.get $n)) (local.get $length)))
	  (block $done
	    (loop $next
	      (br_if $done (i32.gt_u (local.get $at) (local.get $end)))
	      (if (call $same (local.get $at) (local.get $text) (local.get $length))
	        (then
	          (local.set $found (i32.add (local.get $found) (i32.const 1)))
	          (global.set $after (i32.add (local.get $at) (local.get $length)))))
	      (local.set $at (i32.add (local.get $at) (i32.const 1)))
	      (br $next)))
	  (local.get $found))

	(func $number (param $at i32) (result i32)
	  (local $v i32) (local $digit i32)
	  (block $done
	    (loop $next
	      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
	      (br_if $done (i32.gt_u (local.get $digit) (i32.const 9)))
	      (local.set $v (i32.add (i32.mul (local.get $v) (i32.const 10)) (local.get $digit)))
	      (local.set $at (i32.add (local.get $at) (i32.const 1)))
	      (br $next)))
	  (local.get $v))

	(func $digits (param $out i32) (param $v i32) (result i32)
	  (if (i32.gt_u (local.get $v) (i32.const 9))
	    (then (local.set $out (call $digits (local.get $out) (i32.div_u (local.get $v) (i32.const 10))))))
	  (i32.store8 (local.get $out) (i32.add (i32.const 48) (i32.rem_u (local.get $v) (i32.const 10))))
	  (i32.add (local.get $out) (i32.const 1)))

	;; how many events the request's state has, with those that are to be applied
	(func $total (param $at i32) (param $n i32) (result i32)
	  (local $v i32)
	  (if (call $count (local.get $at) (local.get $n) `+args(state)+`)
	    (then (local.set $v (call $number (global.get $after)))))
	  (i32.add (local.get $v) (call $count (local.get $at) (local.get $n) `+args(kind)+`)))

	(func $reply (param $from i32) (param $out i32) (result i64)
	  (i64.or (i64.shl (i64.extend_i32_u (local.get $from)) (i64.const 32))
	    (i64.extend_i32_u (i32.sub (local.get $out) (local.get $from)))))

	(func (export "nacre_abi") (result i32) (i32.const 1))
	(func (export "nacre_alloc") (param $size i32) (result i32) (i32.const `+fmt.Sprint(room)+`))
	(func (export "nacre_describe") (result i64) `+place(description)+`)
	(func (export "nacre_decide") (param $at i32) (param $n i32) (result i64)
	  (local $v i32) (local $out i32)
	  (if (call $count (local.get $at) (local.get $n) `+args(held)+`) (then (return `+place(missing)+`)))
	  (local.set $v (call $total (local.get $at) (local.get $n)))
	  (local.set $out (i32.const `+fmt.Sprint(reply)+`))
	  `+put(head)+`
	  (local.set $out (call $digits (local.get $out) (local.get $v)))
	  `+put(middle)+`
	  (local.set $out (call $digits (local.get $out) (i32.add (local.get $v) (i32.const 1))))
	  `+put(closing)+`
	  (call $reply (i32.const `+fmt.Sprint(reply)+`) (local.get $out)))
	(func (export "nacre_evolve") (param $at i32) (param $n i32) (result i64)
	  (local $v i32) (local $out i32)
	  (if (call $count (local.get $at) (local.get $n) `+args(held)+`) (then (return `+place(missing)+`)))
	  (local.set $v (call $total (local.get $at) (local.get $n)))
	  (local.set $out (i32.const `+fmt.Sprint(evolved)+`))
	  `+put(tail)+`
	  (local.set $out (call $digits (local.get $out) (local.get $v)))
	  `+put(closing)+`
	  (call $reply (i32.const `+fmt.Sprint(evolved)+`) (local.get $out))))`)
}

// hexed is a text as the text format writes any bytes.
func hexed(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		fmt.Fprintf(&b, `\%02x`, text[i])
	}
	return b.String() + `"`
}
