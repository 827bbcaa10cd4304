package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

var typeBytes = []string{"application/octet-stream"}

// blobs gives the blobs of a request that has no parameters.
func (x *exchange) blobs() (nacre.BlobKeeper, error) {
	if err := x.noQuery(); err != nil {
		return nil, err
	}
	return x.store.Blobs()
}

// listBlobs answers GET …/blobs.
func (s *Server) listBlobs(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	prefix, err := wire.ParseBlobs(values)
	if err != nil {
		return err
	}
	blobs, err := x.store.Blobs()
	if err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	reply := wire.BlobsReply{Keys: []string{}}
	for key, err := range blobs.ListBlobs(ctx, prefix) {
		if err != nil {
			return err
		}
		reply.Keys = append(reply.Keys, key)
	}
	return x.answerWith(http.StatusOK, &reply)
}

// getBlob answers GET …/blobs/{key}.
func (s *Server) getBlob(x *exchange) error {
	blobs, err := x.blobs()
	if err != nil {
		return err
	}
	data, err := blobs.GetBlob(x.r.Context(), x.path.key)
	if err != nil {
		return err
	}
	x.w.Header()["Content-Type"] = typeBytes
	return x.send(http.StatusOK, data)
}

// putBlob answers PUT …/blobs/{key}.
func (s *Server) putBlob(x *exchange) error {
	blobs, err := x.blobs()
	if err != nil {
		return err
	}
	body := takeBuffer()
	defer giveBuffer(body)
	if err := x.body(body, x.s.o.MaxBlobBytes); err != nil {
		return err
	}
	// A driver may keep what it is given.
	if err := blobs.PutBlob(context.WithoutCancel(x.r.Context()), x.path.key, slices.Clone(*body)); err != nil {
		return err
	}
	return x.send(http.StatusNoContent, nil)
}

// deleteBlob answers DELETE …/blobs/{key}.
func (s *Server) deleteBlob(x *exchange) error {
	blobs, err := x.blobs()
	if err != nil {
		return err
	}
	if err := blobs.DeleteBlob(context.WithoutCancel(x.r.Context()), x.path.key); err != nil {
		return err
	}
	return x.send(http.StatusNoContent, nil)
}
