package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/sqlite"
)

const (
	entityWriters = 64
	manyAlbums    = 10_000
	entityGoal    = 0.50
	tablesGoal    = 10_000.0 // changes a second that the tables keep up with

	longHistory = 100_000
	lateBranch  = 1000
	lateGoal    = 50.0

	plainMerge    = "plain appends of the same events"
	entityCommits = "commits of one property"
)

// albumSchema is the collection of the bench, with two indexes.
const albumSchema = `{"properties":{
	"name":{"kind":"register","type":"text"},"year":{"kind":"register","type":"int64"},
	"artist":{"kind":"register","type":"text"},"plays":{"kind":"counter","type":"int64"},"tags":{"kind":"set","type":"text"}},
	"indexes":[["year","name"],["artist"]]}`

// albumValues are those of an album that begins.
func albumValues(n int) json.RawMessage {
	return fmt.Appendf(nil, `{"name":"Album %07d","year":%d,"artist":"artist %05d","tags":["rock","vinyl"]}`, n, 1950+n%80, n%50_000)
}

func albumID(n int) string { return fmt.Sprintf("a%07d", n) }

// entities is a store with entities in tables.
type entities struct {
	*entity.DB
	store *nacre.Store
}

func openEntities(ctx context.Context, dir string) (*entities, error) {
	store, err := openNacre(dir)
	if err != nil {
		return nil, err
	}
	e := &entities{store: store}
	if err := e.open(ctx, dir); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return e, nil
}

func (e *entities) open(ctx context.Context, dir string) error {
	quiet := slog.New(slog.DiscardHandler)
	tables, err := sqlite.Open(sqlite.Path(dir), &sqlite.Options{Logger: quiet})
	if err != nil {
		return err
	}
	e.DB, err = entity.Open(ctx, e.store, tables, &entity.Options{Logger: quiet})
	return err
}

func (e *entities) close() error { return errors.Join(e.Close(), e.store.Close()) }

// fill makes albums, in transactions of a thousand.
func (e *entities) fill(ctx context.Context, albums int) error {
	if _, err := e.Declare(ctx, "albums", json.RawMessage(albumSchema), nil); err != nil {
		return err
	}
	for n := 0; n < albums; {
		var edits []entity.Edit
		for ; n < albums && len(edits) < 1000; n++ {
			edits = append(edits, entity.Edit{Do: "create", Collection: "albums", ID: albumID(n), Values: albumValues(n)})
		}
		if _, err := e.Apply(ctx, nil, edits...); err != nil {
			return err
		}
	}
	return e.caughtUp(ctx)
}

// caughtUp waits for the tables.
func (e *entities) caughtUp(ctx context.Context) error {
	_, err := e.Query(ctx, "albums", "SELECT count(*) WHERE year < 0", nil)
	return err
}

// entitiesCase measures entities: their commits, their merging, their tables.
func entitiesCase(ctx context.Context, s *settings, r *report, dir string) error {
	if err := s.room(r, "the case entities", dir, 12<<30); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *settings, *report, string) error{entityCommitsStep, lateBranchStep, entityTablesStep} {
		if err := inFolder(dir, "step", func(dir string) error { return step(ctx, s, r, dir) }); err != nil {
			return err
		}
	}
	return nil
}

// entityCommitsStep compares commits with plain appends of the same events.
func entityCommitsStep(ctx context.Context, s *settings, r *report, dir string) (err error) {
	plain, endPlain, err := plainMergeLane(ctx, filepath.Join(dir, "plain"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endPlain()) }()
	all, err := openEntities(ctx, filepath.Join(dir, "entities"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	if err := all.fill(ctx, manyAlbums); err != nil {
		return err
	}
	ws := newWriters(entityWriters, "entities", nil)
	var behind []float64
	commits := lane{entityCommits, func(ctx context.Context, d time.Duration) (slice, error) {
		out, err := driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			n := w.number + w.taken*entityWriters%(manyAlbums/entityWriters*entityWriters)
			_, err := all.Apply(ctx, nil, entity.Edit{Do: "patch", Collection: "albums", ID: albumID(n), Patch: fmt.Appendf(nil, `{"set":{"year":%d}}`, w.taken)})
			return 1, err
		})
		if err != nil {
			return out, err
		}
		start := time.Now()
		err = all.caughtUp(ctx)
		behind = append(behind, float64(out.events)/(out.elapsed+time.Since(start)).Seconds())
		return out, err
	}}
	const what = "commits of entities"
	lanes := []lane{plain, commits}
	got, err := rotate(ctx, r, what, s.rounds, s.slice, lanes)
	if err != nil {
		return err
	}
	ratio := got[entityCommits].rate() / got[plainMerge].rate()
	t := r.section("Entities: "+what, fmt.Sprintf("%d writers, %s entities; each commit gets an entity, sets one of five properties, and is acknowledged when its event is durable. The plain appends are of merge streams' events of the same kind and size, whose writers know the parents. Tables have two indexes, and one of them changes with every commit.",
		entityWriters, thousands(manyAlbums)), rateHead("of the plain appends", "in the tables")...)
	t.row(append(append([]string{plainMerge}, rateCells(got[plainMerge])...), "", "")...)
	t.row(append(append([]string{entityCommits}, rateCells(got[entityCommits])...), percent(ratio), count(median(behind))+" a second")...)
	r.ratio("commits of one property, 64 writers, of plain appends", ratio, entityGoal)
	is := median(behind)
	r.holds("changes a second in the tables, with what was behind at the end", "at least "+count(min(tablesGoal, got[entityCommits].rate())), count(is), is >= min(tablesGoal, 0.99*got[entityCommits].rate()))
	return nil
}

// plainMergeLane appends events like those of the commits. Each writer has streams of its own, and knows their heads.
func plainMergeLane(ctx context.Context, dir string) (lane, func() error, error) {
	store, err := openNacre(dir)
	if err != nil {
		return lane{}, nothing, err
	}
	heads := make([]merge.ID, manyAlbums)
	appendOne := func(ctx context.Context, n int, data []byte) error {
		ids, err := merge.NewIDs(time.Now(), heads[n], rand.Uint64(), 1)
		if err != nil {
			return err
		}
		e := nacre.Event{ID: ids[0].String(), Type: "albums.changed", Data: data, Parents: []string{}}
		if !heads[n].IsZero() {
			e.Parents = []string{heads[n].String()}
		}
		_, err = store.Append(ctx, nacre.StreamID("albums-"+albumID(n)), nacre.Any, e)
		heads[n] = ids[0]
		return err
	}
	ws := newWriters(entityWriters, "plain", nil)
	end := store.Close
	for n := range manyAlbums {
		if n%100 != 0 {
			continue // a hundred are there before, as a beginning of the category
		}
		if err := appendOne(ctx, n, []byte(`{"year":{"set":1950,"over":[]}}`)); err != nil {
			return lane{}, end, errors.Join(err, end())
		}
	}
	return lane{plainMerge, func(ctx context.Context, d time.Duration) (slice, error) {
		return driveFor(ctx, ws, d, func(ctx context.Context, w *writer) (int, error) {
			w.taken++
			n := w.number + w.taken*entityWriters%(manyAlbums/entityWriters*entityWriters)
			over := "01ARZ3NDEKTSV4RRFFQ69G5FAV"
			if !heads[n].IsZero() {
				over = heads[n].String()
			}
			return 1, appendOne(ctx, n, []byte(`{"year":{"over":["`+over+`"],"set":`+strconv.Itoa(w.taken)+`}}`))
		})
	}}, end, nil
}

// lateBranchStep merges a branch that comes late into an entity with a long history.
func lateBranchStep(ctx context.Context, s *settings, r *report, dir string) error {
	history, late := longHistory, lateBranch
	if s.quick {
		history, late = history/20, late/20
	}
	trunk, branch, err := longEntity(history, late)
	if err != nil {
		return err
	}
	whole := merge.Fold(trunk)
	var incremental, refold []float64
	var one, other []byte
	for range max(3, s.rounds) {
		e := whole.Clone()
		start := time.Now()
		for _, ev := range branch {
			if err := e.Apply(ev); err != nil {
				return err
			}
		}
		incremental = append(incremental, time.Since(start).Seconds())
		one = e.AppendState(nil)
		start = time.Now()
		anew := merge.Fold(append(append([]*merge.Event{}, trunk...), branch...))
		refold = append(refold, time.Since(start).Seconds())
		other = anew.AppendState(nil)
	}
	if string(one) != string(other) {
		return errors.New("merging and refolding differ")
	}
	is, ref := median(incremental), median(refold)
	t := r.section("Entities: a late branch", fmt.Sprintf("%s events of three authors in one entity of a register, a counter, a set and a map; then %s events that branched off in the middle.",
		thousands(history), thousands(late)), "how", "time")
	t.row("the branch is merged", short(time.Duration(is*1e9)))
	t.row("all is folded anew", short(time.Duration(ref*1e9)))
	r.ratio("merge of a late branch, against a refold", ref/is, lateGoal)
	_ = ctx
	_ = dir
	return nil
}

// longEntity is a history of edits, each on what came before it, and a branch from its middle.
func longEntity(history, late int) (trunk, branch []*merge.Event, err error) {
	random := rand.New(rand.NewPCG(1, 2))
	schemas := &merge.Schemas{}
	data, err := schemas.Declare([]byte(`{"properties":{"name":{"kind":"register","type":"text"},"plays":{"kind":"counter","type":"int64"},"tags":{"kind":"set","type":"text"},"notes":{"kind":"map","type":"text"}}}`))
	if err == nil {
		err = schemas.Apply(data)
	}
	if err != nil {
		return nil, nil, err
	}
	grow := func(e *merge.Entity, n int, into *[]*merge.Event) error {
		for i := range n {
			d := merge.NewDraft(e)
			patch := []string{
				fmt.Sprintf(`{"set":{"name":"n%d"}}`, i), fmt.Sprintf(`{"add":{"plays":%d}}`, i+1), fmt.Sprintf(`{"add":{"tags":["t%d"]}}`, random.IntN(500)),
				fmt.Sprintf(`{"add":{"notes":{"k%d":"v%d"}}}`, random.IntN(500), i),
			}[random.IntN(4)]
			if err := schemas.Current().Patch(d, []byte(patch)); err != nil {
				return err
			}
			var greatest merge.ID
			parents := []string{}
			for _, id := range d.Parents() {
				greatest = id
				parents = append(parents, id.String())
			}
			ids, err := merge.NewIDs(time.Now(), greatest, random.Uint64(), 1)
			if err != nil {
				return err
			}
			data := d.Data()
			if data == nil {
				data = []byte("{}")
			}
			ev, err := merge.Decode(&nacre.Event{StreamID: "albums-1", ID: ids[0].String(), Type: "albums.changed", Data: data, Parents: parents})
			if err != nil {
				return err
			}
			if err := e.Apply(ev); err != nil {
				return err
			}
			*into = append(*into, ev)
		}
		return nil
	}
	e := merge.New()
	if err := grow(e, history/2, &trunk); err != nil {
		return nil, nil, err
	}
	side := e.Clone()
	if err := grow(e, history-history/2, &trunk); err != nil {
		return nil, nil, err
	}
	return trunk, branch, grow(side, late, &branch)
}
