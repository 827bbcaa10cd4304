package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/wire"
)

// entityRoutes are those of a server.
type entityRoutes struct {
	*routes
	actor   string
	trouble func(error) // is told of connections that break
}

// onEntityRoutes calls use with the entities of the server's store.
func (p *program) onEntityRoutes(ctx context.Context, use func(context.Context, entitySource) error) error {
	o, err := p.remote.options(p.store, 0)
	if err != nil {
		return err
	}
	a := newAsker(p.remote.url, o)
	defer a.transport.CloseIdleConnections()
	return use(ctx, &entityRoutes{&routes{a, "/event-stores/" + p.store}, p.actorOf(), p.tellTrouble})
}

func (r *entityRoutes) path(name string) string {
	return r.store + "/collections/" + url.PathEscape(name)
}

func (r *entityRoutes) entity(collection, id string) string {
	return r.path(collection) + "/entities/" + url.PathEscape(id)
}

// askJSON makes a request whose body and reply are JSON.
func askJSON[T any](ctx context.Context, a *asker, method, path string, body any) (*T, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = wire.Encode(body); err != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "the request cannot be written: %w", err)
		}
	}
	reply := new(T)
	if err := a.ask(ctx, method, path, text, anySuccess, reply); err != nil {
		return nil, err
	}
	return reply, nil
}

func (r *entityRoutes) collections(ctx context.Context) ([]wire.CollectionReply, error) {
	reply, err := askJSON[wire.CollectionsReply](ctx, r.asker, http.MethodGet, r.store+"/collections", nil)
	if err != nil {
		return nil, err
	}
	return reply.Collections, nil
}

func (r *entityRoutes) collection(ctx context.Context, name string) (*wire.CollectionReply, error) {
	return askJSON[wire.CollectionReply](ctx, r.asker, http.MethodGet, r.path(name), nil)
}

func (r *entityRoutes) declare(ctx context.Context, name string, schema json.RawMessage) (*wire.CollectionReply, error) {
	return askJSON[wire.CollectionReply](ctx, r.asker, http.MethodPut, r.path(name)+r.asActor(), schema)
}

// asActor is who asks, for the address of a request whose body has no room for it.
func (r *entityRoutes) asActor() string {
	if r.actor == "" {
		return ""
	}
	return "?actor=" + url.QueryEscape(r.actor)
}

func (r *entityRoutes) query(ctx context.Context, collection string, q *queryRequest) (*wire.EntitiesReply, error) {
	return askJSON[wire.EntitiesReply](ctx, r.asker, http.MethodPost, r.path(collection)+"/query", q)
}

func (r *entityRoutes) get(ctx context.Context, collection, id string) (*wire.EntityReply, error) {
	return askJSON[wire.EntityReply](ctx, r.asker, http.MethodGet, r.entity(collection, id), nil)
}

// transactionBody is the body of a request to make edits, or to undo them, as wire.DecodeTransaction and wire.DecodeUndo read it.
type transactionBody struct {
	Edits     []wire.EntityEdit `json:"edits,omitempty"`
	Positions []nacre.Position  `json:"positions,omitempty"`
	Context   *commandContext   `json:"context,omitempty"`
}

// by is who asks, for a body.
func (r *entityRoutes) by() *commandContext {
	if r.actor == "" {
		return nil
	}
	return &commandContext{Actor: r.actor}
}

func (r *entityRoutes) apply(ctx context.Context, edits ...wire.EntityEdit) (*wire.TransactionReply, error) {
	return askJSON[wire.TransactionReply](ctx, r.asker, http.MethodPost, r.store+"/transactions", &transactionBody{Edits: edits, Context: r.by()})
}

// watch asks for the entity whenever its row changes, which the live route tells.
func (r *entityRoutes) watch(ctx context.Context, collection, id string) iter.Seq2[*wire.EntityReply, error] {
	return func(yield func(*wire.EntityReply, error) bool) {
		var last *wire.EntityReply
		row := &queryRequest{Text: "id = ?", Args: []json.RawMessage{jsonString(id)}}
		for _, err := range r.live(ctx, collection, row, r.trouble) {
			var v *wire.EntityReply
			if err == nil {
				v, err = r.look(ctx, collection, id)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if last != nil && v.Deleted == last.Deleted && slices.Equal(v.Heads, last.Heads) {
				continue // the connection was made again
			}
			if !yield(v, nil) {
				return
			}
			last = v
		}
	}
}

// look gets an entity that may be deleted. It bears a server that is not there for a while.
func (r *entityRoutes) look(ctx context.Context, collection, id string) (*wire.EntityReply, error) {
	for attempt := 0; ; attempt++ {
		v, err := r.get(ctx, collection, id)
		if nacre.CodeOf(err) == entity.CodeDeleted {
			return &wire.EntityReply{Collection: collection, ID: id, Deleted: true}, nil
		}
		again := passes(err) || nacre.CodeOf(err) == nacre.CodeInternal
		if err == nil || !again || attempt == 10 || !pause(ctx, attempt) {
			return v, err
		}
	}
}

func (r *entityRoutes) at(ctx context.Context, collection, id string, events []string) (*wire.EntityReply, error) {
	return askJSON[wire.EntityReply](ctx, r.asker, http.MethodGet, r.entity(collection, id)+"?at="+url.QueryEscape(strings.Join(events, ",")), nil)
}

func (r *entityRoutes) inspect(ctx context.Context, collection, id string) (*entity.Inspection, error) {
	return askJSON[entity.Inspection](ctx, r.asker, http.MethodGet, r.entity(collection, id)+"/inspect", nil)
}

func (r *entityRoutes) history(ctx context.Context, collection, id string, o *entity.HistoryOptions) ([]entity.Entry, error) {
	type page struct {
		Entries []entity.Entry `json:"entries"`
	}
	q := url.Values{"limit": {strconv.Itoa(o.Most)}}
	if o.After > 0 {
		q.Set("after", fmt.Sprint(o.After))
	}
	if o.Backwards {
		q.Set("backwards", "true")
	}
	reply, err := askJSON[page](ctx, r.asker, http.MethodGet, r.entity(collection, id)+"/history?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return reply.Entries, nil
}

func (r *entityRoutes) conflicts(ctx context.Context, collection, id string) ([]entity.Conflict, error) {
	type list struct {
		Conflicts []entity.Conflict `json:"conflicts"`
	}
	reply, err := askJSON[list](ctx, r.asker, http.MethodGet, r.entity(collection, id)+"/conflicts", nil)
	if err != nil {
		return nil, err
	}
	return reply.Conflicts, nil
}

func (r *entityRoutes) diff(ctx context.Context, collection, id string, from, to []string) ([]entity.Difference, error) {
	type list struct {
		Differences []entity.Difference `json:"differences"`
	}
	q := url.Values{}
	for name, events := range map[string][]string{"from": from, "to": to} {
		if len(events) > 0 {
			q.Set(name, strings.Join(events, ","))
		}
	}
	reply, err := askJSON[list](ctx, r.asker, http.MethodGet, r.entity(collection, id)+"/diff?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return reply.Differences, nil
}

func (r *entityRoutes) undo(ctx context.Context, positions ...nacre.Position) (*wire.Committed, error) {
	return askJSON[wire.Committed](ctx, r.asker, http.MethodPost, r.store+"/transactions/undo", &transactionBody{Positions: positions, Context: r.by()})
}
