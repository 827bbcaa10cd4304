package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// logged is what a logger is told.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

func openWith(t *testing.T, o *Options) *Tables {
	t.Helper()
	tables, err := Open(t.TempDir()+"/"+FileName, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	})
	return tables
}

// forever reads without an end, and tells what ended it. It has begun when the function returns.
func forever(ctx context.Context, tables *Tables) <-chan error {
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- tables.reading(ctx, "reading for ever", func(c *conn) error {
			_, _, err := tables.begin(c)
			close(begun)
			if err != nil {
				return err
			}
			var n int64
			_, err = c.row(`WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n, "$mark"`, nil, &n)
			return err
		})
	}()
	<-begun
	return ended
}

// megabyte writes a megabyte.
func megabyte(t *testing.T, tables *Tables, n int) {
	t.Helper()
	b := &entity.Batch{Mark: entity.Mark{Position: nacre.Position(n)}}
	for i := range 16 {
		b.Rows = append(b.Rows, entity.TableRow{Collection: "note", ID: fmt.Sprintf("note-%d", i), State: bytes.Repeat([]byte{byte(n)}, 64<<10)})
	}
	if err := tables.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

const tooMany = 500 // megabytes

// TestAReaderThatDoesNotEnd holds a query while much is written, and then a reader of another program.
func TestAReaderThatDoesNotEnd(t *testing.T) {
	var log logged
	tables := openWith(t, &Options{MaxWAL: 4 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ended := forever(t.Context(), tables)
	var err error
	for n, holds := 1, true; holds; n++ {
		if n == tooMany {
			t.Fatalf("after %d MiB of changes the query is still there", n)
		}
		megabyte(t, tables, n)
		select {
		case err = <-ended:
			holds = false
		default:
		}
	}
	if nacre.CodeOf(err) != nacre.CodeDeadline || !strings.Contains(err.Error(), "held the tables") {
		t.Errorf("the query ended with %v", err)
	}

	other, err := connect(dsn(tables.path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.close() }()
	if err := other.exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := mark(other); err != nil {
		t.Fatal(err)
	}
	for n := 1; !log.has("end other programs"); n++ {
		if n == tooMany {
			t.Fatal("the logger was not told of another program that reads")
		}
		megabyte(t, tables, n)
	}
}

// TestAQueryIsInterrupted ends one that would never end.
func TestAQueryIsInterrupted(t *testing.T) {
	t.Run("by its context", func(t *testing.T) {
		tables := openWith(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := forever(ctx, tables)
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("it ended with %v", err)
		}
		// Nobody else is interrupted by that.
		if err := tables.reading(t.Context(), "reading", func(c *conn) error {
			_, _, err := tables.begin(c)
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	t.Run("by Close", func(t *testing.T) {
		tables := openWith(t, nil)
		ended := forever(t.Context(), tables)
		if err := tables.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestCloseBesideReset closes tables that are made anew, while there are queries that do not end: both want all
// connections, and neither may wait for what the other one has.
func TestCloseBesideReset(t *testing.T) {
	for range 10 {
		tables := openWith(t, &Options{Readers: 2})
		megabyte(t, tables, 1)
		queries := []<-chan error{forever(t.Context(), tables), forever(t.Context(), tables)}
		tables.damage("it is wanted so")
		reset := make(chan error, 1)
		go func() { reset <- tables.Reset(t.Context()) }()
		for tables.keeper.mu.TryLock() { // it has not begun
			tables.keeper.mu.Unlock()
			runtime.Gosched()
		}
		if err := tables.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-reset; err != nil && nacre.CodeOf(err) != nacre.CodeClosed {
			t.Errorf("Reset: %v", err)
		}
		for _, ended := range queries {
			if err := <-ended; err == nil {
				t.Error("a query without an end came to one")
			}
		}
	}
}

// TestTheKeeperFindsDamage: what is found where nobody asked is damage as well, and the next Open begins anew.
func TestTheKeeperFindsDamage(t *testing.T) {
	tables := openWith(t, nil)
	megabyte(t, tables, 1)
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := connect(dsn(tables.path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	var page int64
	_, err = c.row(`SELECT "rootpage" FROM sqlite_schema WHERE "name" = '$states'`, nil, &page)
	if err = errors.Join(err, c.exec(`DROP TABLE IF EXISTS sqlite_stat1`), c.close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(tables.path)
	if err != nil {
		t.Fatal(err)
	}
	copy(text[(page-1)*pageBytes:page*pageBytes], bytes.Repeat([]byte{0xa5}, pageBytes))
	if err := os.WriteFile(tables.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log logged
	again, err := Open(tables.path, &Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	again.keeper.analyze.Store(true)
	again.keeper.poke <- struct{}{}
	for start := time.Now(); !again.broken.Load() && time.Since(start) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	if _, err := again.Mark(t.Context()); nacre.CodeOf(err) != nacre.CodeDamaged || !log.has("are damaged") {
		t.Errorf("Mark: %v, want that it is damaged, and told", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if !there(tables.path + damagedSuffix) {
		t.Error("the next Open would not know")
	}
}
