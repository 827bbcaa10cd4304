package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// Modules are [Aggregates] that are published to a store while it is served.
type Modules interface {
	Aggregates
	List() []wire.ModuleReply
	Module(name string) (wire.ModuleReply, error)
	Versions(name string) ([]wire.ModuleVersionReply, error)
	Binary(ctx context.Context, name string, version int) ([]byte, error)
	// Diff tells what differs between two versions; 0 is the active one for to, and the one that was active before for from.
	Diff(name string, from, to int) (wire.ModuleDiffReply, error)
	Publish(ctx context.Context, name string, binary []byte, actor string, p *wire.PublishParams) (wire.PublishReply, error)
	Pin(ctx context.Context, name string, version int) (wire.ModuleReply, error)
	Unpin(ctx context.Context, name string) (wire.ModuleReply, error)
	// Rollback goes to a version, or to the one that was active before, where it is 0.
	Rollback(ctx context.Context, name string, version int) (wire.ModuleReply, error)
	Retire(ctx context.Context, name string) (wire.ModuleReply, error)
}

// moduleRoutes are those of what is published.
func moduleRoutes() []*route {
	const manage = access.ManageModules
	const all, one = storePath + "/modules", storePath + "/modules/{name}"
	read := func(do handler) *action {
		a := does("GET", access.ReadEvents, do)
		a.or = []access.Permission{manage}
		return a
	}
	return []*route{
		at(all, read((*Server).listModules)),
		at(one, read((*Server).getModule), does("PUT", manage, (*Server).publishModule), does("DELETE", manage, (*Server).retireModule)),
		at(one+"/versions", read((*Server).listModuleVersions)),
		at(one+"/versions/{version}", read((*Server).getModuleBinary)),
		at(one+"/diff", read((*Server).diffModule)),
		at(one+"/pin", does("POST", manage, (*Server).pinModule), does("DELETE", manage, (*Server).unpinModule)),
		at(one+"/rollback", does("POST", manage, (*Server).rollBackModule)),
	}
}

// typeWasm is the media type of a module.
const typeWasm = "application/wasm"

// modules are those of the request's store.
func (x *exchange) modules() (Modules, error) {
	all, err := x.aggregates()
	if err != nil {
		return nil, err
	}
	m, ok := all.(Modules)
	if !ok {
		return nil, nacre.Errorf(nacre.CodeUnsupported, "the aggregates of this server are its own: nothing is published to it")
	}
	return m, nil
}

// looksAt is a handler that answers with what is known of modules.
func looksAt(x *exchange, look func(Modules) (any, error)) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	m, err := x.modules()
	if err != nil {
		return err
	}
	reply, err := look(m)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, reply)
}

// ownModules are those of the request's store, for who may change the one that the path names: a grant that is confined
// to streams changes modules all of whose streams it has.
func (x *exchange) ownModules() (Modules, error) {
	if category := nacre.StreamID(x.path.runner + "-"); !x.grant.AllowsStream(category) {
		return nil, x.grant.CheckUnconfined("a change of the module " + strconv.Quote(x.path.runner))
	}
	return x.modules()
}

// listModules answers GET …/modules.
func (s *Server) listModules(x *exchange) error {
	return looksAt(x, func(m Modules) (any, error) {
		reply := wire.ModulesReply{Modules: m.List()}
		if reply.Modules == nil {
			reply.Modules = []wire.ModuleReply{}
		}
		return &reply, nil
	})
}

// getModule answers GET …/modules/{name}.
func (s *Server) getModule(x *exchange) error {
	return looksAt(x, func(m Modules) (any, error) { return m.Module(x.path.runner) })
}

// listModuleVersions answers GET …/modules/{name}/versions.
func (s *Server) listModuleVersions(x *exchange) error {
	return looksAt(x, func(m Modules) (any, error) {
		list, err := m.Versions(x.path.runner)
		return &wire.ModuleVersionsReply{Versions: list}, err
	})
}

// getModuleBinary answers GET …/modules/{name}/versions/{version}.
func (s *Server) getModuleBinary(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	version, err := strconv.Atoi(x.path.version)
	if err != nil || version < 1 {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "version", Message: "in the path is no number from 1"}
	}
	m, err := x.modules()
	if err != nil {
		return err
	}
	binary, err := m.Binary(x.r.Context(), x.path.runner, version)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", typeWasm)
	return x.send(http.StatusOK, binary)
}

// diffModule answers GET …/modules/{name}/diff.
func (s *Server) diffModule(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	from, to, err := wire.ParseDiff(values)
	if err != nil {
		return err
	}
	m, err := x.modules()
	if err != nil {
		return err
	}
	reply, err := m.Diff(x.path.runner, from, to)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// publishModule answers PUT …/modules/{name}. Once the module has arrived, it does not matter whether the client stays.
func (s *Server) publishModule(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParsePublish(values)
	if err != nil {
		return err
	}
	m, err := x.ownModules()
	if err != nil {
		return err
	}
	var binary []byte
	if err := x.body(&binary, s.o.MaxBlobBytes); err != nil {
		return err
	}
	if len(binary) == 0 {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "body", Message: "is empty: send the module's binary"}
	}
	reply, err := m.Publish(context.WithoutCancel(x.r.Context()), x.path.runner, binary, x.grant.Who(), &p)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if reply.New && !reply.DryRun {
		status = http.StatusCreated
		prefix, _, _ := strings.Cut(x.r.URL.Path, "event-stores")
		x.w.Header().Set("Location", prefix+"event-stores/"+url.PathEscape(x.named.name)+"/modules/"+url.PathEscape(x.path.runner))
	}
	if !reply.DryRun {
		x.noteModule("published", reply.Module.Active)
	}
	return x.answerWith(status, &reply)
}

// noteModule tells the log what somebody did with a module.
func (x *exchange) noteModule(did string, version int) {
	x.s.log.Info("a module was changed", "did", did, "store", x.named.name, "module", x.path.runner, "active", version, "who", x.grant.Who())
}

// changes answers with what a change made of a module.
func (x *exchange) changes(did string, change func(Modules, context.Context) (wire.ModuleReply, error)) error {
	m, err := x.ownModules()
	if err != nil {
		return err
	}
	reply, err := change(m, context.WithoutCancel(x.r.Context()))
	if err != nil {
		return err
	}
	x.noteModule(did, reply.Active)
	return x.answerWith(http.StatusOK, &reply)
}

// retireModule answers DELETE …/modules/{name}.
func (s *Server) retireModule(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	return x.changes("retired", func(m Modules, ctx context.Context) (wire.ModuleReply, error) { return m.Retire(ctx, x.path.runner) })
}

// pinModule answers POST …/modules/{name}/pin.
func (s *Server) pinModule(x *exchange) error {
	request, err := decoded(x, wire.DecodeVersion)
	if err != nil {
		return err
	}
	return x.changes("pinned", func(m Modules, ctx context.Context) (wire.ModuleReply, error) {
		if request.Version == 0 {
			active, err := m.Module(x.path.runner)
			if err != nil {
				return active, err
			}
			if request.Version = active.Active; request.Version == 0 {
				return active, &nacre.Error{Code: nacre.CodeInvalid, Field: "version", Message: "is missing: the module is retired, so say which version to pin"}
			}
		}
		return m.Pin(ctx, x.path.runner, request.Version)
	})
}

// unpinModule answers DELETE …/modules/{name}/pin.
func (s *Server) unpinModule(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	return x.changes("unpinned", func(m Modules, ctx context.Context) (wire.ModuleReply, error) { return m.Unpin(ctx, x.path.runner) })
}

// rollBackModule answers POST …/modules/{name}/rollback.
func (s *Server) rollBackModule(x *exchange) error {
	request, err := decoded(x, wire.DecodeVersion)
	if err != nil {
		return err
	}
	return x.changes("rolled back", func(m Modules, ctx context.Context) (wire.ModuleReply, error) {
		return m.Rollback(ctx, x.path.runner, request.Version)
	})
}
