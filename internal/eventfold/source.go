package eventfold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

// Options say how a source is read. Nil is the defaults.
type Options struct {
	// FS is what the source is read from and scratch files are written to. Default vfs.OS.
	FS vfs.FS
	// Categories are the categories for the streams of some aggregate types, by type. Default: the type's
	// name, with "_" for each "-".
	Categories map[string]string
	// Scratch is the directory for what does not fit into memory. Default the system's, for temporary files.
	Scratch string
	// MemoryBytes is how much of a directory's events is held in memory, in bytes. Default 64 MiB.
	MemoryBytes int
	// Progress is told now and then how many bytes have been read, of how many. Default nobody.
	Progress func(done, total int64)
}

func (o *Options) validate() (*Options, error) {
	out := Options{}
	if o != nil {
		out = *o
	}
	if out.FS == nil {
		out.FS = vfs.OS
	}
	if out.Scratch == "" {
		out.Scratch = os.TempDir()
	}
	if out.MemoryBytes == 0 {
		out.MemoryBytes = 64 << 20
	}
	if out.Progress == nil {
		out.Progress = func(int64, int64) {}
	}
	if out.MemoryBytes < 0 {
		return nil, nacre.Errorf(nacre.CodeInvalid, "MemoryBytes: %d is negative", out.MemoryBytes)
	}
	for kind, category := range out.Categories {
		if problem := streamProblem(category); problem != "" || strings.Contains(category, "-") {
			if problem == "" {
				problem = `has a "-", at which a category ends`
			}
			return nil, badCategory(fmt.Sprintf("%q for the type %q %s", category, kind, problem))
		}
	}
	return &out, nil
}

// Event is an event as a store takes it, and where it stood.
type Event struct {
	nacre.Event
	// File is a slash path below the source's directory, or the source's own file.
	File string
	// Number is the line in a file of lines, in an archive that of its uncompressed text; in a file of
	// eventfold-db the global position there.
	Number int64
}

// Source is what eventfold has written, read once.
type Source struct {
	report Report
	events func(context.Context) iter.Seq2[Event, error]
	close  func() error
}

// Open reads a source from end to end. What is returned must be closed.
func Open(ctx context.Context, name string, o *Options) (*Source, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	entry, err := o.FS.Stat(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	var s *Source
	if entry.Dir {
		s, err = openTree(ctx, name, o)
	} else {
		s, err = openLog(ctx, name, o)
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	return s, nil
}

// unreadable makes an error one that says which source it is about, unless it has said what it is.
func unreadable(name string, err error) error {
	switch {
	case nacre.CodeOf(err) != "", errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return nacre.Errorf(nacre.CodeNotFound, "nothing can be imported: %w", err)
	}
	return nacre.Errorf(nacre.CodeInternal, "%s cannot be read: %w", name, err)
}

// Report is what the source has.
func (s *Source) Report() *Report { return &s.report }

// Events gives the events in order. An error is the last that is given.
func (s *Source) Events(ctx context.Context) iter.Seq2[Event, error] { return s.events(ctx) }

// Close lets the source's files go.
func (s *Source) Close() error { return s.close() }

// checkCategories tells of a category for a type that no stream has, which is a misspelt one.
func checkCategories(categories map[string]string, types map[string]struct{}) error {
	for kind := range categories {
		if _, there := types[kind]; !there {
			return badCategory(fmt.Sprintf("no stream has the type %q", kind))
		}
	}
	return nil
}

// CategoryField is the Field of the *nacre.Error about Options.Categories.
const CategoryField = "categories"

func badCategory(problem string) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: CategoryField, Message: problem}
}

// join is the path of the operating system of a slash path below a directory.
func join(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

// quoted is a stream of a directory, for people.
func quoted(kind, id string) string { return fmt.Sprintf("%q", kind+"/"+id) }
