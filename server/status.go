package server

import (
	"net/http"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/spec"
)

// indexReply is what stands at "/".
type indexReply struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Links   map[string]string `json:"links"`
}

// statusReply answers /healthz and /readyz.
type statusReply struct {
	Status string `json:"status"`
}

// index answers GET /.
func (s *Server) index(x *exchange) error {
	return x.answerWith(http.StatusOK, &indexReply{
		Name: "nacre", Version: s.o.Version,
		Links: map[string]string{
			"openapi": "/openapi.yaml", "eventStores": "/event-stores", "default": "/event-stores/" + DefaultStore + "/events",
			"health": "/healthz", "ready": "/readyz", "metrics": "/metrics",
		},
	})
}

// health answers GET /healthz: the process is there.
func (s *Server) health(x *exchange) error {
	return x.answerWith(http.StatusOK, &statusReply{Status: "ok"})
}

// ready answers GET /readyz: requests are taken, and each store that is open can be used.
func (s *Server) ready(x *exchange) error {
	if s.stopping.Load() {
		return errShuttingDown
	}
	var broken []string
	for _, n := range s.shelf.open() {
		if _, err := n.store.Head(x.r.Context()); err != nil || n.broken.Load() != nil {
			broken = append(broken, n.name)
		}
		s.shelf.release(n)
	}
	if len(broken) > 0 {
		return nacre.Errorf(nacre.CodeFailed, "these event stores cannot be used, the server's log says why: %s", strings.Join(broken, ", "))
	}
	return x.answerWith(http.StatusOK, &statusReply{Status: "ready"})
}

// openAPI answers GET /openapi.yaml.
func (s *Server) openAPI(x *exchange) error {
	x.w.Header().Set("Content-Type", "application/yaml")
	return x.send(http.StatusOK, spec.OpenAPI)
}
