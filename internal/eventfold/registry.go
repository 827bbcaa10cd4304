package eventfold

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nacredb/nacre/internal/vfs"
)

const registryName = "meta/streams.jsonl"

// registered is a stream that the registry names.
type registered struct {
	kind, id string
	dir      string // a slash path below the source's directory
	line     int64
}

// readRegistry gives the streams that the registry names, each once, in its order; there is false where
// there is no registry.
func readRegistry(fsys vfs.FS, dir string, report *Report) (streams []registered, there bool, err error) {
	w, file, err := openWindow(fsys, join(dir, registryName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	seen := make(map[string]registered)
	var l lineReader
	l.reset(io.NewSectionReader(file, 0, w.size), 0)
	for {
		line, err := l.next()
		if err == io.EOF {
			return streams, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		found, problem := registryLine(line)
		for _, r := range found {
			r.line = l.number
			r.dir = "streams/" + r.kind + "/" + r.id
			other, twice := seen[r.dir]
			switch {
			case path.Clean(r.dir) != r.dir:
				report.add(Finding{Kind: Damage, File: registryName, Line: l.number, Byte: -1, Text: fmt.Sprintf(
					"the stream of the type %q and the id %q has no directory of its own: it is not looked for", r.kind, r.id)})
			case !twice:
				seen[r.dir] = r
				streams = append(streams, r)
			case other.kind != r.kind:
				report.add(Finding{Kind: Note, File: registryName, Line: l.number, Byte: -1, Text: fmt.Sprintf(
					"the stream of the type %q and the id %q has the directory of the one of line %d: they are one", r.kind, r.id, other.line)})
			}
		}
		if problem != "" {
			report.addLine(Finding{Kind: Damage, File: registryName, Line: l.number, Byte: l.at, Text: problem})
		}
	}
}

// registryLine is the streams that a line names: one, or more where one lacks its end.
func registryLine(line oneLine) (found []registered, problem string) {
	if line.long {
		return nil, "the line names no stream: it is too long"
	}
	d := jsontext.NewDecoder(bytes.NewReader(line.text))
	for {
		if d.PeekKind() == 0 {
			if len(bytes.TrimSpace(line.text[d.InputOffset():])) == 0 {
				return found, ""
			}
			return found, "the line names no stream: it is torn, or was changed"
		}
		members, err := objectMembers(d)
		if err != nil {
			return found, "the line names no stream: it is torn, or was changed"
		}
		var r registered
		for _, m := range members {
			switch m.name {
			case "type":
				r.kind, err = textOf(m.value)
			case "id":
				r.id, err = textOf(m.value)
			}
			if err != nil {
				break
			}
		}
		if err != nil || r.kind == "" || r.id == "" {
			return found, "the line names no stream: it has not both a type and an id"
		}
		found = append(found, r)
	}
}
