package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// ReadFile reads a whole file. The caller owns the bytes.
func ReadFile(fsys FS, name string) (data []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if int64(int(size)) != size {
		return nil, fmt.Errorf("vfs: %s: %d bytes do not fit into this machine's memory", name, size)
	}
	data = make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		// The file was shortened since Size, or ended exactly here.
		err = nil
	}
	return data[:n], err
}

// WriteFileAtomic makes name hold data and nothing else, durably, or leaves it
// as it was: it writes and syncs name+".tmp", renames it and syncs the
// directory. After a crash in the middle of it name holds the old or the new
// content, and name+".tmp" may be there; a later call replaces it. Two calls
// for one name must not run at once. An error after the rename leaves the new
// content in place but perhaps not durable.
func WriteFileAtomic(fsys FS, name string, data []byte) error {
	temporary := name + ".tmp"
	if err := writeAndSync(fsys, temporary, data); err != nil {
		// A second failure adds nothing: the next call truncates what is left.
		_ = fsys.Remove(temporary)
		return err
	}
	if err := fsys.Rename(temporary, name); err != nil {
		_ = fsys.Remove(temporary)
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func writeAndSync(fsys FS, name string, data []byte) (err error) {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}
