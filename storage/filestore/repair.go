package filestore

import (
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

// openActive repairs the end of the last segment, where it needs it, and opens it for appending.
func (l *log) openActive(g *seg, v *segment.Verdict, durable nacre.Position) (vfs.File, error) {
	problem := func(err error) (vfs.File, error) {
		return nil, nacre.Errorf(nacre.CodeInternal, "recovery of %s: %w", g.path(), err)
	}
	if v.Kind == segment.Torn {
		if err := l.keepCut(g, v); err != nil {
			return problem(err)
		}
		if err := l.changeManifest(func(m *segment.Manifest) { m.Epoch = nacre.NewID() }); err != nil {
			return problem(err)
		}
	}
	if v.Kind == segment.Torn || v.Last > durable {
		// What is beyond durable was only seen in the page cache: write it anew.
		if err := l.rewrite(g, v.End); err != nil {
			return problem(err)
		}
	}
	file, err := l.fs.OpenWrite(g.path())
	if err != nil {
		return problem(err)
	}
	_ = file.Preallocate(l.o.SegmentBytes) // a full disk is told by the write that needs the space
	l.bytes.Store(v.End)
	return file, nil
}

// keepCut copies what will be cut off, for people to look at.
func (l *log) keepCut(g *seg, v *segment.Verdict) error {
	r, size, err := g.content()
	if err != nil {
		return err
	}
	bytes := make([]byte, size-v.End)
	if _, err := r.ReadAt(bytes, v.End); err != nil && err != io.EOF {
		return err
	}
	dir := l.cutDir()
	if err := l.fs.MkdirAll(dir); err != nil {
		return err
	}
	sum := crc32.Checksum(bytes, crc32.MakeTable(crc32.Castagnoli))
	name := filepath.Join(dir, fmt.Sprintf("%020d-%s-%08x", v.Last+1, l.o.env.now().UTC().Format("20060102T150405.000000"), sum))
	if err := vfs.WriteFileAtomic(l.fs, name, bytes); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.lg.Warn("a torn tail was cut: what it held was never acknowledged", "file", g.path(), "byte", v.End, "bytes", len(bytes),
		"after", uint64(v.Last), "kept", name)
	return nil
}

// rewrite replaces the segment's file by a copy of its first bytes that is known to be durable.
func (l *log) rewrite(g *seg, size int64) error {
	r, err := g.reader()
	if err != nil {
		return err
	}
	tmp := g.path() + ".tmp"
	file, err := l.fs.Create(tmp)
	if err != nil {
		return err
	}
	err = copyRange(file, r, size)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := l.fs.Rename(tmp, g.path()); err != nil {
		return err
	}
	g.forget()
	return l.fs.SyncDir(l.dir)
}

func copyRange(to io.WriterAt, from io.ReaderAt, size int64) error {
	buf := make([]byte, min(size, 1<<20))
	for off := int64(0); off < size; {
		n, err := from.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		if n == 0 {
			return err
		}
		if _, err := to.WriteAt(buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
