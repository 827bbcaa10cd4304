package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// historyReply answers GET …/history.
type historyReply struct {
	Entries []json.RawMessage `json:"entries"`       // each an entity.Entry
	Next    nacre.Position    `json:"next,omitzero"` // for after, where there may be more
}

// conflictsReply answers GET …/conflicts.
type conflictsReply struct {
	Conflicts []entity.Conflict `json:"conflicts"`
}

// diffReply answers GET …/diff.
type diffReply struct {
	Differences []entity.Difference `json:"differences"`
}

// tellsOf is a handler that answers with what is known of an entity.
func tellsOf[P any](x *exchange, parse func(url.Values) (P, error), tell func(context.Context, Entities, P) (any, error)) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := parse(values)
	if err == nil {
		err = x.checkEntity(x.path.collection, x.path.entity)
	}
	if err != nil {
		return err
	}
	if err := x.mayLookBack("the history of an entity"); err != nil {
		return err
	}
	db, err := x.entities()
	if err != nil {
		return err
	}
	reply, err := tell(x.r.Context(), db, p)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, reply)
}

func noParameters(values url.Values) (none struct{}, err error) {
	if len(values) > 0 {
		err = wire.ParseNone(values)
	}
	return none, err
}

// entityHistory answers GET …/entities/{entity}/history.
func (s *Server) entityHistory(x *exchange) error {
	return tellsOf(x, wire.ParseHistory, func(ctx context.Context, db Entities, p wire.HistoryParams) (any, error) {
		entries, err := db.History(ctx, x.path.collection, x.path.entity,
			&entity.HistoryOptions{After: p.After, Most: p.Limit, Backwards: p.Backwards})
		if err != nil {
			return nil, err
		}
		return historyPage(entries, p.Limit)
	})
}

// historyPage is a page of a history: it ends once it has pageBytes.
func historyPage(entries []entity.Entry, limit int) (*historyReply, error) {
	reply := &historyReply{Entries: []json.RawMessage{}}
	size := 0
	for i := range entries {
		text, err := json.Marshal(&entries[i])
		if err != nil {
			return nil, nacre.Errorf(nacre.CodeInternal, "an event of a history does not encode: %w", err)
		}
		reply.Entries = append(reply.Entries, text)
		if size += len(text); i+1 == limit || size >= pageBytes && i+1 < len(entries) {
			reply.Next = entries[i].Position
			break
		}
	}
	return reply, nil
}

// entityConflicts answers GET …/entities/{entity}/conflicts.
func (s *Server) entityConflicts(x *exchange) error {
	return tellsOf(x, noParameters, func(ctx context.Context, db Entities, _ struct{}) (any, error) {
		list, err := db.Conflicts(ctx, x.path.collection, x.path.entity)
		return &conflictsReply{list}, err
	})
}

// inspectEntity answers GET …/entities/{entity}/inspect. What an event waits for may stand in streams beyond the grant's.
func (s *Server) inspectEntity(x *exchange) error {
	return tellsOf(x, noParameters, func(ctx context.Context, db Entities, _ struct{}) (any, error) {
		reply, err := db.Inspect(ctx, x.path.collection, x.path.entity)
		if err != nil {
			return nil, err
		}
		for i := range reply.Waiting {
			w := &reply.Waiting[i]
			w.For = slices.DeleteFunc(w.For, func(m entity.Missing) bool { return !x.grant.AllowsStream(m.StreamID) })
		}
		return reply, nil
	})
}

// diffEntity answers GET …/entities/{entity}/diff.
func (s *Server) diffEntity(x *exchange) error {
	type between struct{ from, to []string }
	parse := func(values url.Values) (b between, err error) {
		b.from, b.to, err = wire.ParseEntityDiff(values)
		return b, err
	}
	return tellsOf(x, parse, func(ctx context.Context, db Entities, b between) (any, error) {
		list, err := db.Diff(ctx, x.path.collection, x.path.entity, b.from, b.to)
		return &diffReply{list}, err
	})
}

// undoTransaction answers POST …/transactions/{position}/undo.
func (s *Server) undoTransaction(x *exchange) error {
	request, err := decoded(x, wire.DecodeEditContext)
	if err != nil {
		return err
	}
	position, err := strconv.ParseUint(x.path.position, 10, 64)
	if err != nil || position == 0 || position > math.MaxInt64 {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "position", Message: "in the path is no number from 1"}
	}
	job, err := x.job(false, &request.Context)
	if err != nil {
		return err
	}
	return job.takeBack(nacre.Position(position))
}

// undoTransactions answers POST …/transactions/undo.
func (s *Server) undoTransactions(x *exchange) error {
	request, err := decoded(x, wire.DecodeUndo)
	if err != nil {
		return err
	}
	job := &job{x: x, o: x.txOptions(&request.Context), positions: request.Positions}
	if err := job.check(); err != nil {
		return err
	}
	return job.takeBack(request.Positions...)
}

// takeBack undoes the transactions at positions, together.
func (j *job) takeBack(positions ...nacre.Position) error {
	x := j.x
	ctx := context.WithoutCancel(x.r.Context())
	beyond := func(e nacre.Event) bool { return !x.grant.AllowsStream(e.StreamID) }
	for _, at := range positions {
		commit, err := j.db.Transaction(ctx, at)
		if x.grant.Confined() && (err != nil || slices.ContainsFunc(commit.Events, beyond)) {
			// What else stands there is not told.
			return x.grant.CheckUnconfined(fmt.Sprintf("the transaction at position %d", at))
		}
		if err != nil {
			return err
		}
		for i := range commit.Events {
			if err := x.mayReach(commit.Events[i].StreamID, "an undo"); err != nil {
				return err
			}
		}
		j.undo = append(j.undo, commit)
	}
	done, err := j.run(ctx)
	if e, ok := errors.AsType[*nacre.Error](err); ok && e.Field == "commits" {
		told := *e
		told.Field = "positions"
		return &told
	}
	if err != nil {
		return err
	}
	return x.answerTransaction(&done)
}

// answerTransaction answers with what edits came to.
func (x *exchange) answerTransaction(done *outcome) error {
	status := http.StatusOK
	if len(done.Events) > 0 && !done.duplicate {
		status = http.StatusCreated
	}
	return x.answerWith(status, &wire.TransactionReply{Committed: committed(done), IDs: done.IDs})
}

// historyRoutes are those of what was.
func historyRoutes(one string) []*route {
	const read, write = access.ReadEvents, access.WriteEvents
	return []*route{
		at(one+"/history", does("GET", read, (*Server).entityHistory)),
		at(one+"/conflicts", does("GET", read, (*Server).entityConflicts)),
		at(one+"/inspect", does("GET", read, (*Server).inspectEntity)),
		at(one+"/diff", does("GET", read, (*Server).diffEntity)),
		at(storePath+"/transactions/{position}/undo", does("POST", write, (*Server).undoTransaction)),
		at(storePath+"/transactions/undo", does("POST", write, (*Server).undoTransactions)),
	}
}
