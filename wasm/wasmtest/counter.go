package wasmtest

import (
	"strconv"
	"strings"
	"testing"
)

// thaloGuest is Counter's core, but for the commands. Its heap begins anew after each call.
const thaloGuest = `(module
  (import "[export]aggregate" "[resource-new]RESOURCE" (func $new (param i32) (result i32)))
  (import "[export]aggregate" "[resource-drop]RESOURCE" (func $drop (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $print (param i32 i32 i32 i32) (result i32)))
  TRACING
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  (global $total (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0)) ;; of the id, which stands at 1024
  (data (i32.const 16) "Added")
  (data (i32.const 32) "Shown")
  (data (i32.const 48) "{\22Short\22:{\22missing\22:7}}")
  (data (i32.const 80) "unknown variant ` + "`Unknown`" + `, expected ` + "`Add`" + `")
  (data (i32.const 128) "invalid type")
  (data (i32.const 144) "\ff\fe")
  (data (i32.const 152) "nonsense{")
  (data (i32.const 168) "Xed")
  (data (i32.const 176) "Trapped")
  (data (i32.const 192) "a*b")
  (data (i32.const 208) "said\n")
  (data (i32.const 224) "{\22new_call_site\22:{\22id\22:7,\22kind\22:\22event\22,\22name\22:\22e\22,\22target\22:\22guest\22,\22level\22:\22warn\22,\22fields\22:[]}}")
  (data (i32.const 352) "{\22new_event\22:{\22metadata_id\22:7,\22values\22:{\22message\22:{\22object\22:\22told\22},\22n\22:{\22u_int\22:5}}}}")

  (func $realloc (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1))) (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $new)))
    (block $fits
      (loop $grow
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $grow (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))
        (unreachable)))
    (local.get $at))

  (func (export "aggregate#[constructor]RESOURCE") (param $at i32) (param $n i32) (result i32)
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 33)) (then (unreachable)))  ;; "!"
    (memory.copy (i32.const 1024) (local.get $at) (local.get $n))
    (global.set $length (local.get $n))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 63)) (then (return (i32.const 77))))  ;; "?"
    (call $drop (call $new (i32.const 5)))
    (call $new (i32.const 1024)))

  ;; the number that a text of digits stands for
  (func $number (param $at i32) (param $n i32) (result i32)
    (local $v i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $v (i32.add (i32.mul (local.get $v) (i32.const 10)) (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (local.get $v))

  ;; an event at a place in a list
  (func $put (param $at i32) (param $type i32) (param $typeLength i32) (param $data i32) (param $dataLength i32)
    (i32.store (local.get $at) (local.get $type))
    (i32.store offset=4 (local.get $at) (local.get $typeLength))
    (i32.store offset=8 (local.get $at) (local.get $data))
    (i32.store offset=12 (local.get $at) (local.get $dataLength)))

  (func $ok (param $list i32) (param $n i32) (result i32)
    (i32.store8 (i32.const 512) (i32.const 0))
    (i32.store (i32.const 516) (local.get $list))
    (i32.store (i32.const 520) (local.get $n))
    (i32.const 512))

  ;; one event
  (func $one (param $type i32) (param $typeLength i32) (param $data i32) (param $dataLength i32) (result i32)
    (call $put (i32.const 528) (local.get $type) (local.get $typeLength) (local.get $data) (local.get $dataLength))
    (call $ok (i32.const 528) (i32.const 1)))

  ;; an error, with the name before the text where the generation has that
  (func $fault (param $case i32) (param $pair i32) (param $at i32) (param $n i32) (result i32)
    (i32.store8 (i32.const 512) (i32.const 1))
    (i32.store8 (i32.const 516) (local.get $case))
    (if (i32.and (local.get $pair) (i32.const PAIRS))
      (then
        (call $put (i32.const 520) (i32.const 16) (i32.const 5) (local.get $at) (local.get $n)))
      (else
        (i32.store (i32.const 520) (local.get $at))
        (i32.store (i32.const 524) (local.get $n))))
    (i32.const 512))

  (func (export "aggregate#[method]RESOURCE.apply") (param $self i32) (param $list i32) (param $n i32) (result i32)
    (local $kind i32)
    (if (i32.ne (local.get $self) (i32.const 1024)) (then (unreachable)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $kind (i32.load8_u (i32.load (local.get $list))))
        (if (i32.eq (local.get $kind) (i32.const 65)) ;; A
          (then (global.set $total (i32.add (global.get $total) (call $number (i32.load offset=8 (local.get $list)) (i32.load offset=12 (local.get $list)))))))
        (if (i32.eq (local.get $kind) (i32.const 84)) (then (unreachable))) ;; T
        (if (i32.eq (local.get $kind) (i32.const 88)) ;; X
          (then (return (call $fault (i32.const EVENT) (i32.const 1) (i32.const 128) (i32.const 12)))))
        (local.set $list (i32.add (local.get $list) (i32.const 16)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (call $ok (i32.const 0) (i32.const 0)))

  (func $clear (export "cabi_post_aggregate#[method]RESOURCE.apply") (export "cabi_post_aggregate#[method]RESOURCE.handle") (param i32)
    (global.set $heap (i32.const 4096)))

  (func $dive (param $n i64) (result i64) (i64.add (i64.const 1) (call $dive (i64.add (local.get $n) (i64.const 1)))))

  ;; the total as text, and where it begins; it ends at 640
  (func $digits (result i32)
    (local $at i32) (local $v i32)
    (local.set $at (i32.const 640))
    (local.set $v (global.get $total))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $v) (i32.const 10))))
      (local.set $v (i32.div_u (local.get $v) (i32.const 10)))
      (br_if $next (local.get $v)))
    (local.get $at))

  (func $many (param $n i32) (result i32)
    (local $list i32) (local $i i32)
    (local.set $list (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $n) (i32.const 16))))
    (i32.store8 (i32.const 644) (i32.const 49))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $n)))
        (call $put (i32.add (local.get $list) (i32.mul (local.get $i) (i32.const 16))) (i32.const 16) (i32.const 5) (i32.const 644) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $ok (local.get $list) (local.get $n)))

  (func $who (result i32)
    (i32.store8 (i32.const 1023) (i32.const 34))
    (i32.store8 (i32.add (i32.const 1024) (global.get $length)) (i32.const 34))
    (call $one (i32.const 32) (i32.const 5) (i32.const 1023) (i32.add (global.get $length) (i32.const 2))))

  ;; a result of any bytes: the letters of a text in quotes, from a to p, are half a byte each
  (func $letters (param $at i32) (param $n i32) (result i32)
    (local $to i32)
    (local.set $to (i32.const 512))
    (block $done
      (loop $next
        (br_if $done (i32.lt_u (local.get $n) (i32.const 4)))
        (i32.store8 (local.get $to) (i32.or
          (i32.shl (i32.sub (i32.load8_u offset=1 (local.get $at)) (i32.const 97)) (i32.const 4))
          (i32.sub (i32.load8_u offset=2 (local.get $at)) (i32.const 97))))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (local.set $n (i32.sub (local.get $n) (i32.const 2)))
        (br $next)))
    (i32.const 512))

  (func $say
    (i32.store (i32.const 700) (i32.const 208))
    (i32.store (i32.const 704) (i32.const 5))
    (drop (call $print (i32.const 1) (i32.const 700) (i32.const 1) (i32.const 708)))
    SAY)

  (func (export "aggregate#[method]RESOURCE.handle") (param $self i32) (param $c i32) (param $cn i32) (param $p i32) (param $pn i32) (result i32)
    (local $kind i32)
    (if (i32.ne (local.get $self) (i32.const 1024)) (then (unreachable)))
    (local.set $kind (i32.load8_u (local.get $c)))
    CASES
    (call $fault (i32.const DECODE) (i32.const 1) (i32.const 80) (i32.const 41)))
)`

// thaloCases are what the commands do, by their first letter.
var thaloCases = map[byte]string{
	'A': `(return (call $one (i32.const 16) (i32.const 5) (local.get $p) (local.get $pn)))`,
	'M': `(return (call $many (call $number (local.get $p) (local.get $pn))))`,
	'S': `(return (call $one (i32.const 32) (i32.const 5) (call $digits) (i32.sub (i32.const 640) (call $digits))))`,
	'W': `(return (call $who))`,
	'N': `(return (call $ok (i32.const 0) (i32.const 0)))`,
	'R': `(return (call $fault (i32.const 0) (i32.const 1) (i32.const 48) (i32.const 23)))`,
	'B': `(return (call $fault (i32.const DECODE) (i32.const 1) (i32.const 128) (i32.const 12)))`,
	'E': `(return (call $fault (i32.const 5) (i32.const 0) (i32.const 128) (i32.const 12)))`,
	'I': `(return (call $fault (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))`,
	'L': `(call $say) (return (call $ok (i32.const 0) (i32.const 0)))`,
	'T': `(call $say) (unreachable)`,
	'X': `(return (call $one (i32.const 168) (i32.const 3) (local.get $p) (local.get $pn)))`,
	'Y': `(return (call $one (i32.const 176) (i32.const 7) (local.get $p) (local.get $pn)))`,
	'l': `(loop $for (br $for))`,
	'd': `(drop (call $dive (i64.const 0)))`,
	'g': `(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) (unreachable)`,
	'p': `(return (call $ok (i32.const 0x7ffffff0) (i32.const 2)))`,
	'n': `(return (call $ok (i32.const 528) (i32.const 0x7fffffff)))`,
	'o': `(return (i32.const 0xfffffffc))`,
	'q': `(return (i32.const 513))`,
	'a': `(return (call $ok (i32.const 530) (i32.const 1)))`,
	'v': `(return (call $one (i32.const 144) (i32.const 2) (local.get $p) (local.get $pn)))`,
	'j': `(return (call $one (i32.const 16) (i32.const 5) (i32.const 152) (i32.const 9)))`,
	'k': `(drop (call $ok (i32.const 0) (i32.const 0))) (i32.store8 (i32.const 512) (i32.const 9)) (return (i32.const 512))`,
	'f': `(return (call $fault (i32.const 200) (i32.const 1) (i32.const 128) (i32.const 12)))`,
	'e': `(return (call $one (i32.const 16) (i32.const 0) (local.get $p) (local.get $pn)))`,
	's': `(return (call $one (i32.const 192) (i32.const 3) (local.get $p) (local.get $pn)))`,
	'r': `(return (call $letters (local.get $p) (local.get $pn)))`,
	'h': `(return (call $one (i32.const 16) (i32.const 5) (i32.const 4096) (i32.const 0x00600000)))`,
	'H': `(drop (memory.grow (i32.const 200))) (return (call $one (i32.const 16) (i32.const 5) (i32.const 4096) (i32.const 0x00600000)))`,
}

// Counter makes a component of a generation: a counter as Thalo's tools would make it, with the commands of CounterText.
// changed are pairs of texts to replace in that.
func Counter(t testing.TB, g Generation, changed ...string) []byte {
	t.Helper()
	return Component(t, g, CounterText(g, changed...), true)
}

// CounterText is the text of the core module of Counter. What a command does is told by its name's first letter: "Add"
// leads to the event "Added" with the command's payload, a number without a sign, "Many" to so many of 1; "Show" to
// "Shown" with the sum, "Who" to "Shown" with the id, "Nothing" to none; "Refuse" is refused, "Bad" has a payload of
// another shape, and "Unknown" is no command; "Log" logs; "Trap" traps. Those in small letters, and what is missing here,
// do what no guest may: thaloCases lists them.
func CounterText(g Generation, changed ...string) string {
	decode, event, pairs, tracing, say := "2", "4", "0", "", ""
	if g == Entity {
		decode, event, pairs = "1", "3", "1"
		tracing = `(import "thalo:aggregate/tracing" "send-event" (func $send (param i32 i32)))`
		say = `(call $send (i32.const 224) (i32.const 96)) (call $send (i32.const 352) (i32.const 86))`
	}
	var cases strings.Builder
	for letter := byte('A'); letter <= 'z'; letter++ {
		if body, ok := thaloCases[letter]; ok {
			cases.WriteString("(if (i32.eq (local.get $kind) (i32.const " + strconv.Itoa(int(letter)) + ")) (then " + body + "))\n")
		}
	}
	core := strings.ReplaceAll(thaloGuest, "CASES", cases.String())
	for _, with := range [][2]string{{"RESOURCE", g.Resource()}, {"DECODE", decode}, {"EVENT", event}, {"PAIRS", pairs}, {"TRACING", tracing}, {"SAY", say}} {
		core = strings.ReplaceAll(core, with[0], with[1])
	}
	return strings.NewReplacer(changed...).Replace(core)
}
