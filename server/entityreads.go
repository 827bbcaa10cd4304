package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
)

// checkCollection refuses collections not all of whose entities are the grant's.
func (x *exchange) checkCollection(name, what string) error {
	if x.grant.AllowsStream(nacre.StreamID(name + "-")) {
		return nil
	}
	return x.grant.CheckUnconfined(what)
}

// reaches tells whether some entity of a collection could be the grant's.
func (x *exchange) reaches(name string) bool { return len(x.prefixes(name+"-")) > 0 }

// checkEntity refuses entities whose stream the grant does not have.
func (x *exchange) checkEntity(collection, id string) error {
	return x.grant.CheckStream(nacre.StreamID(collection + "-" + id))
}

// listCollections answers GET …/collections.
func (s *Server) listCollections(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	names, err := db.Collections(x.r.Context())
	if err != nil {
		return err
	}
	reply := wire.CollectionsReply{Collections: []wire.CollectionReply{}}
	for _, name := range names {
		if !x.reaches(name) {
			continue
		}
		c, err := x.collection(db, name)
		if err != nil {
			return err
		}
		reply.Collections = append(reply.Collections, c)
	}
	return x.answerWith(http.StatusOK, &reply)
}

// collection tells of one.
func (x *exchange) collection(db Entities, name string) (wire.CollectionReply, error) {
	schema, err := db.Schema(x.r.Context(), name)
	if err != nil {
		return wire.CollectionReply{}, err
	}
	return collectionReply(name, schema)
}

func collectionReply(name string, schema *merge.Schema) (wire.CollectionReply, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return wire.CollectionReply{}, nacre.Errorf(nacre.CodeInternal, "the schema of %q does not encode: %w", name, err)
	}
	return wire.CollectionReply{Name: name, Schema: text}, nil
}

// getCollection answers GET …/collections/{collection}.
func (s *Server) getCollection(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	if !x.reaches(x.path.collection) {
		return x.checkCollection(x.path.collection, "the schema of "+x.path.collection)
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	reply, err := x.collection(db, x.path.collection)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// listEntities answers GET …/collections/{collection}/entities.
func (s *Server) listEntities(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	request, err := wire.ParseEntityQuery(values)
	if err != nil {
		return err
	}
	return x.selectEntities(&request)
}

// queryEntities answers POST …/collections/{collection}/query.
func (s *Server) queryEntities(x *exchange) error {
	request, err := decoded(x, wire.DecodeEntityQuery)
	if err != nil {
		return err
	}
	return x.selectEntities(&request)
}

// selectEntities answers with what a query gives.
func (x *exchange) selectEntities(request *wire.EntityQueryRequest) error {
	collection := x.path.collection
	if err := x.checkCollection(collection, "a query of the collection "+collection); err != nil {
		return err
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	q, err := query.Parse(request.Q)
	if err == nil {
		q, err = query.Bind(q, query.Args{Positional: request.Args, Named: request.Named})
	}
	if err == nil {
		err = x.checkReferences(db, collection, q)
	}
	if err != nil {
		return queryError("q", err)
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), x.s.o.QueryTimeout)
	defer cancel()
	page, err := db.Select(ctx, collection, q, &entity.QueryOptions{
		Caller: x.caller(), After: request.After, Most: request.Limit, MaxBytes: pageBytes, MaxRows: wire.MaxLimit,
	})
	if err != nil {
		if ctx.Err() != nil && x.r.Context().Err() == nil {
			return x.tookLong(db)
		}
		return queryError("q", err)
	}
	reply := wire.EntitiesReply{Next: page.Next, Position: page.Position}
	if page.Table != nil {
		reply.Columns, reply.Rows = tableReply(page.Table)
		return x.answerWith(http.StatusOK, &reply)
	}
	reply.Entities = make([]wire.EntityRow, len(page.Entities))
	for i := range page.Entities {
		reply.Entities[i] = wire.EntityRow{ID: page.Entities[i].ID, Values: page.Entities[i].Values}
	}
	return x.answerWith(http.StatusOK, &reply)
}

// tableReply is the result of a query with columns.
func tableReply(t *query.Table) (columns []string, rows [][]json.RawMessage) {
	rows = make([][]json.RawMessage, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]json.RawMessage, len(row))
		for j := range row {
			rows[i][j] = row[j].AppendJSON(nil)
		}
	}
	return t.Columns, rows
}

// tookLong is the error of a query that had no more time.
func (x *exchange) tookLong(db Entities) error {
	progress := db.Progress()
	if head, err := x.store.Head(x.r.Context()); err == nil && progress.Tabled < head.Position {
		return nacre.Errorf(nacre.CodeDeadline, "the query took longer than the %s that this server gives it, since the tables are still being made: they have the log up to position %d of %d: try again later",
			x.s.o.QueryTimeout, progress.Tabled, head.Position)
	}
	return nacre.Errorf(nacre.CodeDeadline, "the query took longer than the %s that this server gives it: ask for less, or declare an index for it", x.s.o.QueryTimeout)
}

// checkReferences refuses a query that leads into a collection beyond a confined grant's.
func (x *exchange) checkReferences(db Entities, collection string, q *query.Query) error {
	if !x.grant.Confined() {
		return nil
	}
	var refused error
	schema, there := entity.QuerySchema(collection, func(name string) *merge.Schema {
		if err := x.checkCollection(name, "a query that leads to the collection "+name); err != nil {
			refused = errors.Join(refused, err)
			return nil
		}
		s, err := db.Schema(x.asked(), name)
		if err != nil {
			return nil
		}
		return s
	})
	if there {
		_, err := query.Check(q, schema)
		if refused == nil {
			return err
		}
	}
	return refused
}

// queryError is a query's error as a reply tells it, about a field of the request.
func queryError(field string, err error) error {
	if e, ok := errors.AsType[*query.Error](err); ok {
		return &wire.QueryError{Field: field, Line: e.Line, Column: e.Column, Expected: e.Expected, Found: e.Found, Hint: e.Hint}
	}
	return err
}

// getEntity answers GET …/entities/{entity}.
func (s *Server) getEntity(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	at, err := wire.ParseAt(values)
	if err == nil {
		err = x.checkEntity(x.path.collection, x.path.entity)
	}
	if err != nil {
		return err
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	var v *entity.View
	if at != nil {
		if err := x.mayLookBack("what an entity was"); err != nil {
			return err
		}
		v, err = db.At(x.r.Context(), x.path.collection, x.path.entity, at...)
		if e, ok := errors.AsType[*nacre.Error](err); ok && e.Field == "events" {
			told := *e
			told.Field = "at"
			err = &told
		}
	} else {
		v, err = x.read(x.r.Context(), db, x.path.collection, x.path.entity)
	}
	if err != nil {
		return howToRestore(err)
	}
	reply := entityReply(v)
	tag := etag(&reply)
	x.w.Header().Set(wire.HeaderETag, tag)
	if slices.ContainsFunc(tagsOf(x.r.Header[wire.HeaderIfNoneMatch]), func(t string) bool { return t == "*" || `"`+t+`"` == tag }) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return x.answerWith(http.StatusOK, &reply)
}

func entityReply(v *entity.View) wire.EntityReply {
	r := wire.EntityReply{Collection: v.Collection, ID: v.ID, Values: v.Values, Heads: v.Heads, Deleted: v.Deleted}
	if r.Values == nil {
		r.Values = json.RawMessage("null")
	}
	if r.Heads == nil {
		r.Heads = []string{}
	}
	return r
}

// tagHeads is how many heads a tag names; of more, it has a hash.
const tagHeads = 16

// headsTag is the part of a tag that stands for the heads.
func headsTag(heads []string) string {
	if len(heads) <= tagHeads {
		return strings.Join(heads, ".")
	}
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(strings.Join(heads, "."))) // never fails
	return hex.EncodeToString(hash.Sum(nil))
}

// etag is the tag of a reply: the heads, and what the schema of today makes of them.
func etag(r *wire.EntityReply) string {
	hash := fnv.New64a()
	_, _ = hash.Write(r.Values) // never fails
	return `"` + headsTag(r.Heads) + "~" + hex.EncodeToString(hash.Sum(nil)) + `"`
}

// tagsOf are the tags of a header, without quotes.
func tagsOf(values []string) []string {
	var out []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			out = append(out, strings.Trim(tag, `"`))
		}
	}
	return out
}
