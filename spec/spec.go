// Package spec holds the documents that are the contract of this project with other languages. [OpenAPI]
// is the one that programs need: a server serves it, and tests check every reply against it. The others,
// about the log's format, stand beside it and are read by people.
package spec

import _ "embed"

// OpenAPI is openapi.yaml: the routes, parameters, bodies and error codes of the server. It must not be
// changed.
//
//go:embed openapi.yaml
var OpenAPI []byte
