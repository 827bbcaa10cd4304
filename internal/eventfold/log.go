package eventfold

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre"
)

// errChanged is an error of who writes to a source that is being read.
var errChanged = nacre.Errorf(nacre.CodeInternal, "the file was changed while it was read: stop the program that writes to it")

// dbLog reads a file of eventfold-db, twice: to know what is in it, and to give it.
type dbLog struct {
	name   string // for people
	w      *window
	report *Report

	streams map[uuid]*dbStream
	order   []*dbStream
	// first is where an event stands first, by its stream and id.
	first map[dbKey]int64
	// verdicts are on records that are not given, or not with their own id, by their offset.
	verdicts map[int64]verdict
	before   *window // for looking back
}

// dbStream is a stream of a file.
type dbStream struct {
	uuid     uuid
	kind, id string // of the aggregate; empty where the metadata do not say
	next     uint64 // version
	events   int64  // that are given
	name     nacre.StreamID
	foreign  string // an aggregate that the metadata name, and that has another UUID
}

type dbKey struct{ stream, id uuid }

type verdict int

const (
	asItIs verdict = iota
	leftOut
	anotherID
)

func openLog(ctx context.Context, name string, o *Options) (*Source, error) {
	w, file, err := openWindow(o.FS, name)
	if err != nil {
		return nil, err
	}
	s := &Source{report: Report{Format: "a file of eventfold-db"}, close: file.Close}
	l := &dbLog{
		name: filepath.ToSlash(filepath.Base(name)), w: w, report: &s.report,
		streams: make(map[uuid]*dbStream), first: make(map[dbKey]int64), verdicts: make(map[int64]verdict),
		before: &window{file: file, size: w.size},
	}
	s.events = l.events
	err = l.header(name)
	if err == nil {
		err = l.read(ctx, o)
	}
	if err == nil {
		err = l.names(o.Categories)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	l.first = nil
	return s, nil
}

func (l *dbLog) header(name string) error {
	head, err := l.w.bytes(0, fileHeader)
	if err != nil {
		return err
	}
	if len(head) < fileHeader || string(head[:4]) != fileMagic {
		return nacre.Errorf(nacre.CodeInvalid, "%s is no file of eventfold-db, which begins with %s, and no directory of eventfold-es", name, fileMagic)
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != logVersion {
		return nacre.Errorf(nacre.CodeInvalid, "%s has version %d of eventfold-db's format, and only version %d is read", name, v, logVersion)
	}
	return nil
}

// read goes through the file, and decides what is given of it.
func (l *dbLog) read(ctx context.Context, o *Options) error {
	walk := logWalk{w: l.w, name: l.name, tell: l.report.add}
	return walk.run(ctx, func(b *batch) error {
		o.Progress(b.end, l.w.size)
		return records(l.w, b, l.record)
	})
}

// record decides on a record.
func (l *dbLog) record(at int64, r *record) error {
	s := l.streams[r.stream]
	if s == nil {
		s = &dbStream{uuid: r.stream}
		l.streams[r.stream] = s
		l.order = append(l.order, s)
	}
	if s.kind == "" {
		s.identify(r.metadata)
	}
	if r.version > s.next {
		l.tell(Damage, r, 0, fmt.Sprintf("before it is missing, of the stream %s: %s", s.uuid, span("version", s.next, r.version-1)))
	}
	s.next = max(s.next, r.version+1)
	key := dbKey{r.stream, r.id}
	first, twice := l.first[key]
	if !twice {
		l.first[key] = at
		s.events++
		return nil
	}
	old, _, err := recordAt(l.before, first)
	if err != nil {
		return err
	}
	if sameEvent(&old, r) {
		l.verdicts[at] = leftOut
		l.tell(Note, r, 1, fmt.Sprintf("event %s stands before already, in the same stream: it is imported once", r.id))
		return nil
	}
	// The id stands in the stream with other content. That of this record may stand there, too: then it
	// has the id that it would get.
	again := dbKey{r.stream, uuid(sumOf('r', r.content()))}
	if _, there := l.first[again]; there {
		l.verdicts[at] = leftOut
		l.tell(Note, r, 1, fmt.Sprintf("event %s stands before already, in the same stream: it is imported once", r.id))
		return nil
	}
	l.first[again] = at
	l.verdicts[at] = anotherID
	s.events++
	l.tell(Note, r, 0, fmt.Sprintf("the id %s stands before with another event: this one gets another id", r.id))
	return nil
}

// tell tells of a record.
func (l *dbLog) tell(kind Kind, r *record, events int64, text string) {
	l.report.add(Finding{Kind: kind, File: l.name, Byte: -1, Text: fmt.Sprintf("position %d: %s", r.position, text), Events: events})
}

// content is what makes a record an event, apart from its id.
func (r *record) content() []byte {
	b := binary.AppendUvarint([]byte(r.kind), uint64(len(r.metadata)))
	b = append(b, r.metadata...)
	return append(b, r.payload...)
}

// identify takes an aggregate from an event's metadata, if it is the one that the stream's UUID was made of.
func (s *dbStream) identify(metadata []byte) {
	members, ok := membersOf(jsontext.Value(metadata))
	if !ok {
		return
	}
	var kind, id string
	for _, m := range members {
		var err error
		switch m.name {
		case "aggregate_type":
			kind, err = textOf(m.value)
		case "instance_id":
			id, err = textOf(m.value)
		}
		if err != nil {
			return
		}
	}
	switch {
	case kind == "" || id == "":
	case streamUUID(kind, id) == s.uuid:
		s.kind, s.id = kind, id
	default:
		s.foreign = quoted(kind, id)
	}
}

// names gives the streams their names here.
func (l *dbLog) names(categories map[string]string) error {
	n := newNamer(categories, l.report)
	types := make(map[string]struct{})
	for _, s := range l.order {
		problem := ""
		if s.kind != "" {
			types[s.kind] = struct{}{}
			s.name, problem = n.name(s.kind, s.id, l.name)
		} else {
			s.name, problem = n.take(nacre.StreamID("stream-"+s.uuid.String()), s.uuid.String())
			if s.foreign != "" {
				l.report.add(Finding{Kind: Note, File: l.name, Byte: -1, Text: fmt.Sprintf(
					"the events of the stream %s say that they are of %s, which has another UUID: the stream becomes %q", s.uuid, s.foreign, s.name)})
			}
		}
		if problem != "" {
			l.report.add(Finding{Kind: Unfit, File: l.name, Byte: -1, Text: fmt.Sprintf("the stream %s: %s", s.uuid, problem), Events: s.events})
			s.name = ""
			continue
		}
		l.report.Streams++
		l.report.Events += s.events
	}
	return checkCategories(categories, types)
}

// events gives what read has decided to give.
func (l *dbLog) events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		given, stopped := int64(0), false
		at := uint64(0) // the last time that was one
		walk := logWalk{w: l.w, name: l.name, tell: func(Finding) {}}
		err := walk.run(ctx, func(b *batch) error {
			transaction := ""
			return records(l.w, b, func(where int64, r *record) error {
				if transaction == "" && b.count > 1 {
					transaction = r.id.String()
				}
				if r.recordedAt <= lastSecond*1000 {
					at = r.recordedAt
				}
				s := l.streams[r.stream]
				if s == nil {
					return errChanged
				}
				id, v := r.id.String(), l.verdicts[where]
				if v == leftOut || s.name == "" {
					return nil
				}
				if v == anotherID {
					id = madeID(s.kind, s.uuid.String(), 0, append(r.id[:], r.content()...))
				}
				e := Event{Event: r.event(s.name, id, at), File: l.name, Number: int64(r.position)}
				e.TransactionID = transaction
				given++
				if !yield(e, nil) {
					stopped = true
					return errStopped
				}
				return nil
			})
		})
		switch {
		case stopped:
		case err != nil:
			yield(Event{}, err)
		case given != l.report.Events:
			yield(Event{}, errChanged)
		}
	}
}
