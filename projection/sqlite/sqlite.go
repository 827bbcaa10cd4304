package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlmodel"
)

// Options: nil is the defaults.
type Options struct {
	// CacheBytes is what SQLite keeps of the file in memory, for each connection. Default 16 MiB.
	CacheBytes int
	// Readers is how many queries run at once. Default 4.
	Readers int
}

// ReadModel is a read model in a file.
type ReadModel struct {
	path, schema string
	o            Options

	mu     sync.RWMutex // of what follows; held while a file takes another one's place
	writer *sql.DB      // one connection
	reader *sql.DB
	model  *sqlmodel.Model
	closed bool
}

// Open opens the file at a path, or makes it. The schema is the text of the CREATE statements; where the file was
// made by another text, it is made again. Open executes it, so that a text that is wrong is told here. Close
// closes it.
func Open(path, schema string, o *Options) (*ReadModel, error) {
	m := &ReadModel{path: path, schema: schema}
	if o != nil {
		m.o = *o
	}
	if m.o.CacheBytes <= 0 {
		m.o.CacheBytes = 16 << 20
	}
	if m.o.Readers <= 0 {
		m.o.Readers = 4
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, failed("making the folder of the read model", err)
	}
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m, m.open(context.Background())
}

func failed(doing string, err error) error {
	return nacre.Errorf(nacre.CodeInternal, doing+": %w", err)
}

// checkSchema tries a schema in memory.
func checkSchema(schema string) error {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return failed("opening SQLite", err)
	}
	defer func() { _ = db.Close() }() // nothing is in it
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "schema", Message: "is refused by SQLite", Err: err}
	}
	return nil
}

func (m *ReadModel) next() string { return m.path + ".next" }

// mark is what the file says of the schema that made it: SQLite's user_version, and application_id.
func (m *ReadModel) mark() int32 {
	sum := sha256.Sum256([]byte(sqlmodel.Checkpoints + m.schema))
	return int32(sum[0])<<16 | int32(sum[1])<<8 | int32(sum[2]) | 1<<24
}

// open opens the file, which is made anew where it cannot be used. m.mu is held.
func (m *ReadModel) open(ctx context.Context) error {
	err := m.connect(ctx)
	if err == nil || !unusable(err) {
		return err
	}
	if err := errors.Join(m.disconnect(), remove(m.path)); err != nil {
		return err
	}
	return m.connect(ctx)
}

// errOtherSchema says that the file was made by another schema.
var errOtherSchema = errors.New("the file was made by another schema")

// unusable tells whether an error is the file's, which can be made again.
func unusable(err error) bool {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA:
			return true
		}
	}
	return errors.Is(err, errOtherSchema)
}

// connect opens the two pools. m.mu is held.
func (m *ReadModel) connect(ctx context.Context) (err error) {
	pragmas := url.Values{"_pragma": {
		"journal_mode(wal)", "synchronous(off)", "busy_timeout(10000)", "temp_store(memory)",
		"cache_size(-" + strconv.Itoa(m.o.CacheBytes>>10) + ")",
	}, "_txlock": {"immediate"}}
	ctx = context.WithoutCancel(ctx) // half of a change of files is none
	name := "file:" + (&url.URL{Path: m.path}).EscapedPath() + "?" + pragmas.Encode()
	if m.writer, err = sql.Open("sqlite", name); err != nil {
		return failed("opening the read model", err)
	}
	m.writer.SetMaxOpenConns(1)
	if err := m.inspect(ctx); err != nil {
		return err
	}
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(true)")
	if m.reader, err = sql.Open("sqlite", "file:"+(&url.URL{Path: m.path}).EscapedPath()+"?"+pragmas.Encode()); err != nil {
		return failed("opening the read model", err)
	}
	m.reader.SetMaxOpenConns(m.o.Readers)
	m.model, err = sqlmodel.New(m.writer, &sqlmodel.Options{Schema: m.schema})
	return err
}

// inspect looks whether the file is whole, and of this schema.
func (m *ReadModel) inspect(ctx context.Context) error {
	var is int32
	if err := m.writer.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&is); err != nil {
		return err
	}
	if is == m.mark() {
		var verdict string
		if err := m.writer.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return errOtherSchema // or none at all
		}
		return nil
	}
	var tables int
	if err := m.writer.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return errOtherSchema
	}
	_, err := m.writer.ExecContext(ctx, `PRAGMA user_version = `+strconv.Itoa(int(m.mark())))
	return err
}

// disconnect closes the pools. m.mu is held.
func (m *ReadModel) disconnect() error {
	var errs []error
	for _, db := range []*sql.DB{m.reader, m.writer} { // the last one to leave tidies up
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	m.writer, m.model = nil, nil // the reader is told from then on that it is closed
	return errors.Join(errs...)
}

// alone locks m.mu at a moment when nobody reads the file, whose place another one is to take: SQLite's files go by
// their names, and a connection that is left behind would tidy up after the wrong one.
func (m *ReadModel) alone(ctx context.Context) error {
	for {
		m.mu.Lock()
		if m.reader == nil || m.reader.Stats().InUse == 0 {
			return nil
		}
		m.mu.Unlock()
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nacre.Errorf(nacre.CodeDeadline, "the read model is being read, and its file cannot be replaced: close the rows: %w", ctx.Err())
		}
	}
}

// remove removes a file of SQLite, and what belongs to it.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("removing a read model", err)
	}
	return removeBeside(path)
}

// removeBeside removes what belongs to a file of SQLite.
func removeBeside(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed("removing a read model", err)
		}
	}
	return nil
}

// Close closes the file. A second Close does nothing.
func (m *ReadModel) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.disconnect()
}

func (m *ReadModel) usable() error {
	switch {
	case m.closed:
		return nacre.Errorf(nacre.CodeClosed, "the read model has been closed")
	case m.model == nil:
		return nacre.Errorf(nacre.CodeInternal, "the read model's file %s could not be opened again: close it, and open it", m.path)
	}
	return nil
}

// DB is a pool of connections that read. After a rebuild it is another one, and the old one is closed.
func (m *ReadModel) DB() *sql.DB {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.reader
}

// QueryContext asks for rows. They have to be closed before a rebuilt file can take the old one's place.
func (m *ReadModel) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(); err != nil {
		return nil, err
	}
	return m.reader.QueryContext(ctx, query, args...)
}

// QueryRowContext asks for one row.
func (m *ReadModel) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.reader.QueryRowContext(ctx, query, args...)
}

// Checkpoint implements projection.ReadModel. A file that is gone, or damaged, begins anew.
func (m *ReadModel) Checkpoint(ctx context.Context, name string) (cp projection.Checkpoint, err error) {
	for attempt := 0; ; attempt++ {
		_, gone := os.Stat(m.path)
		if !errors.Is(gone, fs.ErrNotExist) {
			cp, err = m.checkpoint(ctx, name)
			if !unusable(err) || attempt > 0 {
				return cp, err
			}
		}
		if err := m.Reset(ctx, name); err != nil {
			return cp, err
		}
	}
}

func (m *ReadModel) checkpoint(ctx context.Context, name string) (projection.Checkpoint, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(); err != nil {
		if !m.closed {
			err = errOtherSchema // it could not be opened again: begin anew
		}
		return projection.Checkpoint{}, err
	}
	return m.model.Checkpoint(ctx, name)
}

// Update implements projection.ReadModel.
func (m *ReadModel) Update(ctx context.Context, name string, from, to projection.Checkpoint, write func(*sqlmodel.Tx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.usable(); err != nil {
		return err
	}
	return m.model.Update(ctx, name, from, to, write)
}

// Reset implements projection.Resetter.
func (m *ReadModel) Reset(ctx context.Context, _ string) error {
	if err := m.alone(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.closed {
		return m.usable()
	}
	if err := errors.Join(m.disconnect(), remove(m.path)); err != nil {
		return err
	}
	return m.connect(ctx)
}

// Fresh implements projection.Rebuilder.
func (m *ReadModel) Fresh(context.Context, string) (projection.ReadModel[*sqlmodel.Tx], error) {
	if err := remove(m.next()); err != nil {
		return nil, err
	}
	return Open(m.next(), m.schema, &m.o)
}

// Swap implements projection.Rebuilder. It waits for the queries of the old file that still run.
func (m *ReadModel) Swap(ctx context.Context, _ string, fresh projection.ReadModel[*sqlmodel.Tx]) error {
	f, ok := fresh.(*ReadModel)
	if !ok || f.path != m.next() {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "fresh", Message: "is none that this read model made"}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := m.alone(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if err := m.usable(); err != nil {
		return err
	}
	if _, err := os.Stat(m.next()); err != nil {
		return failed("looking for the new read model", err)
	}
	if err := errors.Join(m.disconnect(), removeBeside(m.path)); err != nil {
		return errors.Join(err, m.connect(ctx))
	}
	if err := os.Rename(m.next(), m.path); err != nil {
		return errors.Join(failed("putting the new read model in its place", err), m.connect(ctx))
	}
	return m.connect(ctx)
}

// Discard implements projection.Rebuilder.
func (m *ReadModel) Discard(_ context.Context, _ string, fresh projection.ReadModel[*sqlmodel.Tx]) error {
	if f, ok := fresh.(*ReadModel); ok {
		return errors.Join(f.Close(), remove(f.path))
	}
	return nil
}
