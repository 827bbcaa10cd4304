package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/spec"
	"github.com/nacredb/nacre/wire"
)

var document = sync.OnceValues(func() (*openapi3.T, error) {
	for _, kind := range []string{wire.TypeNDJSON, "application/octet-stream", "application/x-tar", typeWasm, "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(kind, func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			text, err := io.ReadAll(body)
			return string(text), err
		})
	}
	return openapi3.NewLoader().LoadFromData(spec.OpenAPI)
})

// documented is a route's path as the document names it.
func documented(r *route) string { return strings.Replace(r.pattern, restName, "{key}", 1) }

// Every route and method is in the document, with its permission, and nothing else is.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, r := range newRoutes() {
		for _, a := range r.actions {
			have[a.method+" "+documented(r)] = permissions(string(a.permission), joined(a.or))
		}
	}
	want := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			permission, _ := operation.Extensions["x-permission"].(string)
			or, _ := operation.Extensions["x-permission-or"].(string)
			want[method+" "+path] = permissions(permission, or)
		}
	}
	for route, permission := range have {
		if told, ok := want[route]; !ok || told != permission {
			t.Errorf("%s has the permission %q, the document says %q (there: %v)", route, permission, told, ok)
		}
	}
	for route := range want {
		if _, ok := have[route]; !ok {
			t.Errorf("the document has %s, the server has not", route)
		}
	}
}

func joined(list []access.Permission) string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}

func permissions(one, or string) string { return strings.TrimSuffix(one+" or "+or, " or ") }

// checking is a client's transport that checks each reply, and each request that was taken, against the document.
type checking struct {
	t     *testing.T
	next  http.RoundTripper
	table *table
}

// RoundTrip implements http.RoundTripper.
func (c *checking) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil && r.Body != http.NoBody {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	reply, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(reply.Body)
	_ = reply.Body.Close()
	reply.Body = io.NopCloser(io.MultiReader(bytes.NewReader(got), failing{err}))
	if err == nil {
		c.check(r, sent, reply, got)
	}
	return reply, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func (c *checking) check(r *http.Request, sent []byte, reply *http.Response, got []byte) {
	doc, err := document()
	if err != nil {
		c.t.Error(err)
		return
	}
	var p params
	route, err := c.table.find(r.URL.EscapedPath(), &p)
	method := r.Method
	if err == nil && route != nil && method == http.MethodHead {
		method = http.MethodGet
	}
	if err != nil || route == nil || route.action(method) == nil {
		c.checkError(doc, reply, got)
		return
	}
	path := documented(route)
	item := doc.Paths.Value(path)
	request := r.Clone(r.Context())
	request.Body = nil
	if sent != nil {
		request.Body = io.NopCloser(bytes.NewReader(sent))
		request.Header.Set("Content-Type", wire.TypeJSON) // whatever it was called
		if route.action(method).method == http.MethodPut && p.collection == "" {
			request.Header.Set("Content-Type", "application/octet-stream")
			if p.key == "" {
				request.Header.Set("Content-Type", typeWasm)
			}
		}
	}
	query := request.URL.Query()
	delete(query, access.ParameterToken)
	delete(query, access.ParameterKey)
	in := &openapi3filter.RequestValidationInput{
		Request: request,
		PathParams: map[string]string{
			"store": p.store, "stream": string(p.stream), "key": p.key, "category": p.category, "clientId": p.client,
			"name": p.runner, "id": p.letter, "eventId": p.event, "type": p.aggregate, "command": p.command, "version": p.version,
			"collection": p.collection, "entity": p.entity, "position": p.position,
		},
		QueryParams: query,
		Route:       &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options:     &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if reply.StatusCode < 400 {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			c.t.Errorf("%s %s was taken, and is not as documented: %v", r.Method, r.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: reply.StatusCode, Header: reply.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: r.Method != http.MethodOptions},
	}
	out.SetBodyBytes(got)
	if r.Method == http.MethodHead || reply.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
		c.t.Errorf("%s %s answered %d, not as documented: %v\n%s", r.Method, r.URL, reply.StatusCode, err, got)
	}
	if reply.Header.Get("Content-Type") == wire.TypeNDJSON {
		c.checkLines(doc, got)
	}
	if reply.StatusCode == http.StatusBadRequest {
		c.checkField(r, got)
	}
	// What a client acts on is told of each route of subscriptions, and is not just some error.
	if strings.Contains(path, "/subscri") && slices.Contains([]int{400, 404, 409}, reply.StatusCode) &&
		in.Route.Operation.Responses.Status(reply.StatusCode) == nil {
		c.t.Errorf("%s %s answers with %d, which the document does not tell", method, path, reply.StatusCode)
	}
}

// checkField wants what is wrong with a request to be named.
func (c *checking) checkField(r *http.Request, got []byte) {
	var body wire.ErrorBody
	if err := wire.Decode(got, &body); err != nil || body.Details == nil || body.Details.Field == "" {
		c.t.Errorf("%s %s is refused without a field: %s", r.Method, r.URL, got)
	}
}

// checkError is for replies that belong to no operation.
func (c *checking) checkError(doc *openapi3.T, reply *http.Response, got []byte) {
	if reply.Request != nil && slices.Contains([]string{http.MethodHead, http.MethodOptions}, reply.Request.Method) {
		return
	}
	c.visit(doc, "Error", got)
}

func (c *checking) checkLines(doc *openapi3.T, got []byte) {
	for line := range bytes.Lines(got) {
		c.visit(doc, "Event", line)
	}
}

func (c *checking) visit(doc *openapi3.T, schema string, text []byte) {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		c.t.Errorf("%q is not JSON: %v", text, err)
		return
	}
	if err := doc.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		c.t.Errorf("%s is not as %s says: %v", text, schema, err)
	}
}
