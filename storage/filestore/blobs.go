package filestore

import (
	"context"
	"iter"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

func (l *log) blobDir() string { return filepath.Join(l.dir, "blobs") }

// blobPath checks a key and gives its file.
func (l *log) blobPath(key string) (string, error) {
	bad := func(why string) (string, error) {
		return "", &nacre.Error{Code: nacre.CodeInvalid, Field: "key", Message: why}
	}
	if key == "" || len(key) > 200 {
		return bad("a blob's key has 1 to 200 characters")
	}
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r) {
			return bad("a blob's key has only letters, digits and . _ - /")
		}
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || strings.HasSuffix(part, ".tmp") {
			return bad(`a blob's key has no parts between slashes that are empty, ".", ".." or end in ".tmp"`)
		}
	}
	return filepath.Join(l.blobDir(), filepath.FromSlash(key)), nil
}

// PutBlob implements nacre.BlobKeeper.
func (l *log) PutBlob(ctx context.Context, key string, data []byte) error {
	path, err := l.blobPath(key)
	if err != nil {
		return err
	}
	if err := l.blobUse(ctx, true); err != nil {
		return err
	}
	l.blobMu.Lock()
	defer l.blobMu.Unlock()
	if e, err := l.fs.Stat(path); err == nil && e.Dir {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "key", Message: "other blobs have keys that begin with this one and a slash"}
	}
	if err := l.makeDirs(filepath.Dir(path)); err != nil {
		return l.blobError(err)
	}
	return l.blobError(vfs.WriteFileAtomic(l.fs, path, segment.AppendBlob(nil, key, data)))
}

// makeDirs makes the folders down to dir, and makes their names durable.
func (l *log) makeDirs(dir string) error {
	if _, err := l.fs.Stat(dir); err == nil || dir == l.dir {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := l.makeDirs(parent); err != nil {
		return err
	}
	if err := l.fs.MkdirAll(dir); err != nil {
		return err
	}
	return l.fs.SyncDir(parent)
}

func (l *log) blobError(err error) error {
	switch {
	case err == nil:
		return nil
	case vfs.IsFull(err):
		return nacre.Errorf(nacre.CodeStoreFull, "no space is left for a blob of %s: %w", l.dir, err)
	default:
		return nacre.Errorf(nacre.CodeInternal, "a blob of %s: %w", l.dir, err)
	}
}

func (l *log) blobUse(ctx context.Context, write bool) error {
	switch {
	case l.closed.Load():
		return errClosed
	case write && l.o.ReadOnly:
		return nacre.Errorf(nacre.CodeReadOnly, "%s was opened for reading only", l.dir)
	}
	return ctx.Err()
}

// GetBlob implements nacre.BlobKeeper.
func (l *log) GetBlob(ctx context.Context, key string) ([]byte, error) {
	path, err := l.blobPath(key)
	if err != nil {
		return nil, err
	}
	if err := l.blobUse(ctx, false); err != nil {
		return nil, err
	}
	return l.readBlob(path, key)
}

func (l *log) readBlob(path, key string) ([]byte, error) {
	if e, err := l.fs.Stat(path); isNotExist(err) || err == nil && e.Dir {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no blob %q", key)
	}
	text, err := vfs.ReadFile(l.fs, path)
	if err != nil {
		return nil, &nacre.DamageError{File: path, Reason: "cannot be read: " + err.Error()}
	}
	return segment.DecodeBlob(path, key, text)
}

// DeleteBlob implements nacre.BlobKeeper.
func (l *log) DeleteBlob(ctx context.Context, key string) error {
	path, err := l.blobPath(key)
	if err != nil {
		return err
	}
	if err := l.blobUse(ctx, true); err != nil {
		return err
	}
	l.blobMu.Lock()
	defer l.blobMu.Unlock()
	if e, err := l.fs.Stat(path); isNotExist(err) || err == nil && e.Dir {
		return nil
	}
	if err := l.fs.Remove(path); err != nil {
		return l.blobError(err)
	}
	return l.blobError(l.fs.SyncDir(filepath.Dir(path)))
}

// ListBlobs implements nacre.BlobKeeper.
func (l *log) ListBlobs(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := l.blobUse(ctx, false); err != nil {
			yield("", err)
			return
		}
		l.walkBlobs("", func(key string, err error) bool {
			if err != nil {
				return yield("", l.blobError(err))
			}
			return !strings.HasPrefix(key, prefix) || yield(key, ctx.Err()) && ctx.Err() == nil
		})
	}
}

// walkBlobs calls fn for each blob's key, in order of the parts between slashes, until it says false.
func (l *log) walkBlobs(dir string, fn func(key string, err error) bool) bool {
	entries, err := l.fs.ReadDir(filepath.Join(l.blobDir(), filepath.FromSlash(dir)))
	if isNotExist(err) {
		return true
	}
	if err != nil {
		fn("", err)
		return false
	}
	for _, e := range entries {
		key := e.Name
		if dir != "" {
			key = dir + "/" + e.Name
		}
		switch {
		case e.Dir:
			if !l.walkBlobs(key, fn) {
				return false
			}
		case strings.HasSuffix(e.Name, ".tmp"):
		case !fn(key, nil):
			return false
		}
	}
	return true
}
