package client

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

// partial is what a backup is called until it is whole.
const partial = ".partial"

// Backup implements nacre.Backuper: the server makes the copy, and it is unpacked here. The folder is
// there whole, and durable, or not at all.
func (d *driver) Backup(ctx context.Context, dir string) error {
	if d.closed.Load() {
		return errClosed
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "the folder %q: %w", dir, err)
	}
	tmp := abs + partial
	if _, err := vfs.OS.Stat(abs); err == nil {
		return nacre.Errorf(nacre.CodeInvalid, "%s is there already: give a folder that does not exist yet", abs)
	}
	if _, err := vfs.OS.Stat(tmp); err == nil {
		return nacre.Errorf(nacre.CodeInvalid, "%s is there, from an attempt that did not end: remove it", tmp)
	}
	copied, err := d.openBackup(ctx)
	if err != nil {
		return err
	}
	defer copied.close()
	if err := unpack(vfs.OS, copied, tmp); err != nil {
		_ = vfs.OS.RemoveAll(tmp) // what stays is found by the next attempt
		switch {
		case copied.err != nil && !errors.Is(copied.err, io.EOF):
			return copied.broken(copied.err).err
		case nacre.CodeOf(err) != "":
			return err
		case vfs.IsFull(err):
			return nacre.Errorf(nacre.CodeStoreFull, "no space is left for %s: %w", abs, err)
		default:
			return nacre.Errorf(nacre.CodeInternal, "%s cannot be written: %w", abs, err)
		}
	}
	if err := vfs.OS.Rename(tmp, abs); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "%s cannot get its name, and stays %s: %w", abs, tmp, err)
	}
	if err := vfs.OS.SyncDir(filepath.Dir(abs)); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the folder above %s cannot be synced: %w", abs, err)
	}
	return nil
}

// openBackup asks for a copy, which may take the server as long as it likes.
func (d *driver) openBackup(ctx context.Context) (*stream, error) {
	r := &request{method: http.MethodPost, url: d.at("/backup", nil), header: d.peer.header}
	var s *stream
	failed := d.repeat(ctx, func(bool) (f *failure) {
		s, f = d.openStream(ctx, r, true)
		return f
	})
	if failed != nil {
		return nil, failed.err
	}
	if s.resp.ContentLength < 0 && len(s.resp.TransferEncoding) == 0 && s.resp.ProtoMajor < 2 {
		defer s.close()
		return nil, d.peer.misfit("is a backup that ends with its connection, so that nobody could tell that it is whole")
	}
	return s, nil
}

// unpack makes a folder of a tar, and makes it durable. Nothing is written beside it.
func unpack(fsys vfs.FS, r io.Reader, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	folders := map[string]bool{dir: true}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "the backup is no tar: %w", err)
		}
		name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
		if !filepath.IsLocal(name) || strings.Contains(h.Name, `\`) {
			return nacre.Errorf(nacre.CodeInternal, "the backup has a file named %.200q, which would be written outside of it: nothing of it is kept", h.Name)
		}
		folder, path := filepath.Dir(filepath.Join(dir, name)), filepath.Join(dir, name)
		if h.Typeflag == tar.TypeDir {
			folder = path
		}
		for f := folder; !folders[f]; f = filepath.Dir(f) {
			folders[f] = true
		}
		if err := fsys.MkdirAll(folder); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
		case tar.TypeReg:
			if err := write(fsys, path, in); err != nil {
				return err
			}
		default:
			return nacre.Errorf(nacre.CodeInternal, "the backup has %.200q, which is neither a file nor a folder: nothing of it is kept", h.Name)
		}
	}
	// What stands behind the tar is nothing; that the reply ends there says that it is whole.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	for folder := range folders {
		if err := fsys.SyncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// write makes a durable file.
func write(fsys vfs.FS, path string, r io.Reader) (err error) {
	file, err := fsys.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.CopyBuffer(io.NewOffsetWriter(file, 0), r, make([]byte, 128<<10)); err != nil {
		return err
	}
	return file.Sync()
}
