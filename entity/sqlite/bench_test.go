package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/query"
)

var albums = &merge.Schema{
	Properties: map[string]merge.SchemaProperty{
		"name":   {ID: "name", Kind: "register", Type: "text"},
		"artist": {ID: "artist", Kind: "register", Type: "text"},
		"year":   {ID: "year", Kind: "register", Type: "int64"},
		"rating": {ID: "rating", Kind: "register", Type: "int64"},
		"tags":   {ID: "tags", Kind: "set", Type: "text"},
	},
	Indexes: [][]string{{"year", "name"}, {"artist"}},
}

func albumID(n int) string { return fmt.Sprintf("album-01K%023d", n) }

// cover is what an album has.
type cover struct {
	name, artist, year, rating int
	head                       int64
}

func newCover(r *rand.Rand) cover {
	return cover{name: r.IntN(1 << 30), artist: r.IntN(20000), year: 1900 + r.IntN(120), rating: r.IntN(1000), head: r.Int64()}
}

func (c *cover) values(n int) []byte {
	return fmt.Appendf(nil, `{"artist":"artist %d","id":%q,"name":"The album called %d","rating":%d,"tags":["rock","live"],"year":%d}`, c.artist, albumID(n), c.name, c.rating, c.year)
}

// row is the row of the album of a number.
func (c *cover) row(n int) entity.TableRow {
	head := fmt.Sprintf("01K%023d", c.head)
	state := fmt.Appendf(nil, `{"heads":[%q],"properties":{"artist":{"register":{%q:"artist %d"}},"name":{"register":{%q:"The album called %d"}},"rating":{"register":{%q:%d}},"tags":{"set":{"\"live\"":[%q],"\"rock\"":[%q]}},"year":{"register":{%q:%d}}}}`,
		head, head, c.artist, head, c.name, head, c.rating, head, head, head, c.year)
	return entity.TableRow{Collection: "album", ID: albumID(n), State: state, Values: c.values(n), Heads: []string{head}}
}

func album(n int, r *rand.Rand) entity.TableRow {
	c := newCover(r)
	return c.row(n)
}

func declareAlbums() []entity.Declared {
	return []entity.Declared{{Collection: "album", Schema: albums, Row: func(row *entity.TableRow) error {
		*row = album(int(row.State[0]), rand.New(rand.NewPCG(1, 2)))
		return nil
	}}}
}

func openBench(b *testing.B, rows int) *sqlite.Tables {
	b.Helper()
	t, err := sqlite.Open(filepath.Join(b.TempDir(), sqlite.FileName), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = t.Close() })
	if err := t.Write(b.Context(), &entity.Batch{Declared: declareAlbums()}); err != nil {
		b.Fatal(err)
	}
	fill(b, t, 0, rows)
	return t
}

func fill(b *testing.B, t *sqlite.Tables, from, to int) {
	r := rand.New(rand.NewPCG(uint64(from), 1))
	for from < to {
		batch := &entity.Batch{Mark: entity.Mark{Epoch: "e", Position: nacre.Position(from)}}
		for range min(4096, to-from) {
			row := album(from, r)
			row.Was = []byte{} // new
			batch.Rows = append(batch.Rows, row)
			from++
		}
		if err := t.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

const many = 200_000

// perRow reports the time of the processor, of all threads, that a row took.
func perRow(b *testing.B, rows int, before time.Duration) {
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/1000/float64(rows), "cpu-us/row")
}

// BenchmarkFill writes new rows in the order of their ids.
func BenchmarkFill(b *testing.B) {
	t := openBench(b, 0)
	b.ResetTimer()
	before := cpuTime()
	fill(b, t, 0, b.N)
	perRow(b, b.N, before)
}

// BenchmarkWrite changes random rows among many, in batches of 1,000: one property each, or all. Known tells whether the
// tables are told what they have.
func BenchmarkWrite(b *testing.B) {
	t, covers := openBench(b, 0), make([]cover, many)
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < many; {
		batch := &entity.Batch{}
		for range 4000 {
			covers[n] = newCover(r)
			batch.Rows = append(batch.Rows, covers[n].row(n))
			n++
		}
		if err := t.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func(c *cover)
	}{
		{"indexed", func(c *cover) { c.year = 1900 + r.IntN(120) }},
		{"unindexed", func(c *cover) { c.rating++ }},
		{"all", func(c *cover) { *c = newCover(r) }},
	} {
		for _, known := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/known=%v", c.name, known), func(b *testing.B) {
				var batches []*entity.Batch
				for range b.N {
					batches = append(batches, changes(r, covers, known, c.change))
				}
				b.ResetTimer()
				before := cpuTime()
				for _, batch := range batches {
					if err := t.Write(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				perRow(b, b.N*1000, before)
			})
		}
	}
}

// changes are 1,000 changed rows.
func changes(r *rand.Rand, covers []cover, known bool, change func(c *cover)) *entity.Batch {
	batch, used := &entity.Batch{}, map[int]bool{}
	for len(used) < 1000 {
		n := r.IntN(len(covers))
		if used[n] {
			continue
		}
		used[n] = true
		was := covers[n].values(n)
		change(&covers[n])
		covers[n].head++
		row := covers[n].row(n)
		if known {
			row.Was = was
		}
		batch.Rows = append(batch.Rows, row)
	}
	return batch
}

func plan(b testing.TB, text string, args ...any) *query.Plan {
	b.Helper()
	q, err := query.Parse(text)
	if err == nil {
		q, err = query.Bind(q, query.Args{Positional: args})
	}
	if err != nil {
		b.Fatal(err)
	}
	schema, _ := entity.QuerySchema("album", func(string) *merge.Schema { return albums })
	p, err := query.Check(q, schema)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkQuery asks for ten rows by an index, alone and beside one who writes.
func BenchmarkQuery(b *testing.B) {
	t := openBench(b, many)
	p := plan(b, `year = 1977 AND name > 'The album called 5' ORDER BY name LIMIT 10`)
	ask := func(b *testing.B) {
		for b.Loop() {
			r, err := t.Query(b.Context(), "album", p, nil)
			if err != nil || len(r.Rows) != 10 {
				b.Fatal(r, err)
			}
		}
	}
	b.Run("idle", ask)
	b.Run("writing", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		var g sync.WaitGroup
		var rows atomic.Int64
		g.Go(func() {
			r := rand.New(rand.NewPCG(1, 2))
			for ctx.Err() == nil {
				batch := &entity.Batch{}
				for range 200 {
					batch.Rows = append(batch.Rows, album(r.IntN(many), r))
				}
				if t.Write(ctx, batch) == nil {
					rows.Add(200)
				}
			}
		})
		ask(b)
		cancel()
		g.Wait()
		b.ReportMetric(float64(rows.Load())/b.Elapsed().Seconds(), "rows/s")
	})
}
