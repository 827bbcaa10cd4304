package eventfold

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
)

const (
	appName     = "app.jsonl"
	archiveName = "archive.jsonl.zst"
	// maxTreeDepth is how deep directories are looked into. An id with slashes makes some.
	maxTreeDepth = 32
)

// treeStream is a stream of a directory.
type treeStream struct {
	kind, id string
	dir      string // a slash path below the source's directory
	// app and archive are the sizes of its files, below 0 where they are not there.
	app, archive int64

	name nacre.StreamID // here; empty where it is left out
}

// tree reads a directory of eventfold-es.
type tree struct {
	dir    string
	o      *Options
	report *Report
	sorter sorter

	namer   *namer
	streams []treeStream
	dirs    map[string]struct{} // every directory below streams
	unfit   map[string]int      // by type: the finding about it
	scan    scan

	done, total int64
}

func openTree(ctx context.Context, dir string, o *Options) (*Source, error) {
	s := &Source{report: Report{Format: "a directory of eventfold-es"}}
	t := &tree{
		dir: dir, o: o, report: &s.report,
		sorter: sorter{fsys: o.FS, dir: o.Scratch, memory: o.MemoryBytes},
		namer:  newNamer(o.Categories, &s.report),
		dirs:   make(map[string]struct{}), unfit: make(map[string]int),
		scan: scan{parser: newLineParser()},
	}
	s.events = t.events
	s.close = t.sorter.close
	err := t.find(ctx)
	if err == nil {
		err = t.read(ctx)
	}
	if err == nil {
		err = t.others()
	}
	if err != nil {
		_ = t.sorter.close()
		return nil, err
	}
	return s, nil
}

// find finds the streams, and puts them into the order of the registry, those that it does not name behind.
func (t *tree) find(ctx context.Context) error {
	entry, err := t.o.FS.Stat(join(t.dir, "streams"))
	if err != nil || !entry.Dir {
		return t.otherwise()
	}
	if err := t.walk(ctx, "streams", 0); err != nil {
		return err
	}
	order, there, err := readRegistry(t.o.FS, t.dir, t.report)
	if err != nil {
		return err
	}
	if !there {
		t.report.add(Finding{Kind: Note, File: registryName, Byte: -1, Text: "there is no registry: the directories say which streams there are"})
	}
	place := make(map[string]int, len(order))
	for i := range order {
		r := &order[i]
		place[r.dir] = i
		if _, there := t.dirs[r.dir]; !there {
			t.report.add(Finding{Kind: Damage, File: registryName, Line: r.line, Byte: -1, Text: fmt.Sprintf(
				"the stream %s is not there: %s is missing", quoted(r.kind, r.id), r.dir)})
		}
	}
	types := make(map[string]struct{})
	for i := range t.streams {
		s := &t.streams[i]
		if at, named := place[s.dir]; named {
			s.kind, s.id = order[at].kind, order[at].id
		} else if place[s.dir] = len(order); there {
			t.report.add(Finding{Kind: Note, File: s.dir, Byte: -1, Text: "the registry does not name this stream: it is imported all the same"})
		}
		types[s.kind] = struct{}{}
		t.total += max(s.app, 0) + max(s.archive, 0)
	}
	slices.SortStableFunc(t.streams, func(a, b treeStream) int { return place[a.dir] - place[b.dir] })
	return checkCategories(t.o.Categories, types)
}

// otherwise is the error for a directory that is none of eventfold-es.
func (t *tree) otherwise() error {
	what := "it has no directory streams; a file of eventfold-db is given by its own name"
	if _, err := t.o.FS.Stat(join(t.dir, appName)); err == nil {
		what = "it is the log of one stream: put it into a directory as streams/TYPE/ID, and give that directory"
	}
	return nacre.Errorf(nacre.CodeInvalid, "%s is no directory of eventfold-es: %s", t.dir, what)
}

// walk finds the streams in and below a directory; depth is how many names it has below streams.
func (t *tree) walk(ctx context.Context, dir string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return nacre.Errorf(nacre.CodeInvalid, "%s has directories in directories in it, more than %d deep: does a link lead back?", t.dir, maxTreeDepth)
	}
	listed, err := t.o.FS.ReadDir(join(t.dir, dir))
	if err != nil {
		return err
	}
	s := treeStream{dir: dir, app: -1, archive: -1}
	for _, e := range listed {
		switch {
		case e.Dir:
		case e.Name == appName:
			s.app = e.Size
		case e.Name == archiveName:
			s.archive = e.Size
		}
	}
	t.dirs[dir] = struct{}{}
	before := len(t.streams)
	switch {
	case s.app < 0 && s.archive < 0:
	case depth < 2:
		t.report.add(Finding{Kind: Damage, File: dir, Byte: -1, Text: "a log stands here that is not that of a stream, which has a directory streams/TYPE/ID: it is left out"})
	default:
		s.kind, s.id, _ = strings.Cut(strings.TrimPrefix(dir, "streams/"), "/")
		t.streams = append(t.streams, s)
	}
	for _, e := range listed {
		if e.Dir {
			if err := t.walk(ctx, dir+"/"+e.Name, depth+1); err != nil {
				return err
			}
		}
	}
	if depth == 2 && len(t.streams) == before {
		t.report.Empty++ // the directory is made before the log
	}
	return nil
}

// read reads the streams, one after the other.
func (t *tree) read(ctx context.Context) error {
	for i := range t.streams {
		s := &t.streams[i]
		name, problem := t.namer.name(s.kind, s.id, "streams/"+s.kind)
		s.name = name
		given, findings := int64(0), len(t.report.Findings)
		t.scan.begin(s, t.report, func(e sorted) error {
			given++
			if problem != "" {
				return nil
			}
			e.stream = uint32(i)
			return t.sorter.add(e)
		})
		if err := t.scan.stream(ctx, t); err != nil {
			return err
		}
		switch {
		case problem != "":
			t.leaveOut(s, problem, given)
		case given > 0:
			t.report.Streams++
			t.report.Events += given
		case len(t.report.Findings) == findings:
			t.report.Empty++
		}
	}
	return nil
}

// leaveOut tells of a stream that has no name here; those of one type that have none together.
func (t *tree) leaveOut(s *treeStream, problem string, events int64) {
	if own := t.namer.typed(s.kind, ""); own.problem == "" {
		t.report.add(Finding{Kind: Unfit, File: s.dir, Byte: -1, Text: problem, Events: events})
		return
	}
	at, there := t.unfit[s.kind]
	if !there {
		at = len(t.report.Findings)
		t.unfit[s.kind] = at
		t.report.add(Finding{Kind: Unfit, File: "streams/" + s.kind, Byte: -1, Text: problem})
	}
	t.report.Findings[at].Events += events
}

// others tells of what stands beside the streams.
func (t *tree) others() error {
	if e, err := t.o.FS.Stat(join(t.dir, "projections")); err == nil && e.Dir {
		t.report.add(Finding{Kind: Note, File: "projections", Byte: -1, Text: "projections are derived, and not imported: they are made again from the events"})
	}
	managers, err := t.o.FS.ReadDir(join(t.dir, "process_managers"))
	if err != nil {
		return nil // there are none
	}
	for _, m := range managers {
		if !m.Dir {
			continue
		}
		dir := "process_managers/" + m.Name
		t.report.add(Finding{Kind: Note, File: dir, Byte: -1, Text: "how far the process manager has come is not imported: tell its successor where to begin"})
		letters, err := t.count(dir + "/dead_letters.jsonl")
		if err != nil {
			return err
		}
		if letters > 0 {
			t.report.add(Finding{Kind: Note, File: dir + "/dead_letters.jsonl", Byte: -1, Text: fmt.Sprintf(
				"%s: not imported, since they are commands and no events", plural(letters, "dead letter"))})
		}
	}
	return nil
}

// count is how many lines a file has that are not blank; 0 where it is not there.
func (t *tree) count(name string) (n int64, err error) {
	entry, err := t.o.FS.Stat(join(t.dir, name))
	if err != nil || entry.Dir {
		return 0, nil
	}
	file, err := t.o.FS.Open(join(t.dir, name))
	if err != nil {
		return 0, err
	}
	var l lineReader
	l.reset(io.NewSectionReader(file, 0, entry.Size), 0)
	for {
		line, err := l.next()
		if len(strings.TrimSpace(string(line.text))) > 0 {
			n++
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			if e := file.Close(); err == nil {
				err = e
			}
			return n, err
		}
	}
}

// events gives what was read, in order.
func (t *tree) events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		parser := newLineParser()
		for e, err := range t.sorter.all(ctx) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			s := &t.streams[e.stream]
			w, _, err := parser.event(e.raw)
			if err != nil {
				yield(Event{}, scratchError(err))
				return
			}
			out := Event{Event: w.event(s.name, e.id, e.at), File: s.dir + "/" + appName, Number: e.line}
			if e.archived {
				out.File = s.dir + "/" + archiveName
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}
