package filestore

import (
	"context"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// partial is what an unfinished backup or restore is called until it is whole.
const partial = ".partial"

// Backup implements nacre.Backuper. Appends and reads go on meanwhile; the copy has what was durable
// when its turn came, the companion log's first, so that it never speaks of events that the copy of
// this log does not have.
func (l *log) Backup(ctx context.Context, dir string) error {
	if l.closed.Load() {
		return errClosed
	}
	d := l.damage()
	if d == nil && l.companion != nil {
		d = l.companion.damage()
	}
	if d != nil {
		return nacre.Errorf(nacre.CodeDamaged, "a damaged store is not backed up; what is whole can be exported: %w", d)
	}
	return l.buildFolder(dir, func(tmp string) error {
		if l.companion != nil {
			if err := l.companion.copyTo(ctx, filepath.Join(tmp, "system")); err != nil {
				return err
			}
		}
		return l.copyTo(ctx, tmp)
	})
}

// buildFolder makes a folder that is there whole or not at all.
func (l *log) buildFolder(dir string, fill func(tmp string) error) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "the folder %q: %w", dir, err)
	}
	if _, err := l.fs.Stat(abs); err == nil {
		return nacre.Errorf(nacre.CodeInvalid, "%s is there already: give a folder that does not exist yet", abs)
	}
	tmp := abs + partial
	if _, err := l.fs.Stat(tmp); err == nil {
		return nacre.Errorf(nacre.CodeInvalid, "%s is there, from an attempt that did not end: remove it", tmp)
	}
	fail := func(err error) error {
		_ = l.fs.RemoveAll(tmp)
		switch {
		case nacre.CodeOf(err) != "":
			return err
		case vfs.IsFull(err):
			return nacre.Errorf(nacre.CodeStoreFull, "no space is left for %s: %w", abs, err)
		default:
			return nacre.Errorf(nacre.CodeInternal, "%s cannot be written: %w", abs, err)
		}
	}
	if err := l.fs.MkdirAll(tmp); err != nil {
		return fail(err)
	}
	if err := fill(tmp); err != nil {
		return fail(err)
	}
	if err := l.fs.Rename(tmp, abs); err != nil {
		return fail(err)
	}
	if err := l.fs.SyncDir(filepath.Dir(abs)); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the folder above %s cannot be synced: %w", abs, err)
	}
	return nil
}

// copyTo copies one log into a folder.
func (l *log) copyTo(ctx context.Context, dir string) error {
	if err := l.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := l.copyBlobs(ctx, dir); err != nil {
		return err
	}
	if err := l.refresh(); err != nil {
		return err
	}
	l.manifestMu.Lock()
	m := segment.Manifest{Store: l.manifest.Store, Epoch: l.manifest.Epoch, Key: l.manifest.Key}
	l.manifestMu.Unlock()
	last := l.visible() // what the copy has is synced with it
	s := l.acquire()
	defer s.release()
	if s.left {
		return errClosed
	}
	for i, g := range s.segs {
		if g.first > last {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := l.copySegment(g, dir, min(last, s.lastOf(i)))
		if err != nil {
			return err
		}
		m.Segments = append(m.Segments, info)
	}
	return writeHead(l.fs, dir, &m, last)
}

// writeHead writes the manifest and the mark of a copied log.
func writeHead(fsys vfs.FS, dir string, m *segment.Manifest, last nacre.Position) error {
	mark := make([]byte, segment.MarkSize)
	first := segment.Mark{Number: 1, Epoch: m.Epoch, Durable: last, Clean: true}
	copy(mark[first.Offset():], segment.EncodeMarkSlot(&first))
	if err := vfs.WriteFileAtomic(fsys, filepath.Join(dir, "mark"), mark); err != nil {
		return err
	}
	return vfs.WriteFileAtomic(fsys, filepath.Join(dir, "manifest"), segment.EncodeManifest(m))
}

// copySegment links a sealed segment, or copies a segment's lines up to a position.
func (l *log) copySegment(g *seg, dir string, last nacre.Position) (segment.Info, error) {
	g.mu.Lock()
	info := g.info
	g.mu.Unlock()
	if info.Sealed {
		if err := l.fs.Link(g.path(), filepath.Join(dir, info.Name)); err == nil {
			return info, nil
		}
		// No links here, or compressed just now: the open file is copied, uncompressed.
		info.Name, info.Zstd = segment.FileName(info.First, false), false
	} else {
		info = segmentInfo(info.First)
	}
	_, end, err := g.bounds(last)
	if err != nil {
		return info, err
	}
	r, err := g.reader()
	if err != nil {
		return info, err
	}
	file, err := l.fs.Create(filepath.Join(dir, info.Name))
	if err != nil {
		return info, err
	}
	err = copyRange(file, r, end)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return info, err
}

func (l *log) copyBlobs(ctx context.Context, dir string) error {
	to := newLog(dir, "", l.o)
	var failed error
	l.walkBlobs(func(key string, err error) bool {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			var data []byte
			if data, err = l.GetBlob(ctx, key); nacre.CodeOf(err) == nacre.CodeNotFound {
				return true // deleted meanwhile
			}
			if err == nil {
				err = to.PutBlob(ctx, key, data)
			}
		}
		failed = err
		return err == nil
	})
	return failed
}

// RestoreOptions: nil means the defaults.
type RestoreOptions struct {
	// Progress is called now and then with the bytes that have been verified, and all of them.
	Progress func(done, total int64)

	env environment
}

// Restore makes a store of a backup, in a folder that does not exist yet. The backup is verified first,
// and stays as it is. The restored log has a new epoch: cursors into the log that it was copied from
// are told LOG_REWOUND.
func Restore(ctx context.Context, backup, dir string, o *RestoreOptions) error {
	if o == nil {
		o = &RestoreOptions{}
	}
	report, err := Verify(ctx, backup, &VerifyOptions{Progress: o.Progress, env: o.env})
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return nacre.Errorf(nacre.CodeDamaged, "the backup is damaged and was not restored: %w", report.Problems[0])
	}
	opts, err := (&Options{env: o.env}).withDefaults()
	if err != nil {
		return err
	}
	from, err := filepath.Abs(backup)
	if err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "the folder %q: %w", backup, err)
	}
	l := newLog(from, "", opts)
	return l.buildFolder(dir, func(tmp string) error {
		if _, err := l.fs.Stat(filepath.Join(from, "system", "manifest")); err == nil {
			system := newLog(filepath.Join(from, "system"), "", opts)
			if err := system.restoreTo(ctx, filepath.Join(tmp, "system")); err != nil {
				return err
			}
		}
		return l.restoreTo(ctx, tmp)
	})
}

// restoreTo copies a backed-up log, under a new epoch.
func (l *log) restoreTo(ctx context.Context, dir string) error {
	m, _, err := l.readManifest()
	if err != nil {
		return err
	}
	if m == nil {
		return nacre.Errorf(nacre.CodeNotFound, "%s is not a backup: it has no manifest", l.dir)
	}
	if err := l.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := l.copyBlobs(ctx, dir); err != nil {
		return err
	}
	for _, info := range m.Segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.copyFile(filepath.Join(l.dir, info.Name), filepath.Join(dir, info.Name)); err != nil {
			return err
		}
	}
	mark, _ := l.readMark()
	m.Epoch = nacre.NewID()
	return writeHead(l.fs, dir, m, mark.Durable)
}

func (l *log) copyFile(from, to string) error {
	in, err := l.fs.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	size, err := in.Size()
	if err != nil {
		return err
	}
	out, err := l.fs.Create(to)
	if err != nil {
		return err
	}
	err = copyRange(out, in, size)
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
