package filestore

import (
	"bytes"
	"crypto/rand"
	"path/filepath"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/segment"
	"github.com/nacredb/nacre/internal/vfs"
)

func (l *log) manifestPath() string { return filepath.Join(l.dir, "manifest") }
func (l *log) markPath() string     { return filepath.Join(l.dir, "mark") }

func segmentInfo(first nacre.Position) segment.Info {
	return segment.Info{Name: segment.FileName(first, false), First: first}
}

// readManifest gives nil where there is none.
func (l *log) readManifest() (*segment.Manifest, []byte, error) {
	text, err := vfs.ReadFile(l.fs, l.manifestPath())
	if isNotExist(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, &nacre.DamageError{File: l.manifestPath(), Reason: "cannot be read: " + err.Error()}
	}
	m, err := segment.DecodeManifest(l.manifestPath(), text)
	if err != nil {
		return nil, nil, err
	}
	return m, text, nil
}

// setManifest takes what open has read, or made up.
func (l *log) setManifest(m segment.Manifest) {
	l.manifestMu.Lock()
	defer l.manifestMu.Unlock()
	if l.manifest.Key != m.Key || l.manifest.Store == "" {
		l.hasher = index.NewHasher(m.Key, l.o.env.termBits)
	}
	l.manifest, l.epoch = m, m.Epoch
}

// newManifest is that of a store that begins.
func newManifest() segment.Manifest {
	m := segment.Manifest{Store: nacre.NewID(), Epoch: nacre.NewID()}
	_, _ = rand.Read(m.Key[:]) // never fails
	return m
}

// changeManifest replaces the manifest on the disk by a changed one, then the one in memory.
func (l *log) changeManifest(change func(m *segment.Manifest)) error {
	l.manifestMu.Lock()
	defer l.manifestMu.Unlock()
	next := l.manifest
	next.Segments = append([]segment.Info(nil), l.manifest.Segments...)
	change(&next)
	text := segment.EncodeManifest(&next)
	if err := vfs.WriteFileAtomic(l.fs, l.manifestPath(), text); err != nil {
		if now, e := vfs.ReadFile(l.fs, l.manifestPath()); e != nil || bytes.Equal(now, text) {
			return &unsettledError{err} // the new one is in its place, and may or may not stay there
		}
		return err
	}
	l.manifest = next
	l.epoch = next.Epoch
	return nil
}

// unsettledError tells that which of two manifests the disk has is not known.
type unsettledError struct{ error }

func (e *unsettledError) Unwrap() error { return e.error }

// changeInfo changes what the manifest says of one segment.
func (l *log) changeInfo(first nacre.Position, change func(i *segment.Info)) (segment.Info, error) {
	var changed segment.Info
	err := l.changeManifest(func(m *segment.Manifest) {
		for i := range m.Segments {
			if m.Segments[i].First == first {
				change(&m.Segments[i])
				changed = m.Segments[i]
			}
		}
	})
	return changed, err
}

// readMark gives a zero mark where there is none, and what is wrong with its file.
func (l *log) readMark() (segment.Mark, []error) {
	text, err := vfs.ReadFile(l.fs, l.markPath())
	if isNotExist(err) || err == nil && len(text) == 0 {
		return segment.Mark{}, nil
	}
	if err != nil {
		return segment.Mark{}, []error{&nacre.DamageError{File: l.markPath(), Reason: "cannot be read: " + err.Error()}}
	}
	m, _, damage := segment.DecodeMark(l.markPath(), text)
	return m, damage
}

// writeMark writes the next slot of the mark.
func (l *log) writeMark(clean bool) error {
	l.markNumber++
	mark := segment.Mark{
		Number: l.markNumber, Epoch: l.presentEpoch(), Durable: nacre.Position(l.durable.Load()), Clean: clean,
	}
	slot := segment.EncodeMarkSlot(&mark)
	file, err := l.fs.OpenWrite(l.markPath())
	if isNotExist(err) {
		// Both slots at once, under the name only when they are whole.
		both := make([]byte, segment.MarkSize)
		copy(both[mark.Offset():], slot)
		return vfs.WriteFileAtomic(l.fs, l.markPath(), both)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteAt(slot, mark.Offset())
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

func (l *log) presentEpoch() string {
	l.manifestMu.Lock()
	defer l.manifestMu.Unlock()
	return l.epoch
}
