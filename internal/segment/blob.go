package segment

import (
	"bytes"
	"crypto/sha256"

	"github.com/nacredb/nacre"
)

// AppendBlob appends a blob's file to dst: its header, then its bytes.
func AppendBlob(dst []byte, key string, data []byte) []byte {
	start := len(dst)
	sum := sha256.Sum256(data)
	dst = append(append(append(dst, `{"blob":"`...), key...), '"')
	dst = appendNumber(dst, `,"bytes":`, int64(len(data)))
	dst = appendHex(dst, `,"sha256":"`, sum[:])
	dst = append(seal(dst, start), '\n')
	return append(dst, data...)
}

// DecodeBlob verifies a blob's file, whose name is for errors, and gives the blob's bytes, which are a
// part of it. Whatever is not as AppendBlob wrote it is a *nacre.DamageError.
func DecodeBlob(file, key string, content []byte) ([]byte, error) {
	damage := func(offset int, reason string) error {
		return &nacre.DamageError{File: file, Offset: int64(offset), Reason: reason}
	}
	header, data, ok := bytes.Cut(content, []byte{'\n'})
	if !ok {
		return nil, damage(0, "the blob has no header")
	}
	r := openRecord(header)
	r.begin(`{"blob":`)
	name := r.text("blob")
	r.key("bytes")
	size := r.number("bytes")
	r.key("sha256")
	var sum [sha256.Size]byte
	r.bytes("sha256", sum[:])
	start := len(header) + 1
	switch err := r.close(); {
	case err != nil:
		return nil, damage(0, err.Error())
	case name != key:
		return nil, damage(0, "the blob is the one of key "+name)
	case int64(len(data)) != size:
		return nil, damage(start, "the blob has another size than its header says")
	case sha256.Sum256(data) != sum:
		return nil, damage(start, "the blob's SHA-256 is not the header's")
	}
	return data, nil
}
