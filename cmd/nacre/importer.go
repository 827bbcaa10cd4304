package main

import (
	"context"
	"errors"
	"time"

	"github.com/nacredb/nacre"
)

// idleAfter is how long an import waits for its next line before it commits what it has.
const idleAfter = 200 * time.Millisecond

// tally is what an import came to, in events; skipped in lines.
type tally struct{ appended, held, skipped int64 }

// feed is what an import takes its events from.
type feed interface {
	// read sends the entries until the end, or until stop is closed, and then closes the channel. An entry
	// whose err is not a *lineError is the last.
	read(stop <-chan struct{}, to chan<- entry)
}

// importer commits a feed's events to a store, in order.
type importer struct {
	store *nacre.Store
	from  feed
	batch int // most events of a commit
	// skip is told of every error that is skipped; nil ends the import with the first one.
	skip func(*lineError)
	// progress is told after every commit.
	progress func(tally)

	tally tally
}

// run imports everything, or everything before the first error. A canceled ctx ends it between two commits.
func (im *importer) run(ctx context.Context) error {
	stop, entries := make(chan struct{}), make(chan entry, 128)
	// A source that waits for its next line cannot be told to stop: its goroutine ends with that line,
	// or with the process.
	go im.from.read(stop, entries)
	defer close(stop)

	b := newBatcher(im.batch)
	for {
		e, got := im.receive(ctx, entries, b)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case got == idle:
			b.cut()
		case got == end:
			b.closeUnit()
			b.cut()
		case e.err == nil:
			b.add(e)
		default:
			if wrong := im.bad(e.err, b); wrong != nil {
				if err := im.commitFull(b); err != nil {
					return err
				}
				return wrong
			}
		}
		if err := im.commitFull(b); err != nil || got == end {
			return err
		}
	}
}

// received is what came of waiting for an entry.
type received int

const (
	some received = iota
	idle
	end
)

func (im *importer) receive(ctx context.Context, entries <-chan entry, b *batcher) (entry, received) {
	got := func(e entry, ok bool) (entry, received) {
		if !ok {
			return e, end
		}
		return e, some
	}
	select {
	case e, ok := <-entries:
		return got(e, ok)
	default:
	}
	var tooLong <-chan time.Time
	if len(b.units) > 0 {
		timer := time.NewTimer(idleAfter)
		defer timer.Stop()
		tooLong = timer.C
	}
	select {
	case e, ok := <-entries:
		return got(e, ok)
	case <-tooLong:
		return entry{}, idle
	case <-ctx.Done():
		return entry{}, some
	}
}

// bad skips a line that is no event, or ends the import there.
func (im *importer) bad(err error, b *batcher) error {
	wrong, ok := errors.AsType[*lineError](err)
	if ok && im.skip != nil {
		im.skipped(wrong)
		return nil
	}
	// The line may be one of the open transaction's, which then is not imported in part.
	if u := b.drop(); ok && len(u.entries) > 0 {
		wrong.before = u.entries[0].number
	}
	b.cut()
	return err
}

func (im *importer) skipped(err *lineError) {
	im.tally.skipped += err.last - err.first + 1
	im.skip(err)
}

func (im *importer) commitFull(b *batcher) error {
	for len(b.full) > 0 {
		units := b.full[0]
		b.full = b.full[1:]
		if err := im.commit(units); err != nil {
			return err
		}
		im.progress(im.tally)
	}
	return nil
}

// commit imports the units together. Where the store refuses them, it halves them until the one that is
// refused is found: so what stands before it is imported, and units of which the store holds some (those
// of an import that was ended, with other batches) become units that it holds and units that are new.
func (im *importer) commit(units []unit) error {
	// A commit is short, and to leave it would leave its outcome open.
	out, err := im.store.Import(context.Background(), appends(units)...)
	switch {
	case err == nil:
		for i := range out {
			n := int64(len(out[i].Events))
			if out[i].Duplicate {
				im.tally.held += n
			} else {
				im.tally.appended += n
			}
		}
		return nil
	case !refusal(err):
		return err
	case len(units) > 1:
		half := len(units) / 2
		if err := im.commit(units[:half]); err != nil {
			return err
		}
		return im.commit(units[half:])
	}
	entries := units[0].entries
	first := &entries[0]
	wrong := &lineError{source: first.source, noun: first.noun, first: first.number, last: entries[len(entries)-1].number, err: err}
	if im.skip != nil && nacre.CodeOf(err) != nacre.CodeEventIDConflict {
		im.skipped(wrong)
		return nil
	}
	return wrong
}

// refusal tells whether the store refused what it was given, as opposed to being unable to take it.
func refusal(err error) bool {
	switch nacre.CodeOf(err) {
	case nacre.CodeInvalid, nacre.CodeTooLarge, nacre.CodeUnsupported, nacre.CodeEventIDConflict,
		nacre.CodeWrongStreamKind, nacre.CodeParentMissing:
		return true
	}
	return false
}
