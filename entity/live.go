package entity

import (
	"bytes"
	"context"
	"iter"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/reactor"
	"github.com/nacredb/nacre/query"
)

// Notice is what became of a live query's result: all of it, at a position of the log, in one.
type Notice struct {
	// Position is where the result is the query's: everything up to there counts.
	Position nacre.Position
	// Changes turn the result that was told before into the present one, made one after the other. Those of the first notice
	// are all rows, as Initial.
	Changes []reactor.Delta
	// Table is the result of a query with columns, whenever it has changed; nil otherwise.
	Table *query.Table
	// Reset says that what was told before counts no more, since the query was replaced: Changes begin anew with Initial.
	Reset bool
}

// LiveOptions are the options of a live query; nil is the defaults.
type LiveOptions struct {
	// Args are the values of the query's parameters. Default: none.
	Args query.Args
	// Caller is whose entities the query sees, by the policies. Default: all.
	Caller *Caller
	// MaxBytes has a query end with CodeTooLarge once more bytes than these have to be read for its result. Default: no bound.
	MaxBytes int64
	// MaxRows does so once its table has more rows, or more than 100 times as many groups. Default: no bound.
	MaxRows int
}

// Live is a query whose result is kept current. Its methods may be called from many goroutines, Next from one at a time.
type Live struct {
	r     *live
	ready chan struct{} // has a token when there may be something to tell

	// Under the reactor's lock.
	q      *standing
	err    error // it has ended
	closed bool
}

// Live begins to follow a query's result: with everything that was acknowledged before, and then with what comes. Queries of one
// collection with AND, OR, ORDER BY and LIMIT are kept current change by change; those that follow references, have
// aggregates or OFFSET are evaluated again when something that they read has changed. Close it when it is not needed any more.
func (db *DB) Live(ctx context.Context, collection, text string, o *LiveOptions) (*Live, error) {
	if err := db.current(ctx); err != nil {
		return nil, err
	}
	s, err := db.stand(collection, text, o)
	if err != nil {
		return nil, err
	}
	return db.follow(s)
}

// Follow is Live for a query that was parsed and bound.
func (db *DB) Follow(ctx context.Context, collection string, q *query.Query, o *LiveOptions) (*Live, error) {
	if err := db.current(ctx); err != nil {
		return nil, err
	}
	if o == nil {
		o = &LiveOptions{}
	}
	s, err := db.standOn(collection, q, o)
	if err != nil {
		return nil, err
	}
	return db.follow(s)
}

func (db *DB) follow(s *standing) (*Live, error) {
	l := &Live{r: db.live, ready: make(chan struct{}, 1)}
	if err := db.live.begin(l, s); err != nil {
		return nil, err
	}
	return l, nil
}

// Replace has another query in the place of the one that there was. The next notice is a Reset.
func (l *Live) Replace(ctx context.Context, collection, text string, o *LiveOptions) error {
	db := l.r.db
	if err := db.current(ctx); err != nil {
		return err
	}
	s, err := db.stand(collection, text, o)
	if err != nil {
		return err
	}
	s.reset = true
	return l.r.begin(l, s)
}

// Close ends it.
func (l *Live) Close() {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	l.closed = true
	l.end(errClosed())
}

// end ends it with an error. The lock is held.
func (l *Live) end(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	l.r.drop(l.q)
	l.stir()
}

func (l *Live) stir() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Next waits until the result is another one than was told last, and tells what has become of it: in one notice, however many
// changes there were meanwhile. The first one comes at once. It fails with the context's error, after which it may be called
// again, with CodeClosed, or with what keeps the query from being evaluated: a schema that does not have its properties
// any more.
func (l *Live) Next(ctx context.Context) (*Notice, error) {
	for {
		n, err := l.look()
		if n != nil || err != nil {
			return n, err
		}
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Live) look() (*Notice, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	s := l.q
	if l.err != nil {
		return nil, l.err
	}
	if s.filling || !s.filled {
		return nil, nil
	}
	n := &Notice{Position: max(l.r.at, s.from), Reset: s.reset}
	if s.table == nil {
		n.Changes = s.window.Deltas()
	} else if !s.told || !bytes.Equal(s.shown, s.text) {
		n.Table, s.shown = s.table, s.text
	}
	if s.told && len(n.Changes) == 0 && n.Table == nil {
		return nil, nil
	}
	s.told, s.reset = true, false
	return n, nil
}

// All yields notices until ctx ends or the query does (with the error) or the loop breaks. It closes the query.
func (l *Live) All(ctx context.Context) iter.Seq2[*Notice, error] {
	return func(yield func(*Notice, error) bool) {
		defer l.Close()
		for {
			n, err := l.Next(ctx)
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}
