package segment

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/internal/vfs"
)

const (
	// frameBytes is about what a frame holds: lines up to the first that ends at or behind it.
	frameBytes = 64 << 10

	// The seek table is the content of a skippable frame, the file's last one.
	skippableMagic  = 0x184D2A5E
	skippableHeader = 8  // magic and size
	tableEntry      = 12 // compressed and uncompressed size, checksum of the compressed bytes
	tableEnd        = 8  // number of frames and checksum
)

// Compressed is what a compression came to.
type Compressed struct {
	Bytes, CompressedBytes int64
	Frames                 int
	SHA256                 [sha256.Size]byte // of the uncompressed bytes
}

// Compress makes zstName of the segment rawName: it writes and syncs zstName+".tmp", reads it back and
// compares, renames it and syncs the folder. The raw file stays. Whoever removes it compares SHA256 with
// the manifest's first. On an error, and when ctx ends, nothing is left, except that where only the folder
// could not be synced zstName is there, whole.
func Compress(ctx context.Context, fs vfs.FS, rawName, zstName string) (c Compressed, err error) {
	temporary := zstName + ".tmp"
	defer func() {
		if err != nil {
			// A second failure adds nothing: what is left is removed at the next open.
			_ = fs.Remove(temporary)
			err = fmt.Errorf("compress %s: %w", rawName, err)
		}
	}()
	if c, err = writeCompressed(ctx, fs, rawName, temporary); err != nil {
		return c, err
	}
	if err = readBack(ctx, fs, temporary, &c); err != nil {
		return c, err
	}
	if err = fs.Rename(temporary, zstName); err != nil {
		return c, err
	}
	return c, fs.SyncDir(filepath.Dir(zstName))
}

func writeCompressed(ctx context.Context, fs vfs.FS, rawName, name string) (c Compressed, err error) {
	raw, err := fs.Open(rawName)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	if c.Bytes, err = raw.Size(); err != nil {
		return c, err
	}
	out, err := fs.Create(name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true))
	if err != nil {
		return c, err
	}
	w := frameWriter{out: out, enc: enc, hash: sha256.New()}
	lines := NewReader(raw, 0, c.Bytes, false)
	defer lines.Close()
	for {
		_, text, err := lines.Next()
		if err != nil {
			return c, err
		}
		if text == nil || len(w.block) > 0 && len(w.block)+len(text) >= frameBytes {
			if err := errors.Join(ctx.Err(), w.frame()); err != nil {
				return c, err
			}
		}
		if text == nil {
			break
		}
		w.block = append(append(w.block, text...), '\n')
	}
	if err := w.finish(); err != nil {
		return c, err
	}
	c.Frames, c.CompressedBytes = len(w.table)/tableEntry, w.end
	w.hash.Sum(c.SHA256[:0])
	return c, nil
}

// frameWriter writes a compressed file's frames, and then its seek table.
type frameWriter struct {
	out   vfs.File
	enc   *zstd.Encoder
	hash  hash.Hash // of the uncompressed bytes
	end   int64
	block []byte // the frame to come, uncompressed
	comp  []byte
	table []byte
}

func (w *frameWriter) frame() error {
	if len(w.block) == 0 {
		return nil
	}
	if int64(len(w.block)) > math.MaxUint32 {
		return fmt.Errorf("a line of %d bytes is longer than a frame can be", len(w.block))
	}
	w.hash.Write(w.block)
	w.comp = w.enc.EncodeAll(w.block, w.comp[:0])
	w.table = binary.LittleEndian.AppendUint32(w.table, uint32(len(w.comp)))
	w.table = binary.LittleEndian.AppendUint32(w.table, uint32(len(w.block)))
	w.table = binary.LittleEndian.AppendUint32(w.table, line.Checksum(w.comp))
	w.block = w.block[:0]
	return w.write(w.comp)
}

func (w *frameWriter) write(part []byte) error {
	n, err := w.out.WriteAt(part, w.end)
	w.end += int64(n)
	return err
}

func (w *frameWriter) finish() error {
	tail := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	tail = binary.LittleEndian.AppendUint32(tail, uint32(len(w.table)+tableEnd))
	tail = append(tail, w.table...)
	tail = binary.LittleEndian.AppendUint32(tail, uint32(len(w.table)/tableEntry))
	tail = binary.LittleEndian.AppendUint32(tail, line.Checksum(tail[skippableHeader:]))
	if err := w.write(tail); err != nil {
		return err
	}
	return w.out.Sync()
}

// readBack makes sure that the compressed file gives the raw one's bytes.
func readBack(ctx context.Context, fs vfs.FS, name string, c *Compressed) (err error) {
	file, err := fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	z, err := OpenZstd(file, name)
	if err != nil {
		return err
	}
	sum, err := Sum(ctx, z, z.Size(), nil)
	if err != nil {
		return err
	}
	if sum != c.SHA256 || z.Size() != c.Bytes {
		return errors.New("what was written does not read back as it was: the disk or the memory is faulty")
	}
	return nil
}
