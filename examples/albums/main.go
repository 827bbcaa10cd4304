// Albums keeps albums and artists as entities, and tells what becomes of them: two people change one album at once, the
// conflict is seen and settled, a step is taken back, and a query's result is followed while it changes.
//
//	go run ./examples/albums data/default
//
// The folder has to be new. Afterwards it can be looked at: nacre entities history albums origin.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/storage/filestore"
)

func main() {
	if err := run(context.Background(), os.Stdout, append(os.Args, "data/default")[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, dir string) (err error) {
	store, err := filestore.Open(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tables, err := sqlite.Open(sqlite.Path(dir), nil)
	if err != nil {
		return err
	}
	db, err := entity.Open(ctx, store, tables, &entity.Options{Now: ticking()})
	if err != nil {
		return errors.Join(err, tables.Close())
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	s, err := newStory(ctx, out, db)
	if err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{s.fill, s.query, s.edit, s.both, s.settle, s.past, s.undo, s.live} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ticking is a clock on which no two moments are the same: of two edits at once the later one is shown, and which one that is
// the story says each time alike.
func ticking() func() time.Time {
	start, ticks := time.Now(), atomic.Int64{}
	return func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
}

// printer prints a chapter, and what is in it.
type printer struct{ out io.Writer }

func (p printer) chapter(title string)            { fmt.Fprintf(p.out, "\n%s\n", title) }
func (p printer) line(format string, args ...any) { fmt.Fprintf(p.out, "  "+format+"\n", args...) }
