package eventfold

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// errStopped ends a walk whose events nobody wants any more.
var errStopped = errors.New("stopped")

// logWalk goes through a file of eventfold-db from batch to batch, and over what is damaged.
type logWalk struct {
	w    *window
	name string
	tell func(Finding)

	next    uint64   // the position behind the greatest that was read
	pending []region // damage behind the last batch that was read
	wasted  int64    // bytes that were read in search of a batch
}

// mostWaste is how much is read in search of what is whole behind damage, for each byte of a file. Only a file
// that was made for it needs more; then what stands behind counts as damaged.
const mostWaste = 32

// region is bytes that no whole batch stands in.
type region struct {
	at, end int64
	why     string
}

// run gives every whole batch. Its bytes stand in the window's file; the window may be used meanwhile.
func (l *logWalk) run(ctx context.Context, give func(*batch) error) error {
	for at := int64(fileHeader); at < l.w.size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, flaw, err := readBatch(l.w, at)
		if err != nil {
			return err
		}
		if flaw == nil {
			at = b.end
			l.accept(&b)
			if err := give(&b); err != nil {
				return err
			}
			continue
		}
		end, err := l.skip(ctx, at, flaw)
		if err != nil {
			return err
		}
		l.pending = append(l.pending, region{at, end, flaw.why})
		at = end
	}
	for _, r := range l.pending {
		l.tell(Finding{Kind: Damage, File: l.name, Byte: r.at, Text: fmt.Sprintf(
			"%s; %s left out, in which the positions from %d on may have stood", r.why, areOf(r.end-r.at, "byte"), l.next)})
	}
	return nil
}

// skip is where reading goes on behind a batch with a flaw: at its end, where something stands there that
// looks like the next one; else at the next batch that is whole, and whose positions go on.
func (l *logWalk) skip(ctx context.Context, at int64, flaw *flawed) (int64, error) {
	if flaw.end == l.w.size {
		return flaw.end, nil
	}
	if flaw.end > 0 {
		next, err := l.w.bytes(flaw.end, len(batchMagic))
		if err != nil || string(next) == batchMagic {
			return flaw.end, err
		}
	}
	for from := at + 1; ; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		candidate, err := l.w.find([]byte(batchMagic), from)
		if err != nil || candidate == l.w.size {
			return candidate, err
		}
		b, flaw, err := readBatch(l.w, candidate)
		switch {
		case err != nil:
			return 0, err
		case flaw != nil:
			from = candidate + 1
			if l.wasted += flaw.reached - candidate; l.wasted/mostWaste > l.w.size {
				return l.w.size, nil
			}
		case b.first >= l.next:
			return candidate, nil
		default:
			// It may be what an event's payload has in it.
			l.tell(Finding{Kind: Damage, File: l.name, Byte: b.at, Events: int64(b.count), Text: fmt.Sprintf(
				"a whole batch stands inside of what is damaged, with positions from %d on, which were read before: it is left out", b.first)})
			from = b.end
		}
	}
}

// accept tells how a batch's positions go on from those before, and what that says of damage between.
func (l *logWalk) accept(b *batch) {
	missing := ""
	if b.first > l.next {
		missing = "; missing: " + span("position", l.next, b.first-1)
	}
	for i, r := range l.pending {
		f := Finding{Kind: Damage, File: l.name, Byte: r.at, Text: fmt.Sprintf("%s; %s left out", r.why, areOf(r.end-r.at, "byte"))}
		switch {
		case missing == "" && b.first == l.next:
			f.Kind = Note
			f.Text += "; the positions go on behind them, so that nothing is missing that was acknowledged"
		case i == len(l.pending)-1:
			f.Text += missing
		}
		l.tell(f)
	}
	if missing != "" && len(l.pending) == 0 {
		l.tell(Finding{Kind: Damage, File: l.name, Byte: b.at, Text: "a batch does not follow the one before it" + missing})
	}
	if b.first < l.next {
		l.tell(Finding{Kind: Damage, File: l.name, Byte: b.at, Text: fmt.Sprintf(
			"the batch begins with position %d, and the one before it ended with %d, as when two programs wrote to the file: its events are imported where they stand",
			b.first, l.next-1)})
	}
	l.pending = nil
	if b.first <= math.MaxUint64-uint64(b.count) {
		l.next = max(l.next, b.behind())
	}
}
