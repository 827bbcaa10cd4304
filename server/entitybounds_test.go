package server

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
)

// TestPagesOfEntitiesHaveABound: few entities that are large make a page, and the cursors lead through all of them.
func TestPagesOfEntitiesHaveABound(t *testing.T) {
	megabytes(t)
	h := newShelves(t, nil)
	const entities, each = 20, 1000 << 10
	long := strings.Repeat("x", each)
	for i := range entities {
		h.do("POST", albumsPath+"/entities", fmt.Sprintf(`{"id":"a%02d","values":{"name":%q,"year":%d}}`, i, long, i%3)).is(201)
	}
	for _, q := range []string{"ORDER BY year DESC", "LIMIT 19"} {
		after, pages, got := "", 0, map[string]bool{}
		for {
			path := albumsPath + "/entities?q=" + url.QueryEscape(q)
			if after != "" {
				path += "&after=" + url.QueryEscape(after)
			}
			r := h.get(path).is(200)
			if most := pageBytes + each + 64<<10; len(r.body) > most {
				t.Fatalf("%s: a page has %d bytes, more than %d", q, len(r.body), most)
			}
			for _, id := range r.ids() {
				if got[id] {
					t.Fatalf("%s: %s came twice", q, id)
				}
				got[id] = true
			}
			var page wire.EntitiesReply
			if err := wire.Decode(r.body, &page); err != nil {
				t.Fatal(err)
			}
			if pages++; page.Next == "" {
				break
			}
			after = page.Next
		}
		want := entities
		if strings.HasPrefix(q, "LIMIT") {
			want--
		}
		if len(got) != want || pages != 2 {
			t.Errorf("%s: %d entities on %d pages, want %d on 2", q, len(got), pages, want)
		}
	}
	h.do("POST", albumsPath+"/query", `{"q":"SELECT name"}`).refused(nacre.CodeTooLarge, "16777216 bytes", "LIMIT")
	h.do("POST", albumsPath+"/query", `{"q":"SELECT max(name), year GROUP BY year"}`).is(200)
}

// forgetful are entities whose queries never end by themselves.
type forgetful struct{ Entities }

func (f forgetful) Select(ctx context.Context, _ string, _ *query.Query, _ *entity.QueryOptions) (*entity.Page, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestQueriesHaveATimeLimit(t *testing.T) {
	h := newShelves(t, &Options{
		QueryTimeout: time.Millisecond,
		Entities: func(ctx context.Context, name string, store *nacre.Store) (Entities, error) {
			e, err := inMemory(ctx, name, store)
			return forgetful{e}, err
		},
	})
	h.do("GET", albumsPath+"/entities", "").refused(nacre.CodeDeadline, "1ms")
}

func TestPagesOfHistoriesHaveABound(t *testing.T) {
	megabytes(t)
	h := newShelves(t, nil)
	h.post(albumsPath+"/entities", `{"id":"origin"}`).is(201)
	const edits, each = 20, 1000 << 10
	for i := range edits {
		h.do("PATCH", originPath, fmt.Sprintf(`{"set":{"name":%q}}`, strings.Repeat(string(rune('a'+i)), each))).is(200)
	}
	after, pages, got := "0", 0, 0
	for {
		r := h.get(originPath + "/history?after=" + after).is(200)
		if most := pageBytes + 3*each; len(r.body) > most {
			t.Fatalf("a page has %d bytes, more than %d", len(r.body), most)
		}
		pages++
		got += len(r.json()["entries"].([]any))
		if r.json()["next"] == nil {
			break
		}
		after = jsonNumber(r.json()["next"])
	}
	if got != edits+1 || pages < 2 {
		t.Errorf("%d entries on %d pages, want %d on some", got, pages, edits+1)
	}
}
