// Travel asks a real log of travel permits how long it takes from the submission of a permit to the payment: each
// stream is folded to its case, a table in SQL has a row a permit, and it is made again while events come in.
//
//	nacre import travel-permits.ndjson.gz --data data
//	go run ./examples/travel data/default
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlite"
	"github.com/nacredb/nacre/storage/filestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := append(os.Args, "data/default")[1]
	if err := run(ctx, os.Stdout, dir, filepath.Join(os.TempDir(), "permits.db")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, dir, tables string) (err error) {
	store, err := filestore.Open(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	// One stream, folded on request.
	for stream, err := range store.Streams(ctx, nacre.StreamQuery{Category: "permit", Limit: 1}) {
		if err != nil {
			return err
		}
		c, err := caseOf(ctx, store, stream.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s of %s: %d steps, the last one %s\n", stream.ID, c.Unit, c.Steps, c.Last)
	}

	// All of them, in a table that follows the log.
	table, err := sqlite.Open(tables, permitSchema, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	permits, err := projection.Start(ctx, store, permits, table, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, permits.Stop(context.WithoutCancel(ctx))) }()
	if err := caughtUp(ctx, store, permits); err != nil {
		return err
	}
	before, err := report(ctx, table.DB())
	if err != nil {
		return err
	}
	for _, line := range before {
		fmt.Fprintln(out, line)
	}

	// The table is made again beside the one that is read, and takes its place.
	if err := permits.Rebuild(ctx); err != nil {
		return err
	}
	if err := caughtUp(ctx, store, permits); err != nil {
		return err
	}
	after, err := report(ctx, table.DB())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "made again, it says the same:", fmt.Sprint(before) == fmt.Sprint(after))
	return nil
}

// caughtUp returns when the table shows all that stands in the log now.
func caughtUp(ctx context.Context, store *nacre.Store, r *projection.Runner) error {
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	return r.WaitFor(ctx, head.Position)
}

// report is a line a unit, the slowest first.
func report(ctx context.Context, db *sql.DB) (lines []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT unit, count(*), avg(paid - submitted), max(paid - submitted)
		FROM permit WHERE paid IS NOT NULL AND submitted IS NOT NULL GROUP BY unit ORDER BY 3 DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var unit string
		var n int
		var mean, most float64
		if err := rows.Scan(&unit, &n, &mean, &most); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%-28s %5d permits paid, after %5.1f days, at most %5.1f", unit, n, mean, most))
	}
	return lines, rows.Err()
}
