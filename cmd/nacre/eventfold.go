package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/eventfold"
	"github.com/nacredb/nacre/internal/line"
	"github.com/spf13/cobra"
)

// fromEventfold is what can be said of an import from eventfold.
type fromEventfold struct {
	categories []string
	damaged    string
	dryRun     bool
}

func (ef *fromEventfold) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&ef.categories, "category", nil, "of eventfold: streams of a type become streams of this category (`TYPE=CATEGORY`)")
	f.StringVar(&ef.damaged, "damaged", "import", "of eventfold: where something is damaged, `import` what is whole, or refuse")
	f.BoolVar(&ef.dryRun, "dry-run", false, "of eventfold: tell what there is, and import nothing")
}

// check is about the command line.
func (ef *fromEventfold) check(cmd *cobra.Command, from string) error {
	for _, name := range []string{"category", "damaged", "dry-run"} {
		if from != "eventfold" && cmd.Flags().Changed(name) {
			return nacre.Errorf(nacre.CodeInvalid, "--%s: is for --from eventfold", name)
		}
	}
	if ef.damaged != "import" && ef.damaged != "refuse" {
		return nacre.Errorf(nacre.CodeInvalid, "--damaged: %q is neither import nor refuse", ef.damaged)
	}
	return nil
}

// options are how a source is read.
func (ef *fromEventfold) options() (*eventfold.Options, error) {
	o := &eventfold.Options{Categories: make(map[string]string)}
	for _, text := range ef.categories {
		kind, category, ok := strings.Cut(text, "=")
		if _, twice := o.Categories[kind]; !ok || twice {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--category: give each type once, as TYPE=CATEGORY, and not %q", text)
		}
		o.Categories[kind] = category
	}
	return o, nil
}

// importEventfold reads all of a source and tells what was found before it imports anything.
func (p *program) importEventfold(ctx context.Context, name string, ef *fromEventfold, i *importing) (err error) {
	o, err := ef.options()
	if err != nil {
		return err
	}
	bar := p.progress("reading")
	o.Progress = bar.bytes
	source, err := eventfold.Open(ctx, name, o)
	bar.done()
	if err != nil {
		return sourceError(err)
	}
	feed := &eventfoldFeed{ctx: ctx, source: source}
	defer func() {
		if e := feed.close(); err == nil {
			err = e
		}
	}()
	report := source.Report()
	damaged := p.tellFindings(report, i)
	i.name = fmt.Sprintf("%s, %s with %s", name, report.Format, count(report.Streams, "stream", "streams"))
	harm := func(outcome string) error {
		if damaged == 0 {
			return nil
		}
		return nacre.Errorf(nacre.CodeDamaged, "%s damaged in %s: %s", count(damaged, "place is", "places are"), name, outcome)
	}
	unfit := report.Count(eventfold.Unfit)
	switch {
	case ef.dryRun:
		p.note("%s would be imported from %s", count(report.Events, "event", "events"), i.name)
	case unfit > 0 && !i.skip:
	case damaged > 0 && ef.damaged == "refuse":
		return harm("nothing was imported, as --damaged refuse asks for")
	default:
		i.from, i.noun = feed, "event"
		i.read = func(t tally) (int64, int64) { return t.appended + t.held + t.skipped, report.Events }
		if err := p.importing(ctx, i); err != nil {
			return err
		}
		return harm("what is whole there was imported")
	}
	if unfit > 0 && !i.skip {
		return &inputError{nacre.Errorf(nacre.CodeInvalid,
			"%s in %s cannot be imported: nothing was; give --category TYPE=CATEGORY where it is about a type, or --skip-invalid to leave out what is listed above",
			count(unfit, "thing", "things"), name)}
	}
	return harm("it is listed above")
}

// sourceError makes what is wrong with a source an error of the input, and not of the command line.
func sourceError(err error) error {
	problem, ok := errors.AsType[*nacre.Error](err)
	switch {
	case ok && problem.Field == eventfold.CategoryField:
		return nacre.Errorf(nacre.CodeInvalid, "--category: %s", problem.Message)
	case nacre.CodeOf(err) == nacre.CodeInvalid:
		return &inputError{err}
	}
	return err
}

// tellFindings tells what was found in a source, counts what is skipped of it, and returns how many places
// are damaged.
func (p *program) tellFindings(r *eventfold.Report, i *importing) (damaged int) {
	for n := range r.Findings {
		f := &r.Findings[n]
		text := f.String()
		if f.Events > 1 {
			text += fmt.Sprintf(" (%d events)", f.Events)
		}
		switch {
		case f.Kind == eventfold.Damage:
			damaged++
			p.note("damaged: %s", text)
		case f.Kind == eventfold.Note:
			p.note("note: %s", text)
		case i.skip:
			i.skipped += f.Events
			p.note("skipped: %s", text)
		default:
			p.note("cannot be imported: %s", text)
		}
	}
	if r.Empty > 0 {
		p.note("note: %s no events, and so %s not there afterwards",
			count(r.Empty, "stream has", "streams have"), map[bool]string{true: "is", false: "are"}[r.Empty == 1])
	}
	return damaged
}

// eventfoldFeed gives an import a source's events.
type eventfoldFeed struct {
	ctx    context.Context
	source *eventfold.Source

	reading sync.Mutex // held by read, and by close when read has ended
	closed  bool
}

// read implements feed.
func (f *eventfoldFeed) read(stop <-chan struct{}, to chan<- entry) {
	defer close(to)
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.closed {
		return
	}
	for e, err := range f.source.Events(f.ctx) {
		out := entry{source: e.File, number: e.Number, err: err, imported: line.Imported{Event: e.Event}}
		if strings.HasSuffix(e.File, ".jsonl") || strings.HasSuffix(e.File, ".zst") {
			out.noun = "line"
		} else {
			out.noun = "position"
		}
		out.size = e.BodySize() + generatedID
		select {
		case to <- out:
		case <-stop:
			return
		}
	}
}

// close lets the source go, once nobody reads it any more.
func (f *eventfoldFeed) close() error {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.closed = true
	return f.source.Close()
}
