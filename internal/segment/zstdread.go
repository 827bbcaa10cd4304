package segment

import (
	"encoding/binary"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
)

// Source is a file of a known size.
type Source interface {
	io.ReaderAt
	Size() (int64, error)
}

// Zstd reads a compressed segment's uncompressed bytes. It may be used from many goroutines.
type Zstd struct {
	file   Source
	name   string
	frames []frame // and one more: where they end
	id     uint64  // in the cache
}

// frame is where a frame begins, and the checksum of its compressed bytes: some of their bits mean
// nothing to a decoder, and are to be found changed all the same.
type frame struct {
	at, compressed int64
	sum            uint32
}

// decoders decode whole frames for all readers; each takes one for the time of a frame.
var decoders = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
})

// OpenZstd reads the seek table of a compressed segment. The name is for errors. The file stays the
// caller's, and has to stay open as long as the Zstd is used. Damage is a *nacre.DamageError.
func OpenZstd(file Source, name string) (*Zstd, error) {
	z := &Zstd{file: file, name: name, id: lastZstd.Add(1)}
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	table, at, err := z.readTable(size)
	if err != nil {
		return nil, err
	}
	z.frames = make([]frame, 1, len(table)/tableEntry+1)
	for ; len(table) > 0; table = table[tableEntry:] {
		last := &z.frames[len(z.frames)-1]
		last.sum = binary.LittleEndian.Uint32(table[8:])
		f := *last
		f.compressed += int64(binary.LittleEndian.Uint32(table))
		f.at += int64(binary.LittleEndian.Uint32(table[4:]))
		z.frames = append(z.frames, f)
	}
	if end := z.frames[len(z.frames)-1]; end.compressed != at {
		return nil, z.damage(at, fmt.Sprintf("the seek table speaks of %d bytes of frames, and %d are there", end.compressed, at))
	}
	return z, nil
}

// readTable gives the table's entries, and where the frame that holds them begins.
func (z *Zstd) readTable(size int64) (table []byte, at int64, err error) {
	var end [tableEnd]byte
	if size < skippableHeader+tableEnd {
		return nil, 0, z.damage(0, "the file is too short to have a seek table")
	}
	if err := z.read(end[:], size-tableEnd); err != nil {
		return nil, 0, err
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))*tableEntry + tableEnd
	if at = size - skippableHeader - length; at < 0 {
		return nil, 0, z.damage(size-tableEnd, "the seek table does not fit into the file")
	}
	content := make([]byte, skippableHeader+length)
	if err := z.read(content, at); err != nil {
		return nil, 0, err
	}
	header, content := content[:skippableHeader], content[skippableHeader:]
	covered, sum := content[:length-4], binary.LittleEndian.Uint32(content[length-4:])
	if binary.LittleEndian.Uint32(header) != skippableMagic || int64(binary.LittleEndian.Uint32(header[4:])) != length ||
		line.Checksum(covered) != sum {
		return nil, 0, z.damage(at, "the seek table's checksum or header is not right")
	}
	return content[:length-tableEnd], at, nil
}

func (z *Zstd) read(dst []byte, at int64) error {
	if n, err := z.file.ReadAt(dst, at); n < len(dst) {
		return fmt.Errorf("%s, byte %d: %w", z.name, at+int64(n), shortRead(err))
	}
	return nil
}

func (z *Zstd) damage(at int64, reason string) error {
	return &nacre.DamageError{File: z.name, Offset: at, Reason: reason}
}

// Size is the number of uncompressed bytes.
func (z *Zstd) Size() int64 { return z.frames[len(z.frames)-1].at }

// ReadAt implements io.ReaderAt on the uncompressed bytes. A damaged frame is a *nacre.DamageError with
// the frame's offset in the compressed file.
func (z *Zstd) ReadAt(dst []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("%s: the offset %d is negative", z.name, at)
	}
	last := len(z.frames) - 1
	i := sort.Search(last, func(i int) bool { return z.frames[i+1].at > at })
	for ; n < len(dst) && i < last; i++ {
		within := at + int64(n) - z.frames[i].at
		size := z.frames[i+1].at - z.frames[i].at
		if rest := dst[n:]; within == 0 && int64(len(rest)) >= size {
			// The whole frame is wanted: a read in order, that comes here once.
			if err := z.decode(rest[:0:size], i); err != nil {
				return n, err
			}
			n += int(size)
			continue
		}
		content, err := z.content(i, size)
		if err != nil {
			return n, err
		}
		n += copy(dst[n:], content[within:])
	}
	if n < len(dst) {
		return n, io.EOF
	}
	return n, nil
}

// content is the frame's uncompressed bytes, out of the cache or into it.
func (z *Zstd) content(i int, size int64) ([]byte, error) {
	key := frameKey{z.id, i}
	if content := frames.get(key); content != nil {
		return content, nil
	}
	content := make([]byte, size)
	if err := z.decode(content[:0], i); err != nil {
		return nil, err
	}
	frames.put(key, content)
	return content, nil
}

var compressedBuffers = sync.Pool{New: func() any { return new([]byte) }}

// decode fills dst, whose capacity is the frame's size, with the frame's uncompressed bytes.
func (z *Zstd) decode(dst []byte, i int) error {
	from, to := z.frames[i].compressed, z.frames[i+1].compressed
	buf := compressedBuffers.Get().(*[]byte)
	defer compressedBuffers.Put(buf)
	*buf = room((*buf)[:0], int(to-from))[:to-from]
	if err := z.read(*buf, from); err != nil {
		return err
	}
	if line.Checksum(*buf) != z.frames[i].sum {
		return z.damage(from, "the frame's checksum is not right")
	}
	decoder, err := decoders()
	if err != nil {
		return err
	}
	content, err := decoder.DecodeAll(*buf, dst)
	if err != nil || len(content) != cap(dst) {
		reason := "the frame has another size than the seek table says"
		if err != nil {
			reason = "the frame does not decompress: " + err.Error()
		}
		return z.damage(from, reason)
	}
	return nil
}
