package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// blob is a request about one blob. Keys have only characters that stand in a path as they are.
func (d *driver) blob(method, key string, data []byte) *request {
	return &request{method: method, url: d.at("/blobs/"+key, nil), header: d.peer.header, body: data}
}

// PutBlob implements nacre.BlobKeeper.
func (d *driver) PutBlob(ctx context.Context, key string, data []byte) error {
	_, err := d.ask(ctx, d.blob(http.MethodPut, key, data))
	return err
}

// GetBlob implements nacre.BlobKeeper.
func (d *driver) GetBlob(ctx context.Context, key string) ([]byte, error) {
	return d.ask(ctx, d.blob(http.MethodGet, key, nil))
}

// DeleteBlob implements nacre.BlobKeeper.
func (d *driver) DeleteBlob(ctx context.Context, key string) error {
	_, err := d.ask(ctx, d.blob(http.MethodDelete, key, nil))
	return err
}

// ListBlobs implements nacre.BlobKeeper.
func (d *driver) ListBlobs(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var values url.Values
		if prefix != "" {
			values = url.Values{"prefix": {prefix}}
		}
		var reply wire.BlobsReply
		if err := d.get(ctx, d.at("/blobs", values), &reply); err != nil {
			yield("", err)
			return
		}
		for _, key := range reply.Keys {
			if !yield(key, nil) {
				return
			}
		}
	}
}

var _ nacre.BlobKeeper = (*driver)(nil)
