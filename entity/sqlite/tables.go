package sqlite

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/internal/vfs"
)

// Tables are tables in a file.
type Tables struct {
	path string
	o    Options
	lock io.Closer

	writing     sync.Mutex // held by who writes; of what follows
	writer      *conn
	checkpoints *conn            // the keeper's
	numbers     map[string]int64 // of collections, declared or not
	waiting     []nacre.Position
	rows        int64 // written since the tables were opened

	loading sync.Mutex
	loader  *conn // for what is not a query, and so never waits for one

	// current are the tables that stand in the file. Who begins to read holds shared, who changes them holds it alone,
	// so that both see the file and the layouts of one batch.
	shared  sync.RWMutex
	current layouts

	pool    chan *reader
	readers []*reader

	closing context.Context // ends when Close begins
	close   context.CancelFunc
	broken  atomic.Bool // damage was found
	once    sync.Once
	closed  error
	keeper  keeper
}

// reader is a connection of the pool.
type reader struct {
	*conn
	query atomic.Int64 // the number of its query, 0 between queries
	ended atomic.Bool  // the keeper ended it
}

// Open opens the file at a path, or makes it, with the folder that it is in. Close closes it.
func Open(path string, o *Options) (*Tables, error) {
	options, err := o.validate()
	if err != nil {
		return nil, err
	}
	held, err := lock(path)
	if err != nil {
		return nil, err
	}
	t := &Tables{path: path, o: options, lock: held, pool: make(chan *reader, options.Readers)}
	t.closing, t.close = context.WithCancel(context.Background())
	if err := t.connectAll(); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	t.keeper.start(t)
	return t, nil
}

// connectAll opens the file with all connections at once: one that is opened later may find another file there.
func (t *Tables) connectAll() error {
	if err := t.prepareFile(); err != nil {
		return err
	}
	err := t.connectOthers()
	if err != nil {
		t.disconnect()
		return failed("opening the tables in "+t.path, err)
	}
	return nil
}

func (t *Tables) connectOthers() (err error) {
	if t.checkpoints, err = connect(dsn(t.path, "rw", "journal_size_limit("+strconv.Itoa(keptWAL)+")", "synchronous(normal)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	read := func() (*conn, error) {
		return connect(dsn(t.path, "rw", "busy_timeout(10000)", "query_only(1)", cachePragma(t.o.CacheBytes/4)))
	}
	if t.loader, err = read(); err != nil {
		return err
	}
	for range t.o.Readers {
		c, err := read()
		if err != nil {
			return err
		}
		t.readers = append(t.readers, &reader{conn: c})
	}
	for _, r := range t.readers {
		t.pool <- r
	}
	return nil
}

// disconnect closes all connections; nobody uses them.
func (t *Tables) disconnect() {
	for _, r := range t.readers {
		_ = r.close() // it read only
	}
	_ = t.loader.close()
	_ = t.checkpoints.close()
	_ = t.writer.close() // what was committed is in the file
	t.readers, t.loader, t.checkpoints, t.writer = nil, nil, nil, nil
}

// recall reads what is known of the file while it is open.
func (t *Tables) recall() error {
	t.numbers, t.current, t.waiting = map[string]int64{}, layouts{}, nil
	r, err := t.writer.query(`SELECT "number", "name", coalesce("table", ''), coalesce("layout", '') FROM "$collections"`)
	if err != nil {
		return err
	}
	for r.Next() {
		var number int64
		var name, table, text string
		if err := r.Scan(&number, &name, &table, &text); err != nil {
			return errors.Join(err, r.close())
		}
		t.numbers[name] = number
		if text == "" {
			continue
		}
		l, err := parseLayout(name, table, text)
		if err != nil {
			return errors.Join(&errAnew{err.Error()}, r.close())
		}
		t.current[name] = l
	}
	if err := errors.Join(r.Err(), r.close()); err != nil {
		return err
	}
	t.waiting, err = waiting(t.writer)
	return err
}

func waiting(c *conn) ([]nacre.Position, error) {
	r, err := c.query(`SELECT "position" FROM "$waiting" ORDER BY "position"`)
	if err != nil {
		return nil, err
	}
	var all []nacre.Position
	for r.Next() {
		var p int64
		if err := r.Scan(&p); err != nil {
			return nil, errors.Join(err, r.close())
		}
		all = append(all, nacre.Position(p))
	}
	return all, errors.Join(r.Err(), r.close())
}

const selectMark = `SELECT "epoch", "position", "event" FROM "$mark"`

func mark(c *conn) (entity.Mark, error) {
	var m entity.Mark
	var position int64
	found, err := c.row(selectMark, nil, &m.Epoch, &position, &m.EventID)
	if err == nil && !found {
		err = errOddValue
	}
	m.Position = nacre.Position(position)
	return m, err
}

// usable tells whether the tables can be used.
func (t *Tables) usable(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case t.closing.Err() != nil:
		return errClosed()
	case t.broken.Load():
		return &nacre.DamageError{File: t.path, Reason: "the tables cannot be read: reset them, or open them again, and they are made again from the log"}
	}
	return nil
}

func errClosed() error { return nacre.Errorf(nacre.CodeClosed, "the tables have been closed") }

// wrong makes an error of what went wrong, as far as the caller can act on it.
func (t *Tables) wrong(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case t.closing.Err() != nil:
		return errClosed()
	case damaged(err):
		t.damage(err.Error())
		return &nacre.DamageError{File: t.path, Reason: doing + ": " + err.Error() + ": reset the tables, or open them again, and they are made again from the log"}
	}
	return failed(doing, err)
}

// damage remembers that the file cannot be believed, also for the next Open.
func (t *Tables) damage(reason string) {
	if t.broken.Swap(true) {
		return
	}
	t.o.Logger.Error("the tables of entities are damaged, and are made again from the log when they are opened next", "file", t.path, "reason", reason)
	f, err := vfs.OS.Create(t.path + damagedSuffix)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.o.Logger.Error("that the tables are damaged could not be written down", "file", t.path, "error", err)
	}
}

// load calls use with the connection for what is not a query.
func (t *Tables) load(ctx context.Context, doing string, use func(c *conn) error) error {
	t.loading.Lock()
	defer t.loading.Unlock()
	if err := t.usable(ctx); err != nil {
		return err
	}
	return t.wrong(ctx, doing, use(t.loader))
}

// Mark implements entity.Tables.
func (t *Tables) Mark(ctx context.Context) (m entity.Mark, err error) {
	err = t.load(ctx, "reading the mark", func(c *conn) error {
		m, err = mark(c)
		return err
	})
	return m, err
}

// Waiting implements entity.Tables.
func (t *Tables) Waiting(ctx context.Context) (all []nacre.Position, err error) {
	err = t.load(ctx, "reading what waits", func(c *conn) error {
		all, err = waiting(c)
		return err
	})
	return all, err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of an entity's state.
func checksum(id string, state []byte) int64 {
	return int64(crc32.Update(crc32.Checksum([]byte(id), castagnoli), castagnoli, state))
}

// loadState finds the state of an entity that has no row.
const loadState = `SELECT "sum", "state" FROM "$states" WHERE "collection" = (SELECT "number" FROM "$collections" WHERE "name" = ?1) AND "id" = ?2`

// Load implements entity.Tables.
func (t *Tables) Load(ctx context.Context, collection, id string) (state []byte, err error) {
	err = t.load(ctx, "loading an entity", func(c *conn) error {
		t.shared.RLock() // it stands in one of two places, by one statement found in either
		defer t.shared.RUnlock()
		text := loadState
		if l := t.current[collection]; l != nil {
			text = l.load
		}
		var sum int64
		found, err := c.row(text, []any{collection, id}, &sum, &state)
		if err != nil || !found {
			return err
		}
		if state == nil {
			state = []byte{}
		}
		if checksum(id, state) != sum {
			state = nil
			return errSum
		}
		return nil
	})
	return state, err
}

// Close implements entity.Tables. Queries that run are ended.
func (t *Tables) Close() error {
	t.once.Do(func() {
		t.close()
		t.keeper.wait()
		t.keeper.mu.Lock() // two that drain the pool would wait for each other: a Reset comes to its end first
		defer t.keeper.mu.Unlock()
		t.writing.Lock()
		defer t.writing.Unlock()
		t.loading.Lock()
		defer t.loading.Unlock()
		t.drain(func(r *reader) { r.interrupt() })
		t.disconnect()
		t.closed = t.lock.Close()
	})
	return t.closed
}

var _ entity.Tables = (*Tables)(nil)
