package wire

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/nacredb/nacre"
)

// maxKey is the longest Idempotency-Key in bytes.
const maxKey = 256

// crockford is Crockford's base32, as in ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// EventID derives the id of the event with this index, from 0, in a request with an Idempotency-Key: 26
// characters of Crockford's base32 out of SHA-256, the first of them beyond "7", so that it is never
// taken for a ULID. The same key gives the same ids on every server, for ever.
func EventID(key string, index int) string {
	// The lengths stand first, so that no two pairs of key and index give the same input.
	in := make([]byte, 0, 32+len(key))
	in = append(in, "nacre idempotency 1\x00"...)
	in = binary.BigEndian.AppendUint64(in, uint64(index))
	in = append(in, key...)
	sum := sha256.Sum256(in)
	var id [26]byte
	bits, n, at := uint(0), 0, 0
	for i := range id {
		if n < 5 {
			bits, n, at = bits<<8|uint(sum[at]), n+8, at+1
		}
		n -= 5
		id[i] = crockford[bits>>n&31]
	}
	id[0] = crockford[16+sum[31]%16]
	return string(id[:])
}

// DeriveEventIDs gives the events of a batch that have no id the one that EventID derives; indexes run
// over the whole batch.
func DeriveEventIDs(key string, batch []nacre.Append) {
	index := 0
	for i := range batch {
		for j := range batch[i].Events {
			if e := &batch[i].Events[j]; e.ID == "" {
				e.ID = EventID(key, index)
			}
			index++
		}
	}
}

// CheckIdempotencyKey refuses a key that is empty or longer than 256 bytes.
func CheckIdempotencyKey(key string) error {
	switch {
	case key == "":
		return invalid(HeaderIdempotencyKey, "is empty: leave the header out, or give a text that is new for each request")
	case len(key) > maxKey:
		return invalid(HeaderIdempotencyKey, "has %d bytes, at most %d are taken", len(key), maxKey)
	}
	return nil
}
