package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

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
		"tags":   {ID: "tags", Kind: "set", Type: "text"},
	},
	Indexes: [][]string{{"year", "name"}, {"artist"}},
}

func albumID(n int) string { return fmt.Sprintf("album-01K%023d", n) }

func album(n int, r *rand.Rand) entity.TableRow {
	id := albumID(n)
	values := fmt.Sprintf(`{"artist":"artist %d","id":%q,"name":"The album called %d","tags":["rock","live"],"year":%d}`, r.IntN(20000), id, r.IntN(1<<30), 1900+r.IntN(120))
	head := fmt.Sprintf("01K%023d", r.Int64())
	state := fmt.Sprintf(`{"heads":[%q],"properties":{"artist":{"register":{%q:"artist 17"}},"name":{"register":{%q:"The album called 1"}},"tags":{"set":{"\"live\"":[%q],"\"rock\"":[%q]}},"year":{"register":{%q:1977}}}}`,
		head, head, head, head, head, head)
	return entity.TableRow{Collection: "album", ID: id, State: []byte(state), Values: []byte(values), Heads: []string{head}}
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
			batch.Rows = append(batch.Rows, album(from, r))
			from++
		}
		if err := t.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

const many = 200_000

// BenchmarkFill writes new rows in the order of their ids.
func BenchmarkFill(b *testing.B) {
	t := openBench(b, 0)
	b.ResetTimer()
	fill(b, t, 0, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkWrite changes random rows among many, in batches of 1,000.
func BenchmarkWrite(b *testing.B) {
	t := openBench(b, many)
	r := rand.New(rand.NewPCG(1, 2))
	var batches []*entity.Batch
	for range 20 {
		batch := &entity.Batch{}
		for range 1000 {
			batch.Rows = append(batch.Rows, album(r.IntN(many), r))
		}
		batches = append(batches, batch)
	}
	b.ResetTimer()
	rows := 0
	for i := 0; b.Loop(); i++ {
		if i%20 == 0 && i > 0 { // other rows than before
			b.StopTimer()
			for _, batch := range batches {
				for j := range batch.Rows {
					batch.Rows[j] = album(r.IntN(many), r)
				}
			}
			b.StartTimer()
		}
		if err := t.Write(b.Context(), batches[i%20]); err != nil {
			b.Fatal(err)
		}
		rows += 1000
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
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
