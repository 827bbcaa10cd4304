package eventfold

import (
	"bytes"
	"errors"
	"io"

	"github.com/nacredb/nacre/internal/vfs"
)

// windowSize is how much of a file is read at once.
const windowSize = 1 << 20

// window gives parts of a file of a fixed size, mostly forwards.
type window struct {
	file io.ReaderAt
	size int64
	at   int64 // of buf in the file
	buf  []byte
	room []byte
}

// openWindow opens a file, of the size that it has now.
func openWindow(fsys vfs.FS, name string) (*window, vfs.File, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return &window{file: file, size: size}, file, nil
}

// bytes is the n bytes at an offset, or fewer at the file's end; valid until the next call.
func (w *window) bytes(at int64, n int) ([]byte, error) {
	if at >= w.size {
		return nil, nil
	}
	n = int(min(int64(n), w.size-at))
	if at < w.at || at+int64(n) > w.at+int64(len(w.buf)) {
		if err := w.fill(at, n); err != nil {
			return nil, err
		}
	}
	from := at - w.at
	if from > int64(len(w.buf)) {
		return nil, nil
	}
	return w.buf[from:min(from+int64(n), int64(len(w.buf)))], nil
}

func (w *window) fill(at int64, n int) error {
	n = int(min(int64(max(n, windowSize)), w.size-at))
	if cap(w.room) < n {
		w.room = make([]byte, n)
	}
	w.buf = w.buf[:0]
	got, err := w.file.ReadAt(w.room[:n], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w.at, w.buf = at, w.room[:got]
	return nil
}

// find is where the pattern stands next, from an offset on; the file's size where it does not.
func (w *window) find(pattern []byte, from int64) (int64, error) {
	for at := from; at < w.size; {
		part, err := w.bytes(at, windowSize/4)
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(part, pattern); i >= 0 {
			return at + int64(i), nil
		}
		if len(part) < len(pattern) {
			break
		}
		at += int64(len(part) - len(pattern) + 1)
	}
	return w.size, nil
}
