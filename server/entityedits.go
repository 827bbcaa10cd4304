package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// txOptions are those of what the caller does: who is named, else who asks, is the actor.
func (x *exchange) txOptions(c *wire.CommandContext) entity.TxOptions {
	metadata := map[string]any{}
	for name, value := range c.Metadata {
		metadata[name] = value
	}
	for name, text := range map[string]string{
		"correlationId": c.CorrelationID, "causationId": c.CausationID, "sourceDevice": c.SourceDevice,
	} {
		if text != "" {
			metadata[name] = text
		}
	}
	o := entity.TxOptions{Actor: c.Actor, Caller: x.caller()}
	if o.Actor == "" && x.grant.Kind != access.KindOpen {
		o.Actor = x.grant.Who()
	}
	if len(metadata) > 0 {
		o.Metadata = metadata
	}
	return o
}

// declareCollection answers PUT …/collections/{collection}.
func (s *Server) declareCollection(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	c, err := wire.ParseEditContext(values)
	if err != nil {
		return err
	}
	name := x.path.collection
	if err := entity.CheckCollection(name); err != nil {
		return err
	}
	if err := x.checkCollection(name, "a change of the collection "+name); err != nil {
		return err
	}
	schema, err := decodedBody(x, func(body []byte) (json.RawMessage, error) { return slices.Clone(body), nil })
	if err != nil {
		return err
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	o := x.txOptions(&c)
	ctx := context.WithoutCancel(x.r.Context())
	_, err = db.Schema(ctx, name)
	made := nacre.CodeOf(err) == nacre.CodeNotFound
	declared, err := db.Declare(ctx, name, schema, &o)
	if err != nil {
		x.named.failed(err)
		return err
	}
	reply, err := collectionReply(name, declared)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if made {
		status = http.StatusCreated
		x.w.Header().Set("Location", x.address("collections", name))
	}
	return x.answerWith(status, &reply)
}

// address is a path below the request's store, under the prefix that the request has.
func (x *exchange) address(parts ...string) string {
	prefix, _, _ := strings.Cut(x.r.URL.Path, "event-stores")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return prefix + "event-stores/" + url.PathEscape(x.named.name) + "/" + strings.Join(parts, "/")
}

// createEntity answers POST …/entities.
func (s *Server) createEntity(x *exchange) error {
	request, err := decoded(x, wire.DecodeCreate)
	if err != nil {
		return err
	}
	return x.edits(&entity.Edit{Do: "create", Collection: x.path.collection, ID: request.ID, Values: request.Values}, &request.Context)
}

// changeEntity answers PATCH …/entities/{entity}.
func (s *Server) changeEntity(x *exchange) error {
	request, err := decoded(x, wire.DecodeChange)
	if err != nil {
		return err
	}
	return x.edits(x.editOf("patch", request.Patch), &request.Context)
}

// deleteEntity answers DELETE …/entities/{entity}.
func (s *Server) deleteEntity(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	c, err := wire.ParseEditContext(values)
	if err != nil {
		return err
	}
	return x.edits(x.editOf("delete", nil), &c)
}

// restoreEntity answers POST …/entities/{entity}/restore.
func (s *Server) restoreEntity(x *exchange) error {
	request, err := decoded(x, wire.DecodeEditContext)
	if err != nil {
		return err
	}
	return x.edits(x.editOf("restore", nil), &request.Context)
}

func (x *exchange) editOf(do string, patch json.RawMessage) *entity.Edit {
	return &entity.Edit{Do: do, Collection: x.path.collection, ID: x.path.entity, Patch: patch}
}

// edits makes one edit, and answers with what it came to. From where it begins it does not matter whether the client stays.
func (x *exchange) edits(e *entity.Edit, c *wire.CommandContext) error {
	job, err := x.job(false, c, *e)
	if err != nil {
		return err
	}
	if job.match, err = x.ifMatch(e); err != nil {
		return err
	}
	ctx := context.WithoutCancel(x.r.Context())
	done, err := job.run(ctx)
	if err != nil {
		return err
	}
	reply := wire.EditReply{Committed: committed(&done), EntityReply: wire.EntityReply{
		Collection: e.Collection, ID: done.IDs[0], Heads: []string{},
	}}
	reads := x.grant.Has(access.ReadEvents) || x.grant.Has(access.Entities)
	v, err := x.read(ctx, job.db, e.Collection, reply.ID)
	switch code := nacre.CodeOf(err); {
	case err == nil:
		reply.EntityReply = entityReply(v)
		if reads {
			x.w.Header().Set(wire.HeaderETag, etag(&reply.EntityReply))
		} else {
			x.w.Header().Set(wire.HeaderETag, `"`+headsTag(v.Heads)+`"`)
		}
	case code == entity.CodeDeleted, code == nacre.CodeNotFound: // a policy may hide what he made of it
		if reply.Deleted = code == entity.CodeDeleted; reply.Deleted {
			reply.Values = json.RawMessage("null")
		}
		for i := range done.Events {
			reply.Heads = append(reply.Heads, done.Events[i].ID)
		}
	default:
		return err
	}
	if !reads {
		reply.Values = nil
	}
	status := http.StatusOK
	if e.Do == "create" && !reply.Duplicate {
		status = http.StatusCreated
		x.w.Header().Set("Location", x.address("collections", e.Collection, "entities", reply.ID))
	}
	return x.answerWith(status, &reply)
}

func committed(done *outcome) wire.Committed {
	return wire.Committed{
		TransactionID: done.TransactionID, FirstPosition: done.First, LastPosition: done.Last, Duplicate: done.duplicate,
	}
}

// ifMatch are the tags that a change is bound to, nil where it is to none.
func (x *exchange) ifMatch(e *entity.Edit) ([]string, error) {
	given := x.r.Header[wire.HeaderIfMatch]
	if len(given) == 0 {
		return nil, nil
	}
	if e.Do != "patch" && e.Do != "delete" {
		return nil, &nacre.Error{Code: nacre.CodeInvalid, Field: wire.HeaderIfMatch, Message: "goes with PATCH and DELETE of an entity"}
	}
	return tagsOf(given), nil
}

// transact answers POST …/transactions.
func (s *Server) transact(x *exchange) error {
	request, err := decoded(x, wire.DecodeTransaction)
	if err != nil {
		return err
	}
	edits := make([]entity.Edit, len(request.Edits))
	for i := range request.Edits {
		edits[i] = entity.Edit(request.Edits[i])
	}
	job, err := x.job(request.Strict, &request.Context, edits...)
	if err != nil {
		return inBody(edits, err)
	}
	if len(x.r.Header[wire.HeaderIfMatch]) > 0 {
		return &nacre.Error{
			Code: nacre.CodeInvalid, Field: wire.HeaderIfMatch, Message: "goes with PATCH and DELETE of an entity",
		}
	}
	done, err := job.run(context.WithoutCancel(x.r.Context()))
	if err != nil {
		return inBody(edits, err)
	}
	return x.answerTransaction(&done)
}

// inBody gives an error about one of the edits of a transaction the path that its field has in the body.
func inBody(edits []entity.Edit, err error) error {
	e, ok := errors.AsType[*nacre.Error](err)
	if !ok || e.Code != nacre.CodeInvalid || e.Field == "" {
		return err
	}
	i, field := 0, e.Field
	if _, scanned := fmt.Sscanf(field, "edits[%d]", &i); scanned == nil {
		_, field, _ = strings.Cut(field, "]")
		field = strings.TrimPrefix(field, ".")
	} else if len(edits) > 1 {
		return err
	}
	switch verb, _, _ := strings.Cut(field, "."); verb {
	case "set", "add", "remove":
		field = "patch." + field
	case "", "do", "collection", "id", "values", "patch":
	default:
		return err // it is about something else
	}
	told := *e
	told.Field = strings.TrimSuffix(fmt.Sprintf("edits[%d].%s", i, field), ".")
	return &told
}
