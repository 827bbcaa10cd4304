package eventfold

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf8"
)

// The format of eventfold-db, version 3. Numbers are little-endian, checksums CRC-32 of IEEE 802.3.
//
//	file    "EFDB"  version u32  batch…
//	batch   "EFBB"  count u32  first position u64  record…  "EFBF"  checksum u32, of header and records
//	record  length u32, of what follows it
//	        position u64  recorded at u64, in milliseconds  stream 16 bytes  version u64  id 16 bytes
//	        type u16 and bytes  metadata u32 and bytes  payload u32 and bytes
//	        checksum u32, of everything from the position on
const (
	fileMagic    = "EFDB"
	batchMagic   = "EFBB"
	footerMagic  = "EFBF"
	logVersion   = 3
	fileHeader   = 8
	batchHeader  = 16
	batchFooter  = 8
	recordLength = 4
	// recordFixed is a record's size without its length, type, metadata and payload.
	recordFixed = 70
	// maxRecord is the longest record that is read, in bytes. eventfold-db writes at most 64 KiB.
	maxRecord = 4 << 20
)

// record is a record of eventfold-db. Its slices are those of what it was read from.
type record struct {
	position, recordedAt, version uint64
	stream, id                    uuid
	kind                          string
	metadata, payload             []byte
}

// parse reads a record without its length. A flaw is what is wrong with it.
func (r *record) parse(b []byte) (flaw string) {
	if len(b) < recordFixed {
		return "is too short"
	}
	body, end := b[:len(b)-4], b[len(b)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(end) {
		return "does not match its checksum"
	}
	r.position = binary.LittleEndian.Uint64(body)
	r.recordedAt = binary.LittleEndian.Uint64(body[8:])
	r.stream = uuid(body[16:32])
	r.version = binary.LittleEndian.Uint64(body[32:])
	r.id = uuid(body[40:56])
	rest := body[56:]
	kind, rest, ok := counted(rest, 2)
	if ok {
		r.metadata, rest, ok = counted(rest, 4)
	}
	if ok {
		r.payload, rest, ok = counted(rest, 4)
	}
	if !ok || len(rest) > 0 {
		return "has lengths in it that do not agree with its own"
	}
	if !utf8.Valid(kind) {
		return "has a type that is not valid UTF-8"
	}
	r.kind = string(kind)
	return ""
}

// counted cuts off bytes behind their number, which has 2 or 4 bytes itself.
func counted(b []byte, width int) (part, rest []byte, ok bool) {
	if len(b) < width {
		return nil, nil, false
	}
	var n uint64
	if width == 2 {
		n = uint64(binary.LittleEndian.Uint16(b))
	} else {
		n = uint64(binary.LittleEndian.Uint32(b))
	}
	b = b[width:]
	if n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// batch is a batch of records.
type batch struct {
	at, end int64
	first   uint64 // position
	count   uint32
}

// behind is the position behind the batch's last.
func (b *batch) behind() uint64 { return b.first + uint64(b.count) }

// flawed is what is wrong with a batch.
type flawed struct {
	why string
	// end is where the batch ends all the same, 0 where that cannot be told.
	end int64
	// reached is how far it was read.
	reached int64
}

// readBatch reads the batch that begins at an offset. It is whole where there is no flaw.
func readBatch(w *window, at int64) (b batch, flaw *flawed, err error) {
	b.at = at
	head, err := w.bytes(at, batchHeader)
	switch {
	case err != nil:
		return b, nil, err
	case len(head) >= 4 && string(head[:4]) != batchMagic:
		return b, &flawed{why: "no batch begins here", reached: at}, nil
	case len(head) < batchHeader:
		return b, &flawed{why: "the file ends inside of a batch", reached: w.size}, nil
	}
	b.count = binary.LittleEndian.Uint32(head[4:])
	b.first = binary.LittleEndian.Uint64(head[8:])
	crc := crc32.ChecksumIEEE(head)
	why := ""
	tell := func(format string, args ...any) {
		if why == "" {
			why = fmt.Sprintf(format, args...)
		}
	}
	pos := at + batchHeader
	for n := uint64(0); ; n++ {
		length, err := w.bytes(pos, recordLength)
		if err != nil {
			return b, nil, err
		}
		if len(length) < recordLength {
			tell("the file ends inside of a batch")
			return b, &flawed{why: why, reached: pos}, nil
		}
		if string(length) == footerMagic {
			if n != uint64(b.count) {
				tell("the batch has %s, and its header speaks of %d", plural(n, "record"), b.count)
			}
			break
		}
		size := int(min(binary.LittleEndian.Uint32(length), maxRecord+1))
		if size < recordFixed || size > maxRecord {
			tell("record %d of the batch has an impossible length", n+1)
			return b, &flawed{why: why, reached: pos}, nil
		}
		whole, err := w.bytes(pos, recordLength+size)
		if err != nil {
			return b, nil, err
		}
		if len(whole) < recordLength+size {
			tell("the file ends inside of a batch")
			return b, &flawed{why: why, reached: pos}, nil
		}
		crc = crc32.Update(crc, crc32.IEEETable, whole)
		var r record
		switch flaw := r.parse(whole[recordLength:]); {
		case flaw != "":
			tell("record %d of the batch %s", n+1, flaw)
		case r.position != b.first+n:
			tell("record %d of the batch has the position %d, and not %d", n+1, r.position, b.first+n)
		}
		pos += int64(len(whole))
	}
	footer, err := w.bytes(pos, batchFooter)
	if err != nil {
		return b, nil, err
	}
	if len(footer) < batchFooter {
		tell("the file ends inside of a batch")
		return b, &flawed{why: why, reached: pos}, nil
	}
	if binary.LittleEndian.Uint32(footer[4:]) != crc {
		tell("the batch does not match its checksum")
	}
	b.end = pos + batchFooter
	if why == "" {
		return b, nil, nil
	}
	return b, &flawed{why: why, end: b.end, reached: b.end}, nil
}

// records gives a whole batch's records, and where each begins.
func records(w *window, b *batch, give func(at int64, r *record) error) error {
	pos := b.at + batchHeader
	for range b.count {
		r, size, err := recordAt(w, pos)
		if err != nil {
			return err
		}
		if err := give(pos, &r); err != nil {
			return err
		}
		pos += size
	}
	return nil
}

// recordAt is a record that was found to be whole, and its size.
func recordAt(w *window, at int64) (r record, size int64, err error) {
	length, err := w.bytes(at, recordLength)
	if err != nil {
		return r, 0, err
	}
	if len(length) < recordLength {
		return r, 0, errChanged
	}
	size = recordLength + int64(min(binary.LittleEndian.Uint32(length), maxRecord+1))
	whole, err := w.bytes(at, int(size))
	if err != nil {
		return r, 0, err
	}
	if int64(len(whole)) < size || r.parse(whole[recordLength:]) != "" {
		return r, 0, errChanged
	}
	return r, size, nil
}

// sameEvent tells whether two records are one event that was written twice.
func sameEvent(a, b *record) bool {
	return a.stream == b.stream && a.id == b.id && a.kind == b.kind &&
		bytes.Equal(a.metadata, b.metadata) && bytes.Equal(a.payload, b.payload)
}
