package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// appendToStream answers POST …/streams/{stream}.
func (s *Server) appendToStream(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	return x.append(false, func(body []byte, o *wire.DecodeOptions) (wire.AppendRequest, error) {
		return wire.DecodeAppend(body, x.path.stream, o)
	})
}

// commit answers POST …/events.
func (s *Server) commit(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	imported := false
	if len(values) > 0 {
		if imported, err = wire.ParseImport(values); err != nil {
			return err
		}
	}
	return x.append(imported, wire.DecodeCommit)
}

// append takes what the body asks for, and answers.
func (x *exchange) append(imported bool, decode func([]byte, *wire.DecodeOptions) (wire.AppendRequest, error)) error {
	key, err := x.idempotencyKey()
	if err != nil {
		return err
	}
	o := wire.DecodeOptions{Import: imported, IdempotencyKey: key}
	body := takeBuffer()
	if err := x.body(body, x.s.o.MaxBodyBytes); err != nil {
		giveBuffer(body)
		return err
	}
	request, err := decode(*body, &o)
	if err == nil {
		err = request.Locate(unreserved(request.Batch))
	}
	if err == nil {
		err = x.mayAppend(&request)
	}
	if err != nil {
		giveBuffer(body)
		return err
	}
	out, err := x.take(&request, imported)
	if err != nil {
		// Where it is not known what became of the append, its bytes may still be in use.
		if status := wire.Status(nacre.CodeOf(err)); status >= 400 && status < 500 {
			giveBuffer(body)
		}
		return request.Locate(err)
	}
	x.count(out, len(*body))
	reply := takeBuffer()
	defer giveBuffer(reply)
	minimal := len(x.r.Header[wire.HeaderPrefer]) > 0 && x.minimal()
	if request.Form == wire.FormStream {
		*reply = wire.AppendStreamReply((*reply)[:0], &out[0], minimal)
	} else {
		*reply = wire.AppendCommitReply((*reply)[:0], request.Form, out, minimal)
	}
	// The events that the store gave back may have been parts of the body until here.
	giveBuffer(body)
	status := http.StatusOK
	for i := range out {
		if !out[i].Duplicate {
			status = http.StatusCreated
			break
		}
	}
	return x.answer(status, *reply)
}

// idempotencyKey is the request's, "" where it has none.
func (x *exchange) idempotencyKey() (string, error) {
	keys := x.r.Header[wire.HeaderIdempotencyKey]
	switch len(keys) {
	case 0:
		return "", nil
	case 1:
		return keys[0], wire.CheckIdempotencyKey(keys[0])
	}
	return "", &nacre.Error{Code: nacre.CodeInvalid, Field: wire.HeaderIdempotencyKey, Message: "is given more than once: give it once"}
}

// unreserved refuses names that begin with "$": a store takes some, from the programs around it and not from requests.
func unreserved(batch []nacre.Append) error {
	for i := range batch {
		a := &batch[i]
		field := ""
		if len(batch) > 1 {
			field = fmt.Sprintf("batch[%d].", i)
		}
		if strings.HasPrefix(string(a.Stream), "$") {
			return &nacre.Error{Code: nacre.CodeInvalid, Field: field + "streamId", Message: reserved}
		}
		for j := range a.Events {
			if strings.HasPrefix(a.Events[j].Type, "$") {
				return &nacre.Error{Code: nacre.CodeInvalid, Field: fmt.Sprintf("%sevents[%d].type", field, j), Message: reserved}
			}
		}
	}
	return nil
}

const reserved = `begins with "$", which is reserved: schemas and policies of collections have routes of their own`

// take hands the batch to the store. From here on it does not matter whether the client is there.
func (x *exchange) take(request *wire.AppendRequest, imported bool) ([]nacre.Appended, error) {
	ctx := context.WithoutCancel(x.r.Context())
	var out []nacre.Appended
	var err error
	switch {
	case imported && request.Condition != nil:
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: "condition", Message: "is not taken with import=true"}
	case imported:
		out, err = x.store.Import(ctx, request.Batch...)
	default:
		out, err = x.store.Commit(ctx, request.Condition, request.Batch...)
	}
	if err != nil {
		x.named.failed(err)
	}
	return out, err
}

// count tells the store's figures what was appended.
func (x *exchange) count(out []nacre.Appended, bytes int) {
	events := 0
	for i := range out {
		if !out[i].Duplicate {
			events += len(out[i].Events)
		}
	}
	x.named.appended.Add(float64(events))
	x.named.took.Add(float64(bytes))
}
