package server

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/server/access"
)

// Entities are the collections of entities of a store: an [entity.DB].
type Entities interface {
	Collections(ctx context.Context) ([]string, error)
	Schema(ctx context.Context, collection string) (*merge.Schema, error)
	Declare(ctx context.Context, collection string, schema json.RawMessage, o *entity.TxOptions) (*merge.Schema, error)
	Get(ctx context.Context, collection, id string) (*entity.View, error)
	Select(ctx context.Context, collection string, q *query.Query, o *entity.QueryOptions) (*entity.Page, error)
	Follow(ctx context.Context, collection string, q *query.Query, o *entity.LiveOptions) (*entity.Live, error)
	SetPolicies(ctx context.Context, collection string, p entity.Policies, o *entity.TxOptions) error
	Policies(ctx context.Context, collection string) (entity.Policies, error)
	TestPolicies(ctx context.Context, collection string, caller *entity.Caller, id string, values json.RawMessage) (read, write entity.Verdict, err error)
	Begin(o *entity.TxOptions) *entity.Tx
	Apply(ctx context.Context, o *entity.TxOptions, edits ...entity.Edit) (entity.Applied, error)
	At(ctx context.Context, collection, id string, events ...string) (*entity.View, error)
	History(ctx context.Context, collection, id string, o *entity.HistoryOptions) ([]entity.Entry, error)
	Conflicts(ctx context.Context, collection, id string) ([]entity.Conflict, error)
	Inspect(ctx context.Context, collection, id string) (*entity.Inspection, error)
	Diff(ctx context.Context, collection, id string, from, to []string) ([]entity.Difference, error)
	Transaction(ctx context.Context, at nacre.Position) (entity.Commit, error)
	Undo(ctx context.Context, o *entity.TxOptions, commits ...entity.Commit) (entity.Commit, error)
	Progress() entity.Progress
	// Close ends them; the store is open still.
	Close() error
}

// entityRoutes are those of collections, entities and transactions.
func entityRoutes() []*route {
	const (
		read, write, manage = access.ReadEvents, access.WriteEvents, access.ManageCollections
		collections         = storePath + "/collections"
		collection          = collections + "/{collection}"
		entities            = collection + "/entities"
		one                 = entities + "/{entity}"
	)
	or := func(a *action, other ...access.Permission) *action {
		a.or = other
		return a
	}
	schema := func(do handler) *action { return or(does("GET", read, do), manage, access.Entities) }
	reads := func(method string, do handler) *action { return or(does(method, read, do), access.Entities) }
	edits := func(method string, do handler) *action { return or(does(method, write, do), access.Entities) }
	socket := reads("GET", (*Server).followQueries)
	socket.socket, socket.instead = true, "GET …/collections/{collection}/live follows one query over HTTP"
	return append(historyRoutes(one),
		at(storePath+"/live", socket),
		at(collection+"/live", reads("GET", (*Server).followQuery)),
		at(collections, schema((*Server).listCollections)),
		at(collection, schema((*Server).getCollection), does("PUT", manage, (*Server).declareCollection)),
		at(collection+"/query", reads("POST", (*Server).queryEntities)),
		at(collection+"/policies", does("GET", manage, (*Server).getPolicies), does("PUT", manage, (*Server).setPolicies)),
		at(collection+"/policies/test", does("POST", manage, (*Server).testPolicies)),
		at(entities, reads("GET", (*Server).listEntities), edits("POST", (*Server).createEntity)),
		at(one, reads("GET", (*Server).getEntity), edits("PATCH", (*Server).changeEntity), edits("DELETE", (*Server).deleteEntity)),
		at(one+"/restore", edits("POST", (*Server).restoreEntity)),
		at(storePath+"/transactions", edits("POST", (*Server).transact)),
	)
}

// endEntities closes a store's entities, for ever.
func (n *namedStore) endEntities(log *slog.Logger) {
	if db, there := n.entities.end(); there {
		if err := db.Close(); err != nil {
			log.Warn("the entities of a store did not close well", "store", n.name, "error", err)
		}
	}
}

// entities are those of the request's store.
func (x *exchange) entities() (Entities, error) {
	return x.named.entities.of(x.asked(), x.named, x.s.o.Entities, "this server keeps no entities")
}
