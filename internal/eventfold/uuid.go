package eventfold

import (
	"crypto/sha1" //nolint:gosec // version 5 of a UUID is made with SHA-1, and is no secret
	"encoding/hex"
)

// uuid is 16 bytes, as they stand in a file.
type uuid [16]byte

// String is the usual form, in lower case.
func (u uuid) String() string {
	b := make([]byte, 0, 36)
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// streamSpace is the namespace of the streams of eventfold-es 0.6.
var streamSpace = uuid{0x9a, 0x1e, 0x7c, 0x3b, 0x4d, 0x2f, 0x4a, 0x8e, 0xb5, 0x6c, 0x1f, 0x3d, 0x7e, 0x9a, 0x0b, 0xc4}

// streamUUID is the stream of an aggregate, as eventfold-es 0.6 makes it: a UUID of version 5.
func streamUUID(kind, id string) uuid {
	h := sha1.New() //nolint:gosec // as above
	h.Write(streamSpace[:])
	h.Write([]byte(kind + "/" + id))
	u := uuid(h.Sum(nil)[:16])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}
