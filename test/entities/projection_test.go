package entities

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/storage/filestore"
)

const schema = `{"properties":{"team":{"kind":"register","type":"text"},"points":{"kind":"counter","type":"int64"}}}`

// player is a row.
type player struct {
	Team   string `json:"team"`
	Points int64  `json:"points"`
}

type changed struct {
	Old *player `json:"old"`
	New *player `json:"new"`
}

// totals is the sum of points by team.
type totals map[string]int64

func byTeam() projection.Projection[changed, *totals] {
	types := map[string]changed{}
	for _, what := range []string{"created", "changed", "deleted", "restored"} {
		types["players."+what] = changed{}
	}
	return projection.Projection[changed, *totals]{
		Name: "points-by-team", Events: types,
		Apply: func(_ context.Context, sums *totals, e codec.Event[changed]) error {
			if *sums == nil {
				*sums = totals{}
			}
			for sign, row := range map[int64]*player{-1: e.Data.Old, 1: e.Data.New} {
				if row != nil {
					(*sums)[row.Team] += sign * row.Points
				}
			}
			return nil
		},
	}
}

// A projection over the changes of rows has what a query over the rows gives, also after everything was closed and opened again.
func TestAProjectionFollowsRows(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with: NACRE_SEED=%d go test -run '^TestAProjectionFollowsRows$' ./test/entities", seed)
	dir := t.TempDir()
	for round := range 3 {
		follow(t, dir, rand.New(rand.NewPCG(seed, uint64(round))))
	}
}

// follow edits with a projection running, and compares.
func follow(t *testing.T, dir string, random *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	store, err := filestore.Open(filepath.Join(dir, "store"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	tables, err := sqlite.Open(filepath.Join(dir, "tables.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := entity.Open(ctx, store, tables, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Declare(ctx, "players", json.RawMessage(schema), nil); err != nil {
		t.Fatal(err)
	}
	changes := db.Changes()
	model := projection.NewMemory[totals](changes, nil)
	running, err := projection.Start(ctx, changes, byTeam(), model, nil)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for i := range 3 {
		r := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
		writers.Go(func() { write(ctx, t, db, r, fmt.Sprint("writer", i)) })
	}
	writers.Wait()
	head, err := changes.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.WaitFor(ctx, head.Position); err != nil {
		t.Fatal(err)
	}
	page, err := db.Query(ctx, "players", "SELECT team, sum(points) GROUP BY team", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := totals{}
	for _, row := range page.Table.Rows {
		cells, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		var team string
		var sum int64
		if err := json.Unmarshal(cells, &[]any{&team, &sum}); err != nil {
			t.Fatalf("a row is %s: %v", cells, err)
		}
		want[team] = sum
	}
	model.View(func(got *totals) {
		for team, sum := range *got {
			if sum != want[team] {
				t.Errorf("%s has %d points by the projection, and %d by the query", team, sum, want[team])
			}
		}
		for team, sum := range want {
			if (*got)[team] != sum {
				t.Errorf("%s has %d points by the query, and %d by the projection", team, sum, (*got)[team])
			}
		}
	})
	if err := running.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// write edits, undoes and does again.
func write(ctx context.Context, t *testing.T, db *entity.DB, random *rand.Rand, actor string) {
	u := db.NewUndoer(&entity.TxOptions{Actor: actor}, 0)
	for range 60 {
		var err error
		switch random.IntN(6) {
		case 0:
			_, _, err = u.Undo(ctx)
		case 1:
			_, _, err = u.Redo(ctx)
		default:
			_, err = u.Do(ctx, func(tx *entity.Tx) error {
				id := fmt.Sprint("p", random.IntN(10))
				if random.IntN(3) == 0 {
					_, err := tx.Create(ctx, "players", id, json.RawMessage(fmt.Sprintf(`{"team":"t%d","points":%d}`, random.IntN(3), random.IntN(9))))
					return err
				}
				if random.IntN(6) == 0 {
					return tx.Delete(ctx, "players", id)
				}
				return tx.Patch(ctx, "players", id, json.RawMessage(fmt.Sprintf(`{"set":{"team":"t%d"},"add":{"points":%d}}`, random.IntN(3), random.IntN(9))))
			})
		}
		switch nacre.CodeOf(err) {
		case "", nacre.CodeNotFound, entity.CodeDeleted, entity.CodeExists:
		default:
			t.Error(err)
			return
		}
	}
}
