package nacre

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

const maxBlobKey = 200

// blobs checks what a driver's BlobKeeper is asked, and wraps what it answers.
type blobs struct {
	s      *Store
	keeper BlobKeeper
}

func (b blobs) usable(ctx context.Context, key string) error {
	if err := b.s.usable(ctx); err != nil {
		return err
	}
	if problem := checkBlobKey(key); problem != "" {
		return invalid("key", problem)
	}
	return nil
}

func (b blobs) PutBlob(ctx context.Context, key string, data []byte) error {
	if err := b.usable(ctx, key); err != nil {
		return err
	}
	return wrap("put blob", b.keeper.PutBlob(ctx, key, data))
}

func (b blobs) GetBlob(ctx context.Context, key string) ([]byte, error) {
	if err := b.usable(ctx, key); err != nil {
		return nil, err
	}
	data, err := b.keeper.GetBlob(ctx, key)
	return data, wrap("get blob", err)
}

func (b blobs) DeleteBlob(ctx context.Context, key string) error {
	if err := b.usable(ctx, key); err != nil {
		return err
	}
	return wrap("delete blob", b.keeper.DeleteBlob(ctx, key))
}

func (b blobs) ListBlobs(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if err := b.s.usable(ctx); err != nil {
		return failed[string](err)
	}
	return wrapped("list blobs", b.keeper.ListBlobs(ctx, prefix))
}

func checkBlobKey(key string) string {
	if key == "" || len(key) > maxBlobKey {
		return fmt.Sprintf("has %d characters: give 1 to %d", len(key), maxBlobKey)
	}
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == '/':
		default:
			return fmt.Sprintf(`has the byte %q: give "a-z A-Z 0-9 . _ - /"`, c)
		}
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Sprintf("has the part %q: empty parts, \".\" and \"..\" are not taken", part)
		}
	}
	return ""
}
