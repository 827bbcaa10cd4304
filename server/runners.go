package server

import (
	"context"
	"net/http"

	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/server/runners"
	"github.com/nacredb/nacre/wire"
)

// handler is what an action does.
type handler = func(*Server, *exchange) error

// runnerRoutes are those of projections, process managers and dead letters. A word stands before the braces that
// would take it.
func runnerRoutes() []*route {
	list := []*route{at(storePath+"/dead-letters", does("GET", access.ReadEvents, whole((*Server).listDeadLetters)))}
	for _, of := range []struct {
		path, kind string
		orders     []string
	}{
		{"/projections", wire.KindProjection, []string{"pause", "resume", "reset", "rebuild"}},
		{"/process-managers", wire.KindProcess, []string{"pause", "resume"}},
	} {
		read := func(path string, do func(x *exchange, kind string) error) {
			handle := whole(func(_ *Server, x *exchange) error { return do(x, of.kind) })
			list = append(list, at(storePath+of.path+path, does("GET", access.ReadEvents, handle)))
		}
		order := func(path, do string) {
			handle := whole(func(_ *Server, x *exchange) error { return x.order(of.kind, do) })
			list = append(list, at(storePath+of.path+path+"/"+do, does("POST", access.ManageSubscriptions, handle)))
		}
		read("", (*exchange).listRunners)
		read("/{name}", (*exchange).getRunner)
		for _, do := range of.orders {
			order("/{name}", do)
		}
		read("/{name}/dead-letters", (*exchange).listRunnerDeadLetters)
		for _, do := range []string{"retry", "discard"} {
			order("/{name}/dead-letters", do)
			order("/{name}/dead-letters/{id}", do)
		}
		read("/{name}/dead-letters/{id}", (*exchange).getDeadLetter)
	}
	return list
}

// whole keeps grants out that are confined to streams: what runners tell of may come from any stream.
func whole(do handler) handler {
	return func(s *Server, x *exchange) error {
		if err := x.grant.CheckUnconfined("the projections, process managers and dead letters of a store"); err != nil {
			return err
		}
		return do(s, x)
	}
}

// listRunners answers GET …/projections and GET …/process-managers.
func (x *exchange) listRunners(kind string) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	list, err := runners.List(ctx, x.store, kind)
	if err != nil {
		return err
	}
	if kind == wire.KindProcess {
		return x.answerWith(http.StatusOK, &wire.ProcessManagersReply{ProcessManagers: list})
	}
	return x.answerWith(http.StatusOK, &wire.ProjectionsReply{Projections: list})
}

// getRunner answers GET …/{name}.
func (x *exchange) getRunner(kind string) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	reply, err := runners.Get(x.r.Context(), x.store, kind, x.path.runner)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// order answers the POSTs that order something of a runner: …/{name}/pause and so on, of its dead letters all or
// one.
func (x *exchange) order(kind, do string) error {
	request, err := decoded(x, wire.DecodeOrder)
	if err != nil {
		return err
	}
	if request.By == "" {
		request.By = x.grant.Who()
	}
	o := runners.Order{Do: do, Letter: x.path.letter, By: request.By}
	reply, err := runners.Give(context.WithoutCancel(x.r.Context()), x.store, kind, x.path.runner, o)
	if err != nil {
		return err
	}
	x.s.log.Info("an order was given", "store", x.named.name, "kind", kind, "name", x.path.runner,
		"do", do, "letter", x.path.letter, "by", request.By, "who", x.grant.Who())
	return x.answerWith(http.StatusAccepted, &reply)
}

// listDeadLetters answers GET …/dead-letters, of all runners.
func (s *Server) listDeadLetters(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseDeadLetters(values)
	if err != nil {
		return err
	}
	return x.answerLetters(&p)
}

// listRunnerDeadLetters answers GET …/{name}/dead-letters.
func (x *exchange) listRunnerDeadLetters(kind string) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseRunnerDeadLetters(values)
	if err != nil {
		return err
	}
	p.Kind, p.Name = kind, x.path.runner
	// Of one that never ran, an empty list would hide that its name is misspelt.
	if _, err := runners.Get(x.r.Context(), x.store, p.Kind, p.Name); err != nil {
		return err
	}
	return x.answerLetters(&p)
}

func (x *exchange) answerLetters(p *wire.DeadLettersParams) error {
	if err := x.mayReadLetters(); err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	reply, err := runners.Letters(ctx, x.store, p, pageBytes)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// mayReadLetters refuses dead letters, which tell of events of any category, where some have policies.
func (x *exchange) mayReadLetters() error {
	return x.named.pastPolicies(x.r.Context(), x.grant, nil, "dead letters")
}

// getDeadLetter answers GET …/{name}/dead-letters/{id}.
func (x *exchange) getDeadLetter(kind string) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	if err := x.mayReadLetters(); err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	reply, err := runners.Letter(ctx, x.store, kind, x.path.runner, x.path.letter)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}
