package filestore

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

func (l *log) blobDir() string { return filepath.Join(l.dir, "blobs") }

// A blob's file is its key with "~" for "/", so that a key may be the beginning of another, and an
// ending of its own, so that no key is taken for an unfinished file.
const blobEnding = ".blob"

func (l *log) blobPath(key string) string {
	return filepath.Join(l.blobDir(), strings.ReplaceAll(key, "/", "~")+blobEnding)
}

// PutBlob implements nacre.BlobKeeper.
func (l *log) PutBlob(ctx context.Context, key string, data []byte) error {
	path := l.blobPath(key)
	if err := l.blobUse(ctx, true); err != nil {
		return err
	}
	l.blobMu.Lock()
	defer l.blobMu.Unlock()
	if err := l.makeBlobDir(); err != nil {
		return l.blobError(err)
	}
	return l.blobError(vfs.WriteFileAtomic(l.fs, path, segment.AppendBlob(nil, key, data)))
}

// makeBlobDir makes the folder, and its name durable.
func (l *log) makeBlobDir() error {
	if _, err := l.fs.Stat(l.blobDir()); err == nil {
		return nil
	}
	if err := l.fs.MkdirAll(l.blobDir()); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
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
	path := l.blobPath(key)
	if err := l.blobUse(ctx, false); err != nil {
		return nil, err
	}
	return l.readBlob(path, key)
}

func (l *log) readBlob(path, key string) ([]byte, error) {
	if _, err := l.fs.Stat(path); isNotExist(err) {
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
	path := l.blobPath(key)
	if err := l.blobUse(ctx, true); err != nil {
		return err
	}
	l.blobMu.Lock()
	defer l.blobMu.Unlock()
	if _, err := l.fs.Stat(path); isNotExist(err) {
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
		l.walkBlobs(func(key string, err error) bool {
			if err != nil {
				return yield("", l.blobError(err))
			}
			return !strings.HasPrefix(key, prefix) || yield(key, ctx.Err()) && ctx.Err() == nil
		})
	}
}

// walkBlobs calls fn for each blob's key, in byte order, until it says false.
func (l *log) walkBlobs(fn func(key string, err error) bool) {
	entries, err := l.fs.ReadDir(l.blobDir())
	if err != nil {
		if !isNotExist(err) {
			fn("", err)
		}
		return
	}
	var keys []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name, blobEnding); ok && !e.Dir {
			keys = append(keys, strings.ReplaceAll(name, "~", "/"))
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !fn(key, nil) {
			return
		}
	}
}
