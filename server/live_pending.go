package server

import "github.com/nacredb/nacre"

func (s *Server) followSSE(*exchange) error {
	return nacre.Errorf(nacre.CodeUnsupported, "this server does not let a log be followed")
}

func (s *Server) followWebSocket(*exchange) error {
	return nacre.Errorf(nacre.CodeUnsupported, "this server does not let a log be followed")
}
