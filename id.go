package nacre

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// NewID makes an event id: a ULID of the present millisecond and 80 random bits. Ids made in one
// millisecond are in no order; the log's positions are the order.
func NewID() string {
	var id ulid.ULID
	// Cannot fail: the clock's milliseconds fit until the year 10889.
	_ = id.SetTime(uint64(time.Now().UnixMilli()))
	// The global generator is ChaCha8, seeded by the system and without a lock.
	binary.BigEndian.PutUint16(id[6:], uint16(rand.Uint32()))
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	var text [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(text[:])
	return string(text[:])
}
