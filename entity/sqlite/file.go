package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

// FileName is the name of a store's tables in its folder of entities.
const FileName = "tables.db"

// Path is the file of the tables of a store that is kept in a directory.
func Path(storeDir string) string { return filepath.Join(storeDir, "entities", FileName) }

// What the head of the file says: whose it is, and in which format.
const (
	application = 0x4e636572 // "Ncer"
	format      = 2
)

// schema is what the file has besides tables of collections, by spec/tables.md.
var schema = []string{
	`CREATE TABLE "$mark" ("epoch" TEXT NOT NULL, "position" INTEGER NOT NULL, "event" TEXT NOT NULL)`,
	`CREATE TABLE "$waiting" ("position" INTEGER PRIMARY KEY)`,
	`CREATE TABLE "$collections" ("number" INTEGER PRIMARY KEY, "name" TEXT NOT NULL UNIQUE, "table" TEXT, "layout" TEXT)`,
	`CREATE TABLE "$states" ("collection" INTEGER NOT NULL, "id" TEXT NOT NULL, "sum" INTEGER NOT NULL, "state" BLOB NOT NULL, ` +
		`PRIMARY KEY ("collection", "id"))` + statesOptions,
	`INSERT INTO "$mark" VALUES ('', 0, '')`,
	`PRAGMA application_id = ` + strconv.Itoa(application),
	`PRAGMA user_version = ` + strconv.Itoa(format),
}

// lock takes the lock of the file at a path.
func lock(path string) (io.Closer, error) {
	if err := vfs.OS.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "making the folder of the tables: %w", err)
	}
	held, err := vfs.OS.Lock(path+".lock", fmt.Sprintf("process %d", os.Getpid()))
	if locked, is := errors.AsType[*vfs.LockedError](err); is {
		holder := locked.Holder
		if holder == "" {
			holder = "another process"
		}
		return nil, nacre.Errorf(nacre.CodeLocked, "the tables in %s are being written by %s: stop it first; SQL can read them beside it", path, holder)
	}
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the lock of %s cannot be taken: %w", path, err)
	}
	return held, nil
}

// dsn is the name of the file for the driver.
func dsn(path, mode string, pragmas ...string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()
}

func cachePragma(bytes int) string { return "cache_size(-" + strconv.Itoa(bytes>>10) + ")" }

// errAnew says that the file cannot be used, and is not to be kept.
type errAnew struct{ why string }

func (e *errAnew) Error() string { return e.why }

// errSum is a state that is not what was written.
var errSum = errors.New("the checksum of an entity's state does not fit")

// errForeign says that the file is not Nacre's.
var errForeign = errors.New("it is not a file of tables that Nacre made")

// damaged tells whether an error means that the file's bytes are not what SQLite wrote.
func damaged(err error) bool {
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		switch coded.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		}
	}
	return errors.Is(err, errOddValue) || errors.Is(err, errSum)
}

// prepareFile opens the connection that writes, to a file that can be used: where the one at the path cannot be, a new one.
func (t *Tables) prepareFile() error {
	if there(t.path + damagedSuffix) {
		t.anew(&errAnew{"damage was found in it"})
		if err := t.remove(); err != nil {
			return err
		}
	}
	err := t.openWriter()
	if err == nil {
		return nil
	}
	t.disconnect()
	_, anew := errors.AsType[*errAnew](err)
	switch {
	case errors.Is(err, errForeign):
		aside, e := t.setAside()
		if e != nil {
			return e
		}
		t.o.Logger.Warn("a file that is not Nacre's stood where the tables of entities belong: it was set aside, and they are made again from the log", "file", t.path, "aside", aside)
	case anew || damaged(err):
		t.anew(err)
		if err := t.remove(); err != nil {
			return err
		}
	default:
		return failed("opening the tables in "+t.path, err)
	}
	if err := t.openWriter(); err != nil {
		t.disconnect()
		return failed("making the tables in "+t.path, err)
	}
	return nil
}

func (t *Tables) anew(why error) {
	t.o.Logger.Warn("the tables of entities cannot be used: they are removed, and made again from the log", "file", t.path, "reason", why.Error())
}

// openWriter opens the file for writing, makes what it has where it is new, and reads what Tables know of it.
func (t *Tables) openWriter() error {
	fresh := true
	if e, err := vfs.OS.Stat(t.path); err == nil {
		fresh = e.Size == 0
		if e.Dir {
			return errForeign
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !fresh {
		if err := inspect(t.path); err != nil {
			return err
		}
	}
	w, err := connect(dsn(t.path, "rwc", "busy_timeout(1000)", "journal_mode(wal)", "synchronous(normal)",
		"wal_autocheckpoint(0)", "journal_size_limit("+strconv.Itoa(keptWAL)+")", cachePragma(t.o.CacheBytes)))
	if err != nil {
		return err
	}
	t.writer = w
	if err := t.inspectHead(fresh); err != nil {
		return err
	}
	err = t.recall()
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok && coded.Code() == sqlite3.SQLITE_ERROR {
		return &errAnew{"its tables are not as they should be: " + err.Error()}
	}
	return err
}

// inspect looks whose the file is, without a connection that may change it.
func inspect(path string) error {
	f, err := vfs.OS.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was read only
	head := make([]byte, 100)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n < len(head) || string(head[:16]) != "SQLite format 3\x00" {
		// An SQLite file is at least a page: this is another's, or what is left of one of ours.
		if there(path + "-wal") {
			return &errAnew{"its head is damaged"}
		}
		return errForeign
	}
	return nil
}

// inspectHead looks at the marks of the format, and sets them in a new file.
func (t *Tables) inspectHead(fresh bool) error {
	var is, version int64
	if _, err := t.writer.row(`PRAGMA application_id`, nil, &is); err != nil {
		return err
	}
	if _, err := t.writer.row(`PRAGMA user_version`, nil, &version); err != nil {
		return err
	}
	var tables int64
	if _, err := t.writer.row(`SELECT count(*) FROM sqlite_schema`, nil, &tables); err != nil {
		return err
	}
	switch {
	case is == application && version == format:
		return nil
	case is == application:
		return &errAnew{fmt.Sprintf("its format is %d, and this program's is %d", version, format)}
	case is != 0 || tables > 0 || !fresh && version != 0:
		return errForeign
	}
	for _, statement := range append(append([]string{"BEGIN IMMEDIATE"}, schema...), "COMMIT") {
		if err := t.writer.exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// beside are the endings of the files that belong to a file of SQLite.
var beside = []string{"-wal", "-shm", "-journal"}

// damagedSuffix ends the name of the file that says that the tables are damaged.
const damagedSuffix = ".damaged"

func there(path string) bool {
	_, err := vfs.OS.Stat(path)
	return err == nil
}

// remove removes the file and what belongs to it.
func (t *Tables) remove() error {
	for _, suffix := range append([]string{""}, append(beside, damagedSuffix)...) {
		if err := vfs.OS.Remove(t.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed("removing tables that cannot be used", err)
		}
	}
	return nil
}

// setAside gives a file that is not Nacre's another name.
func (t *Tables) setAside() (string, error) {
	aside := t.path + ".aside"
	for n := 2; there(aside); n++ {
		aside = t.path + ".aside" + strconv.Itoa(n)
	}
	if err := vfs.OS.Rename(t.path, aside); err != nil {
		return "", failed("setting "+t.path+" aside", err)
	}
	for _, suffix := range beside {
		if err := vfs.OS.Rename(t.path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", failed("setting "+t.path+suffix+" aside", err)
		}
	}
	return aside, nil
}

func failed(doing string, err error) error {
	if nacre.CodeOf(err) != "" {
		return err
	}
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok && coded.Code()&0xff == sqlite3.SQLITE_FULL || vfs.IsFull(err) {
		return nacre.Errorf(nacre.CodeStoreFull, doing+": %w", err)
	}
	return nacre.Errorf(nacre.CodeInternal, doing+": %w", err)
}

// refused tells whether an error of SQLite's is about the statement that it was given.
func refused(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}
