package segment

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
)

// sumChunk is what Sum reads between two looks at its context, and between two pauses for others: it runs
// beside appends, which wait for a processor in microseconds and not in a scheduler's slices.
const sumChunk = 128 << 10

// Sum is the SHA-256 of the first size bytes of r. progress, where it is not nil, is told how many bytes
// are done. It ends with the context's error when the context does.
func Sum(ctx context.Context, r io.ReaderAt, size int64, progress func(done int64)) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	buf := make([]byte, min(size, sumChunk))
	for done := int64(0); done < size; {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		part := buf[:min(size-done, sumChunk)]
		n, err := r.ReadAt(part, done)
		if n < len(part) {
			return sum, fmt.Errorf("at byte %d of %d: %w", done+int64(n), size, shortRead(err))
		}
		h.Write(part)
		runtime.Gosched()
		if done += int64(n); progress != nil {
			progress(done)
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}
