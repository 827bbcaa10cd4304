package index

import (
	"encoding/binary"
	"errors"
	"hash/crc64"
	"path/filepath"

	"github.com/nacredb/nacre/internal/vfs"
)

const (
	// temporarySuffix marks files that are being written.
	temporarySuffix = ".tmp"
	// sectionBuffer is how much of a section is collected before it is written.
	sectionBuffer = 128 << 10
	// syncEvery is after how many bytes a file is synced while it is written:
	// one long sync at the end would hold up the log's own, short ones.
	syncEvery = 16 << 20
)

// output is a file that comes into being: it is written under a temporary name.
// The first error stays, and everything after it does nothing.
type output struct {
	fs       vfs.FS
	path     string
	file     vfs.File
	salt     uint32
	unsynced int
	err      error
}

func createOutput(fsys vfs.FS, path string) (*output, error) {
	file, err := fsys.Create(path + temporarySuffix)
	if err != nil {
		return nil, err
	}
	return &output{fs: fsys, path: path, file: file}, nil
}

func (o *output) writeAt(b []byte, at uint64) {
	if o.err != nil {
		return
	}
	_, o.err = o.file.WriteAt(b, int64(at))
	if o.unsynced += len(b); o.unsynced >= syncEvery && o.err == nil {
		o.unsynced = 0
		o.err = o.file.Sync()
	}
}

// commit makes the file durable and gives it its name, or removes it.
func (o *output) commit() error {
	if o.err == nil {
		o.err = o.file.Sync()
	}
	o.err = errors.Join(o.err, o.file.Close())
	if o.err == nil {
		o.err = o.fs.Rename(o.path+temporarySuffix, o.path)
	}
	if o.err != nil {
		// A second failure adds nothing: what is left has a temporary name.
		_ = o.fs.Remove(o.path + temporarySuffix)
		return o.err
	}
	return o.fs.SyncDir(filepath.Dir(o.path))
}

// abandon gives up the file and returns why.
func (o *output) abandon(why error) error {
	if o.err == nil {
		o.err = why
	}
	return o.commit()
}

// section is a part of an output that is written from its beginning to its end,
// while other parts are being written too.
type section struct {
	out *output
	// at is where the section begins, size its size so far.
	at, size uint64
	buffer   []byte
	// sum is the checksum of what has left the buffer.
	sum uint64
}

func (s *section) write(b []byte) {
	if s.buffer == nil {
		s.buffer = make([]byte, 0, sectionBuffer)
	}
	if len(s.buffer)+len(b) > cap(s.buffer) {
		s.flush()
	}
	s.buffer = append(s.buffer, b...)
	s.size += uint64(len(b))
}

// block writes a block's content and its checksum.
func (s *section) block(content []byte) {
	var check [checkSize]byte
	binary.LittleEndian.PutUint32(check[:], sealed(content, s.out.salt, s.at+s.size))
	s.write(content)
	s.write(check[:])
}

func (s *section) flush() {
	s.sum = crc64.Update(s.sum, wholeTable, s.buffer)
	s.out.writeAt(s.buffer, s.at+s.size-uint64(len(s.buffer)))
	s.buffer = s.buffer[:0]
}
