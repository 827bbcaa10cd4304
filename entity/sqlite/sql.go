package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

// SQL reads a file of tables by SQL, also while its owner writes. It may be used from many goroutines, and answers one
// query at a time.
type SQL struct {
	path string
	turn sync.Mutex // held from a query's beginning to the end of its rows; of what follows
	c    *conn
}

// OpenSQL opens the file at a path for reading. Where there is none, the code is NOT_FOUND.
func OpenSQL(path string) (*SQL, error) {
	e, err := vfs.OS.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && e.Dir:
		return nil, nacre.Errorf(nacre.CodeNotFound, "there are no tables of entities at %s", path)
	case err != nil:
		return nil, failed("looking for the tables in "+path, err)
	case there(path + damagedSuffix):
		return nil, &nacre.DamageError{File: path, Reason: "the tables are damaged: they are made again when a process opens them for writing"}
	}
	c, err := connect(dsn(path, "ro", "busy_timeout(10000)", "query_only(1)", "trusted_schema(0)"))
	if err != nil {
		return nil, readFailed(path, "opening the tables", err)
	}
	s := &SQL{path: path, c: c}
	var is, version int64
	_, err = c.row(`PRAGMA application_id`, nil, &is)
	if err == nil {
		_, err = c.row(`PRAGMA user_version`, nil, &version)
	}
	if err == nil && (is != application || version != format) {
		err = nacre.Errorf(nacre.CodeUnsupported, "%s is not a file of tables that this version of Nacre knows", path)
	}
	if err != nil {
		return nil, errors.Join(readFailed(path, "opening the tables", err), c.close())
	}
	return s, nil
}

// readFailed makes an error of what went wrong for a reader.
func readFailed(path, doing string, err error) error {
	if damaged(err) {
		return &nacre.DamageError{File: path, Reason: doing + ": " + err.Error()}
	}
	return failed(doing, err)
}

// readWords are the words that statements which only read begin with.
var readWords = []string{"select", "with", "values", "explain"}

// Query gives the rows of one statement that reads: SELECT, WITH, VALUES or EXPLAIN. Arguments stand for ?, ?1 and so on; they
// are int64, float64, string, []byte, bool or nil, and so are values, but for booleans, which are 0 and 1. The rows have
// to be gone through or broken off, once; others wait until then, and the owner's write-ahead log grows. The context ends the query.
func (s *SQL) Query(ctx context.Context, text string, args ...any) (columns []string, rows iter.Seq2[[]any, error], err error) {
	text = strings.TrimRightFunc(text, func(r rune) bool { return r == ';' || unicode.IsSpace(r) })
	if !slices.Contains(readWords, firstWord(text)) {
		return nil, nil, invalidSQL("begins with none of SELECT, WITH, VALUES and EXPLAIN: tables are changed by commands and events, and read by SQL")
	}
	if problem := unspeakable(text); problem != "" {
		return nil, nil, invalidSQL(problem)
	}
	s.turn.Lock()
	done := func() {}
	over := func() {
		done()
		s.turn.Unlock()
	}
	if s.c == nil {
		over()
		return nil, nil, errClosed()
	}
	if ctx.Err() != nil {
		over()
		return nil, nil, ctx.Err()
	}
	done = s.c.watch(ctx)
	r, err := s.begin(text, args)
	if err != nil {
		over()
		return nil, nil, s.wrong(ctx, err)
	}
	return r.r.Columns(), func(yield func([]any, error) bool) {
		defer over()
		defer func() { _ = r.close() }() // what went wrong was told
		for r.Next() {
			row := make([]any, len(r.values))
			for i, v := range r.values {
				row[i] = v
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(nil, s.wrong(ctx, err))
		}
	}, nil
}

func (s *SQL) begin(text string, args []any) (*rows, error) {
	statement, err := s.c.prepare(text)
	if err != nil {
		return nil, err
	}
	// The driver keeps a script as its text, to execute all of it.
	if p := reflect.Indirect(reflect.ValueOf(statement)).FieldByName("pstmt"); p.Kind() != reflect.Uintptr || p.Uint() == 0 {
		return nil, invalidSQL("has more than one statement")
	}
	return s.c.query(text, args...)
}

func invalidSQL(message string) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: "sql", Message: message}
}

func (s *SQL) wrong(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok && refused(coded.Code()) {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "sql", Message: "SQLite refuses it", Err: err}
	}
	return readFailed(s.path, "reading by SQL", err)
}

// firstWord is the first word of a statement, behind comments.
func firstWord(text string) string {
	for {
		text = strings.TrimSpace(text)
		rest, comment := strings.CutPrefix(text, "--")
		end := "\n"
		if !comment {
			rest, comment = strings.CutPrefix(text, "/*")
			end = "*/"
		}
		if !comment {
			break
		}
		_, text, _ = strings.Cut(rest, end)
	}
	i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	if i < 0 {
		i = len(text)
	}
	return strings.ToLower(text[:i])
}

// Close closes the file, when the rows of the query that is answered have been gone through.
func (s *SQL) Close() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	c := s.c
	s.c = nil
	return c.close()
}
