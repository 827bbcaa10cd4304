package main

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
)

// entitySource is a store whose entities are read and edited, here or on a server.
type entitySource interface {
	collections(ctx context.Context) ([]wire.CollectionReply, error)
	collection(ctx context.Context, name string) (*wire.CollectionReply, error)
	declare(ctx context.Context, name string, schema json.RawMessage) (*wire.CollectionReply, error)
	query(ctx context.Context, collection string, q *queryRequest) (*wire.EntitiesReply, error)
	// live follows a query. It goes on when a connection breaks, and tells of that.
	live(ctx context.Context, collection string, q *queryRequest, trouble func(error)) iter.Seq2[*wire.LiveNotice, error]
	get(ctx context.Context, collection, id string) (*wire.EntityReply, error)
	apply(ctx context.Context, edits ...wire.EntityEdit) (*wire.TransactionReply, error)
	watch(ctx context.Context, collection, id string) iter.Seq2[*wire.EntityReply, error]
	at(ctx context.Context, collection, id string, events []string) (*wire.EntityReply, error)
	inspect(ctx context.Context, collection, id string) (*entity.Inspection, error)
	history(ctx context.Context, collection, id string, o *entity.HistoryOptions) ([]entity.Entry, error)
	conflicts(ctx context.Context, collection, id string) ([]entity.Conflict, error)
	diff(ctx context.Context, collection, id string, from, to []string) ([]entity.Difference, error)
	undo(ctx context.Context, positions ...nacre.Position) (*wire.Committed, error)
	policies(ctx context.Context, collection string) (*wire.Policies, error)
	setPolicies(ctx context.Context, collection string, to *wire.Policies) error
	testPolicies(ctx context.Context, collection string, of *policyTest) (*wire.PolicyTestReply, error)
}

// queryRequest is what is asked of a collection: the body of the server's route.
type queryRequest struct {
	Text  string                     `json:"q"`
	Args  []json.RawMessage          `json:"args,omitempty"`
	Named map[string]json.RawMessage `json:"named,omitempty"`
	After string                     `json:"after,omitempty"`
	Limit int                        `json:"limit,omitempty"`
}

// entityUse is what a command wants of a store's entities.
type entityUse int

const (
	readEntities    entityUse = iota // beside whoever writes
	watchEntities                    // the same, for long
	editEntities                     // in a store that is there
	declareEntities                  // in a store that is made where it is not there
)

// entitiesOf calls use with a store's entities: of the server that is named, or of the directory.
func (p *program) entitiesOf(ctx context.Context, how entityUse, use func(context.Context, entitySource) error) error {
	if p.remote.url != "" {
		return p.onRemote(ctx, how == declareEntities, func(ctx context.Context, _ *nacre.Store) error {
			return p.onEntityRoutes(ctx, use)
		})
	}
	dir, err := p.present()
	if how == declareEntities {
		dir, err = p.folder()
	}
	if err != nil {
		return err
	}
	o := &filestore.Options{ReadOnly: how == readEntities || how == watchEntities}
	err = p.using(ctx, dir, o, func(ctx context.Context, store *nacre.Store) error {
		return p.localEntities(ctx, store, dir, how, use)
	})
	if !o.ReadOnly && nacre.CodeOf(err) == nacre.CodeLocked {
		return nacre.Errorf(nacre.CodeLocked, "%s; or, without stopping it, edit with --server where that process serves the store", message(err))
	}
	return err
}

// localEntities opens the entities of a store that is open here.
func (p *program) localEntities(ctx context.Context, store *nacre.Store, dir string, how entityUse, use func(context.Context, entitySource) error) error {
	logger := slog.New(&warnings{to: p, level: p.level()})
	tables, why, err := p.entityTables(dir, how, logger)
	if err != nil {
		return err
	}
	db, err := entity.Open(ctx, store, tables, &entity.Options{Logger: logger})
	if err != nil {
		return err
	}
	l := &localEntities{db: db, actor: p.actorOf()}
	if why != "" {
		err = p.patiently(foldTime, "the entities are being made of the log, in memory, since "+why, func() error {
			_, err := db.Collections(ctx) // waits for the log's end
			return err
		})
	}
	if err == nil {
		err = use(ctx, l)
	}
	if err == nil && l.edited != "" {
		// What was edited is durable. That the tables have it, too, spares the next command the folding of it.
		_, e := db.Query(ctx, l.edited, "LIMIT 0", nil)
		if e != nil && p.verbose {
			p.note("the tables of the entities are behind: %s", message(e))
		}
	}
	if e := db.Close(); err == nil {
		err = e
	}
	return err
}

// entityTables are those of the store's file, which need not be made anew each time. Where another process has them open, and
// where whoever reads could not give them to the store's owner, they are made in memory, of the log. Who watches does not
// keep the file from others.
func (p *program) entityTables(dir string, how entityUse, logger *slog.Logger) (tables entity.Tables, why string, err error) {
	reads := how == readEntities
	switch {
	case how == watchEntities:
		return memory.Open(), "watching leaves their tables to others", nil
	case reads && !ownFolder(dir):
		return memory.Open(), "the store's folder is another user's", nil
	}
	tables, err = sqlite.Open(sqlite.Path(dir), &sqlite.Options{Logger: logger})
	switch {
	case err == nil:
		return tables, "", nil
	case nacre.CodeOf(err) != nacre.CodeLocked && !reads:
		return nil, "", err
	}
	why = message(err)
	if nacre.CodeOf(err) == nacre.CodeLocked {
		why = "another process has their tables open: where it serves the store, --server asks it instead"
	}
	if p.verbose {
		p.note("the entities are made of the log, in memory: %s", message(err))
	}
	return memory.Open(), why, nil
}

// foldTime is how long the log may be folded before that is told.
const foldTime = 3 * time.Second

// patiently does something, and says what it is where it takes its time.
func (p *program) patiently(after time.Duration, what string, do func() error) error {
	told := time.AfterFunc(after, func() { p.note("%s", what) })
	defer told.Stop()
	return do()
}
