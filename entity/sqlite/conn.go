package sqlite

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is a connection, with the statements that it prepared. It is used by one goroutine at a time. It calls SQLite's
// driver without database/sql between them: a batch is thousands of statements with a dozen values each, and a context
// has to end also a statement that looks for its next row, which database/sql waits for.
type conn struct {
	c  driver.Conn
	db uintptr // SQLite's own connection

	// calls is the context of the driver's calls, which never ends: watch ends what is executed.
	calls context.Context

	prepared map[string]*list.Element // of *prepared
	used     list.List                // the last used first
	values   []driver.NamedValue      // of the present call
}

// prepared is a statement.
type prepared struct {
	text string
	s    driver.Stmt
}

// maxPrepared is how many statements a connection keeps.
const maxPrepared = 200

// connect opens a connection.
func connect(dsn string) (*conn, error) {
	c, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	db := reflect.Indirect(reflect.ValueOf(c)).FieldByName("db")
	if db.Kind() != reflect.Uintptr || db.Uint() == 0 {
		_ = c.Close() // nothing was done with it
		return nil, errors.New("this version of the driver of SQLite cannot be interrupted")
	}
	return &conn{c: c, db: uintptr(db.Uint()), calls: context.Background(), prepared: map[string]*list.Element{}}, nil
}

// close closes the connection and its statements.
func (c *conn) close() error {
	if c == nil {
		return nil
	}
	var errs []error
	for e := c.used.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*prepared).s.Close())
	}
	c.used.Init()
	clear(c.prepared)
	return errors.Join(append(errs, c.c.Close())...)
}

// prepare gives a statement of a text.
func (c *conn) prepare(text string) (driver.Stmt, error) {
	if e, there := c.prepared[text]; there {
		c.used.MoveToFront(e)
		return e.Value.(*prepared).s, nil
	}
	s, err := c.c.Prepare(text)
	if err != nil {
		return nil, err
	}
	if c.used.Len() >= maxPrepared {
		last := c.used.Back()
		delete(c.prepared, last.Value.(*prepared).text)
		if err := c.used.Remove(last).(*prepared).s.Close(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	c.prepared[text] = c.used.PushFront(&prepared{text, s})
	return s, nil
}

func (c *conn) bound(args []any) []driver.NamedValue {
	c.values = c.values[:0]
	for i, v := range args {
		c.values = append(c.values, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.values
}

// exec executes a statement. Values are int64, float64, string, []byte, bool and nil.
func (c *conn) exec(text string, args ...any) error {
	_, err := c.change(text, args...)
	return err
}

// change executes a statement, and tells how many rows it changed.
func (c *conn) change(text string, args ...any) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(c.calls, c.bound(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query executes a statement that gives rows, which have to be closed.
func (c *conn) query(text string, args ...any) (*rows, error) {
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	r, err := s.(driver.StmtQueryContext).QueryContext(c.calls, c.bound(args))
	if err != nil {
		return nil, err
	}
	return &rows{r: r, values: make([]driver.Value, len(r.Columns()))}, nil
}

// row executes a statement that gives at most one row, and tells whether it did.
func (c *conn) row(text string, args []any, into ...any) (bool, error) {
	r, err := c.query(text, args...)
	if err != nil {
		return false, err
	}
	there := r.Next()
	if there {
		err = r.Scan(into...)
	}
	return there, errors.Join(err, r.Err(), r.close())
}

// watch interrupts what the connection executes from the moment when the context ends: again and again, since SQLite forgets
// what comes between two statements. The connection may be used for something else after the function that it returns
// was called.
func (c *conn) watch(ctx context.Context) (done func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	const again = 2 * time.Millisecond
	var mu sync.Mutex
	over := false
	stop := context.AfterFunc(ctx, func() {
		for {
			mu.Lock()
			if over {
				mu.Unlock()
				return
			}
			c.interrupt()
			mu.Unlock()
			<-time.After(again)
		}
	})
	return func() {
		if !stop() {
			mu.Lock()
			over = true
			mu.Unlock()
		}
	}
}

// interrupt ends what the connection executes at this moment. It may be called from any goroutine while the connection
// is open: all that SQLite does is to set a flag.
func (c *conn) interrupt() { sqlite3.Xsqlite3_interrupt(nil, c.db) }

// rows are a result. They are a query.Scanner.
type rows struct {
	r      driver.Rows
	values []driver.Value
	err    error
}

// Next implements query.Scanner.
func (r *rows) Next() bool {
	if r.err != nil {
		return false
	}
	if err := r.r.Next(r.values); err != nil {
		r.err = err
		return false
	}
	return true
}

// Err implements query.Scanner.
func (r *rows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// Scan implements query.Scanner, for what is scanned here.
func (r *rows) Scan(into ...any) error {
	for i, to := range into {
		ok := true
		switch to := to.(type) {
		case *any:
			*to = r.values[i]
		case *string:
			*to, ok = r.values[i].(string)
		case *int64:
			*to, ok = r.values[i].(int64)
		case *[]byte:
			*to, ok = r.values[i].([]byte)
		}
		if !ok {
			return errOddValue
		}
	}
	return nil
}

// errOddValue is a value of another type than was written.
var errOddValue = errors.New("a value is not what was written there")

func (r *rows) close() error { return r.r.Close() }
