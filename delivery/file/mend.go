package file

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/nacredb/nacre/internal/vfs"
)

// readSize is how much is read at once.
const readSize = 64 << 10

// mend cuts what stands behind the last line of the whole ones that begin a file, and returns where that is.
//
// Only what was not synced can be torn, and what was not synced was not acknowledged and comes again. A disk that rots
// can damage what was acknowledged, though; so nothing is cut that has a whole line in it before all of it is kept
// elsewhere.
func (w *writer) mend(file vfs.File) (int64, error) {
	size, err := file.Size()
	if err != nil {
		return 0, err
	}
	whole, more, err := scan(io.NewSectionReader(file, 0, size))
	if err != nil || whole == size {
		return whole, err
	}
	if more {
		kept, err := w.setAside(io.NewSectionReader(file, whole, size-whole))
		if err != nil {
			return 0, err
		}
		w.log.Warn("a file of events had a damaged line: what stood from there on was moved, and what was not acknowledged comes again",
			slog.String("path", w.path), slog.Int64("offset", whole), slog.String("moved_to", kept))
	} else {
		w.log.Info("a file of events had a torn end, which was cut: it was not acknowledged, and comes again",
			slog.String("path", w.path), slog.Int64("offset", whole), slog.Int64("bytes", size-whole))
	}
	if err := file.Truncate(whole); err != nil {
		return 0, err
	}
	// Before anything is written over it: see clean.
	return whole, file.Sync()
}

// scan tells how far the lines are whole, and whether there are whole ones behind one that is not.
func scan(content io.Reader) (whole int64, more bool, err error) {
	r := bufio.NewReaderSize(content, readSize)
	broken := false
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			var rest []byte
			line = bytes.Clone(line)
			rest, err = r.ReadBytes('\n')
			line = append(line, rest...)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		ended := err == nil
		good := isLine(line)
		switch {
		case broken:
			more = more || good
		case good && ended, ended && len(bytes.TrimSpace(line)) == 0:
			whole += int64(len(line))
		default:
			broken = true
			more = good // all of it but its end
		}
		if !ended || more {
			return whole, more, nil
		}
	}
}

// isLine tells whether a line is a JSON object.
func isLine(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 0 && line[0] == '{' && json.Valid(line)
}

// setAside copies what is to be cut into a file of its own, durably.
func (w *writer) setAside(content io.Reader) (name string, err error) {
	dir := filepath.Dir(w.path)
	entries, err := w.env.fs.ReadDir(dir)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, e := range entries {
		taken[e.Name] = true
	}
	for number := 1; name == "" || taken[filepath.Base(name)]; number++ {
		name = w.names().cut(w.env.now(), number)
	}
	out, err := w.env.fs.Create(name)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(&offsetWriter{file: out}, content)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", errors.Join(err, w.env.fs.Remove(name))
	}
	return name, w.env.fs.SyncDir(dir)
}

// offsetWriter writes to a file from its beginning on.
type offsetWriter struct {
	file vfs.File
	at   int64
}

func (o *offsetWriter) Write(p []byte) (int, error) {
	n, err := o.file.WriteAt(p, o.at)
	o.at += int64(n)
	return n, err
}
