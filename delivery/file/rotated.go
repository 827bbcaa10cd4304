package file

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre/internal/vfs"
)

const (
	timeFormat   = "20060102T150405Z"
	gzipSuffix   = ".gz"
	unfinished   = ".gz.tmp"
	numberDigits = 6
)

// names are those that belong to a path.
type names struct{ stem, suffix string }

func (w *writer) names() names {
	suffix := filepath.Ext(w.path)
	if suffix == filepath.Base(w.path) {
		suffix = "" // the dot begins a name
	}
	return names{stem: strings.TrimSuffix(w.path, suffix), suffix: suffix}
}

func (n names) rotated(at time.Time, number int) string {
	return fmt.Sprintf("%s-%s-%0*d%s", n.stem, at.UTC().Format(timeFormat), numberDigits, number, n.suffix)
}

func (n names) cut(at time.Time, number int) string {
	return fmt.Sprintf("%s-cut-%s-%0*d%s", n.stem, at.UTC().Format(timeFormat), numberDigits, number, n.suffix)
}

// past is a file that was rotated.
type past struct {
	name   string // without what compressing adds
	number int
	at     time.Time
	plain  bool // it is there as it was
	gzip   bool // it is there compressed
	half   bool // it was being compressed
}

// parse tells which rotated file a name in the folder belongs to.
func (n names) parse(name string) (past, bool) {
	p := past{}
	switch {
	case strings.HasSuffix(name, unfinished):
		p.half, name = true, strings.TrimSuffix(name, unfinished)
	case strings.HasSuffix(name, gzipSuffix):
		p.gzip, name = true, strings.TrimSuffix(name, gzipSuffix)
	default:
		p.plain = true
	}
	p.name = name
	middle, begins := strings.CutPrefix(name, filepath.Base(n.stem)+"-")
	middle, ends := strings.CutSuffix(middle, n.suffix)
	stamp, digits, found := strings.Cut(middle, "-")
	if !begins || !ends || !found || len(digits) < numberDigits {
		return past{}, false
	}
	var err error
	if p.at, err = time.Parse(timeFormat, stamp); err != nil {
		return past{}, false
	}
	if p.number, err = strconv.Atoi(digits); err != nil || p.number < 1 {
		return past{}, false
	}
	return p, true
}

// rotated lists what was rotated, in order.
func (w *writer) rotated() ([]past, error) {
	entries, err := w.env.fs.ReadDir(filepath.Dir(w.path))
	if err != nil {
		return nil, err
	}
	n := w.names()
	var found []past
	for _, e := range entries {
		p, is := n.parse(e.Name)
		if !is || e.Dir {
			continue
		}
		at := slices.IndexFunc(found, func(other past) bool { return other.name == p.name })
		if at < 0 {
			found = append(found, p)
			continue
		}
		found[at].plain = found[at].plain || p.plain
		found[at].gzip = found[at].gzip || p.gzip
		found[at].half = found[at].half || p.half
	}
	slices.SortFunc(found, func(a, b past) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name))
	})
	return found, nil
}

// lastRotation is when the newest rotated file was ended, and so the present one begun; zero where there is none. A
// clock that was set back makes it now.
func (w *writer) lastRotation() (time.Time, error) {
	found, err := w.rotated()
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	now := w.env.now()
	// By the clock that nobody sets from then on.
	return now.Add(min(0, found[len(found)-1].at.Sub(now))), nil
}

// tidy removes and compresses rotated files, beside what is written meanwhile. What fails is tried again behind the
// next rotation.
func (w *writer) tidy() {
	w.tidying.Go(func() {
		w.oneTidy.Lock()
		defer w.oneTidy.Unlock()
		if err := w.tidyNow(); err != nil {
			w.log.Error("a rotated file of events could not be removed or compressed, and stays",
				slog.String("path", w.path), slog.Any("err", err))
		}
	})
}

func (w *writer) tidyNow() error {
	found, err := w.rotated()
	if err != nil {
		return err
	}
	dir := filepath.Dir(w.path)
	remove := func(name string) error { return w.env.fs.Remove(filepath.Join(dir, name)) }
	var failed []error
	for _, p := range found {
		if p.half {
			failed = append(failed, remove(p.name+unfinished))
		}
	}
	found = slices.DeleteFunc(found, func(p past) bool { return !p.plain && !p.gzip })
	excess := 0
	if w.config.Keep > 0 {
		excess = max(0, len(found)-int(w.config.Keep))
	}
	for i, p := range found {
		if w.stopping.Load() {
			break
		}
		if i < excess {
			if p.plain {
				failed = append(failed, remove(p.name))
			}
			if p.gzip {
				failed = append(failed, remove(p.name+gzipSuffix))
			}
			continue
		}
		if !p.plain || !w.config.Compress && !p.gzip {
			continue
		}
		if !p.gzip {
			if done, err := w.compress(filepath.Join(dir, p.name)); err != nil || !done {
				failed = append(failed, err)
				continue
			}
		}
		// Only when the compressed one's name is durable may the other go.
		if err := w.env.fs.SyncDir(dir); err != nil {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, remove(p.name))
	}
	return errors.Join(failed...)
}

// compress makes the compressed file beside a rotated one. It stops, and is not done, when the writer is closed.
func (w *writer) compress(name string) (done bool, err error) {
	temporary := name + unfinished
	err = w.compressTo(name, temporary)
	if err == nil {
		err = w.env.fs.Rename(temporary, name+gzipSuffix)
	}
	if err == nil {
		return true, nil
	}
	// Where that fails as well, the next one finds it.
	_ = w.env.fs.Remove(temporary)
	if errors.Is(err, errClosed) {
		return false, nil
	}
	return false, err
}

func (w *writer) compressTo(name, temporary string) (err error) {
	in, err := w.env.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	size, err := in.Size()
	if err != nil {
		return err
	}
	out, err := w.env.fs.Create(temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := gzip.NewWriter(&offsetWriter{file: out})
	if _, err := io.CopyBuffer(z, &stoppable{w: w, file: in, size: size}, make([]byte, readSize)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Sync()
}

// stoppable reads a file until its writer is closed.
type stoppable struct {
	w        *writer
	file     vfs.File
	at, size int64
}

func (s *stoppable) Read(p []byte) (int, error) {
	if s.w.stopping.Load() {
		return 0, errClosed
	}
	if s.at >= s.size {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-s.at)], s.at)
	s.at += int64(n)
	if errors.Is(err, io.EOF) && s.at == s.size {
		err = nil
	}
	return n, err
}
