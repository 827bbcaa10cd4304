package main

import (
	"strings"
	"testing"
)

func TestGraph(t *testing.T) {
	for name, c := range map[string]struct {
		events string // "id parent…", the newest first
		want   string
	}{
		"a line": {"c b; b a; a", `
* c
* b
* a`},
		"a merge": {"d b c; c a; b a; a", `
*   d
|\
| * c
* | b
|/
* a`},
		"two heads": {"c a; b a; a", `
* c
| * b
|/
* a`},
		"a branch inside a branch": {"f d e; e b c; d a; c a; b a; a", `
*   f
|\
| *   e
| |\
* | | d
| | * c
|_|/
| * b
|/
* a`},
		"two beginnings": {"c a b; b; a", `
*   c
|\
| * b
* a`},
		"a beginning in the middle": {"d a b c; b; c; a", `
*     d
|\
| |\
| * | b
|  /
| * c
* a`},
		"a lane over another one": {"e c d; d b a; c a; b a; a", `
*   e
|\
| *   d
| |\
* | | c
|_|/
| * b
|/
* a`},
		"many parents": {"d a b c; c a; b a; a", `
*     d
|\
| |\
| | * c
|_|/
| * b
|/
* a`},
	} {
		t.Run(name, func(t *testing.T) {
			var g graph
			got := ""
			for event := range strings.SplitSeq(c.events, "; ") {
				ids := strings.Fields(event)
				for _, line := range g.event(ids[0], ids[1:], []string{ids[0]}) {
					got += "\n" + line
				}
			}
			if got != c.want {
				t.Errorf("drawn is%s\nand not%s", got, c.want)
			}
		})
	}
}
