package filestore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
)

// VerifyOptions: nil means the defaults.
type VerifyOptions struct {
	// Progress is called now and then with the bytes of segments that have been read, and all of them. It is
	// called by one goroutine at a time.
	Progress func(done, total int64)

	env environment
}

// Report is what Verify found.
type Report struct {
	Segments int
	Events   int64
	Streams  int64
	Bytes    int64 // of the segments, uncompressed
	Epoch    string
	// Problems are what is damaged, mostly *nacre.DamageError: file, line and byte. None: all is whole.
	Problems []error
	// Notes are what is not damage: a tail that the next open will cut, an index that will be made again.
	Notes []string
}

// Verify reads a whole store, its companion log and blobs included, and changes nothing. It checks every
// checksum, that positions are gapless in the log and in each stream, the manifest and the marks, and
// that every index agrees with the lines. It may run beside a writer, and then looks at what is durable.
// It needs about 60 bytes of memory a stream.
//
// The error is for what kept it from looking; damage is in the report.
func Verify(ctx context.Context, dir string, o *VerifyOptions) (*Report, error) {
	if o == nil {
		o = &VerifyOptions{}
	}
	opts, err := (&Options{ReadOnly: true, Logger: slog.New(slog.DiscardHandler), env: o.env}).withDefaults()
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "the folder %q: %w", dir, err)
	}
	l := newLog(abs, filepath.Join(abs, "LOCK"), opts)
	if err := l.takeLock(); err != nil {
		return nil, err
	}
	main := &verifier{l: l}
	system := &verifier{l: newLog(filepath.Join(abs, "system"), l.lockPath, opts)}
	total := &counter{progress: o.Progress}
	for _, v := range []*verifier{main, system} {
		v.counter = total
		if err := v.load(); err != nil {
			return nil, err
		}
	}
	if main.manifest == nil && len(main.report.Problems) == 0 {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no store in %s: it has no manifest", abs)
	}
	for _, v := range []*verifier{main, system} {
		if err := v.run(ctx); err != nil {
			return nil, err
		}
	}
	r := main.report
	r.Problems = append(r.Problems, system.report.Problems...)
	r.Notes = append(r.Notes, system.report.Notes...)
	return &r, nil
}

// counter adds up progress.
type counter struct {
	mu          sync.Mutex
	done, total int64
	progress    func(done, total int64)
}

func (c *counter) add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
}

// verifier looks at one log.
type verifier struct {
	l        *log
	report   Report
	counter  *counter
	manifest *segment.Manifest
	durable  nacre.Position
	held     bool // a writer is at work

	mu sync.Mutex // of the report's problems and notes, where runs are compared side by side
}

func (v *verifier) problem(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Problems = append(v.report.Problems, err)
}

func (v *verifier) damage(file string, p nacre.Position, off int64, format string, args ...any) {
	v.problem(&nacre.DamageError{File: file, Position: p, Offset: off, Reason: fmt.Sprintf(format, args...)})
}

func (v *verifier) note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}

// load reads what the log says of itself. A writer may change it meanwhile: then it is read again.
func (v *verifier) load() error {
	if _, err := v.l.fs.Stat(v.l.dir); err != nil {
		return nil // no companion log yet
	}
	for range 5 {
		v.report = Report{}
		text, err := v.loadOnce()
		if err != nil {
			return err
		}
		if _, now, err := v.l.readManifest(); err != nil || bytes.Equal(now, text) {
			break
		}
	}
	for _, info := range v.l.manifest.Segments {
		if size, ok := v.l.sizeOf(info.Name); ok {
			v.counter.total += max(size, info.Bytes)
		}
	}
	return nil
}

// loadOnce gives the manifest's text.
func (v *verifier) loadOnce() ([]byte, error) {
	l := v.l
	var err error
	if _, v.held, err = l.fs.Locked(l.lockPath); err != nil && !isNotExist(err) {
		return nil, nacre.Errorf(nacre.CodeInternal, "the lock of %s: %w", l.dir, err)
	}
	m, text, err := l.readManifest()
	if err != nil && !isDamage(err) {
		return nil, err
	}
	if err != nil {
		v.problem(err)
	}
	v.manifest = m
	mark, damage := l.readMark()
	for _, d := range damage {
		v.problem(d)
	}
	v.durable = mark.Durable
	files, err := l.listFiles()
	if err != nil {
		return nil, err
	}
	if m == nil {
		if len(files) > 0 && len(v.report.Problems) == 0 {
			v.damage(l.manifestPath(), 0, 0, "the manifest is missing beside segments")
		}
		l.setManifest(guessManifest(files))
	} else {
		l.setManifest(*m)
	}
	v.report.Epoch = l.epoch
	return text, l.compare(files, v.problem)
}

// run reads the segments, two at a time, then the index and the blobs.
func (v *verifier) run(ctx context.Context) error {
	infos := v.l.manifest.Segments
	checks := make([]*segmentCheck, len(infos))
	errs := make([]error, len(infos))
	slots := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	for i := range infos {
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			checks[i], errs[i] = v.segment(ctx, i)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	v.join(checks)
	if err := v.indexes(ctx, checks); err != nil {
		return err
	}
	v.cuts()
	return v.blobs(ctx)
}
