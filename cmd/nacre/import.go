package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/spf13/cobra"
)

func (p *program) importCommand() *cobra.Command {
	var i importing
	var from string
	var ef fromEventfold
	cmd := &cobra.Command{
		Use:     "import FILE|-",
		GroupID: "write",
		Short:   "Import events from lines of JSON, or from eventfold",
		Long: `Import events from a file, or from the standard input ("-"), of one JSON object a line,
compressed with gzip or not, in their order:

  {"streamId":"order-1","type":"order.placed","data":{"total":30}}

streamId, type and data have to be there; eventId, metadata, tags, createdAt and
transactionId may be. In merge streams eventId and parents have to be, and a transaction's
lines stand together, all of them. Whole lines that were exported are taken: their checksum is checked,
their positions are left out, since positions are this store's own. Times and metadata
are kept as they are.

A line without an eventId gets one made of its number and its bytes. So whatever ended an
import, the same command goes on with it: events that the store holds are passed over.
A line that is wrong ends the import; what stands before it has been imported.

With --from eventfold, FILE is a directory of eventfold-es 0.2, or a file of eventfold-db
(version 3). The streams of the type T and the id I become the streams T-I; times, ids,
data and metadata are kept, and events are imported in order of time. Each place that is
damaged is told, and makes the exit code 4; what is whole is imported, unless
--damaged refuse is given.`,
		Example: `  nacre import orders.ndjson.gz
  zstdcat old.ndjson.zst | nacre import - --store archive
  nacre import --from eventfold ./my-app --dry-run`,
		Args: takes(1, 1),
	}
	f := cmd.Flags()
	f.IntVar(&i.batch, "batch", 500, "commit at most this `number` of events together, 1 to 1000")
	f.BoolVar(&i.skip, "skip-invalid", false, "skip what is whole and cannot be imported, such as wrong lines, and list it")
	f.StringVar(&from, "from", "lines", "what FILE is: `lines` or eventfold")
	ef.flags(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if i.batch < 1 || i.batch > mostEvents {
			return nacre.Errorf(nacre.CodeInvalid, "--batch: %d is not a number from 1 to %d", i.batch, mostEvents)
		}
		if from != "lines" && from != "eventfold" {
			return nacre.Errorf(nacre.CodeInvalid, "--from: %q is neither lines nor eventfold", from)
		}
		if err := ef.check(cmd, from); err != nil {
			return err
		}
		if p.remote.url == "" {
			if _, err := p.folder(); err != nil {
				return err
			}
		}
		if from == "eventfold" {
			return p.importEventfold(ctx, args[0], &ef, &i)
		}
		lines, err := openSource(args[0], p.in)
		if err != nil {
			return err
		}
		defer lines.close()
		i.from, i.name, i.noun = lines, lines.name, "line"
		i.read = func(tally) (int64, int64) { return lines.bytes.Load(), lines.size }
		return p.importing(ctx, &i)
	})
	return cmd
}

// importing is one import.
type importing struct {
	from  feed
	name  string // of what is imported, for messages
	noun  string // what an error is about
	batch int
	skip  bool
	// skipped is how many events were skipped before.
	skipped int64
	// read is how much has been read, of how much; below 0 where that is not known.
	read func(tally) (done, total int64)
}

func (p *program) importing(ctx context.Context, i *importing) error {
	begun, bar := time.Now(), p.progress("importing")
	im := importer{from: i.from, batch: i.batch, progress: func(t tally) {
		done, total := i.read(t)
		bar.events(t.appended+t.held, done, total)
	}}
	im.tally.skipped = i.skipped
	if i.skip {
		im.skip = func(err *lineError) {
			bar.clear()
			p.note("skipped: %s", message(err))
		}
	}
	// Commits need not be synced one by one: nothing is promised before the store is closed, which syncs
	// them all, and an import that a power loss ended goes on like any other.
	opened := false
	err := p.writing(ctx, filestore.Interval, func(ctx context.Context, s *nacre.Store) error {
		opened = true
		im.store = s
		return im.run(ctx)
	})
	bar.done()
	if !opened {
		return err
	}
	t, took := im.tally, time.Since(begun)
	summary := fmt.Sprintf("%s imported from %s, %d already there, %d skipped, in %.1f s (%.0f events/s)",
		count(t.appended, "event", "events"), i.name, t.held, t.skipped, took.Seconds(),
		float64(t.appended+t.held)/max(took.Seconds(), 0.001))
	switch {
	case err == nil:
		p.note("%s", summary)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		p.note("%s; run the same command again to go on", summary)
	case isLineError(err):
		p.note("%s; what stands before the %s below is imported: correct it and run the same command again, or give --skip-invalid", summary, i.noun)
		err = &inputError{err}
	default:
		p.note("%s before the error below", summary)
	}
	return err
}
