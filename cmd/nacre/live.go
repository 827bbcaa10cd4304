package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
	"golang.org/x/term"
)

// noticeOf is a notice as the server's route sends it.
func noticeOf(n *entity.Notice) *wire.LiveNotice {
	out := &wire.LiveNotice{Position: n.Position, Reset: n.Reset}
	if n.Table != nil {
		out.Columns, out.Rows = n.Table.Columns, tableRows(n.Table)
		return out
	}
	out.Changes = make([]wire.LiveChange, len(n.Changes))
	for i, d := range n.Changes {
		out.Changes[i] = wire.LiveChange{Kind: string(d.Kind), ID: d.ID, Index: d.Index}
		if d.Row != nil {
			out.Changes[i].Row = d.Row.State()
		}
	}
	return out
}

func tableRows(t *query.Table) [][]json.RawMessage {
	rows := make([][]json.RawMessage, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]json.RawMessage, len(row))
		for k, v := range row {
			rows[i][k] = v.AppendJSON(nil)
		}
	}
	return rows
}

func (l *localEntities) live(ctx context.Context, collection string, q *queryRequest, _ func(error)) iter.Seq2[*wire.LiveNotice, error] {
	return func(yield func(*wire.LiveNotice, error) bool) {
		args, err := q.values()
		if err != nil {
			yield(nil, err)
			return
		}
		live, err := l.db.Live(ctx, collection, q.Text, &entity.LiveOptions{Args: args})
		if err != nil {
			yield(nil, err)
			return
		}
		for n, err := range live.All(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(noticeOf(n), nil) {
				return
			}
		}
	}
}

// runLive follows a query until it is interrupted: on a terminal as a table that changes, elsewhere as a line a notice.
func (p *program) runLive(ctx context.Context, s entitySource, collection string, q *queryRequest, asJSON bool) error {
	if file, ok := p.out.(*os.File); ok && !asJSON && obeys(file) {
		return p.showLive(ctx, s, collection, q, file)
	}
	return p.printLive(ctx, s, collection, q)
}

// followed is the error of a command that ends by being interrupted.
func followed(ctx context.Context, err error) error {
	if ctx.Err() != nil && (nacre.CodeOf(err) == nacre.CodeCanceled || errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

func (p *program) printLive(ctx context.Context, s entitySource, collection string, q *queryRequest) error {
	for n, err := range s.live(ctx, collection, q, p.tellTrouble) {
		if err != nil {
			return err
		}
		if err := printJSON(p.out, *n); err != nil {
			return err
		}
	}
	return nil
}

// tellTrouble tells of a connection that is being made again.
func (p *program) tellTrouble(err error) { p.note("%s; trying again", message(err)) }

const (
	// drawEvery is how often a live table is drawn, at most, and looks whether its terminal has another size.
	drawEvery = 100 * time.Millisecond
	// markTime is for how long a live table marks what has changed.
	markTime = 3 * time.Second
)

// What is written to a terminal: it shows another screen, without a cursor and without breaking lines, and afterwards the one
// that it had.
const (
	screenOn  = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	screenOff = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// showLive shows a query's result on a terminal, as long as it lasts, and leaves what was shown last behind.
func (p *program) showLive(ctx context.Context, s entitySource, collection string, q *queryRequest, to *os.File) error {
	c, err := s.collection(ctx, collection)
	if err != nil {
		return err
	}
	schema, err := schemaOf(c)
	if err != nil {
		return err
	}
	table := newLiveTable(schema)
	table.title = collection
	if q.Text != "" {
		table.title += ": " + plain(q.Text, 0)
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type event struct {
		notice  *wire.LiveNotice
		trouble error
		end     error
	}
	events := make(chan event)
	tell := func(e event) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	ended := make(chan struct{})
	defer func() {
		stop()
		<-ended // nothing reads from the store any more
	}()
	go func() {
		defer close(ended)
		for n, err := range s.live(ctx, collection, q, func(err error) { tell(event{trouble: err}) }) {
			if !tell(event{notice: n, end: err}) || err != nil {
				return
			}
		}
	}()

	screen := &screen{to: to}
	defer func() { _ = screen.close(table) }() // a terminal that is gone shows nothing
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-events:
			switch {
			case e.end != nil:
				return e.end
			case e.trouble != nil:
				table.trouble = plain(message(e.trouble), 0)
			default:
				table.take(e.notice, time.Now())
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := screen.draw(table); err != nil {
				return err
			}
		}
	}
}

// screen is a terminal that shows a live table.
type screen struct {
	to    *os.File
	on    bool
	shown string
	size  window
}

// draw draws what differs from what was drawn last; nothing before there is a result, since there may be none at all.
func (s *screen) draw(t *liveTable) error {
	if !t.begun {
		return nil
	}
	size := s.window()
	frame := frameOf(t.frame(size, time.Now()))
	if frame == s.shown && size == s.size {
		return nil
	}
	s.shown, s.size = frame, size
	if !s.on {
		s.on = true
		frame = screenOn + frame
	}
	_, err := s.to.WriteString(frame)
	return err
}

// window is how much the terminal shows.
func (s *screen) window() window {
	width, height, _ := term.GetSize(int(s.to.Fd())) // 0 where it is not known
	return window{cmp.Or(width, 80), cmp.Or(height, 24)}
}

// close gives the terminal back, with the table as it was last.
func (s *screen) close(t *liveTable) error {
	if !t.begun {
		return nil
	}
	last := strings.Join(t.rest(s.window()), "\r\n") + "\r\n"
	if s.on {
		last = screenOff + last
	}
	_, err := s.to.WriteString(last)
	return err
}

// frameOf overwrites what stands on a screen.
func frameOf(lines []string) string {
	return "\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J"
}
